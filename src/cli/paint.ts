import pc from 'picocolors';
import { plain, type Paint } from '../plan/words.ts';
import type { Io, Output } from './io.ts';

/** Colours on a terminal, plain elsewhere; `NO_COLOR` and `FORCE_COLOR` are honoured, the former first. */
export function paintFor(output: Output, { env }: Io): Paint {
  if (isSet(env['NO_COLOR'])) return plain;
  const isWanted = isSet(env['FORCE_COLOR'])
    ? env['FORCE_COLOR'] !== '0'
    : output.isTTY === true && env['TERM'] !== 'dumb';
  return isWanted ? pc.createColors(true) : plain;
}

/** Whether symbols beyond ASCII can be shown: a pipe takes them, a terminal if its locale is UTF-8. */
export function hasSymbols(output: Output, { env }: Io): boolean {
  if (output.isTTY !== true) return true;
  const locale = env['LC_ALL'] ?? env['LC_CTYPE'] ?? env['LANG'] ?? '';
  return /utf-?8/i.test(locale);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
