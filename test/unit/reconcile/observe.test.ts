import { describe, expect, it } from 'vitest';
import { ObservationError, RequestError, SinkError } from '../../../src/domain/errors.ts';
import { emptyRecord, type Holder } from '../../../src/domain/record.ts';
import type { LiveSubscription } from '../../../src/domain/subscription.ts';
import { observe } from '../../../src/reconcile/observe.ts';
import { placeRecord } from '../../simulation/model-sink.ts';
import {
  intentOf,
  makeBench,
  ME,
  OTHER,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
} from './bench.ts';

const LOST = new RequestError('cannot read: no answer', {
  outcome: 'unknown',
  method: 'GET',
  url: 'https://api.example.com',
});

/** From now on the list lacks `id`, `times` times. */
function hide(bench: Bench, id: string, times: number): void {
  const step = { before: () => bench.api.hidden.add(id), after: () => bench.api.hidden.clear() };
  bench.script('list', ...Array.from({ length: times }, () => step));
}

function idsOf(subscriptions: readonly LiveSubscription[]): readonly string[] {
  return subscriptions.map(({ id }) => id);
}

describe('the list and the records', () => {
  it('reads the list before the records, so that what is made in between is no orphan (I2)', async () => {
    const bench = makeBench();
    const order: string[] = [];
    bench.always('sink-read', { before: () => order.push('record') });
    bench.script('list', { after: () => order.push('list') });
    await observe(['orders'], bench.observer());
    expect(order).toEqual(['list', 'record', 'record', 'record']);
  });

  it('reads the records of the sink and of the file, each once', async () => {
    const bench = makeBench();
    const id = placeOwned(bench, 'orders');
    const { observation, records } = await observe(['orders', 'billing'], bench.observer());
    expect([...observation.records.keys()]).toEqual(['billing', 'orders']);
    expect(observation.records.get('billing')).toMatchObject({ kind: 'absent' });
    expect(observation.records.get('orders')).toMatchObject({ kind: 'intact' });
    expect(records.get('orders')?.version).toBe(bench.sink.slots.get('orders')?.version);
    expect(idsOf(observation.subscriptions)).toEqual([id]);
    expect(observation.warnings).toEqual([]);
  });

  it('changes nothing (I6)', async () => {
    const bench = makeBench();
    placeOwned(bench);
    const writes = bench.api.writes;
    await observe(['orders', 'billing'], bench.observer());
    expect(bench.api.writes).toBe(writes);
    expect(bench.sink.writes).toBe(0);
  });

  it.each(['list', 'sink-read', 'get'] as const)(
    'gives no observation when a %s fails (I8)',
    async (kind) => {
      const bench = makeBench();
      bench.api.live.delete(placeOwned(bench));
      bench.script(kind, { fail: 'lost' });
      await expect(observe([], bench.observer())).rejects.toBeInstanceOf(
        kind === 'sink-read' ? SinkError : RequestError,
      );
    },
  );

  it("takes the server's time, and the local clock where the server does not tell", async () => {
    const bench = makeBench();
    const ahead = bench.observer({ clock: { ...bench.clock, now: () => 1 } });
    expect((await observe([], ahead)).observation.serverTime).toBe(bench.clock.now());
    bench.api.tellsTime = false;
    expect(await observe([], ahead)).toMatchObject({ observation: { serverTime: 1 }, clockOffset: 0 });
  });

  it('measures how far the server is ahead from before it was asked, so that no time is noted too early', async () => {
    const bench = makeBench();
    const late = { before: () => bench.clock.sleep(5_000) };
    bench.script('list', late);
    const asked = bench.clock.now();
    const seen = await observe([], bench.observer());
    expect(seen.clockOffset).toBe(seen.observation.serverTime - asked);
    expect(seen.clockOffset).toBeGreaterThanOrEqual(5_000);
  });
});

