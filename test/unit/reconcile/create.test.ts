import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { RequestError } from '../../../src/domain/errors.ts';
import { createEntry, deleteMarked } from '../../../src/reconcile/create.ts';
import { liveAt } from '../../simulation/model-api.ts';
import { recordIn } from '../../simulation/model-sink.ts';
import { QUIET } from '../../support/quiet-progress.ts';
import {
  createOperation,
  fieldsAt,
  fileOf,
  intentOf,
  LANDING_TIME,
  makeBench,
  ME,
  OTHER,
  overtake,
  placeLive,
  placeOwned,
  URL,
  type Bench,
} from './bench.ts';

const FIRST_MARK = `${URL}&linq_gitops=inst.u1`;
const SECOND_MARK = `${URL}&linq_gitops=inst.u2`;

/** The state that a finished create leaves: one live subscription at the declared URL, and its very secret stored. */
function expectCreated({ api, sink }: Bench, id: string): void {
  expect([...api.live.keys()]).toEqual([id]);
  expect(api.live.get(id)?.target_url).toBe(URL);
  const record = recordIn(sink, 'orders');
  expect(record?.intent).toBeNull();
  expect(record?.current?.subscription_id).toBe(id);
  expect(record?.current?.signing_secret?.reveal()).toBe(api.issued.get(id)?.secret);
}

/** The state that a create without effect leaves. */
function expectNothing({ api, sink }: Bench): void {
  expect(api.live.size).toBe(0);
  expect(recordIn(sink, 'orders')).toBeNull();
}

describe('from absent to active', () => {
  it('stores the secret of the subscription that it brings to the declared URL', async () => {
    const bench = makeBench();
    expect(await createEntry(createOperation(), bench.context())).toEqual({ status: 'done' });
    expectCreated(bench, 'sub-1');
    expect(bench.api.live.get('sub-1')?.is_active).toBe(true);
    expect(recordIn(bench.sink, 'orders')?.applied).toEqual(fieldsAt(URL));
  });

  it('has the intent in the sink before the POST is sent', async () => {
    const bench = makeBench();
    const seen: unknown[] = [];
    bench.script('post', { before: () => seen.push(recordIn(bench.sink, 'orders')?.intent) });
    const deadline = new Date(bench.clock.now() + LANDING_TIME).toISOString();
    await createEntry(createOperation(), bench.context());
    expect(seen).toEqual([{ marked_url: FIRST_MARK, deadline, holder: ME }]);
  });

  it('has the secret in the sink before the URL is the declared one', async () => {
    const bench = makeBench();
    const seen: unknown[] = [];
    bench.script('put', {
      before: () => seen.push(recordIn(bench.sink, 'orders')?.current?.signing_secret?.reveal()),
    });
    await createEntry(createOperation(), bench.context());
    expect(seen).toEqual([bench.api.issued.get('sub-1')?.secret]);
  });

  it('deactivates a new subscription that the file declares inactive', async () => {
    const bench = makeBench();
    expect(await createEntry(createOperation({ is_active: false }), bench.context())).toEqual({
      status: 'done',
    });
    expectCreated(bench, 'sub-1');
    expect(bench.api.live.get('sub-1')?.is_active).toBe(false);
  });

  it('keeps the secret of a subscription that was deleted outside as the previous one', async () => {
    const bench = makeBench();
    const gone = placeOwned(bench);
    bench.api.live.delete(gone);
    await createEntry(createOperation(), bench.context());
    expectCreated(bench, 'sub-2');
    const { previous } = recordIn(bench.sink, 'orders') ?? {};
    expect(previous?.subscription_id).toBe(gone);
    expect(previous?.signing_secret?.reveal()).toBe(bench.api.issued.get(gone)?.secret);
  });

  it('notes when the API says that it was created, since its secret ages from then', async () => {
    const bench = makeBench();
    const { linq } = bench;
    const created_at = bench.clock.now() - 30_000;
    const context = bench.context({
      writer: {
        ...linq,
        createSubscription: async (fields) => {
          const created = await linq.createSubscription(fields);
          return { ...created, subscription: { ...created.subscription, created_at } };
        },
      },
    });
    await createEntry(createOperation(), context);
    expect(recordIn(bench.sink, 'orders')?.current?.created_at).toBe(new Date(created_at).toISOString());
  });

  it('takes its own time for a creation that the API does not date', async () => {
    const bench = makeBench();
    const { linq } = bench;
    const context = bench.context({
      writer: {
        ...linq,
        createSubscription: async (fields) => {
          const created = await linq.createSubscription(fields);
          const { created_at, ...subscription } = created.subscription;
          return { ...created, subscription };
        },
      },
    });
    await createEntry(createOperation(), context);
    expectCreated(bench, 'sub-1');
    expect(recordIn(bench.sink, 'orders')?.current?.created_at).toBe(
      new Date(bench.clock.now()).toISOString(),
    );
  });
});

