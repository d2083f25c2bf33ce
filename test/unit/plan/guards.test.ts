import { describe, expect, it, test } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import type { EntryRecord } from '../../../src/domain/record.ts';
import {
  ago,
  allowance,
  each,
  fields,
  foreign,
  installation,
  INTERVAL,
  LANDING_TIME,
  live,
  ME,
  names,
  OTHER,
  outline,
  plan,
  stored,
  urlOf,
  type WorldSpec,
} from '../../support/world.ts';

const LINE = '+12025550101';

/** Worlds in which exactly one guard covers one operation. */
const COVERED: Readonly<Record<'widen' | 'drift' | 'protected' | 'stale-file', WorldSpec & { key: string }>> =
  {
    widen: {
      key: 'update orders',
      file: { orders: {} },
      records: { orders: { applied: fields('orders', { phone_numbers: [LINE] }) } },
      live: [live('orders', { phone_numbers: [LINE] })],
    },
    drift: {
      key: 'revert orders',
      file: { orders: {} },
      records: { orders: {} },
      live: [live('orders', { subscribed_events: ['message.failed'] })],
      policy: { drift: 'report' },
    },
    protected: {
      key: 'delete orders',
      settled: ['a', 'b'],
      records: { orders: { prevent_destroy: true } },
      live: [live('orders')],
    },
    'stale-file': {
      key: 'update orders',
      file: { orders: { subscribed_events: ['message.failed'] } },
      records: { orders: { applied_from: appliedFrom() } },
      live: [live('orders')],
    },
  };

function appliedFrom(overrides: Partial<NonNullable<EntryRecord['applied_from']>> = {}) {
  return {
    content_hash: 'another file',
    revision: null,
    holder: OTHER,
    server_time: ago(1_000),
    ...overrides,
  };
}

describe('a guard over one entry', () => {
  const guards = Object.entries(COVERED).map(([guard, { key, ...spec }]) => ({ guard, key, spec }));

  test.each(guards)('$guard holds, and says how to let the entry through', ({ guard, key, spec }) => {
    const { operations, held } = plan(spec);
    expect(operations).toEqual([]);
    expect(held).toMatchObject([
      { guard, name: 'orders', letThrough: `--allow ${guard}:orders`, operation: { key } },
    ]);
  });

  test.each(guards)('$guard is let through by name, bare, and by policy.allow', ({ guard, key, spec }) => {
    const through = (more: WorldSpec) => outline(plan({ ...spec, ...more }));
    const key1 = key.replace('revert', 'update');
    const done = { does: [key1], holds: [] };
    expect(through({ allow: [`${guard}:orders`] })).toEqual(done);
    expect(through({ allow: [guard] })).toEqual(done);
    expect(through({ policy: { ...spec.policy, allow: [allowance(guard)] } })).toEqual(done);
    expect(through({ policy: { ...spec.policy, allow: [allowance(`${guard}:orders`)] } })).toEqual(done);
  });

  test.each(guards)(
    '$guard still holds where another guard or entry is let through',
    ({ guard, key, spec }) => {
      const allow = [`${guard}:billing`, guard === 'widen' ? 'drift' : 'widen'];
      expect(outline(plan({ ...spec, allow }))).toEqual({ does: [], holds: [`${guard}: ${key}`] });
    },
  );

  it('shows the next guard once the first is let through', () => {
    const spec: WorldSpec = {
      file: { orders: {} },
      records: {
        orders: {
          applied: fields('orders', { phone_numbers: [LINE] }),
          applied_from: appliedFrom(),
        },
      },
      live: [live('orders', { phone_numbers: [LINE] })],
    };
    expect(outline(plan(spec)).holds).toEqual(['stale-file: update orders']);
    expect(outline(plan({ ...spec, allow: ['stale-file:orders'] })).holds).toEqual(['widen: update orders']);
    expect(outline(plan({ ...spec, allow: ['stale-file:orders', 'widen:orders'] }))).toEqual({
      does: ['update orders'],
      holds: [],
    });
  });

  it('leaves the other entries alone', () => {
    const { key: _, ...widen } = COVERED.widen;
    const outcome = plan({ ...widen, file: { ...widen.file, billing: {} } });
    expect(outline(outcome)).toEqual({ does: ['create billing'], holds: ['widen: update orders'] });
  });
});

