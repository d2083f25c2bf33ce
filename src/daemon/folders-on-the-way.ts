import type { BigIntStats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, parse, resolve, sep } from 'node:path';

/** As many as Linux follows, and as reading the file does. */
const MAX_LINKS = 40;

/** A folder in which a change may make a path lead to another content. */
export interface FolderOnTheWay {
  /** Absolute, without links. */
  readonly path: string;
  /** Another folder that comes to stand at the same path has another one. */
  readonly identity: string;
  /** The names in it that matter: links, the file, or the first one that is missing. */
  readonly names: ReadonlySet<string>;
}

/**
 * The parent folders of a file and of each link on its way, in the order of the way. Where the way ends early
 * (a name is missing, cannot be looked at, or is no folder), the last one is the nearest folder that exists.
 * Follows links itself, so that a swap in the middle of it is at worst a way that is out of date.
 */
export async function foldersOnTheWay(path: string): Promise<readonly FolderOnTheWay[]> {
  const folders = new Map<string, FolderOnTheWay & { readonly names: Set<string> }>();
  const absolute = resolve(path);
  let here = await folderAt(parse(absolute).root);
  let rest = partsOf(absolute);
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '.') continue;
    if (part === '..') {
      here = await folderAt(dirname(here.path));
      continue;
    }
    const next = join(here.path, part);
    const status = await ifReachable(() => lstat(next, { bigint: true }));
    if (status?.isDirectory() === true && rest.length > 0) {
      here = { path: next, identity: identityOf(status) };
      continue;
    }
    const folder = folders.get(here.path) ?? { ...here, names: new Set() };
    folder.names.add(part);
    folders.set(here.path, folder);
    if (status?.isSymbolicLink() !== true) break;
    links += 1;
    const target = links > MAX_LINKS ? undefined : await ifReachable(() => readlink(next));
    if (target === undefined) break;
    if (isAbsolute(target)) here = await folderAt(parse(target).root);
    rest = [...partsOf(target), ...rest];
  }
  return [...folders.values()];
}

function partsOf(path: string): string[] {
  return path.slice(parse(path).root.length).split(sep).filter(Boolean);
}

async function folderAt(path: string): Promise<{ path: string; identity: string }> {
  const status = await ifReachable(() => lstat(path, { bigint: true }));
  return { path, identity: status === undefined ? '' : identityOf(status) };
}

/** With the time of birth, because ext4 gives the number of a removed folder to the next one. */
function identityOf(status: BigIntStats): string {
  return `${status.dev.toString()}:${status.ino.toString()}:${status.birthtimeNs.toString()}`;
}

/** Undefined where the system refuses, for whatever reason: the way ends there. */
async function ifReachable<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  }
}
