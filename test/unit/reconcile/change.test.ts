import { describe, expect, it } from 'vitest';
import { RequestError, SinkConflictError, SinkError } from '../../../src/domain/errors.ts';
import { Secret } from '../../../src/domain/secret.ts';
import {
  collectOrphan,
  deleteEntry,
  makeWay,
  recoverEntry,
  renameEntry,
  updateEntry,
} from '../../../src/reconcile/change.ts';
import { liveAt } from '../../simulation/model-api.ts';
import { recordIn, recordsIn } from '../../simulation/model-sink.ts';
import {
  makeCollect,
  makeDelete,
  makeMakeWay,
  makeRecover,
  makeRename,
  makeUpdate,
} from '../../support/plan-builders.ts';
import {
  fieldsAt,
  fileOf,
  intentOf,
  makeBench,
  makeDesired,
  ME,
  OTHER,
  overtake,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
} from './bench.ts';

const MOVED = `${URL}&line=2`;
const MARKED = `${URL}&linq_gitops=inst.x`;

/** An entry of ours that is what the file says. */
function makeOwned(): { bench: Bench; id: string } {
  const bench = makeBench();
  placeInstallation(bench);
  return { bench, id: placeOwned(bench) };
}

/** Our one subscription is live at `url`, and its very secret is in the record of `name`. */
function expectKept(bench: Bench, id: string, url = URL, name = 'orders'): void {
  expect(liveAt(bench.api, url)?.id).toBe(id);
  expect(recordIn(bench.sink, name)?.current?.subscription_id).toBe(id);
  expect(recordIn(bench.sink, name)?.current?.signing_secret?.reveal()).toBe(
    bench.api.issued.get(id)?.secret,
  );
}

/** The next passes bring about what the file says, and then there is nothing left to do (I1). */
async function expectMended(bench: Bench, desired = fileOf()): Promise<void> {
  await bench.laterPass(desired);
  const { plan } = await bench.laterPass(desired);
  expect(plan.operations).toEqual([]);
  expect(plan.held).toEqual([]);
}

describe('update', () => {
  const move = (id: string) =>
    makeUpdate({
      name: 'orders',
      subscription_id: id,
      patch: { target_url: MOVED },
      fields: fieldsAt(MOVED),
      prevent_destroy: true,
    });

  it('brings the subscription to its new URL, with the secret that it has', async () => {
    const { bench, id } = makeOwned();
    expect(await updateEntry(move(id), bench.context())).toEqual({ status: 'done' });
    expectKept(bench, id, MOVED);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({
      current: { target_url: MOVED },
      applied: fieldsAt(MOVED),
      prevent_destroy: true,
      applied_from: { holder: ME },
    });
  });

  it('writes the record only, where no field of the API changes', async () => {
    const { bench, id } = makeOwned();
    bench.script('put', { bug: new TypeError('nothing to send') });
    const operation = makeUpdate({ name: 'orders', patch: {}, fields: fieldsAt(URL), prevent_destroy: true });
    expect(await updateEntry(operation, bench.context())).toEqual({ status: 'done' });
    expectKept(bench, id);
    expect(recordIn(bench.sink, 'orders')?.prevent_destroy).toBe(true);
  });

  it('sends nothing when another process wrote the record first', async () => {
    const { bench, id } = makeOwned();
    const context = bench.context();
    overtake(bench, 'orders', { prevent_destroy: false });
    await expect(updateEntry(move(id), context)).rejects.toBeInstanceOf(SinkConflictError);
    expectKept(bench, id);
  });

  it('sends nothing when the record cannot be written', async () => {
    const { bench, id } = makeOwned();
    bench.script('sink-write', { fail: 'lost' });
    await expect(updateEntry(move(id), bench.context())).rejects.toBeInstanceOf(SinkError);
    expectKept(bench, id);
    await expectMended(bench, fileOf(MOVED));
    expectKept(bench, id, MOVED);
  });

  it.each(['fail', 'lost'] as const)('is finished by the next pass when the PUT was %s', async (how) => {
    const { bench, id } = makeOwned();
    bench.script('put', { [how]: 'lost' });
    expect(await updateEntry(move(id), bench.context())).toMatchObject({ status: 'unknown' });
    expectKept(bench, id, how === 'fail' ? URL : MOVED);
    await expectMended(bench, fileOf(MOVED, 'orders', { prevent_destroy: true }));
    expectKept(bench, id, MOVED);
  });

  it.each(['refused', 'not-sent', 'lost'] as const)(
    'notes nothing as applied when the PUT is %s',
    async (fail) => {
      const { bench, id } = makeOwned();
      bench.script('put', { fail });
      const status = fail === 'lost' ? 'unknown' : 'failed';
      expect(await updateEntry(move(id), bench.context())).toMatchObject({ status });
      expectKept(bench, id);
      expect(recordIn(bench.sink, 'orders')).toMatchObject({
        current: { target_url: URL },
        applied: fieldsAt(URL),
        prevent_destroy: false,
      });
    },
  );

  it('is held when another subscription took the URL', async () => {
    const { bench, id } = makeOwned();
    bench.script('put', { before: () => placeLive(bench, MOVED) });
    expect(await updateEntry(move(id), bench.context())).toMatchObject({
      status: 'held',
      guard: 'url-taken',
    });
    expectKept(bench, id);
  });

  it('fails when the API refuses a field other than the URL', async () => {
    const { bench, id } = makeOwned();
    bench.script('put', { fail: 'refused' });
    bench.always('list', { bug: new TypeError('no URL that could be taken') });
    const operation = makeUpdate({ name: 'orders', subscription_id: id });
    expect(await updateEntry(operation, bench.context())).toMatchObject({ status: 'failed' });
    expectKept(bench, id);
    expect(recordIn(bench.sink, 'orders')?.applied).toEqual(fieldsAt(URL));
  });

  it('throws a bug', async () => {
    const { bench, id } = makeOwned();
    bench.script('put', { bug: new TypeError('a bug') });
    await expect(updateEntry(move(id), bench.context())).rejects.toThrow(TypeError);
    expectKept(bench, id);
  });

  it('is a bug without a record', async () => {
    await expect(updateEntry(move('sub-1'), makeBench().context())).rejects.toThrow('no record of orders');
  });
});

