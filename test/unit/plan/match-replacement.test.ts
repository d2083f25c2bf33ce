import { describe, expect, it, test } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import type { EntryRecord, Replacement } from '../../../src/domain/record.ts';
import {
  ago,
  each,
  fields,
  foreign,
  idOf,
  intent,
  LANDING_TIME,
  live,
  markedUrl,
  names,
  outline,
  plan,
  stored,
  urlOf,
  type WorldSpec,
} from '../../support/world.ts';

const OVERLAP = 600_000;
const LINE = '+12025550101';

/** What is to take over `name`; it rests since `rested` ms ago, or has not come to rest. */
function next(name: string, rested: number | null, overrides: Partial<Replacement> = {}): Replacement {
  return {
    ...stored(name, { subscription_id: `next-${name}`, target_url: markedUrl(`next-${name}`) }),
    deactivated: rested !== null,
    ready_at: rested === null ? null : ago(rested),
    compromised: false,
    ending: null,
    ...overrides,
  };
}

/** The same, live: at rest unless told. */
function nextLive(name: string, overrides: Parameters<typeof live>[1] = {}) {
  const target_url = markedUrl(`next-${name}`);
  return live(name, { id: `next-${name}`, target_url, is_active: false, ...overrides });
}

/** An entry amid a replacement of its own subscription. */
function amid(rested: number | null, more: WorldSpec = {}, overrides: Partial<Replacement> = {}): WorldSpec {
  return {
    file: { orders: {} },
    records: { orders: { next: next('orders', rested, overrides) } },
    live: [live('orders'), nextLive('orders')],
    ...more,
  };
}

/** An entry amid the replacement of a foreign subscription. */
function adopting(rested: number | null, more: WorldSpec = {}): WorldSpec {
  const record = {
    current: null,
    applied: null,
    retire: { subscription_id: 'foreign-orders' },
    next: next('orders', rested),
  };
  return {
    file: { orders: {} },
    records: { orders: record },
    live: [foreign('orders'), nextLive('orders')],
    ...more,
  };
}

/** The step that a plan takes, who goes and who comes; or what it waits for. */
function steps({ operations, waiting }: Plan): readonly unknown[] {
  return [
    ...operations.map((one) =>
      one.kind === 'replace' ? [one.step, one.subscription_id, one.replacement_id] : one.key,
    ),
    ...waiting.map(({ name, reason, until }) => [name, reason, until]),
  ];
}

const RESTING = [['orders', 'step 3 of 5: overlap', ago(-1)]];
const OLD = idOf('orders');

interface Row extends WorldSpec {
  readonly reason: string;
  readonly is: readonly unknown[];
}

