import { randomBytes } from 'node:crypto';

/** A token as the server keeps it. Times in ms since the epoch of the server's clock. */
export interface FakeToken {
  readonly id: string;
  readonly policies: readonly string[];
  readonly ttlMs: number;
  /** It cannot be renewed beyond this. */
  readonly maxAt: number;
  readonly isRenewable: boolean;
  readonly isBatch: boolean;
  expiresAt: number;
  usesLeft: number | undefined;
}

export interface TokenStore {
  readonly root: string;
  /** The server's clock. */
  readonly now: () => number;
  /** Live tokens by id. */
  find(id: string): FakeToken | undefined;
  issue(options: {
    policies: readonly string[];
    ttlMs: number;
    maxTtlMs?: number | undefined;
    isBatch?: boolean;
    uses?: number | undefined;
  }): FakeToken;
  /** Extends up to the maximum. */
  renew(token: FakeToken): void;
  revoke(id: string): void;
  revokeAll(): void;
}

export function createTokenStore(now: () => number): TokenStore {
  const tokens = new Map<string, FakeToken>();
  const root = 'root-token-of-the-fake';
  const never = Number.POSITIVE_INFINITY;
  const rootToken: FakeToken = {
    id: root,
    policies: ['root'],
    ttlMs: 0,
    maxAt: never,
    isRenewable: false,
    isBatch: false,
    expiresAt: never,
    usesLeft: undefined,
  };
  tokens.set(root, rootToken);
  return {
    root,
    now,
    find(id) {
      const token = tokens.get(id);
      return token !== undefined && now() < token.expiresAt ? token : undefined;
    },
    issue({ policies, ttlMs, maxTtlMs, isBatch = false, uses }) {
      const id = `hvs.${randomBytes(16).toString('base64url')}`;
      const maxAt = maxTtlMs === undefined ? never : now() + maxTtlMs;
      const expiresAt = ttlMs === 0 ? never : Math.min(now() + ttlMs, maxAt);
      const isRenewable = !isBatch && ttlMs > 0;
      const token = { id, policies, ttlMs, maxAt, isRenewable, isBatch, expiresAt, usesLeft: uses };
      tokens.set(id, token);
      return token;
    },
    renew(token) {
      token.expiresAt = Math.min(now() + token.ttlMs, token.maxAt);
    },
    revoke: (id) => void tokens.delete(id),
    revokeAll() {
      tokens.clear();
      tokens.set(root, rootToken);
    },
  };
}
