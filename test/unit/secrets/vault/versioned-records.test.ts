import { describe, expect, it } from 'vitest';
import { SinkConflictError, SinkError } from '../../../../src/domain/errors.ts';
import type { KvFound, KvStore } from '../../../../src/secrets/vault/kv-store.ts';
import {
  entryToMap,
  mapToEntry,
  tombstoneMap,
  type DataMap,
} from '../../../../src/secrets/vault/record-map.ts';
import {
  isForeign,
  putMap,
  readStanding,
  removeMap,
  type RecordContext,
} from '../../../../src/secrets/vault/versioned-records.ts';
import { ABSENT } from '../../../../src/secrets/sink.ts';
import { storedRecord } from '../../../support/record-builders.ts';

const FIRST = entryToMap(storedRecord('orders'));
const SECOND = entryToMap(storedRecord('orders', { prevent_destroy: true }));
const OURS = { 'managed-by': 'linq-gitops', owner: 'default' };
const PAUSES = [200, 400, 800, 1_600, 3_200];

type Written = Awaited<ReturnType<KvStore['write']>>;

/** A KV engine with one secret, and a script of what becomes of reads and writes. */
interface Engine {
  readonly context: RecordContext;
  readonly calls: string[];
  readonly sleeps: number[];
  found: KvFound;
  older: readonly number[];
  /** Instead of what stands there, one for each read. */
  readonly reads: (KvFound | Error)[];
  /** Instead of writing, one for each write; it may change what stands there. */
  readonly writes: ((map: DataMap, expected: number) => Written)[];
  markFails: Error | null;
  destroyFails: Error | null;
}

function versionAt(number: number) {
  return { number, version: `${number}-made` };
}

function dataAt(number: number, map: DataMap, marks: DataMap = OURS): KvFound {
  return { kind: 'data', map, marks, ...versionAt(number) };
}

