import type { Guard } from './plan.ts';
import type { Operation } from './operation.ts';

/**
 * How an operation ended. `unknown`: it may have happened, and the next pass finds out ·
 * `skipped`: not begun · `held`: found while applying that it must wait.
 */
export type OperationResult =
  | { readonly status: 'done'; readonly note?: string }
  | {
      readonly status: 'failed' | 'unknown';
      readonly error: string;
      readonly hint?: string;
      /** How long the service asked to be left alone. */
      readonly retryAfterMs?: number;
    }
  | { readonly status: 'skipped'; readonly reason: string }
  | { readonly status: 'held'; readonly guard: Guard; readonly reason: string };

export interface ReportItem {
  readonly operation: Operation;
  readonly result: OperationResult;
}

/** What applying a plan did, in the plan's order. */
export interface Report {
  readonly items: readonly ReportItem[];
  /** True when a signal stopped the pass before its end. */
  readonly wasInterrupted: boolean;
}

/** Requests sent to the Linq API. A read is a GET. */
export interface RequestCount {
  readonly reads: number;
  readonly writes: number;
}
