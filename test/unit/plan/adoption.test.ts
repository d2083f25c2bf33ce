import { describe, expect, it } from 'vitest';
import { refuseAdoption } from '../../../src/plan/adoption.ts';
import { takeInventory } from '../../../src/plan/inventory.ts';
import { planChanges } from '../../../src/plan/plan-changes.ts';
import {
  foreign,
  idOf,
  live,
  markedUrl,
  outline,
  plan,
  stored,
  urlOf,
  world,
  type WorldSpec,
} from '../../support/world.ts';

const ELSEWHERE = foreign('orders', { id: 'elsewhere', target_url: urlOf('else') });

/** What a command is told that adopts `name` by replacing. */
function refusal(spec: WorldSpec, name = 'orders', id: string | null = null) {
  const input = world({ ...spec, adopt: { [name]: id } });
  const inventory = takeInventory(input.desired, input.observation, input.policy.ignore);
  return refuseAdoption(name, id, inventory, planChanges(input));
}

/** An entry that has no record, and what is live. */
function unrecorded(...account: NonNullable<WorldSpec['live']>): WorldSpec {
  return { file: { orders: {} }, live: account };
}

describe('an adoption by replacement', () => {
  it('begins to replace what is not ours at the URL, without any other consent', () => {
    const spec = unrecorded(foreign('orders'));
    const outcome = plan({ ...spec, adopt: { orders: null } });
    expect(outcome).toMatchObject({
      held: [],
      operations: [{ kind: 'replace', step: 'begin', reason: 'unowned', subscription_id: 'foreign-orders' }],
    });
    expect(refusal(spec)).toBeUndefined();
    expect(outline(plan({ ...spec, adopt: { other: null } })).holds).toEqual(['unowned: replace orders']);
  });

  it('takes the one with the id, also at another URL, and never one that it is not told of', () => {
    const spec = unrecorded(ELSEWHERE);
    expect(plan({ ...spec, adopt: { orders: 'elsewhere' } }).operations).toMatchObject([
      { kind: 'replace', subscription_id: 'elsewhere', fields: { target_url: urlOf('orders') } },
    ]);
    expect(refusal(spec, 'orders', 'elsewhere')).toBeUndefined();
    const both = unrecorded(ELSEWHERE, foreign('orders'));
    for (const overlap of [0, 600_000]) {
      const outcome = plan({ ...both, adopt: { orders: 'elsewhere' }, replace: { overlap } });
      expect(outline(outcome), 'its URL belongs to a third one').toEqual({
        does: [],
        holds: ['url-taken: replace orders'],
      });
    }
  });

  it('chooses among several at one URL by the id only, and waits until the others are gone', () => {
    const spec = unrecorded(...['one', 'two'].map((id) => foreign('orders', { id })));
    expect(outline(plan({ ...spec, adopt: { orders: null } })).holds).toEqual(['ambiguous: orders']);
    expect(outline(plan({ ...spec, adopt: { orders: 'two' } })).holds).toEqual(['url-taken: replace orders']);
    expect(refusal(spec)).toMatchObject({
      reason: 'several subscriptions have its URL: one, two',
      hint: expect.stringContaining('--id ID') as string,
    });
    expect(refusal(spec, 'orders', 'two')).toBeUndefined();
  });

  it('is held where the file drops a filter that what is replaced has', () => {
    const spec = unrecorded(foreign('orders', { phone_numbers: ['+12025550101'] }));
    const asked = { ...spec, adopt: { orders: null } };
    expect(outline(plan(asked)).holds).toEqual(['widen: replace orders']);
    expect(outline(plan({ ...asked, allow: ['widen:orders'] })).does).toEqual(['replace orders']);
    expect(outline(plan({ ...spec, policy: { unowned: 'replace' } })).holds).toEqual([
      'widen: replace orders',
    ]);
  });

  it('is held where the key belongs to another account', () => {
    const observation = {
      installation: { ...world().observation.installation!, line_ids: ['l1'] },
      lines: [{ id: 'l2', phone_number: '+12025550199' }],
    };
    const outcome = plan({ ...unrecorded(foreign('orders')), adopt: { orders: null }, observation });
    expect(outcome.operations).toEqual([]);
    expect(outcome.held.map(({ guard }) => guard)).toEqual(['account', 'account']);
  });

  it.each([
    ['ignored', foreign('orders'), { policy: { ignore: ['https://hooks.example.com/**'] } }],
    [
      'of another owner',
      foreign('orders'),
      {
        records: {
          theirs: {
            kind: 'other-owner',
            owner: 'staging',
            ids: ['foreign-orders'],
            marked_url: null,
          },
        },
      },
    ],
    [
      'marked by another installation',
      foreign('orders', { target_url: markedUrl('orders', 'theirs') }),
      { file: { orders: { target_url: markedUrl('orders', 'theirs') } } },
    ],
  ] as const)('never touches what is %s', (_, one, more: WorldSpec) => {
    for (const id of [null, one.id]) {
      const spec: WorldSpec = { ...unrecorded(one), ...more };
      expect(outline(plan({ ...spec, adopt: { orders: id } })).does).toEqual([]);
      expect(refusal(spec, 'orders', id)?.reason).toBe(
        'foreign-orders belongs to somebody else, or is ignored',
      );
    }
  });

  it('consents at the end as well to another one that has taken the URL', () => {
    const next = {
      ...stored('orders', { subscription_id: 'next', target_url: markedUrl('next') }),
      ...{ deactivated: true, ready_at: '2026-11-22T11:00:00Z', compromised: false, ending: null },
    };
    const spec: WorldSpec = {
      file: { orders: {} },
      records: { orders: { current: null, applied: null, retire: { subscription_id: 'gone' }, next } },
      live: [
        live('next', { id: 'next', target_url: markedUrl('next'), is_active: false }),
        foreign('orders', { id: 'usurper' }),
      ],
    };
    expect(outline(plan(spec)).holds).toEqual(['unowned: replace orders']);
    expect(refusal(spec)).toBeUndefined();
    expect(outline(plan({ ...spec, adopt: { orders: null } })).does).toEqual(['replace orders']);
    expect(outline(plan({ ...spec, adopt: { orders: 'usurper' } })).does).toEqual(['replace orders']);
    expect(outline(plan({ ...spec, adopt: { orders: 'gone' } })).holds).toEqual(['unowned: replace orders']);
  });
});