function makeEngine(found: KvFound = { kind: 'absent', number: 0, version: ABSENT }): Engine {
  const calls: string[] = [];
  const sleeps: number[] = [];
  const kv: KvStore = {
    list: () => Promise.resolve(['orders']),
    read() {
      calls.push('read');
      const answer = engine.reads.shift() ?? engine.found;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    write(_, map, expected) {
      calls.push(`write ${expected}`);
      return Promise.resolve((engine.writes.shift() ?? land)(map, expected));
    },
    mark(_, marks) {
      calls.push(`mark ${Object.keys(marks).join(',')}`);
      if (engine.markFails !== null) return Promise.reject(engine.markFails);
      if (engine.found.kind !== 'absent')
        engine.found = { ...engine.found, marks: { ...engine.found.marks, ...marks } };
      return Promise.resolve();
    },
    olderThan: () => Promise.resolve(engine.older),
    destroy(_, numbers) {
      calls.push(`destroy ${numbers.join(',')}`);
      if (engine.destroyFails !== null) return Promise.reject(engine.destroyFails);
      return Promise.resolve();
    },
  };
  function land(map: DataMap, expected: number): Written {
    const { found } = engine;
    if (found.number !== expected) return { kind: 'mismatch' };
    engine.found = dataAt(expected + 1, map, found.kind === 'absent' ? {} : (found.marks as DataMap));
    return { kind: 'written', ...versionAt(expected + 1) };
  }
  const engine: Engine = {
    calls,
    sleeps,
    found,
    older: [],
    reads: [],
    writes: [],
    markFails: null,
    destroyFails: null,
    context: {
      kv,
      owner: 'default',
      locate: (name) => `vault:secret/linq/${name}`,
      known: new Map(),
      sleep: (ms) => Promise.resolve(void sleeps.push(ms)),
      nonce: () => 'nonce',
    },
  };
  return engine;
}

const decode = (map: Readonly<Record<string, unknown>>) => mapToEntry(map, 'orders');

function put(engine: Engine, map: DataMap = SECOND, expected = engine.found.version) {
  return putMap(engine.context, 'orders', map, expected, decode);
}

const silence = (wasSent: boolean): Written => ({
  kind: 'unknown',
  error: new SinkError('cannot write: no answer'),
  wasSent,
});

describe('a read', () => {
  it('asks a node again that shows less than was written here, and believes it in the end', async () => {
    const engine = makeEngine();
    await put(engine, FIRST, ABSENT);
    const lagging: KvFound = { kind: 'absent', number: 0, version: ABSENT };
    engine.reads.push(lagging, lagging);
    expect((await readStanding(engine.context, 'orders', decode)).found.number).toBe(1);
    expect(engine.sleeps).toEqual([200, 400]);
    engine.reads.push(lagging, lagging, lagging, lagging, lagging);
    expect((await readStanding(engine.context, 'orders', decode)).found).toEqual(lagging);
    expect(engine.sleeps.slice(2)).toEqual(PAUSES.slice(0, 4));
  });
});

describe('a write', () => {
  it('succeeds the version that it expects, and needs no read where that is known', async () => {
    const engine = makeEngine();
    const { version } = await put(engine, FIRST, ABSENT);
    expect(engine.calls).toEqual(['read', 'write 0', 'mark managed-by,owner']);
    engine.calls.length = 0;
    expect(await put(engine, SECOND, version)).toEqual({ kind: 'written', ...versionAt(2) });
    expect(engine.calls, 'nor a second mark').toEqual(['write 1']);
    expect(engine.sleeps).toEqual([]);
  });

  it('needs no read either of what was read', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    await readStanding(engine.context, 'orders', decode);
    engine.calls.length = 0;
    await put(engine);
    expect(engine.calls).toEqual(['write 3']);
  });

  it('is a conflict where another version is current, at once', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    await expect(put(engine, SECOND, '2-made')).rejects.toBeInstanceOf(SinkConflictError);
    expect(engine.calls).toEqual(['read']);
  });

  it('that is refused is not tried again, and says that nothing was written', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    const error = new SinkError('cannot write: permission denied');
    engine.writes.push(() => ({ kind: 'refused', error }));
    await expect(put(engine)).rejects.toBe(error);
    expect([engine.calls.length, engine.sleeps]).toEqual([2, []]);
  });

  it('that was certainly not sent is not tried again either', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push(() => silence(false));
    await expect(put(engine)).rejects.toThrow(/no answer$/);
    expect([engine.calls.length, engine.sleeps]).toEqual([2, []]);
  });

  it('without an answer is looked for, and sent again where it is not there', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push(() => silence(true));
    await put(engine);
    expect(engine.found).toMatchObject({ number: 4, map: SECOND });
    expect(engine.calls).toEqual(['read', 'write 3', 'read', 'write 3']);
    expect(engine.sleeps).toEqual([200]);
  });

  it('without an answer that landed is done', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push((map) => {
      engine.found = dataAt(4, map);
      return silence(true);
    });
    expect(await put(engine)).toMatchObject(versionAt(4));
    expect(engine.calls).toEqual(['read', 'write 3', 'read']);
  });

  it('is given up after two without an answer, and may have been written', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push(...Array.from({ length: 9 }, () => () => silence(true)));
    await expect(put(engine)).rejects.toThrow(/no answer; it may have been written$/);
    expect(engine.calls.filter((call) => call === 'write 3')).toHaveLength(2);
  });

  it('may have been written where one was not answered and the next one is refused, or not sent', async () => {
    const refusal: Written = { kind: 'refused', error: new SinkError('cannot write: sealed') };
    for (const [second, words] of [
      [refusal, /sealed; it may have been written$/],
      [silence(false), /no answer; it may have been written$/],
    ] as const) {
      const engine = makeEngine(dataAt(3, FIRST));
      engine.writes.push(
        () => silence(true),
        () => second,
      );
      await expect(put(engine)).rejects.toThrow(words);
    }
  });

  it('may have been written where it can neither be read back', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push(() => silence(true));
    engine.reads.push(engine.found, new SinkError('cannot read: no answer either'));
    await expect(put(engine)).rejects.toThrow(/^cannot write: no answer; it may have been written$/);
    const other = makeEngine(dataAt(3, FIRST));
    other.writes.push(() => ({ kind: 'mismatch' }));
    other.reads.push(other.found, new SinkError('cannot read: no answer'));
    await expect(put(other)).rejects.toThrow(/^cannot read: no answer; it may have been written$/);
  });

  it('throws a bug met while reading back', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push(() => silence(true));
    engine.reads.push(engine.found, new TypeError('a bug'));
    await expect(put(engine)).rejects.toThrow(/^a bug$/);
  });

  it('is tried five times where the server refuses the very version that it shows', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push(...Array.from({ length: 9 }, () => () => ({ kind: 'mismatch' }) as const));
    await expect(put(engine)).rejects.toThrow(
      'cannot write vault:secret/linq/orders: the server refuses the version that it shows; it may have been written',
    );
    expect(engine.calls.filter((call) => call === 'write 3')).toHaveLength(5);
    expect(engine.sleeps).toEqual(PAUSES);
  });

  it('is a conflict where another process wrote meanwhile', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push(() => {
      engine.found = dataAt(4, FIRST);
      return { kind: 'mismatch' };
    });
    await expect(put(engine)).rejects.toBeInstanceOf(SinkConflictError);
    expect(engine.sleeps).toEqual([]);
  });

  it('is no success where the server did not compare, and wrote over another version (I2)', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push((map) => {
      // Another process had written versions 4 and 5, and the server took no notice of `cas`.
      engine.found = dataAt(6, map);
      return silence(true);
    });
    await expect(put(engine)).rejects.toThrow('another version than the one after 3');
  });
});

