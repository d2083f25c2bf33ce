import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { RequestError } from '../domain/errors.ts';
import { createLimit } from '../domain/limit.ts';
import type { Secret } from '../domain/secret.ts';
import { openConnections, type TlsOptions } from './connections.ts';
import { exchange, type AnsweredExchange, type Exchange, type Headers } from './exchange.ts';
import { failureOf, isSuccess, unreadableAnswer, type Explanation, type RequestFacts } from './failure.ts';
import { decideRetry } from './retry.ts';

export interface HttpClientOptions {
  /** For one attempt, from waiting for a connection to the last byte of the answer. */
  readonly timeoutMs: number;
  /** No attempt begins later than this after the first. */
  readonly budgetMs: number;
  /** No more attempts than these for one request; unless told, as many as the budget has room for. */
  readonly maxAttempts?: number | undefined;
  readonly userAgent: string;
  /** So many requests are on their way at once, and others wait for one of them; 16 unless told. */
  readonly concurrency?: number;
  readonly tls?: TlsOptions;
  /** 32 MiB unless told. */
  readonly maxResponseBytes?: number;
  /** Ends early, without an error, when the signal aborts. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface HttpRequest {
  /** Who is asked, for messages: `Linq`. */
  readonly service: string;
  /** Completes "cannot …" in messages: `create a subscription`. */
  readonly action: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Headers;
  /** JSON; its content type is `application/json` unless a header says otherwise. */
  readonly body?: string;
  /** False: sent once, whatever happens. */
  readonly retry: boolean;
  /** Where the method does not tell: a POST that may be repeated. */
  readonly isIdempotent?: boolean;
  readonly signal?: AbortSignal;
  /** The credentials among the headers, which no message may show. */
  readonly secrets?: readonly Secret[];
  /** Called for every request that was really sent, repetitions too; `null` where no answer came. */
  readonly onRequest?: (method: string, status: number | null) => void;
  /** Reads the service's error body for the message. Must not throw. */
  readonly explain?: (status: number, text: string, headers: Headers) => Explanation;
}

/** A complete 2xx answer. The body is behind functions, so that inspecting an answer does not show it. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  text(): string;
  /** Fails with `RequestError` (`unknown`) where the body is not JSON. */
  json(): unknown;
  /** The error to throw where the body is JSON of the wrong shape; `reason` must not quote the body. */
  unreadable(reason: string): RequestError;
}

/** Sends requests with time limits, retries and a bounded answer; never follows a redirect. */
export interface HttpClient {
  /** Resolves with 2xx only; everything else is a `RequestError` that says what may have happened. */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Begins nothing more, and cuts off at once what is under way. */
  abort(): Promise<void>;
  /** Begins nothing more, lets what was sent end (at most `timeoutMs`), then cuts the connections. */
  close(): Promise<void>;
}

const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;
const MOST_REQUESTS = 16;
/**
 * Connections for each request on its way: one that has just brought an answer rests for a turn of the event loop (undici
 * waits for what may still come of it), in which the next request goes by another.
 */
const CONNECTIONS_EACH = 2;
const BACKOFF = { baseMs: 500, capMs: 10_000 };

