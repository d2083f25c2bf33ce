import { describe, expect, it, test } from 'vitest';
import {
  ago,
  fields,
  foreign,
  idOf,
  intent,
  LANDING_TIME,
  live,
  markedUrl,
  NOW,
  outline,
  plan,
  stored,
  urlOf,
  type WorldSpec,
} from '../../support/world.ts';

interface Row extends WorldSpec {
  readonly reason: string;
  readonly does?: readonly string[];
  readonly holds?: readonly string[];
}

/** An unfinished subscription that no record knows, of this age in ms. */
function orphan(name: string, age: number | null, installation?: string) {
  const made = age === null ? {} : { created_at: NOW - age };
  return live(name, { id: `orphan-${name}`, target_url: markedUrl(name, installation), ...made });
}

function replacing(name: string) {
  return { ...stored(name), deactivated: false, ready_at: null, compromised: false, ending: null };
}

const OLD = LANDING_TIME + 1;

/** The rows of the matching table (design, 4.1) for records whose name is not in the file. */
const LEFTOVERS: readonly Row[] = [
  {
    reason: 'a record whose subscription is live is deleted',
    records: { legacy: {} },
    live: [live('legacy')],
    does: ['delete legacy'],
  },
  {
    reason: 'a record whose subscription is gone goes',
    records: { legacy: {} },
    does: ['delete legacy'],
  },
  {
    reason: 'an empty record goes',
    records: { legacy: { current: null } },
    does: ['delete legacy'],
  },
  {
    reason: 'an empty record goes although nothing is pruned',
    records: { legacy: { current: null } },
    policy: { prune: 'never' },
    does: ['delete legacy'],
  },
  {
    reason: 'an unfinished creation is cleaned up first',
    records: { legacy: { current: null, intent: intent('legacy') } },
    does: ['recover legacy', 'delete legacy'],
  },
  {
    reason: 'an unfinished creation is cleaned up although nothing is pruned',
    records: { legacy: { intent: intent('legacy') } },
    live: [live('legacy')],
    policy: { prune: 'never' },
    does: ['recover legacy'],
  },
  {
    reason: 'what another process is creating is left to it',
    records: { legacy: { current: null, intent: intent('legacy', { deadline: ago(-1) }) } },
    holds: ['in-flight: recover legacy'],
  },
  {
    reason: 'what is amid a replacement goes with both',
    records: { legacy: { next: replacing('next') } },
    live: [live('legacy'), live('next')],
    does: ['delete legacy'],
  },
  {
    reason: 'an interrupted rename is finished, and nothing is deleted',
    file: { orders: { target_url: urlOf('legacy') } },
    records: { orders: { current: stored('legacy'), applied: fields('legacy') }, legacy: {} },
    live: [live('legacy')],
    does: ['rename orders from legacy'],
  },
  {
    reason: 'an interrupted rename is finished although nothing is pruned',
    file: { orders: { target_url: urlOf('legacy') } },
    records: { orders: { current: stored('legacy'), applied: fields('legacy') }, legacy: {} },
    live: [live('legacy')],
    policy: { prune: 'never' },
    does: ['rename orders from legacy'],
  },
  {
    reason: 'an interrupted rename is finished after the unfinished work of the old name',
    file: { orders: { target_url: urlOf('legacy') } },
    records: {
      orders: { current: stored('legacy'), applied: fields('legacy') },
      legacy: { intent: intent('legacy') },
    },
    live: [live('legacy')],
    does: ['recover legacy', 'rename orders from legacy'],
  },
  {
    reason: "what only the record that left the file names goes, although the rest of it is another entry's",
    settled: ['orders'],
    records: {
      legacy: { next: replacing('orders') },
    },
    live: [live('legacy')],
    does: ['delete legacy'],
  },
  {
    reason: 'a replacement that an entry of the file claims as well goes along with the interrupted rename',
    file: { orders: { target_url: urlOf('legacy') } },
    records: {
      orders: { current: stored('legacy'), applied: fields('legacy') },
      legacy: { next: replacing('next') },
    },
    live: [live('legacy'), live('next')],
    does: ['rename orders from legacy'],
  },
  {
    reason: 'two records that both left the file and name one subscription both go',
    settled: ['keeps'],
    records: { legacy: {}, older: { current: stored('legacy') } },
    live: [live('legacy')],
    does: ['delete legacy', 'delete older'],
  },
  {
    reason: 'a damaged record is left alone',
    records: { legacy: { kind: 'damaged', reason: 'not JSON' } },
    holds: ['record: legacy'],
  },
  {
    reason: 'a record of a newer schema is left alone',
    records: { legacy: { kind: 'newer', schema: 2 } },
    holds: ['record: legacy'],
  },
  {
    reason: 'a record of another owner is not our matter',
    records: { legacy: { kind: 'other-owner', owner: 'staging', ids: [idOf('legacy')], marked_url: null } },
    live: [live('legacy')],
  },
  {
    reason: 'a removed record is none',
    records: { legacy: { kind: 'absent' } },
  },
];

