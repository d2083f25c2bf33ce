import { RequestError } from '../domain/errors.ts';
import type {
  ChangeReason,
  CollectOperation,
  DeleteOperation,
  ForgetOperation,
  MakeWayOperation,
  RecoverOperation,
  RenameOperation,
  RetireOperation,
  UpdateOperation,
} from '../domain/operation.ts';
import { ownedIds, type EntryRecord, type LastChange } from '../domain/record.ts';
import type { OperationResult } from '../domain/report.ts';
import type { SubscriptionPatch } from '../domain/subscription.ts';
import { makeMark, markOf, markUrl } from '../domain/target-url.ts';
import { serverTime, type ApplyContext } from './context.ts';
import { deleteMarked, takenResult } from './create.ts';
import { appliedFrom, changed, claimRecord, clearIntent } from './claim.ts';
import { failure } from './results.ts';
import { isUnclaimed } from './unclaimed.ts';

/*
 * Everything but creating. Each begins with a conditional write of the record, so that a process whose
 * view is stale stops before it calls the API; and each leaves, wherever it is cut off, a state that the
 * matching table knows.
 */

const DONE: OperationResult = { status: 'done' };
const WHAT: Readonly<Record<ChangeReason, LastChange['what']>> = {
  'changed-in-file': 'changed-in-file',
  differs: 'changed-in-file',
  drifted: 'drift-reverted',
  revived: 'revived',
};
const CLAIMED: OperationResult = { status: 'skipped', reason: 'a record names it, or may name it' };

/**
 * Claim, PUT, then what was applied: cut off in between, the fields count as not applied yet, and the next
 * pass applies them again. What only the record holds needs no claim.
 */
export async function updateEntry(
  operation: UpdateOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  const { name, subscription_id, patch, fields, prevent_destroy } = operation;
  if (Object.keys(patch).length > 0) {
    await claimRecord(context, recordOf(name, context));
    const refusal = await tryUpdate(subscription_id, patch, context);
    if (refusal) return refusal;
  }
  const { current, ...record } = recordOf(name, context);
  await context.records.write({
    ...record,
    current: current && { ...current, target_url: fields.target_url },
    applied: fields,
    prevent_destroy,
    applied_from: appliedFrom(context),
    last_change: changed(WHAT[operation.reason], context),
  });
  return DONE;
}

async function tryUpdate(
  id: string,
  patch: SubscriptionPatch,
  context: ApplyContext,
): Promise<OperationResult | undefined> {
  try {
    await context.writer.updateSubscription(id, patch);
    return undefined;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const { target_url } = patch;
    const taken = target_url === undefined ? undefined : await takenResult(target_url, id, error, context);
    return taken ?? failure(error);
  }
}

/** Moves the subscription to a marked URL. Its id is in the record, so the mark is only a difference to repair. */
export async function makeWay(operation: MakeWayOperation, context: ApplyContext): Promise<OperationResult> {
  await claimRecord(context, recordOf(operation.name, context));
  const target_url = markUrl(operation.target_url, makeMark(context.installation, context.unique()));
  await context.writer.updateSubscription(operation.subscription_id, { target_url });
  return DONE;
}

/**
 * Claim, DELETE, then the record: cut off in between, the record still names what is left to delete.
 * A foreign one has no record to claim; it is looked for in all of them instead.
 */
export async function deleteEntry(
  operation: DeleteOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  const { name, subscription_id, before, replacement_id } = operation;
  const isForeign = name === null && subscription_id !== null;
  if (isForeign && !(await isUnclaimed(subscription_id, null, context.sink))) return CLAIMED;
  const isAnythingLive = before !== null || replacement_id !== null;
  if (name !== null && isAnythingLive) await claimRecord(context, recordOf(name, context));
  if (replacement_id !== null) await context.writer.deleteSubscription(replacement_id);
  if (subscription_id !== null && before !== null) await context.writer.deleteSubscription(subscription_id);
  if (name !== null && context.records.get(name) !== null) await context.records.remove(name);
  return DONE;
}

