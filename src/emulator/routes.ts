import { Refusal, readCreateBody, readObject, readUpdateBody } from './bodies.ts';
import { isUrlTaken, listSubscriptions, newSubscription, put, remove, storedUrl } from './account.ts';
import type { Account, EmulatedSubscription } from './account.ts';
import { EVENTS_DOC_URL, EVENT_NAMES } from './catalogue.ts';
import { renderError, renderExtra, renderLines, renderList, renderSubscription } from './render.ts';
import type { Body } from './render.ts';

/** The operations of the API that the emulator knows. */
export type ApiOperation = 'list' | 'create' | 'get' | 'update' | 'delete' | 'events' | 'lines';

/** What a request asks for. `operation` is absent where the path is unknown or the method not allowed. */
export interface ApiCall {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly operation?: ApiOperation;
  readonly id?: string;
  /** The methods of a known path. */
  readonly allowed: readonly string[];
}

/** An answer before it is sent. Without a body: 204. */
export interface Answer {
  readonly status: number;
  readonly body?: Body;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a list fault wants the list to be wrong. */
export interface ListView {
  /** As of so many writes ago. */
  readonly writesAgo: number;
  /** Ids left out, or how many of the newest. */
  readonly drop: readonly string[] | number;
}

/** Where the API begins, as at Linq; `/v3/…` follows. */
export const API_BASE_PATH = '/api/partner';
const SUBSCRIPTIONS = `${API_BASE_PATH}/v3/webhook-subscriptions`;

const COLLECTIONS: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>> = {
  [SUBSCRIPTIONS]: { GET: 'list', POST: 'create' },
  [`${API_BASE_PATH}/v3/webhook-events`]: { GET: 'events' },
  [`${API_BASE_PATH}/v3/phone_numbers`]: { GET: 'lines' },
};
const ITEM: Readonly<Record<string, ApiOperation>> = { GET: 'get', PUT: 'update', DELETE: 'delete' };

/** Recognises a request by method and path; a query is ignored, as the API has no query parameters here. */
export function identify(method: string, path: string): ApiCall {
  const itemId = path.startsWith(`${SUBSCRIPTIONS}/`) ? path.slice(SUBSCRIPTIONS.length + 1) : '';
  const id = itemId.includes('/') ? '' : itemId;
  const operations = id ? ITEM : (COLLECTIONS[path] ?? {});
  const operation = operations[method];
  return {
    method,
    path,
    ...(operation ? { operation } : {}),
    ...(id ? { id } : {}),
    allowed: Object.keys(operations),
  };
}

/** Does what the call asks for, at once and completely, and says how the API answers. */
export function perform(
  account: Account,
  call: ApiCall,
  request: { readonly authorization: string | undefined; readonly body: string; readonly traceId: string },
  view: ListView = { writesAgo: 0, drop: 0 },
): Answer {
  try {
    const key = /^Bearer (.+)$/i.exec(request.authorization ?? '')?.[1];
    if (key === undefined || !account.apiKeys.has(key)) {
      throw new Refusal(401, 2004, 'Unauthorized - missing or invalid authentication token');
    }
    return performAllowed(account, call, request.body, view);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { switches } = account;
    const headers = error.status === 405 ? { allow: call.allowed.join(', ') } : {};
    const body = renderError(error.status, error.code, error.message, { switches, traceId: request.traceId });
    return { status: error.status, body, headers };
  }
}

function performAllowed(account: Account, call: ApiCall, body: string, view: ListView): Answer {
  const { switches } = account;
  switch (call.operation) {
    case 'list':
      return { status: 200, body: renderList(account, viewed(account, view)) };
    case 'create':
      return create(account, body);
    case 'get':
      return { status: 200, body: renderSubscription(find(account, call), switches) };
    case 'update':
      return update(account, find(account, call), body);
    case 'delete':
      remove(account, find(account, call).id);
      return { status: 204 };
    case 'events':
      return {
        status: 200,
        body: { events: EVENT_NAMES, doc_url: EVENTS_DOC_URL, ...renderExtra(switches) },
      };
    case 'lines':
      return { status: 200, body: renderLines(account.lines, switches) };
    default:
      if (call.allowed.length > 0) throw new Refusal(405, 1005, `Method ${call.method} is not allowed`);
      throw new Refusal(404, 2001, 'Resource not found');
  }
}

function create(account: Account, text: string): Answer {
  const fields = readCreateBody(account, readObject(text));
  const made: EmulatedSubscription = {
    ...newSubscription(account, fields.target_url),
    ...fields,
    target_url: storedUrl(account, fields.target_url),
  };
  refuseTakenUrl(account, made);
  put(account, made);
  const body = {
    ...renderSubscription(made, account.switches),
    signing_secret: made.signing_secret.reveal(),
  };
  return { status: 201, body };
}

function update(account: Account, before: EmulatedSubscription, text: string): Answer {
  const patch = readUpdateBody(account, readObject(text));
  const after: EmulatedSubscription = {
    ...before,
    ...patch,
    target_url: patch.target_url === undefined ? before.target_url : storedUrl(account, patch.target_url),
    updated_at: account.now(),
  };
  // An old duplicate may still be changed, as long as the change does not claim the URL anew.
  const isWoken = after.is_active && !before.is_active && !account.switches.inactiveHoldsUrl;
  const claimsUrl = isWoken || after.target_url !== before.target_url;
  if (claimsUrl) refuseTakenUrl(account, after);
  put(account, after);
  return { status: 200, body: renderSubscription(after, account.switches) };
}

function find(account: Account, call: ApiCall): EmulatedSubscription {
  const found = account.subscriptions.get(call.id ?? '');
  if (found) return found;
  const code = account.switches.notFound;
  throw new Refusal(404, code, code === 2010 ? 'Webhook subscription not found' : 'Resource not found');
}

function refuseTakenUrl(account: Account, subscription: EmulatedSubscription): void {
  if (!isUrlTaken(account, subscription)) return;
  throw account.switches.duplicate === '409/2015'
    ? new Refusal(409, 2015, 'Operation conflicts with current state: target_url is already in use')
    : new Refusal(400, 1005, 'Invalid parameter value: target_url is already in use');
}

function viewed(account: Account, view: ListView): EmulatedSubscription[] {
  const { drop } = view;
  const all = listSubscriptions(account, view.writesAgo);
  if (typeof drop === 'number') return all.slice(0, Math.max(0, all.length - drop));
  return all.filter((subscription) => !drop.includes(subscription.id));
}
