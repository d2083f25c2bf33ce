import type { MakeWayOperation, Operation, UpdateOperation } from '../domain/operation.ts';
import type { Candidate, Hit } from './candidate.ts';
import type { Inventory } from './inventory.ts';

/**
 * Orders what needs a URL after what frees it, and breaks cycles: of two entries that want each other's
 * URL, one first makes way to a marked URL. A URL that nothing frees is a hit of `url-taken`.
 */
export function orderByUrl(candidates: readonly Candidate[], inventory: Inventory): readonly Candidate[] {
  const freeing = new Map(
    candidates.flatMap(({ operation }) => freedBy(operation).map((id) => [id, operation] as const)),
  );
  const edges = new Map<string, readonly string[]>();
  const updates = new Map<string, UpdateOperation>();
  const ordered = candidates.map((candidate) => {
    const { operation } = candidate;
    const holders = holdersOfNeed(operation, inventory);
    const freers = holders.flatMap((id) => freeing.get(id)?.key ?? []);
    const stuck = holders.filter((id) => !freeing.has(id)).map((id) => stuckHit(id, inventory));
    edges.set(operation.key, freers);
    if (operation.kind === 'update') updates.set(operation.key, operation);
    return { candidate, stuck };
  });
  const broken = breakCycles(edges);
  const makeWays = new Map(
    [...broken.values()]
      .flatMap((keys) => [...keys])
      .flatMap((key) => {
        const update = updates.get(key);
        return update ? [[key, makeWay(update)] as const] : [];
      }),
  );
  const withEdges = ordered.map(({ candidate: { operation, hits }, stuck }) => {
    const cut = broken.get(operation.key);
    const needs = (edges.get(operation.key) ?? []).map((key) => (cut?.has(key) ? wayKey(key) : key));
    const own = makeWays.has(operation.key) ? [wayKey(operation.key)] : [];
    return {
      operation: { ...operation, after: [...operation.after, ...needs, ...own] },
      hits: [...hits, ...stuck],
    };
  });
  return [...withEdges, ...[...makeWays.values()].map((operation) => ({ operation, hits: [] }))];
}

function freedBy(operation: Operation): readonly string[] {
  if (operation.kind === 'delete')
    return operation.subscription_id === null ? [] : [operation.subscription_id];
  return operation.kind === 'update' && operation.patch.target_url !== undefined
    ? [operation.subscription_id]
    : [];
}

/** Ids of our subscriptions at the URL that the operation will need. */
function holdersOfNeed(operation: Operation, inventory: Inventory): readonly string[] {
  const url =
    operation.kind === 'create'
      ? operation.fields.target_url
      : operation.kind === 'update'
        ? operation.patch.target_url
        : undefined;
  if (url === undefined) return [];
  const own = operation.kind === 'update' ? operation.subscription_id : undefined;
  return inventory.ownedAt(url).flatMap(({ id }) => (id === own ? [] : [id]));
}

function stuckHit(id: string, inventory: Inventory): Hit {
  const names = (inventory.claims.get(id) ?? []).join(', ');
  return {
    guard: 'url-taken',
    reason: `the URL belongs to ${names}, which keeps it for now`,
    letThrough: 'free the URL',
  };
}

/**
 * Edges to cut so that no cycle is left: operation → keys it must not wait for. Depth first, without
 * recursion (a cycle may be thousands long), in the order of the keys, so that equal inputs cut alike.
 */
function breakCycles(
  edges: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const cuts = new Map<string, Set<string>>();
  const state = new Map<string, 'open' | 'closed'>();
  for (const root of [...edges.keys()].sort()) {
    if (state.has(root)) continue;
    state.set(root, 'open');
    const path = [{ key: root, rest: [...(edges.get(root) ?? [])] }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.shift();
      if (next === undefined) {
        state.set(top.key, 'closed');
        path.pop();
      } else if (state.get(next) === 'open') {
        cuts.set(top.key, (cuts.get(top.key) ?? new Set()).add(next));
      } else if (!state.has(next)) {
        state.set(next, 'open');
        path.push({ key: next, rest: [...(edges.get(next) ?? [])] });
      }
    }
  }
  return cuts;
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
