import type { ObservedRecord } from '../domain/observation.ts';
import type { DeleteOperation, RenameOperation, RetireOperation } from '../domain/operation.ts';
import type { Foreign, Waiting } from '../domain/plan.ts';
import { ownedIds, type EntryRecord, type StoredSubscription } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { hasMarkOf, markOf, normaliseUrl } from '../domain/target-url.ts';
import type { Candidate, Hit, PlanInput } from './candidate.ts';
import { protectedHits, staleFileHits, unreadableHits } from './hits.ts';
import { claimantsOf, type IntactRecord, type Inventory } from './inventory.ts';
import { holdUnreadable, type Match } from './match-entry.ts';
import { recoverIntent } from './match-intent.ts';

/** A match for a name that is not in the file. */
interface LeftoverMatch extends Match {
  readonly warning?: string;
}

/**
 * The matching table for a record whose name is not in the file. A record of another owner is not our matter.
 * `heir` is an entry that is held and may inherit the record by a rename.
 */
export function matchLeftover(
  name: string,
  observed: ObservedRecord,
  heir: string | undefined,
  inventory: Inventory,
  input: PlanInput,
): LeftoverMatch {
  if (observed.kind === 'absent' || observed.kind === 'other-owner') return { candidates: [], held: [] };
  if (observed.kind !== 'intact') return holdUnreadable(name, observed);
  const recovery = recoverIntent(observed, inventory, input);
  if (recovery && recovery.hits.length > 0) return { candidates: [recovery], held: [] };
  const first = recovery ? [recovery] : [];
  const after = first.map(({ operation }) => operation.key);
  const survivor = survivorOf(observed.record, inventory);
  if (survivor !== undefined)
    return { candidates: [...first, finishRename(survivor, observed.record, after, inventory)], held: [] };
  if (input.policy.prune === 'never' && ownedIds(observed.record).length > 0) {
    const warning = `${name} is no longer in the file and stays, since policy.prune is never`;
    return { candidates: first, held: [], warning };
  }
  const end = endOf(observed, after, inventory, input);
  if ('until' in end) return { candidates: first, held: [], waiting: [end] };
  const hits = [...heirHits(heir), ...end.hits];
  return { candidates: [...first, { ...end, hits }], held: [] };
}

/** How what left the file ends: retired first where the policy says so, and deleted when its time has come. */
function endOf(
  observed: IntactRecord,
  after: readonly string[],
  inventory: Inventory,
  input: PlanInput,
): Candidate | Waiting {
  const { record } = observed;
  const { name, retired } = record;
  const { current, next } = leavingOf(record, inventory);
  // The one that stays while it is retired: the current one, or what has taken its place.
  const staying = current ?? next;
  const isKept = input.policy.retire > 0 && staying !== undefined && !isWanted(staying, inventory);
  if (!isKept) return prune(observed, after, inventory, input);
  const isUnfinished =
    retired !== null && (record.next !== null || (retired.deactivated && staying.is_active));
  if (retired === null || isUnfinished) return retire(observed, staying, after, inventory, input);
  const until = Date.parse(retired.at) + input.policy.retire;
  if (input.observation.serverTime >= until) return prune(observed, after, inventory, input);
  const reason = 'no longer in the file, retired';
  return { name, kind: 'delete', reason, until: new Date(until).toISOString() };
}

/** Its URL is another entry's, for which it makes room. */
function isWanted({ target_url }: LiveSubscription, { entries }: Inventory): boolean {
  const url = normaliseUrl(target_url);
  return [...entries.values()].some(({ fields }) => normaliseUrl(fields.target_url) === url);
}

function retire(
  observed: IntactRecord,
  before: LiveSubscription,
  after: readonly string[],
  inventory: Inventory,
  input: PlanInput,
): Candidate {
  const { name, retired } = observed.record;
  const { next } = leavingOf(observed.record, inventory);
  const operation: RetireOperation = {
    kind: 'retire',
    key: `retire ${name}`,
    after,
    name,
    subscription_id: before.id,
    before,
    replacement_id: next === undefined || next.id === before.id ? null : next.id,
    secret: 'kept',
  };
  const protection = retired === null ? protectedHits(observed.record) : [];
  return { operation, hits: [...staleFileHits(observed, input), ...protection] };
}

function heirHits(heir: string | undefined): readonly Hit[] {
  if (heir === undefined) return [];
  return [{ guard: 'depends', reason: `${heir} may inherit it by a rename, and is held`, letThrough: null }];
}

/** The entry of the file whose record claims what this one is about: a rename was interrupted in between. */
function survivorOf(record: EntryRecord, inventory: Inventory): string | undefined {
  const [subject] = ownedIds(record);
  return subject === undefined ? undefined : staysFor(subject, record, inventory);
}

/** The entry of the file whose record claims the subscription as well, which therefore does not go with this one. */
function staysFor(id: string, { name }: EntryRecord, inventory: Inventory): string | undefined {
  return claimantsOf(id, inventory).find((claimant) => claimant !== name && inventory.entries.has(claimant));
}

