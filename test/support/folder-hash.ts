import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Every path below the folder with its mode, times and content's hash: equal when nothing was touched. */
export async function hashFolder(folder: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const path of ['.', ...(await readdir(folder, { recursive: true }))].sort()) {
    const full = join(folder, path);
    const stats = await lstat(full);
    const content = stats.isFile()
      ? createHash('sha256')
          .update(await readFile(full))
          .digest('hex')
      : '';
    found[path] = [stats.mode, stats.ino, stats.mtimeMs, stats.ctimeMs, content].join(' ');
  }
  return found;
}
