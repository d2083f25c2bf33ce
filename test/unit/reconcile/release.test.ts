import { describe, expect, it } from 'vitest';
import type { Secret } from '../../../src/domain/secret.ts';
import { RefusedError, SinkError } from '../../../src/domain/errors.ts';
import { releaseEntries } from '../../../src/reconcile/release.ts';
import { placeRecord, recordIn } from '../../simulation/model-sink.ts';
import { someSecret, storedRecord } from '../../support/record-builders.ts';
import { intentOf, makeBench, overtake, type Bench } from './bench.ts';

/** Keeps secrets as the command does, and notes which. */
function release(bench: Bench, names: readonly string[], how: 'keep' | 'discard' = 'keep') {
  const kept = new Map<string, string>();
  const keep = (secrets: ReadonlyMap<string, Secret>) => {
    for (const [name, secret] of secrets) kept.set(name, secret.reveal());
    return Promise.resolve();
  };
  const done = releaseEntries(names, {
    sink: bench.secrets,
    owner: 'default',
    keep: how === 'keep' ? keep : null,
  });
  return { done, kept };
}

function open(...names: readonly string[]): Bench {
  const bench = makeBench();
  for (const name of names) placeRecord(bench.sink, storedRecord(name));
  return bench;
}

describe('releasing entries', () => {
  it('keeps their secrets, removes their records, and asks nothing of the API', async () => {
    const bench = open('orders', 'support', 'other');
    const { done, kept } = release(bench, ['orders', 'support']);
    expect(await done).toEqual([
      { kind: 'released', name: 'orders', subscriptionId: 'sub-orders', secret: 'kept' },
      { kind: 'released', name: 'support', subscriptionId: 'sub-support', secret: 'kept' },
    ]);
    const secret = someSecret().reveal();
    expect(kept).toEqual(
      new Map([
        ['orders', secret],
        ['support', secret],
      ]),
    );
    expect(await bench.secrets.list()).toEqual(['other']);
  });

  it('discards the secret where that is said', async () => {
    const bench = open('orders');
    expect(await release(bench, ['orders'], 'discard').done).toMatchObject([{ secret: 'discarded' }]);
    expect(await bench.secrets.list()).toEqual([]);
  });

  it('removes no record before every secret is kept', async () => {
    const bench = open('orders');
    const keep = () => Promise.reject(new RefusedError('a file is there'));
    const releasing = releaseEntries(['orders'], { sink: bench.secrets, owner: 'default', keep });
    await expect(releasing).rejects.toThrow('a file is there');
    expect(await bench.secrets.list()).toEqual(['orders']);
  });

  it('says that no secret was known', async () => {
    const bench = makeBench();
    const { current } = storedRecord('orders');
    placeRecord(bench.sink, storedRecord('orders', { current: { ...current!, signing_secret: null } }));
    const keep = () => Promise.reject(new RefusedError('there is nothing to keep'));
    const releasing = releaseEntries(['orders'], { sink: bench.secrets, owner: 'default', keep });
    expect(await releasing).toMatchObject([{ kind: 'released', secret: 'none' }]);
    expect(await bench.secrets.list()).toEqual([]);
  });

  it('removes a record that names nothing any more', async () => {
    const bench = makeBench();
    placeRecord(bench.sink, storedRecord('orders', { current: null }));
    expect(await release(bench, ['orders']).done).toEqual([
      { kind: 'released', name: 'orders', subscriptionId: null, secret: 'none' },
    ]);
    expect(await bench.secrets.list()).toEqual([]);
  });

  it('fails where the sink does: nobody knows whether the record is gone', async () => {
    const bench = open('orders');
    bench.script('sink-write', { fail: 'lost' });
    await expect(release(bench, ['orders']).done).rejects.toBeInstanceOf(SinkError);
    expect(await bench.secrets.list()).toEqual(['orders']);
  });

  it('leaves a record that somebody changed meanwhile, and releases the others', async () => {
    const bench = open('orders', 'support');
    bench.script('sink-write', { before: () => overtake(bench, 'orders', { prevent_destroy: true }) });
    expect(await release(bench, ['orders', 'support']).done).toMatchObject([
      { kind: 'refused', name: 'orders', isLate: true },
      { kind: 'released', name: 'support' },
    ]);
    expect(await bench.secrets.list()).toEqual(['orders']);
  });
});

