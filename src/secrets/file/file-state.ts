import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { coalesce } from '../../domain/coalesce.ts';
import { SinkError } from '../../domain/errors.ts';
import { ABSENT, type Version } from '../sink.ts';
import type { Content } from './envelope.ts';
import { claimFile, visibleFile } from './file-names.ts';
import { unless } from '../system-error.ts';
import { identityOf, isSameFile, openSafely, readSafely, syncFolder } from './safe-file.ts';

/**
 * Everything that the protocol of atomic-file.ts does to the folder, in the order of a write. A hook is called
 * immediately before each; so a process that ends in the hook has done all before it and nothing after.
 */
export const STEPS = [
  'read-visible',
  'read-claim',
  'recheck-visible',
  'stage',
  'sync-stage',
  'sync-staged-name',
  'claim',
  'move',
  'clear',
  'sync-move',
  'discard',
  'done',
] as const;
export type StepName = (typeof STEPS)[number];
export type StepHook = (step: StepName) => Promise<void>;

/** A folder of versioned files, and who writes there. The hook is for tests. */
export interface FileStore {
  readonly directory: string;
  /** This process, by `ownMark()`. */
  readonly writer: string;
  readonly onStep?: StepHook;
}

/** What stands under a name at one instant. */
export interface FileState {
  /** The content of the visible file; undefined where there is none. */
  readonly visible: Content | undefined;
  /** Claimed successors of the visible one that have not been moved into its place: mostly none, then one. */
  readonly claimed: readonly Content[];
}

/** More rounds than any number of competing writers causes; then something else is wrong. */
const MAX_ROUNDS = 1000;

/**
 * Reads the state of a name as it was at one instant between call and return; writes nothing.
 * The visible file is held open while its claim is looked up: if its name still leads to the same file then,
 * the visible version cannot have been superseded in between, and what was found is the truth of that instant.
 */
export async function readState(store: FileStore, name: string): Promise<FileState> {
  const path = join(store.directory, visibleFile(name));
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    await store.onStep?.('read-visible');
    const held = openSafely(path);
    try {
      const visible = held?.content;
      const claimed = await readClaims(store, name, versionOf(visible));
      await store.onStep?.('recheck-visible');
      if (isSameFile(identityOf(path), held?.identity)) return { visible, claimed };
    } finally {
      held?.close();
    }
  }
  throw new SinkError(`cannot read ${path}: it does not stop changing`);
}

/**
 * Reads what stands under a name of which a listing, made before, shows no claim: the same with one file to open. What
 * is visible now was current at some instant since that listing was begun. Its own claim, if there is one by now, was
 * made after it (before, it would have been listed, since it is cleared only when this version is visible no more); and
 * what is visible has been claimed already.
 */
export function readListed(store: FileStore, name: string): Promise<Content | undefined> {
  return readVisible(store, name);
}

/**
 * The state of a name for who is about to claim the successor of `expected`. Where that version is visible, its claim is
 * not looked for: if there is one, link(2) finds it.
 */
export async function readBeforeClaim(store: FileStore, name: string, expected: Version): Promise<FileState> {
  const visible = await readVisible(store, name);
  return versionOf(visible) === expected ? { visible, claimed: [] } : readState(store, name);
}

/** The visible content at some instant between call and return, whatever is claimed. */
export async function readVisible(store: FileStore, name: string): Promise<Content | undefined> {
  await store.onStep?.('read-visible');
  return readSafely(join(store.directory, visibleFile(name)));
}

/**
 * Not synchronous: while a file is moved, the system holds the folder, and who looks for what is not there has to wait.
 */
async function isThere(path: string): Promise<boolean> {
  return (await unless(['ENOENT'], () => lstat(path))) !== undefined;
}

/** The content that counts: the last claimed one, else the visible one. */
export function currentOf(state: FileState): Content | undefined {
  return state.claimed.at(-1) ?? state.visible;
}

/** The version of a content; no content is `absent`. */
export function versionOf(content: Content | undefined): Version {
  return content?.version ?? ABSENT;
}

/** Whether a version is the visible one or a claimed one: then its claim is believed, and must stay. */
export function isInUse(state: FileState, version: Version): boolean {
  return versionOf(state.visible) === version || state.claimed.some((content) => content.version === version);
}

const syncs = new WeakMap<FileStore, () => Promise<void>>();

/** Makes the names in the folder durable; writes that ask for it while it is being done share the next time. */
export function syncNames(store: FileStore): Promise<void> {
  const sync = syncs.get(store) ?? coalesce(() => syncFolder(store.directory));
  syncs.set(store, sync);
  return sync();
}

async function readClaims(store: FileStore, name: string, first: Version): Promise<readonly Content[]> {
  const contents: Content[] = [];
  for (let version = first; ;) {
    const path = join(store.directory, claimFile(name, version));
    await store.onStep?.('read-claim');
    const content = (await isThere(path)) ? readSafely(path) : undefined;
    if (content === undefined) return contents;
    if (content.version === first || contents.some((other) => other.version === content.version)) {
      throw new SinkError(`cannot read ${path}: it repeats a version, so it was not made by this program`);
    }
    contents.push(content);
    version = content.version;
  }
}
