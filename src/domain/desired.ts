import type { SubscriptionFields } from './subscription.ts';

/** One entry of `subscriptions.yaml`, with the file's defaults filled in. */
export interface DesiredEntry {
  /** The entry's identity and its key in the sink. */
  readonly name: string;
  readonly fields: SubscriptionFields;
  /** Names under which this entry stood in the file before; none of them is an entry now. */
  readonly previously: readonly string[];
  readonly prevent_destroy: boolean;
  /** The age at which the secret is replaced, in milliseconds; `null`: never by itself. */
  readonly rotate_after: number | null;
}

/** What a valid subscriptions file says. */
export interface Declared {
  /** Sorted by name. */
  readonly entries: readonly DesiredEntry[];
  /** True where the file says `allow_empty: true`: consent to delete everything we own. */
  readonly allow_empty: boolean;
}

/** What should exist: what a file says, and which file that was. */
export interface Desired extends Declared {
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly content_hash: string;
  /** The commit that git-sync's link names, where the file is delivered so. */
  readonly revision: string | null;
}
