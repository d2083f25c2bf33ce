import type { Operation } from '../domain/operation.ts';
import type { Held } from '../domain/plan.ts';
import type { EntryRecord } from '../domain/record.ts';
import { allowFlag, isAllowed, type Candidate, type Hit, type PlanInput } from './candidate.ts';
import type { Inventory } from './inventory.ts';
import { describePause, pauseOf } from './pauses.ts';

export interface Sifted {
  readonly operations: readonly Operation[];
  readonly held: readonly Held[];
}

/**
 * Takes the operations that a guard covers out of the plan, and with them what waits for them.
 * An operation is shown under the first guard that nothing lets through.
 */
export function holdBack(candidates: readonly Candidate[], inventory: Inventory, input: PlanInput): Sifted {
  const planHits = hitsOfThePlan(candidates, inventory, input);
  const account = accountHit(input).filter(({ guard }) => !isAllowed(guard, null, input));
  const held = new Map<string, Held>();
  for (const { operation, hits } of candidates) {
    const name = nameOf(operation);
    const hit = [...planHits(operation), ...hits].find(({ guard }) => !isAllowed(guard, name, input));
    if (hit) held.set(operation.key, { name, ...hit, operation });
  }
  const operations = candidates.map(({ operation }) => operation);
  holdDependants(operations, held);
  return {
    operations: operations.filter(({ key }) => !held.has(key)),
    held: [...ofTheAccount(account), ...held.values()],
  };
}

/** A wrong account is said even where there is nothing to do. */
function ofTheAccount(hits: readonly Hit[]): readonly Held[] {
  return hits.map((hit) => ({ name: null, ...hit, operation: null }));
}

/** Guards that look at the plan as a whole; each gives its hits for an operation. */
function hitsOfThePlan(
  candidates: readonly Candidate[],
  inventory: Inventory,
  input: PlanInput,
): (operation: Operation) => readonly Hit[] {
  const account = accountHit(input);
  const suspicious = suspiciousListHit(inventory);
  const deletes = deletesHit(candidates, inventory, input);
  const badFile = badFileHit(input);
  return (operation) => [
    ...account,
    ...pausedHits(operation, input),
    ...(isLoss(operation) || isCreateAgain(operation) ? suspicious : []),
    ...(isLoss(operation) || operation.kind === 'replace' ? badFile : []),
    ...(isLoss(operation) && !isConsented(operation) ? deletes : []),
  ];
}

/** What takes a subscription away from whom it delivers to, for good or for a while. */
function isLoss({ kind }: Operation): boolean {
  return kind === 'delete' || kind === 'retire';
}

/** What was retired was let through then. */
function isConsented(operation: Operation): boolean {
  return operation.kind === 'delete' && operation.reason === 'retired';
}

function isCreateAgain(operation: Operation): boolean {
  return operation.kind === 'create' && operation.reason === 'deleted-outside';
}

/** `account`: both sets of lines are known and share nothing, so the key belongs to another account. */
function accountHit({ observation: { installation, lines } }: PlanInput): readonly Hit[] {
  if (installation === null || lines === null || lines.length === 0 || installation.line_ids.length === 0)
    return [];
  const known = new Set(installation.line_ids);
  if (lines.some(({ id }) => known.has(id))) return [];
  const reason =
    'none of the lines that these records were made with is in this account: the key may be of another one';
  return [{ guard: 'account', reason, letThrough: allowFlag('account', null) }];
}

/** `paused`: an entry that the operation touches, or everything of this owner. */
function pausedHits(operation: Operation, { observation, owner }: PlanInput): readonly Hit[] {
  const { installation, serverTime } = observation;
  if (installation === null || installation.pauses.length === 0) return [];
  const touched = operation.kind === 'rename' ? [operation.name, operation.from] : [nameOf(operation)];
  for (const name of touched) {
    const pause = pauseOf(installation.pauses, owner, name, serverTime);
    if (pause === null) continue;
    const isAll = pauseOf(installation.pauses, owner, null, serverTime) !== null;
    const letThrough = `linq-gitops resume${isAll || name === null ? '' : ` ${name}`}`;
    return [{ guard: 'paused', reason: describePause(pause), letThrough }];
  }
  return [];
}

