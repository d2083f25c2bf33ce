import type { Problem } from '../domain/errors.ts';
import type { Guard } from '../domain/plan.ts';

/**
 * What the daemon knows about itself, as one value: the loop writes it, and the endpoints, the metrics and the
 * log only read it. Times are milliseconds since the epoch by the local clock; there is no secret in it.
 */
export interface DaemonStatus {
  readonly startedAt: number;
  readonly config: {
    /** The file that passes are made from; `null` until one was good. */
    readonly loaded: LoadedFile | null;
    /** Why the file as it stands now is not used; `null` where it is. */
    readonly problem: FileProblem | null;
  };
  readonly pass: {
    readonly isRunning: boolean;
    /** The last one that ended. */
    readonly last: PassSummary | null;
    /** When one last came to a plan, whatever became of it; never `null` again. */
    readonly lastPlanAt: number | null;
    /** When one last ended without a failure. */
    readonly lastSuccessAt: number | null;
    /** Passes in a row that failed. */
    readonly failures: number;
    /** When the next one begins by itself; `null` while one is running. */
    readonly nextAt: number | null;
  };
  /** The entries of the file, and what left the file and is still ours, by name; as the last plan found them. */
  readonly entries: readonly EntryStatus[];
  /** Live subscriptions that are not ours. */
  readonly foreign: number;
  /** What is held and belongs to no entry. */
  readonly held: readonly HeldStatus[];
  /** Names of entries whose secret is in memory only, because it is not stored yet. */
  readonly unstored: readonly string[];
  /**
   * Names that have no stored and exported secret yet, of the entries of the file, or, where the file was never
   * good, of the records; `null` while that is not known.
   */
  readonly awaited: readonly string[] | null;
}

export interface LoadedFile {
  readonly contentHash: string;
  /** The commit that git-sync's link names. */
  readonly revision: string | null;
  readonly entries: number;
  readonly at: number;
}

export interface FileProblem {
  readonly message: string;
  readonly problems: readonly Pick<Problem, 'file' | 'position' | 'message'>[];
  readonly since: number;
}

/**
 * `unchanged`: there was nothing to do · `changed`: everything that was planned was done · `incomplete`: an
 * operation failed, and the next pass goes on · `failed`: there was no plan, and nothing was changed.
 */
export const PASS_RESULTS = ['unchanged', 'changed', 'incomplete', 'failed'] as const;
export type PassResult = (typeof PASS_RESULTS)[number];

export interface PassSummary {
  readonly result: PassResult;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Why it failed, or the first operation did. */
  readonly error: string | null;
}

/** `drifted`: somebody changed it and it is left so on purpose · `held`: by a guard · `failed`: to be tried again. */
export const ENTRY_STATES = ['in_sync', 'drifted', 'held', 'failed'] as const;
export type EntryState = (typeof ENTRY_STATES)[number];

export interface EntryStatus {
  readonly name: string;
  readonly state: EntryState;
  readonly guard: Guard | null;
  /** Why it is not in sync, and how it goes on. */
  readonly reason: string | null;
  readonly subscriptionId: string | null;
  /** ISO 8601, when the current secret came to be. */
  readonly secretCreatedAt: string | null;
}

export interface HeldStatus {
  readonly guard: Guard;
  readonly reason: string;
}
