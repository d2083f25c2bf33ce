/**
 * Compare-and-set on a file, between processes, without a lock that could be left behind. Safe against `kill -9`
 * at any instant and against a stall of any length of any process at any point.
 *
 *   <name>.json                       the visible content of some version e; `absent` where there is no file
 *   .<name>.<w>.<writer>.new          a complete, synced content of a new version w; moved at most once
 *   .<name>.<e>.claim                 who succeeds e: a hard link to that file; link(2) is the compare-and-set
 *
 *             stage                    claim                      move                      clear
 *   e ──────────────────▶ e, w.new ──────────────▶ e, w.new, ──────────────▶ w, e.claim ──────────────▶ w
 *     write, sync, sync      │    link(w.new,         e.claim    rename(w.new,   (dead)      unlink(e.claim),
 *     folder                 │    e.claim)               ▲       <name>.json)                sync folder
 *                            │ EEXIST: conflict          └─ COMMITTED, if e is still visible
 *                            ▼
 *                        unlink(w.new)
 *
 * - Current is what the visible version's claim says, if it has one; else the visible content. Readers help
 *   nobody; a writer moves what is claimed and not yet moved before it goes on.
 * - Versions are random and never repeat (a removal writes a tombstone), so once e is not visible it never is
 *   again, and its claim, legitimate or not, will never again be believed. A claim of e is removed only when
 *   e has been seen to be neither visible nor claimed. Hence the first claim made while e is visible stays the
 *   only one as long as e is visible.
 * - A claim made too late (e superseded, its claim cleared, then link succeeds) is found out by looking at the
 *   visible version after the link; nobody else believed it in between.
 * - w.new is moved by rename, by its maker or a helper: of several only one succeeds, so a slow helper cannot
 *   bring w back after its successor. For the same reason a lost w.new is never made anew from its claim: w then
 *   stays current by its claim, and its successor is claimed from w and moved over e.
 * - A writer that finds others past it looks for its version in `follows`, the versions before the visible one.
 *   That its file is gone would be no proof: a sweep takes what is old.
 */
import { randomUUID } from 'node:crypto';
import { link, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, SinkConflictError, SinkError } from '../../domain/errors.ts';
import type { Plain } from '../record-fields.ts';
import type { Version } from '../sink.ts';
import { formatContent, type Content } from './envelope.ts';
import { claimFile, stagedFile, visibleFile } from './file-names.ts';
import {
  currentOf,
  isInUse,
  readBeforeClaim,
  readState,
  readVisible,
  syncNames,
  versionOf,
  type FileState,
  type FileStore,
  type StepName,
} from './file-state.ts';
import { identityOf, isSameFile, readSafely, type FileIdentity } from './safe-file.ts';
import { stageDurably } from './staged-file.ts';
import { errorCode, inWords, unless } from '../system-error.ts';

/** One write on its way: the paths and versions that all its steps share. */
interface Attempt {
  readonly store: FileStore;
  readonly name: string;
  readonly expected: Version;
  readonly content: Content;
  readonly visiblePath: string;
  readonly stagedPath: string;
  readonly claimPath: string;
}

/**
 * Writes `body` as the successor of the version `expected` and returns the new version, which is then durable
 * and read back. `SinkConflictError` when another version is current; `SinkError` for every other failure, which
 * says whether something may have been written. `refuse` may throw for what it finds in place.
 */
export async function writeVersion(
  store: FileStore,
  name: string,
  body: Plain,
  expected: Version,
  refuse: (current: Content | undefined) => void = () => undefined,
): Promise<Version> {
  const state = await readBeforeClaim(store, name, expected);
  const current = currentOf(state);
  refuse(current);
  if (versionOf(current) !== expected) throw conflict(store, name);
  const version = randomUUID().replaceAll('-', '');
  const { writer, directory } = store;
  const attempt: Attempt = {
    store,
    name,
    expected,
    content: formatContent({ version, writer, follows: [expected, ...(current?.follows ?? [])] }, body),
    visiblePath: join(directory, visibleFile(name)),
    stagedPath: join(directory, stagedFile(name, version, writer)),
    claimPath: join(directory, claimFile(name, expected)),
  };
  await stageAndClaim(attempt, state);
  await confirm(attempt);
  await publish(attempt);
  return version;
}

/**
 * Moves what is claimed and not yet moved into the visible place. Afterwards no claimed content of `state` has a
 * file that could still be moved, whoever moved it.
 */
export async function moveClaimed(store: FileStore, name: string, state: FileState): Promise<void> {
  for (const { version, writer } of state.claimed) {
    await store.onStep?.('move');
    const staged = join(store.directory, stagedFile(name, version, writer));
    await unless(['ENOENT'], () => rename(staged, join(store.directory, visibleFile(name))));
  }
}

/** Everything up to the commit; whatever fails here, nothing was written. */
async function stageAndClaim(attempt: Attempt, state: FileState): Promise<void> {
  const { store, name, content, stagedPath, visiblePath } = attempt;
  try {
    await moveClaimed(store, name, state);
    await store.onStep?.('stage');
    const staged = await stageDurably(stagedPath, content.bytes, async () => {
      await store.onStep?.('sync-stage');
    });
    await store.onStep?.('sync-staged-name');
    await syncNames(store);
    if (await claim(attempt, staged)) return;
  } catch (error) {
    const words = inWords(error);
    await discard(store, stagedPath);
    throw new SinkError(`cannot write ${visiblePath}: ${words}; nothing was written`, { cause: error });
  }
  await discard(store, stagedPath);
  throw conflict(store, name);
}