describe('what is no work of ours', () => {
  const theirs = { password: 'x' };
  const damaged = { ...FIRST, record: '{' };

  it.each([
    { what: 'a secret of somebody else', found: dataAt(1, theirs, {}), foreign: true },
    { what: 'a record that cannot be read', found: dataAt(1, damaged, {}), foreign: true },
    { what: 'a version without data', found: noData({}), foreign: true },
    { what: 'a secret with our mark', found: dataAt(1, theirs), foreign: false },
    { what: 'a damaged record with our mark', found: dataAt(1, damaged), foreign: false },
    { what: 'a version without data with our mark', found: noData(OURS), foreign: false },
    { what: 'a record of ours that lost its mark', found: dataAt(1, FIRST, {}), foreign: false },
  ])('is, or is not, $what', async ({ found, foreign }) => {
    const engine = makeEngine(found);
    expect(isForeign(await readStanding(engine.context, 'orders', decode))).toBe(foreign);
    engine.calls.length = 0;
    if (foreign) {
      await expect(put(engine)).rejects.toThrow('a secret is there that linq-gitops did not write');
      expect(engine.calls).toEqual(['read']);
    } else {
      await put(engine);
      expect(engine.found).toMatchObject({ number: 2, marks: { 'managed-by': 'linq-gitops' } });
    }
  });

  it('is left alone also when it is found where a write was refused', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.writes.push(() => {
      engine.found = dataAt(1, theirs, {});
      return { kind: 'mismatch' };
    });
    engine.context.known.set('orders', { ...versionAt(3), isMarked: true });
    engine.reads.push(...Array.from({ length: 5 }, () => dataAt(1, theirs, {})));
    await expect(put(engine)).rejects.toThrow('a secret is there that linq-gitops did not write');
    expect(engine.context.known.has('orders')).toBe(false);
  });

  it('is the record of a newer program, mark or not', async () => {
    const engine = makeEngine(dataAt(1, { ...FIRST, record: '{"schema":2}' }));
    await readStanding(engine.context, 'orders', decode);
    await expect(put(engine)).rejects.toThrow('schema 2, of a newer linq-gitops');
    expect(engine.calls).toEqual(['read', 'read']);
  });
});

function noData(marks: DataMap): KvFound {
  return { kind: 'no-data', isDestroyed: false, marks, ...versionAt(1) };
}

describe('a mark', () => {
  it('that fails is made up for by the next write, until one is made', async () => {
    const engine = makeEngine();
    engine.markFails = new SinkError('cannot mark: no answer');
    await put(engine, FIRST, ABSENT);
    engine.markFails = null;
    await put(engine);
    await put(engine, FIRST);
    expect(engine.calls.filter((call) => call.startsWith('mark'))).toHaveLength(2);
  });

  it('throws a bug', async () => {
    const engine = makeEngine();
    engine.markFails = new TypeError('a bug');
    await expect(put(engine, FIRST, ABSENT)).rejects.toThrow(TypeError);
  });
});

describe('a removal', () => {
  const remove = (engine: Engine, expected = engine.found.version) =>
    removeMap(engine.context, 'orders', expected, decode);

  it('leaves a tombstone, destroys what was before, and notes that', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.older = [1, 2, 3];
    expect(await remove(engine)).toBe('4-made');
    expect(engine.found).toMatchObject({
      map: tombstoneMap('orders', 'nonce'),
      marks: { 'linq-gitops-removed': '4' },
    });
    expect(engine.calls.slice(1)).toEqual(['write 3', 'destroy 1,2,3', 'mark linq-gitops-removed']);
    engine.calls.length = 0;
    expect(await remove(engine), 'again').toBe('4-made');
    expect(engine.calls).toEqual(['read']);
  });

  it('is finished where it was cut off, and calls nothing where nothing is left', async () => {
    const engine = makeEngine(
      dataAt(4, tombstoneMap('orders', 'x'), { ...OURS, 'linq-gitops-removed': '2' }),
    );
    expect(await remove(engine)).toBe('4-made');
    expect(engine.calls).toEqual(['read', 'mark linq-gitops-removed']);
  });

  it('says that older versions are left, and why', async () => {
    const engine = makeEngine(dataAt(3, FIRST));
    engine.older = [3];
    engine.destroyFails = new SinkError('cannot destroy: denied', { hint: 'see the policy' });
    await expect(remove(engine)).rejects.toMatchObject({
      message: 'cannot destroy: denied; vault:secret/linq/orders is removed, its older versions are not',
      hint: 'see the policy',
    });
    expect(engine.calls.at(-1), 'nothing is noted').toBe('destroy 3');
    const bug = makeEngine(dataAt(3, FIRST));
    bug.older = [3];
    bug.destroyFails = new TypeError('a bug');
    await expect(remove(bug)).rejects.toThrow(/^a bug$/);
  });

  it('of another version than the tombstone is a conflict', async () => {
    const engine = makeEngine(dataAt(4, tombstoneMap('orders', 'x')));
    await expect(remove(engine, '3-made')).rejects.toBeInstanceOf(SinkConflictError);
  });
});
