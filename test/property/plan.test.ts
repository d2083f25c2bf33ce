import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Operation } from '../../src/domain/operation.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { ownedIds } from '../../src/domain/record.ts';
import { hasMarkOf, markOf, normaliseUrl } from '../../src/domain/target-url.ts';
import { isConsentedTo } from '../../src/plan/adoption.ts';
import { isAllowed, type PlanInput } from '../../src/plan/candidate.ts';
import { compareFields } from '../../src/plan/diff.ts';
import { takesUrl } from '../../src/plan/match-replacement.ts';
import { planChanges } from '../../src/plan/plan-changes.ts';
import { arbitraryWorld, calmWorld, wildAccount } from '../support/arbitrary-world.ts';
import { applyInModel, inAllowedOrder, picker } from '../support/plan-model.ts';
import { INSTALLATION } from '../support/world.ts';

const RUNS = { numRuns: 150 };
const seed = fc.nat();

/** More passes than any world of this size needs, also where replacements run one by one. */
const PASSES = 20;
/** From one pass to the next: longer than an overlap. A command asks for something once. */
const BETWEEN_MS = 900_000;

function pass(input: PlanInput, order: number): { readonly plan: Plan; readonly after: PlanInput } {
  const plan = planChanges(input);
  const operations = inAllowedOrder(plan.operations, picker(order));
  return { plan, after: applyInModel(input, operations, `m${order}`) };
}

function later(input: PlanInput): PlanInput {
  const { observation } = input;
  const serverTime = observation.serverTime + BETWEEN_MS;
  return { ...input, rotate: new Map(), adopt: new Map(), observation: { ...observation, serverTime } };
}

/** Names that are not brought to their end: a replacement overlaps or waits, or a command has given one up. */
function unfinished({ operations, waiting }: Plan, input: PlanInput): ReadonlySet<string> {
  const urls = new Map(input.desired.entries.map(({ name, fields }) => [name, fields.target_url]));
  // One that had a URL already, and is to have another one by now, ends there; an update moves it.
  const overlapping = operations.flatMap((one) =>
    one.kind === 'replace' && (!takesUrl(one) || one.fields.target_url !== urls.get(one.name))
      ? [one.name]
      : [],
  );
  const givenUp = [...input.rotate].flatMap(([name, rotation]) => (rotation === 'abort' ? [name] : []));
  return new Set([...overlapping, ...waiting.map(({ name }) => name), ...givenUp]);
}

describe('a plan, applied', () => {
  it('brings every entry that is not held to what the file says (I1)', () => {
    fc.assert(
      fc.property(arbitraryWorld, seed, (input, order) => {
        const { plan, after } = pass(input, order);
        const held = new Set(plan.held.map(({ name }) => name));
        const live = new Map(after.observation.subscriptions.map((one) => [one.id, one]));
        const underWay = unfinished(plan, input);
        for (const { name, fields, prevent_destroy } of input.desired.entries) {
          if (held.has(name) || underWay.has(name) || plan.held.some(({ guard }) => guard === 'account'))
            continue;
          const found = after.observation.records.get(name);
          if (found?.kind !== 'intact') throw new Error(`${name} has no record`);
          const { record } = found;
          const own = live.get(record.current?.subscription_id ?? '');
          if (own === undefined) throw new Error(`${name} is not live`);
          expect(compareFields(fields, own, null)).toEqual([]);
          expect(record.prevent_destroy).toBe(prevent_destroy);
          expect(record.intent).toBeNull();
          expect(record.current?.signing_secret).not.toBeNull();
        }
      }),
      RUNS,
    );
  });

  it('leaves no record and no subscription of a name that left the file, unless it is held (I1)', () => {
    fc.assert(
      fc.property(arbitraryWorld, seed, (input, order) => {
        const { plan, after } = pass(input, order);
        const held = new Set(plan.held.map(({ name }) => name));
        const entries = new Set(input.desired.entries.map(({ name }) => name));
        const survivors = new Set([...entries].flatMap((name) => idsOf(after, name)));
        // What carries our mark and is in no record is collected by a later pass.
        const live = new Set(
          after.observation.subscriptions.flatMap(({ id, target_url }) =>
            hasMarkOf(target_url, INSTALLATION) ? [] : [id],
          ),
        );
        if (input.policy.prune === 'never' || held.has(null)) return;
        for (const [name, { kind }] of input.observation.records) {
          if (kind !== 'intact' || entries.has(name) || held.has(name)) continue;
          const url = declaredUrl(input, name);
          const heir = input.desired.entries.find(
            ({ name: own, previously, fields }) =>
              previously.includes(name) || (held.has(own) && normaliseUrl(fields.target_url) === url),
          );
          if (heir !== undefined && held.has(heir.name)) continue;
          if (plan.held.some(({ operation }) => operation?.kind === 'rename' && operation.from === name))
            continue;
          if (plan.waiting.some((waiting) => waiting.kind === 'delete' && waiting.name === name)) continue;
          if (plan.operations.some(({ key }) => key === `retire ${name}`)) continue;
          expect(after.observation.records.get(name)).toBeUndefined();
          for (const id of idsOf(input, name)) if (live.has(id)) expect(survivors).toContain(id);
        }
      }),
      RUNS,
    );
  });

  it('leaves nothing to do, where nothing was held (I1)', () => {
    fc.assert(
      fc.property(calmWorld, seed, (input, order) => {
        const { plan, after } = pass(input, order);
        fc.pre(plan.held.length === 0);
        const next = planChanges(after);
        expect([...next.operations, ...next.held]).toEqual([]);
      }),
      RUNS,
    );
  });

  it('comes to rest within a few passes, whatever is held (I1)', () => {
    fc.assert(
      fc.property(arbitraryWorld, seed, (input, order) => {
        let world = input;
        for (let count = 0; count < PASSES; count += 1) world = later(pass(world, order + count).after);
        const { operations, waiting } = planChanges(world);
        expect({ operations, waiting }).toEqual({ operations: [], waiting: [] });
      }),
      RUNS,
    );
  });

  it('never leaves two live subscriptions that one entry made (I4)', () => {
    fc.assert(
      fc.property(arbitraryWorld, seed, (input, order) => {
        const ids = new Set(input.observation.subscriptions.map(({ id }) => id));
        const { after } = pass(input, order);
        const made = after.observation.subscriptions.filter(({ id }) => !ids.has(id));
        const urls = made.map(({ target_url }) => normaliseUrl(target_url));
        expect(new Set(urls).size).toBe(urls.length);
        const owned = new Set([...after.observation.records.keys()].flatMap((name) => idsOf(after, name)));
        for (const { id } of made) expect(owned).toContain(id);
      }),
      RUNS,
    );
  });
});

