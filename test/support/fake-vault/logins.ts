import { randomUUID } from 'node:crypto';
import { refuse, type FakeReply, type FakeRequest } from './reply.ts';
import type { FakeToken, TokenStore } from './tokens.ts';

interface Role {
  policies: readonly string[];
  ttlMs: number;
  maxTtlMs: number | undefined;
  isBatch: boolean;
  uses: number | undefined;
  readonly roleId: string;
  readonly secretIds: Map<string, number>;
  /** For Kubernetes and JWT: the tokens that are accepted. */
  jwts: readonly string[];
}

type AuthType = 'approle' | 'kubernetes' | 'jwt';

export interface Logins {
  /** Logins that gave a token. */
  readonly count: number;
  /** Auth mounts by path without `auth/`. */
  readonly mounts: Map<string, AuthType>;
  /** A role of an auth mount, made or changed. */
  role(mount: string, name: string, options: Partial<Omit<Role, 'roleId' | 'secretIds'>>): Role;
  addSecretId(mount: string, name: string, uses?: number): string;
  /** A login; undefined for what is none. Needs no token. */
  login(path: string, body: Record<string, unknown>): FakeReply | undefined;
  /** `auth/…` with a token that may do it. */
  handle(request: FakeRequest, token: FakeToken): FakeReply;
}

const DEFAULT_TTL_MS = 32 * 24 * 3_600_000;

export function createLogins(tokens: TokenStore): Logins {
  const mounts = new Map<string, AuthType>();
  const roles = new Map<string, Role>();
  let count = 0;

  function role(mount: string, name: string, options: Partial<Role>): Role {
    const key = `${mount}/${name}`;
    const fresh: Role = {
      policies: ['default'],
      ttlMs: DEFAULT_TTL_MS,
      maxTtlMs: undefined,
      isBatch: false,
      uses: undefined,
      roleId: randomUUID(),
      secretIds: new Map<string, number>(),
      jwts: [],
    };
    const made = Object.assign(roles.get(key) ?? fresh, options);
    roles.set(key, made);
    return made;
  }

  function addSecretId(mount: string, name: string, uses = Number.POSITIVE_INFINITY): string {
    const id = randomUUID();
    role(mount, name, {}).secretIds.set(id, uses);
    return id;
  }

  function admit(found: Role): FakeReply {
    count += 1;
    const token = tokens.issue({ ...found, policies: ['default', ...found.policies] });
    return { status: 200, body: { auth: authOf(token) } };
  }

  function approle(mount: string, body: Record<string, unknown>): FakeReply {
    const found = [...roles].find(
      ([key, { roleId }]) => key.startsWith(`${mount}/`) && roleId === body['role_id'],
    )?.[1];
    if (body['role_id'] === undefined) return refuse(400, 'missing role_id');
    const id = String(body['secret_id']);
    const uses = found?.secretIds.get(id) ?? 0;
    if (found === undefined || uses === 0) return refuse(400, 'invalid role or secret ID');
    found.secretIds.set(id, uses - 1);
    return admit(found);
  }

  function bearer(mount: string, body: Record<string, unknown>): FakeReply {
    const name = typeof body['role'] === 'string' ? body['role'] : 'default';
    const found = roles.get(`${mount}/${name}`);
    if (found === undefined) return refuse(400, `invalid role name "${name}"`);
    return found.jwts.includes(String(body['jwt'])) ? admit(found) : refuse(403, 'permission denied');
  }

  function tokenPaths({ path, operation, body }: FakeRequest, token: FakeToken): FakeReply {
    if (path === 'token/lookup-self') return { status: 200, body: { data: lookup(token, tokens) } };
    if (path === 'token/renew-self') {
      if (token.isBatch) return refuse(400, 'batch tokens cannot be renewed');
      if (!token.isRenewable) return refuse(400, 'lease is not renewable');
      tokens.renew(token);
      return { status: 200, body: { auth: authOf(token, tokens.now()) } };
    }
    if (path === 'token/create' && operation === 'write') {
      const own = Array.isArray(body['policies']) ? body['policies'].map(String) : [];
      const withDefault = body['no_default_policy'] === true ? own : ['default', ...own];
      const issued = tokens.issue({ policies: withDefault, ttlMs: duration(body['ttl'] ?? '768h') });
      return { status: 200, body: { auth: authOf(issued) } };
    }
    return refuse(404, `no handler for route "auth/${path}". route entry not found.`);
  }

  return {
    get count() {
      return count;
    },
    mounts,
    role,
    addSecretId,
    login(path, body) {
      const mount = /^auth\/(.+)\/login$/.exec(path)?.[1];
      if (mount === undefined) return undefined;
      const type = mounts.get(mount);
      if (type === undefined) return refuse(403, 'permission denied');
      return type === 'approle' ? approle(mount, body) : bearer(mount, body);
    },
    handle(request, token) {
      const { path, operation, body } = request;
      const [, mount = '', name = '', rest = ''] = /^(.+)\/role\/([^/]+)\/?(.*)$/.exec(path) ?? [];
      if (!mounts.has(mount)) return tokenPaths(request, token);
      if (rest === 'role-id')
        return { status: 200, body: { data: { role_id: role(mount, name, {}).roleId } } };
      if (rest === 'secret-id')
        return { status: 200, body: { data: { secret_id: addSecretId(mount, name) } } };
      if (operation === 'write') {
        const given = body['token_policies'];
        const list = Array.isArray(given) ? given.map(String) : [];
        role(mount, name, {
          policies: list,
          ...(body['token_ttl'] !== undefined && { ttlMs: duration(body['token_ttl']) }),
        });
      }
      return { status: 204 };
    },
  };
}

function authOf(token: FakeToken, now?: number): Record<string, unknown> {
  const left = now === undefined ? token.ttlMs : token.expiresAt - now;
  return {
    client_token: token.id,
    policies: token.policies,
    lease_duration: Math.floor(left / 1000),
    renewable: token.isRenewable,
    token_type: token.isBatch ? 'batch' : 'service',
  };
}

function lookup(token: FakeToken, { now }: TokenStore): Record<string, unknown> {
  const ttl = token.expiresAt === Number.POSITIVE_INFINITY ? 0 : Math.floor((token.expiresAt - now()) / 1000);
  return { ttl, renewable: token.isRenewable, policies: token.policies, type: 'service' };
}

/** `90s`, `1h`, or seconds. */
function duration(value: unknown): number {
  const [, number = '0', unit = 's'] = /^(\d+)([smh]?)$/.exec(String(value)) ?? [];
  return Number(number) * { s: 1000, m: 60_000, h: 3_600_000, '': 1000 }[unit as 's' | 'm' | 'h' | ''];
}
