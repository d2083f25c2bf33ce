/*
 * The control endpoint: JSON over HTTP, answered to loopback clients only. CONTROL is the emulator's `controlUrl`.
 *
 *   curl $CONTROL                                                       what there is, and how it is set
 *   curl $CONTROL/subscriptions                                         the truth, secrets hidden
 *   curl $CONTROL/subscriptions/ID/secret                               one secret, as text
 *   curl $CONTROL/requests                                              requests to the API so far
 *   curl -X DELETE $CONTROL/requests                                    forget them
 *
 *   curl $CONTROL/switches -X PATCH -d '{"duplicate":"400/1005","listOrder":"shuffled"}'
 *   curl $CONTROL/lines -X PUT -d '["+12025550101"]'
 *   curl $CONTROL/keys -X PUT -d '["another-key"]'
 *   curl $CONTROL/clock -X PUT -d '{"shift_ms":3600000}'
 *
 *   curl $CONTROL/subscriptions -d '{"target_url":"https://a.example/x","subscribed_events":["message.sent"]}'
 *   curl $CONTROL/subscriptions/ID -X PATCH -d '{"is_active":false}'    also PUT (all fields) and DELETE
 *
 *   curl $CONTROL/faults -d '{"match":{"path":"create"},"action":{"kind":"reset"}}'
 *   curl $CONTROL/faults -d '{"match":{"path":"list"},"times":"always","action":{"kind":"status","status":503}}'
 *   curl $CONTROL/faults                                                with hits, and how many wait
 *   curl $CONTROL/faults/1/release -X POST                              let go what `hold` or `late` keeps
 *   curl -X DELETE $CONTROL/faults/1                                    or all: $CONTROL/faults
 *
 *   curl $CONTROL/deliveries -d '{"id":"ID","event":"message.received","url":"http://127.0.0.1:8080/hook"}'
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, ConfigError, RefusedError } from '../domain/errors.ts';
import type { EmulatedSubscription } from './account.ts';
import type { Controls } from './controls.ts';
import { readDocument } from './documents.ts';
import type { FaultHandle } from './faults.ts';
import { pathOf, readBody, sendJson, sendText } from './server.ts';

/** Where the control endpoint begins, on the same port as the API. */
export const CONTROL_PATH = '/control';

interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
}

interface Route {
  readonly method: string;
  /** Segments after `/control`; `:id` stands for any. */
  readonly path: string;
  /** `id` is the path's, or empty. */
  readonly run: (controls: Controls, body: string, id: string) => Reply | Promise<Reply>;
}

const DONE: Reply = { status: 204 };
const MISSING: Reply = { status: 404, body: { error: 'there is no such thing' } };

const ROUTES: readonly Route[] = [
  { method: 'GET', path: '', run: (controls) => ok(overview(controls)) },

  { method: 'GET', path: '/subscriptions', run: (controls) => ok(controls.subscriptions().map(shown)) },
  {
    method: 'POST',
    path: '/subscriptions',
    run(controls, body) {
      const id = controls.external.add(readDocument('subscription', body, 'subscription'));
      return { status: 201, body: { id } };
    },
  },
  {
    method: 'PUT',
    path: '/subscriptions/:id',
    run(controls, body, id) {
      controls.external.put(id, readDocument('subscription', body, 'subscription'));
      return DONE;
    },
  },
  {
    method: 'PATCH',
    path: '/subscriptions/:id',
    run(controls, body, id) {
      const patch = readDocument('subscriptionPatch', body, 'subscription');
      return controls.external.patch(id, patch) ? DONE : MISSING;
    },
  },
  {
    method: 'DELETE',
    path: '/subscriptions/:id',
    run: (controls, _body, id) => (controls.external.delete(id) ? DONE : MISSING),
  },
  {
    method: 'GET',
    path: '/subscriptions/:id/secret',
    run(controls, _body, id) {
      const found = controls.subscriptions().find((subscription) => subscription.id === id);
      return found ? { status: 200, text: found.signing_secret.reveal() } : MISSING;
    },
  },

  { method: 'GET', path: '/requests', run: (controls) => ok(controls.requests) },
  { method: 'DELETE', path: '/requests', run: (controls) => done(() => controls.clearRequests()) },

  { method: 'GET', path: '/switches', run: (controls) => ok(controls.switches()) },
  {
    method: 'PATCH',
    path: '/switches',
    run(controls, body) {
      controls.setSwitches(readDocument('switches', body, 'switches'));
      return ok(controls.switches());
    },
  },
  {
    method: 'PUT',
    path: '/lines',
    run: (controls, body) => done(() => controls.setLines(readDocument('lines', body, 'lines'))),
  },
  {
    method: 'PUT',
    path: '/keys',
    run: (controls, body) => done(() => controls.setApiKeys(readDocument('apiKeys', body, 'keys'))),
  },
  {
    method: 'PUT',
    path: '/clock',
    run: (controls, body) => done(() => controls.shiftClock(readDocument('clock', body, 'clock').shift_ms)),
  },

  { method: 'GET', path: '/faults', run: (controls) => ok(controls.faults().map(shownFault)) },
  {
    method: 'POST',
    path: '/faults',
    run: (controls, body) => ({
      status: 201,
      body: shownFault(controls.addFault(readDocument('fault', body, 'fault'))),
    }),
  },
  { method: 'DELETE', path: '/faults', run: (controls) => done(() => controls.clearFaults()) },
  { method: 'GET', path: '/faults/:id', run: (controls, _body, id) => withFault(controls, id) },
  {
    method: 'POST',
    path: '/faults/:id/release',
    run: (controls, _body, id) => withFault(controls, id, (fault) => fault.release()),
  },
  {
    method: 'DELETE',
    path: '/faults/:id',
    run: (controls, _body, id) => withFault(controls, id, (fault) => fault.remove()),
  },

  {
    method: 'POST',
    path: '/deliveries',
    async run(controls, body) {
      const { id, ...options } = readDocument('delivery', body, 'delivery');
      return ok(await controls.deliver(id, options));
    },
  },
];

