import { describe, expect, it } from 'vitest';
import type { EntryRecord } from '../../../../src/domain/record.ts';
import { compareTrees, treeOf, type ExportTree } from '../../../../src/secrets/export/export-tree.ts';
import { fullRecord, someSecret, storedRecord } from '../../../support/record-builders.ts';

const NONE: ExportTree = new Map();

function texts(tree: ExportTree): Record<string, string> {
  const pairs = [...tree].map(([path, bytes]): [string, string] => [path, bytes.toString()]);
  return Object.fromEntries(pairs.sort());
}

function listOf(records: readonly EntryRecord[]): unknown {
  return JSON.parse(treeOf(records, [], NONE).get('subscriptions.json')?.toString() ?? '');
}

describe('the exported files', () => {
  it('hold raw values, without a newline, and the list of all', () => {
    const secret = someSecret().reveal();
    expect(texts(treeOf([storedRecord('orders')], [], NONE))).toEqual({
      'orders/signing_secret': secret,
      'orders/subscription_id': 'sub-orders',
      'subscriptions.json': `{
  "sub-orders": {
    "name": "orders",
    "signing_secret": "${secret}"
  }
}
`,
    });
  });

  it('hold every secret while a replacement overlaps, each listed under the id that deliveries carry', () => {
    const [current, next, previous] = [someSecret('a'), someSecret('b'), someSecret('c')].map((secret) =>
      secret.reveal(),
    );
    const record = fullRecord('orders');
    expect(texts(treeOf([record], [], NONE))).toMatchObject({
      'orders/signing_secret': current,
      'orders/next_signing_secret': next,
      'orders/previous_signing_secret': previous,
      'orders/subscription_id': 'sub-orders',
    });
    expect(listOf([record])).toEqual({
      'sub-orders': {
        name: 'orders',
        signing_secret: current,
        next_signing_secret: next,
        previous_signing_secret: previous,
      },
      'sub-next': { name: 'orders', signing_secret: next },
      'sub-before': { name: 'orders', signing_secret: previous },
    });
  });

  it('hold only the secret to come where the current one is not known', () => {
    const record = fullRecord('orders');
    const unknown = { ...record, current: { ...record.current!, signing_secret: null }, previous: null };
    const next = someSecret('b').reveal();
    expect(Object.keys(texts(treeOf([unknown], [], NONE)))).toEqual([
      'orders/next_signing_secret',
      'orders/subscription_id',
      'subscriptions.json',
    ]);
    expect(listOf([unknown])).toEqual({
      'sub-orders': { name: 'orders', next_signing_secret: next },
      'sub-next': { name: 'orders', signing_secret: next },
    });
    expect(Object.keys(texts(treeOf([{ ...unknown, current: null }], [], NONE)))).toEqual([
      'orders/next_signing_secret',
      'subscriptions.json',
    ]);
  });

  it('hold nothing of an entry without a secret', () => {
    const known = storedRecord('orders');
    const unknown = { ...known, current: { ...known.current!, signing_secret: null } };
    expect(texts(treeOf([unknown, { ...known, current: null }], [], NONE))).toEqual({
      'subscriptions.json': '{}\n',
    });
  });

  it('are the same whatever the order of the records, and the list is sorted', () => {
    const records = ['orders', 'billing', 'a.b'].map((name) => storedRecord(name));
    expect(texts(treeOf(records, [], NONE))).toEqual(texts(treeOf(records.toReversed(), [], NONE)));
    expect(Object.keys(listOf(records) as object)).toEqual(['sub-a.b', 'sub-billing', 'sub-orders']);
  });

  it('of entries that are kept stay as they stand, in the list too', () => {
    const standing = treeOf([fullRecord('orders'), storedRecord('legacy')], [], NONE);
    const tree = treeOf([storedRecord('billing')], ['orders', 'never-exported'], standing);
    expect(texts(tree)).toEqual(texts(treeOf([fullRecord('orders'), storedRecord('billing')], [], NONE)));
  });

  it.each(['{', '[]', '{"x": null}', '{"x": {"name": 5}}', 'null'])(
    'are made although the list that stands was damaged: %s',
    (damaged) => {
      const standing = new Map([['subscriptions.json', Buffer.from(damaged)]]);
      const records = [storedRecord('orders')];
      expect(texts(treeOf(records, ['legacy'], standing))).toEqual(texts(treeOf(records, [], NONE)));
    },
  );

  it('differ by entry', () => {
    const before = treeOf([storedRecord('a'), storedRecord('b'), storedRecord('c')], [], NONE);
    const after = treeOf([storedRecord('a'), fullRecord('b'), storedRecord('d')], [], NONE);
    expect(compareTrees(before, after)).toEqual({
      changed: ['b', 'd', 'subscriptions.json'],
      removed: ['c'],
    });
    expect(compareTrees(after, after)).toEqual({ changed: [], removed: [] });
  });
});
