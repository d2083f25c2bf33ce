import { isAbsolute, relative } from 'node:path';

/** Whether a path is the folder itself or below it; both absolute, links not looked at. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}
