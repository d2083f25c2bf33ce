/** What the programs in this folder share: finding a program, and saying that there is no server to be had. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The exit code that says: there is no server here, and that is no fault of what was to be tested. */
export const NO_SERVER = 75;

export class NoServerError extends Error {}

/** Ends this process with what the error means: NO_SERVER or 1, and one line on stderr. */
export function fail(error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error instanceof NoServerError ? NO_SERVER : 1;
}

/** Resolves to the first of the names that is on the PATH, names first; null where none is. */
export async function findProgram(names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (await isProgram(path)) return path;
    }
  }
  return null;
}

/** Whether there is a file that may be executed. */
export async function isProgram(path) {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(error.code)) return false;
    throw error;
  }
}