describe('before the POST', () => {
  it('begins nothing after the signal to stop', async () => {
    const bench = makeBench();
    bench.stop.abort();
    const result = await createEntry(createOperation(), bench.context());
    expect(result).toEqual({ status: 'skipped', reason: 'interrupted' });
    expectNothing(bench);
    expect(bench.sink.writes).toBe(0);
  });

  it('sends no POST when the intent cannot be stored', async () => {
    const bench = makeBench();
    bench.script('sink-write', { fail: 'lost' });
    await expect(createEntry(createOperation(), bench.context())).rejects.toMatchObject({
      name: 'SinkError',
    });
    expectNothing(bench);
    expect(bench.api.issued.size).toBe(0);
  });

  it('sends no POST when another process has claimed the name', async () => {
    const bench = makeBench();
    const context = bench.context();
    overtake(bench, 'orders', { intent: intentOf('https://hooks.example.com/?linq_gitops=inst.x', bench) });
    await expect(createEntry(createOperation(), context)).rejects.toMatchObject({
      name: 'SinkConflictError',
    });
    expect(bench.api.issued.size).toBe(0);
    expect(recordIn(bench.sink, 'orders')?.intent?.holder).toEqual(OTHER);
  });
});

describe('a POST that fails', () => {
  it('clears the intent when the API refuses', async () => {
    const bench = makeBench();
    bench.script('post', { fail: 'refused' });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'failed' });
    expectNothing(bench);
    expect(bench.sleeps).toEqual([]);
  });

  it('keeps the record of the subscription before when the API refuses', async () => {
    const bench = makeBench();
    const gone = placeOwned(bench);
    bench.api.live.delete(gone);
    bench.script('post', { fail: 'refused' });
    await createEntry(createOperation(), bench.context());
    expect(recordIn(bench.sink, 'orders')).toMatchObject({
      intent: null,
      current: { subscription_id: gone },
    });
  });

  it('waits as long as the API asks after a 429, and tries again with a new mark', async () => {
    const bench = makeBench();
    bench.script('post', { fail: 'busy' }, { before: () => seen.push(intentUrl(bench)) });
    const seen: unknown[] = [];
    expect(await createEntry(createOperation(), bench.context())).toEqual({ status: 'done' });
    expectCreated(bench, 'sub-1');
    expect(bench.sleeps).toEqual([2_000]);
    expect(seen).toEqual([SECOND_MARK]);
  });

  it.each([
    { busy: 9, ends: { status: 'done' } },
    { busy: 10, ends: { status: 'failed' } },
  ])('bears nine 429s, since nothing was made, and not ten: $busy', async ({ busy, ends }) => {
    const bench = makeBench();
    bench.script('post', ...Array.from({ length: busy }, () => ({ fail: 'busy' }) as const));
    expect(await createEntry(createOperation(), bench.context())).toMatchObject(ends);
    expect(bench.sleeps).toEqual(Array.from({ length: 9 }, () => 2_000));
    expect(bench.api.issued.size).toBe(ends.status === 'done' ? 1 : 0);
  });

  it('counts 429s as attempts of other failures', async () => {
    const bench = makeBench();
    bench.script('post', { fail: 'busy' }, { fail: 'busy' }, { lost: 'lost' });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'unknown' });
    expect(bench.api.issued.size).toBe(1);
    expectNothing(bench);
  });

  it.each(['lost', 'broken'] as const)(
    'deletes what it left when the answer is %s, and tries again',
    async (lost) => {
      const bench = makeBench();
      bench.script('post', { lost });
      expect(await createEntry(createOperation(), bench.context())).toEqual({ status: 'done' });
      expectCreated(bench, 'sub-2');
      expect(bench.api.issued.size).toBe(2);
    },
  );

  it('deletes even what a refusal left', async () => {
    const bench = makeBench();
    bench.script('post', { lost: 'refused' });
    expect(await createEntry(createOperation(), bench.context())).toEqual({ status: 'done' });
    expectCreated(bench, 'sub-2');
  });

  it('claims the intent before it deletes what was left', async () => {
    const bench = makeBench();
    const context = bench.context();
    bench.script('post', { lost: 'lost' });
    // Another process takes the record over while this one looks for the marked URL.
    bench.script('list', { after: () => overtake(bench, 'orders', { intent: intentOf(FIRST_MARK, bench) }) });
    await expect(createEntry(createOperation(), context)).rejects.toMatchObject({
      name: 'SinkConflictError',
    });
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
    expect(recordIn(bench.sink, 'orders')?.intent?.holder).toEqual(OTHER);
  });

  it('looks for nothing when the request was not sent', async () => {
    const bench = makeBench();
    bench.script('post', { fail: 'not-sent' });
    bench.always('list', { fail: 'lost' });
    expect(await createEntry(createOperation(), bench.context())).toEqual({ status: 'done' });
    expectCreated(bench, 'sub-1');
  });

  it('gives up after three attempts, without a trace', async () => {
    const bench = makeBench();
    bench.always('post', { lost: 'lost' });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'unknown' });
    expectNothing(bench);
    expect(bench.api.issued.size).toBe(3);
    expect(bench.sleeps).toEqual([500, 1_000]);
  });

  it.each([
    { ms: 60_000, does: 'waits', sleeps: [60_000, 60_000] },
    { ms: 60_001, does: 'gives up at once', sleeps: [] },
  ])('$does when the API asks for $ms ms, where a pass may wait a minute', async ({ ms, sleeps }) => {
    const bench = makeBench();
    const { linq } = bench;
    const refusal = {
      outcome: 'refused',
      method: 'POST',
      url: 'https://api.example.com',
      status: 429,
    } as const;
    const context = bench.context({
      writer: {
        ...linq,
        createSubscription: () =>
          Promise.reject(new RequestError('cannot create: busy', { ...refusal, retryAfterMs: ms })),
      },
    });
    expect(await createEntry(createOperation(), context)).toMatchObject({ status: 'failed' });
    expectNothing(bench);
    expect(bench.sleeps).toEqual(sleeps);
  });

  it('leaves the intent to the next pass when it cannot look', async () => {
    const bench = makeBench();
    bench.script('post', { lost: 'lost' });
    bench.script('list', { fail: 'lost' });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'unknown' });
    expect(intentUrl(bench)).toBe(FIRST_MARK);
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
  });

  it('tries no more after the signal to stop', async () => {
    const bench = makeBench();
    bench.script('post', { fail: 'busy' });
    bench.onSleep = () => bench.stop.abort();
    const result = await createEntry(createOperation(), bench.context());
    expect(result).toEqual({ status: 'skipped', reason: 'interrupted' });
    expectNothing(bench);
  });

  it('throws what is not a failure of the request', async () => {
    const bench = makeBench();
    bench.script('post', { bug: new TypeError('a bug') });
    await expect(createEntry(createOperation(), bench.context())).rejects.toThrow(TypeError);
    expect(intentUrl(bench)).toBe(FIRST_MARK);
  });
});

