import type { Desired } from '../domain/desired.ts';
import type { AppError } from '../domain/errors.ts';
import type { Operation } from '../domain/operation.ts';
import type { Holder } from '../domain/record.ts';
import type { OperationResult } from '../domain/report.ts';
import type { LinqReader, LinqWriter } from '../linq/linq-api.ts';
import type { SecretSink } from '../secrets/sink.ts';
import type { Records } from './records.ts';

/** Time as the program sees it; the simulation puts its own here. */
export interface Clock {
  /** Milliseconds since the epoch, local. */
  now(): number;
  /** Resolves after `ms`, or as soon as `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A request to stop: take no new work, finish what is in hand within the grace. */
export interface Stop {
  readonly signal: AbortSignal;
  readonly graceMs: number;
}

/** Told how a pass goes on; what people and monitors see of it lives on this. */
export interface Progress {
  started(operation: Operation): void;
  ended(operation: Operation, result: OperationResult): void;
  /** The entry's new secret is in memory only: just received, or (with the error) refused by the sink, to be tried again. */
  unstored(name: string, refusal: AppError | null): void;
  /** The entry's new secret is stored, or the subscription that it was for is given up. */
  settled(name: string): void;
}

/** What a pass needs to write. */
export interface ApplyContext {
  readonly reader: LinqReader;
  readonly writer: LinqWriter;
  readonly sink: SecretSink;
  readonly records: Records;
  readonly desired: Desired;
  readonly clock: Clock;
  /** Milliseconds since the epoch in the API server's time. */
  readonly serverNow: () => number;
  /** A text that was never used before: lower-case letters and digits. */
  readonly unique: () => string;
  readonly holder: Holder;
  readonly owner: string;
  /** The installation's id, which marks carry. */
  readonly installation: string;
  /** How long after it was sent a request may still land. */
  readonly landingTime: number;
  /** How long a secret that the sink refuses is tried again, in milliseconds; may be `Infinity`. */
  readonly storeTimeout: number;
  readonly stop: Stop;
  readonly progress: Progress;
  /** Resolves when receivers can read what is stored by now; absent where they read the sink itself. */
  readonly showSecrets?: () => Promise<void>;
}

/** `serverNow()` as it stands in records. */
export function serverTime(context: Pick<ApplyContext, 'serverNow'>): string {
  return new Date(context.serverNow()).toISOString();
}
