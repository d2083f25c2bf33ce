import type { Pause } from '../../../src/domain/record.ts';
import { describe, expect, it, test } from 'vitest';
import { Secret } from '../../../src/domain/secret.ts';
import { knownNames, operationsOf, overviewOf, type StatusState } from '../../../src/plan/status.ts';
import { viewOf, viewWithoutFile } from '../../support/view.ts';
import {
  ago,
  entry,
  fields,
  foreign,
  installation,
  intent,
  live,
  markedUrl,
  OWNER,
  stored,
  type WorldSpec,
} from '../../support/world.ts';

const DAY = 86_400_000;
const NEXT = {
  ...stored('orders', { subscription_id: 'next-orders' }),
  deactivated: true,
  ready_at: ago(1_000),
  compromised: false,
  ending: null,
};
const nextLive = live('orders', { id: 'next-orders', target_url: markedUrl('orders'), is_active: false });

function entriesOf(spec: WorldSpec) {
  return overviewOf(viewOf(spec)).entries;
}

describe('an entry', () => {
  const cases: readonly (WorldSpec & { state: StatusState; reason: string | null; what: string })[] = [
    { what: 'agrees', state: 'in_sync', reason: null, settled: ['orders'] },
    { what: 'is new', state: 'missing', reason: null, file: { orders: {} } },
    {
      what: 'was deleted outside',
      state: 'missing',
      reason: 'deleted outside',
      settled: ['a', 'b'],
      file: { orders: {} },
      records: { orders: {} },
    },
    {
      what: 'was changed in the file',
      state: 'pending',
      reason: 'changed in the file: subscribed_events',
      file: { orders: { subscribed_events: ['message.failed'] } },
      records: { orders: {} },
      live: [live('orders')],
    },
    {
      what: 'was changed outside',
      state: 'drifted',
      reason: 'the next pass puts back: subscribed_events',
      file: { orders: {} },
      records: { orders: {} },
      live: [live('orders', { subscribed_events: ['message.failed'] })],
    },
    {
      what: 'has another name, and was changed outside',
      state: 'pending',
      reason: 'rename, was before; update, drifted: subscribed_events',
      file: { orders: { previously: ['before'] } },
      records: { before: { current: stored('orders'), applied: fields('orders') } },
      live: [live('orders', { subscribed_events: ['message.failed'] })],
    },
    {
      what: 'is of another owner',
      state: 'held',
      reason: 'its record belongs to the owner "staging"',
      file: { orders: {} },
      records: { orders: { kind: 'other-owner', owner: 'staging', ids: ['x'], marked_url: null } },
    },
    {
      what: 'left the file',
      state: 'pending',
      reason: 'no longer in the file',
      settled: ['a'],
      records: { orders: {} },
      live: [live('orders')],
    },
    {
      what: 'left the file, and nothing is pruned',
      state: 'in_sync',
      reason: 'no longer in the file, and left as it is',
      settled: ['a'],
      records: { orders: {} },
      live: [live('orders')],
      policy: { prune: 'never' },
    },
    {
      what: 'is being replaced, and overlaps',
      state: 'replacing',
      reason: 'step 3 of 5: overlap until 2026-11-22T12:09:59Z',
      file: { orders: {} },
      records: { orders: { next: NEXT } },
      live: [live('orders'), nextLive],
    },
    {
      what: 'is to be replaced',
      state: 'replacing',
      reason: 'rotation, step 1 of 5',
      settled: ['orders'],
      rotate: { orders: 'rotate' },
    },
    {
      what: 'was interrupted',
      state: 'missing',
      reason: 'recover, an interrupted create, nothing is live; create',
      file: { orders: {} },
      records: { orders: { current: null, intent: intent('orders') } },
    },
    {
      what: 'is retired',
      state: 'retired',
      reason: `deactivated since ${ago(DAY)}`,
      settled: ['a'],
      records: { orders: { retired: { at: ago(DAY), deactivated: true } } },
      live: [live('orders', { is_active: false })],
      policy: { prune: 'never' },
    },
  ];

  test.each(cases)('that $what is $state', ({ state, reason, what: _, ...spec }) => {
    expect(entriesOf(spec).find(({ name }) => name === 'orders')).toMatchObject({
      state,
      reason,
      guard: state === 'held' ? 'record' : null,
    });
  });

  it('is pending under its former name as well, while its record is there', () => {
    const entries = entriesOf({
      file: { shop: { previously: ['orders'], target_url: live('orders').target_url } },
      records: { orders: {} },
      live: [live('orders')],
    });
    expect(entries).toMatchObject(
      ['orders', 'shop'].map((name) => ({ name, state: 'pending', operation: 'rename' })),
    );
  });

  it('is retired, and not replaced, where it waits to be deleted', () => {
    const view = viewOf({
      settled: ['a'],
      records: { orders: { retired: { at: ago(DAY), deactivated: true } } },
      live: [live('orders', { is_active: false })],
    });
    const waiting = [{ name: 'orders', kind: 'delete' as const, reason: 'retired', until: ago(-DAY) }];
    const { entries } = overviewOf({ ...view, plan: { ...view.plan, operations: [], waiting } });
    expect(entries.at(-1)).toMatchObject({ state: 'retired', until: ago(-DAY) });
  });

  it('is held where a guard covers anything of it, and drifted where only drift is left so', () => {
    const drifted: WorldSpec = {
      file: { orders: {} },
      records: { orders: {} },
      live: [live('orders', { subscribed_events: ['message.failed'] })],
      policy: { drift: 'report' },
    };
    expect(entriesOf(drifted)).toMatchObject([{ state: 'drifted', guard: 'drift', operation: null }]);
    const lost = { current: stored('orders', { signing_secret: null }) };
    expect(entriesOf({ ...drifted, records: { orders: lost } })).toMatchObject([
      { state: 'held', guard: 'secret-loss', secret: { is_stored: false } },
    ]);
  });

  it('shows what is live, and of what is not, what is declared', () => {
    const [narrow] = entriesOf({
      file: { orders: {} },
      records: { orders: {} },
      live: [live('orders', { phone_numbers: ['+12025550101'], is_active: false })],
    });
    expect(narrow).toMatchObject({ phone_numbers: ['+12025550101'], is_active: false, is_live: true });
    const [fresh] = entriesOf({ file: { orders: { phone_numbers: ['+12025550102'] } } });
    expect(fresh).toMatchObject({
      phone_numbers: ['+12025550102'],
      is_active: null,
      is_live: false,
      secret: null,
    });
  });

  it('has what is live of it, what its record says, and whether the file has it', () => {
    const { holder } = intent('orders');
    const applied_from = { content_hash: 'h', revision: 'r2', holder, server_time: ago(DAY) };
    const last_change = { what: 'created', at: ago(DAY), by: null, revision: 'r1' } as const;
    const view = viewOf({
      settled: ['a'],
      file: { fresh: {} },
      records: { orders: { last_change, applied_from } },
      live: [live('orders')],
      policy: { prune: 'never' },
    });
    const { entries, file } = overviewOf(view);
    expect(entries.map(({ name, is_in_file }) => [name, is_in_file])).toEqual([
      ['a', true],
      ['fresh', true],
      ['orders', false],
    ]);
    const { target_url, subscribed_events } = fields('orders');
    expect(entries[2]).toMatchObject({ target_url, subscribed_events, last_change, revision: 'r2' });
    expect(entries[1]).toMatchObject({
      target_url: fields('fresh').target_url,
      last_change: null,
      revision: null,
    });
    const { content_hash, revision } = view.desired!;
    expect(file).toEqual({ content_hash, revision, entries: 2 });
  });

  it('has the URL of its record where neither the file nor the account has it', () => {
    const [orders] = overviewOf(viewWithoutFile({ records: { orders: { applied: null } } })).entries;
    expect(orders).toMatchObject({
      is_in_file: false,
      is_live: false,
      target_url: stored('orders').target_url,
      subscribed_events: null,
    });
  });

  it('is in sync beside others that are renamed, wait, or are held', () => {
    const view = viewOf({
      settled: ['a'],
      file: { shop: { previously: ['orders'], target_url: live('orders').target_url } },
      records: { orders: {}, b: { next: { ...NEXT, subscription_id: 'next-b' } } },
      live: [live('orders')],
    });
    const waiting = [{ name: 'b', kind: 'delete' as const, reason: 'retired', until: ago(-DAY) }];
    const { entries } = overviewOf({ ...view, plan: { ...view.plan, waiting } });
    expect(entries[0]).toMatchObject({ name: 'a', state: 'in_sync', operation: null, until: null });
  });

  it('tells the age of its secret by the server, and nothing of one that was adopted without a date', () => {
    const secretOf = (created_at: string) =>
      entriesOf({
        settled: ['a'],
        file: { orders: {} },
        records: { orders: { current: stored('orders', { created_at }) } },
        live: [live('orders')],
      }).at(-1)?.secret;
    expect(secretOf(ago(3 * DAY))).toEqual({
      is_stored: true,
      created_at: ago(3 * DAY),
      age_seconds: 259_200,
    });
    expect(secretOf('1970-01-01T00:00:00.000Z')).toEqual({
      is_stored: true,
      created_at: null,
      age_seconds: null,
    });
    expect(secretOf(ago(-DAY))?.age_seconds).toBe(0);
  });

  it('is paused by its name or by everything of its owner, until the later end, and not by an old pause', () => {
    const pauseOf = (...pauses: readonly Partial<Pause>[]) =>
      entriesOf({
        settled: ['orders'],
        observation: {
          installation: {
            ...installation(),
            pauses: pauses.map((pause) => ({
              owner: OWNER,
              name: 'orders',
              until: null,
              reason: null,
              ...pause,
            })),
          },
        },
      })[0]?.pause;
    expect(pauseOf()).toBeNull();
    expect(pauseOf({})).toEqual({ until: null, reason: null });
    expect(pauseOf({ name: null, until: ago(-DAY) }, { until: ago(-1) })).toEqual({
      until: ago(-DAY),
      reason: null,
    });
    expect(pauseOf({ until: ago(-1) }, { name: null })).toEqual({ until: null, reason: null });
    expect(pauseOf({ name: null }, { until: ago(-1) })).toEqual({ until: null, reason: null });
    expect(pauseOf({ until: ago(1) }, { owner: 'staging' }, { name: 'billing' })).toBeNull();
  });
});

