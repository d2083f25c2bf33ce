import { describe, expect, it, test } from 'vitest';
import type { Pause } from '../../../src/domain/record.ts';
import { describePause, livePauses, pauseOf, withPauses } from '../../../src/plan/pauses.ts';
import {
  foreign,
  installation,
  intent,
  live,
  markedUrl,
  NOW,
  outline,
  plan,
  stored,
  urlOf,
  type WorldSpec,
} from '../../support/world.ts';

function at(ms: number): string {
  return new Date(NOW + ms).toISOString();
}

function pause(overrides: Partial<Pause> = {}): Pause {
  return { owner: 'default', name: 'orders', until: null, reason: null, ...overrides };
}

/** The plan of this world while these pauses stand. */
function paused(spec: WorldSpec, ...pauses: readonly Pause[]) {
  return plan({ ...spec, observation: { ...spec.observation, installation: { ...installation(), pauses } } });
}

const CHANGED: WorldSpec = {
  file: {
    orders: { subscribed_events: ['message.failed'] },
    support: { subscribed_events: ['message.failed'] },
  },
  records: { orders: {}, support: {} },
  live: [live('orders'), live('support')],
};

describe('the pause of an entry', () => {
  it('is its own, or that of everything of its owner, whichever lasts longer', () => {
    const own = pause({ until: at(2) });
    const all = pause({ name: null, until: at(3) });
    expect(pauseOf([own, all], 'default', 'orders', NOW)).toBe(all);
    expect(pauseOf([pause(), all], 'default', 'orders', NOW)).toEqual(pause());
    expect(pauseOf([own, pause({ name: null })], 'default', 'orders', NOW)?.name).toBeNull();
    expect(pauseOf([own], 'default', null, NOW)).toBeNull();
    // Of two that end together, the one that has to be lifted whatever becomes of the other.
    const [name, everything] = [pause(), pause({ name: null })];
    expect(pauseOf([name, everything], 'default', 'orders', NOW)).toBe(everything);
    expect(pauseOf([everything, name], 'default', 'orders', NOW)).toBe(everything);
  });

  it('is none of another owner or another name', () => {
    expect(
      pauseOf([pause({ owner: 'theirs' }), pause({ name: 'support' })], 'default', 'orders', NOW),
    ).toBeNull();
  });

  it('is over when its time has come, and not before', () => {
    const one = pause({ until: at(0) });
    expect(pauseOf([one], 'default', 'orders', NOW - 1)).toBe(one);
    expect(pauseOf([one], 'default', 'orders', NOW)).toBeNull();
    expect(livePauses([one, pause({ name: 'support' })], NOW)).toEqual([pause({ name: 'support' })]);
  });
});

test('pauses are kept one for each owner and name, sorted', () => {
  const before = [pause({ name: null }), pause({ name: 'b' })];
  const after = withPauses(before, [
    pause({ name: 'b', until: at(1) }),
    pause({ name: 'a' }),
    pause({ owner: 'a' }),
  ]);
  expect(after).toEqual([
    pause({ owner: 'a' }),
    pause({ name: null }),
    pause({ name: 'a' }),
    pause({ name: 'b', until: at(1) }),
  ]);
});

test('pauses of two owners stand side by side, in whatever order they come', () => {
  const [theirs, own, all] = [pause({ owner: 'a' }), pause(), pause({ name: null })];
  const sorted = [theirs, all, own];
  expect(withPauses([theirs], [own, all])).toEqual(sorted);
  expect(withPauses([own], [all, theirs])).toEqual(sorted);
  expect(withPauses([all], [theirs, own])).toEqual(sorted);
});

test('a pause is said with its end, without fractions of a second, and with its reason', () => {
  expect(describePause(pause())).toBe('paused');
  expect(describePause(pause({ until: at(0) }))).toBe('paused until 2026-11-22T12:00:00Z');
  expect(describePause(pause({ reason: 'its records moved' }))).toBe('paused: its records moved');
});

