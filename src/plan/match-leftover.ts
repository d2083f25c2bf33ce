import type { DeleteOperation, RenameOperation } from '../domain/operation.ts';
import type { Foreign, Held } from '../domain/plan.ts';
import { isVacant, type StoredSubscription } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { hasMarkOf, markOf, normaliseUrl } from '../domain/target-url.ts';
import type { Candidate, PlanInput } from './candidate.ts';
import { protectedHits, staleFileHits } from './hits.ts';
import type { IntactRecord, Inventory } from './inventory.ts';
import { holdReplacement, holdUnreadable, type Match } from './match-entry.ts';
import { recoverIntent } from './match-intent.ts';

/** A match for a name that is not in the file. */
interface LeftoverMatch extends Match {
  readonly warning?: string;
}

/** The matching table for a record whose name is not in the file. A record of another owner is not our matter. */
export function matchLeftover(name: string, inventory: Inventory, input: PlanInput): LeftoverMatch {
  const observed = inventory.records.get(name) ?? { kind: 'absent' };
  if (observed.kind === 'absent' || observed.kind === 'other-owner') return { candidates: [], held: [] };
  if (observed.kind !== 'intact') return holdUnreadable(name, observed);
  const replacement = holdReplacement(observed.record);
  if (replacement) return replacement;
  const recovery = recoverIntent(observed, inventory, input);
  if (recovery && recovery.hits.length > 0) return { candidates: [recovery], held: [] };
  const first = recovery ? [recovery] : [];
  const after = first.map(({ operation }) => operation.key);
  const { current } = observed.record;
  const survivor = current ? survivorOf(name, current, inventory) : undefined;
  if (survivor !== undefined)
    return { candidates: [...first, finishRename(survivor, name, after)], held: [] };
  if (input.policy.prune === 'never' && current !== null) {
    const warning = `${name} is no longer in the file and stays, since policy.prune is never`;
    return { candidates: first, held: [], warning };
  }
  return { candidates: [...first, prune(observed, after, inventory, input)], held: [] };
}

/** The entry of the file whose record claims the same subscription: a rename was interrupted in between. */
function survivorOf(name: string, current: StoredSubscription, inventory: Inventory): string | undefined {
  const claimants = inventory.claims.get(current.subscription_id) ?? [];
  return claimants.find((claimant) => claimant !== name && inventory.entries.has(claimant));
}

function finishRename(name: string, from: string, after: readonly string[]): Candidate {
  const operation: RenameOperation = {
    kind: 'rename',
    key: `rename ${name} from ${from}`,
    after,
    name,
    from,
    isInterrupted: true,
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
  const id = record.current?.subscription_id ?? null;
  const before = (id === null ? undefined : inventory.live.get(id)) ?? null;
  const operation: DeleteOperation = {
    kind: 'delete',
    key: `delete ${record.name}`,
    after,
    name: record.name,
    subscription_id: id,
    before,
    reason: 'left-the-file',
    secret: isVacant(record) || id === null ? 'none' : 'discarded',
  };
  return {
    operation,
    hits: id === null ? [] : [...staleFileHits(observed, input), ...protectedHits(record)],
  };
}

/** What is live and in no record of ours: unfinished work to collect, and what is foreign. */
export interface Unrecorded {
  readonly candidates: readonly Candidate[];
  readonly held: readonly Held[];
  readonly foreign: readonly Foreign[];
}

export function matchUnrecordedLive(inventory: Inventory, input: PlanInput): Unrecorded {
  const { installation } = input.observation;
  const candidates: Candidate[] = [];
  const held: Held[] = [];
  const foreign: Foreign[] = [];
  const wanted = new Set(input.desired.entries.map(({ fields }) => normaliseUrl(fields.target_url)));
  const intended = intendedMarks(inventory);
  for (const subscription of inventory.live.values()) {
    if (inventory.claims.has(subscription.id)) continue;
    const { id, target_url, is_active } = subscription;
    if (installation !== null && hasMarkOf(target_url, installation.id)) {
      if (intended.has(markOf(target_url))) continue;
      const wait = collectWait(subscription, inventory, input);
      if (wait === null) candidates.push(collect(subscription));
      else held.push({ name: null, ...wait, letThrough: null, operation: collect(subscription).operation });
      continue;
    }
    const isExempt = inventory.isExempt(subscription);
    foreign.push({ id, target_url, is_active, isExempt });
    if (input.policy.prune === 'all' && !isExempt && !wanted.has(normaliseUrl(target_url))) {
      candidates.push(pruneForeign(subscription));
    }
  }
  return { candidates, held, foreign };
}

/** Marks that an intent of a readable record names: what carries one belongs to that intent. */
function intendedMarks(inventory: Inventory): ReadonlySet<string | undefined> {
  const urls = [...inventory.records.values()].map((observed) => {
    if (observed.kind === 'intact') return observed.record.intent?.marked_url;
    return observed.kind === 'other-owner' ? observed.marked_url : undefined;
  });
  return new Set(urls.flatMap((url) => (typeof url === 'string' ? [markOf(url)] : [])));
}

/** Why an unfinished subscription that no record knows cannot be collected yet, or null. */
function collectWait(
  subscription: LiveSubscription,
  inventory: Inventory,
  input: PlanInput,
): Pick<Held, 'guard' | 'reason'> | null {
  const unreadable = [...inventory.records].filter(([, { kind }]) => kind === 'damaged' || kind === 'newer');
  const [first] = unreadable.map(([name]) => name).sort();
  if (first !== undefined) {
    return {
      guard: 'record',
      reason: `an unfinished subscription may belong to the record of ${first}, which cannot be read`,
    };
  }
  if (subscription.created_at === undefined) {
    return {
      guard: 'in-flight',
      reason: 'an unfinished subscription, of which the API does not say how old it is',
    };
  }
  if (input.observation.serverTime - subscription.created_at > input.landingTime) return null;
  const until = new Date(subscription.created_at + input.landingTime).toISOString();
  return {
    guard: 'in-flight',
    reason: `an unfinished subscription, which somebody may be working on until ${until}`,
  };
}

function collect({ id, target_url }: LiveSubscription): Candidate {
  const operation = {
    kind: 'collect',
    key: `collect ${id}`,
    after: [],
    subscription_id: id,
    target_url,
    secret: 'none',
  } as const;
  return { operation, hits: [] };
}

function pruneForeign(subscription: LiveSubscription): Candidate {
  const operation: DeleteOperation = {
    kind: 'delete',
    key: `delete id:${subscription.id}`,
    after: [],
    name: null,
    subscription_id: subscription.id,
    before: subscription,
    reason: 'foreign',
    secret: 'none',
  };
  return { operation, hits: [] };
}