describe('make-way', () => {
  const operation = (id: string) =>
    makeMakeWay({ name: 'orders', subscription_id: id, target_url: 'https://hooks.example.com/b' });

  it('moves the subscription to a marked URL, and keeps its record', async () => {
    const { bench, id } = makeOwned();
    expect(await makeWay(operation(id), bench.context())).toEqual({ status: 'done' });
    expectKept(bench, id, 'https://hooks.example.com/b?linq_gitops=inst.u1');
  });

  it.each(['fail', 'lost'] as const)('is repaired by the next pass when the PUT was %s', async (how) => {
    const { bench, id } = makeOwned();
    bench.script('put', { [how]: 'lost' });
    await expect(makeWay(operation(id), bench.context())).rejects.toBeInstanceOf(RequestError);
    await expectMended(bench);
    expectKept(bench, id);
  });

  it('sends nothing when another process wrote the record first', async () => {
    const { bench, id } = makeOwned();
    const context = bench.context();
    overtake(bench, 'orders', { prevent_destroy: true });
    await expect(makeWay(operation(id), context)).rejects.toBeInstanceOf(SinkConflictError);
    expectKept(bench, id);
  });
});

describe('delete', () => {
  const operation = (id: string) => makeDelete({ name: 'orders', subscription_id: id });

  it('removes the subscription and its record', async () => {
    const { bench, id } = makeOwned();
    expect(await deleteEntry(operation(id), bench.context())).toEqual({ status: 'done' });
    expect(bench.api.live.size).toBe(0);
    expect(recordIn(bench.sink, 'orders')).toBeNull();
  });

  it('deletes nothing when another process wrote the record first', async () => {
    const { bench, id } = makeOwned();
    const context = bench.context();
    overtake(bench, 'orders', { prevent_destroy: true });
    await expect(deleteEntry(operation(id), context)).rejects.toBeInstanceOf(SinkConflictError);
    expectKept(bench, id);
  });

  it('leaves alone what was to take over when another process wrote the record first (I4)', async () => {
    const { bench, id } = makeOwned();
    const next = placeLive(bench, MARKED, 'p0').id;
    bench.api.live.delete(id);
    const context = bench.context();
    overtake(bench, 'orders', { prevent_destroy: true });
    const half = { ...operation(id), before: null, replacement_id: next };
    await expect(deleteEntry(half, context)).rejects.toBeInstanceOf(SinkConflictError);
    expect(bench.api.live.has(next)).toBe(true);
  });

  it('keeps the secret while the subscription may be live (I2)', async () => {
    const { bench, id } = makeOwned();
    bench.script('delete', { fail: 'lost' });
    await expect(deleteEntry(operation(id), bench.context())).rejects.toBeInstanceOf(RequestError);
    expectKept(bench, id);
  });

  it.each(['delete', 'sink-write'] as const)(
    'is finished by the next pass when cut off at %s',
    async (kind) => {
      const { bench, id } = makeOwned();
      bench.script(
        kind,
        ...(kind === 'delete' ? [{ lost: 'lost' } as const] : [{}, { fail: 'lost' } as const]),
      );
      await expect(deleteEntry(operation(id), bench.context())).rejects.toThrow();
      expect(bench.api.live.size).toBe(0);
      expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe(id);
      const others = makeDesired([], 'empty');
      await bench.laterPass(others);
      // An empty account is in doubt (`suspicious-list`), so the record stays until a person consents.
      expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe(id);
      placeLive(bench, 'https://elsewhere.example.net/');
      await expectMended(bench, others);
      expect(recordsIn(bench.sink)).toEqual([]);
    },
  );

  it('removes the record only, where the subscription is gone', async () => {
    const { bench, id } = makeOwned();
    bench.api.live.delete(id);
    bench.script('delete', { bug: new TypeError('nothing to delete') });
    await deleteEntry({ ...operation(id), before: null }, bench.context());
    expect(recordIn(bench.sink, 'orders')).toBeNull();
  });

  it('has nothing to remove where a recovery removed it', async () => {
    const bench = makeBench();
    const bare = { ...operation('sub-1'), subscription_id: null, before: null };
    expect(await deleteEntry(bare, bench.context())).toEqual({ status: 'done' });
    expect(bench.sink.writes).toBe(0);
  });

  it('leaves alone a foreign one that a record names by now (I2)', async () => {
    const { bench, id } = makeOwned();
    const operation = makeDelete({ name: null, subscription_id: id });
    expect(await deleteEntry(operation, bench.context())).toMatchObject({ status: 'skipped' });
    expectKept(bench, id);
  });

  it('touches no record for a foreign one', async () => {
    const { bench } = makeOwned();
    const { id } = placeLive(bench, 'https://elsewhere.example.net/');
    await deleteEntry(makeDelete({ name: null, subscription_id: id }), bench.context());
    expect(bench.api.live.has(id)).toBe(false);
    expect(bench.sink.writes).toBe(0);
  });
});