/** Every way in which a recorded replacement goes on. */
const STEPS: readonly Row[] = [
  { reason: 'one that has been made comes to rest', ...amid(null), is: [['rest', OLD, 'next-orders']] },
  { reason: 'one at rest waits for the end of its overlap', ...amid(OVERLAP - 1), is: RESTING },
  {
    reason: 'one whose overlap has passed takes over',
    ...amid(OVERLAP),
    is: [['switch', OLD, 'next-orders']],
  },
  {
    reason: 'an overlap is as long as a deactivation may be on its way',
    ...amid(LANDING_TIME - 1, { replace: { overlap: 1 } }),
    is: RESTING,
  },
  {
    reason: 'an overlap that is shorter than that ends with it',
    ...amid(LANDING_TIME, { replace: { overlap: 1 } }),
    is: [['switch', OLD, 'next-orders']],
  },
  {
    reason: 'one at rest that was never deactivated takes over, whatever the settings say by now',
    ...amid(0, { live: [live('orders'), nextLive('orders', { is_active: true })] }, { deactivated: false }),
    is: [['switch', OLD, 'next-orders']],
  },
  {
    reason: 'a deactivation that was lost is sent again',
    ...amid(1, { live: [live('orders'), nextLive('orders', { is_active: true })] }),
    is: [['rest', OLD, 'next-orders']],
  },
  {
    reason: 'one whose predecessor is gone gets its URL, in the overlap too',
    ...amid(1, { live: [nextLive('orders')] }),
    is: [['finish', null, 'next-orders']],
  },
  {
    reason: 'one that is gone is dropped',
    ...amid(1, { live: [live('orders')] }),
    is: [['drop', OLD, null]],
  },
  {
    reason: 'one that is gone is dropped, and what was asked for is begun again',
    ...amid(1, { live: [live('orders')], rotate: { orders: 'rotate' } }),
    is: [
      ['drop', OLD, null],
      ['begin', OLD, null],
    ],
  },
  {
    reason: 'where both are gone the entry is created again',
    ...amid(1, { live: [], settled: ['a', 'b'] }),
    is: ['create orders', ['drop', null, null]],
  },
  {
    reason: 'one that is given up is dropped',
    ...amid(OVERLAP, { rotate: { orders: 'abort' } }),
    is: [['drop', OLD, 'next-orders']],
  },
  {
    reason: 'one that another process has begun to switch to is not deactivated by a slower clock',
    ...amid(1, { live: [live('orders'), nextLive('orders', { is_active: true })] }, { ending: 'switch' }),
    is: [['switch', OLD, 'next-orders']],
  },
  {
    reason: 'one that was decided to be given up is dropped, also by who was not told',
    ...amid(OVERLAP, {}, { ending: 'drop' }),
    is: [['drop', OLD, 'next-orders']],
  },
  {
    reason: 'one that was to be given up takes over where its predecessor is gone meanwhile',
    ...amid(1, { live: [nextLive('orders')] }, { ending: 'drop' }),
    is: [['finish', null, 'next-orders']],
  },
  {
    reason: 'one without an overlap is dropped as well, and the entry is then what the file says',
    ...amid(
      0,
      {
        file: { orders: { subscribed_events: ['message.failed'] } },
        live: [live('orders'), nextLive('orders', { is_active: true, phone_numbers: [LINE] })],
        rotate: { orders: 'abort' },
      },
      { deactivated: false },
    ),
    is: ['update orders', ['drop', OLD, 'next-orders']],
  },
  {
    reason: 'one whose predecessor is gone cannot be given up',
    ...amid(1, { live: [nextLive('orders')], rotate: { orders: 'abort' } }),
    is: [['finish', null, 'next-orders']],
  },
  {
    reason: 'an adoption goes the same way',
    ...adopting(OVERLAP),
    is: [['switch', 'foreign-orders', 'next-orders']],
  },
  {
    reason: 'an adoption whose foreign subscription is gone ends',
    ...adopting(1, { live: [nextLive('orders')] }),
    is: [['finish', null, 'next-orders']],
  },
  {
    reason: 'an adoption that is given up is not begun again at once',
    ...adopting(1, { rotate: { orders: 'abort' }, policy: { unowned: 'replace' } }),
    is: [['drop', 'foreign-orders', 'next-orders']],
  },
  {
    reason: 'an adoption whose new subscription is gone is begun again, with the consent that there was',
    ...adopting(1, { live: [foreign('orders')] }),
    is: [
      ['drop', 'foreign-orders', null],
      ['begin', 'foreign-orders', null],
    ],
  },
  {
    reason: 'an interrupted first step is recovered, and the replacement goes on after it',
    ...amid(OVERLAP, {
      records: { orders: { next: next('orders', OVERLAP), intent: intent('orders') } },
    }),
    is: ['recover orders', ['switch', OLD, 'next-orders']],
  },
];

