import type { DesiredEntry } from '../domain/desired.ts';
import type { FieldChange } from '../domain/operation.ts';
import { fightKey } from '../domain/plan.ts';
import type { EntryRecord } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { allowFlag, isAllowed, type Candidate, type Hit, type PlanInput } from './candidate.ts';
import { compareFields, isNoted, patchFor, reasonOf } from './diff.ts';
import { justAppliedHits, staleFileHits, widenHits } from './hits.ts';
import type { IntactRecord, Inventory } from './inventory.ts';

/** An entry on its way through the matching table. */
export interface Entry {
  readonly desired: DesiredEntry;
  readonly inventory: Inventory;
  readonly input: PlanInput;
  /** What has to be done first (recovery, rename). */
  readonly first: readonly Candidate[];
}

export function keysOf(candidates: readonly Candidate[]): readonly string[] {
  return candidates.map(({ operation }) => operation.key);
}

/**
 * What the current subscription needs, to be as the file says: an update, and one that a guard holds anyway, of what
 * somebody changed and is left so.
 */
export function fieldCandidates(
  entry: Entry,
  observed: IntactRecord,
  live: LiveSubscription,
): readonly Candidate[] {
  const { desired, input } = entry;
  const { name, fields, prevent_destroy } = desired;
  const { record } = observed;
  const changes: FieldChange[] = [...compareFields(fields, live, record.applied)];
  if (prevent_destroy !== record.prevent_destroy) {
    changes.push({
      field: 'prevent_destroy',
      reason: 'changed-in-file',
      before: record.prevent_destroy,
      after: prevent_destroy,
    });
  }
  if (isToBeRevived(entry, record, live))
    changes.push({ field: 'is_active', reason: 'revived', before: false, after: true });
  // What is not noted would be taken for drift, once the file changes back to what is: also beside drift that is left.
  const isToBeNoted = !isNoted(fields, record.applied);
  if (changes.length === 0 && !isToBeNoted) return [];
  const drifted = changes.filter(({ reason }) => reason === 'drifted');
  const leavesDrift = input.policy.drift === 'report' && !isAllowed('drift', name, input);
  const left = leavesDrift ? drifted : drifted.filter(({ field }) => input.fights.has(fightKey(name, field)));
  const wanted = changes.filter((change) => !left.includes(change));
  const racing = justAppliedHits(observed, input);
  const hits = [...staleFileHits(observed, input), ...racing];
  const candidates: Candidate[] = [];
  if (wanted.length > 0 || isToBeNoted) candidates.push(update(entry, live, wanted, `update ${name}`, hits));
  if (left.length > 0) {
    const hit = leavesDrift ? reportedDrift(name) : FIGHT;
    candidates.push(update(entry, live, left, `revert ${name}`, [...racing, hit]));
  }
  return candidates;
}

/** The subscription as it is before anything is asked of it: what we deactivated ourselves counts as active. */
export function asRevived(entry: Entry, record: EntryRecord, live: LiveSubscription): LiveSubscription {
  return isToBeRevived(entry, record, live) ? { ...live, is_active: true } : live;
}

/** It was active before we retired it, and the file does not say otherwise. */
function isToBeRevived({ desired }: Entry, { retired }: EntryRecord, live: LiveSubscription): boolean {
  return retired?.deactivated === true && !live.is_active && desired.fields.is_active === undefined;
}

function reportedDrift(name: string): Hit {
  const reason = 'it was changed outside, and policy.drift is report';
  return { guard: 'drift', reason, letThrough: allowFlag('drift', name) };
}

const FIGHT: Hit = {
  guard: 'fight',
  reason: 'somebody changes it back again and again',
  letThrough: 'find out who does, or write the value into the file',
};

function update(
  entry: Entry,
  live: LiveSubscription,
  changes: readonly FieldChange[],
  key: string,
  hits: readonly Hit[],
): Candidate {
  const { name, fields, prevent_destroy } = entry.desired;
  const isRevived = changes.some(({ reason }) => reason === 'revived');
  const patch = patchFor(isRevived ? { ...fields, is_active: true } : fields, changes);
  const operation = {
    kind: 'update',
    key,
    after: keysOf(entry.first),
    name,
    subscription_id: live.id,
    reason: reasonOf(changes),
    changes,
    patch,
    fields,
    prevent_destroy,
    secret: 'kept',
  } as const;
  const taken = patch.target_url === undefined ? [] : takenHits(patch.target_url, entry.inventory);
  return { operation, hits: [...hits, ...taken, ...widenHits(name, changes)] };
}

/** Guard `url-taken`: a foreign subscription, another one than `besides`, has the URL. */
export function takenHits(url: string, inventory: Inventory, besides?: string): readonly Hit[] {
  return inventory
    .unownedAt(url)
    .filter(({ id }) => id !== besides)
    .map(({ id }) => ({
      guard: 'url-taken',
      reason: `the URL belongs to the subscription ${id}, which is not ours`,
      letThrough: 'free the URL',
    }));
}
