import { constants } from 'node:fs';
import { open, readlink, rename, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../file/safe-file.ts';
import { createLimit } from '../../domain/limit.ts';
import { errorCode, unless } from '../system-error.ts';
import { giveGroup, makeClosedFolder, openFolderTo, type ExportAccess } from './export-access.ts';
import { DATA_LINK, generationName, temporaryName, visibleTarget } from './export-names.ts';
import type { ExportState } from './export-state.ts';
import { LIST_FILE, namesOf, type ExportTree } from './export-tree.ts';

/** The effects of a publication, in their order. */
export const EXPORT_STEPS = [
  'make',
  'write',
  'open',
  'sync-made',
  'link',
  'swap',
  'sync-swap',
  'show-link',
  'show',
  'hide',
  'sync-names',
  'discard',
] as const;
export type ExportStep = (typeof EXPORT_STEPS)[number];

/** What writing needs to know. */
export interface ExportWriter {
  readonly directory: string;
  readonly access: ExportAccess;
  /** Marks what this process makes. */
  readonly mark: string;
  readonly now: () => Date;
  /** Called before every effect; for tests. */
  readonly onStep: (step: ExportStep) => Promise<void>;
}

/** Files that are made at the same time: enough for the disk to sync them together. */
const CONCURRENCY = 16;

/**
 * Writes all files into a folder of their own and lets `..data` point to it, in one rename. Durable when it
 * returns the folder's name. What a failure leaves of it is removed.
 */
export async function writeGeneration(writer: ExportWriter, tree: ExportTree): Promise<string> {
  const name = generationName(writer.mark, writer.now());
  const root = join(writer.directory, name);
  try {
    await makeGeneration(writer, root, tree);
    await placeLink(writer, name, DATA_LINK, ['link', 'swap']);
  } catch (error) {
    await removeUnused(writer.directory, name);
    throw error;
  }
  await writer.onStep('sync-swap');
  await syncFolder(writer.directory);
  return name;
}

/** Makes the visible links be those that the files want. Durable. */
export async function showNames(
  writer: ExportWriter,
  names: readonly string[],
  { links }: Pick<ExportState, 'links'>,
): Promise<boolean> {
  const missing = names.filter((name) => links.get(name) !== visibleTarget(name));
  const gone = [...links.keys()].filter((name) => !names.includes(name));
  if (missing.length === 0 && gone.length === 0) return false;
  for (const name of missing) await placeLink(writer, visibleTarget(name), name, ['show-link', 'show']);
  for (const name of gone) {
    await writer.onStep('hide');
    await unless(['ENOENT'], () => unlink(join(writer.directory, name)));
  }
  await writer.onStep('sync-names');
  await syncFolder(writer.directory);
  return true;
}

/** Removes a generation that nobody reads any more, or a link that never came to its place. */
export async function discard({ directory, onStep }: ExportWriter, name: string): Promise<void> {
  await onStep('discard');
  await rm(join(directory, name), { recursive: true, force: true });
}

async function makeGeneration(writer: ExportWriter, root: string, tree: ExportTree): Promise<void> {
  const { access, onStep } = writer;
  const folders = namesOf(tree)
    .filter((name) => name !== LIST_FILE)
    .map((name) => join(root, name));
  await onStep('make');
  await makeClosedFolder(root);
  for (const folder of folders) await makeClosedFolder(folder);
  const limit = createLimit(CONCURRENCY);
  const writes = await Promise.allSettled(
    [...tree].map(([path, bytes]) =>
      limit(async () => {
        await onStep('write');
        await writeFile(join(root, path), bytes, access);
      }),
    ),
  );
  // Only when all have ended, so that none makes a file behind the back of who clears up.
  for (const write of writes) if (write.status === 'rejected') throw write.reason;
  for (const folder of [...folders, root]) {
    await onStep('open');
    await openFolderTo(folder, access);
    await syncFolder(folder);
  }
  await onStep('sync-made');
  await syncFolder(writer.directory);
}

/** After a failure, which counts more than what it leaves; a swap that took place in spite of it stays. */
async function removeUnused(directory: string, name: string): Promise<void> {
  try {
    if ((await unless(['ENOENT', 'EINVAL'], () => readlink(join(directory, DATA_LINK)))) === name) return;
    await rm(join(directory, name), { recursive: true, force: true });
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

async function writeFile(path: string, bytes: Buffer, access: ExportAccess): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(path, flags, 0o600);
  try {
    await handle.writeFile(bytes);
    await giveGroup(access, (group) => handle.chown(-1, group));
    await handle.chmod(access.fileBits);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts a link where another one may be, without an instant in which there is none. */
async function placeLink(
  { directory, mark, onStep }: ExportWriter,
  target: string,
  name: string,
  [first, second]: readonly [ExportStep, ExportStep],
): Promise<void> {
  const temporary = join(directory, temporaryName(mark));
  await onStep(first);
  await symlink(target, temporary);
  try {
    await onStep(second);
    await rename(temporary, join(directory, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
