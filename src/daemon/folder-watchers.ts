import { basename, resolve } from 'node:path';
import { watch as openChokidar, type FSWatcher } from 'chokidar';
import type { FolderOnTheWay } from './folders-on-the-way.ts';

/** How long a start waits for a watcher: where a folder becomes a file meanwhile, chokidar never says that it is ready. */
const READY_MS = 2_000;

/** The part of chokidar that is used here. */
export type OpenWatcher = typeof openChokidar;

export interface FolderWatchersOptions {
  /** Something may have happened to one of the names, or a new watcher is ready and may have missed it. */
  readonly onEvent: () => void;
  /** Told the first time that a folder cannot be watched; later ones are silent. */
  readonly onProblem: (message: string) => void;
  readonly openWatcher?: OpenWatcher | undefined;
}

/** Watchers on a set of folders that changes over time; how many are open depends on the set only. */
export interface FolderWatchers {
  /** From now on watches these folders and no others. One that failed before is tried again. */
  watch(folders: readonly FolderOnTheWay[]): void;
  /** Resolves when each watcher is ready, failed, or had 2 s. */
  ready(): Promise<void>;
  /** After it, nothing is told any more. */
  close(): Promise<void>;
}

interface Entry {
  /** What it was opened for. */
  readonly key: string;
  readonly watcher: FSWatcher;
  readonly ready: Promise<void>;
  /** Lets `ready` resolve. */
  readonly settle: () => void;
  /** The folder was moved, removed or unmounted: the system may have stopped watching it. */
  isStale: boolean;
}

/** Opens nothing yet. */
export function createFolderWatchers(options: FolderWatchersOptions): FolderWatchers {
  const { onEvent, onProblem, openWatcher = openChokidar } = options;
  const entries = new Map<string, Entry>();
  let wasTold = false;

  function open(folder: FolderOnTheWay, key: string): Entry {
    const watcher = openWatcher(folder.path, {
      // Without it chokidar has no listener for errors, and one would end the process.
      persistent: true,
      ignoreInitial: true,
      followSymlinks: false,
      depth: 0,
      atomic: false,
      usePolling: false,
      // Else chokidar watches every file of the folder by itself, thousands in a busy one. It has to for the file:
      // a write through another hard link or a bind mount is no event of the folder.
      ignored: (path) => resolve(path) !== folder.path && !folder.names.has(basename(path)),
    });
    const { promise: ready, resolve: settle } = withDeadline(READY_MS);
    const entry: Entry = { key, watcher, ready, settle, isStale: false };
    watcher.once('ready', () => {
      settle();
      onEvent();
    });
    watcher.on('error', (error) => {
      shut(folder.path, entry);
      if (!wasTold) onProblem(problemOf(folder.path, error));
      wasTold = true;
    });
    // chokidar's own events leave out dangling links and a folder that was exchanged by renaming; these do not.
    watcher.on('raw', (_event, path, details) => {
      const name = nameOf(path);
      const isFolderItself = name === basename(folder.path) && watchedPathOf(details) === folder.path;
      if (isFolderItself) entry.isStale = true;
      if (isFolderItself || name === undefined || folder.names.has(name)) onEvent();
    });
    return entry;
  }

  function shut(path: string, entry: Entry): void {
    if (entries.get(path) === entry) entries.delete(path);
    entry.settle();
    void entry.watcher.close();
    // Closing takes the listeners away, and what was under way may still fail.
    entry.watcher.on('error', () => undefined);
  }

  async function ready(): Promise<void> {
    await Promise.all([...entries.values()].map((entry) => entry.ready));
  }

  return {
    ready,
    watch(folders) {
      const wanted = new Map(folders.map((folder) => [folder.path, { folder, key: keyOf(folder) }]));
      // First close, then open: chokidar shares what it opened for the same path.
      for (const [path, entry] of entries) {
        if (entry.isStale || wanted.get(path)?.key !== entry.key) shut(path, entry);
      }
      for (const [path, { folder, key }] of wanted) {
        if (!entries.has(path)) entries.set(path, open(folder, key));
      }
    },
    async close() {
      // Closed while it is reading a folder, chokidar leaves a timer behind for a second.
      await ready();
      for (const [path, entry] of entries) shut(path, entry);
    },
  };
}

function keyOf(folder: FolderOnTheWay): string {
  return JSON.stringify([folder.identity, ...[...folder.names].sort()]);
}

/** The name that an event is about; undefined where the system does not say it, whatever the types promise. */
function nameOf(path: unknown): string | undefined {
  return typeof path === 'string' ? basename(path) : undefined;
}

function watchedPathOf(details: unknown): unknown {
  return typeof details === 'object' && details !== null && 'watchedPath' in details
    ? details.watchedPath
    : undefined;
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOSPC: 'the limit of inotify watches is reached (fs.inotify.max_user_watches)',
  EMFILE: 'too many open files, or inotify instances (fs.inotify.max_user_instances)',
  ENFILE: 'too many open files in the system',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
};

function problemOf(folder: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unknown error';
  return `cannot watch ${folder}: ${CAUSES[code] ?? code}; changes are found by polling alone`;
}

/** Resolves when told to, or after `ms`. */
function withDeadline(ms: number): { promise: Promise<void>; resolve: () => void } {
  let settle: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    const timer = setTimeout(done, ms);
    settle = () => {
      clearTimeout(timer);
      done();
    };
  });
  return { promise, resolve: () => settle() };
}
