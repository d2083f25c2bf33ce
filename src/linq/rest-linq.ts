import { RequestError } from '../domain/errors.ts';
import type { Secret } from '../domain/secret.ts';
import type { SubscriptionFields, SubscriptionPatch } from '../domain/subscription.ts';
import type { Explanation } from '../http/failure.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from '../http/http-client.ts';
import { parseHttpDate } from '../http/http-date.ts';
import { assertSecureUrl } from '../http/secure-url.ts';
import type { ApiKey } from './api-key.ts';
import {
  decodeCreated,
  decodeEvents,
  decodePhoneLines,
  decodeSubscription,
  decodeSubscriptions,
  isPathId,
  ShapeError,
} from './decode.ts';
import type { LinqReader, LinqWriter } from './linq-api.ts';

/** Linq's API over HTTP. The two halves share a connection, a key and a count. */
export interface Linq {
  readonly reader: LinqReader;
  /** A reader whose requests fail at once when the signal aborts. */
  readerUntil(signal: AbortSignal): LinqReader;
  readonly writer: LinqWriter;
  /** Closes the HTTP client that it was given. */
  close(): Promise<void>;
}

type Method = HttpRequest['method'];

interface Call {
  readonly action: string;
  readonly method: Method;
  /** Below the base URL. */
  readonly path: string;
  readonly body?: object;
}

type Send = (call: Call) => Promise<HttpAnswer>;

const SUBSCRIPTIONS = '/v3/webhook-subscriptions';

/**
 * Reader and writer of the API at `baseUrl` (https, or loopback; else `ConfigError`). A 401 makes it look
 * for a new key and, only where there is one, send the same once more: a 401 is an answer that nothing happened.
 */
export function openLinq(options: {
  readonly baseUrl: string;
  readonly apiKey: ApiKey;
  readonly http: HttpClient;
  /** Told of every request that was really sent; `null` where no answer came. */
  readonly onRequest?: (method: string, status: number | null) => void;
}): Linq {
  const { apiKey, http } = options;
  const base = assertSecureUrl(options.baseUrl, 'api.base_url').href.replace(/\/+$/, '');
  const counts = { reads: 0, writes: 0 };

  function count(method: string, status: number | null): void {
    counts[method === 'GET' ? 'reads' : 'writes'] += 1;
    options.onRequest?.(method, status);
  }

  function sendWith(key: Secret, call: Call, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    return http.request({
      service: 'Linq',
      action: call.action,
      method: call.method,
      url: base + call.path,
      headers: { authorization: `Bearer ${key.reveal()}` },
      secrets: [key],
      retry: call.method !== 'POST',
      onRequest: count,
      explain: explainError,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(signal && { signal }),
    });
  }

  async function send(call: Call, signal?: AbortSignal): Promise<HttpAnswer> {
    const key = await apiKey.current();
    try {
      return await sendWith(key, call, signal);
    } catch (error) {
      if (!(error instanceof RequestError) || error.status !== 401) throw error;
      await apiKey.refresh();
      // Compared with the key that was refused, since another call may have found the new one already.
      const latest = await apiKey.current();
      if (latest.equals(key)) throw error;
      return sendWith(latest, call, signal);
    }
  }

  const requests: LinqReader['requests'] = () => ({ ...counts });
  return {
    reader: createReader(send, requests),
    readerUntil: (signal) => createReader((call) => send(call, signal), requests),
    writer: createWriter(send),
    close: () => http.close(),
  };
}

function createReader(send: Send, requests: LinqReader['requests']): LinqReader {
  return {
    requests,
    async listSubscriptions() {
      const answer = await send({
        action: 'list the subscriptions',
        method: 'GET',
        path: SUBSCRIPTIONS,
      });
      return {
        subscriptions: decodeWhole(answer, decodeSubscriptions),
        serverTime: parseHttpDate(answer.headers['date']),
      };
    },
    async getSubscription(id) {
      const call = subscriptionCall('read', 'GET', id);
      try {
        return decodeWhole(await send(call), (body) => decodeSubscription(body, id));
      } catch (error) {
        if (error instanceof RequestError && error.status === 404) return undefined;
        throw error;
      }
    },
    async listEvents() {
      const call: Call = { action: 'list the event names', method: 'GET', path: '/v3/webhook-events' };
      return decodeWhole(await send(call), decodeEvents);
    },
    async listPhoneLines() {
      const call: Call = { action: 'list the phone lines', method: 'GET', path: '/v3/phone_numbers' };
      return decodeWhole(await send(call), decodePhoneLines);
    },
  };
}

