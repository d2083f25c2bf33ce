import { randomUUID } from 'node:crypto';
import { Secret } from '../domain/secret.ts';
import type { SubscriptionFields } from '../domain/subscription.ts';
import { lineOf, newSubscription, put, storedUrl } from './account.ts';
import type { Account, EmulatedLine, EmulatedSubscription } from './account.ts';

/** A subscription as a seed or an external edit gives it. None of the API's rules is checked. */
export interface SeedSubscription extends Omit<SubscriptionFields, 'phone_numbers'> {
  readonly id?: string;
  readonly phone_numbers?: readonly string[] | null;
  /** ISO 8601. */
  readonly created_at?: string;
  readonly signing_secret?: string;
}

/** A line; a number alone gets an id that belongs to the number. */
export type SeedLine =
  | string
  | { readonly id?: string; readonly phone_number: string; readonly forwarding_number?: string | null };

/** What an emulated account holds at its start. */
export interface Seed {
  readonly subscriptions: readonly SeedSubscription[];
  readonly lines: readonly SeedLine[];
}

/** An account as one finds it: Linq's own two subscriptions, one that a person made by hand, and three lines. */
export function exampleSeed(): Seed {
  return {
    lines: ['+12025550101', '+12025550102', '+12025550103'],
    subscriptions: [
      {
        target_url: 'https://webhook.linqapp.com/welcome',
        subscribed_events: ['chat.created'],
        created_at: '2026-01-12T09:00:00Z',
      },
      {
        target_url: `https://webhook.linqapp.com/relay/${randomUUID()}`,
        subscribed_events: ['message.received', 'message.sent', 'reaction.added'],
        created_at: '2026-09-01T14:20:05Z',
      },
      {
        target_url: 'https://crm.example.net/hooks/linq?version=2025-01-01',
        subscribed_events: ['message.received', 'message.failed'],
        phone_numbers: ['+12025550103'],
        created_at: '2026-03-02T16:45:30Z',
      },
    ],
  };
}

/** Fills `account` with the seed's lines and subscriptions. */
export function plant(account: Account, seed: Seed): void {
  account.lines = seed.lines.map(seedLine);
  for (const subscription of seed.subscriptions) plantSubscription(account, subscription);
}

/** Stores one subscription as given, over one that has its id; returns the id. What is not given is as after a POST. */
export function plantSubscription(account: Account, given: SeedSubscription): string {
  const { created_at, signing_secret, ...fields } = given;
  const fresh = newSubscription(account, given.target_url);
  const createdAt = created_at === undefined ? fresh.created_at : Date.parse(created_at);
  const planted: EmulatedSubscription = {
    ...fresh,
    ...fields,
    ...filterOf(given),
    target_url: fresh.target_url,
    created_at: createdAt,
    updated_at: createdAt,
    signing_secret: signing_secret === undefined ? fresh.signing_secret : new Secret(signing_secret),
  };
  put(account, planted);
  return planted.id;
}

/** Changes the given fields of a subscription as someone else would; false where there is none. */
export function patchSubscription(
  account: Account,
  id: string,
  patch: Partial<Omit<SeedSubscription, 'id'>>,
): boolean {
  const before = account.subscriptions.get(id);
  if (!before) return false;
  const { created_at, signing_secret, ...fields } = patch;
  put(account, {
    ...before,
    ...fields,
    ...filterOf(patch),
    id,
    target_url: storedUrl(account, patch.target_url ?? before.target_url),
    created_at: created_at === undefined ? before.created_at : Date.parse(created_at),
    updated_at: account.now(),
    signing_secret: signing_secret === undefined ? before.signing_secret : new Secret(signing_secret),
  });
  return true;
}

/** The line that a seed means. */
export function seedLine(line: SeedLine): EmulatedLine {
  return typeof line === 'string' ? lineOf(line) : { ...lineOf(line.phone_number), ...line };
}

function filterOf({ phone_numbers }: Partial<SeedSubscription>): {
  phone_numbers?: readonly string[] | null;
} {
  if (phone_numbers === undefined) return {};
  return { phone_numbers: phone_numbers?.length ? phone_numbers : null };
}