/** What is live of the record, and goes with it: the current one, and what was to take its place. */
function leavingOf(record: EntryRecord, inventory: Inventory) {
  const find = (stored: StoredSubscription | null): LiveSubscription | undefined =>
    stored === null || staysFor(stored.subscription_id, record, inventory) !== undefined
      ? undefined
      : inventory.live.get(stored.subscription_id);
  return { current: find(record.current), next: find(record.next) };
}

function finishRename(
  name: string,
  leaving: EntryRecord,
  after: readonly string[],
  inventory: Inventory,
): Candidate {
  const from = leaving.name;
  const operation: RenameOperation = {
    kind: 'rename',
    key: `rename ${name} from ${from}`,
    after,
    name,
    from,
    isInterrupted: true,
    replacement_id: leavingOf(leaving, inventory).next?.id ?? null,
    secret: 'kept',
  };
  return { operation, hits: [] };
}

function prune(
  observed: IntactRecord,
  after: readonly string[],
  inventory: Inventory,
  input: PlanInput,
): Candidate {
  const { record } = observed;
  const { current, next } = leavingOf(record, inventory);
  const isEmpty = ownedIds(record).length === 0;
  const operation: DeleteOperation = {
    kind: 'delete',
    key: `delete ${record.name}`,
    after,
    name: record.name,
    subscription_id: record.current?.subscription_id ?? null,
    before: current ?? null,
    replacement_id: next?.id ?? null,
    reason: record.retired === null ? 'left-the-file' : 'retired',
    secret: isEmpty ? 'none' : 'discarded',
  };
  return {
    operation,
    hits: isEmpty
      ? []
      : [...staleFileHits(observed, input), ...(record.retired === null ? protectedHits(record) : [])],
  };
}

/** What is live and in no record of ours: unfinished work to collect, and what is foreign. */
export interface Unrecorded {
  readonly candidates: readonly Candidate[];
  readonly foreign: readonly Foreign[];
}

export function matchUnrecordedLive(inventory: Inventory, input: PlanInput): Unrecorded {
  const { installation } = input.observation;
  const candidates: Candidate[] = [];
  const foreign: Foreign[] = [];
  const isSpared = input.policy.prune === 'all' ? sparedBy(inventory) : () => true;
  const intended = intendedMarks(inventory);
  const unreadable = unreadableHits(inventory);
  for (const subscription of inventory.live.values()) {
    if (claimantsOf(subscription.id, inventory).length > 0) continue;
    const { id, target_url, is_active } = subscription;
    const isUnfinished = installation !== null && hasMarkOf(target_url, installation.id);
    // Owners that share a sink share the installation: what another's record names is not ours to collect.
    if (isUnfinished && !inventory.isOthers(subscription)) {
      if (!intended.has(markOf(target_url)))
        candidates.push(collect(subscription, [...unreadable, ...youngHits(subscription, input)]));
      continue;
    }
    const isExempt = inventory.isExempt(subscription);
    foreign.push({ id, target_url, is_active, isExempt });
    if (!isExempt && !isSpared(subscription)) candidates.push(pruneForeign(subscription, unreadable));
  }
  return { candidates, foreign };
}

/** What `prune: all` leaves: what an entry may take over, and what is being replaced, until its replacement delivers. */
function sparedBy({ entries, ours }: Inventory): (subscription: LiveSubscription) => boolean {
  const wanted = new Set([...entries.values()].map(({ fields }) => normaliseUrl(fields.target_url)));
  const retiring = new Set([...ours.values()].map(({ record }) => record.retire?.subscription_id));
  return ({ id, target_url }) => wanted.has(normaliseUrl(target_url)) || retiring.has(id);
}

/** Marks that an intent of a readable record names: what carries one belongs to that intent. */
function intendedMarks(inventory: Inventory): ReadonlySet<string | undefined> {
  const urls = [...inventory.records.values()].map((observed) => {
    if (observed.kind === 'intact') return observed.record.intent?.marked_url;
    return observed.kind === 'other-owner' ? observed.marked_url : undefined;
  });
  return new Set(urls.flatMap((url) => (typeof url === 'string' ? [markOf(url)] : [])));
}

/** Guard `in-flight`: the request that made it may have been sent so lately that somebody still works on it. */
function youngHits({ created_at }: LiveSubscription, input: PlanInput): readonly Hit[] {
  const { observation, landingTime } = input;
  if (created_at !== undefined && observation.serverTime - created_at > landingTime) return [];
  const age =
    created_at === undefined
      ? 'of which the API does not say how old it is'
      : `made at ${new Date(created_at).toISOString()}, which somebody may be working on`;
  return [{ guard: 'in-flight', reason: `an unfinished subscription, ${age}`, letThrough: null }];
}

function collect({ id, target_url }: LiveSubscription, hits: readonly Hit[]): Candidate {
  const operation = {
    kind: 'collect',
    key: `collect ${id}`,
    after: [],
    subscription_id: id,
    target_url,
    secret: 'none',
  } as const;
  return { operation, hits };
}

function pruneForeign(subscription: LiveSubscription, hits: readonly Hit[]): Candidate {
  const operation: DeleteOperation = {
    kind: 'delete',
    key: `delete id:${subscription.id}`,
    after: [],
    name: null,
    subscription_id: subscription.id,
    before: subscription,
    replacement_id: null,
    reason: 'foreign',
    secret: 'none',
  };
  return { operation, hits };
}
