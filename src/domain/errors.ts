/**
 * Errors by who must act. Whatever is thrown and is not an `AppError` is a bug of the program.
 * Messages are one line, lower-case, `cannot <verb> <object>: <cause>`; no secret and no body in any field.
 */
export abstract class AppError extends Error {
  abstract readonly exitCode: 1 | 3 | 64 | 78;
  /** What the reader can do about it. */
  readonly hint: string | undefined;

  constructor(message: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** The command line is wrong. */
export class UsageError extends AppError {
  readonly exitCode = 64;
}

/** One problem of a file, with its place. Lines and columns count from 1, columns in characters. */
export interface Problem {
  readonly file: string;
  /** Absent where the problem is the file as a whole (missing, too large). */
  readonly position?: { readonly line: number; readonly column: number };
  /** What is wrong, in words. */
  readonly message: string;
  /** What to write instead. */
  readonly suggestion?: string;
  /** The lines around the place with a caret under it. */
  readonly frame?: string;
}

/** A file or setting is not valid; nothing was attempted. Carries every problem, not only the first. */
export class ConfigError extends AppError {
  readonly exitCode = 78;
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[] = [], hint?: string) {
    super(message, { hint });
    this.problems = problems;
  }
}

/**
 * What a failed request may have done:
 * `not-sent`: the server has not seen it · `refused`: the server answered that it did nothing ·
 * `unknown`: it may or may not have happened.
 */
export type RequestOutcome = 'not-sent' | 'refused' | 'unknown';

/** A request to a service failed. Holds no body and no query, so it can be logged whole. */
export class RequestError extends AppError {
  readonly exitCode = 1;
  readonly outcome: RequestOutcome;
  readonly method: string;
  /** Origin and path, without query. */
  readonly url: string;
  readonly status: number | undefined;
  /** The service's own error code, where its body has one (Linq: 1001, 2015, …). */
  readonly serviceCode: number | undefined;
  /** Linq's `X-Trace-ID`. */
  readonly traceId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    details: {
      outcome: RequestOutcome;
      method: string;
      url: string;
      status?: number | undefined;
      serviceCode?: number | undefined;
      traceId?: string | undefined;
      retryAfterMs?: number | undefined;
      cause?: unknown;
      hint?: string | undefined;
    },
  ) {
    super(message, details);
    this.outcome = details.outcome;
    this.method = details.method;
    this.url = details.url;
    this.status = details.status;
    this.serviceCode = details.serviceCode;
    this.traceId = details.traceId;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The account could not be seen for certain, so there is no plan. */
export class ObservationError extends AppError {
  readonly exitCode = 1;
}

/** The sink cannot be read or written. */
export class SinkError extends AppError {
  readonly exitCode = 1;
}

/** A conditional write found another version than expected: another process was there first. */
export class SinkConflictError extends AppError {
  readonly exitCode = 3;
}

/** The plan is not the one that was asked for (`--expect-plan`), or a command refuses on purpose. */
export class RefusedError extends AppError {
  readonly exitCode = 3;
}

/** The system gives the process no more of what it needs to go on. */
export class SystemLimitError extends AppError {
  readonly exitCode = 1;
}