describe('rename', () => {
  const operation = makeRename({ name: 'shop', from: 'orders' });
  const renamed = fileOf(URL, 'shop', { previously: ['orders'] });

  it('moves the record, and calls nothing', async () => {
    const { bench, id } = makeOwned();
    const writes = bench.api.writes;
    expect(await renameEntry(operation, bench.context())).toEqual({ status: 'done' });
    expectKept(bench, id, URL, 'shop');
    expect(recordIn(bench.sink, 'orders')).toBeNull();
    expect(bench.api.writes).toBe(writes);
  });

  it('leaves the old record where the new one cannot be written', async () => {
    const { bench, id } = makeOwned();
    bench.script('sink-write', { fail: 'lost' });
    await expect(renameEntry(operation, bench.context())).rejects.toBeInstanceOf(SinkError);
    expectKept(bench, id);
    await expectMended(bench, renamed);
    expectKept(bench, id, URL, 'shop');
  });

  it('is finished by the next pass when cut off between the two records', async () => {
    const { bench, id } = makeOwned();
    bench.script('sink-write', {}, { fail: 'lost' });
    await expect(renameEntry(operation, bench.context())).rejects.toBeInstanceOf(SinkError);
    expectKept(bench, id, URL, 'shop');
    expectKept(bench, id, URL, 'orders');
    await expectMended(bench, renamed);
    expectKept(bench, id, URL, 'shop');
    expect(recordIn(bench.sink, 'orders')).toBeNull();
  });

  it('drops nothing when the surviving record was written by another process', async () => {
    const { bench, id } = makeOwned();
    bench.script('sink-write', {}, { fail: 'lost' });
    await expect(renameEntry(operation, bench.context())).rejects.toBeInstanceOf(SinkError);
    const context = bench.context();
    overtake(bench, 'shop', { prevent_destroy: true });
    await expect(renameEntry({ ...operation, isInterrupted: true }, context)).rejects.toBeInstanceOf(
      SinkConflictError,
    );
    expectKept(bench, id, URL, 'orders');
  });
});