/** The rows for what is live and in no record. */
const UNRECORDED: readonly Row[] = [
  {
    reason: 'an old one with our mark is collected',
    live: [orphan('a', OLD)],
    does: ['collect orphan-a'],
  },
  {
    reason: 'one with our mark is left while the request that made it may still be at work',
    live: [orphan('a', LANDING_TIME)],
    holds: ['in-flight: collect orphan-a'],
  },
  {
    reason: 'one with our mark whose age the API does not tell is left',
    live: [orphan('a', null)],
    holds: ['in-flight: collect orphan-a'],
  },
  {
    reason: 'one with our mark is left while a damaged record may be the one that knows it',
    records: { z: { kind: 'damaged', reason: 'not JSON' } },
    live: [orphan('a', OLD)],
    holds: ['record: collect orphan-a', 'record: z'],
  },
  {
    reason: 'one with our mark is left while a newer record may be the one that knows it',
    records: { z: { kind: 'newer', schema: 2 } },
    live: [orphan('a', OLD)],
    holds: ['record: collect orphan-a', 'record: z'],
  },
  {
    reason: 'one that an intent names belongs to that intent',
    records: { a: { current: null, intent: intent('a') } },
    live: [orphan('a', OLD)],
    does: ['recover a', 'delete a'],
  },
  {
    reason: 'one that an intent of another owner names belongs to that intent',
    records: { a: { kind: 'other-owner', owner: 'staging', ids: [], marked_url: markedUrl('a') } },
    live: [orphan('a', OLD)],
  },
  {
    reason: 'one that a record of another owner has stored, at its marked URL still, is theirs',
    records: { a: { kind: 'other-owner', owner: 'staging', ids: ['orphan-a'], marked_url: null } },
    live: [orphan('a', OLD)],
    policy: { prune: 'all' },
  },
  {
    reason: 'the mark of another installation is not ours to collect, nor to prune',
    live: [orphan('a', OLD, 'theirs')],
    policy: { prune: 'all' },
  },
  {
    reason: 'without an installation of our own, no mark is ours',
    live: [orphan('a', OLD)],
    policy: { prune: 'all' },
    observation: { installation: null },
  },
  {
    reason: 'a marked one that a record names is an ordinary difference',
    file: { a: {} },
    records: { a: { current: stored('a', { subscription_id: 'orphan-a' }) } },
    live: [orphan('a', OLD)],
    does: ['update a'],
  },
  {
    reason: 'a foreign one is never touched',
    live: [foreign('a')],
  },
  {
    reason: 'a foreign one stays although what is owned is pruned',
    settled: ['b', 'c'],
    records: { legacy: {} },
    live: [live('legacy'), foreign('a')],
    does: ['delete legacy'],
  },
  {
    reason: 'a foreign one goes where everything is pruned',
    live: [foreign('a')],
    policy: { prune: 'all' },
    does: ['delete id:foreign-a'],
  },
  {
    reason: 'a foreign one that fits `ignore` stays where everything is pruned',
    live: [foreign('a')],
    policy: { prune: 'all', ignore: ['https://hooks.example.com/**'] },
  },
  {
    reason: 'Linq’s own stays where everything is pruned',
    live: [foreign('a', { target_url: 'https://webhook.linqapp.com/relay' })],
    policy: { prune: 'all' },
  },
  {
    reason: 'a foreign one at the URL of an entry is a matter of that entry',
    file: { a: {} },
    live: [foreign('a')],
    policy: { prune: 'all' },
    holds: ['unowned: replace a'],
  },
  {
    reason: 'nothing foreign is pruned while a record that may know it cannot be read',
    records: { z: { kind: 'newer', schema: 2 } },
    live: [foreign('a')],
    policy: { prune: 'all' },
    holds: ['record: delete id:foreign-a', 'record: z'],
  },
];

/** Consent to delete everything, so that only the matching decides. */
const EMPTY: WorldSpec = { allow_empty: true, allow: ['suspicious-list'] };

