import { randomBytes } from 'node:crypto';
import type { Holder } from '../domain/record.ts';
import { createHttpClient } from '../http/http-client.ts';
import { openApiKey } from '../linq/api-key.ts';
import type { LinqReader, LinqWriter } from '../linq/linq-api.ts';
import { openLinq } from '../linq/rest-linq.ts';
import type { PlanContext } from '../reconcile/reconcile-once.ts';
import { isHolderGone, thisHolder } from '../reconcile/holder.ts';
import { openSecretReader, openSecretSink } from '../secrets/open-sink.ts';
import type { SecretReader, SecretSink } from '../secrets/sink.ts';
import { systemClock } from './clock.ts';
import type { Io } from './io.ts';
import type { Session } from './session.ts';
import { version } from './version.ts';

/** Requests are repeated for at most this many times `api.timeout`. */
const BUDGET_FACTOR = 2;

export interface Api {
  readonly reader: LinqReader;
  /** Reads only until the signal aborts; then every reading fails at once. */
  readonly readerUntil: (signal: AbortSignal) => LinqReader;
  readonly writer: LinqWriter;
  close(): Promise<void>;
}

export interface ApiOptions {
  /** For one request; unless told, as many as the time for repetitions has room for. */
  readonly maxAttempts?: number;
  /** Told of every request that was sent; `null` where no answer came. */
  readonly onRequest?: (method: string, status: number | null) => void;
}

/** The API that the settings name; no request is sent. Fails with `ConfigError` where there is no key. */
export function openApi({ settings, log }: Session, io: Io, options: ApiOptions = {}): Api {
  const { base_url, key_file, timeout, concurrency } = settings.api;
  const apiKey = openApiKey({ keyFile: key_file, env: io.env });
  const http = createHttpClient({
    timeoutMs: timeout,
    budgetMs: timeout * BUDGET_FACTOR,
    maxAttempts: options.maxAttempts,
    concurrency,
    userAgent: `linq-gitops/${version()}`,
  });
  const linq = openLinq({
    baseUrl: base_url,
    apiKey,
    http,
    onRequest(method, status) {
      log.debug({ event: 'api_request', method, status }, 'api request');
      options.onRequest?.(method, status);
    },
  });
  return {
    reader: linq.reader,
    readerUntil: (signal) => linq.readerUntil(signal),
    writer: io.around?.writer(linq.writer) ?? linq.writer,
    close: () => linq.close(),
  };
}

/** The sink, to read only. */
export function openReader({ settings }: Session, io: Io): SecretReader {
  return openSecretReader(settings, io.env);
}

/** The sink, to read and write, until `giveUp` aborts. */
export function openSink({ settings }: Session, io: Io, giveUp?: AbortSignal): SecretSink {
  const sink = openSecretSink(settings, io.env, giveUp);
  return io.around?.sink(sink) ?? sink;
}

/** What planning is given: readers only, a dry run cannot write. */
export async function planContext(
  session: Session,
  reader: LinqReader,
  secrets: SecretReader,
  mode: Holder['mode'] = 'sync',
): Promise<PlanContext> {
  const { settings, allowances } = session;
  const holder = await thisHolder(mode);
  return {
    reader,
    secrets,
    settings,
    allowances,
    holder,
    isGone: (other) => isHolderGone(other, holder),
    clock: systemClock,
    isFileBad: false,
    fights: new Set(),
    rotate: new Map(),
    adopt: new Map(),
  };
}

/** A text that was never used before; its length makes a repetition impossible in practice. */
export function unique(): string {
  return randomBytes(10).toString('hex');
}