describe('the overview', () => {
  const mixed: WorldSpec = {
    settled: ['b', 'a'],
    file: { new: {}, crm: {} },
    records: {
      theirs: { kind: 'other-owner', owner: 'staging', ids: ['x'], marked_url: null },
      broken: { kind: 'damaged', reason: 'no JSON' },
    },
    live: [foreign('crm'), foreign('other', { is_active: false }), foreign('x', { id: 'x' })],
  };

  it('has the file’s names and our records, sorted, and nothing of another owner', () => {
    const { entries, summary, foreign: others } = overviewOf(viewOf(mixed));
    expect(entries.map(({ name, state }) => [name, state])).toEqual([
      ['a', 'in_sync'],
      ['b', 'in_sync'],
      ['broken', 'held'],
      ['crm', 'held'],
      ['new', 'missing'],
    ]);
    expect(summary).toMatchObject({
      live: 5,
      owned: 2,
      foreign: 3,
      states: { in_sync: 2, held: 2, missing: 1 },
    });
    expect(others.map(({ id, is_exempt }) => [id, is_exempt])).toEqual([
      ['foreign-crm', false],
      ['foreign-other', false],
      ['x', true],
    ]);
  });

  it('is narrowed to names', () => {
    const { entries, held, foreign: others, summary } = overviewOf(viewOf(mixed), new Set(['crm', 'a']));
    expect(entries.map(({ name }) => name)).toEqual(['a', 'crm']);
    expect(held.map(({ names }) => names)).toEqual([['crm']]);
    expect(others).toEqual([]);
    expect(summary).toMatchObject({ foreign: 3, states: { in_sync: 1, held: 1, missing: 0 } });
  });

  it('lists no name that the sink was asked for in vain', () => {
    expect(knownNames(viewOf({ settled: ['a'], records: { gone: { kind: 'absent' } } }))).toEqual(['a']);
  });

  it('has the warnings of the plan', () => {
    const view = viewOf({ file: { a: {} }, observation: { events: ['message.failed'] } });
    expect(overviewOf(view).warnings).toEqual([
      'a: Linq\'s catalogue has no event "message.received"; did you mean message.failed?',
    ]);
  });

  it('says what is held of the account as a whole, whatever names are asked for', () => {
    const observation = {
      installation: installation(['line-9']),
      lines: [{ id: 'line-1', phone_number: '+12025550101' }],
    };
    const view = viewOf({ settled: ['a'], file: { b: {}, c: {} }, observation });
    expect(overviewOf(view).held.map(({ names, guard }) => [names, guard])).toEqual([
      [['b', 'c'], 'account'],
    ]);
    const quiet = viewOf({ settled: ['a'], observation });
    expect(overviewOf(quiet, new Set(['a'])).held).toMatchObject([{ names: [], guard: 'account' }]);
  });

  it('names an entry once, of which two operations are held for one reason', () => {
    const pauses = [{ owner: OWNER, name: 'orders', until: null, reason: null }];
    const view = viewOf({
      file: { orders: { previously: ['before'], subscribed_events: ['message.failed'] } },
      records: { before: { current: stored('orders'), applied: fields('orders') } },
      live: [live('orders')],
      observation: { installation: { ...installation(), pauses } },
    });
    expect(view.plan.held).toHaveLength(2);
    expect(overviewOf(view).held).toMatchObject([{ names: ['orders'], guard: 'paused' }]);
  });

  it('says once what is held for one reason', () => {
    const { held } = overviewOf(
      viewOf({ settled: ['a'], records: { x: {}, y: {}, z: {} }, live: [live('x'), live('y'), live('z')] }),
    );
    expect(held).toMatchObject([
      {
        names: ['x', 'y', 'z'],
        guard: 'deletes',
        ways_out: [{ command: 'linq-gitops sync --allow deletes' }],
      },
    ]);
  });

  it('shows records and account where the file cannot be used, and makes nothing up', () => {
    const view = viewWithoutFile({
      records: {
        a: {},
        gone: {},
        broken: { kind: 'damaged', reason: 'no JSON' },
        busy: { current: null, intent: intent('busy', { deadline: ago(-1) }) },
        moving: { next: { ...NEXT, subscription_id: 'next-moving' } },
        retired: { retired: { at: ago(DAY), deactivated: true } },
        fresh: { current: null },
      },
      live: [live('a'), live('moving'), live('retired'), foreign('other')],
    });
    const { entries, plan_id, file, held, foreign: others, warnings } = overviewOf(view);
    expect(entries.map(({ name, reason }) => [name, reason])).toMatchObject([
      ['a', 'not compared, since the file cannot be used'],
      ['broken', 'its record is damaged: no JSON'],
      ['busy', expect.stringContaining('is creating it')],
      ['fresh', 'not compared, since the file cannot be used'],
      ['gone', 'its subscription is gone from the account'],
      ['moving', 'a replacement is under way'],
      ['retired', `deactivated since ${ago(DAY)}`],
    ]);
    expect(entries.map(({ name, state, guard }) => [name, state, guard])).toEqual([
      ['a', 'unknown', null],
      ['broken', 'held', 'record'],
      ['busy', 'held', 'in-flight'],
      ['fresh', 'unknown', null],
      ['gone', 'missing', null],
      ['moving', 'replacing', null],
      ['retired', 'retired', null],
    ]);
    expect({ plan_id, file, warnings }).toEqual({ plan_id: null, file: null, warnings: [] });
    expect(held.map(({ guard }) => guard)).toEqual(['record', 'in-flight']);
    expect(others.map(({ id }) => id)).toEqual(['foreign-other']);
    expect(knownNames(view)).toEqual(entries.map(({ name }) => name));
  });

  it('says nothing then of what a pass would do or hold, nor trips over a sink that is fresh', () => {
    const pauses = [{ owner: OWNER, name: null, until: null, reason: null }];
    const half = { current: null, intent: intent('half') };
    const view = viewWithoutFile({
      records: { half },
      observation: { installation: { ...installation(), pauses } },
    });
    expect(view.plan.held.length + view.plan.operations.length).toBeGreaterThan(0);
    expect(overviewOf(view)).toMatchObject({ held: [], entries: [{ state: 'unknown', operation: null }] });
    const { plan, desired } = viewOf({ file: { half: {} } });
    expect(operationsOf('half', { ...view, plan, desired })).toHaveLength(1);
    expect(operationsOf('half', { ...view, plan })).toEqual([]);
    const fresh = viewOf({ file: { a: {} }, observation: { installation: null } });
    expect(overviewOf(fresh).entries).toMatchObject([{ state: 'missing', pause: null }]);
  });

  it('holds no secret', () => {
    const secret = 'the secret to look for';
    const view = viewOf({
      file: { orders: entry('orders').fields },
      records: { orders: { current: stored('orders', { signing_secret: new Secret(secret) }) } },
      live: [live('orders')],
    });
    expect(JSON.stringify(overviewOf(view))).not.toContain(secret);
  });
});
