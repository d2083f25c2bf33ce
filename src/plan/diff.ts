import type { ChangeReason, FieldChange, FieldValue } from '../domain/operation.ts';
import {
  FIELD_NAMES,
  type FieldName,
  type LiveSubscription,
  type SubscriptionFields,
  type SubscriptionPatch,
} from '../domain/subscription.ts';
import { markOf, normaliseUrl } from '../domain/target-url.ts';

/**
 * The fields in which the live subscription is not what the file says, with the three-way reason.
 * Fields that the file does not write are not managed and never differ. A subscription that is still at a
 * marked URL is not finished: whatever differs has not been applied yet, and nobody has changed it.
 */
export function compareFields(
  desired: SubscriptionFields,
  live: LiveSubscription,
  applied: SubscriptionFields | null,
): readonly FieldChange[] {
  const last = markOf(live.target_url) === undefined ? applied : null;
  const changes: FieldChange[] = [];
  for (const field of FIELD_NAMES) {
    const [before, after] = [live[field], desired[field]];
    if (after === undefined || areEqual(field, after, before)) continue;
    const reason = reasonFor(field, after, last);
    changes.push({ field, reason, before: inOrder(before), after: inOrder(after) });
  }
  return changes;
}

/** The PUT body for `changes`; the values stand as declared. */
export function patchFor(desired: SubscriptionFields, changes: readonly FieldChange[]): SubscriptionPatch {
  const changed = new Set<string>(changes.map((change) => change.field));
  return Object.fromEntries(
    FIELD_NAMES.filter((field) => changed.has(field)).map((field) => [field, desired[field]]),
  );
}

/** Whether the record, where it says anything, says that every field was last applied as the file has it. */
export function isNoted(desired: SubscriptionFields, applied: SubscriptionFields | null): boolean {
  if (applied === null) return true;
  return FIELD_NAMES.every((field) => {
    const [wanted, last] = [desired[field], applied[field]];
    return wanted === undefined || last === undefined ? wanted === last : areEqual(field, wanted, last);
  });
}

/**
 * The reason of an update as a whole: what a person did to the file is named first. Without changes it
 * is about the record, which does not say yet what the file says.
 */
export function reasonOf(changes: readonly FieldChange[]): ChangeReason {
  if (changes.length === 0) return 'changed-in-file';
  const reasons = changes.map((change) => change.reason);
  return (
    reasons.find((reason) => reason === 'revived') ??
    reasons.find((reason) => reason === 'changed-in-file') ??
    reasons.find((reason) => reason === 'drifted') ??
    'differs'
  );
}

function reasonFor(field: FieldName, after: FieldValue, applied: SubscriptionFields | null): ChangeReason {
  if (applied === null) return 'differs';
  const last = applied[field];
  return last !== undefined && areEqual(field, after, last) ? 'drifted' : 'changed-in-file';
}

function areEqual(field: FieldName, a: FieldValue, b: FieldValue): boolean {
  // Nearly all are, to the letter.
  if (a === b || areSameLists(a, b)) return true;
  if (field === 'target_url') return normaliseUrl(String(a)) === normaliseUrl(String(b));
  return JSON.stringify(inOrder(emptyAsNull(field, a))) === JSON.stringify(inOrder(emptyAsNull(field, b)));
}

function areSameLists(a: FieldValue, b: FieldValue): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return false;
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** An empty routing header and none are the same to the API. */
function emptyAsNull(field: FieldName, value: FieldValue): FieldValue {
  return value === '' && field.startsWith('routing_') ? null : value;
}

/** Lists are compared and shown as sets: sorted, each value once. */
function inOrder(value: FieldValue): FieldValue {
  return Array.isArray(value) ? [...new Set<string>(value as readonly string[])].sort() : value;
}