function createWriter(send: Send): LinqWriter {
  return {
    async createSubscription(fields) {
      const answer = await send({
        action: 'create a subscription',
        method: 'POST',
        path: SUBSCRIPTIONS,
        body: creationBody(fields),
      });
      return decode(answer, decodeCreated);
    },
    async updateSubscription(id, patch) {
      const answer = await send(subscriptionCall('update', 'PUT', id, updateBody(patch)));
      return decode(answer, (body) => decodeSubscription(body, id));
    },
    async deleteSubscription(id) {
      const call = subscriptionCall('delete', 'DELETE', id);
      try {
        await send(call);
        return 'deleted';
      } catch (error) {
        if (error instanceof RequestError && error.status === 404) return 'gone';
        throw error;
      }
    },
  };
}

function subscriptionCall(verb: string, method: Method, id: string, body?: object): Call {
  const action = `${verb} the subscription ${JSON.stringify(id)}`;
  if (!isPathId(id)) {
    throw new RequestError(`cannot ${action}: this is not an id`, {
      outcome: 'not-sent',
      method,
      url: SUBSCRIPTIONS,
    });
  }
  const path = `${SUBSCRIPTIONS}/${encodeURIComponent(id)}`;
  return { action, method, path, ...(body === undefined ? {} : { body }) };
}

/** The fields that a creation takes; a filter or header that is not wanted is left out, since null is not allowed. */
function creationBody(fields: Omit<SubscriptionFields, 'is_active'>): object {
  const { target_url, subscribed_events, phone_numbers, routing_key_header, routing_id_header } = fields;
  const optional = Object.entries({ phone_numbers, routing_key_header, routing_id_header });
  return {
    target_url,
    subscribed_events,
    ...Object.fromEntries(optional.filter(([, value]) => value !== null)),
  };
}

/** The fields that an update takes. JSON leaves out those that are undefined. */
function updateBody(patch: SubscriptionPatch): object {
  return {
    target_url: patch.target_url,
    subscribed_events: patch.subscribed_events,
    phone_numbers: patch.phone_numbers,
    is_active: patch.is_active,
    routing_key_header: patch.routing_key_header,
    routing_id_header: patch.routing_id_header,
  };
}

/** As `decode`, of a 200 only: another 2xx to a GET, such as a 206, need not be the whole. */
function decodeWhole<T>(answer: HttpAnswer, read: (body: unknown) => T): T {
  if (answer.status !== 200) throw answer.unreadable('200 was expected');
  return decode(answer, read);
}

function decode<T>(answer: HttpAnswer, read: (body: unknown) => T): T {
  const body = answer.json();
  try {
    return read(body);
  } catch (error) {
    if (error instanceof ShapeError) throw answer.unreadable(error.message);
    throw error;
  }
}

/** Code and message of `{"error": {"code", "message", "retry_after"}}`, as far as the body is that. */
function explainError(status: number, text: string): Explanation {
  const hint =
    status === 401 ? 'the API key is not accepted: check LINQ_API_V3_API_KEY or api.key_file' : undefined;
  const error = fieldOf(parseJson(text), 'error');
  const code = fieldOf(error, 'code');
  const message = fieldOf(error, 'message');
  const seconds = fieldOf(error, 'retry_after');
  return {
    code: typeof code === 'number' ? code : undefined,
    message: typeof message === 'string' ? message : undefined,
    retryAfterMs: typeof seconds === 'number' && seconds >= 0 ? seconds * 1000 : undefined,
    hint,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}
