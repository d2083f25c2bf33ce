import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Secret } from '../domain/secret.ts';
import { normaliseUrl } from '../domain/target-url.ts';
import type { Switches } from './switches.ts';

/** A subscription as the emulator holds it: the truth, secret included. Times are milliseconds since the epoch. */
export interface EmulatedSubscription {
  readonly id: string;
  readonly target_url: string;
  readonly subscribed_events: readonly string[];
  /** `null`: every line. */
  readonly phone_numbers: readonly string[] | null;
  readonly is_active: boolean;
  readonly routing_key_header: string | null;
  readonly routing_id_header: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly signing_secret: Secret;
}

/** A line of the account, under the API's names. */
export interface EmulatedLine {
  readonly id: string;
  readonly phone_number: string;
  readonly forwarding_number: string | null;
}

interface Change {
  readonly id: string;
  readonly before: EmulatedSubscription | undefined;
}

/** The state of one account. Change it through the functions of this file only: they keep the index and the past. */
export interface Account {
  readonly subscriptions: Map<string, EmulatedSubscription>;
  /** Normalised URL → ids. */
  readonly idsByUrl: Map<string, Set<string>>;
  /** The newest changes, each with what stood there before. */
  readonly changes: Change[];
  readonly apiKeys: Set<string>;
  lines: readonly EmulatedLine[];
  switches: Switches;
  /** Milliseconds since the epoch, by the server's clock. */
  now: () => number;
  /** Shuffled lists so far. */
  shuffles: number;
}

const REMEMBERED_CHANGES = 1000;

/** An account without subscriptions and lines. */
export function createAccount(options: {
  switches: Switches;
  apiKeys: readonly string[];
  now: () => number;
}): Account {
  return {
    subscriptions: new Map(),
    idsByUrl: new Map(),
    changes: [],
    apiKeys: new Set(options.apiKeys),
    lines: [],
    switches: options.switches,
    now: options.now,
    shuffles: 0,
  };
}

/** A secret as Linq makes them: `whsec_` and base64 of 32 random bytes. */
function newSigningSecret(): Secret {
  return new Secret(`whsec_${randomBytes(32).toString('base64')}`);
}

/** A new, active subscription for every line; the caller sets the rest and stores it with `put`. */
export function newSubscription(account: Account, targetUrl: string): EmulatedSubscription {
  const now = account.now();
  return {
    id: randomUUID(),
    target_url: storedUrl(account, targetUrl),
    subscribed_events: [],
    phone_numbers: null,
    is_active: true,
    routing_key_header: null,
    routing_id_header: null,
    created_at: now,
    updated_at: now,
    signing_secret: newSigningSecret(),
  };
}

/** The form in which the account stores `url`. */
export function storedUrl(account: Account, url: string): string {
  return account.switches.normalisesUrls ? normaliseUrl(url) : url;
}

/** Stores `subscription` under its id, whatever stands there. No rule of the API is checked. */
export function put(account: Account, subscription: EmulatedSubscription): void {
  const before = account.subscriptions.get(subscription.id);
  remember(account, { id: subscription.id, before });
  if (before) unindex(account, before);
  const key = normaliseUrl(subscription.target_url);
  const ids = account.idsByUrl.get(key) ?? new Set<string>();
  account.idsByUrl.set(key, ids.add(subscription.id));
  account.subscriptions.set(subscription.id, subscription);
}

/** Removes a subscription for good; false where there is none. */
export function remove(account: Account, id: string): boolean {
  const before = account.subscriptions.get(id);
  if (!before) return false;
  remember(account, { id, before });
  unindex(account, before);
  return account.subscriptions.delete(id);
}

/** Whether another subscription stands in the way of `subscription` having its URL, by the account's switches. */
export function isUrlTaken(account: Account, subscription: EmulatedSubscription): boolean {
  const { allowDuplicates, inactiveHoldsUrl, normalisesUrls } = account.switches;
  if (allowDuplicates || !(subscription.is_active || inactiveHoldsUrl)) return false;
  const ids = account.idsByUrl.get(normaliseUrl(subscription.target_url)) ?? [];
  for (const id of ids) {
    const other = account.subscriptions.get(id);
    if (other === undefined || id === subscription.id) continue;
    const isSame = normalisesUrls || other.target_url === subscription.target_url;
    if (isSame && (other.is_active || inactiveHoldsUrl)) return true;
  }
  return false;
}

/**
 * The subscriptions in the order of their creation, as they were `writes` writes ago: 0 for now, at most the
 * last 1,000 are remembered.
 */
export function listSubscriptions(account: Account, writes = 0): EmulatedSubscription[] {
  const past = new Map(account.subscriptions);
  const undone = account.changes.slice(Math.max(0, account.changes.length - writes));
  for (const { id, before } of undone.reverse()) {
    if (before) past.set(id, before);
    else past.delete(id);
  }
  return [...past.values()].sort((a, b) => a.created_at - b.created_at);
}

/** A line with the id that belongs to its number, so that a restarted emulator is still the same account. */
export function lineOf(phoneNumber: string): EmulatedLine {
  const digest = createHash('sha256').update(phoneNumber).digest('hex');
  const id = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `4${digest.slice(13, 16)}`,
    `8${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
  return { id, phone_number: phoneNumber, forwarding_number: null };
}

function remember(account: Account, change: Change): void {
  account.changes.push(change);
  if (account.changes.length > REMEMBERED_CHANGES) account.changes.shift();
}

function unindex(account: Account, subscription: EmulatedSubscription): void {
  const key = normaliseUrl(subscription.target_url);
  const ids = account.idsByUrl.get(key);
  ids?.delete(subscription.id);
  if (ids?.size === 0) account.idsByUrl.delete(key);
}