describe('a secret that is not stored at once', () => {
  it('is stored as soon as the sink takes it', async () => {
    const bench = makeBench();
    bench.script('sink-write', {}, { fail: 'lost' }, { fail: 'lost' });
    expect(await createEntry(createOperation(), bench.context())).toEqual({ status: 'done' });
    expectCreated(bench, 'sub-1');
    expect(bench.sleeps).toEqual([1_000, 2_000]);
  });

  it('is kept in memory for as long as the sink is sealed, told of, and stored afterwards (I2)', async () => {
    const bench = makeBench();
    const sealed = bench.clock.now() + 5 * 60_000;
    const told: string[] = [];
    const context = bench.context({
      storeTimeout: Number.POSITIVE_INFINITY,
      progress: {
        ...QUIET,
        unstored: (name, refusal) => told.push(`${name} ${refusal === null ? 'received' : 'refused'}`),
        settled: (name) => told.push(`${name} settled`),
      },
    });
    bench.script('sink-write', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    bench.onSleep = () => {
      if (bench.clock.now() >= sealed) bench.always('sink-write', null);
    };
    expect(await createEntry(createOperation(), context)).toEqual({ status: 'done' });
    expectCreated(bench, 'sub-1');
    expect(bench.clock.now()).toBeGreaterThanOrEqual(sealed);
    expect(bench.clock.now()).toBeLessThanOrEqual(sealed + 10_000);
    expect(told.slice(0, 2)).toEqual(['orders received', 'orders refused']);
    expect(told.at(-1)).toBe('orders settled');
  });

  it('counts as stored when the write that failed has landed', async () => {
    const bench = makeBench();
    bench.script('sink-write', {}, { lost: 'lost' });
    expect(await createEntry(createOperation(), bench.context())).toEqual({ status: 'done' });
    expectCreated(bench, 'sub-1');
  });

  it('costs the subscription when the sink takes nothing until the deadline', async () => {
    const bench = makeBench();
    bench.script('sink-write', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    bench.script('delete', { after: () => bench.always('sink-write', null) });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'failed' });
    expectNothing(bench);
    expect(bench.sleeps).toEqual([1_000, 2_000, 2_000]);
  });

  it('costs nothing when the write that failed has landed although the sink took none of the others', async () => {
    const bench = makeBench();
    const lost = { lost: 'lost', after: () => bench.always('sink-write', { fail: 'lost' }) } as const;
    bench.script('sink-write', {}, lost);
    bench.always('sink-read', { fail: 'lost' });
    // The sink can be read again once it is too late for writes.
    bench.onSleep = (count) => (count === 3 ? bench.always('sink-read', null) : undefined);
    const result = await createEntry(createOperation(), bench.context());
    expect(result).toMatchObject({ status: 'unknown' });
    bench.always('sink-write', null);
    await bench.laterPass(fileOf());
    expectCreated(bench, 'sub-1');
  });

  it('costs nothing either when it has landed among other records, one of which cannot be read', async () => {
    const bench = makeBench();
    placeOwned(bench, 'billing', `${URL}&line=2`);
    const damage = { kind: 'damaged', version: 'v', reason: 'no JSON' } as const;
    bench.sink.slots.set('archive', { version: 'v', record: null, damage });
    const lost = { lost: 'lost', after: () => bench.always('sink-write', { fail: 'lost' }) } as const;
    bench.script('sink-write', {}, lost);
    bench.always('sink-read', { fail: 'lost' });
    bench.onSleep = (count) => (count === 3 ? bench.always('sink-read', null) : undefined);
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'unknown' });
    const stored = recordIn(bench.sink, 'orders')?.current?.subscription_id;
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe(stored);
  });

  it('costs the subscription when nobody can tell whether its secret is stored', async () => {
    const bench = makeBench();
    const gone = (): void => {
      bench.always('sink-write', { fail: 'lost' });
      bench.always('sink-read', { fail: 'lost' });
    };
    bench.script('sink-write', { after: gone });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'failed' });
    expect(bench.api.live.size).toBe(0);
  });

  it('throws what is not a failure of the sink', async () => {
    const bench = makeBench();
    bench.script('sink-write', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    bench.onSleep = (count) =>
      count === 3 ? bench.always('sink-read', { bug: new TypeError('a bug') }) : undefined;
    await expect(createEntry(createOperation(), bench.context())).rejects.toThrow('a bug');
  });

  it('costs the subscription after the grace, once the process is told to stop', async () => {
    const bench = makeBench();
    bench.script('sink-write', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    bench.script('delete', { after: () => bench.always('sink-write', null) });
    bench.onSleep = () => bench.stop.abort();
    const context = bench.context({ storeTimeout: 60_000 });
    expect(await createEntry(createOperation(), context)).toMatchObject({ status: 'failed' });
    expectNothing(bench);
    // One until the signal, two for the grace of two seconds.
    expect(bench.sleeps).toEqual([1_000, 1_000, 1_000]);
  });

  it('waits no longer than the grace where the signal came while it was created', async () => {
    const bench = makeBench();
    bench.script('sink-write', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    bench.script('post', { after: () => bench.stop.abort() });
    const context = bench.context({ storeTimeout: 60_000 });
    expect(await createEntry(createOperation(), context)).toMatchObject({ status: 'failed' });
    expect(bench.api.live.size).toBe(0);
    expect(bench.sleeps).toEqual([1_000, 1_000]);
  });

  it('leaves no listener behind at the signal to stop, which outlives every pass', async () => {
    const bench = makeBench();
    bench.script('sink-write', {}, { fail: 'lost' });
    await createEntry(createOperation(), bench.context());
    expectCreated(bench, 'sub-1');
    expect(getEventListeners(bench.stop.signal, 'abort')).toEqual([]);
  });

  it('leaves the intent where the sink does not even let it be cleared', async () => {
    const bench = makeBench();
    bench.script('sink-write', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'failed' });
    expect(bench.api.live.size).toBe(0);
    expect(intentUrl(bench)).toBe(FIRST_MARK);
  });

  it('leaves the record to whoever took it over before it could be cleared', async () => {
    const bench = makeBench();
    const context = bench.context();
    bench.script('sink-write', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    bench.script('delete', {
      after: () => {
        bench.always('sink-write', null);
        overtake(bench, 'orders', { intent: intentOf(SECOND_MARK, bench) });
      },
    });
    expect(await createEntry(createOperation(), context)).toMatchObject({ status: 'failed' });
    expect(recordIn(bench.sink, 'orders')?.intent).toMatchObject({ marked_url: SECOND_MARK, holder: OTHER });
  });

  it('leaves intent and subscription to the next pass when the DELETE fails too', async () => {
    const bench = makeBench();
    bench.script('sink-write', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    bench.script('delete', { fail: 'lost' });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'unknown' });
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
    expect(intentUrl(bench)).toBe(FIRST_MARK);
  });

  it.each(['storing', 'deleting', 'clearing'] as const)('throws a bug met while %s', async (moment) => {
    const bench = makeBench();
    const bug = { bug: new TypeError('a bug') };
    bench.script('sink-write', {
      after: () => bench.always('sink-write', moment === 'storing' ? bug : { fail: 'lost' }),
    });
    if (moment === 'deleting') bench.script('delete', bug);
    if (moment === 'clearing') bench.script('delete', { after: () => bench.always('sink-write', bug) });
    await expect(createEntry(createOperation(), bench.context())).rejects.toThrow(TypeError);
    // A bug is no outage: nothing is tried again.
    if (moment === 'storing') expect(bench.sleeps).toEqual([]);
  });
});