describe('a replacement under way', () => {
  test.each(STEPS)('$reason', ({ is, ...spec }) => {
    const outcome = plan(spec);
    expect(steps(outcome)).toEqual(is);
    expect(outcome.held).toEqual([]);
  });

  it('says all that the steps need to know', () => {
    expect(plan(amid(OVERLAP, { file: { orders: { prevent_destroy: true } } })).operations).toMatchObject([
      { key: 'update orders' },
      {
        key: 'replace orders',
        after: ['update orders'],
        reason: 'under-way',
        step: 'switch',
        fields: fields('orders'),
        is_active: true,
        overlap: OVERLAP,
        keeps_previous: true,
        prevent_destroy: true,
        secret: 'new',
      },
    ]);
  });

  it('gets the URL of the file, also where somebody has moved it away from the marked one', () => {
    const moved = [live('orders'), nextLive('orders', { target_url: urlOf('elsewhere') })];
    expect(plan(amid(OVERLAP, { live: moved })).operations).toMatchObject([
      { step: 'switch', fields: fields('orders') },
    ]);
  });

  it('brings a new secret, unless it is given up', () => {
    const given = plan(amid(1, { rotate: { orders: 'abort' } }));
    expect([...plan(amid(OVERLAP)).operations, ...given.operations]).toMatchObject([
      { step: 'switch', secret: 'new' },
      { step: 'drop', secret: 'kept' },
    ]);
  });

  it('keeps the state of the subscription that goes', () => {
    const isActive = (spec: WorldSpec) =>
      plan(spec).operations.map((one) => one.kind === 'replace' && one.is_active);
    const paused = live('orders', { is_active: false });
    expect(isActive(amid(OVERLAP, { live: [paused, nextLive('orders')] }))).toEqual([false]);
    expect(isActive(amid(OVERLAP, { file: { orders: { is_active: false } } })).at(-1)).toBe(false);
    // Of the one that is gone only the record tells: it was we who deactivated the new one, or nobody.
    expect(isActive(amid(OVERLAP, { live: [nextLive('orders')] }))).toEqual([true]);
    expect(isActive(amid(OVERLAP, { live: [nextLive('orders')] }, { deactivated: false }))).toEqual([false]);
    const active = nextLive('orders', { is_active: true });
    expect(isActive(amid(OVERLAP, { live: [active] }, { deactivated: false }))).toEqual([true]);
  });

  it('cannot be given up once a process has begun to switch', () => {
    const begun = { ending: 'switch' as const, deactivated: false };
    const outcome = plan(amid(OVERLAP, { rotate: { orders: 'abort' } }, begun));
    expect(outline(outcome)).toEqual({ does: [], holds: ['in-flight: replace orders'] });
    expect(outcome.held).toMatchObject([{ letThrough: 'linq-gitops sync' }]);
    expect(plan(amid(OVERLAP, {}, begun)).operations).toMatchObject([{ step: 'switch' }]);
  });

  it('is not waited for any longer where the secret turns out to be compromised', () => {
    const compromised = (rested: number | null) => plan(amid(rested, { rotate: { orders: 'compromised' } }));
    expect(compromised(null).operations).toMatchObject([{ step: 'rest', overlap: 0, keeps_previous: false }]);
    expect(compromised(LANDING_TIME).operations).toMatchObject([{ step: 'switch', keeps_previous: false }]);
    // Its deactivation may still arrive; meanwhile the record learns that there is no overlap any more.
    expect(compromised(LANDING_TIME - 1).operations).toMatchObject([
      { step: 'rest', overlap: LANDING_TIME, keeps_previous: false },
    ]);
  });

  it('stays without an overlap where the record says that the secret is compromised', () => {
    const noted = (rested: number) =>
      plan(amid(rested, { records: { orders: { next: next('orders', rested, { compromised: true }) } } }));
    expect(noted(LANDING_TIME).operations).toMatchObject([{ step: 'switch', keeps_previous: false }]);
    expect(noted(LANDING_TIME - 1)).toMatchObject({ operations: [], waiting: [{ until: ago(-1) }] });
  });

  it('lets a change of the file through to the subscription that goes', () => {
    const file = { orders: { subscribed_events: ['message.failed'] } };
    const outcome = plan(amid(1, { file }));
    expect(outcome.operations).toMatchObject([{ key: 'update orders', subscription_id: OLD }]);
    expect(outcome.waiting).toHaveLength(1);
    expect(steps(plan(amid(null, { file })))).toEqual([['rest', OLD, 'next-orders']]);
    expect(steps(plan(amid(OVERLAP, { file })))).toEqual(['update orders', ['switch', OLD, 'next-orders']]);
  });

  it('does not wait for drift that is only reported', () => {
    const drifted = live('orders', { subscribed_events: [] });
    const outcome = plan(amid(OVERLAP, { live: [drifted, nextLive('orders')], policy: { drift: 'report' } }));
    expect(outline(outcome)).toEqual({ does: ['replace orders'], holds: ['drift: revert orders'] });
  });

  it('moves to its URL after the entry that has it, also where the two swap', () => {
    const outcome = plan(
      amid(OVERLAP, {
        file: { orders: { target_url: urlOf('sales') }, sales: { target_url: urlOf('orders') } },
        records: { orders: { next: next('orders', OVERLAP) }, sales: {} },
        live: [live('orders'), live('sales'), nextLive('orders')],
      }),
    );
    expect(outline(outcome).holds).toEqual([]);
    const last = outcome.operations.find(({ kind }) => kind === 'replace');
    expect([...(last?.after ?? [])].sort()).toEqual(['update orders', 'update sales']);
  });

  it('comes to rest while another subscription of ours keeps its URL', () => {
    const outcome = plan(
      amid(null, {
        settled: ['shop'],
        file: { orders: { target_url: urlOf('shop') } },
      }),
    );
    expect(outline(outcome)).toEqual({ does: ['replace orders'], holds: [] });
  });

  it('does not end while another subscription of ours keeps its URL', () => {
    const outcome = plan(
      amid(OVERLAP, {
        records: { orders: { next: next('orders', OVERLAP) }, legacy: {} },
        live: [nextLive('orders'), live('legacy', { target_url: urlOf('orders') })],
        policy: { prune: 'never' },
      }),
    );
    expect(outline(outcome)).toEqual({ does: [], holds: ['url-taken: replace orders'] });
  });

  it.each(['rotate', 'abort', 'compromised'] as const)(
    'goes with its predecessor when the entry leaves the file, whatever %s asks for',
    (rotation) => {
      const spec = amid(1, { file: {}, settled: ['a', 'b'], rotate: { orders: rotation } });
      expect(plan(spec).operations).toMatchObject([
        { key: 'delete orders', subscription_id: OLD, replacement_id: 'next-orders', secret: 'discarded' },
      ]);
    },
  );

  it('counts as a delete that leaves nothing where its predecessor is gone already', () => {
    const outcome = plan({
      records: { a: { next: next('a', 1) }, b: { next: next('b', 1) } },
      live: [nextLive('a'), nextLive('b')],
      policy: { max_deletes: { count: 5 } },
    });
    expect(outline(outcome).holds).toEqual(['deletes: delete a', 'deletes: delete b']);
  });

  it('is not taken for a list from which most is missing, where we have deleted the predecessors', () => {
    const three = names(3);
    const outcome = plan({
      file: each(three, () => ({})),
      records: { ...each(three, (name) => ({ next: next(name, 1) })), gone: {} },
      live: three.map((name) => nextLive(name)),
    });
    expect(outline(outcome).holds).toEqual([]);
  });

  it('stays with its predecessor where nothing is pruned', () => {
    const outcome = plan(adopting(1, { file: {}, policy: { prune: 'never' } }));
    expect(outline(outcome)).toEqual({ does: [], holds: [] });
  });

  it('frees its URL for another entry when it goes', () => {
    const { operations } = plan({
      settled: ['a', 'b'],
      file: { shop: { target_url: urlOf('orders') } },
      records: { orders: { applied: null, current: null, next: next('orders', 1) } },
      live: [nextLive('orders', { target_url: urlOf('orders') })],
    });
    expect(operations.find(({ key }) => key === 'create shop')?.after).toEqual(['delete orders']);
  });

  it.each([
    { reason: 'its predecessor is live', live: [live('orders'), nextLive('orders')] },
    { reason: 'only the new one is live', live: [nextLive('orders')] },
  ])('moves to another name of the entry as it is: $reason', ({ live }) => {
    const outcome = plan(amid(1, { file: { shop: { previously: ['orders'] } }, live }));
    expect(outline(outcome)).toEqual({ does: ['rename shop'], holds: [] });
  });

  it('is not deleted with the old name where a rename was interrupted', () => {
    const own = { current: null, applied: null, next: next('orders', 1) };
    const outcome = plan({
      file: { shop: { target_url: urlOf('orders'), previously: ['orders'] } },
      records: { shop: own, orders: own },
      live: [nextLive('orders')],
    });
    expect(outline(outcome).does).toEqual(['rename shop from orders', 'replace shop']);
  });

  it('is left alone where the record of another entry names it too', () => {
    const outcome = plan({
      file: { orders: {}, shop: {} },
      records: {
        orders: { next: next('orders', OVERLAP) },
        shop: { current: stored('shop', { subscription_id: 'next-orders' }) },
      },
      live: [live('orders'), nextLive('orders')],
    });
    expect(outline(outcome)).toEqual({ does: [], holds: ['record: orders', 'record: shop'] });
    expect(outcome.held[0]?.reason).toBe('the record of shop names the same subscription');
  });
});

