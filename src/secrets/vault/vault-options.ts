import { readFileSync } from 'node:fs';
import { ConfigError } from '../../domain/errors.ts';
import type { TlsOptions } from '../../http/connections.ts';
import { errorCode } from '../file/system-error.ts';

/** How a token is come by. A `namespace` of null is that of the secrets. */
export type VaultAuth =
  | {
      readonly method: 'token';
      /** Null: `BAO_TOKEN`, else `VAULT_TOKEN`, of the environment. */
      readonly token_file: string | null;
    }
  | {
      readonly method: 'approle';
      readonly mount: string;
      readonly role_id: string;
      readonly secret_id_file: string;
      readonly namespace: string | null;
    }
  | {
      readonly method: 'kubernetes';
      readonly mount: string;
      readonly role: string;
      readonly token_file: string;
      readonly namespace: string | null;
    }
  | {
      readonly method: 'jwt';
      readonly mount: string;
      /** Null: the mount's default role. */
      readonly role: string | null;
      readonly token_file: string;
      readonly namespace: string | null;
    };

/** Where the records are kept in Vault or OpenBao, and how to get there. */
export interface VaultOptions {
  /** Without a trailing slash. */
  readonly address: string;
  /** Of a KV engine, version 2. */
  readonly mount: string;
  /** Below the mount; every record is one secret right below it. */
  readonly path: string;
  readonly namespace: string | null;
  readonly auth: VaultAuth;
  /** Files with PEM texts. */
  readonly tls: {
    /** Replaces the system's authorities. */
    readonly ca_file: string | null;
    readonly cert_file: string | null;
    readonly key_file: string | null;
    readonly server_name: string | null;
  };
  /** For one attempt, in ms. */
  readonly timeout: number;
  /** Requests at a time. */
  readonly concurrency: number;
}

/** Reads the files that `tls` names, once. Fails with `ConfigError` where one cannot be read. */
export function loadTls({ ca_file, cert_file, key_file, server_name }: VaultOptions['tls']): TlsOptions {
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
