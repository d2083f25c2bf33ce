import { describe, expect, it, test } from 'vitest';
import type { Desired } from '../../../src/domain/desired.ts';
import { SinkConflictError } from '../../../src/domain/errors.ts';
import { retireEntry } from '../../../src/reconcile/change.ts';
import type { PassContext } from '../../../src/reconcile/reconcile-once.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { placeRecord, recordIn, recordsIn } from '../../simulation/model-sink.ts';
import { makeRetire } from '../../support/plan-builders.ts';
import {
  fileOf,
  LANDING_TIME,
  makeBench,
  makeDesired,
  overtake,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
} from './bench.ts';

const DAY = 86_400_000;
const RETIRING: Partial<PassContext> = {
  settings: {
    ...SETTINGS,
    policy: { ...SETTINGS.policy, retire: DAY },
    replace: { ...SETTINGS.replace, overlap: 10 * DAY },
  },
};
const EMPTY = makeDesired([], 'empty');

/** An entry of ours, and a foreign subscription beside it. */
function makeOwned(): { bench: Bench; id: string } {
  const bench = makeBench();
  placeInstallation(bench);
  placeLive(bench, 'https://elsewhere.example.net/');
  return { bench, id: placeOwned(bench) };
}

function secretOf(bench: Bench, name = 'orders'): string | undefined {
  return recordIn(bench.sink, name)?.current?.signing_secret?.reveal();
}

/** Passes until nothing is left to do; time goes on with each. */
async function settle(bench: Bench, desired: Desired): Promise<void> {
  for (let passes = 0; passes < 5; passes += 1) {
    const { plan } = await bench.laterPass(desired, RETIRING);
    expect(plan.held).toEqual([]);
    if (plan.operations.length === 0) return;
  }
  throw new Error('the plan is never empty');
}

