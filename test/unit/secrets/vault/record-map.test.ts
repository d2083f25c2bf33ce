import { describe, expect, it } from 'vitest';
import { emptyRecord } from '../../../../src/domain/record.ts';
import {
  entryToMap,
  isSameMap,
  mapToEntry,
  mapToInstallation,
  tombstoneMap,
} from '../../../../src/secrets/vault/record-map.ts';
import { encodeEntry } from '../../../../src/secrets/record-codec.ts';
import { fullRecord, storedRecord } from '../../../support/record-builders.ts';

const withoutSecret = storedRecord('orders', {
  current: { ...storedRecord('orders').current!, signing_secret: null },
});

describe('the data map of a record', () => {
  it.each([
    ['everything', fullRecord('orders')],
    ['nothing', emptyRecord('orders', 'default')],
    ['a subscription', storedRecord('orders')],
    ['a subscription without its secret', withoutSecret],
  ])('gives back a record with %s', (_title, record) => {
    const decoded = mapToEntry(entryToMap(record), 'orders');
    expect(decoded.kind === 'intact' && encodeEntry(decoded.record)).toEqual(encodeEntry(record));
  });

  it('has only the keys of what there is', () => {
    expect(Object.keys(entryToMap(emptyRecord('orders', 'default')))).toEqual(['record']);
    expect(Object.keys(entryToMap(withoutSecret)).sort()).toEqual([
      'record',
      'subscription_id',
      'target_url',
    ]);
  });

  it('has every secret once, and none in the record', () => {
    const { record, ...rest } = entryToMap(fullRecord('orders'));
    expect(record).not.toContain('whsec_');
    expect(Object.values(rest).filter((value) => value.startsWith('whsec_'))).toHaveLength(3);
  });

  it.each([
    ['without its signing secret', { signing_secret: undefined }],
    ['without its subscription id', { subscription_id: undefined }],
    ['with a secret that its record does not have', { previous_signing_secret: 'whsec_x' }],
    ['with a key of somebody else', { password: 'p' }],
    ['with a record that is cut off', { record: '{"schema":1' }],
    ['with a number for a secret', { signing_secret: 7 }],
  ])('is damaged %s, and says so without its content', (_title, change) => {
    const map = Object.fromEntries(
      Object.entries({ ...entryToMap(storedRecord('orders')), ...change }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const decoded = mapToEntry(map, 'orders');
    expect(decoded.kind).toBe('damaged');
    expect(JSON.stringify(decoded)).not.toContain('whsec_');
  });

  it('is that of its own name only', () => {
    expect(mapToEntry(entryToMap(storedRecord('orders')), 'billing').kind).toBe('damaged');
    expect(mapToEntry(tombstoneMap('orders', 'n'), 'billing').kind).toBe('damaged');
  });

  it('is newer, whatever else it holds, where its schema is', () => {
    const map = { record: '{"schema":7,"current":{}}', key_of_later: 'x' };
    expect(mapToEntry(map, 'orders')).toEqual({ kind: 'newer', schema: 7 });
    expect(mapToInstallation(map)).toEqual({ kind: 'newer', schema: 7 });
  });

  it('is foreign without a record, and removed as a tombstone', () => {
    expect(mapToEntry({ password: 'p' }, 'orders')).toEqual({ kind: 'foreign' });
    expect(mapToEntry(tombstoneMap('orders', 'n'), 'orders')).toEqual({ kind: 'removed' });
  });

  it('is the same as another with the same keys and values only', () => {
    expect(isSameMap({ a: '1', b: '2' }, { b: '2', a: '1' })).toBe(true);
    expect(isSameMap({ a: '1' }, { a: '1', b: '2' })).toBe(false);
    expect(isSameMap({ a: '1' }, { a: '2' })).toBe(false);
    expect(isSameMap(tombstoneMap('a', '1'), tombstoneMap('a', '2'))).toBe(false);
  });
});
