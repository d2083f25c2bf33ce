import { describe, expect, it, test } from 'vitest';
import type { Replacement } from '../../../src/domain/record.ts';
import {
  ago,
  fields,
  LANDING_TIME,
  live,
  markedUrl,
  ME,
  outline,
  plan,
  stored,
  urlOf,
  type WorldSpec,
} from '../../support/world.ts';

const DAY = 86_400_000;

/** `legacy` left the file, and is retired since so many ms ago; `null`: not yet. */
function left(since: number | null, more: WorldSpec = {}): WorldSpec {
  const retired = since === null ? null : { at: ago(since), deactivated: true };
  return {
    settled: ['orders'],
    records: { legacy: { retired } },
    live: [live('orders'), live('legacy', { is_active: since === null })],
    ...more,
    policy: { retire: DAY, ...more.policy },
  };
}

/** `orders` is back in the file, after it was retired so many ms ago. */
function back(since: number, more: WorldSpec = {}): WorldSpec {
  return {
    file: { orders: {} },
    records: { orders: { retired: { at: ago(since), deactivated: true } } },
    live: [live('orders', { is_active: false })],
    ...more,
  };
}

function next(overrides: Partial<Replacement> = {}): Replacement {
  return {
    ...stored('next', { target_url: markedUrl('next') }),
    deactivated: true,
    ready_at: ago(1),
    compromised: false,
    ending: null,
    ...overrides,
  };
}

describe('an entry that left the file', () => {
  it('is retired before it is deleted', () => {
    expect(plan(left(null)).operations).toMatchObject([
      { kind: 'retire', name: 'legacy', subscription_id: 'id-legacy', replacement_id: null, secret: 'kept' },
    ]);
  });

  it('is deleted at once where the policy wants no retirement', () => {
    expect(outline(plan(left(null, { policy: { retire: 0 } }))).does).toEqual(['delete legacy']);
    expect(outline(plan(left(1, { policy: { retire: 0 } }))).does).toEqual(['delete legacy']);
  });

  it('waits for its time, and says until when', () => {
    const outcome = plan(left(DAY - 1));
    expect(outline(outcome)).toEqual({ does: [], holds: [] });
    expect(outcome.waiting).toEqual([
      { name: 'legacy', kind: 'delete', reason: 'no longer in the file, retired', until: ago(-1) },
    ]);
  });

  it('is deleted when its time has come, without being asked for again', () => {
    const outcome = plan(left(DAY, { policy: { max_deletes: { count: 0 } } }));
    expect(outcome.operations).toMatchObject([{ kind: 'delete', name: 'legacy', reason: 'retired' }]);
    const protection = left(DAY);
    const records = {
      legacy: { retired: { at: ago(DAY), deactivated: true }, prevent_destroy: true },
    };
    expect(outline(plan({ ...protection, records })).does).toEqual(['delete legacy']);
  });

  it('is deactivated once more where that was lost on the way', () => {
    const lost = left(1, { live: [live('orders'), live('legacy')] });
    expect(outline(plan(lost)).does).toEqual(['retire legacy']);
  });

  it('is left as it is where it was inactive before', () => {
    const inactive = { legacy: { retired: { at: ago(1), deactivated: false } } };
    expect(plan(left(1, { records: inactive })).waiting).toHaveLength(1);
  });

  it('ends early where another entry wants its URL', () => {
    const wanting: WorldSpec = left(1, {
      file: { orders: {}, sales: { target_url: urlOf('legacy') } },
      records: {
        orders: {},
        sales: {},
        legacy: { retired: { at: ago(1), deactivated: true } },
      },
      live: [live('orders'), live('sales'), live('legacy', { is_active: false })],
    });
    expect(outline(plan({ ...wanting, settled: [] })).does).toEqual(['update sales', 'delete legacy']);
  });

  it('is not retired first where another entry has its URL', () => {
    const spec = left(null, {
      settled: ['orders', 'sales'],
      live: [live('orders'), live('sales'), live('legacy', { target_url: urlOf('sales') })],
    });
    expect(outline(plan(spec)).does).toEqual(['delete legacy']);
  });

  it('goes at once where it is gone already', () => {
    expect(outline(plan(left(1, { live: [live('orders')] }))).does).toEqual(['delete legacy']);
  });

  test.each([
    { reason: 'beside the one that goes', alive: ['legacy', 'next'], stays: 'id-legacy', goes: 'id-next' },
    { reason: 'alone, at its end', alive: ['next'], stays: 'id-next', goes: null },
    { reason: 'gone', alive: ['legacy'], stays: 'id-legacy', goes: null },
  ])('is retired amid a replacement, the new one $reason', ({ alive, stays, goes }) => {
    const amid = left(null, {
      records: { legacy: { next: next() } },
      live: [live('orders'), ...alive.map((name) => live(name))],
    });
    expect(plan(amid).operations).toMatchObject([
      { kind: 'retire', subscription_id: stays, replacement_id: goes },
    ]);
  });

  it('is retired once more where what was to take over is still in its record', () => {
    const records = { legacy: { retired: { at: ago(1), deactivated: true }, next: next() } };
    const half = left(1, { records });
    expect(outline(plan(half)).does).toEqual(['retire legacy']);
  });

  test.each([
    { guard: 'protected', spec: left(null, { records: { legacy: { prevent_destroy: true } } }) },
    { guard: 'deletes', spec: left(null, { settled: [], file: {}, records: { a: {}, legacy: {} } }) },
    { guard: 'bad-file', spec: left(null, { isFileBad: true }) },
  ])('is held by $guard as a deletion is', ({ guard, spec }) => {
    const all = { ...spec, live: [...(spec.live ?? []), live('a')] };
    expect(outline(plan(all)).holds).toContain(`${guard}: retire legacy`);
  });

  it('is deleted with all others whose time has come: that was let through when they were retired', () => {
    const due = ['a', 'b', 'c', 'd'];
    const outcome = plan({
      settled: ['orders'],
      records: Object.fromEntries(
        due.map((name) => [name, { retired: { at: ago(DAY), deactivated: true } }]),
      ),
      live: due.map((name) => live(name, { is_active: false })),
      policy: { retire: DAY, max_deletes: { count: 1 } },
    });
    expect(outline(outcome)).toEqual({ does: due.map((name) => `delete ${name}`), holds: [] });
  });

  it('does not count what is retired already among what may be deleted', () => {
    const records = {
      legacy: { retired: { at: ago(1), deactivated: true } },
      a: {},
      b: {},
    };
    const spec: WorldSpec = {
      records,
      live: ['legacy', 'a', 'b'].map((name) => live(name, { is_active: name !== 'legacy' })),
      policy: { retire: DAY, max_deletes: { share: 1 } },
    };
    // Two of two that still deliver would be gone.
    expect(outline(plan(spec)).holds).toEqual(['deletes: retire a', 'deletes: retire b']);
    expect(outline(plan({ ...spec, allow: ['deletes'] })).does).toEqual(['retire a', 'retire b']);
  });
});

