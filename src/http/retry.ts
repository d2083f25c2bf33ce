import { parseHttpDate } from './http-date.ts';

/** What a failed attempt was like, as far as trying again is concerned. */
export type AttemptFailure =
  /** No whole answer: refused, reset, timed out, broken off. */
  | { readonly kind: 'connection' }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly retryAfterMs: number | undefined;
      /** What the service itself said about trying again; without it the status decides. */
      readonly isPassing?: boolean | undefined;
    }
  /** The same again would fail the same way, or nobody wants it any more. */
  | { readonly kind: 'permanent' };

export interface RetryLimits {
  /** The first wait lies between 0 and this; each further one may be twice as long. */
  readonly baseMs: number;
  /** No wait is longer than this, unless the service asks for it. */
  readonly capMs: number;
  /** No wait ends later than this after the start of the first attempt. */
  readonly budgetMs: number;
  /** No more attempts than these. */
  readonly maxAttempts?: number | undefined;
}

export type RetryDecision = { readonly kind: 'give-up' } | { readonly kind: 'wait'; readonly ms: number };

const IDEMPOTENT_METHODS: readonly string[] = ['GET', 'PUT', 'DELETE'];
const PASSING_STATUSES: readonly number[] = [408, 429, 500, 502, 503, 504];
/** A longer wait is not believed; it would also overflow a timer. */
export const LONGEST_RETRY_AFTER_MS = 86_400_000;
const GIVE_UP: RetryDecision = { kind: 'give-up' };

/**
 * Whether and when to send a request again, the only place where that is decided. `attempt` counts from 1,
 * `random` lies in [0, 1). Only what is idempotent is repeated: by its method, or as `isIdempotent` says.
 */
export function decideRetry(facts: {
  readonly method: string;
  readonly isIdempotent?: boolean | undefined;
  readonly failure: AttemptFailure;
  readonly attempt: number;
  readonly elapsedMs: number;
  readonly random: number;
  readonly limits: RetryLimits;
}): RetryDecision {
  const { failure, limits } = facts;
  if (!(facts.isIdempotent ?? IDEMPOTENT_METHODS.includes(facts.method))) return GIVE_UP;
  if (failure.kind === 'permanent') return GIVE_UP;
  if (facts.attempt >= (limits.maxAttempts ?? Number.POSITIVE_INFINITY)) return GIVE_UP;
  if (failure.kind === 'status' && !(failure.isPassing ?? PASSING_STATUSES.includes(failure.status))) {
    return GIVE_UP;
  }

  const ceilingMs = Math.min(limits.capMs, limits.baseMs * 2 ** (facts.attempt - 1));
  // Full jitter: clients that failed together must not come back together.
  const jitteredMs = Math.floor(facts.random * ceilingMs);
  const ms = Math.max(jitteredMs, (failure.kind === 'status' ? failure.retryAfterMs : undefined) ?? 0);
  return facts.elapsedMs + ms > limits.budgetMs ? GIVE_UP : { kind: 'wait', ms };
}

/**
 * The wait that a `Retry-After` header asks for, in ms, at most a day: whole seconds, or an HTTP date as
 * seen from the answer's own `Date` (the clocks may differ), else from `now`. Undefined where it is neither.
 */
export function retryAfterMs(
  header: string | undefined,
  dateHeader: string | undefined,
  now: number,
): number | undefined {
  if (header !== undefined && /^\d+$/.test(header)) {
    return Math.min(Number(header) * 1000, LONGEST_RETRY_AFTER_MS);
  }
  const time = parseHttpDate(header);
  if (time === undefined) return undefined;
  const wait = time - (parseHttpDate(dateHeader) ?? now);
  return Math.min(Math.max(wait, 0), LONGEST_RETRY_AFTER_MS);
}