describe('a record that another process took over', () => {
  it('makes this one delete what it made', async () => {
    const bench = makeBench();
    const context = bench.context();
    bench.script('post', {
      after: () => overtake(bench, 'orders', { intent: intentOf(SECOND_MARK, bench) }),
    });
    expect(await createEntry(createOperation(), context)).toMatchObject({
      status: 'held',
      guard: 'in-flight',
    });
    expect(bench.api.live.size).toBe(0);
    expect(recordIn(bench.sink, 'orders')?.intent).toMatchObject({ marked_url: SECOND_MARK, holder: OTHER });
  });

  it('makes this one delete what it made when the record was removed', async () => {
    const bench = makeBench();
    const context = bench.context();
    bench.script('post', {
      after: () => bench.sink.slots.set('orders', { version: 'later', record: null }),
    });
    expect(await createEntry(createOperation(), context)).toMatchObject({
      status: 'held',
      guard: 'in-flight',
    });
    expectNothing(bench);
  });

  it('keeps what the other process builds on', async () => {
    const bench = makeBench();
    const context = bench.context();
    // The write lands although it fails, and the other process goes on from there.
    bench.script('sink-write', {}, { lost: 'lost' });
    bench.onSleep = () =>
      overtake(bench, 'orders', {
        applied_from: { content_hash: 'file', revision: null, holder: OTHER, server_time: '' },
      });
    expect(await createEntry(createOperation(), context)).toMatchObject({
      status: 'held',
      reason: 'process 2 on b is working on it',
    });
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
    expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe('sub-1');
  });

  it('keeps what the other process has moved to another name', async () => {
    const bench = makeBench();
    const context = bench.context();
    // The write lands although it fails, and the other process renames the entry.
    bench.script('sink-write', {}, { lost: 'lost' });
    bench.onSleep = () => {
      overtake(bench, 'shop', { current: recordIn(bench.sink, 'orders')?.current ?? null });
      bench.sink.slots.set('orders', { version: 'later', record: null });
    };
    expect(await createEntry(createOperation(), context)).toMatchObject({
      status: 'held',
      guard: 'in-flight',
    });
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
    expect(recordIn(bench.sink, 'shop')?.current?.subscription_id).toBe('sub-1');
  });

  it('is collected later when the sink cannot be read now', async () => {
    const bench = makeBench();
    const context = bench.context();
    bench.script('post', {
      after: () => overtake(bench, 'orders', { intent: intentOf(SECOND_MARK, bench) }),
    });
    bench.script('sink-read', {}, { fail: 'lost' });
    await expect(createEntry(createOperation(), context)).rejects.toMatchObject({ name: 'SinkError' });
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
    expect(recordIn(bench.sink, 'orders')?.current).toBeNull();
  });
});