describe('an adoption is refused', () => {
  it('for what is no entry, with the name that may be meant', () => {
    const spec = { file: { orders: {} } };
    expect(refusal(spec, 'order')).toEqual({
      reason: 'it is not an entry of the file',
      hint: 'did you mean orders?',
    });
    expect(refusal(spec, 'nothing-like-it')).toEqual({ reason: 'it is not an entry of the file' });
  });

  it('for an entry that has a live subscription of its own, whose secret can be rotated', () => {
    expect(refusal({ settled: ['orders'] })).toEqual({
      reason: 'it has a subscription of its own, id-orders',
      hint: 'a new secret for it: linq-gitops rotate orders',
    });
    const gone: WorldSpec = { file: { orders: {} }, records: { orders: {} }, live: [foreign('orders')] };
    expect(refusal(gone), 'its own was deleted outside').toBeUndefined();
  });

  it('where nothing is live that could be taken over', () => {
    const nothing = 'nothing that is not managed is live at its URL';
    expect(refusal(unrecorded())?.reason).toBe(nothing);
    const gone: WorldSpec = { file: { orders: {} }, records: { orders: {} } };
    expect(refusal(gone)?.reason).toBe(nothing);
    expect(refusal({ ...gone, live: [ELSEWHERE] }, 'orders', 'elsewhere')).toBeUndefined();
    expect(refusal(unrecorded(), 'orders', 'missing')?.reason).toBe('no subscription missing is live');
  });

  it('for what is managed, or being replaced, under another name', () => {
    const managed: WorldSpec = { file: { orders: {} }, settled: ['shop'] };
    expect(refusal(managed, 'orders', idOf('shop'))?.reason).toBe('id-shop is managed already, as shop');
    const retiring = { current: null, applied: null, retire: { subscription_id: 'elsewhere' } };
    const taken: WorldSpec = {
      file: { orders: {}, shop: {} },
      records: { shop: retiring },
      live: [ELSEWHERE],
    };
    expect(refusal(taken, 'orders', 'elsewhere')?.reason).toBe(
      'elsewhere is being replaced already, for shop',
    );
  });

  it('where another one is being replaced for it already; the same one goes on', () => {
    const retiring = { current: null, applied: null, retire: { subscription_id: 'foreign-orders' } };
    const spec: WorldSpec = {
      ...unrecorded(foreign('orders'), ELSEWHERE),
      records: { orders: retiring },
    };
    expect(refusal(spec)).toBeUndefined();
    expect(refusal(spec, 'orders', 'foreign-orders')).toBeUndefined();
    expect(refusal(spec, 'orders', 'elsewhere')).toEqual({
      reason: 'it is replacing foreign-orders already',
      hint: 'give that up first: linq-gitops rotate orders --abort',
    });
    const half = { ...stored('next'), deactivated: true, ready_at: null, compromised: false, ending: null };
    const alone = { ...spec, live: [live('next', { target_url: markedUrl('next') })] };
    const goingOn = [retiring, { ...retiring, next: half }, { current: null, applied: null, next: half }];
    for (const record of goingOn) {
      expect(
        refusal({ ...alone, records: { orders: record } }),
        'what it takes over is gone',
      ).toBeUndefined();
    }
    const vacant = { current: null, applied: null };
    expect(refusal({ ...spec, records: { orders: vacant } })).toBeUndefined();
  });

  it('for an entry that takes over the record of a former name', () => {
    const spec: WorldSpec = {
      file: { shop: { target_url: urlOf('orders') } },
      records: { orders: {} },
      live: [live('orders')],
    };
    expect(refusal(spec, 'shop')?.reason).toBe('it takes over the record of orders');
  });

  it('for no rename of another entry, nor for any other work', () => {
    const spec: WorldSpec = {
      settled: ['other'],
      file: { now: { previously: ['then'] }, crm: {}, odd: { subscribed_events: ['message.failed'] } },
      records: { then: {}, odd: {} },
      live: [live('then'), foreign('crm'), live('odd')],
    };
    expect(outline(plan(spec)).does).toContain('rename now');
    expect(refusal(spec, 'crm')).toBeUndefined();
    expect(refusal(spec, 'crm', 'foreign-crm')).toBeUndefined();
  });
});
