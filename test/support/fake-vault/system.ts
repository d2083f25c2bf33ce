import type { KvEngine } from './kv-engine.ts';
import type { Logins } from './logins.ts';
import type { PolicyStore } from './policies.ts';
import { refuse, type FakeReply, type FakeRequest } from './reply.ts';
import type { FakeToken } from './tokens.ts';

/** A secrets engine under a path. */
export interface Mount {
  readonly type: string;
  readonly version: '1' | '2';
  readonly engine: Pick<KvEngine, 'handle'>;
}

export interface SystemContext {
  readonly mounts: Map<string, Mount>;
  readonly policies: PolicyStore;
  readonly logins: Logins;
}

/** `sys/…` for a token that may; what needs none is answered by the server itself. */
export function handleSystem(context: SystemContext, request: FakeRequest, token: FakeToken): FakeReply {
  const { path, operation, body } = request;
  const { policies, logins } = context;
  const info = 'internal/ui/mounts/';
  if (path.startsWith(info)) return mountInfo(context, path.slice(info.length), token);
  if (path === 'capabilities-self') {
    const paths = (body['paths'] ?? []) as readonly string[];
    const data = Object.fromEntries(paths.map((one) => [one, policies.capabilities(token.policies, one)]));
    return { status: 200, body: { ...data, data } };
  }
  const policy = /^polic(?:y|ies\/acl)\/(.+)$/.exec(path)?.[1];
  if (policy !== undefined) {
    if (operation === 'delete') policies.remove(policy);
    else if (!policies.put(policy, String(body['policy']))) return refuse(400, 'failed to parse policy');
    return { status: 204 };
  }
  const auth = /^auth\/(.+)$/.exec(path)?.[1];
  if (auth !== undefined && operation === 'write') {
    if (logins.mounts.has(auth)) return refuse(400, `path is already in use at ${auth}/`);
    logins.mounts.set(auth, body['type'] as 'approle');
    return { status: 204 };
  }
  if (auth !== undefined && operation === 'delete') logins.mounts.delete(auth);
  return auth === undefined ? refuse(404, `no handler for route "sys/${path}"`) : { status: 204 };
}

function mountInfo({ mounts, policies }: SystemContext, path: string, token: FakeToken): FakeReply {
  const name = [...mounts.keys()].find((mount) => `${path}/`.startsWith(`${mount}/`));
  const mount = name === undefined ? undefined : mounts.get(name);
  if (name === undefined || mount === undefined || !policies.touches(token.policies, `${name}/`)) {
    const text = `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/"`;
    return refuse(403, text);
  }
  const { type, version } = mount;
  return { status: 200, body: { data: { path: `${name}/`, type, options: { version } } } };
}
