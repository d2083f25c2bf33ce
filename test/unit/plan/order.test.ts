import { describe, expect, it, test } from 'vitest';
import type { Operation } from '../../../src/domain/operation.ts';
import { planChanges } from '../../../src/plan/plan-changes.ts';
import { applyInModel, inAllowedOrder, picker } from '../../support/plan-model.ts';
import {
  each,
  fields,
  foreign,
  idOf,
  intent,
  live,
  names,
  outline,
  plan,
  stored,
  urlOf,
  world,
  type WorldSpec,
} from '../../support/world.ts';

function afterOf(operations: readonly Operation[]): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(operations.map(({ key, after }) => [key, after]));
}

/** Entries that each want another's URL: `wants` says which entry wants the URL of which. */
function moving(wants: Readonly<Record<string, string>>, more: WorldSpec = {}): WorldSpec {
  return {
    ...more,
    file: { ...each(Object.keys(wants), (name) => ({ target_url: urlOf(wants[name] ?? '') })), ...more.file },
    records: { ...each(Object.keys(wants), () => ({})), ...more.records },
    live: [...Object.keys(wants).map((name) => live(name)), ...(more.live ?? [])],
  };
}

/** Each wants the URL of the next; the last wants that of the first. */
function cycle(length: number): Readonly<Record<string, string>> {
  const all = names(length);
  return each(all, (_, index) => all[(index + 1) % length] ?? '');
}

describe('the order of operations', () => {
  it('lets a create wait for the delete that frees its URL', () => {
    const { operations } = plan({
      settled: ['a', 'b'],
      file: { fresh: { target_url: urlOf('legacy') } },
      records: { legacy: {}, older: { applied: fields('legacy') } },
      live: [live('legacy'), live('older')],
      allow: ['deletes'],
    });
    expect(afterOf(operations)).toEqual({
      'create fresh': ['delete legacy'],
      'delete legacy': [],
      'delete older': [],
    });
  });

  it('lets a create wait for the update that frees its URL', () => {
    const { operations } = plan(moving({ a: 'elsewhere' }, { file: { fresh: { target_url: urlOf('a') } } }));
    expect(afterOf(operations)).toEqual({ 'create fresh': ['update a'], 'update a': [] });
  });

  it('lets an update wait for the delete that frees its URL', () => {
    const { operations } = plan(moving({ a: 'legacy' }, { records: { legacy: {} }, live: [live('legacy')] }));
    expect(afterOf(operations)).toEqual({ 'update a': ['delete legacy'], 'delete legacy': [] });
  });

  it('orders a chain of updates from its free end', () => {
    const { operations } = plan(moving({ a: 'b', b: 'c', c: 'free' }));
    expect(afterOf(operations)).toEqual({
      'update a': ['update b'],
      'update b': ['update c'],
      'update c': [],
    });
  });

  it('does not order what needs no URL', () => {
    const { operations } = plan({
      settled: ['b'],
      file: { a: { subscribed_events: ['message.failed'] }, c: {} },
      records: { a: {} },
      live: [live('a')],
    });
    expect(afterOf(operations)).toEqual({ 'create c': [], 'update a': [] });
  });

  it('does not let an update wait for itself where only the form of its URL changes', () => {
    const { operations } = plan({
      file: { a: { target_url: 'https://HOOKS.example.com/a?version=2026-02-03', is_active: false } },
      records: { a: {} },
      live: [live('a')],
    });
    expect(afterOf(operations)).toEqual({ 'update a': [] });
  });

  it('breaks a swap of two URLs with one detour over a marked URL', () => {
    const { operations } = plan(moving({ a: 'b', b: 'a' }));
    expect(afterOf(operations)).toEqual({
      'make-way for update a': [],
      'update a': ['update b', 'make-way for update a'],
      'update b': ['make-way for update a'],
    });
    expect(operations[0]).toEqual({
      kind: 'make-way',
      key: 'make-way for update a',
      before: 'update a',
      after: [],
      name: 'a',
      subscription_id: idOf('a'),
      target_url: urlOf('b'),
      secret: 'kept',
    });
  });

  it('lets a detour wait for the rename and the recovery of its entry', () => {
    const { operations } = plan({
      file: { a: { target_url: urlOf('b'), previously: ['was'] }, b: { target_url: urlOf('a') } },
      records: { was: { current: stored('a'), intent: intent('was') }, b: {} },
      live: [live('a'), live('b')],
    });
    expect(afterOf(operations)).toEqual({
      'recover was': [],
      'rename a': ['recover was'],
      'make-way for update a': ['recover was', 'rename a'],
      'update a': ['recover was', 'rename a', 'update b', 'make-way for update a'],
      'update b': ['make-way for update a'],
    });
  });

  it('breaks two cycles with a detour each, whatever waits for them', () => {
    const wants = { a: 'b', b: 'a', c: 'd', d: 'c' };
    const { operations } = plan(moving(wants, { file: { a: { target_url: urlOf('b') } } }));
    expect(operations.filter(({ kind }) => kind === 'make-way').map(({ key }) => key)).toEqual([
      'make-way for update a',
      'make-way for update c',
    ]);
  });

  it('lets each wait where subscriptions of ours share the URL that another wants', () => {
    const input = world(
      moving(
        { a: 'shared', b: 'free' },
        {
          file: { c: { target_url: urlOf('a') }, b: { target_url: urlOf('free') } },
          records: { b: {}, c: {} },
          live: [live('c', { target_url: urlOf('shared') })],
        },
      ),
    );
    const doubled = {
      ...input,
      observation: {
        ...input.observation,
        subscriptions: input.observation.subscriptions.map((subscription) =>
          subscription.id === idOf('b') ? { ...subscription, target_url: urlOf('shared') } : subscription,
        ),
      },
    };
    const { operations } = planChanges(doubled);
    expect(afterOf(operations)).toEqual({
      'make-way for update a': [],
      'update a': ['update b', 'update c', 'make-way for update a'],
      'update b': [],
      'update c': ['make-way for update a'],
    });
    const applied = applyInModel(
      doubled,
      inAllowedOrder(operations, () => 0),
    );
    expect(outline(planChanges(applied))).toEqual({ does: [], holds: [] });
  });

  it('breaks a cycle of thousands', () => {
    const { operations, held } = plan(moving(cycle(3000)));
    expect(held).toEqual([]);
    expect(operations.filter(({ kind }) => kind === 'make-way')).toHaveLength(1);
  });

  it('holds what needs the URL of a subscription of ours that keeps it', () => {
    const outcome = plan({
      settled: ['a'],
      file: { fresh: { target_url: urlOf('legacy') } },
      records: { legacy: {}, older: { applied: fields('legacy') } },
      live: [live('legacy'), live('older')],
      policy: { prune: 'never' },
    });
    expect(outcome.held).toMatchObject([
      {
        guard: 'url-taken',
        name: 'fresh',
        reason: 'the URL belongs to legacy, which keeps it for now',
        letThrough: 'free the URL',
      },
    ]);
    expect(outcome.operations).toEqual([]);
  });

  it('holds what needs the URL of a subscription whose drift is only reported', () => {
    const outcome = plan({
      file: { a: {}, b: { target_url: urlOf('c') } },
      records: { a: { applied: fields('a') }, b: {} },
      live: [live('a', { target_url: urlOf('c') }), live('b')],
      policy: { drift: 'report' },
    });
    expect(outline(outcome)).toEqual({ does: [], holds: ['drift: revert a', 'depends: update b'] });
  });
});