describe('what a plan names', () => {
  it('is never foreign, unless everything is pruned (I3)', () => {
    fc.assert(
      fc.property(arbitraryWorld, (input) => {
        const ours = new Set([...input.observation.records.keys()].flatMap((name) => idsOf(input, name)));
        const others = new Set(
          [...input.observation.records.values()].flatMap((one) =>
            one.kind === 'other-owner' ? one.ids : [],
          ),
        );
        const urls = new Map(input.observation.subscriptions.map(({ id, target_url }) => [id, target_url]));
        const wanted = new Set(input.desired.entries.map(({ fields }) => normaliseUrl(fields.target_url)));
        for (const operation of planChanges(input).operations) {
          const id = 'subscription_id' in operation ? operation.subscription_id : null;
          const url = id === null ? undefined : urls.get(id);
          if (id === null || url === undefined || ours.has(id)) continue;
          expect(others).not.toContain(id);
          if (operation.kind === 'replace') {
            const observed = input.observation.records.get(operation.name);
            const record = observed?.kind === 'intact' ? observed.record : null;
            if (record?.retire?.subscription_id === id || operation.step === 'drop') continue;
            const isAsked = isConsentedTo(id, operation.name, input.adopt);
            const isLetThrough = isAllowed('unowned', operation.name, input);
            // What a damaged record may have named is replaced, with consent to a lost secret.
            const isLost = observed?.kind === 'damaged' && isAllowed('secret-loss', operation.name, input);
            expect(isAsked || isLetThrough || isLost || input.policy.unowned === 'replace').toBe(true);
            if (input.adopt.get(operation.name) === id) continue;
            expect(normaliseUrl(url)).toBe(normaliseUrl(operation.fields.target_url));
          } else if (operation.kind === 'delete') {
            expect(input.policy.prune).toBe('all');
            expect(markOf(url)).toBeUndefined();
            expect(wanted).not.toContain(normaliseUrl(url));
          } else {
            expect(['recover', 'collect']).toContain(operation.kind);
            expect(operation.kind === 'recover' || input.observation.installation !== null).toBe(true);
            expect(hasMarkOf(url, INSTALLATION)).toBe(true);
          }
        }
      }),
      RUNS,
    );
  });
});