describe('the end of a replacement', () => {
  it('is held where somebody has taken the URL meanwhile, and nothing lets it through', () => {
    const moved = live('orders', { target_url: urlOf('else') });
    const spec = amid(OVERLAP, { live: [moved, nextLive('orders'), foreign('orders')] });
    const allow = ['url-taken', 'unowned'];
    expect(outline(plan({ ...spec, allow })).holds).toContain('url-taken: replace orders');
    const gone = amid(OVERLAP, { live: [nextLive('orders'), foreign('orders')], allow });
    expect(outline(plan(gone))).toEqual({ does: [], holds: ['url-taken: replace orders'] });
  });

  it('takes the place of another foreign subscription only with new consent', () => {
    const usurper = foreign('orders', { id: 'usurper' });
    const spec = adopting(OVERLAP, { live: [nextLive('orders'), usurper] });
    expect(plan(spec).held).toMatchObject([
      {
        guard: 'unowned',
        reason: 'another subscription, usurper, has its URL now',
        letThrough: '--allow unowned:orders',
      },
    ]);
    expect(steps(plan(adopting(null, { live: [nextLive('orders'), usurper] })))).toEqual([
      ['rest', null, 'next-orders'],
    ]);
    const through = [['switch', 'usurper', 'next-orders']];
    expect(steps(plan({ ...spec, allow: ['unowned:orders'] }))).toEqual(through);
    expect(steps(plan({ ...spec, policy: { unowned: 'replace' } }))).toEqual(through);
  });

  it('is held where the URL of an adoption is taken by several, by Linq, or beside the one that goes', () => {
    const held = (...taken: NonNullable<WorldSpec['live']>) =>
      outline(plan(adopting(OVERLAP, { live: [nextLive('orders'), ...taken], allow: ['unowned'] }))).holds;
    const [one, two] = ['one', 'two'].map((id) => foreign('orders', { id }));
    expect(held(one!, two!)).toEqual(['url-taken: replace orders']);
    expect(held(one!, foreign('orders', { target_url: urlOf('else') }))).toEqual([
      'url-taken: replace orders',
    ]);
    const ignored = adopting(OVERLAP, {
      live: [nextLive('orders'), one!],
      allow: ['unowned'],
      policy: { ignore: ['https://hooks.example.com/**'] },
    });
    expect(outline(plan(ignored)).holds).toEqual(['url-taken: replace orders']);
  });

  it('leaves alone what a record of ours, or of another owner, names by now', () => {
    const base = adopting(OVERLAP);
    const theirs = plan({
      ...base,
      records: {
        ...base.records,
        theirs: { kind: 'other-owner', owner: 'staging', ids: ['foreign-orders'], marked_url: null },
      },
    });
    expect(outline(theirs)).toEqual({ does: [], holds: ['url-taken: replace orders'] });
    const ours = plan({
      ...base,
      file: { orders: {}, shop: { target_url: urlOf('orders') } },
      records: {
        ...base.records,
        shop: { current: stored('orders', { subscription_id: 'foreign-orders' }) },
      },
    });
    expect(outline(ours).holds).toContain('url-taken: replace orders');
  });

  it('is held where the file has dropped the filter that it began with', () => {
    const filtered = { phone_numbers: [LINE] };
    const spec = amid(OVERLAP, { live: [nextLive('orders', filtered)] });
    expect(outline(plan(spec))).toEqual({ does: [], holds: ['widen: replace orders'] });
    expect(steps(plan({ ...spec, allow: ['widen:orders'] }))).toEqual([['finish', null, 'next-orders']]);
  });

  it('comes at the URL that it has already, where the file has another one by now', () => {
    const url = urlOf('orders');
    const done = nextLive('orders', { target_url: url, is_active: true });
    const outcome = plan(amid(OVERLAP, { file: { orders: { target_url: urlOf('moved') } }, live: [done] }));
    expect(outcome.operations).toMatchObject([{ step: 'finish', fields: { target_url: url } }]);
  });

  it('is held with the change of the entry that a guard holds', () => {
    const spec = amid(OVERLAP, {
      live: [live('orders', { phone_numbers: [LINE] }), nextLive('orders', { phone_numbers: [LINE] })],
    });
    expect(outline(plan(spec))).toEqual({
      does: [],
      holds: ['widen: update orders', 'widen: replace orders'],
    });
  });

  it('is what a foreign one waits for, although everything is pruned', () => {
    const moved = foreign('orders', { target_url: urlOf('else') });
    const outcome = plan(adopting(1, { live: [moved, nextLive('orders')], policy: { prune: 'all' } }));
    expect(outline(outcome)).toEqual({ does: [], holds: [] });
    expect(outcome.waiting).toHaveLength(1);
  });

  it.each([
    { step: 'rest', spec: amid(null) },
    { step: 'switch', spec: amid(OVERLAP) },
    { step: 'finish', spec: amid(1, { live: [nextLive('orders')] }) },
    { step: 'drop', spec: amid(1, { live: [live('orders')] }) },
  ])('waits for a good file, as every other step: $step', ({ step, spec }) => {
    expect(plan({ ...spec, isFileBad: true })).toMatchObject({
      operations: [],
      held: [{ guard: 'bad-file', operation: { kind: 'replace', step } }],
    });
  });
});