describe('the matching table, for a record whose name is not in the file', () => {
  test.each(LEFTOVERS)('$reason', ({ does = [], holds = [], ...spec }) => {
    expect(outline(plan({ ...EMPTY, ...spec }))).toEqual({ does, holds });
  });

  it('says whose subscription and secret go', () => {
    const { operations } = plan({ ...EMPTY, records: { legacy: {} }, live: [live('legacy')] });
    expect(operations).toEqual([
      {
        kind: 'delete',
        key: 'delete legacy',
        after: [],
        name: 'legacy',
        subscription_id: idOf('legacy'),
        before: live('legacy'),
        replacement_id: null,
        reason: 'left-the-file',
        secret: 'discarded',
      },
    ]);
  });

  it('deletes no replacement that is gone already', () => {
    const gone = replacing('next');
    const { operations } = plan({ ...EMPTY, records: { legacy: { next: gone } }, live: [live('legacy')] });
    expect(operations).toMatchObject([{ subscription_id: idOf('legacy'), replacement_id: null }]);
  });

  it('asks before it discards what was to take over a foreign one, as before any other secret', () => {
    const adoption = {
      current: null,
      retire: { subscription_id: 'foreign-legacy' },
      next: { ...stored('next'), deactivated: true, ready_at: ago(1), compromised: false, ending: null },
    };
    const spec: WorldSpec = { ...EMPTY, live: [foreign('legacy'), live('next')] };
    expect(plan({ ...spec, records: { legacy: adoption } }).operations).toMatchObject([
      { kind: 'delete', subscription_id: null, replacement_id: idOf('next'), secret: 'discarded' },
    ]);
    const records = { legacy: { ...adoption, prevent_destroy: true } };
    expect(outline(plan({ ...spec, records }))).toEqual({ does: [], holds: ['protected: delete legacy'] });
  });

  it('says how to get a damaged record back', () => {
    const { held } = plan({ ...EMPTY, records: { legacy: { kind: 'damaged', reason: 'not JSON' } } });
    expect(held).toMatchObject([
      { reason: 'its record is damaged: not JSON', letThrough: 'restore the record from a backup' },
    ]);
  });

  it('says that there is nothing to delete where the subscription is gone or never was', () => {
    const { operations } = plan({ ...EMPTY, records: { gone: {}, never: { current: null } } });
    expect(operations).toMatchObject([
      { name: 'gone', subscription_id: idOf('gone'), before: null, secret: 'discarded' },
      { name: 'never', subscription_id: null, before: null, secret: 'none' },
    ]);
  });

  it('deletes no subscription that an entry of the file claims as well', () => {
    const { operations } = plan({
      settled: ['orders'],
      records: { legacy: { next: replacing('orders') } },
      live: [live('legacy')],
    });
    expect(operations).toMatchObject([{ before: { id: idOf('legacy') }, replacement_id: null }]);
  });

  it('warns of what stays because nothing is pruned', () => {
    const outcome = plan({
      settled: ['orders'],
      records: { legacy: {} },
      live: [live('legacy')],
      policy: { prune: 'never' },
    });
    expect(outline(outcome)).toEqual({ does: [], holds: [] });
    expect(outcome.warnings).toEqual([
      'legacy is no longer in the file and stays, since policy.prune is never',
    ]);
  });

  it('finishes an interrupted rename before anything else of the entry is written', () => {
    const { operations } = plan({
      file: { orders: { target_url: urlOf('legacy'), subscribed_events: ['message.failed'] } },
      records: {
        orders: { current: stored('legacy'), applied: fields('legacy'), intent: intent('orders') },
        legacy: {},
        older: { current: stored('legacy') },
      },
      live: [live('legacy')],
    });
    expect(operations.map(({ key, after }) => [key, after])).toEqual([
      ['recover orders', ['rename orders from legacy', 'rename orders from older']],
      ['rename orders from legacy', []],
      ['rename orders from older', ['rename orders from legacy']],
      ['update orders', ['recover orders', 'rename orders from legacy', 'rename orders from older']],
    ]);
    expect(operations[1]).toMatchObject({
      name: 'orders',
      from: 'legacy',
      isInterrupted: true,
      secret: 'kept',
    });
  });
});

