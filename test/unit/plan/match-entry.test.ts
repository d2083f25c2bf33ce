import { describe, expect, it, test } from 'vitest';
import {
  ago,
  entry,
  fields,
  foreign,
  idOf,
  intent,
  live,
  markedUrl,
  OTHER,
  outline,
  plan,
  record,
  stored,
  urlOf,
  type WorldSpec,
} from '../../support/world.ts';

interface Row extends WorldSpec {
  readonly reason: string;
  readonly does?: readonly string[];
  readonly holds?: readonly string[];
}

/** The rows of the matching table (design, 4.1) that are about an entry of the file. */
const ROWS: readonly Row[] = [
  {
    reason: 'a replacement that is live goes on from the recorded step',
    file: { orders: {} },
    records: {
      orders: {
        next: {
          ...stored('orders', { subscription_id: 'id-next' }),
          deactivated: false,
          ready_at: null,
          compromised: false,
          ending: null,
        },
      },
    },
    live: [live('orders'), live('orders', { id: 'id-next', target_url: markedUrl('orders') })],
    does: ['replace orders'],
  },
  {
    reason: 'a replacement that is gone is dropped, and what was to go stays',
    file: { orders: {} },
    records: {
      orders: {
        next: {
          ...stored('orders', { subscription_id: 'gone' }),
          deactivated: true,
          ready_at: null,
          compromised: false,
          ending: null,
        },
      },
    },
    live: [live('orders')],
    does: ['give up orders'],
  },
  {
    reason: 'a foreign subscription with consent to replace it is replaced',
    file: { orders: {} },
    records: { orders: { current: null, retire: { subscription_id: 'foreign-orders' } } },
    live: [foreign('orders')],
    does: ['replace orders'],
  },
  {
    reason: 'an intent is recovered before the entry is created',
    file: { orders: {} },
    records: { orders: { current: null, intent: intent('orders') } },
    live: [live('orders', { id: 'half', target_url: markedUrl('orders') })],
    does: ['recover orders', 'create orders'],
  },
  {
    reason: 'an intent of another live holder holds the entry',
    file: { orders: {} },
    records: { orders: { current: null, intent: intent('orders', { deadline: ago(-1) }) } },
    holds: ['in-flight: recover orders'],
  },
  {
    reason: 'an intent beside a live subscription is recovered before its fields are compared',
    file: { orders: { subscribed_events: ['message.failed'] } },
    records: { orders: { intent: intent('orders') } },
    live: [live('orders')],
    does: ['recover orders', 'update orders'],
  },
  {
    reason: 'its id is live and nothing differs',
    settled: ['orders'],
  },
  {
    reason: 'its id is live and a field differs',
    file: { orders: { subscribed_events: ['message.failed'] } },
    records: { orders: {} },
    live: [live('orders')],
    does: ['update orders'],
  },
  {
    reason: 'a changed URL is an update, since PUT keeps the secret',
    file: { orders: { target_url: urlOf('moved') } },
    records: { orders: {} },
    live: [live('orders')],
    does: ['update orders'],
  },
  {
    reason: 'the new URL is taken by a foreign one',
    file: { orders: { target_url: urlOf('moved') } },
    records: { orders: {} },
    live: [live('orders'), foreign('moved')],
    holds: ['url-taken: update orders'],
  },
  {
    reason: 'a mark that is still in the URL is a difference to repair',
    file: { orders: {} },
    records: { orders: {} },
    live: [live('orders', { target_url: markedUrl('orders') })],
    does: ['update orders'],
  },
  {
    reason: 'its id is gone and the URL is free',
    settled: ['a', 'b'],
    file: { orders: {} },
    records: { orders: {} },
    does: ['create orders'],
  },
  {
    reason: 'its id is gone and another id has the URL',
    settled: ['a', 'b'],
    file: { orders: {} },
    records: { orders: {} },
    live: [foreign('orders')],
    holds: ['unowned: replace orders'],
  },
  {
    reason: 'its secret is missing',
    file: { orders: {} },
    records: { orders: { current: stored('orders', { signing_secret: null }) } },
    live: [live('orders')],
    holds: ['secret-loss: replace orders'],
  },
  {
    reason: 'a record of a `previously` name moves to the entry',
    file: { orders: { previously: ['sales'] } },
    records: { sales: {} },
    live: [live('sales')],
    does: ['rename orders', 'update orders'],
  },
  {
    reason: 'a record of the one name that left the file with the same URL moves to the entry',
    file: { orders: { target_url: urlOf('sales') } },
    records: { sales: {} },
    live: [live('sales')],
    does: ['rename orders'],
  },
  {
    reason: 'the unchanged URL is the one that was declared, not one that somebody set since',
    file: { orders: { target_url: urlOf('sales') } },
    records: { sales: {} },
    live: [live('sales', { target_url: urlOf('elsewhere') })],
    does: ['rename orders', 'update orders'],
  },
  {
    reason: 'where the fields were never applied, the recorded URL is the declared one',
    file: { orders: { target_url: urlOf('sales') } },
    records: { sales: { applied: null } },
    live: [live('sales')],
    does: ['rename orders'],
  },
  {
    reason: 'two names that left the file with the same URL do not say which of them it was',
    file: { orders: { target_url: urlOf('sales') } },
    records: { sales: {}, shop: { applied: fields('sales') } },
    live: [live('sales'), live('shop')],
    does: ['create orders', 'delete sales', 'delete shop'],
    policy: { max_deletes: { count: 2 } },
    allow: ['deletes'],
  },
  {
    reason: 'what left the file with an unfinished creation is not taken over by its URL alone',
    file: { orders: { target_url: urlOf('sales') } },
    records: { sales: { intent: intent('sales') } },
    live: [live('sales')],
    does: ['recover sales', 'create orders', 'delete sales'],
  },
  {
    reason: 'what left the file amid a replacement is not taken over by its URL alone',
    file: { orders: { target_url: urlOf('sales') } },
    records: {
      sales: {
        next: { ...stored('next'), deactivated: false, ready_at: null, compromised: false, ending: null },
      },
    },
    live: [live('sales'), live('next')],
    does: ['create orders', 'delete sales'],
  },
  {
    reason: 'what left the file with consent to replace is not taken over by its URL alone',
    file: { orders: { target_url: urlOf('sales') } },
    records: { sales: { retire: { subscription_id: 'foreign-sales' } } },
    live: [live('sales')],
    does: ['create orders', 'delete sales'],
  },
  {
    reason: 'what left the file and is gone has nothing to take over',
    file: { orders: { target_url: urlOf('sales') } },
    records: { sales: {} },
    live: [foreign('else')],
    does: ['create orders', 'delete sales'],
  },
  {
    reason: 'a former name is another entry’s business where that entry says so',
    file: { orders: { target_url: urlOf('sales') }, shop: { previously: ['sales'] } },
    records: { sales: {} },
    live: [live('sales')],
    does: ['rename shop', 'create orders', 'update shop'],
  },
  {
    reason: 'a `previously` name without record is passed over',
    file: { orders: { previously: ['older', 'sales'] } },
    records: { older: { kind: 'absent' }, sales: {} },
    live: [live('sales')],
    does: ['rename orders', 'update orders'],
  },
  {
    reason: 'a `previously` record whose subscription is gone has nothing to take over',
    file: { orders: { previously: ['sales'] } },
    records: { sales: {} },
    live: [foreign('else')],
    does: ['create orders', 'delete sales'],
  },
  {
    reason: 'a `previously` record with a pending intent is recovered, then moved',
    file: { orders: { target_url: urlOf('sales'), previously: ['sales'] } },
    records: { sales: { intent: intent('sales') } },
    live: [live('sales')],
    does: ['recover sales', 'rename orders'],
  },
  {
    reason: 'a `previously` record that another process is creating is not moved',
    file: { orders: { target_url: urlOf('sales'), previously: ['sales'] } },
    records: { sales: { intent: intent('sales', { deadline: ago(-1) }) } },
    live: [live('sales')],
    holds: ['in-flight: recover sales'],
  },
  {
    reason: 'a `previously` record amid a replacement is moved as it is',
    file: { orders: { previously: ['sales'] } },
    records: {
      sales: {
        next: { ...stored('next'), deactivated: false, ready_at: null, compromised: false, ending: null },
      },
    },
    live: [live('sales'), live('next')],
    does: ['rename orders'],
  },
  {
    reason: 'a moved record without secret is replaced under the guard',
    file: { orders: { target_url: urlOf('sales'), previously: ['sales'] } },
    records: { sales: { current: stored('sales', { signing_secret: null }) } },
    live: [live('sales')],
    does: ['rename orders'],
    holds: ['secret-loss: replace orders'],
  },
  {
    reason: 'an interrupted rename whose record stands under both names is not begun again',
    file: { orders: { target_url: urlOf('sales'), previously: ['sales'] } },
    records: {
      orders: { current: stored('sales'), applied: fields('sales') },
      sales: {},
    },
    live: [live('sales')],
    does: ['rename orders from sales'],
  },
  {
    reason: 'a `previously` record that another entry has taken over already is that entry’s',
    file: { orders: { target_url: urlOf('sales') }, third: { previously: ['sales'] } },
    records: { orders: { current: stored('sales'), applied: fields('sales') }, sales: {} },
    live: [live('sales')],
    does: ['rename orders from sales', 'create third'],
  },
  {
    reason: 'two entries of the file whose records name one subscription are both left alone',
    file: { orders: { target_url: urlOf('sales') }, sales: {} },
    records: { orders: { current: stored('sales') }, sales: {} },
    live: [live('sales')],
    holds: ['record: orders', 'record: sales'],
  },
  {
    reason: 'the URL is live and not ours',
    file: { orders: {} },
    live: [foreign('orders')],
    holds: ['unowned: replace orders'],
  },
  {
    reason: 'the URL is live, not ours, and to be replaced',
    file: { orders: {} },
    live: [foreign('orders')],
    policy: { unowned: 'replace' },
    does: ['replace orders'],
  },
  {
    reason: 'the URL is live, to be replaced, and may be in the record that a newer release has written',
    file: { orders: {} },
    records: { legacy: { kind: 'newer', schema: 2 } },
    live: [foreign('orders')],
    policy: { unowned: 'replace' },
    holds: ['record: legacy', 'record: replace orders'],
  },
  {
    reason: 'the URL of an entry is equal in its normalised form',
    file: { orders: { target_url: 'HTTPS://Hooks.Example.com:443/orders?version=2026-02-03' } },
    live: [foreign('orders')],
    holds: ['unowned: replace orders'],
  },
  {
    reason: 'the URL is live more than once',
    file: { orders: {} },
    live: [foreign('orders'), foreign('orders', { id: 'foreign-too' })],
    holds: ['ambiguous: orders'],
  },
  {
    reason: 'an intent is recovered although the URL is live more than once',
    file: { orders: {} },
    records: { orders: { current: null, intent: intent('orders') } },
    live: [foreign('orders'), foreign('orders', { id: 'foreign-too' })],
    does: ['recover orders'],
    holds: ['ambiguous: orders'],
  },
  {
    reason: 'the URL is free',
    file: { orders: {} },
    does: ['create orders'],
  },
  {
    reason: 'an empty record is as good as none',
    file: { orders: {} },
    records: { orders: { current: null, applied: null } },
    does: ['create orders'],
  },
  {
    reason: 'a damaged record and nothing at the URL: a new one, with consent to a lost secret',
    file: { orders: {} },
    records: { orders: { kind: 'damaged', reason: 'is no JSON' } },
    holds: ['secret-loss: create orders'],
  },
  {
    reason: 'a damaged record and one at the URL: it is replaced, with consent to a lost secret',
    file: { orders: {} },
    records: { orders: { kind: 'damaged', reason: 'is no JSON' } },
    live: [foreign('orders')],
    holds: ['secret-loss: replace orders'],
  },
  {
    reason: 'a damaged record and several at the URL: a person has to choose',
    file: { orders: {} },
    records: { orders: { kind: 'damaged', reason: 'is no JSON' } },
    live: [foreign('orders'), foreign('orders', { id: 'x2' })],
    holds: ['ambiguous: orders'],
  },
  {
    reason: 'a damaged record and one at the URL that nobody may touch',
    file: { orders: {} },
    records: { orders: { kind: 'damaged', reason: 'is no JSON' } },
    live: [foreign('orders')],
    policy: { ignore: ['https://hooks.example.com/**'] },
    holds: ['url-taken: replace orders'],
  },
  {
    reason: 'something in the place of the record that is not ours holds its entry',
    file: { orders: {} },
    records: { orders: { kind: 'foreign', reason: 'is a secret of somebody else' } },
    live: [foreign('orders')],
    holds: ['record: orders'],
  },
  {
    reason: 'a record of a newer schema holds its entry',
    file: { orders: {} },
    records: { orders: { kind: 'newer', schema: 2 } },
    live: [live('orders')],
    holds: ['record: orders'],
  },
  {
    reason: 'a record of another owner holds the entry',
    file: { orders: {} },
    records: { orders: { kind: 'other-owner', owner: 'staging', ids: ['id-orders'], marked_url: null } },
    live: [live('orders')],
    holds: ['record: orders'],
  },
  {
    reason: 'a damaged record of a `previously` name holds both',
    file: { orders: { previously: ['sales'] } },
    records: { sales: { kind: 'damaged', reason: 'not JSON' } },
    holds: ['record: orders', 'record: sales'],
  },
  {
    reason: 'another owner’s record of a `previously` name holds the entry',
    file: { orders: { previously: ['sales'] } },
    records: { sales: { kind: 'other-owner', owner: 'staging', ids: [], marked_url: null } },
    holds: ['record: orders'],
  },
  {
    reason: 'the URL belongs to another owner’s subscription, which no policy replaces',
    file: { orders: {} },
    records: { theirs: { kind: 'other-owner', owner: 'staging', ids: ['foreign-orders'], marked_url: null } },
    live: [foreign('orders')],
    policy: { unowned: 'replace' },
    holds: ['url-taken: replace orders'],
  },
  {
    reason: 'two entries change URLs, and what is at one is being replaced for the other',
    file: { orders: { target_url: urlOf('shop') }, shop: { target_url: urlOf('orders') } },
    records: { shop: { current: null, applied: null, retire: { subscription_id: 'foreign-shop' } } },
    live: [foreign('shop')],
    policy: { unowned: 'replace' },
    does: ['replace shop'],
    holds: ['url-taken: replace orders'],
  },
  {
    reason: 'the URL belongs to a subscription of an ignored host, which no policy replaces',
    file: { orders: {} },
    live: [foreign('orders')],
    policy: { unowned: 'replace', ignore: ['https://hooks.example.com/**'] },
    holds: ['url-taken: replace orders'],
  },
];