describe('an entry that is back in the file', () => {
  it('is activated again, with the secret that it had', () => {
    expect(plan(back(DAY)).operations).toMatchObject([
      {
        kind: 'update',
        reason: 'revived',
        changes: [{ field: 'is_active', reason: 'revived', before: false, after: true }],
        patch: { is_active: true },
        secret: 'kept',
        fields: fields('orders'),
      },
    ]);
  });

  it('stays inactive where it was so before, or where the file says so', () => {
    const before = { orders: { retired: { at: ago(DAY), deactivated: false } } };
    expect(plan(back(DAY, { records: before })).operations).toMatchObject([
      { kind: 'forget', forgets: ['retired'] },
    ]);
    const declared = { is_active: false };
    const noted = {
      orders: { retired: { at: ago(1), deactivated: true }, applied: fields('orders', declared) },
    };
    expect(plan(back(1, { file: { orders: declared }, records: noted })).operations).toMatchObject([
      { kind: 'forget', forgets: ['retired'] },
    ]);
  });

  it('is remembered as retired until no deactivation can land any more', () => {
    const active = { live: [live('orders')] };
    expect(outline(plan(back(LANDING_TIME - 1, active)))).toEqual({ does: [], holds: [] });
    expect(plan(back(LANDING_TIME, active)).operations).toMatchObject([
      { kind: 'forget', forgets: ['retired'] },
    ]);
    expect(outline(plan(back(LANDING_TIME - 1))).does).toEqual(['update orders']);
  });

  it('counts that from the last time that it was sent, not from the first', () => {
    const sentAgain = (ms: number): WorldSpec => {
      const retired = { at: ago(DAY), deactivated: true };
      const applied_from = { content_hash: '', revision: null, holder: ME, server_time: ago(ms) };
      const records = { orders: { retired, applied_from, isApplierGone: true } };
      return back(DAY, { records, live: [live('orders')] });
    };
    expect(outline(plan(sentAgain(LANDING_TIME - 1))).does).toEqual([]);
    expect(outline(plan(sentAgain(LANDING_TIME))).does).toEqual(['forget orders']);
  });

  it('is replaced, where that is asked for, by one that is active as it was', () => {
    const asked = plan(back(DAY, { rotate: { orders: 'rotate' } }));
    expect(asked.operations).toMatchObject([{ kind: 'update' }, { kind: 'replace', is_active: true }]);
  });

  it('may come under another name, and at another URL', () => {
    const renamed = back(DAY, {
      file: { sales: { target_url: urlOf('orders') } },
    });
    expect(outline(plan(renamed)).does).toEqual(['rename sales', 'update sales']);
    const moved = back(DAY, { file: { orders: { target_url: urlOf('elsewhere') } } });
    expect(plan(moved).operations).toMatchObject([
      { kind: 'update', reason: 'revived', patch: { is_active: true, target_url: urlOf('elsewhere') } },
    ]);
  });
});
