import type { Desired } from '../domain/desired.ts';
import type { Holder } from '../domain/record.ts';
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
  /** How long a secret that the sink refuses is tried again. */
  readonly storeTimeout: number;
  readonly stop: Stop;
}

/** `serverNow()` as it stands in records. */
export function serverTime(context: Pick<ApplyContext, 'serverNow'>): string {
  return new Date(context.serverNow()).toISOString();
}