describe('what is refused', () => {
  const next = {
    ...storedRecord('orders').current!,
    subscription_id: 'next',
    deactivated: false,
    ready_at: null,
    compromised: false,
    ending: null,
  };

  it.each([
    ['what has no record', 'ordesr', {}, 'there is no record of it', 'did you mean orders?'],
    ['the record of another owner', 'bad', { owner: 'theirs' }, 'belongs to the owner "theirs"', undefined],
    [
      'a replacement under way',
      'bad',
      { next },
      'its replacement is under way',
      'linq-gitops rotate bad --abort',
    ],
    [
      'an adoption under way',
      'bad',
      { current: null, retire: { subscription_id: 'theirs' } },
      'its replacement is under way',
      'linq-gitops sync --wait',
    ],
    [
      'a create under way',
      'bad',
      { current: null, intent: intentOf('https://a.example/?linq_gitops=inst.1', makeBench()) },
      'it is being created',
      'linq-gitops sync',
    ],
  ])('is %s, with what helps; and then nothing is released', async (_, name, fields, reason, hint) => {
    const bench = open('orders');
    placeRecord(bench.sink, storedRecord('bad', fields));
    const { done, kept } = release(bench, ['orders', name]);
    const [, refused] = await done;
    expect(refused).toMatchObject({
      kind: 'refused',
      name,
      reason: expect.stringContaining(reason) as string,
    });
    if (hint !== undefined) expect(refused).toMatchObject({ hint: expect.stringContaining(hint) as string });
    expect(kept.size).toBe(0);
    expect(await bench.secrets.list()).toEqual(['bad', 'orders']);
    expect(bench.sink.writes).toBe(0);
  });

  it('is what is not near any name, without a guess', async () => {
    const bench = open('orders');
    expect(await release(bench, ['crm']).done).toEqual([
      { kind: 'refused', name: 'crm', reason: 'there is no record of it' },
    ]);
  });

  it('is what stands in the place of a record, even to be discarded', async () => {
    const bench = makeBench();
    const damage = { kind: 'foreign', version: 'v9', reason: 'is a secret of somebody else' } as const;
    bench.sink.slots.set('orders', { version: 'v9', record: null, damage });
    expect(await release(bench, ['orders'], 'discard').done).toEqual([
      {
        kind: 'refused',
        name: 'orders',
        reason: 'what stands in the place of its record is a secret of somebody else',
      },
    ]);
    expect(bench.sink.writes).toBe(0);
  });

  it('is a record of a newer version, even to be discarded', async () => {
    const bench = makeBench();
    const damage = { kind: 'newer', version: 'v9', schema: 2 } as const;
    bench.sink.slots.set('orders', { version: 'v9', record: null, damage });
    expect(await release(bench, ['orders'], 'discard').done).toMatchObject([
      { kind: 'refused', reason: 'its record has schema 2, of a newer version' },
    ]);
  });

  it('is a damaged record, unless its secret is to be discarded', async () => {
    const bench = makeBench();
    const damage = { kind: 'damaged', version: 'v9', reason: 'is not JSON' } as const;
    bench.sink.slots.set('orders', { version: 'v9', record: null, damage });
    expect(await release(bench, ['orders']).done).toMatchObject([
      {
        kind: 'refused',
        hint: expect.stringContaining('linq-gitops release orders --discard-secret') as string,
      },
    ]);
    expect(await release(bench, ['orders'], 'discard').done).toMatchObject([
      { kind: 'released', subscriptionId: null },
    ]);
    expect(recordIn(bench.sink, 'orders')).toBeNull();
    expect(await bench.secrets.list()).toEqual([]);
  });
});
