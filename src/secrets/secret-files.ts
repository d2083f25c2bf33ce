/**
 * One file for each secret, as `adopt --secret-dir` reads them: `<directory>/<name>`, mode 0600, new ones only.
 *
 *   .<name>.<random>.new   written and synced, then linked to its name: link(2) takes no name that is taken, and a
 *   <name>                 crash leaves no half of a secret under it
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { RefusedError, SinkError } from '../domain/errors.ts';
import type { Secret } from '../domain/secret.ts';
import { requireEntryName } from './entry-name.ts';
import { createDurably, syncFolder } from './file/safe-file.ts';
import { errorCode, inWords, unless } from './system-error.ts';

/**
 * Writes every secret durably into its own file; the folder is made (0700) where it is missing, its parent is not.
 * A file that holds the very secret already is as good: an earlier run wrote it. Any other file in the way refuses
 * all of them (`RefusedError`) before one is written. Fails with `SinkError`.
 */
export async function keepSecretFiles(
  directory: string,
  secrets: ReadonlyMap<string, Secret>,
): Promise<void> {
  try {
    await unless(['EEXIST'], () => mkdir(directory, { mode: 0o700 }));
    const missing: (readonly [string, Secret])[] = [];
    for (const [name, secret] of secrets) {
      requireEntryName(name);
      if (!(await isKept(join(directory, name), secret))) missing.push([name, secret]);
    }
    for (const [name, secret] of missing) await keep(directory, name, secret);
    await syncFolder(directory);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    throw new SinkError(`cannot write secrets into ${directory}: ${inWords(error)}`, { cause: error });
  }
}

async function isKept(path: string, secret: Secret): Promise<boolean> {
  const text = await unless(['ENOENT'], () => readFile(path, 'utf8'));
  if (text === undefined) return false;
  if (text.trim() === secret.reveal()) return true;
  throw taken(path);
}

async function keep(directory: string, name: string, secret: Secret): Promise<void> {
  const path = join(directory, name);
  const staged = join(directory, `.${name}.${randomBytes(8).toString('hex')}.new`);
  await createDurably(staged, Buffer.from(`${secret.reveal()}\n`));
  try {
    await link(staged, path);
  } catch (error) {
    throw errorCode(error) === 'EEXIST' ? taken(path) : error;
  } finally {
    await unlink(staged);
  }
}

function taken(path: string): RefusedError {
  return new RefusedError(`cannot write ${path}: a file with another content is there`, {
    hint: 'name another folder, or move that file away',
  });
}
