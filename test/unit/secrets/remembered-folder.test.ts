import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyRecord } from '../../../src/domain/record.ts';
import { openFileSink } from '../../../src/secrets/file/file-sink.ts';
import { stampOf } from '../../../src/secrets/file/folder.ts';
import { readAll } from '../../../src/secrets/read-all.ts';
import { rememberFolder } from '../../../src/secrets/remembered-folder.ts';
import { ABSENT, type SecretReader } from '../../../src/secrets/sink.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const HOUR = 3_600_000;

/** A folder with two records, and its memory; the stamp is what the test says. */
async function open() {
  const directory = join(await makeTempDir(), 'secrets');
  const sink = openFileSink({ directory, isEphemeral: true, env: {}, cwd: '/' });
  const version = await sink.write(emptyRecord('billing', 'default'), ABSENT);
  await sink.write(emptyRecord('orders', 'default'), ABSENT);
  const state = { now: 0, stamp: 'first' as string | null, readings: 0 };
  const counted: SecretReader = {
    ...sink,
    readAll: (more) => {
      state.readings += 1;
      return readAll(sink, more);
    },
  };
  const memory = rememberFolder(counted, { maxAgeMs: HOUR, now: () => state.now, stamp: () => state.stamp });
  return { directory, sink, version, state, memory };
}

describe('rememberFolder', () => {
  it('reads again only when the folder bears another stamp', async () => {
    const { sink, version, state, memory } = await open();
    const first = await readAll(memory);
    expect([...first.keys()]).toEqual(['billing', 'orders']);
    expect(await readAll(memory)).toEqual(first);
    expect(state.readings).toBe(1);
    await sink.remove('billing', version);
    expect((await readAll(memory)).has('billing')).toBe(true);
    state.stamp = 'second';
    expect([...(await readAll(memory)).keys()]).toEqual(['orders']);
    expect(state.readings).toBe(2);
  });

  it('tells what is absent to who asks for it, and reads again for a name that it has not asked for', async () => {
    const { state, memory } = await open();
    expect((await readAll(memory, ['new'])).get('new')).toEqual({ kind: 'absent', version: ABSENT });
    expect([...(await readAll(memory)).keys()]).toEqual(['billing', 'orders']);
    expect([...(await readAll(memory, ['new', 'orders'])).keys()]).toEqual(['billing', 'new', 'orders']);
    expect(state.readings).toBe(1);
    expect((await readAll(memory, ['other'])).get('other')).toMatchObject({ kind: 'absent' });
    expect(state.readings).toBe(2);
  });

  it('remembers nothing without a stamp, nor what a stamp does not date', async () => {
    const { state, memory } = await open();
    state.stamp = null;
    await readAll(memory);
    await readAll(memory);
    expect(state.readings).toBe(2);
    state.stamp = 'first';
    await readAll(memory);
    expect(state.readings).toBe(3);
  });

  it('is fresh from a reading until its time is over, or it is told to forget', async () => {
    const { state, memory } = await open();
    expect(memory.isFresh()).toBe(false);
    state.now = 5;
    await readAll(memory);
    state.now = HOUR + 4;
    expect(memory.isFresh()).toBe(true);
    state.now = HOUR + 5;
    expect(memory.isFresh()).toBe(false);
    memory.forget();
    await readAll(memory);
    expect(memory.isFresh()).toBe(true);
    expect(state.readings).toBe(2);
  });

  it('asks the sink itself for single records and for the installation', async () => {
    const { sink, version, memory } = await open();
    await readAll(memory);
    await sink.remove('billing', version);
    expect(await memory.list()).toEqual(['orders']);
    expect(await memory.read('billing')).toMatchObject({ kind: 'absent' });
    expect(await memory.readInstallation()).toMatchObject({ kind: 'absent' });
    expect(memory.locate('orders')).toBe(sink.locate('orders'));
  });
});

describe('the stamp of a folder', () => {
  const before = 10_000;

  it('is none where there is no folder, where it cannot be seen, and where it was changed a moment ago', async () => {
    const { directory } = await open();
    expect(stampOf(join(directory, 'missing'))).toBeNull();
    expect(stampOf(join(directory, 'orders.json', 'below'))).toBeNull();
    expect(stampOf(directory, Date.now())).toBeNull();
    expect(stampOf(directory, Date.now() - before)).toBeNull();
  });

  it('is the same until a record is written or removed', async () => {
    const { directory, sink, version } = await open();
    const later = (): number => Date.now() + before;
    const first = stampOf(directory, later());
    expect(first).not.toBeNull();
    await sink.read('orders');
    expect(stampOf(directory, later())).toBe(first);
    const next = await sink.write({ ...emptyRecord('billing', 'default'), prevent_destroy: true }, version);
    const second = stampOf(directory, later());
    expect(second).not.toBe(first);
    await sink.remove('billing', next);
    expect(stampOf(directory, later())).not.toBe(second);
    await utimes(directory, 0, 0);
    expect(stampOf(directory, later())).not.toBe(second);
  });
});
