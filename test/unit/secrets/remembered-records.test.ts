import { describe, expect, it } from 'vitest';
import { emptyRecord } from '../../../src/domain/record.ts';
import { rememberRecords, type RememberedRecords } from '../../../src/secrets/remembered-records.ts';
import { makeSink, placeRecord, type ModelSink } from '../../simulation/model-sink.ts';
import { makeBench, overtake, placeInstallation, type Bench } from '../reconcile/bench.ts';

const HOUR = 3_600_000;

interface Remembering {
  readonly bench: Bench;
  readonly sink: ModelSink;
  readonly memory: RememberedRecords;
  /** What the sink itself was asked since the last call. */
  readonly asked: () => readonly string[];
  readonly pass: (ms: number) => void;
}

function open(): Remembering {
  const bench = makeBench();
  let now = 0;
  const asked: string[] = [];
  const { secrets } = bench;
  const memory = rememberRecords(
    {
      locate: (name) => secrets.locate(name),
      list: () => {
        asked.push('list');
        return secrets.list();
      },
      read: (name) => {
        asked.push(name);
        return secrets.read(name);
      },
      readInstallation: () => {
        asked.push('_installation');
        return secrets.readInstallation();
      },
    },
    { maxAgeMs: HOUR, now: () => now },
  );
  for (const name of ['billing', 'orders']) placeRecord(bench.sink, emptyRecord(name, 'default'));
  placeInstallation(bench);
  return {
    bench,
    sink: bench.sink,
    memory,
    asked: () => asked.splice(0),
    pass: (ms) => void (now += ms),
  };
}

/** Everything, as a pass reads it, with names that the file declares beside those of the sink. */
async function readAll(
  memory: RememberedRecords,
  ...declared: readonly string[]
): Promise<readonly string[]> {
  const names = await memory.list();
  for (const name of new Set([...names, ...declared])) await memory.read(name);
  await memory.readInstallation();
  return names;
}

describe('what is remembered', () => {
  it('is not asked for again; the list of names and the installation always are', async () => {
    const { memory, asked } = open();
    await readAll(memory, 'support');
    expect(asked()).toEqual(['list', 'billing', 'orders', 'support', '_installation']);
    await readAll(memory, 'support');
    expect(asked()).toEqual(['list', '_installation']);
    // The same moment: whoever publishes after a pass asks for it once more.
    await memory.readInstallation();
    expect(asked()).toEqual([]);
  });

  it('is what the sink said', async () => {
    const { memory, bench } = open();
    await readAll(memory);
    expect(await memory.read('orders')).toEqual(await bench.secrets.read('orders'));
    expect(await memory.read('support')).toEqual(await bench.secrets.read('support'));
    expect(await memory.readInstallation()).toEqual(await bench.secrets.readInstallation());
    expect(memory.locate('orders')).toBe('model:orders');
  });

  it('is read anew where a name comes or goes', async () => {
    const { memory, sink, asked } = open();
    await readAll(memory, 'support');
    placeRecord(sink, emptyRecord('support', 'default'));
    sink.slots.delete('orders');
    asked();
    expect(await readAll(memory, 'orders')).toEqual(['billing', 'support']);
    expect(asked()).toEqual(['list', 'support', 'orders', '_installation']);
    expect((await memory.read('support')).kind).toBe('intact');
    expect((await memory.read('orders')).kind).toBe('absent');
  });

  it('is read anew where a record has gone, came back and is listed again', async () => {
    const { memory, sink } = open();
    await readAll(memory);
    const version = sink.nextVersion('orders');
    sink.slots.set('orders', { version, record: null });
    await readAll(memory);
    placeRecord(sink, { ...emptyRecord('orders', 'default'), prevent_destroy: true });
    await readAll(memory);
    expect(await memory.read('orders')).toMatchObject({ record: { prevent_destroy: true } });
  });

  it('is the old one where somebody changes a record in place, until it is forgotten', async () => {
    const { memory, bench } = open();
    await readAll(memory);
    overtake(bench, 'orders', { prevent_destroy: true });
    await readAll(memory);
    expect(await memory.read('orders')).toMatchObject({ record: { prevent_destroy: false } });
    memory.forget();
    expect(await memory.read('orders')).toMatchObject({ record: { prevent_destroy: true } });
  });

  it('goes with everything else when it is forgotten', async () => {
    const { memory, asked } = open();
    await readAll(memory);
    memory.forget();
    asked();
    await readAll(memory);
    expect(asked()).toEqual(['list', 'billing', 'orders', '_installation']);
  });

  it('is nothing where the sink failed', async () => {
    const { memory, bench } = open();
    bench.script('sink-read', { fail: 'broken' }, { fail: 'broken' });
    await expect(memory.read('orders')).rejects.toThrow('cannot read orders');
    await expect(memory.readInstallation()).rejects.toThrow('cannot read the installation');
    expect((await memory.read('orders')).kind).toBe('intact');
    expect((await memory.readInstallation()).kind).toBe('intact');
  });

  it('does not hide that the sink cannot be read', async () => {
    const { memory, bench } = open();
    await readAll(memory);
    bench.script('sink-read', { fail: 'broken' });
    await expect(memory.list()).rejects.toThrow('cannot list records');
  });
});

describe('the full check', () => {
  it('is fresh for its time from its beginning, however often was looked in between', async () => {
    const { memory, pass } = open();
    expect(memory.isFresh()).toBe(false);
    await readAll(memory);
    expect(memory.isFresh()).toBe(true);
    pass(HOUR - 1);
    await readAll(memory);
    expect(memory.isFresh()).toBe(true);
    pass(1);
    expect(memory.isFresh()).toBe(false);
  });

  it('is not fresh once it is forgotten, until the next one', async () => {
    const { memory, pass } = open();
    await readAll(memory);
    pass(HOUR / 2);
    memory.forget();
    expect(memory.isFresh()).toBe(false);
    await readAll(memory);
    pass(HOUR - 1);
    expect(memory.isFresh()).toBe(true);
  });

  it('is none where the names could not be listed', async () => {
    const { memory, bench } = open();
    bench.script('sink-read', { fail: 'broken' });
    await expect(memory.list()).rejects.toThrow();
    expect(memory.isFresh()).toBe(false);
  });
});

it('remembers an empty sink as one', async () => {
  const { bench, memory, asked } = open();
  Object.assign(bench.sink, makeSink());
  expect(await readAll(memory)).toEqual([]);
  expect(await readAll(memory)).toEqual([]);
  expect(asked()).toEqual(['list', '_installation', 'list', '_installation']);
});