describe('a firm guard', () => {
  const FIRM: readonly (WorldSpec & { guard: string; holds: readonly string[] })[] = [
    {
      guard: 'record',
      file: { orders: {} },
      records: { orders: { kind: 'newer', schema: 2 } },
      holds: ['record: orders'],
    },
    {
      guard: 'ambiguous',
      file: { orders: {} },
      live: [foreign('orders'), foreign('orders', { id: 'two' })],
      holds: ['ambiguous: orders'],
    },
    {
      guard: 'url-taken',
      file: { orders: { target_url: urlOf('moved') } },
      records: { orders: {} },
      live: [live('orders'), foreign('moved')],
      holds: ['url-taken: update orders'],
    },
    {
      guard: 'depends',
      file: { orders: { target_url: urlOf('moved') }, other: { target_url: urlOf('orders') } },
      records: { orders: {} },
      live: [live('orders'), foreign('moved')],
      holds: ['url-taken: update orders', 'depends: create other'].sort(),
    },
  ];

  test.each(FIRM)('$guard is let through by nothing', ({ guard, holds, ...spec }) => {
    const allow = [guard, `${guard}:orders`, `${guard}:other`];
    const outcome = outline(
      plan({ ...spec, allow, policy: { ...spec.policy, allow: allow.map(allowance) } }),
    );
    expect({ does: outcome.does, holds: [...outcome.holds].sort() }).toEqual({ does: [], holds });
  });

  test.each([
    { guard: 'unowned', live: [foreign('orders')] },
    {
      guard: 'secret-loss',
      records: { orders: { current: stored('orders', { signing_secret: null }) } },
      live: [live('orders')],
    },
  ])('$guard holds a replacement until it is let through', ({ guard, ...spec }) => {
    const world = { file: { orders: {} }, ...spec };
    expect(outline(plan(world))).toEqual({ does: [], holds: [`${guard}: replace orders`] });
    const through = outline(plan({ ...world, allow: [`${guard}:orders`] }));
    expect(through).toEqual({ does: ['replace orders'], holds: [] });
  });
});

describe('widen', () => {
  test.each([
    { lines: [LINE], reason: '1 line → every line' },
    { lines: [LINE, '+12025550102'], reason: '2 lines → every line' },
  ])('says $reason', ({ lines, reason }) => {
    const { held } = plan({
      file: { o: {} },
      records: { o: {} },
      live: [live('o', { phone_numbers: lines })],
    });
    expect(held).toMatchObject([{ guard: 'widen', reason }]);
  });

  it('does not hold a routing header that the file takes away', () => {
    const outcome = plan({
      file: { o: { routing_key_header: null } },
      records: { o: {} },
      live: [live('o', { routing_key_header: 'X-Key' })],
    });
    expect(outline(outcome)).toEqual({ does: ['update o'], holds: [] });
  });

  it('does not hold a filter that grows', () => {
    const outcome = plan({
      file: { o: { phone_numbers: [LINE, '+12025550102'] } },
      records: { o: {} },
      live: [live('o', { phone_numbers: [LINE] })],
    });
    expect(outline(outcome)).toEqual({ does: ['update o'], holds: [] });
  });
});

describe('drift', () => {
  const spec: WorldSpec = {
    file: { o: { subscribed_events: ['message.failed'], phone_numbers: [LINE], prevent_destroy: true } },
    records: { o: { applied: fields('o', { phone_numbers: [LINE] }) } },
    live: [live('o', { phone_numbers: ['+12025550199'] })],
  };

  it('is reverted along with the file’s changes by default', () => {
    expect(plan(spec).operations).toMatchObject([
      { key: 'update o', patch: { subscribed_events: ['message.failed'], phone_numbers: [LINE] } },
    ]);
  });

  it('that is only reported does not hold what the file changes', () => {
    const { operations, held } = plan({ ...spec, policy: { drift: 'report' } });
    expect(operations).toMatchObject([
      {
        key: 'update o',
        reason: 'changed-in-file',
        patch: { subscribed_events: ['message.failed'] },
        prevent_destroy: true,
      },
    ]);
    expect(operations[0]).not.toHaveProperty('patch.phone_numbers');
    expect(held).toMatchObject([
      { guard: 'drift', operation: { key: 'revert o', reason: 'drifted', patch: { phone_numbers: [LINE] } } },
    ]);
  });

  it('that is only reported is no reason to keep what was never applied', () => {
    const outcome = plan({
      file: { o: {} },
      records: { o: { applied: null } },
      live: [live('o', { subscribed_events: [] })],
      policy: { drift: 'report' },
    });
    expect(outline(outcome)).toEqual({ does: ['update o'], holds: [] });
  });
});

