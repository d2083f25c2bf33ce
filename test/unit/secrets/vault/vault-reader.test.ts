import { describe, expect, it } from 'vitest';
import { INSTALLATION_NAME, RECORD_SCHEMA } from '../../../../src/domain/record.ts';
import { ABSENT } from '../../../../src/secrets/sink.ts';
import type { KvFound, KvStore } from '../../../../src/secrets/vault/kv-store.ts';
import {
  entryToMap,
  installationToMap,
  tombstoneMap,
  type DataMap,
} from '../../../../src/secrets/vault/record-map.ts';
import { createVaultReader } from '../../../../src/secrets/vault/vault-reader.ts';
import type { RecordContext } from '../../../../src/secrets/vault/versioned-records.ts';
import { storedRecord } from '../../../support/record-builders.ts';

const OURS = { 'managed-by': 'linq-gitops' };
const INSTALLATION = {
  schema: RECORD_SCHEMA,
  name: INSTALLATION_NAME,
  id: 'k3',
  line_ids: ['line-1'],
  pauses: [],
} as const;
const FOREIGN = { kind: 'foreign', reason: 'is a secret that linq-gitops did not write' };
const TOMB = tombstoneMap('orders', 'n1');

function dataAt(
  number: number,
  map: DataMap = entryToMap(storedRecord('orders')),
  marks: DataMap = OURS,
): KvFound {
  return { kind: 'data', map, marks, number, version: `${number}-made` };
}

/** A reader of an engine that lists what stands in it; `reads` are the names that were asked for. */
function makeReader(found: Record<string, KvFound>) {
  const reads: string[] = [];
  const state = { found, time: 1_000_000, answer: null as ((name: string) => Promise<KvFound>) | null };
  const none = () => Promise.reject(new TypeError('a reader writes nothing'));
  const kv: KvStore = {
    list: () => Promise.resolve(Object.keys(state.found).sort()),
    read(name) {
      reads.push(name);
      const absent = { kind: 'absent', number: 0, version: ABSENT } as const;
      return state.answer?.(name) ?? Promise.resolve(state.found[name] ?? absent);
    },
    write: none,
    mark: none,
    olderThan: none,
    destroy: none,
  };
  const records: RecordContext = {
    kv,
    owner: 'default',
    locate: (name) => `vault:secret/linq/${name}`,
    known: new Map(),
    sleep: () => Promise.resolve(),
    nonce: () => 'n',
  };
  const vault = createVaultReader(
    records,
    () => Promise.resolve(),
    () => state.time,
  );
  const forget = (name: string): void => vault.forget(name);
  return { reader: vault.reader, unswept: () => vault.unswept(), forget, state, reads, known: records.known };
}

describe('a list', () => {
  it('has what is a record of ours, whole or not, and nothing else', async () => {
    const { reader, reads } = makeReader({
      intact: dataAt(1, entryToMap(storedRecord('intact'))),
      damaged: dataAt(1, { record: 'x' }),
      deleted: { kind: 'no-data', isDestroyed: false, marks: {}, number: 1, version: '1-made' },
      newer: dataAt(1, { record: '{"schema":99}' }, {}),
      removed: dataAt(2, tombstoneMap('removed', 'n')),
      foreign: dataAt(1, { password: 'x' }, {}),
      alien: dataAt(1, { record: 'x' }, {}),
      bare: { kind: 'absent', number: 0, version: ABSENT },
      [INSTALLATION_NAME]: dataAt(1, { record: '{}' }),
      'Not-A-Name': dataAt(1),
    });
    expect(await reader.list()).toEqual(['damaged', 'deleted', 'intact', 'newer']);
    expect(reads).not.toContain('Not-A-Name');
    expect(reads).not.toContain(INSTALLATION_NAME);
    expect(reader.locate('intact')).toBe('vault:secret/linq/intact');
  });

  it('asks no more for what it knows to hold a record, and always for what it does not', async () => {
    const { reader, reads, state } = makeReader({
      orders: dataAt(1),
      gone: dataAt(1, tombstoneMap('gone', 'n')),
    });
    expect(await reader.list()).toEqual(['orders']);
    reads.length = 0;
    state.found['gone'] = dataAt(2, entryToMap(storedRecord('gone')));
    expect(await reader.list()).toEqual(['gone', 'orders']);
    expect(reads).toEqual(['gone']);
  });

  it('shows no name that this process removed, and shows it again when another wrote it', async () => {
    const { reader, forget, state } = makeReader({ orders: dataAt(1) });
    await reader.list();
    forget('orders');
    state.found['orders'] = dataAt(2, TOMB);
    expect(await reader.list()).toEqual([]);
    state.found['orders'] = dataAt(3);
    expect(await reader.list()).toEqual(['orders']);
  });

  it('shows no name any more that was read to be removed', async () => {
    const { reader, state } = makeReader({ orders: dataAt(1) });
    await reader.list();
    await reader.read('orders');
    state.found['orders'] = dataAt(2, TOMB);
    expect(await reader.read('orders')).toEqual({ kind: 'absent', version: '2-made' });
    expect(await reader.list()).toEqual([]);
  });
});