describe('a secret that is stored', () => {
  it('stays with the marked URL when the declared one was taken meanwhile', async () => {
    const bench = makeBench();
    bench.script('post', { after: () => placeLive(bench, URL) });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({
      status: 'held',
      guard: 'url-taken',
    });
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
    expect(liveAt(bench.api, URL)?.id).toBe('sub-2');
    expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe('sub-1');
  });

  it.each([
    { fail: 'refused', status: 'failed', reason: 'nobody else has the URL' },
    { fail: 'lost', status: 'unknown', reason: 'it may have happened' },
    { fail: 'not-sent', status: 'failed', reason: 'it has not happened' },
  ] as const)('stays with the marked URL when the PUT is $fail: $reason', async ({ fail, status }) => {
    const bench = makeBench();
    bench.script('put', { fail });
    bench.script('post', { after: () => placeLive(bench, 'https://elsewhere.example.net/') });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status });
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
    expect(recordIn(bench.sink, 'orders')?.current?.signing_secret?.reveal()).toBe(
      bench.api.issued.get('sub-1')?.secret,
    );
  });

  it('is no case of a taken URL where nobody knows whether the PUT has happened', async () => {
    const bench = makeBench();
    bench.script('put', { before: () => placeLive(bench, URL), fail: 'lost' });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'unknown' });
    expect(liveAt(bench.api, FIRST_MARK)?.id).toBe('sub-1');
  });

  it('is no case of a taken URL where the subscription itself has it', async () => {
    const bench = makeBench();
    bench.script('put', { lost: 'refused' });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'failed' });
    expect(liveAt(bench.api, URL)?.id).toBe('sub-1');
  });

  it('is no case of a taken URL when the subscription is gone', async () => {
    const bench = makeBench();
    bench.script('put', { before: () => bench.api.live.delete('sub-1') });
    bench.always('list', { bug: new TypeError('not needed') });
    expect(await createEntry(createOperation(), bench.context())).toMatchObject({ status: 'failed' });
    expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe('sub-1');
  });

  it('is stored all the same when a bug follows', async () => {
    const bench = makeBench();
    bench.script('put', { bug: new TypeError('a bug') });
    await expect(createEntry(createOperation(), bench.context())).rejects.toThrow(TypeError);
    expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe('sub-1');
  });
});

describe('deleting what is live at a marked URL', () => {
  it('needs no claim where there is no record', async () => {
    const bench = makeBench();
    placeLive(bench, FIRST_MARK, 'p1');
    expect(await deleteMarked('orders', FIRST_MARK, bench.context())).toBe('deleted');
    expectNothing(bench);
    expect(bench.sink.writes).toBe(0);
  });

  it('leaves other marks alone', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, SECOND_MARK, 'p1');
    expect(await deleteMarked('orders', FIRST_MARK, bench.context())).toBe('absent');
    expect([...bench.api.live.keys()]).toEqual([id]);
  });
});

function intentUrl({ sink }: Bench): string | undefined {
  return recordIn(sink, 'orders')?.intent?.marked_url;
}