describe('recover', () => {
  it('deletes what is live at the marked URL, and clears the intent', async () => {
    const bench = makeBench();
    placeLive(bench, MARKED, 'p0');
    overtake(bench, 'orders', { intent: intentOf(MARKED, bench) });
    expect(await recoverEntry(makeRecover({ name: 'orders' }), bench.context())).toEqual({ status: 'done' });
    expect(bench.api.live.size).toBe(0);
    expect(recordIn(bench.sink, 'orders')).toBeNull();
  });

  it('claims the record before it deletes', async () => {
    const bench = makeBench();
    placeLive(bench, MARKED, 'p0');
    overtake(bench, 'orders', { intent: intentOf(MARKED, bench) });
    const holders: unknown[] = [];
    bench.script('delete', { before: () => holders.push(recordIn(bench.sink, 'orders')?.intent?.holder) });
    await recoverEntry(makeRecover({ name: 'orders' }), bench.context());
    expect(holders).toEqual([ME]);
  });

  it('deletes nothing when the other process was only slow, and has stored the secret', async () => {
    const bench = makeBench();
    overtake(bench, 'orders', { intent: intentOf(MARKED, bench) });
    const context = bench.context();
    const id = placeOwned(bench, 'orders', MARKED, URL);
    await expect(recoverEntry(makeRecover({ name: 'orders' }), context)).rejects.toBeInstanceOf(
      SinkConflictError,
    );
    expectKept(bench, id, MARKED);
  });

  it('keeps the record of a subscription that it names beside the intent', async () => {
    const { bench, id } = makeOwned();
    overtake(bench, 'orders', { intent: intentOf(MARKED, bench) });
    await recoverEntry(makeRecover({ name: 'orders' }), bench.context());
    expectKept(bench, id);
    expect(recordIn(bench.sink, 'orders')?.intent).toBeNull();
  });

  it.each(['fail', 'lost'] as const)('is finished by the next pass when the DELETE was %s', async (how) => {
    const bench = makeBench();
    placeInstallation(bench);
    placeLive(bench, MARKED, 'p0');
    overtake(bench, 'orders', { intent: intentOf(MARKED, bench) });
    bench.script('delete', { [how]: 'lost' });
    await expect(recoverEntry(makeRecover({ name: 'orders' }), bench.context())).rejects.toBeInstanceOf(
      RequestError,
    );
    expect(recordIn(bench.sink, 'orders')?.intent?.marked_url).toBe(MARKED);
    await expectMended(bench);
    expectKept(bench, 'sub-2');
  });

  it('does nothing where the intent, or the whole record, is gone', async () => {
    const { bench, id } = makeOwned();
    await recoverEntry(makeRecover({ name: 'orders' }), bench.context());
    expectKept(bench, id);
    await expect(recoverEntry(makeRecover({ name: 'billing' }), bench.context())).rejects.toThrow(
      'no record',
    );
  });
});

