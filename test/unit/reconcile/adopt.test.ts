import { describe, expect, it } from 'vitest';
import { SinkConflictError } from '../../../src/domain/errors.ts';
import { Secret } from '../../../src/domain/secret.ts';
import { adoptEntries, type AdoptRequest } from '../../../src/reconcile/adopt.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { recordIn, recordsIn } from '../../simulation/model-sink.ts';
import {
  fieldsAt,
  fileOf,
  intentOf,
  makeBench,
  makeDesired,
  ME,
  overtake,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
} from './bench.ts';

const KEPT = new Secret('the secret that somebody kept');
const ELSEWHERE = `${URL}&line=2`;

function adopt(
  bench: Bench,
  requests: readonly Partial<AdoptRequest>[] = [{}],
  desired = fileOf(),
): ReturnType<typeof adoptEntries> {
  return adoptEntries(
    requests.map((request) => ({ name: 'orders', secret: KEPT, id: null, ...request })),
    desired,
    {
      reader: bench.linq,
      secrets: bench.secrets,
      settings: SETTINGS,
      allowances: [],
      holder: ME,
      isGone: () => Promise.resolve(false),
      clock: bench.clock,
      isFileBad: false,
      fights: new Set(),
      rotate: new Map(),
      adopt: new Map(),
      unique: () => 'made',
    },
  );
}

function loseSecret(bench: Bench): void {
  const { current } = recordIn(bench.sink, 'orders')!;
  overtake(bench, 'orders', { current: { ...current!, signing_secret: null } });
}

function expectNothingWritten(bench: Bench): void {
  expect(bench.sink.writes).toBe(0);
  expect(bench.sink.installation).toBeUndefined();
}

describe('adopting with a secret', () => {
  it('records what is live with that secret, and writes nothing to the API', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, URL);
    const made = new Date(bench.clock.now()).toISOString();
    await bench.clock.sleep(60_000);
    const { writes } = bench.api;
    const desired = { ...fileOf(URL, 'orders', { prevent_destroy: true }), revision: 'abc123' };
    expect(await adopt(bench, [{}], desired)).toEqual([{ kind: 'adopted', name: 'orders', id }]);
    expect(bench.api.writes).toBe(writes);
    const record = recordIn(bench.sink, 'orders');
    const now = new Date(bench.clock.now()).toISOString();
    expect(record).toMatchObject({
      owner: 'default',
      current: { subscription_id: id, target_url: URL, created_at: made },
      applied: fieldsAt(URL),
      prevent_destroy: true,
      applied_from: { content_hash: 'file', revision: 'abc123', holder: ME, server_time: now },
      last_change: { what: 'adopted', at: now, revision: 'abc123' },
    });
    expect(record?.current?.signing_secret?.equals(KEPT)).toBe(true);
    expect(bench.sink.installation?.record?.id).toBe('made');
    expect((await bench.laterPass(desired)).plan).toMatchObject({ operations: [], held: [] });
  });

  it('notes what is live as applied, so that the next pass applies what the file says', async () => {
    const bench = makeBench();
    placeLive(bench, URL);
    const fields = fieldsAt(URL, { subscribed_events: ['message.failed'] });
    const desired = fileOf(URL, 'orders', { fields });
    await adopt(bench, [{}], desired);
    expect(recordIn(bench.sink, 'orders')?.applied?.subscribed_events).toEqual(['message.received']);
    const { plan } = await bench.laterPass(desired);
    expect(plan.operations).toMatchObject([{ kind: 'update', reason: 'changed-in-file' }]);
  });

  it('takes one of which the API does not tell the age for old', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, URL);
    const { created_at, ...undated } = bench.api.live.get(id)!;
    bench.api.live.set(id, undated);
    await adopt(bench);
    expect(recordIn(bench.sink, 'orders')?.current?.created_at).toBe('1970-01-01T00:00:00.000Z');
  });

  it('takes the one with the id, where its URL is another one', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, ELSEWHERE);
    expect(await adopt(bench, [{ id }])).toEqual([{ kind: 'adopted', name: 'orders', id }]);
    expect(recordIn(bench.sink, 'orders')?.current?.target_url).toBe(ELSEWHERE);
  });

  it('gives a record of ours back the secret that it lost', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    const id = placeOwned(bench);
    loseSecret(bench);
    // What is not managed may not be what has the URL.
    expect(await adopt(bench)).toEqual([{ kind: 'adopted', name: 'orders', id }]);
    expect(recordIn(bench.sink, 'orders')?.current).toMatchObject({ subscription_id: id });
    expect(recordIn(bench.sink, 'orders')?.current?.signing_secret?.equals(KEPT)).toBe(true);
    expect(bench.sink.installation?.record?.id).toBe('inst');
  });

  it('puts a live one into the record of one that is gone with its secret', async () => {
    const bench = makeBench();
    bench.api.live.delete(placeOwned(bench));
    loseSecret(bench);
    const { id } = placeLive(bench, URL);
    expect(await adopt(bench)).toEqual([{ kind: 'adopted', name: 'orders', id }]);
    expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe(id);
  });

  it('uses a record that names nothing', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, URL);
    const previous = { subscription_id: 'gone', signing_secret: null, retired_at: '2026-02-01T00:00:00Z' };
    overtake(bench, 'orders', { previous });
    expect(await adopt(bench)).toEqual([{ kind: 'adopted', name: 'orders', id }]);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({ previous, current: { subscription_id: id } });
  });

  it('uses the place of a record that was removed before', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, URL);
    bench.sink.slots.set('orders', { version: 'of the removal', record: null });
    expect(await adopt(bench)).toEqual([{ kind: 'adopted', name: 'orders', id }]);
    expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe(id);
  });

  it('has nothing to write where the record has that secret already', async () => {
    const bench = makeBench();
    const id = placeOwned(bench);
    const secret = new Secret(bench.api.issued.get(id)!.secret);
    expect(await adopt(bench, [{ secret }])).toEqual([{ kind: 'known', name: 'orders', id }]);
    expectNothingWritten(bench);
  });

  it('writes nothing over what another process wrote meanwhile (I2)', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    placeLive(bench, URL);
    bench.script('sink-write', { before: () => overtake(bench, 'orders', { prevent_destroy: true }) });
    await expect(adopt(bench)).rejects.toBeInstanceOf(SinkConflictError);
    expect(recordIn(bench.sink, 'orders')?.current).toBeNull();
  });

  it('writes nothing into a sink that fails its check', async () => {
    const bench = makeBench();
    placeLive(bench, URL);
    // The list of records, the record and the installation are read before.
    bench.script('sink-read', {}, {}, {}, { fail: 'lost' });
    await expect(adopt(bench)).rejects.toThrow('cannot check the sink');
    expectNothingWritten(bench);
  });
});