describe('what a list read', () => {
  it('is handed to the next read, once, for 30 seconds', async () => {
    const { reader, reads, state } = makeReader({ orders: dataAt(1), billing: dataAt(1) });
    await reader.list();
    expect(reads).toEqual(['billing', 'orders']);
    state.time += 30_000;
    expect(await reader.read('orders')).toMatchObject({ kind: 'intact', version: '1-made' });
    expect(reads).toHaveLength(2);
    state.found['orders'] = dataAt(2);
    expect(await reader.read('orders')).toMatchObject({ version: '2-made' });
    state.time += 1;
    state.found['billing'] = dataAt(2);
    expect(await reader.read('billing')).toMatchObject({ version: '2-made' });
    expect(reads).toEqual(['billing', 'orders', 'orders', 'billing']);
  });

  it('is not handed out after a write of this process, or over a version that it knows to be newer', async () => {
    const { reader, forget, state, known } = makeReader({ orders: dataAt(1), billing: dataAt(1) });
    await reader.list();
    state.found = { orders: dataAt(2), billing: dataAt(2) };
    forget('orders');
    expect(await reader.read('orders')).toMatchObject({ version: '2-made' });
    known.set('billing', { number: 2, version: '2-made', isMarked: true });
    expect(await reader.read('billing')).toMatchObject({ version: '2-made' });
  });

  it('is not handed out after another list began', async () => {
    const { reader, reads, state } = makeReader({ orders: dataAt(1) });
    await reader.list();
    await reader.list();
    state.found['orders'] = dataAt(2);
    expect(await reader.read('orders')).toMatchObject({ version: '2-made' });
    expect(reads).toHaveLength(2);
  });

  it('by an older list that ended later does not take the place of what the newer one read', async () => {
    const { reader, reads, state } = makeReader({ orders: dataAt(1) });
    const answers: ((found: KvFound) => void)[] = [];
    const asked: (() => void)[] = [];
    state.answer = () =>
      new Promise((resolve) => {
        answers.push(resolve);
        asked.shift()?.();
      });
    const begin = async () => {
      const whenAsked = new Promise<void>((resolve) => asked.push(resolve));
      const listed = reader.list();
      await whenAsked;
      return { listed };
    };
    const older = await begin();
    const newer = await begin();
    answers[1]!(dataAt(2));
    await newer.listed;
    answers[0]!(dataAt(2));
    await older.listed;
    expect(await reader.read('orders')).toMatchObject({ version: '2-made' });
    expect(reads).toHaveLength(2);
  });
});