describe('the matching table, for an entry of the file', () => {
  test.each(ROWS)('$reason', ({ does = [], holds = [], ...spec }) => {
    expect(outline(plan(spec))).toEqual({ does, holds });
  });
});

describe('what an operation on an entry says', () => {
  it('creates with all fields of the file and a new secret', () => {
    const declared = { phone_numbers: ['+12025550101'], is_active: false, prevent_destroy: true };
    const [operation] = plan({ file: { orders: declared } }).operations;
    expect(operation).toEqual({
      kind: 'create',
      key: 'create orders',
      after: [],
      name: 'orders',
      reason: 'new',
      fields: entry('orders', declared).fields,
      prevent_destroy: true,
      secret: 'new',
    });
  });

  it('says that a subscription was deleted outside when it is created again', () => {
    const { operations } = plan({ settled: ['a', 'b'], file: { orders: {} }, records: { orders: {} } });
    expect(operations).toMatchObject([{ kind: 'create', reason: 'deleted-outside', secret: 'new' }]);
  });

  it('sends only what differs, as declared, and keeps the secret', () => {
    const target_url = 'https://Hooks.example.com/moved?version=2026-02-03';
    const [operation] = plan({
      file: { orders: { target_url, subscribed_events: ['b', 'a', 'b'] } },
      records: { orders: { applied: fields('orders', { subscribed_events: ['a', 'b'] }) } },
      live: [live('orders', { subscribed_events: ['a'] })],
    }).operations;
    expect(operation).toEqual({
      kind: 'update',
      key: 'update orders',
      after: [],
      name: 'orders',
      subscription_id: idOf('orders'),
      reason: 'changed-in-file',
      changes: [
        { field: 'target_url', reason: 'changed-in-file', before: urlOf('orders'), after: target_url },
        { field: 'subscribed_events', reason: 'drifted', before: ['a'], after: ['a', 'b'] },
      ],
      patch: { target_url, subscribed_events: ['a', 'b'] },
      fields: { target_url, subscribed_events: ['a', 'b'], phone_numbers: null },
      prevent_destroy: false,
      secret: 'kept',
    });
  });

  it('writes only the record where nothing but the protection changed', () => {
    const { operations } = plan({
      file: { orders: { prevent_destroy: true } },
      records: { orders: {} },
      live: [live('orders')],
    });
    expect(operations).toMatchObject([
      {
        key: 'update orders',
        patch: {},
        prevent_destroy: true,
        changes: [{ field: 'prevent_destroy', reason: 'changed-in-file', before: false, after: true }],
      },
    ]);
  });

  it('moves the record before it updates the subscription', () => {
    const { operations } = plan({
      file: { orders: { previously: ['sales'] } },
      records: { sales: { intent: intent('sales') } },
      live: [live('sales')],
    });
    expect(operations.map(({ key, after, secret }) => [key, after, secret])).toEqual([
      ['recover sales', [], 'kept'],
      ['rename orders', ['recover sales'], 'moved'],
      ['update orders', ['recover sales', 'rename orders'], 'kept'],
    ]);
    expect(operations[1]).toMatchObject({ name: 'orders', from: 'sales', isInterrupted: false });
    expect(operations[2]).toMatchObject({ subscription_id: idOf('sales') });
  });

  it('moves a record only after the unfinished work of both names is cleaned up', () => {
    const { operations } = plan({
      file: { orders: { target_url: urlOf('sales'), previously: ['sales'] } },
      records: {
        orders: { current: null, intent: intent('orders') },
        sales: { intent: intent('sales') },
      },
      live: [live('sales')],
    });
    expect(operations.find(({ kind }) => kind === 'rename')?.after).toEqual([
      'recover orders',
      'recover sales',
    ]);
  });

  it('holds with the entry’s own unfinished work what another process does under its former name', () => {
    const outcome = plan({
      file: { orders: { target_url: urlOf('sales'), previously: ['sales'] } },
      records: {
        orders: { current: null, intent: intent('orders') },
        sales: { intent: intent('sales', { deadline: ago(-1) }) },
      },
      live: [live('sales')],
    });
    expect(outline(outcome)).toEqual({
      does: ['recover orders'],
      holds: ['in-flight: recover sales'],
    });
  });

  it('cleans up what is unfinished before it forgets anything, although something is held', () => {
    const previous = { subscription_id: 'gone', signing_secret: null, retired_at: ago(86_400_000) };
    const outcome = plan({
      file: { orders: {} },
      records: { orders: { current: null, intent: intent('orders'), previous } },
      live: [foreign('orders'), foreign('orders', { id: 'another' })],
    });
    expect(outline(outcome)).toEqual({ does: ['recover orders'], holds: ['ambiguous: orders'] });
  });

  it('takes over no record of which another one names a part', () => {
    const next = { ...stored('next'), deactivated: true, ready_at: ago(1), compromised: false, ending: null };
    const outcome = plan({
      file: { shop: { target_url: urlOf('orders'), previously: ['orders'] } },
      records: { orders: { next }, third: { current: stored('next') } },
      live: [live('orders'), live('next', { target_url: markedUrl('next') })],
      policy: { prune: 'never' },
    });
    expect(outline(outcome).does).not.toContain('rename shop');
  });

  it('names the command that adopts a subscription that is not ours', () => {
    const { held } = plan({ file: { orders: {} }, live: [foreign('orders')] });
    expect(held).toMatchObject([{ letThrough: 'linq-gitops adopt orders --secret-file FILE' }]);
  });

  it.each([
    { what: 'has no record', records: {} },
    { what: 'has a damaged one', records: { orders: { kind: 'damaged', reason: 'no JSON' } as const } },
  ])('names every candidate where the URL is ambiguous, and asks for the id: it $what', ({ records }) => {
    const { held } = plan({
      file: { orders: {} },
      records,
      live: [foreign('orders', { id: 'two' }), foreign('orders', { id: 'one' })],
    });
    expect(held).toMatchObject([
      {
        guard: 'ambiguous',
        reason: expect.stringContaining(
          '2 subscriptions that are not ours have its URL: one, two. ',
        ) as string,
        letThrough: 'linq-gitops adopt orders --id ID --secret-file FILE',
        operation: null,
      },
    ]);
  });

  it('leaves an entry alone whose record it cannot read, and says why', () => {
    const held = (observed: NonNullable<WorldSpec['records']>[string]) =>
      plan({ file: { orders: {} }, records: { orders: observed } }).held.map(
        ({ reason, letThrough }) => `${reason} | ${letThrough ?? ''}`,
      );
    expect([
      ...held({ kind: 'damaged', reason: 'is not a JSON object' }),
      ...held({ kind: 'foreign', reason: 'is a secret that linq-gitops did not write' }),
      ...held({ kind: 'newer', schema: 2 }),
      ...held({ kind: 'other-owner', owner: 'staging', ids: [], marked_url: null }),
    ]).toEqual([
      'its record is damaged: it is not a JSON object; receivers may be using its secret | --allow secret-loss:orders',
      'what stands in the place of its record is a secret that linq-gitops did not write | choose another name for the entry, or move that secret away',
      'its record has schema 2, of a newer version | run the newer version',
      'its record belongs to the owner "staging" | choose another name for the entry',
    ]);
  });

  it('takes a name that the sink does not list for one without record', () => {
    const outcome = plan({ file: { orders: { previously: ['never-was'] } } });
    expect(outline(outcome).does).toEqual(['create orders']);
  });

  it('takes an unused name that the sink was asked for in the same way', () => {
    const outcome = plan({ file: { orders: {} }, records: { orders: { kind: 'absent' } } });
    expect(outline(outcome).does).toEqual(['create orders']);
  });

  it('keeps record and subscription of one entry apart from those of the next', () => {
    const outcome = plan({
      settled: ['a'],
      file: { b: { subscribed_events: ['message.failed'] }, c: {} },
      records: { b: record('b') },
      live: [live('b')],
    });
    expect(outline(outcome)).toEqual({ does: ['create c', 'update b'], holds: [] });
  });
});