describe('the beginning of a replacement', () => {
  const DAY = 86_400_000;

  it('is asked for by command, with all that the steps need to know', () => {
    const outcome = plan({ settled: ['orders'], rotate: { orders: 'rotate' } });
    expect(outcome.operations).toEqual([
      {
        kind: 'replace',
        key: 'replace orders',
        after: [],
        name: 'orders',
        reason: 'asked',
        step: 'begin',
        subscription_id: OLD,
        replacement_id: null,
        fields: fields('orders'),
        is_active: true,
        overlap: OVERLAP,
        keeps_previous: true,
        prevent_destroy: false,
        secret: 'new',
      },
    ]);
  });

  it('has no overlap and keeps nothing where the secret is compromised', () => {
    expect(plan({ settled: ['orders'], rotate: { orders: 'compromised' } }).operations).toMatchObject([
      { reason: 'asked', overlap: 0, keeps_previous: false },
    ]);
  });

  it('has no overlap where the settings say so', () => {
    const spec = { settled: ['orders'], rotate: { orders: 'rotate' }, replace: { overlap: 0 } } as const;
    expect(plan(spec).operations).toMatchObject([{ overlap: 0, keeps_previous: true }]);
    expect(plan(amid(null, { replace: { overlap: 0 } })).operations).toMatchObject([
      { step: 'rest', overlap: 0 },
    ]);
  });

  it('is held without an overlap where another subscription has the URL as well', () => {
    const spec: WorldSpec = { settled: ['orders'], live: [foreign('orders')], rotate: { orders: 'rotate' } };
    expect(outline(plan(spec)).does).toEqual(['replace orders']);
    expect(outline(plan({ ...spec, replace: { overlap: 0 } })).holds).toEqual(['url-taken: replace orders']);
  });

  test.each([
    { created: DAY, rotate_after: DAY, does: ['replace orders'] },
    { created: DAY - 1, rotate_after: DAY, does: [] },
    { created: 9 * DAY, rotate_after: null, does: [] },
  ])('comes with an age of $created ms, where $rotate_after is the limit: $does', (row) => {
    const spec: WorldSpec = {
      file: { orders: { rotate_after: row.rotate_after } },
      records: { orders: { current: stored('orders', { created_at: ago(row.created) }) } },
      live: [live('orders')],
    };
    expect(outline(plan(spec))).toEqual({ does: row.does, holds: [] });
    expect(outline(plan({ ...spec, rotate: { orders: 'abort' } })).does).toEqual([]);
    if (row.does.length > 0) expect(plan(spec).operations).toMatchObject([{ reason: 'age' }]);
  });

  it('needs no other consent than the command where the secret is lost', () => {
    const spec: WorldSpec = {
      file: { orders: {} },
      records: { orders: { current: stored('orders', { signing_secret: null }) } },
      live: [live('orders')],
    };
    expect(outline(plan(spec)).holds).toEqual(['secret-loss: replace orders']);
    expect(outline(plan({ ...spec, rotate: { orders: 'rotate' } }))).toEqual({
      does: ['replace orders'],
      holds: [],
    });
  });

  it('carries the state of a subscription that somebody has stopped, unless the file says otherwise', () => {
    const stopped: WorldSpec = {
      file: { orders: {} },
      records: { orders: {} },
      live: [live('orders', { is_active: false })],
      rotate: { orders: 'rotate' },
    };
    expect(plan(stopped).operations).toMatchObject([{ is_active: false }]);
    const declared = plan({ ...stopped, file: { orders: { is_active: true } } });
    expect(declared.operations).toMatchObject([
      { kind: 'update' },
      { kind: 'replace', is_active: true, after: ['update orders'] },
    ]);
  });

  it('waits for the change of the entry, and with it for what holds that', () => {
    const outcome = plan({
      file: { orders: {} },
      records: { orders: { applied: fields('orders', { phone_numbers: [LINE] }) } },
      live: [live('orders', { phone_numbers: [LINE] })],
      rotate: { orders: 'rotate' },
    });
    expect(outline(outcome)).toEqual({
      does: [],
      holds: ['depends: replace orders', 'widen: update orders'],
    });
  });

  it('does not follow from giving one up where there was none', () => {
    const interrupted: WorldSpec = {
      file: { orders: {} },
      records: { orders: { current: null, retire: { subscription_id: 'foreign-orders' } } },
      live: [foreign('orders')],
    };
    expect(outline(plan(interrupted)).does).toEqual(['replace orders']);
    // The consent is taken back.
    expect(plan({ ...interrupted, rotate: { orders: 'abort' } }).operations).toMatchObject([
      { key: 'give up orders', step: 'drop', subscription_id: null, replacement_id: null },
    ]);
    const settled: WorldSpec = { settled: ['orders'], rotate: { orders: 'abort' } };
    expect(outline(plan(settled))).toEqual({ does: [], holds: [] });
    // What is unfinished is cleaned up all the same, and first.
    const unfinished = (retire: EntryRecord['retire']): WorldSpec => ({
      ...interrupted,
      records: { orders: { current: null, intent: intent('orders'), retire } },
      rotate: { orders: 'abort' },
    });
    expect(outline(plan(unfinished(null))).does).toEqual(['recover orders']);
    expect(outline(plan(unfinished({ subscription_id: 'foreign-orders' }))).does).toEqual([
      'recover orders',
      'give up orders',
    ]);
  });
});

