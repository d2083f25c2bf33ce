import type { SubscriptionFields, SubscriptionPatch, FieldName, LiveSubscription } from './subscription.ts';

/** What becomes of an entry's secret. */
type SecretFate = 'new' | 'kept' | 'discarded' | 'moved' | 'none';

/**
 * Why a field is written: the file changed, somebody changed it behind our back, we never applied it, or the entry is
 * back after it was retired.
 */
export type ChangeReason = 'changed-in-file' | 'drifted' | 'differs' | 'revived';

/** One field of an update. `prevent_destroy` lives in the record only. */
export interface FieldChange {
  readonly field: FieldName | 'prevent_destroy';
  readonly reason: ChangeReason;
  readonly before: FieldValue;
  readonly after: FieldValue;
}

export type FieldValue = string | readonly string[] | boolean | null;

interface OperationBase {
  /** Unique in the plan, the same for equal inputs: `update billing`. */
  readonly key: string;
  /** Keys of operations that must have succeeded before. */
  readonly after: readonly string[];
  readonly secret: SecretFate;
}

/** A new subscription for an entry, by the create protocol. */
export interface CreateOperation extends OperationBase {
  readonly kind: 'create';
  readonly name: string;
  readonly reason: 'new' | 'deleted-outside' | 'record-lost';
  readonly fields: SubscriptionFields;
  readonly prevent_destroy: boolean;
}

/** A PUT of the fields that differ. An empty patch writes the record only. */
export interface UpdateOperation extends OperationBase {
  readonly kind: 'update';
  readonly name: string;
  readonly subscription_id: string;
  readonly reason: ChangeReason;
  readonly changes: readonly FieldChange[];
  readonly patch: SubscriptionPatch;
  /** The fields as they stand in the file, for the record. */
  readonly fields: SubscriptionFields;
  readonly prevent_destroy: boolean;
}

/** Moves a subscription to a marked URL, to break a cycle of entries that want each other's URL. */
export interface MakeWayOperation extends OperationBase {
  readonly kind: 'make-way';
  readonly name: string;
  /** Key of the update that brings it to its own URL afterwards. */
  readonly before: string;
  readonly subscription_id: string;
  readonly target_url: string;
}

/** Removes a subscription and its record; `before: null` where it is gone already. */
export interface DeleteOperation extends OperationBase {
  readonly kind: 'delete';
  /** `null` for a foreign one, under `prune: all`. */
  readonly name: string | null;
  readonly subscription_id: string | null;
  readonly before: LiveSubscription | null;
  /** The one that was to take over, where a replacement is under way; it goes too. */
  readonly replacement_id: string | null;
  readonly reason: 'left-the-file' | 'retired' | 'foreign';
}

/** Deactivates what left the file, before it is deleted for good; a replacement under way is given up. */
export interface RetireOperation extends OperationBase {
  readonly kind: 'retire';
  readonly name: string;
  /** The one that stays for now. */
  readonly subscription_id: string;
  readonly before: LiveSubscription;
  /** The one that was to take over, where it is live beside the other. */
  readonly replacement_id: string | null;
}

/** Moves a record to the entry's new name; nothing is called. */
export interface RenameOperation extends OperationBase {
  readonly kind: 'rename';
  readonly name: string;
  readonly from: string;
  /** The record under the new name is there already: an interrupted rename is finished. */
  readonly isInterrupted: boolean;
  /**
   * Of an interrupted one: what was begun under the old name and is live, to replace the subscription. It moves along; where
   * one was begun under the new name as well, that one goes on, and this one is deleted.
   */
  readonly replacement_id: string | null;
}

/** Cleans up an interrupted create: claim, delete what is live at the marked URL, clear the intent. */
export interface RecoverOperation extends OperationBase {
  readonly kind: 'recover';
  readonly name: string;
  /** What is live at the marked URL, if anything. */
  readonly subscription_id: string | null;
}

/** Deletes what a late or interrupted request left: it carries our mark and no record knows it. */
export interface CollectOperation extends OperationBase {
  readonly kind: 'collect';
  readonly subscription_id: string;
  readonly target_url: string;
}

/** Where a replacement goes on; reconcile/replace.ts has the drawing. `drop`: its new subscription is gone. */
export const REPLACE_STEPS = ['begin', 'rest', 'switch', 'finish', 'drop'] as const;
export type ReplaceStep = (typeof REPLACE_STEPS)[number];

/** A new subscription in place of another, without a gap. */
export interface ReplaceOperation extends OperationBase {
  readonly kind: 'replace';
  readonly name: string;
  /** Why it is begun; `under-way` for every later step. */
  readonly reason: 'unowned' | 'secret-lost' | 'asked' | 'age' | 'under-way';
  readonly step: ReplaceStep;
  /** The one that goes: ours, or with consent a foreign one; `null` where it is gone already. */
  readonly subscription_id: string | null;
  /** The one that comes; `null` before it is made. */
  readonly replacement_id: string | null;
  readonly fields: SubscriptionFields;
  /** What it ends as. */
  readonly is_active: boolean;
  /** How long both exist, so that receivers can learn the new secret, in milliseconds. */
  readonly overlap: number;
  /** Whether the old secret stays in the record for a while. */
  readonly keeps_previous: boolean;
  readonly prevent_destroy: boolean;
}

/** What a record remembers for a time only: the secret before, and that the entry was retired. */
export type Remembered = 'previous' | 'retired';

/** Takes out of a record what it has remembered for long enough. */
export interface ForgetOperation extends OperationBase {
  readonly kind: 'forget';
  readonly name: string;
  readonly forgets: readonly Remembered[];
}

export type Operation =
  | CreateOperation
  | UpdateOperation
  | MakeWayOperation
  | DeleteOperation
  | RetireOperation
  | RenameOperation
  | RecoverOperation
  | CollectOperation
  | ReplaceOperation
  | ForgetOperation;

export type OperationKind = Operation['kind'];