/** A client with its own connections. Refuses a proxy variable that is no URL with `ConfigError`. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { timeoutMs, budgetMs, sleep = sleepUnlessStopped, random = Math.random, now = Date.now } = options;
  const { concurrency = MOST_REQUESTS } = options;
  const connections = openConnections({ timeoutMs, most: concurrency * CONNECTIONS_EACH, tls: options.tls });
  const inTurn = createLimit(concurrency);
  const closing = new AbortController();
  const underWay = new Set<Promise<Exchange>>();
  /** Limits are those of a token, so a 429 that says when to come back says it to every request of this client. */
  let restUntil = 0;

  /** Waits until the service wants requests again, unless that is later than `deadline`. */
  async function rest(deadline: number, stop: AbortSignal): Promise<void> {
    for (let ms = restUntil - now(); ms > 0 && restUntil <= deadline; ms = restUntil - now()) {
      await sleep(ms, stop);
      if (stop.aborted) return;
    }
  }

  async function send(request: HttpRequest, url: URL): Promise<Exchange> {
    const dispatcher = await connections.dispatcherFor(url);
    const sending = exchange({
      dispatcher,
      method: request.method,
      url,
      headers: allHeaders(request, options.userAgent),
      body: request.body,
      timeoutMs,
      maxResponseBytes: options.maxResponseBytes ?? MAX_RESPONSE_BYTES,
      signal: request.signal,
    });
    underWay.add(sending);
    const result = await sending;
    underWay.delete(sending);
    if (result.wasSent) request.onRequest?.(request.method, result.status ?? null);
    return result;
  }

  async function sendUntil(
    deadline: number,
    request: HttpRequest,
    url: URL,
    stop: AbortSignal,
  ): Promise<Exchange> {
    await rest(deadline, stop);
    if (closing.signal.aborted) return CLOSED;
    return now() > deadline ? LATE : send(request, url);
  }

  async function request(request: HttpRequest): Promise<HttpAnswer> {
    const url = new URL(request.url);
    const facts: RequestFacts = {
      service: request.service,
      action: request.action,
      method: request.method,
      url,
      secrets: request.secrets ?? [],
      explain: request.explain,
    };
    const stop = request.signal ? AbortSignal.any([closing.signal, request.signal]) : closing.signal;
    // As many requests may listen as there are; the default takes the eleventh for a leak, on stderr.
    setMaxListeners(0, ...(request.signal ? [closing.signal, request.signal] : [closing.signal]));
    const startedAt = now();
    for (let attempt = 1; ; attempt += 1) {
      // Who waits has the turn, and whoever comes next knows what a 429 said: nobody leaves before that time.
      const outcome = await inTurn(async () => {
        const result = await sendUntil(startedAt + budgetMs, request, url, stop);
        if (isSuccess(result)) return { result };
        const failure = failureOf(facts, result, attempt, now());
        const { status, retryAfterMs = 0 } = failure.error;
        if (status === 429) restUntil = Math.max(restUntil, now() + retryAfterMs);
        return { failure };
      });
      if (outcome.failure === undefined) return answerOf(facts, outcome.result);
      const { failure } = outcome;
      const decision = decideRetry({
        method: request.method,
        isIdempotent: request.isIdempotent,
        failure: failure.attempt,
        attempt,
        elapsedMs: now() - startedAt,
        random: random(),
        limits: { ...BACKOFF, budgetMs, maxAttempts: options.maxAttempts },
      });
      if (!request.retry || decision.kind === 'give-up') throw failure.error;
      await sleep(decision.ms, stop);
      if (stop.aborted) throw failure.error;
    }
  }

  async function close(): Promise<void> {
    closing.abort();
    await Promise.all(underWay);
    await connections.close();
  }

  async function abort(): Promise<void> {
    closing.abort();
    await connections.close();
  }

  return { request, abort, close };
}

const UNSENT = {
  kind: 'broken',
  wasSent: false,
  status: undefined,
  headers: {},
  isPermanent: true,
  code: undefined,
} as const;
const CLOSED: Exchange = { ...UNSENT, reason: 'the client is closed' };
const LATE: Exchange = { ...UNSENT, reason: 'other requests took all of its time' };

function allHeaders(request: HttpRequest, userAgent: string): Headers {
  return {
    accept: 'application/json',
    'user-agent': userAgent,
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...request.headers,
  };
}

function answerOf(facts: RequestFacts, result: AnsweredExchange): HttpAnswer {
  const { status, headers, text } = result;
  function unreadable(reason: string): RequestError {
    return unreadableAnswer(facts, status, headers, reason);
  }
  function json(): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      // Not as the cause: its message quotes the body.
      if (error instanceof SyntaxError) throw unreadable('the body is not JSON');
      throw error;
    }
  }
  return { status, headers, text: () => text, json, unreadable };
}

async function sleepUnlessStopped(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
