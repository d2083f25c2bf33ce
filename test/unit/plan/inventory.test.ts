import { describe, expect, it } from 'vitest';
import { claimantsOf, takeInventory, type Inventory } from '../../../src/plan/inventory.ts';
import {
  fields,
  foreign,
  idOf,
  live,
  markedUrl,
  stored,
  urlOf,
  world,
  type WorldSpec,
} from '../../support/world.ts';

function inventoryOf(spec: WorldSpec): Inventory {
  const { desired, observation, policy } = world(spec);
  return takeInventory(desired, observation, policy.ignore);
}

describe('the inventory', () => {
  it('tells what is ours at a URL from what is not', () => {
    const inventory = inventoryOf({ settled: ['a'], live: [foreign('a')] });
    expect(inventory.ownedAt('HTTPS://HOOKS.example.com/a?version=2026-02-03')).toEqual([live('a')]);
    expect(inventory.unownedAt(urlOf('a'))).toEqual([foreign('a')]);
    expect(inventory.ownedAt(urlOf('b'))).toEqual([]);
    expect(inventory.unownedAt(urlOf('b'))).toEqual([]);
  });

  it('counts a replacement as ours', () => {
    const next = {
      ...stored('a', { subscription_id: 'id-next' }),
      deactivated: false,
      ready_at: null,
      compromised: false,
      ending: null,
    };
    expect(claimantsOf('id-next', inventoryOf({ records: { a: { next } } }))).toEqual(['a']);
  });

  it('knows every record that claims a subscription, by name', () => {
    const inventory = inventoryOf({ records: { b: { current: stored('a') }, a: {} } });
    expect(claimantsOf(idOf('a'), inventory)).toEqual(['a', 'b']);
    const sorted = inventoryOf({ records: { a: {}, b: { current: stored('a') } } });
    expect(claimantsOf(idOf('a'), sorted)).toEqual(['a', 'b']);
    expect(claimantsOf(idOf('b'), inventory)).toEqual([]);
  });

  it('makes nothing ours that only a record of another owner names', () => {
    const inventory = inventoryOf({
      records: { a: { kind: 'other-owner', owner: 'staging', ids: [idOf('a')], marked_url: null } },
      live: [live('a'), foreign('b')],
    });
    expect(inventory.ours.size).toBe(0);
    expect(claimantsOf(idOf('a'), inventory)).toEqual([]);
    expect([live('a'), foreign('b')].map(inventory.isOthers)).toEqual([true, false]);
    expect([live('a'), foreign('b')].map(inventory.isExempt)).toEqual([true, false]);
  });

  it('exempts marks, ignored URLs and Linq’s own host', () => {
    const inventory = inventoryOf({ policy: { ignore: ['https://legacy.example.com/*'] } });
    const isExempt = (target_url: string) => inventory.isExempt(foreign('x', { target_url }));
    expect(isExempt(markedUrl('x', 'theirs'))).toBe(true);
    expect(isExempt('https://legacy.example.com/hook')).toBe(true);
    expect(isExempt('https://legacy.example.com/hook/deep')).toBe(false);
    expect(isExempt('https://webhook.linqapp.com/relay')).toBe(true);
    expect(isExempt(urlOf('x'))).toBe(false);
  });

  it('lists who left the file by the URL that was declared, except what an entry claims by name', () => {
    const inventory = inventoryOf({
      file: { now: { previously: ['claimed'] }, stays: {} },
      records: {
        left: { applied: fields('declared') },
        unapplied: { applied: null },
        claimed: { applied: fields('declared') },
        empty: { current: null },
        stays: {},
      },
    });
    const leavers = (name: string) => inventory.leaversAt(urlOf(name)).map(({ record }) => record.name);
    expect(leavers('declared')).toEqual(['left']);
    expect(leavers('unapplied')).toEqual(['unapplied']);
    expect(leavers('stays')).toEqual([]);
  });

  it('finds what carries a mark', () => {
    const half = foreign('x', { target_url: markedUrl('x') });
    const inventory = inventoryOf({ live: [half, foreign('y')] });
    expect(inventory.markedAs(markedUrl('x'))).toEqual(half);
    expect(inventory.markedAs(markedUrl('y'))).toBeUndefined();
    expect(inventory.markedAs(urlOf('y'))).toBeUndefined();
  });

  it('keeps events and lines as sets, in the file and in the account', () => {
    const lists = { subscribed_events: ['b', 'a', 'b'], phone_numbers: ['+2', '+1', '+2'] };
    const inventory = inventoryOf({
      file: { a: { ...lists, previously: ['z', 'y'] } },
      live: [live('a', lists)],
    });
    const sets = { subscribed_events: ['a', 'b'], phone_numbers: ['+1', '+2'] };
    expect(inventory.entries.get('a')).toMatchObject({ fields: sets, previously: ['y', 'z'] });
    expect(inventory.live.get(idOf('a'))).toMatchObject(sets);
  });
});