describe('an id that a record names and the list lacks', () => {
  it('is gone when GET says so (I8)', async () => {
    const bench = makeBench();
    bench.api.live.delete(placeOwned(bench));
    const foreign = placeLive(bench, 'https://elsewhere.example.net/');
    const { observation } = await observe([], bench.observer());
    expect(idsOf(observation.subscriptions)).toEqual([foreign.id]);
  });

  it('is accepted when a second list shows it', async () => {
    const bench = makeBench();
    const id = placeOwned(bench);
    hide(bench, id, 1);
    const { observation } = await observe([], bench.observer());
    expect(idsOf(observation.subscriptions)).toEqual([id]);
  });

  it('means that the list is wrong when a second list lacks it too (I8)', async () => {
    const bench = makeBench();
    hide(bench, placeOwned(bench), 2);
    await expect(observe([], bench.observer())).rejects.toBeInstanceOf(ObservationError);
  });

  it('means that the list is wrong also where another one of the missing is really gone (I8)', async () => {
    const bench = makeBench();
    bench.api.live.delete(placeOwned(bench, 'gone', 'https://h.example/gone'));
    hide(bench, placeOwned(bench), 2);
    await expect(observe([], bench.observer())).rejects.toBeInstanceOf(ObservationError);
  });

  it('asks for one of the missing only, where the list is wrong', async () => {
    const bench = makeBench();
    const owned = ['a', 'b', 'c', 'd'].map((name) => placeOwned(bench, name, `https://h.example/${name}`));
    const partial = {
      before: () => owned.forEach((id) => bench.api.hidden.add(id)),
      after: () => bench.api.hidden.clear(),
    };
    bench.script('list', partial, partial);
    let asked = 0;
    bench.always('get', { before: () => (asked += 1) });
    await expect(observe([], bench.observer())).rejects.toBeInstanceOf(ObservationError);
    expect(asked).toBe(2);
  });

  it('is asked for itself, also where another one was merely made in between (I8)', async () => {
    const bench = makeBench();
    const first = placeOwned(bench);
    const wrong = placeOwned(bench, 'wrong', 'https://h.example/wrong');
    await bench.clock.sleep(5_000);
    bench.script(
      'list',
      { before: () => bench.api.hidden.add(first), after: () => bench.api.hidden.clear() },
      {
        before: () => bench.api.hidden.add(wrong),
        after: () => {
          bench.api.hidden.clear();
          placeOwned(bench, 'fresh', 'https://h.example/fresh');
        },
      },
    );
    await expect(observe([], bench.observer())).rejects.toBeInstanceOf(ObservationError);
  });

  it('is accepted when it was made after the second list', async () => {
    const bench = makeBench();
    const first = placeOwned(bench);
    const made: string[] = [];
    bench.script(
      'list',
      { before: () => bench.api.hidden.add(first), after: () => bench.api.hidden.clear() },
      { after: () => made.push(placeOwned(bench, 'billing', 'https://hooks.example.com/billing')) },
    );
    const { observation } = await observe([], bench.observer());
    expect(idsOf(observation.subscriptions)).toEqual([first, ...made]);
    expect(made).toHaveLength(1);
  });

  it('is accepted when it was made in the second of the second list, which has whole seconds', async () => {
    const bench = makeBench();
    const first = placeOwned(bench);
    const second = placeOwned(bench, 'billing', 'https://hooks.example.com/billing');
    const live = bench.api.live.get(second)!;
    bench.api.live.set(second, { ...live, created_at: live.created_at! - 1_000 });
    bench.script(
      'list',
      { before: () => bench.api.hidden.add(first), after: () => bench.api.hidden.clear() },
      { before: () => bench.api.hidden.add(second), after: () => bench.api.hidden.clear() },
    );
    const { observation } = await observe([], bench.observer());
    expect(idsOf(observation.subscriptions)).toEqual([first, second]);
  });

  it.each([
    { reason: 'older than the list', date: -2_000, tellsTime: true },
    { reason: 'of an age that the API does not tell', date: undefined, tellsTime: true },
    { reason: 'and the server tells no time', date: 0, tellsTime: false },
  ])('means that the list is wrong when only the second lacks it, $reason', async ({ date, tellsTime }) => {
    const bench = makeBench();
    bench.api.tellsTime = tellsTime;
    const first = placeOwned(bench);
    const second = placeOwned(bench, 'billing', 'https://hooks.example.com/billing');
    const { created_at, ...undated } = bench.api.live.get(second)!;
    bench.api.live.set(second, date === undefined ? undated : { ...undated, created_at: created_at! + date });
    bench.script(
      'list',
      { before: () => bench.api.hidden.add(first), after: () => bench.api.hidden.clear() },
      { before: () => bench.api.hidden.add(second), after: () => bench.api.hidden.clear() },
    );
    await expect(observe([], bench.observer())).rejects.toBeInstanceOf(ObservationError);
  });
});

