import type { LoadedSubscriptions } from '../config/load-subscriptions.ts';
import type { Desired } from '../domain/desired.ts';
import { ConfigError } from '../domain/errors.ts';
import type { FileProblem, LoadedFile } from './status.ts';

/** The subscriptions file as the daemon knows it: the last good one, and what is wrong with it now. */
export interface DesiredFile {
  /** Reads the file; one that cannot be used leaves the last good one in place. Times in ms since the epoch. */
  look(now: number): Promise<Look>;
}

/** What a look has found. */
export interface Look {
  /** The last good file; `null` until there was one. */
  readonly desired: Desired | null;
  readonly loaded: LoadedFile | null;
  /** Why the file as it stands is not used; `null` where it is. */
  readonly problem: FileProblem | null;
  /** What its author should know although it is good. */
  readonly warnings: LoadedSubscriptions['warnings'];
}

/** `load` reads and checks the file; only its `ConfigError` is a bad file. */
export function openDesiredFile(load: () => Promise<LoadedSubscriptions>): DesiredFile {
  let last: Look = { desired: null, loaded: null, problem: null, warnings: [] };
  return {
    async look(now) {
      last = await lookOnce(load, last, now);
      return last;
    },
  };
}

async function lookOnce(load: () => Promise<LoadedSubscriptions>, last: Look, now: number): Promise<Look> {
  try {
    const { desired, warnings } = await load();
    const { content_hash, revision, entries } = desired;
    const isSame = last.loaded?.contentHash === content_hash && last.loaded.revision === revision;
    const loaded = isSame
      ? last.loaded
      : { contentHash: content_hash, revision, entries: entries.length, at: now };
    return { desired, loaded, problem: null, warnings };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map(({ file, position, message }) => ({
      file,
      ...(position !== undefined && { position }),
      message,
    }));
    const since = last.problem?.since ?? now;
    return { ...last, problem: { message: error.message, problems, since }, warnings: [] };
  }
}
