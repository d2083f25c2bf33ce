import type { Guard } from '../domain/plan.ts';
import { FORMAT_VERSION } from '../domain/json-text.ts';
import { publicText } from './public-text.ts';
import type { DaemonStatus, EntryState, FileProblem, LoadedFile, PassResult, PassSummary } from './status.ts';

/**
 * What `GET /status` answers, as JSON. Times are ISO 8601 in UTC, by the daemon's clock; keys may be added, and
 * are renamed or removed only with another `format_version`. There is no secret in it.
 */
export interface StatusDocument {
  readonly format_version: string;
  readonly generated_at: string;
  readonly started_at: string;
  readonly config: {
    /** The file that passes are made from; `null` until one was good. */
    readonly loaded: {
      readonly content_hash: string;
      /** The commit, where git-sync brings the file. */
      readonly revision: string | null;
      readonly entries: number;
      readonly loaded_at: string;
    } | null;
    /** Why the file as it stands now is not used; `null` where it is. */
    readonly problem: {
      readonly message: string;
      readonly since: string;
      /** Line and column count from 1; `null` where the problem is the file as a whole. */
      readonly problems: readonly {
        readonly file: string;
        readonly line: number | null;
        readonly column: number | null;
        readonly message: string;
      }[];
    } | null;
  };
  readonly pass: {
    readonly is_running: boolean;
    readonly last: {
      readonly result: PassResult;
      readonly started_at: string;
      readonly ended_at: string;
      readonly error: string | null;
    } | null;
    readonly last_success_at: string | null;
    readonly consecutive_failures: number;
    /** `null` while a pass is running. */
    readonly next_at: string | null;
  };
  readonly entries: readonly {
    readonly name: string;
    readonly state: EntryState;
    readonly guard: Guard | null;
    readonly reason: string | null;
    readonly subscription_id: string | null;
    readonly secret_created_at: string | null;
  }[];
  /** How many live subscriptions are not ours. */
  readonly foreign: number;
  /** What is held and belongs to no entry. */
  readonly held: readonly { readonly guard: Guard; readonly reason: string }[];
  /** Names of entries whose secret is in memory only. */
  readonly unstored: readonly string[];
  /** Names whose secret is not stored and exported yet; `null` while that is not known. */
  readonly awaited: readonly string[] | null;
}

/** The status in the words of the document; pure. `now` in milliseconds since the epoch. */
export function statusDocument(status: DaemonStatus, now: number): StatusDocument {
  const { config, pass } = status;
  return {
    format_version: FORMAT_VERSION,
    generated_at: isoTime(now),
    started_at: isoTime(status.startedAt),
    config: {
      loaded: config.loaded && loadedPart(config.loaded),
      problem: config.problem && problemPart(config.problem),
    },
    pass: {
      is_running: pass.isRunning,
      last: pass.last && lastPassPart(pass.last),
      last_success_at: isoTimeOrNull(pass.lastSuccessAt),
      consecutive_failures: pass.failures,
      next_at: isoTimeOrNull(pass.nextAt),
    },
    entries: status.entries.map((entry) => ({
      name: entry.name,
      state: entry.state,
      guard: entry.guard,
      reason: publicTextOrNull(entry.reason),
      subscription_id: entry.subscriptionId,
      secret_created_at: entry.secretCreatedAt,
    })),
    foreign: status.foreign,
    held: status.held.map(({ guard, reason }) => ({ guard, reason: publicText(reason) })),
    unstored: status.unstored,
    awaited: status.awaited,
  };
}

function loadedPart(loaded: LoadedFile): StatusDocument['config']['loaded'] {
  const { contentHash, revision, entries, at } = loaded;
  return { content_hash: contentHash, revision, entries, loaded_at: isoTime(at) };
}

function problemPart(problem: FileProblem): StatusDocument['config']['problem'] {
  return {
    message: publicText(problem.message),
    since: isoTime(problem.since),
    problems: problem.problems.map(({ file, position, message }) => ({
      file,
      line: position?.line ?? null,
      column: position?.column ?? null,
      message: publicText(message),
    })),
  };
}

function lastPassPart(last: PassSummary): StatusDocument['pass']['last'] {
  return {
    result: last.result,
    started_at: isoTime(last.startedAt),
    ended_at: isoTime(last.endedAt),
    error: publicTextOrNull(last.error),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

function publicTextOrNull(text: string | null): string | null {
  return text === null ? null : publicText(text);
}
