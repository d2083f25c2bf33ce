/*
 * One token for all requests.
 *
 *   none ─acquire─▶ fresh ──2/3 of its life──▶ due ─renew─▶ fresh      (its life grew again to at least half)
 *                     │                         │
 *                     │                         └─ not renewable, refused, or hardly grown ─acquire─▶ fresh
 *                     └─ 403 ─acquire, at most once in 30 s─▶ fresh    (a policy may have changed: never just looked up)
 *
 * Acquiring and renewing are single-flight and happen when a request wants the token; nothing runs by a timer.
 * So there is one login at the start, at most one for each two thirds of a token's TTL, and one in 30 s while requests
 * are refused (docs/vault.md says it for steady use).
 */
import { SinkError } from '../../domain/errors.ts';
import type { Secret } from '../../domain/secret.ts';
import { isRefusedLogin, readAuth, type IssuedToken, type TokenSource } from './login.ts';
import type { VaultClient } from './vault-client.ts';

export interface TokenKeeper {
  /** The token to send. Fails with `SinkError` where there is none to be had. */
  current(): Promise<Secret>;
  /** After a 403 with `refused`: another token to try, or undefined where there is none, or not yet. */
  replace(refused: Secret): Promise<Secret | undefined>;
}

export interface TokenKeeperOptions {
  readonly client: VaultClient;
  readonly source: TokenSource;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

const REPLACE_PAUSE_MS = 30_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

interface Held extends IssuedToken {
  readonly stamp: string | undefined;
  /** The life it was issued with. */
  readonly fullTtlMs: number | null;
  readonly expiresAt: number;
  /** When to renew it or to get another one. */
  readonly dueAt: number;
}

export function createTokenKeeper(options: TokenKeeperOptions): TokenKeeper {
  const { client, source, now } = options;
  const acquire = withPauses(source, options);
  let held: Held | undefined;
  let underWay: Promise<Held> | undefined;
  let replacedAt = Number.NEGATIVE_INFINITY;

  async function acquireNow(): Promise<Held> {
    const startedAt = now();
    const stamp = await source.stamp();
    const issued = await acquire();
    client.hide(issued.token);
    return hold(issued, stamp, issued.ttlMs, startedAt);
  }

  /** Undefined where the server refuses, or the token's life is near its limit. */
  async function renew(token: Held): Promise<Held | undefined> {
    const startedAt = now();
    const action = 'renew the Vault token';
    const call = { action, method: 'POST', path: 'auth/token/renew-self', body: {} } as const;
    const reply = await client.call({ ...call, token: token.token, namespace: source.namespace });
    if (reply.kind === 'refused') return undefined;
    const issued = readAuth(reply.body, action);
    const hasGrown = issued.ttlMs === null || issued.ttlMs >= (token.fullTtlMs ?? 0) / 2;
    return hasGrown ? hold(issued, token.stamp, token.fullTtlMs, startedAt) : undefined;
  }

  async function refresh(due: Held | undefined): Promise<Held> {
    const isStillGood = due !== undefined && now() < due.expiresAt;
    try {
      const renewed = isStillGood && due.isRenewable ? await renew(due) : undefined;
      return renewed ?? (await acquireNow());
    } catch (error) {
      // While the old token works, a server that cannot be reached for a moment takes nothing away.
      if (!(error instanceof SinkError) || due === undefined || now() >= due.expiresAt) throw error;
      return { ...due, dueAt: now() + Math.max((due.expiresAt - now()) / 3, FIRST_PAUSE_MS) };
    }
  }

  function once(operation: () => Promise<Held>): Promise<Held> {
    underWay ??= operation()
      .then((next) => (held = next))
      .finally(() => (underWay = undefined));
    return underWay;
  }

  return {
    async current() {
      const stamp = await source.stamp();
      // A file that cannot be seen for a moment does not take its token away.
      const isOther = held !== undefined && stamp !== undefined && stamp !== held.stamp;
      if (held !== undefined && !isOther && now() < held.dueAt) return held.token;
      const due = isOther ? undefined : held;
      return (await once(() => refresh(due))).token;
    },
    async replace(refused) {
      // What is under way may be a mere renewal of the very token that was refused.
      while (underWay !== undefined) await underWay;
      if (held !== undefined && !held.token.equals(refused)) return held.token;
      if (now() - replacedAt < REPLACE_PAUSE_MS) return undefined;
      replacedAt = now();
      const { token } = await once(acquireNow);
      return token.equals(refused) ? undefined : token;
    },
  };
}

function hold(
  issued: IssuedToken,
  stamp: string | undefined,
  fullTtlMs: number | null,
  startedAt: number,
): Held {
  const { ttlMs } = issued;
  const life = ttlMs ?? Number.POSITIVE_INFINITY;
  return { ...issued, stamp, fullTtlMs, expiresAt: startedAt + life, dueAt: startedAt + (life * 2) / 3 };
}

/** After a refused login the next one is not sent at once, however many want a token: its failure is theirs too. */
function withPauses(source: TokenSource, { now, random }: TokenKeeperOptions): () => Promise<IssuedToken> {
  if (!source.isLogin) return () => source.acquire();
  let failures = 0;
  let last: { error: SinkError; until: number } | undefined;
  return async () => {
    if (last !== undefined && now() < last.until) throw last.error;
    try {
      const issued = await source.acquire();
      failures = 0;
      last = undefined;
      return issued;
    } catch (error) {
      if (!isRefusedLogin(error)) throw error;
      failures += 1;
      const ceiling = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
      last = { error, until: now() + ceiling * (0.5 + random() / 2) };
      throw error;
    }
  };
}