describe('a reading of everything', () => {
  it('asks for nothing that the engine does not name, and the next write expects that it is not there', async () => {
    const { reader, reads, known } = makeReader({
      orders: dataAt(1),
      removed: dataAt(2, tombstoneMap('removed', 'n')),
    });
    const found = await reader.readAll(['support', 'removed', 'orders']);
    expect([...found.keys()]).toEqual(['orders', 'removed', 'support']);
    expect(found.get('orders')).toMatchObject({ kind: 'intact', version: '1-made' });
    expect(found.get('removed')).toEqual({ kind: 'absent', version: '2-made' });
    expect(found.get('support')).toEqual({ kind: 'absent', version: ABSENT });
    expect(reads).toEqual(['orders', 'removed']);
    expect(known.get('support')).toMatchObject({ number: 0, version: ABSENT });
  });

  it('asks for what this process wrote and the engine does not name yet', async () => {
    const { reader, reads, state, known } = makeReader({});
    known.set('orders', { number: 1, version: '1-made', isMarked: true });
    state.answer = () => Promise.resolve(dataAt(1));
    expect((await reader.readAll(['orders'])).get('orders')).toMatchObject({ kind: 'intact' });
    expect(reads).toEqual(['orders']);
  });

  it('has only what holds a record, but for what it was asked for, and refuses what is no name', async () => {
    const { reader } = makeReader({
      orders: dataAt(1),
      removed: dataAt(2, tombstoneMap('removed', 'n')),
      foreign: dataAt(1, {}, {}),
    });
    expect([...(await reader.readAll([])).keys()]).toEqual(['orders']);
    expect((await reader.readAll(['foreign'])).get('foreign')).toMatchObject(FOREIGN);
    await expect(reader.readAll(['../orders'])).rejects.toThrow('not a valid entry name');
  });
});

describe('what a read makes of it', () => {
  it.each<[string, KvFound, object]>([
    ['nothing', { kind: 'absent', number: 0, version: ABSENT }, { kind: 'absent', version: ABSENT }],
    ['a tombstone', dataAt(2, TOMB), { kind: 'absent', version: '2-made' }],
    [
      'a deleted version',
      { kind: 'no-data', isDestroyed: false, marks: OURS, number: 2, version: '2-made' },
      { kind: 'damaged', reason: 'is deleted in Vault, and can be undeleted there' },
    ],
    [
      'a destroyed version',
      { kind: 'no-data', isDestroyed: true, marks: OURS, number: 2, version: '2-made' },
      { kind: 'damaged', reason: 'is destroyed in Vault' },
    ],
    ['a secret of others', dataAt(1, { password: 'x' }, {}), FOREIGN],
  ])('%s', async (_, found, entry) => {
    const { reader } = makeReader({ orders: found });
    expect(await reader.read('orders')).toMatchObject(entry);
    await reader.list();
    expect(await reader.read('orders')).toMatchObject(entry);
  });

  it.each<[string, KvFound, object]>([
    ['nothing', { kind: 'absent', number: 0, version: ABSENT }, { kind: 'absent', version: ABSENT }],
    ['a record', dataAt(1, installationToMap(INSTALLATION)), { kind: 'intact', record: INSTALLATION }],
    ['a record of an entry', dataAt(1), { kind: 'damaged' }],
    [
      'a deleted version',
      { kind: 'no-data', isDestroyed: false, marks: OURS, number: 2, version: '2-made' },
      { kind: 'damaged', reason: 'is deleted in Vault, and can be undeleted there' },
    ],
    ['a secret of others', dataAt(1, { password: 'x' }, {}), FOREIGN],
  ])('%s, in the place of the installation', async (_, found, entry) => {
    const { reader } = makeReader({ [INSTALLATION_NAME]: found });
    expect(await reader.readInstallation()).toMatchObject(entry);
  });
});

describe('what is left to sweep', () => {
  it('is before tombstones that were seen and not swept, with their numbers; never a record', async () => {
    const swept = { ...OURS, 'linq-gitops-removed': '2' };
    const { reader, unswept, state } = makeReader({
      billing: dataAt(5, entryToMap(storedRecord('billing'))),
      crm: dataAt(2, tombstoneMap('crm', 'n'), swept),
      half: dataAt(3, tombstoneMap('half', 'n'), swept),
      orders: dataAt(2, TOMB),
    });
    await reader.list();
    expect([...unswept()]).toEqual([
      ['half', 3],
      ['orders', 2],
    ]);
    // Another process wrote over the one, and swept before the other.
    state.found['orders'] = dataAt(3);
    state.found['half'] = dataAt(3, tombstoneMap('half', 'n'), { ...OURS, 'linq-gitops-removed': '3' });
    await reader.list();
    expect([...unswept()]).toEqual([]);
  });
});
