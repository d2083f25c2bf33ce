import { createHash } from 'node:crypto';
import { readOptionalConfigFile } from '../config/read-config-file.ts';
import { ConfigError } from '../domain/errors.ts';
import type { Clock } from '../reconcile/context.ts';
import { createFolderWatchers, type OpenWatcher } from './folder-watchers.ts';
import { foldersOnTheWay } from './folders-on-the-way.ts';

/** A change is looked at when nothing has happened for so long … */
const QUIET_MS = 200;
/** … or so long after the first event, whatever goes on. */
const LATEST_MS = 1_000;

export interface FollowOptions {
  /**
   * The file differs from what it was when it was last looked at: in content, in the commit that its folder's
   * link names, or in whether (and why not) it can be read. It only means "look again".
   */
  readonly onChange: () => void;
  /** A folder cannot be watched; told once, and polling finds the changes. */
  readonly onProblem: (message: string) => void;
  /** How often the content is read whatever the watchers say, because they miss swaps. */
  readonly pollMs: number;
  /** False: polling alone, as for network file systems, which tell nothing. */
  readonly watches: boolean;
  /** Polling sleeps by it. */
  readonly clock: Clock;
  readonly openWatcher?: OpenWatcher;
}

export interface FollowedFile {
  /** After it, nothing is told and nothing is open. May be called again. */
  close(): Promise<void>;
}

/**
 * Follows a file however it is delivered: edited, renamed over, swapped by a link on its way, gone and back.
 * Resolves when the watchers are ready and the file has been looked at: what is loaded after that misses nothing.
 *
 *   event on the way ─ quiet 200 ms, at most 1 s ─┐
 *                                                 ├─▶ look: watch the folders now on the way, hash ─ differs ─▶ onChange
 *   every pollMs ─────────────────────────────────┘         └─ a new watcher is ready: an event
 */
export async function followFile(path: string, options: FollowOptions): Promise<FollowedFile> {
  const { onChange, onProblem, pollMs, clock, openWatcher } = options;
  const end = new AbortController();
  const soon = createDebounce(() => void look());
  const watchers = createFolderWatchers({ onEvent: soon.ask, onProblem, openWatcher });
  let looking = Promise.resolve();
  let known: string | undefined;

  async function lookOnce(): Promise<void> {
    if (end.signal.aborted) return;
    // Before reading: what changes after the read is an event then.
    if (options.watches) watchers.watch(await foldersOnTheWay(path));
    if (known === undefined) await watchers.ready();
    const found = await fingerprintOf(path);
    const isChanged = known !== undefined && found !== known;
    known = found;
    // Asked again, because it may have been closed meanwhile.
    if (isChanged && !hasEnded()) onChange();
  }

  function hasEnded(): boolean {
    return end.signal.aborted;
  }

  function look(): Promise<void> {
    looking = looking.then(lookOnce);
    return looking;
  }

  async function poll(): Promise<void> {
    while (!hasEnded()) {
      await clock.sleep(pollMs, end.signal);
      await look();
    }
  }

  await look();
  const polling = poll();

  return {
    async close() {
      end.abort();
      soon.close();
      await polling;
      await watchers.close();
    },
  };
}

/** Equal for equal content of equal origin; a file that cannot be read has the reason instead. */
async function fingerprintOf(path: string): Promise<string> {
  try {
    const file = await readOptionalConfigFile(path);
    if (file === null) return 'missing';
    return `${file.revision ?? ''} ${createHash('sha256').update(file.bytes).digest('hex')}`;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/** Runs `work` once after a burst of asking. */
function createDebounce(work: () => void): { readonly ask: () => void; readonly close: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let firstAt = 0;
  let isClosed = false;
  return {
    ask() {
      if (isClosed) return;
      const now = performance.now();
      if (timer === undefined) firstAt = now;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          timer = undefined;
          work();
        },
        Math.min(QUIET_MS, Math.max(0, firstAt + LATEST_MS - now)),
      );
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
