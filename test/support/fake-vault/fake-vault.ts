import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFaults, type Fault, type Faults, type SeenRequest } from './faults.ts';
import { createKvEngine, type KvEngine } from './kv-engine.ts';
import { createKvOne } from './kv-one.ts';
import { createLogins, type Logins } from './logins.ts';
import { createPolicyStore, type PolicyStore } from './policies.ts';
import { refuse, type FakeReply, type FakeRequest } from './reply.ts';
import { handleSystem, type Mount } from './system.ts';
import { createTokenStore, type TokenStore } from './tokens.ts';

/** States of the server that tests switch while it runs. */
interface FakeState {
  isSealed: boolean;
  /** False: before 1.9. */
  hasPatch: boolean;
  /** Null: the header is ignored, as by a server without namespaces; else mounts are in this one only. */
  namespace: string | null;
  /** Where logins are; null: with the mounts. */
  loginNamespace: string | null;
  /** Where a standby sends its clients; undefined: it forwards, or is active. */
  redirectTo: string | undefined;
  /** So many requests that carry an index are told that this node has not seen it yet. */
  laggingFor: number;
  /** Answers repeat the token and the body of the request: errors in their texts, others in warnings. */
  echoes: boolean;
}

export interface FakeVault {
  readonly url: string;
  readonly rootToken: string;
  readonly state: FakeState;
  readonly seen: readonly SeenRequest[];
  readonly faults: Faults;
  /** The engine at `secret`. There is one of version 1 at `kv1`. */
  readonly kv: KvEngine;
  readonly tokens: TokenStore;
  readonly policies: PolicyStore;
  readonly logins: Logins;
  /** Of the server; it moves by `advance` alone. */
  readonly clock: { readonly now: () => number; advance(ms: number): void };
  close(): Promise<void>;
}

const START = Date.parse('2026-09-01T12:00:00Z');

/** A server on a loopback port that speaks the part of Vault's API that clients of KV engines use; https with `tls`. */
export async function startFakeVault(
  options: { tls?: { cert: string; key: string } } = {},
): Promise<FakeVault> {
  let time = START;
  let ticks = 0;
  const clock = {
    now: () => time,
    advance(ms: number) {
      time += ms;
    },
  };
  /** Nanoseconds, so that no two are equal. */
  const timestamp = (): string =>
    `${new Date(time).toISOString().slice(0, 19)}.${String((ticks += 1)).padStart(9, '0')}Z`;
  const state: FakeState = {
    isSealed: false,
    hasPatch: true,
    namespace: null,
    loginNamespace: null,
    redirectTo: undefined,
    laggingFor: 0,
    echoes: false,
  };
  const kv = createKvEngine(timestamp, () => state);
  const mounts = new Map<string, Mount>([
    ['secret', { type: 'kv', version: '2', engine: kv }],
    ['kv1', { type: 'kv', version: '1', engine: createKvOne() }],
  ]);
  const tokens = createTokenStore(clock.now);
  const policies = createPolicyStore();
  const logins = createLogins(tokens);
  const faults = createFaults();
  const seen: SeenRequest[] = [];
  const server = { mounts, tokens, policies, logins, state };

  function replyTo(request: SeenRequest, fault: Fault | undefined): FakeReply {
    if (fault?.kind !== 'reply') return answer(server, request);
    if (fault.after === true) answer(server, request);
    return typeof fault.reply === 'function' ? fault.reply(request) : fault.reply;
  }

  async function listener(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(message);
    seen.push(request);
    const fault = faults.take(request);
    if (fault?.kind === 'delay') await sleep(fault.ms);
    if (fault?.kind === 'hold' && fault.after !== true) await fault.until;
    if (fault?.kind === 'reset' && !fault.after) return void response.socket?.resetAndDestroy();
    const reply = replyTo(request, fault);
    if (fault?.kind === 'reset') return void response.socket?.resetAndDestroy();
    if (fault?.kind === 'hold') await fault.until;
    send(response, withEcho(reply, request, state.echoes), {
      'x-vault-index': `index-${seen.length}`,
      isTruncated: fault?.kind === 'truncate',
    });
  }
  const handler = (message: IncomingMessage, response: ServerResponse): void =>
    void listener(message, response);
  const http = options.tls === undefined ? createServer(handler) : createTlsServer(options.tls, handler);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    rootToken: tokens.root,
    state,
    seen,
    faults,
    kv,
    tokens,
    policies,
    logins,
    clock,
    async close() {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  };
}

interface Server {
  readonly mounts: Map<string, Mount>;
  readonly tokens: TokenStore;
  readonly policies: PolicyStore;
  readonly logins: Logins;
  readonly state: FakeState;
}

function answer(server: Server, seen: SeenRequest): FakeReply {
  const { state, logins, tokens } = server;
  const url = new URL(seen.path, 'http://fake/');
  const path = decodeURIComponent(url.pathname.slice(1));
  const request = { ...requestOf(seen, url), path };
  if (state.redirectTo !== undefined) {
    return { status: 307, headers: { location: `${state.redirectTo}/v1/${seen.path}` }, text: '' };
  }
  if (path === 'sys/seal-status') {
    return { status: 200, body: { sealed: state.isSealed, initialized: true, version: '2.6.2' } };
  }
  if (state.isSealed) return refuse(503, 'Vault is sealed');
  if (seen.headers['x-vault-request'] !== 'true') return refuse(412, 'missing X-Vault-Request header');
  if (state.laggingFor > 0 && seen.headers['x-vault-index'] !== undefined) {
    state.laggingFor -= 1;
    return refuse(412, 'required index state not present');
  }
  const away = namespaceProblem(state, seen, path);
  if (away !== undefined) return away;
  const login = logins.login(path, request.body);
  if (login !== undefined) return login;
  const token = tokens.find(String(seen.headers['x-vault-token'] ?? ''));
  if (token === undefined) return refuse(403, 'permission denied');
  if (token.usesLeft !== undefined) {
    token.usesLeft -= 1;
    if (token.usesLeft <= 0) tokens.revoke(token.id);
  }
  return route(server, request, token);
}

