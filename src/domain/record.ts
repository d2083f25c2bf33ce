import type { Secret } from './secret.ts';
import type { SubscriptionFields } from './subscription.ts';

/** The schema of records that this program writes; a record of a higher one is intact and not ours to write. */
export const RECORD_SCHEMA = 1;

/** The reserved name of the installation's own record; no entry can have it. */
export const INSTALLATION_NAME = '_installation';

/** A process that writes records. Two are the same when all fields but `mode` are. */
export interface Holder {
  readonly host: string;
  /** Kernel boot id and process-id namespace, so that a process id is only ever judged where it means the same. */
  readonly boot: string;
  readonly pid: number;
  /** When the process started, in the kernel's own count; empty where the system does not tell. */
  readonly started: string;
  /** `sync` ends after one pass; `run` comes back. */
  readonly mode: 'sync' | 'run';
}

/** A subscription and the secret that belongs to it, always written together. */
export interface StoredSubscription {
  readonly subscription_id: string;
  readonly target_url: string;
  /** `null` where it is not known any more. */
  readonly signing_secret: Secret | null;
  /** ISO 8601, the API server's time. */
  readonly created_at: string;
}

/** How a replacement can end: the new subscription takes over, or is given up. */
export const ENDINGS = ['switch', 'drop'] as const;

/** The subscription that is to take over, while it overlaps with the current one. */
export interface Replacement extends StoredSubscription {
  /** It was we who deactivated it, so that nothing is delivered twice while receivers learn its secret. */
  readonly deactivated: boolean;
  /** Since when receivers can know its secret (ISO 8601, the API server's time); `null` before it has come to rest. */
  readonly ready_at: string | null;
  /** The secret that it replaces is in wrong hands: there is no overlap, and the old secret is not kept. */
  readonly compromised: boolean;
  /** How it ends, once a process has decided on it: from then on there is no way back. */
  readonly ending: (typeof ENDINGS)[number] | null;
}

/** What is about to be created; written before the POST. */
export interface Intent {
  readonly marked_url: string;
  /** ISO 8601, the API server's time; until then another holder leaves the entry alone. */
  readonly deadline: string;
  readonly holder: Holder;
}

/** Who applied the fields last, and from which content of the file. */
export interface AppliedFrom {
  readonly content_hash: string;
  readonly revision: string | null;
  readonly holder: Holder;
  /** ISO 8601, the API server's time. */
  readonly server_time: string;
}

/** What was done to an entry last, for people. */
export const CHANGES = [
  'created',
  'created-again',
  'changed-in-file',
  'drift-reverted',
  'replaced',
  'renamed',
  'adopted',
  'retired',
  'revived',
] as const;
export interface LastChange {
  readonly what: (typeof CHANGES)[number];
  /** ISO 8601, the API server's time. */
  readonly at: string;
  /** The revision of the file that it was done from, where that is known. */
  readonly revision: string | null;
}

/** The one record of an entry: ownership and secret in one place, written atomically. */
export interface EntryRecord {
  readonly schema: typeof RECORD_SCHEMA;
  readonly name: string;
  readonly owner: string;
  readonly current: StoredSubscription | null;
  /** The replacement, while it overlaps. */
  readonly next: Replacement | null;
  /** A subscription that is not ours and that we have consent to replace. */
  readonly retire: { readonly subscription_id: string } | null;
  /** The secret before the current one; receivers may still see deliveries signed with it. */
  readonly previous: {
    readonly subscription_id: string;
    readonly signing_secret: Secret | null;
    /** ISO 8601, the API server's time. */
    readonly retired_at: string;
  } | null;
  readonly intent: Intent | null;
  readonly applied: SubscriptionFields | null;
  /** Kept here, so that the protection outlives the entry in the file. */
  readonly prevent_destroy: boolean;
  /** It left the file and is deactivated, until it is deleted for good. */
  readonly retired: {
    /** ISO 8601, the API server's time. */
    readonly at: string;
    /** It was active before, so that adding the entry again activates it. */
    readonly deactivated: boolean;
  } | null;
  readonly applied_from: AppliedFrom | null;
  readonly last_change: LastChange | null;
}

/** No writes to an entry of an owner, or (name `null`) to any of its entries. */
export interface Pause {
  readonly owner: string;
  readonly name: string | null;
  /** ISO 8601, the API server's time; `null`: until somebody resumes. */
  readonly until: string | null;
  /** Why, in words; only a move of the records gives one. */
  readonly reason: string | null;
}

/** The installation's own record: its id, which marks carry, and the account's phone lines. */
export interface InstallationRecord {
  readonly schema: typeof RECORD_SCHEMA;
  readonly name: typeof INSTALLATION_NAME;
  /** Lower-case letters and digits; random, made at the first write into the sink. */
  readonly id: string;
  /** Sorted ids of `GET /v3/phone_numbers`; empty where they were not known. */
  readonly line_ids: readonly string[];
  /** Sorted by owner and name, one for each. Here, because every process reads it at every pass. */
  readonly pauses: readonly Pause[];
}

/** An entry's record with nothing in it yet. */
export function emptyRecord(name: string, owner: string): EntryRecord {
  return {
    schema: RECORD_SCHEMA,
    name,
    owner,
    current: null,
    next: null,
    retire: null,
    previous: null,
    intent: null,
    applied: null,
    prevent_destroy: false,
    retired: null,
    applied_from: null,
    last_change: null,
  };
}

/** Whether the record names no subscription and no unfinished work: nothing is lost when it goes. */
export function isVacant(record: EntryRecord): boolean {
  return record.current === null && record.next === null && record.retire === null && record.intent === null;
}

/** The ids of all subscriptions that the record makes ours. */
export function ownedIds({ current, next }: EntryRecord): readonly string[] {
  if (next === null) return current === null ? [] : [current.subscription_id];
  return current === null ? [next.subscription_id] : [current.subscription_id, next.subscription_id];
}

/** What tells one process from every other, for a map; how it came to run does not count. */
export function holderKey({ pid, started, boot, host }: Holder): string {
  return `${pid}\n${started}\n${boot}\n${host}`;
}

export function isSameHolder(a: Holder, b: Holder): boolean {
  return holderKey(a) === holderKey(b);
}

/** A holder in words, for messages. */
export function describeHolder(holder: Holder): string {
  return `process ${holder.pid} on ${holder.host}`;
}