describe('stale-file', () => {
  const free: readonly {
    reason: string;
    from: EntryRecord['applied_from'];
    more?: WorldSpec;
    gone?: boolean;
  }[] = [
    { reason: 'nobody applied it yet', from: null },
    { reason: 'the same content was applied', from: appliedFrom({ content_hash: 'hash of this file' }) },
    { reason: 'who applied it runs no more', from: appliedFrom(), gone: true },
    { reason: 'it was applied three intervals ago', from: appliedFrom({ server_time: ago(3 * INTERVAL) }) },
    {
      reason: 'both are one-shot runs',
      from: appliedFrom({ holder: { ...OTHER, mode: 'sync' } }),
      more: { holder: { ...ME, mode: 'sync' } },
    },
  ];
  test.each(free)('does not hold where $reason', ({ from, gone = false, more }) => {
    const outcome = plan({
      ...more,
      file: { orders: { subscribed_events: ['message.failed'] } },
      records: { orders: { applied_from: from, isApplierGone: gone } },
      live: [live('orders')],
    });
    expect(outline(outcome)).toEqual({ does: ['update orders'], holds: [] });
  });

  const covered: readonly { reason: string; from: EntryRecord['applied_from']; more?: WorldSpec }[] = [
    { reason: 'almost three intervals ago', from: appliedFrom({ server_time: ago(3 * INTERVAL - 1) }) },
    {
      reason: 'by a one-shot run, beside a daemon',
      from: appliedFrom({ holder: { ...OTHER, mode: 'sync' } }),
    },
    {
      reason: 'by a daemon, beside a one-shot run',
      from: appliedFrom(),
      more: { holder: { ...ME, mode: 'sync' } },
    },
    { reason: 'by a server clock that is ahead', from: appliedFrom({ server_time: ago(-1_000) }) },
  ];
  test.each(covered)('holds an update of what was applied $reason', ({ from, more }) => {
    const outcome = plan({
      ...more,
      file: { orders: { prevent_destroy: true } },
      records: { orders: { applied_from: from } },
      live: [live('orders')],
    });
    expect(outline(outcome)).toEqual({ does: [], holds: ['stale-file: update orders'] });
  });

  it('says who applied what, and when', () => {
    const { key: _, ...spec } = COVERED['stale-file'];
    const [held] = plan(spec).held;
    expect(held?.reason).toBe(
      'process 2 on there applied it from another version of the file at 2026-11-22T11:59:59.000Z',
    );
  });

  it('holds a delete of what another process has just applied', () => {
    const outcome = plan({
      settled: ['a', 'b'],
      records: { orders: { applied_from: appliedFrom() } },
      live: [live('orders')],
    });
    expect(outline(outcome)).toEqual({ does: [], holds: ['stale-file: delete orders'] });
  });

  it('holds a rename of what another process has just applied under the other name', () => {
    const outcome = plan({
      file: { orders: { target_url: urlOf('sales'), previously: ['sales'] } },
      records: { sales: { applied_from: appliedFrom() } },
      live: [live('sales')],
    });
    expect(outline(outcome)).toEqual({ does: [], holds: ['stale-file: rename orders'] });
  });

  it('holds what looks like drift too: the other may have been cut off before it noted what it applied', () => {
    const outcome = plan({
      file: { orders: {} },
      records: { orders: { applied_from: appliedFrom() } },
      live: [live('orders', { subscribed_events: [] })],
    });
    expect(outline(outcome)).toEqual({ does: [], holds: ['stale-file: update orders'] });
  });
});