function route(
  server: Server,
  request: FakeRequest,
  token: NonNullable<ReturnType<TokenStore['find']>>,
): FakeReply {
  const { path } = request;
  const inSystem = path.startsWith('sys/');
  const inAuth = path.startsWith('auth/');
  const mount = [...server.mounts.keys()].find((one) => path.startsWith(`${one}/`));
  if (!isAllowed(server, request, token.policies))
    return refuse(403, '1 error occurred:\n\t* permission denied\n\n');
  if (inSystem) return handleSystem(server, { ...request, path: path.slice(4) }, token);
  if (inAuth) return server.logins.handle({ ...request, path: path.slice(5) }, token);
  if (mount === undefined) return refuse(404, `no handler for route "${path}". route entry not found.`);
  const below = path.slice(mount.length + 1);
  return server.mounts.get(mount)!.engine.handle({ ...request, path: below });
}

function isAllowed({ policies, mounts }: Server, request: FakeRequest, held: readonly string[]): boolean {
  const { path, operation } = request;
  // It looks at the mount's policies itself.
  if (path.startsWith('sys/internal/ui/mounts/')) return true;
  // A real server lists with a slash at the end, and so do its policies.
  const asked = operation === 'list' ? `${path.replace(/\/$/, '')}/` : path;
  const capabilities = policies.capabilities(held, asked);
  if (capabilities.includes('root')) return true;
  return capabilities.includes(operation === 'write' ? capabilityToWrite(mounts, path) : operation);
}

/** The data of a KV engine is created where it has no version yet; everything else is updated. */
function capabilityToWrite(mounts: Map<string, Mount>, path: string): 'create' | 'update' {
  const [, mount = '', name = ''] = /^([^/]+)\/data\/(.+)$/.exec(path) ?? [];
  const engine = mounts.get(mount)?.engine;
  const isNew = engine !== undefined && 'secrets' in engine && !(engine as KvEngine).secrets.has(name);
  return isNew ? 'create' : 'update';
}

function namespaceProblem(state: FakeState, seen: SeenRequest, path: string): FakeReply | undefined {
  if (state.namespace === null) return undefined;
  const isLogin = path.startsWith('auth/');
  const wanted = isLogin ? (state.loginNamespace ?? state.namespace) : state.namespace;
  if (seen.headers['x-vault-namespace'] === wanted) return undefined;
  return refuse(404, `no handler for route "${path}". route entry not found.`);
}

function requestOf(seen: SeenRequest, url: URL): Omit<FakeRequest, 'path'> {
  const isList = seen.method === 'LIST' || (seen.method === 'GET' && url.searchParams.get('list') === 'true');
  const methods = { GET: 'read', POST: 'write', PUT: 'write', PATCH: 'patch', DELETE: 'delete' } as const;
  return {
    operation: isList ? 'list' : methods[seen.method as 'GET'],
    query: url.searchParams,
    body: seen.body === '' ? {} : (JSON.parse(seen.body) as Record<string, unknown>),
    contentType: String(seen.headers['content-type'] ?? ''),
  };
}

/** What the worst of servers would say: its texts quote what it was given. */
function withEcho(reply: FakeReply, { headers, body }: SeenRequest, echoes: boolean): FakeReply {
  if (!echoes || reply.body === undefined) return reply;
  const quoted = `token ${String(headers['x-vault-token'])}, body ${body}, quoted ${JSON.stringify(body)}`;
  const texts = [quoted.slice(-150), quoted];
  const { errors } = reply.body;
  const rumours = { 'x-rumours': quoted.replace(/[^\x20-\x7e]/g, '') };
  const said = Array.isArray(errors) ? (errors as unknown[]) : undefined;
  // No errors at all is how a server says that there is nothing.
  const told = said === undefined ? { warnings: texts } : said.length > 0 && { errors: [...said, ...texts] };
  return { ...reply, body: { ...reply.body, ...told }, headers: { ...reply.headers, ...rumours } };
}

function send(
  response: ServerResponse,
  reply: FakeReply,
  extra: { 'x-vault-index': string; isTruncated: boolean },
): void {
  const envelope = {
    request_id: 'fake',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: null,
    warnings: null,
  };
  // An answer with errors has nothing else.
  const isPlain = reply.body !== undefined && 'errors' in reply.body;
  const text =
    reply.text ??
    (reply.body === undefined ? '' : JSON.stringify(isPlain ? reply.body : { ...envelope, ...reply.body }));
  response.writeHead(reply.status, {
    'content-type': reply.text === undefined ? 'application/json' : 'text/html',
    'x-vault-index': extra['x-vault-index'],
    ...(reply.status === 204 ? {} : { 'content-length': Buffer.byteLength(text) }),
    ...reply.headers,
  });
  if (!extra.isTruncated) return void response.end(text);
  response.write(text.slice(0, text.length / 2), () => response.socket?.end());
}

async function readRequest(message: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const path = (message.url ?? '').replace(/^\/v1\//, '');
  return {
    method: message.method ?? '',
    path,
    headers: message.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
