import { describeHolder, type LastChange, type StoredSubscription } from '../domain/record.ts';
import type { IntactRecord } from './inventory.ts';

/** What may be said of a secret: never the secret. */
export interface SecretFacts {
  readonly is_stored: boolean;
  /** ISO 8601; `null` where nobody knows since when it is in use. */
  readonly created_at: string | null;
  /** By the API server's clock. */
  readonly age_seconds: number | null;
}

/** What a record says, without its secrets. Times are ISO 8601, the API server's. */
export interface RecordFacts {
  readonly subscription_id: string | null;
  readonly secret: SecretFacts | null;
  /** The subscription that is to take over. */
  readonly next: {
    readonly subscription_id: string;
    readonly secret: SecretFacts;
    readonly is_deactivated: boolean;
    /** Since when receivers can know its secret. */
    readonly ready_at: string | null;
    readonly is_compromised: boolean;
  } | null;
  /** The secret before the current one. */
  readonly previous: {
    readonly subscription_id: string;
    readonly is_stored: boolean;
    readonly retired_at: string;
    /** When it is taken out of the record. */
    readonly forgotten_at: string | null;
  } | null;
  /** A subscription that is not ours and is being replaced with consent. */
  readonly replaces: string | null;
  /** What is about to be created, by whom, and until when. */
  readonly intent: {
    readonly marked_url: string;
    readonly deadline: string;
    readonly holder: string;
    readonly is_abandoned: boolean;
  } | null;
  readonly retired: { readonly at: string; readonly is_deactivated: boolean } | null;
  readonly prevent_destroy: boolean;
  readonly applied_from: {
    readonly content_hash: string;
    readonly revision: string | null;
    readonly holder: string;
    readonly at: string;
  } | null;
  readonly last_change: LastChange | null;
}

/** `serverTime` in milliseconds since the epoch, `keepPrevious` in milliseconds. */
export function recordFacts(
  { record, isIntentAbandoned }: IntactRecord,
  serverTime: number,
  keepPrevious: number,
): RecordFacts {
  const { current, next, previous, retire, intent, retired, applied_from: from } = record;
  return {
    subscription_id: current?.subscription_id ?? null,
    secret: current && secretFacts(current, serverTime),
    next: next && {
      subscription_id: next.subscription_id,
      secret: secretFacts(next, serverTime),
      is_deactivated: next.deactivated,
      ready_at: next.ready_at,
      is_compromised: next.compromised,
    },
    previous: previous && {
      subscription_id: previous.subscription_id,
      is_stored: previous.signing_secret !== null,
      retired_at: previous.retired_at,
      forgotten_at: timeAfter(previous.retired_at, keepPrevious),
    },
    replaces: retire?.subscription_id ?? null,
    intent: intent && {
      marked_url: intent.marked_url,
      deadline: intent.deadline,
      holder: describeHolder(intent.holder),
      is_abandoned: isIntentAbandoned,
    },
    retired: retired && { at: retired.at, is_deactivated: retired.deactivated },
    prevent_destroy: record.prevent_destroy,
    applied_from: from && {
      content_hash: from.content_hash,
      revision: from.revision,
      holder: describeHolder(from.holder),
      at: from.server_time,
    },
    last_change: record.last_change,
  };
}

export function secretFacts(
  { signing_secret, created_at }: StoredSubscription,
  serverTime: number,
): SecretFacts {
  const made = Date.parse(created_at);
  // An adopted one whose age the API does not tell is recorded as of 1970.
  const isKnown = made > 0;
  return {
    is_stored: signing_secret !== null,
    created_at: isKnown ? created_at : null,
    age_seconds: isKnown ? Math.max(0, Math.floor((serverTime - made) / 1000)) : null,
  };
}

function timeAfter(time: string, ms: number): string | null {
  const after = new Date(Date.parse(time) + ms);
  return Number.isNaN(after.getTime()) ? null : after.toISOString();
}