describe('in-flight', () => {
  /** The list shows the events as they were before the other process changed them, and noted that it did. */
  function applied(server_time: string, more: WorldSpec = {}, gone = false): WorldSpec {
    const applied_from = appliedFrom({ content_hash: 'hash of this file', server_time });
    return {
      ...more,
      file: { orders: {} },
      records: { orders: { applied_from, isApplierGone: gone } },
      live: [live('orders', { subscribed_events: ['message.failed'] })],
    };
  }

  const covered = [
    { reason: 'after the list was read', server_time: ago(-LANDING_TIME + 1) },
    { reason: 'in the second in which the list was read', server_time: ago(999) },
  ];
  test.each(covered)('holds an update of what another process applied $reason', ({ server_time }) => {
    expect(outline(plan(applied(server_time)))).toEqual({ does: [], holds: ['in-flight: update orders'] });
  });

  it('does not report as drift what another process has just changed', () => {
    const outcome = plan(applied(ago(0), { policy: { drift: 'report' } }));
    expect(outline(outcome)).toEqual({ does: [], holds: ['in-flight: revert orders'] });
  });

  it('says who applied what, and when', () => {
    const [held] = plan(applied(ago(0))).held;
    expect(held).toMatchObject({
      reason: 'process 2 on there applied it at 2026-11-22T12:00:00.000Z, while the list was read',
      letThrough: null,
    });
  });

  const free = [
    { reason: 'before the list was read', server_time: ago(1_000), gone: false },
    { reason: 'by a clock that is ahead by far', server_time: ago(-LANDING_TIME), gone: false },
    { reason: 'and runs no more, or is this one', server_time: ago(0), gone: true },
  ];
  test.each(free)('does not hold what a process applied $reason', ({ server_time, gone }) => {
    expect(outline(plan(applied(server_time, {}, gone)))).toEqual({ does: ['update orders'], holds: [] });
  });
});

describe('bad-file', () => {
  it('holds deletes and replacements while the last good file is all there is, and nothing else (I7)', () => {
    const outcome = plan({
      isFileBad: true,
      settled: ['a', 'b'],
      file: { fresh: {}, changed: { subscribed_events: ['message.failed'] }, lost: {} },
      records: { changed: {}, gone: {}, lost: { current: stored('lost', { signing_secret: null }) } },
      live: [live('changed'), live('gone'), live('lost')],
    });
    expect(outline(outcome)).toEqual({
      does: ['create fresh', 'update changed'],
      holds: ['bad-file: delete gone', 'bad-file: replace lost'],
    });
    expect(outcome.held[0]?.letThrough).toBe('mend the file');
  });
});

describe('fight', () => {
  const spec: WorldSpec = {
    file: { o: { subscribed_events: ['message.failed'], phone_numbers: [LINE] } },
    records: {
      o: { applied: fields('o', { subscribed_events: ['message.failed'], phone_numbers: [LINE] }) },
    },
    live: [live('o', { subscribed_events: [], phone_numbers: ['+12025550199'] })],
  };

  it('holds the field that is fought over, and repairs the others', () => {
    const { operations, held } = plan({ ...spec, fights: ['o phone_numbers'] });
    expect(operations).toMatchObject([{ key: 'update o', patch: { subscribed_events: ['message.failed'] } }]);
    expect(operations[0]).not.toHaveProperty('patch.phone_numbers');
    expect(held).toMatchObject([
      { guard: 'fight', name: 'o', operation: { key: 'revert o', patch: { phone_numbers: [LINE] } } },
    ]);
  });

  it('does not hold what the file changes', () => {
    const outcome = plan({
      file: { o: { phone_numbers: [LINE] } },
      records: { o: {} },
      live: [live('o')],
      fights: ['o phone_numbers'],
    });
    expect(outline(outcome)).toEqual({ does: ['update o'], holds: [] });
  });

  it('is drift like any other where drift is only reported', () => {
    const outcome = plan({ ...spec, fights: ['o phone_numbers'], policy: { drift: 'report' } });
    expect(outline(outcome)).toEqual({ does: [], holds: ['drift: revert o'] });
  });
});

describe('protected', () => {
  it('outlives the entry in the file, and a record that has no subscription', () => {
    const outcome = plan({
      settled: ['a', 'b'],
      records: { legacy: { prevent_destroy: true }, never: { current: null, prevent_destroy: true } },
      live: [live('legacy')],
    });
    expect(outline(outcome)).toEqual({ does: ['delete never'], holds: ['protected: delete legacy'] });
  });
});