describe('collect', () => {
  const collect = (id: string) => makeCollect({ subscription_id: id, target_url: MARKED });

  it('deletes what still carries the mark', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, MARKED, 'p0');
    expect(await collectOrphan(collect(id), bench.context())).toEqual({ status: 'done' });
    expect(bench.api.live.size).toBe(0);
  });

  it('is done where it is gone', async () => {
    const bench = makeBench();
    bench.script('delete', { bug: new TypeError('nothing to delete') });
    expect(await collectOrphan(collect('sub-1'), bench.context())).toEqual({ status: 'done' });
  });

  it('leaves alone what carries the mark no more (I3)', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, URL);
    expect(await collectOrphan(collect(id), bench.context())).toMatchObject({ status: 'skipped' });
    expect(liveAt(bench.api, URL)?.id).toBe(id);
  });

  it.each([
    { reason: 'names it', changes: (bench: Bench, id: string) => placeRecordOf(bench, id) },
    {
      reason: 'has the intent of its mark',
      changes: (bench: Bench) => overtake(bench, 'orders', { intent: intentOf(MARKED, bench) }),
    },
    {
      reason: 'cannot be read',
      changes: (bench: Bench) =>
        bench.sink.slots.set('orders', {
          version: 'v',
          record: null,
          damage: { kind: 'damaged', version: 'v', reason: 'no JSON' },
        }),
    },
  ])('leaves alone what is live with our mark while a record $reason (I2)', async ({ changes }) => {
    const bench = makeBench();
    const { id } = placeLive(bench, MARKED, 'p0');
    changes(bench, id);
    expect(await collectOrphan(collect(id), bench.context())).toMatchObject({ status: 'skipped' });
    expect(liveAt(bench.api, MARKED)?.id).toBe(id);
  });

  it('leaves alone a subscription whose record moves to another name while records are read (I2)', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, MARKED, 'p0');
    placeRecordOf(bench, id, 'b');
    placeRecordOf(bench, 'another', 'a');
    // Between the list of names and the records: `b` becomes `c`, which this reading does not know.
    const move = { after: () => moveRecord(bench, 'b', 'c') };
    bench.script('sink-read', move);
    expect(await collectOrphan(collect(id), bench.context())).toMatchObject({ status: 'skipped' });
    expect(liveAt(bench.api, MARKED)?.id).toBe(id);
  });

  it('leaves alone a subscription whose record comes and moves on between two readings (I2)', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, MARKED, 'p0');
    placeRecordOf(bench, 'another', 'a');
    // After the first reading `b` is stored; while the second one reads `a`, it is renamed to `c`.
    const store = { after: () => placeRecordOf(bench, id, 'b') };
    bench.script('sink-read', {}, store, {}, { after: () => moveRecord(bench, 'b', 'c') });
    expect(await collectOrphan(collect(id), bench.context())).toMatchObject({ status: 'skipped' });
    expect(liveAt(bench.api, MARKED)?.id).toBe(id);
  });

  it('deletes it once two readings agree, be it the third and the fourth', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, MARKED, 'p0');
    placeRecordOf(bench, 'another', 'a');
    const touch = { after: () => placeRecordOf(bench, 'another', 'a') };
    // Each reading is the list and one record.
    bench.script('sink-read', {}, touch, {}, touch);
    expect(await collectOrphan(collect(id), bench.context())).toEqual({ status: 'done' });
    expect(bench.api.live.size).toBe(0);
  });

  it('deletes it also while another entry is being created', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, MARKED, 'p0');
    overtake(bench, 'billing', { intent: intentOf(`${URL}&linq_gitops=inst.y`, bench) });
    expect(await collectOrphan(collect(id), bench.context())).toEqual({ status: 'done' });
    expect(bench.api.live.size).toBe(0);
  });

  it('waits for a later pass while records keep changing', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, MARKED, 'p0');
    let place = 0;
    placeRecordOf(bench, 'another', 'n0');
    const move = { before: () => moveRecord(bench, `n${place}`, `n${(place += 1)}`) };
    bench.always('sink-read', move);
    expect(await collectOrphan(collect(id), bench.context())).toMatchObject({ status: 'skipped' });
    expect(liveAt(bench.api, MARKED)?.id).toBe(id);
  });

  it('is done by a later pass when the DELETE is lost', async () => {
    const { bench, id: owned } = makeOwned();
    const { id } = placeLive(bench, MARKED, 'p0');
    bench.script('delete', { fail: 'lost' });
    await expect(collectOrphan(collect(id), bench.context())).rejects.toBeInstanceOf(RequestError);
    await expectMended(bench);
    expect([...bench.api.live.keys()]).toEqual([owned]);
  });
});

describe('a claim', () => {
  it('that the sink took although it failed counts as taken', async () => {
    const { bench, id } = makeOwned();
    const context = bench.context();
    await expect(
      context.sink.write(recordIn(bench.sink, 'orders')!, 'a version of long ago'),
    ).rejects.toBeInstanceOf(SinkConflictError);
    // The same content stands there already: this write has landed before.
    await context.records.write(recordIn(bench.sink, 'orders')!);
    overtake(bench, 'orders', {});
    await context.records.write(recordIn(bench.sink, 'orders')!);
    expectKept(bench, id);
  });

  it('that differs from what stands there does not', async () => {
    const { bench } = makeOwned();
    const context = bench.context();
    overtake(bench, 'orders', { intent: intentOf(MARKED, bench) });
    await expect(
      context.records.write({ ...recordIn(bench.sink, 'orders')!, intent: intentOf(MARKED, bench, ME) }),
    ).rejects.toBeInstanceOf(SinkConflictError);
    expect(recordIn(bench.sink, 'orders')?.intent?.holder).toEqual(OTHER);
  });
});

/** A record under `name` that names the subscription. */
function placeRecordOf(bench: Bench, id: string, name = 'orders'): void {
  const secret = new Secret(bench.api.issued.get(id)?.secret ?? '');
  overtake(bench, name, {
    current: { subscription_id: id, target_url: URL, signing_secret: secret, created_at: '' },
  });
}

function moveRecord(bench: Bench, from: string, name: string): void {
  overtake(bench, name, { ...recordIn(bench.sink, from), name });
  bench.sink.slots.set(from, { version: bench.sink.nextVersion(from), record: null });
}