describe('an entry that leaves the file for a while', () => {
  it('is deactivated, keeps its secret, and is deleted when its time has come', async () => {
    const { bench, id } = makeOwned();
    const secret = secretOf(bench);
    await settle(bench, EMPTY);
    expect(bench.api.live.get(id)?.is_active).toBe(false);
    expect(secretOf(bench)).toBe(secret);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({
      retired: { deactivated: true },
      last_change: { what: 'retired' },
    });
    await bench.clock.sleep(DAY);
    await settle(bench, EMPTY);
    expect(bench.api.live.has(id)).toBe(false);
    expect(recordsIn(bench.sink)).toEqual([]);
  });

  it('comes back with its secret, and nothing of it is remembered in the end', async () => {
    const { bench, id } = makeOwned();
    const secret = secretOf(bench);
    await settle(bench, EMPTY);
    await bench.laterPass(fileOf(), RETIRING);
    expect(bench.api.live.get(id)?.is_active).toBe(true);
    expect(recordIn(bench.sink, 'orders')?.last_change?.what).toBe('revived');
    await settle(bench, fileOf());
    expect(recordIn(bench.sink, 'orders')).toMatchObject({
      current: { subscription_id: id },
      retired: null,
    });
    expect(secretOf(bench)).toBe(secret);
  });

  it('stays inactive where it was so before it left', async () => {
    const { bench, id } = makeOwned();
    const live = bench.api.live.get(id)!;
    bench.api.live.set(id, { ...live, is_active: false });
    await settle(bench, EMPTY);
    await settle(bench, fileOf());
    expect(bench.api.live.get(id)?.is_active).toBe(false);
    expect(recordIn(bench.sink, 'orders')?.retired).toBeNull();
  });

  it('is active again after a deactivation that lands late', async () => {
    const { bench, id } = makeOwned();
    bench.script('put', { lost: 'lost' });
    await bench.laterPass(EMPTY, RETIRING);
    await bench.laterPass(fileOf(), RETIRING);
    expect(bench.api.live.get(id)?.is_active).toBe(true);
    // What was sent again, or late, arrives only now.
    bench.api.live.set(id, { ...bench.api.live.get(id)!, is_active: false });
    await bench.laterPass(fileOf(), RETIRING);
    expect(bench.api.live.get(id)?.is_active).toBe(true);
    await settle(bench, fileOf());
  });

  it.each([0, 1, 2, 3, 4])('is retired whole after a crash at its effect %i', async (effect) => {
    const { bench, id } = makeOwned();
    await bench.laterPass(fileOf(), { ...RETIRING, rotate: new Map([['orders', 'rotate']]) });
    const next = recordIn(bench.sink, 'orders')?.next?.subscription_id ?? '';
    expect(bench.api.live.has(next)).toBe(true);
    let count = -1;
    bench.onEffect = (kind) => {
      if (!['sink-write', 'put', 'delete'].includes(kind)) return {};
      count += 1;
      return count === effect ? { bug: new Error('killed') } : {};
    };
    await bench.laterPass(EMPTY, RETIRING).catch(() => undefined);
    bench.onEffect = () => ({});
    await settle(bench, EMPTY);
    expect(bench.api.live.get(id)?.is_active).toBe(false);
    expect(bench.api.live.has(next)).toBe(false);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({
      current: { subscription_id: id },
      next: null,
      retired: { deactivated: true },
    });
  });

  test('an interrupted rename does not forget it', async () => {
    const { bench, id } = makeOwned();
    // The copy was made before the entry was retired under its old name, and landed late.
    const copy = { ...recordIn(bench.sink, 'orders')!, name: 'sales' };
    await settle(bench, EMPTY);
    placeRecord(bench.sink, copy);
    await settle(bench, fileOf(URL, 'sales'));
    expect(bench.api.live.get(id)?.is_active).toBe(true);
    expect(recordsIn(bench.sink)).toMatchObject([{ name: 'sales', current: { subscription_id: id } }]);
  });

  test('nothing is deactivated when another process wrote the record first', async () => {
    const { bench, id } = makeOwned();
    const context = bench.context();
    overtake(bench, 'orders', { prevent_destroy: true });
    const before = { ...bench.api.live.get(id)! };
    const operation = makeRetire({ name: 'orders', subscription_id: id, before });
    await expect(retireEntry(operation, context)).rejects.toBeInstanceOf(SinkConflictError);
    expect(bench.api.live.get(id)?.is_active).toBe(true);
  });

  test('what was to take over goes, and what is inactive already is not deactivated again', async () => {
    const { bench, id } = makeOwned();
    await bench.laterPass(fileOf(), { ...RETIRING, rotate: new Map([['orders', 'rotate']]) });
    const next = recordIn(bench.sink, 'orders')?.next?.subscription_id ?? '';
    const before = { ...bench.api.live.get(id)!, is_active: false };
    bench.api.live.set(id, before);
    bench.script('put', { bug: new TypeError('nothing to send') });
    const operation = makeRetire({ name: 'orders', subscription_id: id, before, replacement_id: next });
    expect(await retireEntry(operation, bench.context())).toEqual({ status: 'done' });
    expect(bench.api.live.has(next)).toBe(false);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({ next: null, retired: { deactivated: false } });
  });

  test('where nothing was to take over, nothing is deleted, and the record is written once', async () => {
    const { bench, id } = makeOwned();
    bench.script('delete', { bug: new TypeError('nothing to delete') });
    const operation = makeRetire({ name: 'orders', subscription_id: id, before: bench.api.live.get(id)! });
    expect(await retireEntry(operation, bench.context())).toEqual({ status: 'done' });
    expect(bench.api.live.get(id)?.is_active).toBe(false);
    expect(bench.sink.writes).toBe(1);
  });

  test('what has taken over at the end of a replacement is what is retired', async () => {
    const { bench, id } = makeOwned();
    await bench.laterPass(fileOf(), { ...RETIRING, rotate: new Map([['orders', 'rotate']]) });
    const next = recordIn(bench.sink, 'orders')?.next;
    bench.api.live.delete(id);
    await bench.clock.sleep(LANDING_TIME);
    await settle(bench, EMPTY);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({
      current: { subscription_id: next?.subscription_id },
      next: null,
    });
    expect(secretOf(bench)).toBe(next?.signing_secret?.reveal());
  });
});