describe('deletes', () => {
  /** `n` owned, of which the first `deleted` are no longer in the file. */
  function pruning(owned: number, deleted: number, more: WorldSpec = {}): Plan {
    const all = names(owned);
    return plan({
      settled: all.slice(deleted),
      records: each(all.slice(0, deleted), () => ({})),
      live: all.slice(0, deleted).map((name) => live(name)),
      file: { fresh: {} },
      ...more,
    });
  }

  function heldDeletes({ held }: Plan): number {
    return held.filter(({ guard }) => guard === 'deletes').length;
  }

  test.each([
    { owned: 1, most: 1 },
    { owned: 2, most: 1 },
    { owned: 3, most: 1 },
    { owned: 4, most: 1 },
    { owned: 5, most: 1 },
    { owned: 6, most: 1 },
    { owned: 7, most: 1 },
    { owned: 8, most: 2 },
    { owned: 12, most: 3 },
  ])('lets $most of $owned through at 25 %', ({ owned, most }) => {
    const through = names(owned).map((_, index) => heldDeletes(pruning(owned, index + 1)) === 0);
    expect(through).toEqual(names(owned).map((_, index) => index + 1 <= most));
  });

  test.each([
    { limit: { count: 0 }, owned: 3, deleted: 1, holds: false, reason: 'one is always let through' },
    { limit: { count: 3 }, owned: 8, deleted: 3, holds: false, reason: 'as many as the count' },
    { limit: { count: 3 }, owned: 8, deleted: 4, holds: true, reason: 'more than the count' },
    { limit: { share: 0 }, owned: 8, deleted: 1, holds: false, reason: 'one is always let through' },
    { limit: { share: 0.5 }, owned: 5, deleted: 2, holds: false, reason: 'a share is rounded down' },
    { limit: { share: 0.5 }, owned: 5, deleted: 3, holds: true, reason: 'a share is rounded down' },
    { limit: { share: 1 }, owned: 5, deleted: 4, holds: false, reason: 'one is left' },
    { limit: { share: 1 }, owned: 5, deleted: 5, holds: true, reason: 'none of several would be left' },
    { limit: { share: 1 }, owned: 2, deleted: 2, holds: true, reason: 'none of two would be left' },
    { limit: { share: 1 }, owned: 1, deleted: 1, holds: false, reason: 'one is not several' },
  ])('$deleted of $owned at $limit: $reason', ({ limit, owned, deleted, holds }) => {
    const outcome = pruning(owned, deleted, { policy: { max_deletes: limit } });
    expect(heldDeletes(outcome)).toBe(holds ? deleted : 0);
  });

  it('says how many are too many, or that none would be left', () => {
    expect(pruning(8, 3).held[0]).toMatchObject({
      reason: '3 deletes are more than policy.max_deletes lets through (2 of 8 owned)',
      letThrough: '--allow deletes',
    });
    expect(pruning(2, 2, { policy: { max_deletes: { count: 9 } } }).held[0]).toMatchObject({
      reason: 'none of the 2 owned subscriptions would be left',
    });
  });

  it('is let through for the plan as a whole, from the command line and for good', () => {
    expect(pruning(4, 4, { allow: ['deletes'] }).held).toEqual([]);
    expect(pruning(4, 4, { policy: { allow: [allowance('deletes')] } }).held).toEqual([]);
  });

  it('counts one subscription for each that is being replaced, the one that would be lost', () => {
    const half = (name: string) => {
      const current = stored(name, { subscription_id: `next-${name}` });
      return { next: { ...current, deactivated: true, ready_at: ago(1), compromised: false, ending: null } };
    };
    const all = names(2);
    const outcome = pruning(0, 0, {
      records: each(all, half),
      live: all.flatMap((name) => [
        live(name),
        live(name, { id: `next-${name}`, target_url: urlOf(`x-${name}`) }),
      ]),
      policy: { max_deletes: { share: 1 } },
    });
    expect(heldDeletes(outcome)).toBe(2);
  });

  it('takes an empty file with `allow_empty` for consent, and nothing else', () => {
    expect(pruning(4, 4, { file: {}, allow_empty: true }).held).toEqual([]);
    expect(heldDeletes(pruning(4, 4, { file: {} }))).toBe(4);
    expect(heldDeletes(pruning(4, 4, { allow_empty: true }))).toBe(4);
  });

  it('does not count what is gone already', () => {
    const outcome = plan({
      settled: names(4),
      records: { gone: {}, never: { current: null }, legacy: {} },
      live: [live('legacy')],
    });
    expect(outline(outcome)).toEqual({ does: ['delete gone', 'delete legacy', 'delete never'], holds: [] });
  });

  it('counts one subscription once, however many records name it', () => {
    const outcome = plan({
      settled: ['a'],
      records: { legacy: {}, older: { current: stored('legacy') } },
      live: [live('legacy')],
    });
    expect(outline(outcome)).toEqual({ does: ['delete legacy', 'delete older'], holds: [] });
  });

  it('counts foreign ones that are pruned, but does not take them for our last ones', () => {
    const spec: WorldSpec = {
      settled: ['a', 'b'],
      live: [foreign('x'), foreign('y')],
      policy: { prune: 'all', max_deletes: { count: 2 } },
    };
    expect(outline(plan(spec))).toEqual({ does: ['delete id:foreign-x', 'delete id:foreign-y'], holds: [] });
    expect(heldDeletes(plan({ ...spec, policy: { prune: 'all' } }))).toBe(2);
  });
});

