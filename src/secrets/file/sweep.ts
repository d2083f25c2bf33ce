import { randomBytes } from 'node:crypto';
import { link, lstat, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SinkError } from '../../domain/errors.ts';
import { moveClaimed } from './atomic-file.ts';
import { claimFile, parseFileName, stagedFile, type ParsedFileName } from './file-names.ts';
import { isInUse, readState, type FileStore } from './file-state.ts';
import { listFolder } from './folder.ts';
import { createDurably, syncFolder } from './safe-file.ts';
import { errorCode, inWords, unless } from '../system-error.ts';
import { isCertainlyGone } from './writer-mark.ts';

const STALE_AFTER_MS = 24 * 60 * 60 * 1000;
/** No entry can be called so. */
const PROBE_NAME = '_probe';

/** A file that a write leaves when it is killed. */
interface Leftover {
  readonly file: string;
  readonly parsed: ParsedFileName & { readonly kind: 'staged' | 'claim' };
  /** Nobody is at work on it any more: its maker has ended, or it is a day old. */
  readonly isAbandoned: boolean;
}

/**
 * Finishes and clears what killed writers left: moves what is committed, removes claims that can never be
 * believed again, and staged files that nobody will claim. Harmless beside writers at work.
 */
export async function sweepFolder(store: FileStore): Promise<void> {
  try {
    for (const [name, leftovers] of await findLeftovers(store)) await sweepName(store, name, leftovers);
  } catch (error) {
    if (error instanceof SinkError) throw error;
    throw new SinkError(`cannot tidy ${store.directory}: ${inWords(error)}`, { cause: error });
  }
}

/** Proves that the folder takes a file, syncs it, links, renames and removes it. */
export async function probeFolder(store: FileStore): Promise<void> {
  const { directory, writer } = store;
  const version = randomBytes(16).toString('hex');
  const [staged, claim, moved] = [
    stagedFile(PROBE_NAME, version, writer),
    claimFile(PROBE_NAME, version),
    stagedFile(PROBE_NAME, randomBytes(16).toString('hex'), writer),
  ].map((file) => join(directory, file)) as [string, string, string];
  let doing = 'write into';
  try {
    await store.onStep?.('stage');
    await createDurably(staged, Buffer.from('probe\n'));
    doing = 'make a hard link in';
    await store.onStep?.('claim');
    await link(staged, claim);
    doing = 'rename in';
    await store.onStep?.('move');
    await rename(staged, moved);
    doing = 'sync';
    await store.onStep?.('sync-move');
    await syncFolder(directory);
  } catch (error) {
    const words = inWords(error);
    const hint =
      doing === 'make a hard link in'
        ? 'the sink needs a file system with hard links (ext4, xfs, btrfs, zfs, apfs)'
        : undefined;
    throw new SinkError(`cannot ${doing} ${directory}: ${words}`, { cause: error, hint });
  } finally {
    for (const path of [claim, staged, moved]) await removeQuietly(path);
  }
}

async function findLeftovers(store: FileStore): Promise<ReadonlyMap<string, readonly Leftover[]>> {
  const found = new Map<string, Leftover[]>();
  for (const file of await listFolder(store.directory)) {
    const parsed = parseFileName(file);
    if (parsed === undefined || parsed.kind === 'visible') continue;
    const isAbandoned = parsed.kind === 'staged' && (await isAbandonedFile(store, file, parsed.writer));
    found.set(parsed.name, [...(found.get(parsed.name) ?? []), { file, parsed, isAbandoned }]);
  }
  return found;
}

/** Asked before the state is read: what a maker that has ended claimed, the state then shows. */
async function isAbandonedFile(store: FileStore, file: string, writer: string): Promise<boolean> {
  if (isCertainlyGone(writer)) return true;
  const stats = await unless(['ENOENT'], () => lstat(join(store.directory, file)));
  return stats !== undefined && Date.now() - stats.mtimeMs > STALE_AFTER_MS;
}

async function sweepName(store: FileStore, name: string, leftovers: readonly Leftover[]): Promise<void> {
  const before = await readState(store, name);
  if (before.claimed.length > 0) {
    await moveClaimed(store, name, before);
    await syncFolder(store.directory);
  }
  const state = await readState(store, name);
  for (const { file, parsed, isAbandoned } of leftovers) {
    // In use: a claim that is believed, or a staged file that is committed.
    if (isInUse(state, parsed.version)) continue;
    if (parsed.kind === 'staged' && !isAbandoned) continue;
    await store.onStep?.('discard');
    await unless(['ENOENT'], () => unlink(join(store.directory, file)));
  }
}

/** What stays of a probe is swept later; the failure that counts is the probe's own. */
async function removeQuietly(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}