describe('what a record tells', () => {
  it.each([
    { reason: 'this process itself', holder: ME, isGone: false, expected: true },
    { reason: 'a process that is gone', holder: OTHER, isGone: true, expected: true },
    { reason: 'a process that may be at work', holder: OTHER, isGone: false, expected: false },
  ])('whether the intent and the application are those of $reason', async ({ holder, isGone, expected }) => {
    const bench = makeBench();
    placeRecord(bench.sink, {
      ...emptyRecord('orders', 'default'),
      intent: intentOf(URL, bench, holder),
      applied_from: { content_hash: 'file', revision: null, holder, server_time: '' },
    });
    const { observation } = await observe([], bench.observer({ isGone: () => Promise.resolve(isGone) }));
    expect(observation.records.get('orders')).toMatchObject({
      isIntentAbandoned: expected,
      isApplierGone: expected,
    });
  });

  it('asks once for each holder', async () => {
    const bench = makeBench();
    for (const name of ['billing', 'orders']) {
      placeRecord(bench.sink, { ...emptyRecord(name, 'default'), intent: intentOf(URL, bench) });
    }
    const asked: Holder[] = [];
    const isGone = (holder: Holder): Promise<boolean> => Promise.resolve(asked.push(holder) < 0);
    await observe([], bench.observer({ isGone }));
    expect(asked).toEqual([OTHER]);
  });

  it('keeps ids and mark of another owner, and looks for none of them', async () => {
    const bench = makeBench();
    const id = placeOwned(bench);
    placeRecord(bench.sink, {
      ...bench.sink.slots.get('orders')!.record!,
      owner: 'staging',
      intent: intentOf(URL, bench),
    });
    bench.api.live.delete(id);
    bench.script('get', { bug: new TypeError('not ours to look for') });
    const { observation } = await observe([], bench.observer());
    expect(observation.records.get('orders')).toEqual({
      kind: 'other-owner',
      owner: 'staging',
      ids: [id],
      marked_url: URL,
    });
  });

  it('passes on what cannot be read, without a record', async () => {
    const bench = makeBench();
    const damage = { kind: 'damaged', version: 'v', reason: 'no JSON' } as const;
    bench.sink.slots.set('orders', { version: 'v', record: null, damage });
    const { observation, records } = await observe([], bench.observer());
    expect(observation.records.get('orders')).toEqual(damage);
    expect(records.get('orders')).toEqual({ version: 'v', record: null });
  });

  it('knows another owner without anything unfinished', async () => {
    const bench = makeBench();
    placeRecord(bench.sink, emptyRecord('orders', 'staging'));
    const { observation } = await observe([], bench.observer());
    const expected = { kind: 'other-owner', owner: 'staging', ids: [], marked_url: null };
    expect(observation.records.get('orders')).toEqual(expected);
  });

  it.each([
    { kind: 'newer', version: 'v', schema: 2 },
    { kind: 'damaged', version: 'v', reason: 'no JSON' },
  ] as const)('refuses an installation that is $kind, without which marks mean nothing', async (damage) => {
    const bench = makeBench();
    placeInstallation(bench);
    bench.sink.installation = { version: 'v', record: null, damage };
    await expect(observe([], bench.observer())).rejects.toBeInstanceOf(ObservationError);
  });

  it('gives the installation with its version', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    const { observation, installationVersion } = await observe([], bench.observer());
    expect(observation.installation?.id).toBe('inst');
    expect(installationVersion).toBe(bench.sink.installation?.version);
  });
});

describe('the catalogue and the lines', () => {
  it('are a warning where they fail, and nothing else', async () => {
    const bench = makeBench();
    const id = placeOwned(bench);
    const fails = (): Promise<never> => Promise.reject(LOST);
    const reader = { ...bench.linq, listEvents: fails, listPhoneLines: fails };
    const { observation } = await observe([], bench.observer({ reader }));
    expect(observation).toMatchObject({ events: null, lines: null });
    expect(observation.warnings).toEqual([
      'cannot read: no answer; event names are not checked',
      'cannot read: no answer; the account is not checked by its lines',
    ]);
    expect(idsOf(observation.subscriptions)).toEqual([id]);
  });

  it('throw what is no failure of a request', async () => {
    const bench = makeBench();
    const reader = { ...bench.linq, listEvents: () => Promise.reject(new TypeError('a bug')) };
    await expect(observe([], bench.observer({ reader }))).rejects.toThrow(TypeError);
  });
});