/** `suspicious-list`: more of what we own is gone than a person would delete by hand. */
function suspiciousListHit(inventory: Inventory): readonly Hit[] {
  const owned = ownedSubscriptions(inventory);
  const gone = owned.filter((id) => !inventory.live.has(id)).length;
  const isMost = gone >= 2 && gone > owned.length / 2;
  const isAll = gone === 1 && owned.length === 1 && inventory.live.size === 0;
  if (!isMost && !isAll) return [];
  const reason = `${gone} of ${owned.length} owned subscriptions are gone from the account`;
  return [{ guard: 'suspicious-list', reason, letThrough: allowFlag('suspicious-list', null) }];
}

/** `bad-file`: nobody has consented to a loss by a file that cannot be read. */
function badFileHit({ isFileBad }: PlanInput): readonly Hit[] {
  if (!isFileBad) return [];
  const reason = 'the file as it stands now cannot be used, and the last good one does not count as consent';
  return [{ guard: 'bad-file', reason, letThrough: 'mend the file' }];
}

/** `deletes`: too large a part of what we own, or all of it; `allow_empty` with an empty file is consent. */
function deletesHit(
  candidates: readonly Candidate[],
  inventory: Inventory,
  input: PlanInput,
): readonly Hit[] {
  const { desired, policy } = input;
  if (desired.entries.length === 0 && desired.allow_empty) return [];
  const owned = ownedSubscriptions(inventory, ({ retired }) => retired === null);
  const doomed = new Set(candidates.flatMap(({ operation }) => doomedBy(operation)));
  const limit =
    'count' in policy.max_deletes
      ? policy.max_deletes.count
      : Math.floor(policy.max_deletes.share * owned.length);
  const most = Math.max(1, limit);
  const isTooMany = doomed.size > most;
  const leavesNone = owned.length > 1 && owned.every((id) => doomed.has(id));
  if (!isTooMany && !leavesNone) return [];
  const reason = isTooMany
    ? `${doomed.size} deletes are more than policy.max_deletes lets through (${most} of ${owned.length} owned)`
    : `none of the ${owned.length} owned subscriptions would be left`;
  return [{ guard: 'deletes', reason, letThrough: allowFlag('deletes', null) }];
}

function doomedBy(operation: Operation): readonly string[] {
  if (operation.kind === 'retire') return [operation.subscription_id];
  if (operation.kind !== 'delete' || isConsented(operation)) return [];
  const id = operation.before?.id ?? operation.replacement_id;
  return id === null ? [] : [id];
}

/** One for each record; at the end of a replacement the new one, since we deleted the other ourselves. */
function ownedSubscriptions(
  { ours, live }: Inventory,
  isMeant: (record: EntryRecord) => boolean = () => true,
): readonly string[] {
  const records = [...ours.values()].map(({ record }) => record).filter(isMeant);
  const ids = records.flatMap(({ current, next }) => {
    const [id, nextId] = [current?.subscription_id, next?.subscription_id];
    return nextId !== undefined && (id === undefined || !live.has(id)) ? nextId : (id ?? []);
  });
  return [...new Set(ids)];
}

/** What waits for a held operation is held too; and nobody makes way for a move that will not come. */
function holdDependants(operations: readonly Operation[], held: Map<string, Held>): void {
  const dependants = new Map<string, Operation[]>();
  for (const operation of operations) {
    const keys = operation.kind === 'make-way' ? [...operation.after, operation.before] : operation.after;
    for (const key of keys) {
      const list = dependants.get(key);
      if (list) list.push(operation);
      else dependants.set(key, [operation]);
    }
  }
  const queue = [...held.keys()];
  for (const key of queue) {
    for (const operation of dependants.get(key) ?? []) {
      if (held.has(operation.key)) continue;
      const reason = `it waits for "${key}", which is held`;
      held.set(operation.key, {
        name: nameOf(operation),
        guard: 'depends',
        reason,
        letThrough: null,
        operation,
      });
      queue.push(operation.key);
    }
  }
}

function nameOf(operation: Operation): string | null {
  return operation.kind === 'collect' ? null : operation.name;
}