describe('suspicious-list', () => {
  /** `owned` in the file and in records, of which the first `gone` are not in the account any more. */
  function shrunk(owned: number, gone: number, more: WorldSpec = {}): Plan {
    const all = names(owned);
    return plan({
      settled: all.slice(gone),
      file: each(all.slice(0, gone), () => ({})),
      records: each(all.slice(0, gone), () => ({})),
      ...more,
    });
  }

  test.each([
    { owned: 1, gone: 1, holds: 1, reason: 'the only one, while the list is empty' },
    { owned: 2, gone: 1, holds: 0, reason: 'one of two may well be deleted by hand' },
    { owned: 2, gone: 2, holds: 2, reason: 'both of two' },
    { owned: 3, gone: 1, holds: 0, reason: 'one of three' },
    { owned: 3, gone: 2, holds: 2, reason: 'two of three are more than half' },
    { owned: 4, gone: 2, holds: 0, reason: 'two of four are no more than half' },
    { owned: 4, gone: 3, holds: 3, reason: 'three of four' },
  ])('$gone of $owned gone holds $holds: $reason', ({ owned, gone, holds }) => {
    const outcome = shrunk(owned, gone);
    expect(outline(outcome).holds).toEqual(names(holds).map((name) => `suspicious-list: create ${name}`));
    expect(outcome.operations).toHaveLength(gone - holds);
  });

  it('does not hold the only one where others are live', () => {
    expect(outline(shrunk(1, 1, { live: [foreign('x')] }))).toEqual({ does: ['create n1'], holds: [] });
  });

  it('does not hold the end of a record that names nothing', () => {
    const outcome = plan({ allow_empty: true, records: { legacy: { current: null } } });
    expect(outline(outcome)).toEqual({ does: ['delete legacy'], holds: [] });
  });

  it('holds deletes too, and neither updates nor what is new', () => {
    const outcome = plan({
      file: { a: {}, b: {}, fresh: {}, odd: {} },
      records: { a: {}, b: {}, gone: {}, legacy: {}, odd: {} },
      live: [live('legacy'), live('odd', { subscribed_events: [] })],
    });
    expect(outline(outcome)).toEqual({
      does: ['create fresh', 'update odd'],
      holds: ['a', 'b', 'gone', 'legacy'].map((name, index) =>
        index < 2 ? `suspicious-list: create ${name}` : `suspicious-list: delete ${name}`,
      ),
    });
  });

  it('says how many are gone, and is let through for the plan as a whole', () => {
    expect(shrunk(3, 2).held[0]).toMatchObject({
      reason: '2 of 3 owned subscriptions are gone from the account',
      letThrough: '--allow suspicious-list',
    });
    expect(shrunk(3, 2, { allow: ['suspicious-list'] }).held).toEqual([]);
    expect(shrunk(3, 2, { policy: { allow: [allowance('suspicious-list')] } }).held).toEqual([]);
  });
});

