import type { MakeWayOperation, Operation, UpdateOperation } from '../domain/operation.ts';
import type { Candidate, Hit } from './candidate.ts';
import { claimantsOf, type Inventory } from './inventory.ts';
import { takesUrl } from './match-replacement.ts';

/**
 * Puts the end of an interrupted rename before all else that is done for its entry: both write the entry's
 * record, and of two writes at once one is refused.
 */
export function finishRenamesFirst(candidates: readonly Candidate[]): readonly Candidate[] {
  const finishing = candidates.flatMap(({ operation }) =>
    operation.kind === 'rename' && operation.isInterrupted ? [operation] : [],
  );
  const order = new Map(finishing.map(({ key }, index) => [key, index]));
  return candidates.map(({ operation, hits }) => {
    const own = order.get(operation.key) ?? finishing.length;
    const before = finishing
      .slice(0, own)
      .filter(({ name }) => operation.kind !== 'collect' && name === operation.name)
      .map(({ key }) => key);
    return { operation: { ...operation, after: [...operation.after, ...before] }, hits };
  });
}

/** An operation, and what must have freed its URL before. */
interface Step {
  readonly operation: Operation;
  readonly hits: Hit[];
  readonly needs: Step[];
  /** Of `needs`, what needs this one in turn: only its way to another URL is waited for. */
  readonly cut: Set<Step>;
}

/**
 * Orders what needs a URL after what frees it, and breaks cycles: of two entries that want each other's
 * URL, one first makes way to a marked URL. A URL that nothing frees is a hit of `url-taken`.
 */
export function orderByUrl(candidates: readonly Candidate[], inventory: Inventory): readonly Candidate[] {
  const steps = candidates.map(({ operation, hits }): Step => ({
    operation,
    hits: [...hits],
    needs: [],
    cut: new Set(),
  }));
  const freeing = new Map(steps.flatMap((step) => freedBy(step.operation).map((id) => [id, step] as const)));
  for (const { operation, hits, needs } of steps) {
    for (const id of holdersOfNeed(operation, inventory)) {
      const freer = freeing.get(id);
      if (freer) needs.push(freer);
      else hits.push(stuckHit(id, inventory));
    }
  }
  breakCycles(steps);
  const inTheWay = new Set(steps.flatMap(({ cut }) => [...cut]).map(({ operation }) => operation.key));
  const makeWays = steps.flatMap(({ operation }) =>
    operation.kind === 'update' && inTheWay.has(operation.key)
      ? [{ operation: makeWay(operation), hits: [] }]
      : [],
  );
  const ordered = steps.map(({ operation, hits, needs, cut }) => {
    const keys = needs.map((need) => (cut.has(need) ? wayKey(need.operation.key) : need.operation.key));
    const own = inTheWay.has(operation.key) ? [wayKey(operation.key)] : [];
    return { operation: { ...operation, after: [...operation.after, ...keys, ...own] }, hits };
  });
  return [...ordered, ...makeWays];
}

function freedBy(operation: Operation): readonly string[] {
  if (operation.kind === 'delete')
    return [operation.subscription_id, operation.replacement_id].filter((id) => id !== null);
  return operation.kind === 'update' && operation.patch.target_url !== undefined
    ? [operation.subscription_id]
    : [];
}

/**
 * Ids of our subscriptions at the URL that the operation will need. A replacement frees none: what it takes the place
 * of is at the declared URL by then, so that there is no circle through it.
 */
function holdersOfNeed(operation: Operation, inventory: Inventory): readonly string[] {
  const url =
    operation.kind === 'create'
      ? operation.fields.target_url
      : operation.kind === 'update'
        ? operation.patch.target_url
        : operation.kind === 'replace' && takesUrl(operation)
          ? operation.fields.target_url
          : undefined;
  if (url === undefined) return [];
  const own = operation.kind === 'replace' ? [operation.subscription_id, operation.replacement_id] : [];
  return inventory.ownedAt(url).flatMap(({ id }) => (own.includes(id) ? [] : [id]));
}

function stuckHit(id: string, inventory: Inventory): Hit {
  const names = claimantsOf(id, inventory).join(', ');
  return {
    guard: 'url-taken',
    reason: `the URL belongs to ${names}, which keeps it for now`,
    letThrough: 'free the URL',
  };
}

/**
 * Cuts needs so that no cycle is left. Depth first, without recursion (a cycle may be thousands long).
 * Matching goes by name, so equal inputs are cut alike.
 */
function breakCycles(steps: readonly Step[]): void {
  const state = new Map<Step, 'open' | 'closed'>();
  const enter = (step: Step): { step: Step; rest: Step[] } => {
    state.set(step, 'open');
    return { step, rest: [...step.needs] };
  };
  for (const root of steps) {
    if (state.has(root)) continue;
    const path = [enter(root)];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.shift();
      if (next === undefined) {
        state.set(top.step, 'closed');
        path.pop();
      } else if (state.get(next) === 'open') {
        top.step.cut.add(next);
      } else if (!state.has(next)) {
        path.push(enter(next));
      }
    }
  }
}

function wayKey(updateKey: string): string {
  return `make-way for ${updateKey}`;
}

function makeWay(update: UpdateOperation): MakeWayOperation {
  const { name, subscription_id, fields, after, key } = update;
  const { target_url } = fields;
  return {
    kind: 'make-way',
    key: wayKey(key),
    before: key,
    after,
    name,
    subscription_id,
    target_url,
    secret: 'kept',
  };
}