describe('the guard paused', () => {
  it('holds the operations of the entry and says until when and what lets it through', () => {
    const { operations, held } = paused(CHANGED, pause({ until: at(60_000) }));
    expect(operations.map(({ key }) => key)).toEqual(['update support']);
    expect(held).toMatchObject([
      {
        name: 'orders',
        guard: 'paused',
        reason: 'paused until 2026-11-22T12:01:00Z',
        letThrough: 'linq-gitops resume orders',
        operation: { key: 'update orders' },
      },
    ]);
  });

  it('is let through by nothing on the command line or in the settings', () => {
    const allow = ['widen', 'deletes'];
    const all = { guard: 'paused', name: null } as const;
    const { held } = paused({ ...CHANGED, allow, policy: { allow: [all] } }, pause());
    expect(held.map(({ guard }) => guard)).toEqual(['paused']);
  });

  it('holds nothing of an entry that has nothing to do', () => {
    expect(outline(paused({ settled: ['orders'] }, pause(), pause({ name: null })))).toEqual({
      does: [],
      holds: [],
    });
  });

  it('holds nothing once its time is over, nor for another owner', () => {
    const { held } = paused(CHANGED, pause({ until: at(0) }), pause({ name: null, owner: 'theirs' }));
    expect(held).toEqual([]);
  });

  it.each(['old', 'orders'])('holds a rename when %s is paused, and prunes nothing for it', (name) => {
    const spec: WorldSpec = {
      settled: ['other'],
      file: { orders: { target_url: urlOf('old'), previously: ['old'] } },
      records: { old: {} },
      live: [live('old')],
    };
    const { operations, held } = paused(spec, pause({ name }));
    expect(operations).toEqual([]);
    expect(held.map(({ guard, operation }) => [guard, operation?.key])).toContainEqual([
      'paused',
      'rename orders',
    ]);
  });

  it('holds recovery, forgetting and the steps of a replacement', () => {
    const next = {
      ...stored('orders', { subscription_id: 'next', target_url: markedUrl('orders') }),
      deactivated: true,
      ready_at: at(-3_600_000),
      compromised: false,
      ending: null,
    };
    const previous = { subscription_id: 'before', signing_secret: null, retired_at: at(-1e9) };
    const worlds: readonly WorldSpec[] = [
      { file: { orders: {} }, records: { orders: { current: null, intent: intent('orders') } } },
      { settled: ['other'], file: { orders: {} }, records: { orders: { previous } }, live: [live('orders')] },
      {
        file: { orders: {} },
        records: { orders: { next } },
        live: [
          live('orders'),
          live('orders', { id: 'next', target_url: markedUrl('orders'), is_active: false }),
        ],
      },
    ];
    const kinds = worlds.map((spec) => {
      expect(plan(spec).operations.length).toBeGreaterThan(0);
      const { operations, held } = paused(spec, pause());
      expect(operations).toEqual([]);
      return held.filter(({ guard }) => guard === 'paused').map(({ operation }) => operation?.kind);
    });
    for (const [index, kind] of ['recover', 'forget', 'replace'].entries())
      expect(kinds[index]).toContain(kind);
  });

  it('over everything holds deletes of foreign ones and collections too', () => {
    const spec: WorldSpec = {
      ...CHANGED,
      policy: { prune: 'all' },
      live: [
        ...(CHANGED.live ?? []),
        foreign('stranger'),
        live('late', { id: 'late', target_url: markedUrl('late'), created_at: 0 }),
      ],
    };
    expect(plan(spec).operations.map(({ kind }) => kind)).toEqual(['collect', 'update', 'update', 'delete']);
    const { operations, held } = paused(spec, pause({ name: null }), pause());
    expect(operations).toEqual([]);
    expect(held).toHaveLength(4);
    for (const one of held) expect(one).toMatchObject({ guard: 'paused', letThrough: 'linq-gitops resume' });
  });

  it('keeps a URL that another entry waits for', () => {
    const spec: WorldSpec = {
      file: { orders: { target_url: urlOf('support') }, support: { target_url: urlOf('orders') } },
      records: { orders: {}, support: {} },
      live: [live('orders'), live('support')],
    };
    const { operations, held } = paused(spec, pause());
    expect(operations).toEqual([]);
    expect(new Set(held.map(({ guard }) => guard))).toEqual(new Set(['paused', 'depends']));
  });

  it('leaves what waits in its place', () => {
    const next = {
      ...stored('orders', { subscription_id: 'next', target_url: markedUrl('orders') }),
      deactivated: true,
      ready_at: at(-1_000),
      compromised: false,
      ending: null,
    };
    const spec: WorldSpec = {
      file: { orders: {} },
      records: { orders: { next } },
      live: [
        live('orders'),
        live('orders', { id: 'next', target_url: markedUrl('orders'), is_active: false }),
      ],
      replace: { overlap: 600_000 },
    };
    const { waiting, held } = paused(spec, pause());
    expect(waiting.map(({ name }) => name)).toEqual(['orders']);
    expect(held).toEqual([]);
  });
});