/** Links the claim; false when another has it. */
async function claim(attempt: Attempt, staged: FileIdentity): Promise<boolean> {
  const { store, stagedPath, claimPath } = attempt;
  try {
    await store.onStep?.('claim');
    await link(stagedPath, claimPath);
    return true;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    // A network file system can report a failure for a link that it made: what counts is what is there.
    if (hasClaim(attempt, staged)) return true;
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function hasClaim(attempt: Attempt, staged: FileIdentity): boolean {
  try {
    return isSameFile(identityOf(attempt.claimPath), staged);
  } catch (error) {
    throw uncertain(attempt, inWords(error), error);
  }
}

/**
 * Whether the claim was in time. After this it is committed; or withdrawn, and the conflict thrown. Where `expected` is
 * visible still, it was so when it was claimed.
 */
async function confirm(attempt: Attempt): Promise<void> {
  const { store, name, expected, stagedPath, claimPath } = attempt;
  if (versionOf(await lookAfterwards(attempt, readVisible)) === expected) {
    const claimed = await lookAfterwards(attempt, () => readSafely(claimPath));
    if (claimed?.version === attempt.content.version) return;
  }
  const { state, verdict } = await settle(attempt);
  if (verdict === 'committed') return;
  if (verdict === 'unknown')
    throw uncertain(attempt, 'others wrote too much meanwhile to see what became of it');
  // Never while `expected` leads to what is current: its claim, whosever it is, is then the truth.
  if (!isInUse(state, expected)) await discard(store, claimPath);
  await discard(store, stagedPath);
  throw conflict(store, name);
}

/** Moves the committed content into the visible place, makes that durable, and reads it back. */
async function publish(attempt: Attempt): Promise<void> {
  const { store, visiblePath, stagedPath } = attempt;
  const wasMoved = await attemptTo(store, 'move', () => rename(stagedPath, visiblePath));
  // Not moved by us: by a helper, which is as good, or by nobody, and then the claim is all that says so.
  if (wasMoved || !isInUse(await lookAfterwards(attempt, readState), attempt.expected)) {
    await attemptTo(store, 'clear', () => unlink(attempt.claimPath));
  }
  try {
    await store.onStep?.('sync-move');
    await syncNames(store);
  } catch (error) {
    throw uncertain(attempt, inWords(error), error);
  }
  await readBack(attempt);
  await store.onStep?.('done');
}

/** What is visible is mostly the content itself; else others have gone on from it, or it is not what was written. */
async function readBack(attempt: Attempt): Promise<void> {
  const isContent = (found: Content | undefined): boolean =>
    found?.bytes.equals(attempt.content.bytes) === true;
  if (isContent(await lookAfterwards(attempt, readVisible))) return;
  const { state, verdict } = await settle(attempt);
  const current = currentOf(state);
  const isOurs = current?.version === attempt.content.version;
  if (verdict !== 'committed' || (isOurs && !isContent(current))) {
    throw uncertain(attempt, 'it reads back as something else');
  }
}

/**
 * What became of a claimed version. `committed`: it is current, or was and has been succeeded · `lost`: another
 * one succeeded `expected`, or none did and ours was not taken · `unknown`: too many versions have passed.
 */
async function settle(
  attempt: Attempt,
): Promise<{ state: FileState; verdict: 'committed' | 'lost' | 'unknown' }> {
  const { content, expected } = attempt;
  const state = await lookAfterwards(attempt, readState);
  const past = [state.visible, ...state.claimed].flatMap((item) =>
    item ? [item.version, ...item.follows] : [],
  );
  if (past.includes(content.version)) return { state, verdict: 'committed' };
  if (past.includes(expected) || isInUse(state, expected)) return { state, verdict: 'lost' };
  // Where the file still is, nobody moved it, and nobody will: `expected` is not visible any more.
  const isStaged = identityOf(attempt.stagedPath) !== undefined;
  return { state, verdict: isStaged ? 'lost' : 'unknown' };
}

/** Looks with `read` once something may have been written. */
async function lookAfterwards<T>(
  attempt: Attempt,
  read: (store: FileStore, name: string) => T | Promise<T>,
): Promise<T> {
  try {
    return await read(attempt.store, attempt.name);
  } catch (error) {
    throw uncertain(attempt, error instanceof AppError ? error.message : inWords(error), error);
  }
}

/** True when it was done; false for any failure that the system reports: the caller looks at what is there. */
async function attemptTo(store: FileStore, step: StepName, operation: () => Promise<void>): Promise<boolean> {
  try {
    await store.onStep?.(step);
    await operation();
    return true;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

/** Removes a file that means nothing to anybody; one that cannot be removed is left to the sweep. */
async function discard(store: FileStore, path: string): Promise<void> {
  await attemptTo(store, 'discard', () => unlink(path));
}

function conflict(store: FileStore, name: string): SinkConflictError {
  const path = join(store.directory, visibleFile(name));
  return new SinkConflictError(`cannot write ${path}: another process changed it first; nothing was written`);
}

function uncertain(attempt: Attempt, words: string, cause?: unknown): SinkError {
  return new SinkError(`cannot write ${attempt.visiblePath}: ${words}; it may have been written`, { cause });
}