/** The entries 1 to n with their URLs permuted. */
function permutation(length: number, seed: number): Readonly<Record<string, string>> {
  const pick = picker(seed);
  const pool = [...names(length)];
  return each(names(length), () => pool.splice(pick(pool.length), 1)[0] ?? '');
}

describe('applying in an allowed order', () => {
  test.each([
    { title: 'a swap', wants: cycle(2), detours: 1 },
    { title: 'a cycle of 50', wants: cycle(50), detours: 1 },
    { title: 'a chain of 50', wants: { ...cycle(50), n50: 'free' }, detours: 0 },
  ])('brings $title to its URLs with $detours detours', ({ wants, detours }) => {
    const input = world(moving(wants));
    const { operations, held } = planChanges(input);
    expect(held).toEqual([]);
    expect(operations.filter(({ kind }) => kind === 'make-way')).toHaveLength(detours);
    for (let seed = 0; seed < 5; seed += 1) {
      const applied = applyInModel(input, inAllowedOrder(operations, picker(seed)));
      const urls = new Map(applied.observation.subscriptions.map(({ id, target_url }) => [id, target_url]));
      for (const [name, wanted] of Object.entries(wants)) expect(urls.get(idOf(name))).toBe(urlOf(wanted));
      expect(planChanges(applied).operations).toEqual([]);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'brings permutation %i to its URLs, keeps the ids and never PUTs to a taken URL',
    (seed) => {
      const wants = permutation(20, seed);
      const input = world(moving(wants, { live: [foreign('x')] }));
      const { operations } = planChanges(input);
      const applied = applyInModel(input, inAllowedOrder(operations, picker(seed)));
      const urls = new Map(applied.observation.subscriptions.map(({ id, target_url }) => [id, target_url]));
      const wanted = Object.entries(wants).map(([name, other]) => [idOf(name), urlOf(other)] as const);
      expect(urls).toEqual(new Map([...wanted, ['foreign-x', urlOf('x')] as const]));
      expect(planChanges(applied).operations).toEqual([]);
    },
  );
});