describe('the order that a plan asks for', () => {
  it('has no circle, and names only operations of the plan or held ones', () => {
    fc.assert(
      fc.property(arbitraryWorld, (input) => {
        const { operations, held } = planChanges(input);
        const all = [...operations, ...held.flatMap(({ operation }) => operation ?? [])];
        const keys = all.map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        expect(inAllowedOrder(all, () => 0)).toHaveLength(all.length);
        const running = new Set(operations.map(({ key }) => key));
        for (const { after } of operations) for (const key of after) expect(running).toContain(key);
      }),
      RUNS,
    );
  });

  it('never lets two operations write one record, or bring two subscriptions to one URL, at a time', () => {
    fc.assert(
      fc.property(arbitraryWorld, (input) => {
        const { operations } = planChanges(input);
        const ancestors = ancestorsOf(operations);
        const isOrdered = (a: string, b: string) => ancestors.get(a)?.has(b) || ancestors.get(b)?.has(a);
        for (const [index, one] of operations.entries()) {
          for (const other of operations.slice(index + 1)) {
            const shared = touchedBy(one).filter((thing) => touchedBy(other).includes(thing));
            if (shared.length > 0)
              expect([one.key, other.key, isOrdered(one.key, other.key)]).toContain(true);
          }
        }
      }),
      RUNS,
    );
  });

  it('never PUTs to a URL that is taken at that moment, in any order that it allows', () => {
    fc.assert(
      fc.property(arbitraryWorld, fc.array(seed, { minLength: 3, maxLength: 3 }), (input, orders) => {
        for (const order of orders) pass(input, order);
      }),
      RUNS,
    );
  });
});

describe('the planner', () => {
  it('gives a byte-equal plan whatever the order of its input (I9)', () => {
    fc.assert(
      fc.property(arbitraryWorld, seed, (input, order) => {
        const plan = planChanges(input);
        const other = planChanges(shuffled(input, order));
        expect(JSON.stringify(other)).toBe(JSON.stringify(plan));
        expect(other.id).toBe(plan.id);
      }),
      RUNS,
    );
  });

  it('plans for any account without throwing', () => {
    fc.assert(
      fc.property(arbitraryWorld, wildAccount, (input, subscriptions) => {
        const plan = planChanges({ ...input, observation: { ...input.observation, subscriptions } });
        expect(plan.id).toMatch(/^[0-9a-f]{64}$/);
      }),
      { numRuns: 100 },
    );
  });
});

function idsOf({ observation }: PlanInput, name: string): readonly string[] {
  const observed = observation.records.get(name);
  return observed?.kind === 'intact' ? ownedIds(observed.record) : [];
}

/** The URL that the record's subscription had in the file, by which an entry under another name inherits it. */
function declaredUrl({ observation }: PlanInput, name: string): string | undefined {
  const observed = observation.records.get(name);
  if (observed?.kind !== 'intact') return undefined;
  const url = observed.record.applied?.target_url ?? observed.record.current?.target_url;
  return url === undefined ? undefined : normaliseUrl(url);
}

/** Names whose record an operation writes, and the URL to which it brings a subscription. */
function touchedBy(operation: Operation): readonly string[] {
  switch (operation.kind) {
    case 'rename':
      return [operation.name, operation.from];
    case 'collect':
      return [];
    case 'create':
      return [operation.name, normaliseUrl(operation.fields.target_url)];
    case 'update': {
      const { target_url } = operation.patch;
      return [operation.name, ...(target_url === undefined ? [] : [normaliseUrl(target_url)])];
    }
    case 'replace': {
      const { name, fields } = operation;
      return [name, ...(takesUrl(operation) ? [normaliseUrl(fields.target_url)] : [])];
    }
    case 'retire':
    case 'make-way':
    case 'delete':
    case 'recover':
    case 'forget':
      return operation.name === null ? [] : [operation.name];
  }
}

/** Key → keys of all that must be done before. */
function ancestorsOf(operations: readonly Operation[]): ReadonlyMap<string, ReadonlySet<string>> {
  const ancestors = new Map<string, Set<string>>();
  for (const { key, after } of inAllowedOrder(operations, () => 0)) {
    ancestors.set(key, new Set(after.flatMap((one) => [one, ...(ancestors.get(one) ?? [])])));
  }
  return ancestors;
}

/** The same world with every list and map in another order. */
function shuffled(input: PlanInput, order: number): PlanInput {
  const pick = picker(order);
  const mix = <T>(list: readonly T[]): readonly T[] => {
    const rest = [...list];
    return list.flatMap(() => rest.splice(pick(rest.length), 1));
  };
  const lists = <T extends { subscribed_events: readonly string[]; phone_numbers: readonly string[] | null }>(
    one: T,
  ): T => ({
    ...one,
    subscribed_events: mix(one.subscribed_events),
    phone_numbers: one.phone_numbers && mix(one.phone_numbers),
  });
  const { desired, observation } = input;
  return {
    ...input,
    allowances: mix(input.allowances),
    desired: {
      ...desired,
      entries: mix(desired.entries).map((entry) => ({
        ...entry,
        fields: lists(entry.fields),
        previously: mix(entry.previously),
      })),
    },
    observation: {
      ...observation,
      subscriptions: mix(observation.subscriptions).map(lists),
      records: new Map(mix([...observation.records])),
      events: observation.events && mix(observation.events),
      lines: observation.lines && mix(observation.lines),
    },
  };
}