/** Answers one request to the control endpoint. Browsers are refused: a page must not reach it through its visitor. */
export async function answerControl(
  controls: Controls,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return;
  const reply = isTrusted(request)
    ? await run(controls, request.method ?? '', pathOf(request), body)
    : { status: 403, body: { error: 'the control endpoint answers loopback clients only, and no browsers' } };
  if (reply.text === undefined) sendJson(response, reply.status, {}, reply.body);
  else sendText(response, reply.status, { 'content-type': 'text/plain' }, reply.text);
}

async function run(controls: Controls, method: string, path: string, body: string): Promise<Reply> {
  const [id = ''] = /(?<=^\/control\/[a-z]+\/)[^/]+/.exec(path) ?? [];
  const wanted = path
    .slice(CONTROL_PATH.length)
    .replace(/\/$/, '')
    .replace(/^(\/[a-z]+)\/[^/]+/, '$1/:id');
  const candidates = ROUTES.filter((route) => route.path === wanted);
  const route = candidates.find((candidate) => candidate.method === method);
  if (!route) {
    const methods = candidates.map((candidate) => candidate.method).join(', ');
    return methods ? { status: 405, body: { error: `only ${methods} here` } } : MISSING;
  }
  try {
    return await route.run(controls, body, id);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const status = error instanceof ConfigError ? 400 : error instanceof RefusedError ? 409 : 502;
    return { status, body: { error: error.message, hint: error.hint } };
  }
}

/** Loopback, under a loopback name (a foreign name may be rebound to us), and not from a page. */
function isTrusted({ socket, headers }: IncomingMessage): boolean {
  const isLocal = /^(::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? '');
  const isLocalName = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(headers.host ?? '');
  return isLocal && isLocalName && headers.origin === undefined;
}

function overview(controls: Controls) {
  return {
    subscriptions: controls.subscriptions().length,
    requests: controls.requests.length,
    faults: controls.faults().length,
    switches: controls.switches(),
  };
}

function shown(subscription: EmulatedSubscription) {
  const { created_at, updated_at } = subscription;
  return {
    ...subscription,
    created_at: new Date(created_at).toISOString(),
    updated_at: new Date(updated_at).toISOString(),
  };
}

function shownFault({ id, fault, hits, waiting }: FaultHandle) {
  return { id, ...fault, hits, waiting };
}

function withFault(controls: Controls, id: string, act?: (fault: FaultHandle) => void): Reply {
  const fault = controls.faults().find((handle) => handle.id === id);
  if (!fault) return MISSING;
  act?.(fault);
  return act ? DONE : ok(shownFault(fault));
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

function done(act: () => void): Reply {
  act();
  return DONE;
}
