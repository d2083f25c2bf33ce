import { quote } from './quote.ts';
import type { Words } from './words.ts';

/** An address to listen on: `127.0.0.1:9653`, `[::1]:9653`, `localhost:0`; undefined for anything else. */
export function parseListen(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, six, other, digits] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = six ?? other;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (six !== undefined && !URL.canParse(`http://[${six}]`)))
    return undefined;
  return { host, port };
}

/** Why one cannot listen on `text`; undefined where one can. */
export function checkListen(name: string, text: string): Words | undefined {
  if (parseListen(text) !== undefined) return undefined;
  const onLoopback = `127.0.0.1:${text.replace(/^:/, '')}`;
  return {
    message: `\`${name}\` must be a host and a port, such as \`127.0.0.1:9653\` or \`[::1]:9653\`, and is ${quote(text)}`,
    ...(parseListen(onLoopback) && { suggestion: onLoopback }),
  };
}