describe('account', () => {
  const lines = [{ id: 'line-1', phone_number: LINE }];

  it('is held as such where there is nothing to do', () => {
    const { operations, held } = plan({
      settled: ['a'],
      observation: { lines, installation: installation(['line-9']) },
    });
    expect(operations).toEqual([]);
    expect(held).toMatchObject([
      { name: null, guard: 'account', letThrough: '--allow account', operation: null },
    ]);
  });

  it('holds every operation, of every kind', () => {
    const outcome = plan({
      settled: ['a', 'b'],
      file: { fresh: {}, odd: {}, now: { target_url: urlOf('was'), previously: ['was'] } },
      records: { legacy: {}, odd: {}, was: {} },
      live: [live('legacy'), live('odd', { is_active: true, subscribed_events: [] }), live('was')],
      observation: { lines, installation: installation(['line-9']) },
    });
    expect(outline(outcome)).toEqual({
      does: [],
      holds: [
        'account: everything',
        'account: create fresh',
        'account: delete legacy',
        'account: rename now',
        'account: update odd',
      ],
    });
  });

  test.each([
    { reason: 'a line is shared', lines, recorded: ['line-0', 'line-1'] },
    {
      reason: 'a line is new',
      lines: [...lines, { id: 'line-2', phone_number: '+12025550102' }],
      recorded: ['line-1'],
    },
    { reason: 'the lines are not known', lines: null, recorded: ['line-9'] },
    { reason: 'the account has no line', lines: [], recorded: ['line-9'] },
    { reason: 'no line was recorded', lines, recorded: [] },
  ])('does not hold where $reason', ({ lines: seen, recorded }) => {
    const observation = { lines: seen, installation: installation(recorded) };
    expect(outline(plan({ file: { a: {} }, observation }))).toEqual({ does: ['create a'], holds: [] });
  });

  it('does not hold the first pass of a fresh sink', () => {
    const observation = { lines, installation: null };
    expect(outline(plan({ file: { a: {} }, observation }))).toEqual({ does: ['create a'], holds: [] });
  });

  it('is let through for the plan as a whole', () => {
    const observation = { lines, installation: installation(['line-9']) };
    const through = plan({ file: { a: {} }, observation, allow: ['account'] });
    expect(outline(through)).toEqual({ does: ['create a'], holds: [] });
  });
});

describe('what waits for a held operation', () => {
  it('is held along the whole chain, each naming what it waits for', () => {
    const { operations, held } = plan({
      file: { a: { target_url: urlOf('b') }, b: { target_url: urlOf('c') }, c: { target_url: urlOf('d') } },
      records: { a: {}, b: {}, c: {} },
      live: [live('a'), live('b'), live('c'), foreign('d')],
    });
    expect(operations).toEqual([]);
    expect(held.map(({ name, guard, reason, letThrough }) => [name, guard, reason, letThrough])).toEqual([
      ['a', 'depends', 'it waits for "update b", which is held', null],
      ['b', 'depends', 'it waits for "update c", which is held', null],
      ['c', 'url-taken', 'the URL belongs to the subscription foreign-d, which is not ours', 'free the URL'],
    ]);
  });

  it('is held in a swap of which one side is held, and nobody makes way in vain', () => {
    const swap = (widened: string): WorldSpec => ({
      file: { a: { target_url: urlOf('b') }, b: { target_url: urlOf('a') } },
      records: { a: {}, b: {} },
      live: ['a', 'b'].map((name) => live(name, { phone_numbers: name === widened ? [LINE] : null })),
    });
    for (const widened of ['a', 'b']) {
      const { operations, held } = plan(swap(widened));
      expect(operations).toEqual([]);
      expect(held.map(({ operation }) => operation?.key).sort()).toEqual([
        'make-way for update a',
        'update a',
        'update b',
      ]);
      expect(held.filter(({ guard }) => guard === 'widen')).toHaveLength(1);
    }
  });

  it('keeps its own guard where it has one', () => {
    const outcome = plan({
      file: { a: { target_url: urlOf('b') }, b: { target_url: urlOf('c') } },
      records: { a: {}, b: {} },
      live: [live('a', { phone_numbers: [LINE] }), live('b', { phone_numbers: [LINE] })],
    });
    expect(outline(outcome).holds).toEqual(['widen: update a', 'widen: update b']);
  });

  it('is held where a delete does not free its URL', () => {
    const outcome = plan({
      settled: ['x', 'y'],
      file: { a: { target_url: urlOf('legacy') } },
      records: { a: {}, legacy: { prevent_destroy: true } },
      live: [live('a'), live('legacy')],
    });
    expect(outline(outcome)).toEqual({
      does: [],
      holds: ['depends: update a', 'protected: delete legacy'],
    });
  });
});
