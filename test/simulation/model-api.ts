import { RequestError } from '../../src/domain/errors.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { LiveSubscription, PhoneLine, SubscriptionPatch } from '../../src/domain/subscription.ts';
import { normaliseUrl } from '../../src/domain/target-url.ts';
import type { CreatedSubscription, LinqReader, LinqWriter } from '../../src/linq/linq-api.ts';
import type { Effect, EffectKind, Failure, Link } from './model-effect.ts';

/** Author of what no process of ours made. */
export const OUTSIDER = 'outsider';

export type NewSubscription = Parameters<LinqWriter['createSubscription']>[0];

/** A subscription as it was issued; it stays here after its end. */
interface Issued {
  readonly author: string;
  readonly secret: string;
}

/** A write that took place. */
interface ModelWrite {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly id: string;
  readonly author: string;
  /** Whether the subscription was there: a DELETE or PUT of one that is gone changes nothing. */
  readonly wasLive: boolean;
}

/** The account: ground truth, and what Linq does to it. Nothing fails in here but what Linq refuses. */
export interface ModelApi {
  readonly live: Map<string, LiveSubscription>;
  /** Every subscription that ever was, by id. */
  readonly issued: Map<string, Issued>;
  /** Told before each PUT and DELETE, and after each POST, takes place. */
  onWrite: (write: ModelWrite) => void;
  /** Ids that the list leaves out: the list is wrong. GET by id finds them all the same. */
  readonly hidden: Set<string>;
  readonly lines: PhoneLine[];
  readonly events: string[];
  readonly now: () => number;
  /** Whether answers carry the server's time. */
  tellsTime: boolean;
  writes: number;
}

export function makeApi(now: () => number): ModelApi {
  return {
    live: new Map(),
    issued: new Map(),
    onWrite: () => undefined,
    hidden: new Set(),
    lines: [{ id: 'line-1', phone_number: '+12025550100' }],
    events: ['message.received', 'message.failed', 'message.read'],
    now,
    tellsTime: true,
    writes: 0,
  };
}

/** POST: a target URL can be used once per account; the secret is shown this once. */
export function createIn(api: ModelApi, fields: NewSubscription, author: string): CreatedSubscription {
  refuseTaken(api, fields.target_url, null, 'POST');
  const id = `sub-${api.issued.size + 1}`;
  const subscription: LiveSubscription = {
    routing_key_header: null,
    routing_id_header: null,
    ...fields,
    id,
    is_active: true,
    created_at: api.now(),
  };
  const secret = `issued for ${id}`;
  api.live.set(id, subscription);
  api.issued.set(id, { author, secret });
  tell(api, 'POST', id, author, true);
  return { subscription, signing_secret: new Secret(secret) };
}

/** PUT: only the fields that are given. */
export function updateIn(
  api: ModelApi,
  id: string,
  patch: SubscriptionPatch,
  author: string,
): LiveSubscription {
  const before = api.live.get(id);
  tell(api, 'PUT', id, author, before !== undefined);
  if (before === undefined) throw refusal('PUT', 404);
  if (patch.target_url !== undefined) refuseTaken(api, patch.target_url, id, 'PUT');
  const after: LiveSubscription = { ...before, ...patch };
  api.live.set(id, after);
  return after;
}

/** DELETE. */
export function deleteIn(api: ModelApi, id: string, author: string): 'deleted' | 'gone' {
  const wasLive = api.live.has(id);
  tell(api, 'DELETE', id, author, wasLive);
  api.live.delete(id);
  return wasLive ? 'deleted' : 'gone';
}

/** What is live at `url`, compared as Linq compares. */
export function liveAt(api: ModelApi, url: string): LiveSubscription | undefined {
  return [...api.live.values()].find(({ target_url }) => normaliseUrl(target_url) === normaliseUrl(url));
}

/** The client of one process, over a link that decides how each request fares. */
export function connectApi(api: ModelApi, author: string, link: Link): LinqReader & LinqWriter {
  let reads = 0;
  let writes = 0;
  const send = <T>(
    kind: EffectKind,
    label: string,
    take: () => T,
    about: Pick<Effect<T>, 'subscription' | 'patch'> = {},
  ): Promise<T> => {
    if (kind === 'list' || kind === 'get') reads += 1;
    else writes += 1;
    const fail = (how: Failure): Error => requestError(kind, how);
    return link({ kind, label, take, fail, ...about });
  };
  return {
    listSubscriptions: () =>
      send('list', 'list', () => ({
        subscriptions: [...api.live.values()].filter(({ id }) => !api.hidden.has(id)),
        // A `Date` header has whole seconds.
        serverTime: api.tellsTime ? Math.floor(api.now() / 1_000) * 1_000 : undefined,
      })),
    getSubscription: (id) => send('get', `GET ${id}`, () => api.live.get(id)),
    listEvents: () => Promise.resolve([...api.events]),
    listPhoneLines: () => Promise.resolve([...api.lines]),
    requests: () => ({ reads, writes }),
    createSubscription: (fields) =>
      send('post', `POST ${fields.target_url}`, () => createIn(api, fields, author)),
    updateSubscription: (id, patch) =>
      send('put', `PUT ${id} ${JSON.stringify(patch)}`, () => updateIn(api, id, patch, author), {
        subscription: id,
        patch,
      }),
    deleteSubscription: (id) =>
      send('delete', `DELETE ${id}`, () => deleteIn(api, id, author), { subscription: id }),
  };
}

function tell(
  api: ModelApi,
  method: ModelWrite['method'],
  id: string,
  author: string,
  wasLive: boolean,
): void {
  api.writes += 1;
  api.onWrite({ method, id, author, wasLive });
}

function refuseTaken(api: ModelApi, url: string, self: string | null, method: string): void {
  const other = liveAt(api, url);
  if (other !== undefined && other.id !== self) throw refusal(method, 409);
}

function refusal(method: string, status: number, retryAfterMs?: number): RequestError {
  return new RequestError(`cannot ${method} the subscription: status ${status}`, {
    outcome: 'refused',
    method,
    url: 'https://api.example.com/v3/webhook-subscriptions',
    status,
    retryAfterMs,
  });
}

function requestError(kind: EffectKind, how: Failure): RequestError {
  const method = kind === 'list' ? 'GET' : kind.toUpperCase();
  if (how === 'busy') return refusal(method, 429, 2_000);
  if (how === 'refused') return refusal(method, 400);
  return new RequestError(`cannot ${method} the subscription: ${how}`, {
    outcome: how === 'not-sent' ? 'not-sent' : 'unknown',
    method,
    url: 'https://api.example.com/v3/webhook-subscriptions',
    status: how === 'broken' ? 503 : undefined,
  });
}
