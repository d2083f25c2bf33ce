import { readFile, stat } from 'node:fs/promises';
import { ConfigError, SinkError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import { inWords } from '../system-error.ts';

const LARGEST_FILE = 65_536;

/**
 * The token of the environment. `BAO_TOKEN` wins wherever it is set, even empty, as in OpenBao's own clients.
 * Fails with `ConfigError` where there is none.
 */
export function environmentToken(env: NodeJS.ProcessEnv): Secret {
  const name = env['BAO_TOKEN'] === undefined ? 'VAULT_TOKEN' : 'BAO_TOKEN';
  const token = env[name]?.trim() ?? '';
  const hint = 'set VAULT_TOKEN, or secrets.vault.auth in the settings';
  if (token === '') {
    const state = env[name] === undefined ? 'none is set' : `${name} is empty`;
    throw new ConfigError(`cannot find the Vault token: ${state}`, [], hint);
  }
  if (!isCredential(token)) {
    throw new ConfigError(
      `cannot use the Vault token in ${name}: it contains a blank or a control character`,
      [],
      hint,
    );
  }
  return new Secret(token);
}

/** A credential in a file, which others rotate: read anew at every call. `what` completes "cannot read the …". */
export async function fileCredential(path: string, what: string): Promise<Secret> {
  const object = `the ${what} in ${JSON.stringify(path)}`;
  let text: string;
  try {
    // Before reading: a device or a wrong file would fill the memory.
    if ((await stat(path)).size > LARGEST_FILE)
      throw new SinkError(`cannot use ${object}: the file is too large`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof SinkError) throw error;
    throw new SinkError(`cannot read ${object}: ${inWords(error)}`);
  }
  const value = text.trim();
  if (value === '') throw new SinkError(`cannot use ${object}: it is empty`);
  if (!isCredential(value)) {
    throw new SinkError(`cannot use ${object}: it contains a blank or a control character`);
  }
  return new Secret(value);
}

/** Tells when the file has been written or swapped; undefined where it cannot be seen at the moment. */
export async function fileStamp(path: string): Promise<string | undefined> {
  try {
    // The inode too: a mounted secret is swapped by a link, and times may be equal.
    const { ino, size, mtimeMs } = await stat(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    inWords(error);
    return undefined;
  }
}

/** What can stand in a header. The form of a token differs between servers, so no more than this is asked. */
function isCredential(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}