describe('a record that does not say what was applied last', () => {
  const events = { subscribed_events: ['message.failed'] };

  it.each([
    {
      reason: 'the process was cut off before it noted what it had applied',
      applied: fields('orders', events),
    },
    { reason: 'a field is not in the file any more', applied: fields('orders', { is_active: true }) },
  ])('is put right where the account is as the file says, and $reason', ({ applied }) => {
    const outcome = plan({ file: { orders: {} }, records: { orders: { applied } }, live: [live('orders')] });
    expect(outcome.operations).toMatchObject([
      { key: 'update orders', reason: 'changed-in-file', changes: [], patch: {}, fields: fields('orders') },
    ]);
  });

  it('is put right as well where the file writes down what is live already', () => {
    const outcome = plan({
      file: { orders: { is_active: true } },
      records: { orders: {} },
      live: [live('orders')],
    });
    expect(outcome.operations).toMatchObject([{ key: 'update orders', patch: {} }]);
  });

  it('is left as it is where it says nothing at all: that is never taken for drift', () => {
    const outcome = plan({
      file: { orders: {} },
      records: { orders: { applied: null } },
      live: [live('orders')],
    });
    expect(outline(outcome)).toEqual({ does: [], holds: [] });
  });

  it('is put right beside drift that is left as it is, or it would be taken for drift itself', () => {
    const outcome = plan({
      file: { orders: {} },
      records: { orders: { applied: fields('orders', { phone_numbers: ['+12025550101'] }) } },
      live: [live('orders', events)],
      policy: { drift: 'report' },
    });
    expect(outcome.operations).toMatchObject([{ key: 'update orders', patch: {}, fields: fields('orders') }]);
    expect(outline(outcome).holds).toEqual(['drift: revert orders']);
  });

  it('is left for the update that writes it anyway', () => {
    const outcome = plan({
      file: { orders: { is_active: true } },
      records: { orders: { applied: fields('orders', events) } },
      live: [live('orders', events)],
    });
    expect(outcome.operations).toMatchObject([
      { key: 'update orders', patch: { subscribed_events: ['message.received'] } },
    ]);
  });

  it('waits for what another process has just applied from another file', () => {
    const applied_from = { content_hash: 'another', revision: null, holder: OTHER, server_time: ago(5_000) };
    const outcome = plan({
      file: { orders: {} },
      records: { orders: { applied: fields('orders', events), applied_from } },
      live: [live('orders')],
    });
    expect(outline(outcome)).toEqual({ does: [], holds: ['stale-file: update orders'] });
  });
});