describe('the matching table, for what is live and in no record', () => {
  test.each(UNRECORDED)('$reason', ({ does = [], holds = [], ...spec }) => {
    expect(outline(plan({ ...EMPTY, ...spec }))).toEqual({ does, holds });
  });

  it('lists what is foreign by URL and id, and says what nobody may touch', () => {
    const { foreign: listed, summary } = plan({
      settled: ['orders'],
      live: [
        foreign('b'),
        foreign('a', { id: 'z', is_active: false }),
        foreign('a', { id: 'y' }),
        foreign('relay', { target_url: 'https://webhook.linqapp.com/relay' }),
        orphan('c', OLD, 'theirs'),
        orphan('d', OLD),
      ],
    });
    expect(listed).toEqual([
      { id: 'y', target_url: urlOf('a'), is_active: true, isExempt: false },
      { id: 'z', target_url: urlOf('a'), is_active: false, isExempt: false },
      { id: 'foreign-b', target_url: urlOf('b'), is_active: true, isExempt: false },
      { id: 'orphan-c', target_url: markedUrl('c', 'theirs'), is_active: true, isExempt: true },
      {
        id: 'foreign-relay',
        target_url: 'https://webhook.linqapp.com/relay',
        is_active: true,
        isExempt: true,
      },
    ]);
    expect(summary).toMatchObject({ live: 7, owned: 1, foreign: 5 });
  });

  it('deletes a foreign one without a word about secrets', () => {
    const { operations } = plan({ ...EMPTY, live: [foreign('a')], policy: { prune: 'all' } });
    expect(operations).toMatchObject([
      { name: null, subscription_id: 'foreign-a', before: foreign('a'), reason: 'foreign', secret: 'none' },
    ]);
  });

  it('says since when an unfinished one may be in work', () => {
    const { held } = plan({ live: [orphan('a', 0), orphan('b', null)] });
    expect(held.map(({ reason, name }) => [name, reason])).toEqual([
      [
        null,
        'an unfinished subscription, made at 2026-11-22T12:00:00.000Z, which somebody may be working on',
      ],
      [null, 'an unfinished subscription, of which the API does not say how old it is'],
    ]);
  });

  it('holds the latest date that a timestamp can be', () => {
    const outcome = plan({ live: [live('a', { target_url: markedUrl('a'), created_at: 8.64e15 })] });
    expect(outline(outcome).holds).toEqual(['in-flight: collect id-a']);
  });
});

describe('a record that a held entry may inherit by a rename', () => {
  const recordOfShop = (shop: Readonly<Record<string, unknown>>) => ({ shop, orders: {} });

  test.each([
    {
      reason: 'is being created elsewhere',
      shop: { current: null, intent: intent('shop', { deadline: ago(-1000) }) },
    },
    { reason: 'has a damaged record', shop: { kind: 'damaged', reason: 'no JSON' } as const },
  ])('waits while the entry $reason', ({ shop }) => {
    const outcome = plan({
      file: { shop: { previously: ['orders'] } },
      records: recordOfShop(shop),
      live: [live('orders')],
    });
    expect(outline(outcome).does).toEqual([]);
    expect(outline(outcome).holds).toContain('depends: delete orders');
  });

  it('waits while an entry that took over its URL is held', () => {
    const outcome = plan({
      file: { shop: { target_url: urlOf('orders') } },
      records: recordOfShop({ kind: 'damaged', reason: 'no JSON' }),
      live: [live('orders')],
    });
    expect(outline(outcome).holds).toContain('depends: delete orders');
  });

  it('waits as well where only what is to take over is live', () => {
    const next = { ...stored('next'), deactivated: true, ready_at: ago(1), compromised: false, ending: null };
    const outcome = plan({
      file: { shop: { previously: ['orders'] } },
      records: { shop: { kind: 'damaged', reason: 'no JSON' }, orders: { next } },
      live: [live('next', { target_url: markedUrl('next') })],
    });
    expect(outline(outcome).holds).toContain('depends: delete orders');
  });

  it('goes when the entry is held, but has a subscription of its own', () => {
    const outcome = plan({
      settled: ['a', 'b', 'c', 'd'],
      file: { shop: { previously: ['orders'] } },
      records: { shop: { applied: fields('shop') }, orders: {} },
      live: [live('shop', { phone_numbers: ['+12025550101'] }), live('orders')],
    });
    expect(outline(outcome)).toEqual({ does: ['delete orders'], holds: ['widen: update shop'] });
  });

  it('goes when there is nothing live to inherit', () => {
    const outcome = plan({
      file: { shop: { previously: ['orders'] } },
      records: recordOfShop({ kind: 'damaged', reason: 'no JSON' }),
      live: [live('other')],
    });
    expect(outline(outcome).does).toEqual(['delete orders']);
  });
});
