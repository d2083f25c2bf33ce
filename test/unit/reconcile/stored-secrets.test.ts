import { describe, expect, it } from 'vitest';
import { SinkError } from '../../../src/domain/errors.ts';
import { emptyRecord } from '../../../src/domain/record.ts';
import { readStoredSecrets } from '../../../src/reconcile/stored-secrets.ts';
import { placeRecord } from '../../simulation/model-sink.ts';
import { fullRecord, storedRecord } from '../../support/record-builders.ts';
import { makeBench } from './bench.ts';

describe('the stored secrets', () => {
  it('are told by name, without the secrets themselves (I5)', async () => {
    const bench = makeBench();
    placeRecord(bench.sink, fullRecord('orders'));
    const stored = await readStoredSecrets(bench.secrets, 'default');
    expect([...stored]).toEqual([
      ['orders', { subscriptionId: 'sub-orders', createdAt: '2026-03-01T10:00:00.000Z', hasSecret: true }],
    ]);
  });

  it('are missing where a record has none yet, or none any more', async () => {
    const bench = makeBench();
    const { current } = storedRecord('lost');
    placeRecord(bench.sink, emptyRecord('begun', 'default'));
    placeRecord(bench.sink, storedRecord('lost', { current: { ...current!, signing_secret: null } }));
    const stored = await readStoredSecrets(bench.secrets, 'default');
    expect(stored.get('begun')).toEqual({ subscriptionId: null, createdAt: null, hasSecret: false });
    expect(stored.get('lost')).toMatchObject({ subscriptionId: 'sub-lost', hasSecret: false });
  });

  it('are not those of another owner, nor of what cannot be read, nor of what was removed', async () => {
    const bench = makeBench();
    placeRecord(bench.sink, storedRecord('foreign', { owner: 'staging' }));
    const [version, record] = ['v', null];
    const damaged = { kind: 'damaged', version, reason: 'no JSON' } as const;
    const newer = { kind: 'newer', version, schema: 2 } as const;
    bench.sink.slots.set('damaged', { version, record, damage: damaged });
    bench.sink.slots.set('newer', { version, record, damage: newer });
    bench.sink.slots.set('removed', { version, record });
    expect((await readStoredSecrets(bench.secrets, 'default')).size).toBe(0);
    expect([...(await readStoredSecrets(bench.secrets, 'staging')).keys()]).toEqual(['foreign']);
  });

  it('leave out what goes between the list and the reading', async () => {
    const bench = makeBench();
    placeRecord(bench.sink, storedRecord('orders'));
    bench.script('sink-read', { after: () => bench.sink.slots.clear() });
    expect((await readStoredSecrets(bench.secrets, 'default')).size).toBe(0);
  });

  it('keep to their names where there are many', async () => {
    const bench = makeBench();
    const names = Array.from({ length: 100 }, (_, index) => `entry-${index}`);
    for (const name of names) placeRecord(bench.sink, storedRecord(name));
    const stored = await readStoredSecrets(bench.secrets, 'default');
    for (const name of names) expect(stored.get(name)?.subscriptionId).toBe(`sub-${name}`);
  });

  it('are not known where the sink cannot be read', async () => {
    const bench = makeBench();
    placeRecord(bench.sink, storedRecord('orders'));
    bench.script('sink-read', {}, { fail: 'broken' });
    await expect(readStoredSecrets(bench.secrets, 'default')).rejects.toBeInstanceOf(SinkError);
  });
});
