import { Refusal, readObject } from './bodies.ts';
import type { ApiCall, ApiOperation } from './routes.ts';

/** One request to the API, as it came in. Of its body only the `target_url` is kept. */
export interface LoggedRequest {
  /** Counts from 1, in the order of arrival. */
  readonly sequence: number;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly operation: ApiOperation | null;
  readonly id: string | null;
  readonly target_url: string | null;
  /** What the client was answered; null where it got no answer, or none yet. */
  readonly status: number | null;
}

/** An entry while its request is under way. */
export type LogEntry = { -readonly [K in keyof LoggedRequest]: LoggedRequest[K] };

/** The requests of one emulator, oldest first; at most the last 100,000. */
export interface RequestLog {
  readonly entries: LogEntry[];
  received: number;
}

const REMEMBERED = 100_000;
const FORGOTTEN_AT_ONCE = 10_000;

/** Adds a request that has arrived just now (`at`, in milliseconds since the epoch). */
export function logRequest(log: RequestLog, call: ApiCall, at: number): LogEntry {
  const entry: LogEntry = {
    sequence: ++log.received,
    at,
    method: call.method,
    path: call.path,
    operation: call.operation ?? null,
    id: call.id ?? null,
    target_url: null,
    status: null,
  };
  log.entries.push(entry);
  if (log.entries.length > REMEMBERED) log.entries.splice(0, FORGOTTEN_AT_ONCE);
  return entry;
}

/** The `target_url` in a request's body, whatever else is wrong with it. */
export function targetUrlIn(body: string): string | null {
  if (body === '') return null;
  try {
    const url = readObject(body)['target_url'];
    return typeof url === 'string' ? url : null;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}