describe('what is refused', () => {
  const both = makeDesired([...fileOf().entries, ...fileOf(ELSEWHERE, 'billing').entries]);

  it('is all of several where one is', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, URL);
    expect(await adopt(bench, [{}, { name: 'billing' }], both)).toEqual([
      { kind: 'adopted', name: 'orders', id },
      {
        kind: 'refused',
        name: 'billing',
        reason: 'nothing that is not managed is live at its URL',
        hint: 'what is not live is created by: linq-gitops sync',
      },
    ]);
    expectNothingWritten(bench);
  });

  it('is what the file does not name, with a guess', async () => {
    const bench = makeBench();
    placeLive(bench, URL);
    expect(await adopt(bench, [{ name: 'order' }])).toEqual([
      {
        kind: 'refused',
        name: 'order',
        reason: 'it is not an entry of the file',
        hint: 'did you mean orders?',
      },
    ]);
    expectNothingWritten(bench);
  });

  it('is an entry whose record has another secret (I2)', async () => {
    const bench = makeBench();
    const id = placeOwned(bench);
    expect(await adopt(bench)).toMatchObject([{ kind: 'refused', reason: 'it has a record already' }]);
    expect(recordIn(bench.sink, 'orders')?.current?.signing_secret?.reveal()).toBe(
      bench.api.issued.get(id)?.secret,
    );
    expectNothingWritten(bench);
  });

  it('is an entry whose record has that secret, for a subscription that is gone', async () => {
    const bench = makeBench();
    const id = placeOwned(bench);
    bench.api.live.delete(id);
    const secret = new Secret(bench.api.issued.get(id)!.secret);
    expect(await adopt(bench, [{ secret }])).toMatchObject([{ kind: 'refused' }]);
    expectNothingWritten(bench);
  });

  it('is an entry that is being created', async () => {
    const bench = makeBench();
    placeLive(bench, URL);
    overtake(bench, 'orders', { intent: intentOf(`${URL}&linq_gitops=inst.x`, bench) });
    expect(await adopt(bench)).toMatchObject([{ kind: 'refused', reason: 'it has a record already' }]);
    expectNothingWritten(bench);
  });

  it('is an entry whose record cannot be read', async () => {
    const bench = makeBench();
    placeLive(bench, URL);
    const damage = { kind: 'newer', version: 'v', schema: 2 } as const;
    bench.sink.slots.set('orders', { version: 'v', record: null, damage });
    expect(await adopt(bench)).toEqual([
      { kind: 'refused', name: 'orders', reason: 'its record is not ours to write (newer)' },
    ]);
    expectNothingWritten(bench);
  });

  it('is what the record of another entry names (I3)', async () => {
    const bench = makeBench();
    const id = placeOwned(bench, 'billing', ELSEWHERE);
    expect(await adopt(bench, [{ id }], both)).toMatchObject([
      { kind: 'refused', reason: `${id} is managed already, as billing` },
    ]);
    expect(recordsIn(bench.sink).map(({ name }) => name)).toEqual(['billing']);
    expectNothingWritten(bench);
  });
});
