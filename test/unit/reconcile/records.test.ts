import { describe, expect, it } from 'vitest';
import { SinkConflictError } from '../../../src/domain/errors.ts';
import { isSameRecord, openRecords } from '../../../src/reconcile/records.ts';
import { placeRecord, recordIn } from '../../simulation/model-sink.ts';
import { fullRecord, someSecret } from '../../support/record-builders.ts';
import { makeBench } from './bench.ts';

describe('two records', () => {
  it('are the same where all fields and all secrets are', () => {
    expect(isSameRecord(fullRecord('orders'), fullRecord('orders'))).toBe(true);
    const bare = { ...fullRecord('orders'), current: null, next: null, previous: null };
    expect(isSameRecord(bare, { ...bare })).toBe(true);
  });

  it.each(['current', 'next', 'previous'] as const)('differ where only the secret of %s does', (part) => {
    const record = fullRecord('orders');
    const other = { ...record, [part]: { ...record[part], signing_secret: someSecret('z') } };
    const unknown = { ...record, [part]: { ...record[part], signing_secret: null } };
    expect(isSameRecord(record, other)).toBe(false);
    expect(isSameRecord(unknown, record)).toBe(false);
  });

  it('differ where any other field does', () => {
    const record = fullRecord('orders');
    expect(isSameRecord(record, { ...record, prevent_destroy: false })).toBe(false);
  });
});

describe('a write that another process was before', () => {
  it('is a conflict where only the secret differs: it would count as stored (I2)', async () => {
    const { sink, secrets } = makeBench();
    const records = openRecords(secrets, new Map());
    const record = fullRecord('orders');
    const next = { ...record.next!, signing_secret: someSecret('z') };
    placeRecord(sink, { ...record, next });
    await expect(records.write(record)).rejects.toBeInstanceOf(SinkConflictError);
    expect(recordIn(sink, 'orders')?.next?.signing_secret?.equals(someSecret('z'))).toBe(true);
  });

  it('is a conflict where the record was removed, or cannot be read', async () => {
    const { sink, secrets } = makeBench();
    const records = openRecords(secrets, new Map());
    sink.slots.set('orders', { version: 'later', record: null });
    await expect(records.write(fullRecord('orders'))).rejects.toBeInstanceOf(SinkConflictError);
    const damage = { kind: 'damaged', version: 'v', reason: 'no JSON' } as const;
    sink.slots.set('orders', { version: 'v', record: null, damage });
    await expect(records.write(fullRecord('orders'))).rejects.toBeInstanceOf(SinkConflictError);
  });
});
