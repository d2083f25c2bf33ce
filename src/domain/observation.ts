import type { EntryRecord, InstallationRecord } from './record.ts';
import type { LiveSubscription, PhoneLine } from './subscription.ts';

/**
 * What the sink says under one name. `unreadable`: damaged, of a newer schema, or of another owner;
 * the ids that could still be made out are not ours to touch.
 */
export type ObservedRecord =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'intact';
      readonly record: EntryRecord;
      /** The holder of the intent is a process of this host that no longer runs, or this process itself. */
      readonly isIntentAbandoned: boolean;
      /** The holder in `applied_from` is this process, or a process of this host that no longer runs. */
      readonly isApplierGone: boolean;
    }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'foreign'; readonly reason: string }
  | { readonly kind: 'newer'; readonly schema: number }
  | {
      readonly kind: 'other-owner';
      readonly owner: string;
      readonly ids: readonly string[];
      readonly marked_url: string | null;
    };

/** What is: the whole list and all records, read at one moment. */
export interface Observation {
  /**
   * Every live subscription, ours and foreign. An id in one of our records that is not here is gone:
   * GET by id said 404 after the list was read.
   */
  readonly subscriptions: readonly LiveSubscription[];
  /** Every name that the sink lists, and every name that the file declares. */
  readonly records: ReadonlyMap<string, ObservedRecord>;
  readonly installation: InstallationRecord | null;
  /** `null` where the endpoint failed; the failure is among the warnings. */
  readonly lines: readonly PhoneLine[] | null;
  /** The live catalogue of event names; `null` where the endpoint failed. */
  readonly events: readonly string[] | null;
  /** Milliseconds since the epoch by the API server's `Date` header, else by the local clock. */
  readonly serverTime: number;
  readonly warnings: readonly string[];
}