/**
 * Claim with the retirement in it, DELETE what was to take over, then PUT: cut off in between, the record says that it
 * is to be inactive, and the next pass goes on. Its secret stays, so that it can be revived.
 */
export async function retireEntry(
  { name, subscription_id, before, replacement_id }: RetireOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  const record = recordOf(name, context);
  await claimRecord(context, {
    ...keeping(subscription_id, record),
    retired: record.retired ?? { at: serverTime(context), deactivated: before.is_active },
    last_change: changed('retired', context),
  });
  if (replacement_id !== null) await context.writer.deleteSubscription(replacement_id);
  if (before.is_active) await context.writer.updateSubscription(subscription_id, { is_active: false });
  const retired = recordOf(name, context);
  if (retired.next !== null) await context.records.write({ ...retired, next: null });
  return DONE;
}

/** Where the old one is gone at the end of a replacement, the new one is current. */
function keeping(id: string, record: EntryRecord): EntryRecord {
  const { next } = record;
  if (next?.subscription_id !== id) return record;
  const { subscription_id, target_url, signing_secret, created_at } = next;
  return {
    ...record,
    current: { subscription_id, target_url, signing_secret, created_at },
    next: null,
    retire: null,
  };
}

/**
 * The new record first, then the old one goes: cut off in between, both name the subscription and one is dropped. A
 * replacement that does not move along is deleted before its secret goes with the old record.
 */
export async function renameEntry(
  operation: RenameOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  const { name, from, isInterrupted, replacement_id } = operation;
  const leaving = recordOf(from, context);
  const survivor = isInterrupted
    ? survivorOf(recordOf(name, context), leaving)
    : { ...leaving, name, last_change: changed('renamed', context) };
  await claimRecord(context, survivor);
  if (replacement_id !== null && !ownedIds(survivor).includes(replacement_id)) {
    await claimRecord(context, leaving);
    await context.writer.deleteSubscription(replacement_id);
  }
  await context.records.remove(from);
  return DONE;
}

/** The copy may have been made before a replacement was begun, or before it was retired: both move along. */
function survivorOf(survivor: EntryRecord, leaving: EntryRecord): EntryRecord {
  if (survivor.current?.subscription_id !== leaving.current?.subscription_id) return survivor;
  return {
    ...survivor,
    next: survivor.next ?? leaving.next,
    retired: survivor.retired ?? leaving.retired,
  };
}

/** Takes out of the record what was never needed for longer. */
export async function forgetOf(
  { name, forgets }: ForgetOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  const forgotten = Object.fromEntries(forgets.map((what) => [what, null]));
  await context.records.write({ ...recordOf(name, context), ...forgotten });
  return DONE;
}

/** Cleans up an interrupted create: what is live at its marked URL is claimed and deleted, the intent cleared. */
export async function recoverEntry(
  { name }: RecoverOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  const { intent } = recordOf(name, context);
  if (intent !== null) await deleteMarked(name, intent.marked_url, context);
  await clearIntent(context, name);
  return DONE;
}

/** Deletes what a late request left, if it still carries the mark that makes it ours, and no record names it. */
export async function collectOrphan(
  operation: CollectOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  const { subscription_id, target_url } = operation;
  const live = await context.reader.getSubscription(subscription_id);
  if (live === undefined) return DONE;
  if (markOf(live.target_url) !== markOf(target_url))
    return { status: 'skipped', reason: 'its URL was changed meanwhile' };
  if (!(await isUnclaimed(subscription_id, target_url, context.sink))) return CLAIMED;
  await context.writer.deleteSubscription(subscription_id);
  return DONE;
}

function recordOf(name: string, context: ApplyContext): EntryRecord {
  const record = context.records.get(name);
  if (record === null) throw new Error(`no record of ${name} in a plan that needs one`);
  return record;
}
