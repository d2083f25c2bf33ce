import { readFileSync } from 'node:fs';
import { ConfigError } from '../../domain/errors.ts';
import type { VaultSettings } from '../../domain/settings.ts';
import type { TlsOptions } from '../../http/connections.ts';
import { errorCode } from '../system-error.ts';

/** Reads the files that `tls` names, once. Fails with `ConfigError` where one cannot be read. */
export function loadTls({ ca_file, cert_file, key_file, server_name }: VaultSettings['tls']): TlsOptions {
  return {
    ...(ca_file !== null && { ca: pem(ca_file, 'ca_file') }),
    ...(cert_file !== null && { cert: pem(cert_file, 'cert_file') }),
    ...(key_file !== null && { key: pem(key_file, 'key_file') }),
    ...(server_name !== null && { servername: server_name }),
  };
}

function pem(path: string, setting: string): string {
  const object = `secrets.vault.tls.${setting} "${path}"`;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new ConfigError(`cannot read ${object}: ${code}`);
  }
  if (!text.includes('-----BEGIN ')) throw new ConfigError(`cannot use ${object}: it is not a PEM file`);
  return text;
}
