import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The files with this ending in some folders of the repository, in the order of their names. */
export function filesIn(ending: string, ...folders: readonly string[]): readonly Buffer[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => readFileSync(join(ROOT, folder, name))),
  );
}

/** One file of the repository. */
export function fileAt(path: string): Buffer {
  return readFileSync(join(ROOT, path));
}

/** Values as the JSON texts that a service sends. */
export function jsonTexts(...values: readonly unknown[]): readonly Buffer[] {
  return values.map((value) => Buffer.from(JSON.stringify(value)));
}
