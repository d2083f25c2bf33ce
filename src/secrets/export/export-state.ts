import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { unless } from '../system-error.ts';
import { isFileSound, isFolderSound, type ExportAccess } from './export-access.ts';
import { DATA_LINK, parseExportName } from './export-names.ts';
import { LIST_FILE, type ExportTree } from './export-tree.ts';

/** What stands in the export's folder. */
export interface ExportState {
  /** What `..data` points to, if that is a generation of ours. */
  readonly current: string | undefined;
  /** Its files. */
  readonly tree: ExportTree;
  /** Whether everything in it is a file or folder with the bits and the group that it should have. */
  readonly isSound: boolean;
  /** Links beside `..data` that go through it, with their targets. */
  readonly links: ReadonlyMap<string, string>;
  /** What other than the current one we, or others of us, made and did not clear; with its maker's mark. */
  readonly leftovers: ReadonlyMap<string, string>;
  /** What is not ours. */
  readonly foreign: readonly string[];
}

/** Reads the folder, which must exist. Changes nothing. */
export async function readExport(directory: string, access: ExportAccess): Promise<ExportState> {
  const links = new Map<string, string>();
  const leftovers = new Map<string, string>();
  const foreign: string[] = [];
  const current = await currentGeneration(directory);
  for (const name of (await readdir(directory)).sort()) {
    const parsed = parseExportName(name);
    if (parsed.kind === 'ignore') continue;
    if (parsed.kind === 'generation' || parsed.kind === 'temporary') {
      if (name !== current) leftovers.set(name, parsed.maker);
      continue;
    }
    const target = await linkTarget(join(directory, name));
    if (target === undefined) foreign.push(name);
    else if (parsed.kind === 'other' && target.startsWith(`${DATA_LINK}/`)) links.set(name, target);
    else if (parsed.kind === 'other') foreign.push(name);
  }
  const generation =
    current === undefined
      ? { tree: new Map<string, Buffer>(), isSound: false }
      : await readGeneration(join(directory, current), access);
  return { ...generation, current, links, leftovers, foreign };
}

async function currentGeneration(directory: string): Promise<string | undefined> {
  const target = await linkTarget(join(directory, DATA_LINK));
  return target !== undefined && parseExportName(target).kind === 'generation' ? target : undefined;
}

async function linkTarget(path: string): Promise<string | undefined> {
  return unless(['EINVAL', 'ENOENT'], () => readlink(path));
}

/** Files with other bits or another group are read all the same: they may have to be kept. */
async function readGeneration(
  root: string,
  access: ExportAccess,
): Promise<Pick<ExportState, 'tree' | 'isSound'>> {
  const tree = new Map<string, Buffer>();
  let isSound = true;
  async function filesIn(folder: string): Promise<readonly string[]> {
    const path = join(root, folder);
    const stats = await unless(['ENOENT'], () => lstat(path));
    if (!stats || !isFolderSound(stats, access)) isSound = false;
    if (!stats?.isDirectory()) return [];
    return ((await unless(['ENOENT'], () => readdir(path))) ?? []).map((file) => join(folder, file));
  }
  async function take(path: string): Promise<void> {
    // It may go meanwhile, if another process swaps and discards.
    const stats = await unless(['ENOENT'], () => lstat(join(root, path)));
    if (!stats || !isFileSound(stats, access)) isSound = false;
    const bytes = stats?.isFile() ? await unless(['ENOENT'], () => readFile(join(root, path))) : undefined;
    if (bytes === undefined) isSound = false;
    else tree.set(path, bytes);
  }
  for (const path of await filesIn('')) {
    if (path === LIST_FILE) await take(path);
    else for (const file of await filesIn(path)) await take(file);
  }
  return { tree, isSound };
}