describe('the limit of replacements at once', () => {
  const rotated = (count: number, at_once: number, more: WorldSpec = {}) => {
    const all = names(count);
    return plan({
      settled: all,
      rotate: each(all, () => 'rotate' as const),
      replace: { at_once },
      ...more,
    });
  };

  it('lets so many begin, and says what the others wait for', () => {
    const outcome = rotated(3, 2);
    expect(outline(outcome).does).toEqual(['replace n1', 'replace n2']);
    expect(outcome.waiting).toEqual([
      { name: 'n3', kind: 'replace', reason: 'no more than 2 replacements at once', until: null },
    ]);
  });

  it.each([
    { reason: 'overlap', rested: 1, live: [live('orders'), nextLive('orders')] },
    { reason: 'go on', rested: OVERLAP, live: [live('orders'), nextLive('orders')] },
  ])('counts those that $reason', ({ rested, live }) => {
    const outcome = rotated(2, 2, amid(rested, { live }));
    expect(outcome.operations.filter((one) => one.kind === 'replace' && one.step === 'begin')).toHaveLength(
      1,
    );
    expect(outcome.waiting.map(({ name }) => name)).toContain('n2');
  });

  it.each([
    { reason: 'held', file: { orders: {} }, live: [nextLive('orders'), foreign('orders')] },
    { reason: 'given up', file: { orders: {} }, live: [live('orders')] },
  ])('does not count what is $reason', ({ file, live }) => {
    const outcome = rotated(2, 2, { ...amid(1), file, live });
    expect(outline(outcome).does).toEqual(expect.arrayContaining(['replace n1', 'replace n2']));
  });

  it('gives no place to what is retired', () => {
    const gone = names(3, 'gone');
    const outcome = rotated(2, 2, {
      records: each(gone, () => ({ retired: { at: ago(1), deactivated: true } })),
      live: gone.map((name) => live(name, { is_active: false })),
      policy: { retire: 86_400_000 },
    });
    expect(outline(outcome).does).toEqual(['replace n1', 'replace n2']);
    expect(outcome.waiting.map(({ name }) => name)).toEqual(gone);
  });

  it('gives no place to what is held', () => {
    const outcome = rotated(2, 1, { records: { n1: { current: stored('n1', { signing_secret: null }) } } });
    expect(outline(outcome).does).toEqual(['replace n1']);
    const unasked = rotated(2, 1, {
      records: { n1: { current: stored('n1', { signing_secret: null }) } },
      rotate: { n2: 'rotate' },
    });
    expect(outline(unasked)).toEqual({ does: ['replace n2'], holds: ['secret-loss: replace n1'] });
  });

  it('does not change the id of the plan by what waits', () => {
    expect(plan(amid(1)).id).toBe(plan(amid(2)).id);
  });
});

describe('a previous secret', () => {
  const previous = (retired: number) => ({
    subscription_id: 'before',
    signing_secret: null,
    retired_at: ago(retired),
  });
  const spec = (retired: number, more: WorldSpec = {}): WorldSpec => ({
    file: { orders: {} },
    records: { orders: { previous: previous(retired) } },
    live: [live('orders')],
    ...more,
  });

  it('is forgotten when its time is over, and not before', () => {
    expect(plan(spec(3_600_000)).operations).toEqual([
      {
        kind: 'forget',
        key: 'forget orders',
        after: [],
        name: 'orders',
        forgets: ['previous'],
        secret: 'kept',
      },
    ]);
    expect(outline(plan(spec(3_599_999)))).toEqual({ does: [], holds: [] });
    expect(outline(plan(spec(0, { replace: { keep_previous: 0 } }))).does).toEqual(['forget orders']);
  });

  it('is left for the next pass where something else is done or held', () => {
    expect(outline(plan(spec(3_600_000, { rotate: { orders: 'rotate' } }))).does).toEqual(['replace orders']);
    const held = plan(spec(3_600_000, { live: [], settled: ['a', 'b'], isFileBad: true }));
    expect(outline(held).does).toEqual(['create orders']);
  });
});
