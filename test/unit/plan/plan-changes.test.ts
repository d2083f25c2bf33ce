import { describe, expect, it } from 'vitest';
import { planChanges } from '../../../src/plan/plan-changes.ts';
import { planId } from '../../../src/plan/plan-id.ts';
import {
  ago,
  fields,
  foreign,
  installation,
  intent,
  live,
  markedUrl,
  outline,
  plan,
  stored,
  urlOf,
  world,
  type WorldSpec,
} from '../../support/world.ts';

/** A little of everything: each kind of operation, and something held. */
const RICH: WorldSpec = {
  settled: ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'],
  file: {
    fresh: {},
    begun: {},
    now: { target_url: urlOf('was'), previously: ['was'] },
    left: { target_url: urlOf('right') },
    right: { target_url: urlOf('left') },
    taken: {},
  },
  records: {
    begun: { current: null, intent: intent('begun') },
    was: {},
    left: {},
    right: {},
    legacy: {},
  },
  live: [
    live('was'),
    live('left'),
    live('right'),
    live('legacy'),
    foreign('taken'),
    live('x', { id: 'orphan', target_url: markedUrl('x'), created_at: 0 }),
  ],
};

describe('a plan', () => {
  it('lists its operations by kind, in the order in which a plan is read, then by name', () => {
    expect(outline(plan(RICH))).toEqual({
      does: [
        'recover begun',
        'collect orphan',
        'rename now',
        'create begun',
        'create fresh',
        'make-way for update left',
        'update left',
        'update right',
        'delete legacy',
      ],
      holds: ['unowned: replace taken'],
    });
  });

  it('lists what is held by name, guard, reason and operation', () => {
    const { held } = plan({
      file: { b: {}, a: {} },
      live: [
        foreign('b'),
        foreign('a'),
        live('y', { target_url: markedUrl('y') }),
        live('x', { target_url: markedUrl('x') }),
        live('z', { target_url: markedUrl('z'), created_at: Date.parse(ago(0)) }),
      ],
    });
    expect(held.map(({ operation }) => operation?.key)).toEqual([
      'collect id-z',
      'collect id-x',
      'collect id-y',
      'replace a',
      'replace b',
    ]);
  });

  it('lists what waits by name, whatever it waits for', () => {
    const outcome = plan({
      settled: ['b', 'd'],
      records: Object.fromEntries(
        ['a', 'c'].map((name) => [name, { retired: { at: ago(1), deactivated: true } }]),
      ),
      live: ['a', 'c'].map((name) => live(name, { is_active: false })),
      policy: { retire: 86_400_000 },
      rotate: { b: 'rotate', d: 'rotate' },
      replace: { at_once: 0 },
    });
    expect(outcome.waiting.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('has the id of what it does and holds', () => {
    const { id, operations, held } = plan(RICH);
    expect(id).toBe(planId(operations, held));
    expect(plan({ ...RICH, file: { ...RICH.file, more: {} } }).id).not.toBe(id);
  });

  it('counts entries, what is live, what is owned of it, and what is foreign', () => {
    expect(plan(RICH).summary).toEqual({
      entries: 14,
      live: 14,
      owned: 12,
      foreign: 1,
      inactive: [],
    });
  });

  it('does not count as owned what only a record still knows', () => {
    const { summary } = plan({ settled: ['a', 'b'], file: { gone: {} }, records: { gone: {} } });
    expect(summary).toMatchObject({ entries: 3, live: 2, owned: 2 });
  });

  it('names the inactive entries that the file does not speak of', () => {
    const { summary, operations } = plan({
      file: {
        b: {},
        a: {},
        spoken: { is_active: false },
        active: {},
        gone: {},
        none: { target_url: urlOf('n') },
      },
      records: {
        a: {},
        b: {},
        spoken: { applied: fields('spoken', { is_active: false }) },
        active: {},
        gone: {},
        none: { current: null },
      },
      live: [
        live('a', { is_active: false }),
        live('b', { is_active: false }),
        live('spoken', { is_active: false }),
        live('active'),
      ],
    });
    expect(summary.inactive).toEqual(['a', 'b']);
    expect(operations.map(({ key }) => key)).toEqual(['create gone', 'create none']);
  });

  it('is empty for an empty world', () => {
    expect(plan({ observation: { installation: null } })).toMatchObject({
      operations: [],
      held: [],
      foreign: [],
      warnings: [],
      summary: { entries: 0, live: 0, owned: 0, foreign: 0, inactive: [] },
    });
  });

  it('does not change its input', () => {
    const input = world(RICH);
    const before = structuredClone({ ...input, observation: { ...input.observation, records: null } });
    planChanges(input);
    expect({ ...input, observation: { ...input.observation, records: null } }).toEqual(before);
  });
});

describe('warnings', () => {
  it('hands on what was found while observing, first', () => {
    const outcome = plan({
      file: { a: { subscribed_events: ['nope'] } },
      observation: { warnings: ['the catalogue is old'], events: [] },
    });
    expect(outcome.warnings).toEqual(['the catalogue is old', 'a: Linq\'s catalogue has no event "nope"']);
  });

  it('names events that the catalogue does not have, with what was probably meant', () => {
    const outcome = plan({
      file: {
        b: { subscribed_events: ['message.recieved', 'call.started'] },
        a: { subscribed_events: ['message.received', 'something.else.entirely'] },
      },
      observation: { events: ['message.received', 'message.failed', 'call.started'] },
    });
    expect(outcome.warnings).toEqual([
      'a: Linq\'s catalogue has no event "something.else.entirely"',
      'b: Linq\'s catalogue has no event "message.recieved"; did you mean message.received?',
    ]);
    expect(outline(outcome)).toEqual({ does: ['create a', 'create b'], holds: [] });
  });

  it('suggests the same event whatever the order of the catalogue', () => {
    const suggested = (events: readonly string[]) =>
      plan({ file: { a: { subscribed_events: ['message.x'] } }, observation: { events } }).warnings;
    const catalogue = ['message.z', 'message.a', 'message.b'];
    expect(suggested(catalogue)).toEqual([
      'a: Linq\'s catalogue has no event "message.x"; did you mean message.a?',
    ]);
    expect(suggested([...catalogue].reverse())).toEqual(suggested(catalogue));
  });

  it('says nothing about events while the catalogue is not known', () => {
    expect(plan({ file: { a: { subscribed_events: ['nope'] } } }).warnings).toEqual([]);
  });

  it('names lines that the account does not have', () => {
    const outcome = plan({
      file: { b: { phone_numbers: ['+12025550103', '+12025550101', '+12025550102'] }, a: {} },
      observation: { lines: [{ id: 'line-1', phone_number: '+12025550101' }] },
    });
    expect(outcome.warnings).toEqual([
      'b: the account has no line +12025550102',
      'b: the account has no line +12025550103',
    ]);
  });

  it('says nothing about lines while they are not known', () => {
    expect(plan({ file: { a: { phone_numbers: ['+12025550101'] } } }).warnings).toEqual([]);
  });
});

describe('the order of the input', () => {
  /** The same world, with every list and map turned round. */
  function reversed(spec: WorldSpec) {
    const input = world(spec);
    const { desired, observation } = input;
    const turned = <T>(list: readonly T[]) => [...list].reverse();
    return {
      ...input,
      desired: {
        ...desired,
        entries: turned(desired.entries).map((one) => ({
          ...one,
          previously: turned(one.previously),
          fields: { ...one.fields, subscribed_events: turned(one.fields.subscribed_events) },
        })),
      },
      observation: {
        ...observation,
        subscriptions: turned(observation.subscriptions).map((one) => ({
          ...one,
          subscribed_events: turned(one.subscribed_events),
        })),
        records: new Map(turned([...observation.records])),
      },
    };
  }

  it('changes neither the plan nor its id (I9)', () => {
    expect(JSON.stringify(planChanges(reversed(RICH)))).toBe(JSON.stringify(plan(RICH)));
  });

  it('does not decide which of several equal unfinished ones is listed first (I9)', () => {
    const spec: WorldSpec = {
      file: { a: { subscribed_events: ['y.nope', 'x.nope'] }, b: { subscribed_events: ['nope'] } },
      live: ['p', 'q', 'r'].map((name) => live(name, { target_url: markedUrl(name) })),
      observation: { events: [], installation: installation() },
    };
    expect(JSON.stringify(planChanges(reversed(spec)))).toBe(JSON.stringify(plan(spec)));
  });

  it('does not decide which of two former names moves', () => {
    const spec: WorldSpec = {
      settled: ['s1', 's2'],
      file: { a: { previously: ['p', 'q'] } },
      records: { p: {}, q: {} },
      live: [live('p'), live('q')],
    };
    expect(outline(plan(spec)).does).toEqual(['rename a', 'update a', 'delete q']);
    expect(JSON.stringify(planChanges(reversed(spec)))).toBe(JSON.stringify(plan(spec)));
  });

  it('does not decide where a cycle is broken', () => {
    const spec: WorldSpec = {
      file: { a: { target_url: urlOf('c') }, b: { target_url: urlOf('a') }, c: { target_url: urlOf('b') } },
      records: { a: {}, b: {}, c: { current: stored('c') } },
      live: [live('a'), live('b'), live('c')],
    };
    expect(JSON.stringify(planChanges(reversed(spec)))).toBe(JSON.stringify(plan(spec)));
  });
});
