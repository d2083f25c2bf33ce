import { chmod, copyFile, link, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SinkError } from '../../../../src/domain/errors.ts';
import { emptyRecord } from '../../../../src/domain/record.ts';
import { createFileReader } from '../../../../src/secrets/file/file-reader.ts';
import { openFileSink } from '../../../../src/secrets/file/file-sink.ts';
import type { StepHook } from '../../../../src/secrets/file/file-state.ts';
import { ABSENT, type SecretReader } from '../../../../src/secrets/sink.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

/** A folder with a record, its path, and its reader; `onStep` is called before each file is opened. */
async function makeFolder(onStep: StepHook = () => Promise.resolve()) {
  const directory = join(await makeTempDir(), 'secrets');
  const sink = openFileSink({ directory, isEphemeral: true, env: {}, cwd: '/' });
  const version = await sink.write(emptyRecord('orders', 'default'), ABSENT);
  const reader: SecretReader = createFileReader({ directory, writer: 'reader-1', onStep }, '/');
  return { directory, sink, version, reader, file: join(directory, 'orders.json') };
}

it.each([
  ['x', 'is not valid JSON'],
  ['[]', 'is not a JSON object'],
  ['{}', 'has no version'],
  [' '.repeat(1024 * 1024 + 1), 'is larger than 1 MiB'],
])('says why a file is damaged', async (text, reason) => {
  const { reader, file } = await makeFolder();
  await writeFile(file, text);
  expect(await reader.read('orders')).toMatchObject({ kind: 'damaged', reason });
  expect(await reader.list()).toEqual(['orders']);
});

it('lists no name of which there is but a claim that means nothing', async () => {
  const { directory, reader, file, version } = await makeFolder();
  await link(file, join(directory, `.orders.${version}.claim`));
  await unlink(file);
  expect(await reader.list()).toEqual([]);
  expect(await reader.read('orders')).toEqual({ kind: 'absent', version: ABSENT });
});

it('refuses a claim that leads back to its own version', async () => {
  const { directory, reader, file, version } = await makeFolder();
  await link(file, join(directory, `.orders.${version}.claim`));
  await expect(reader.read('orders')).rejects.toThrow('repeats a version');
});

it('lists nothing where a file cannot be trusted', async () => {
  const { reader, file } = await makeFolder();
  await chmod(file, 0o644);
  await expect(reader.list()).rejects.toThrow('others than its owner');
});

it('lists nothing that goes before it is looked at', async () => {
  let gone = '';
  const { reader, file } = await makeFolder(() => rm(gone));
  gone = file;
  expect(await reader.list()).toEqual([]);
});

it('does not take a folder that cannot be looked into for an empty one', async () => {
  let folder = '';
  const { reader, directory } = await makeFolder(async () => {
    await rename(folder, `${folder}-away`);
    await writeFile(folder, '');
  });
  folder = directory;
  await expect(reader.list()).rejects.toThrow(SinkError);
});

describe('reading everything at once', () => {
  it('gives what stands there by name, in order, and what else was asked for', async () => {
    const { sink, reader } = await makeFolder();
    await sink.write(emptyRecord('billing', 'default'), ABSENT);
    const gone = await sink.remove('gone', await sink.write(emptyRecord('gone', 'default'), ABSENT));
    const everything = await reader.readAll?.(['gone', 'never', 'orders']);
    expect([...(everything ?? [])].map(([name, { kind, version }]) => [name, kind, version])).toEqual([
      ['billing', 'intact', (await reader.read('billing')).version],
      ['gone', 'absent', gone],
      ['never', 'absent', ABSENT],
      ['orders', 'intact', (await reader.read('orders')).version],
    ]);
    expect([...((await reader.readAll?.([])) ?? []).keys()]).toEqual(['billing', 'orders']);
  });

  it('believes a claim that is not moved yet, of a new name too', async () => {
    const { directory, sink, reader, file, version } = await makeFolder();
    const record = { ...emptyRecord('orders', 'default'), prevent_destroy: true };
    await copyFile(file, join(directory, 'before'));
    const successor = await sink.write(record, version);
    await rename(file, join(directory, `.orders.${version}.claim`));
    await rename(join(directory, 'before'), file);
    const fresh = await sink.write(emptyRecord('fresh', 'default'), ABSENT);
    await rename(join(directory, 'fresh.json'), join(directory, '.fresh.absent.claim'));
    const everything = (await reader.readAll?.([])) ?? new Map();
    expect([...everything]).toMatchObject([
      ['fresh', { kind: 'intact', version: fresh }],
      ['orders', { kind: 'intact', version: successor, record: { prevent_destroy: true } }],
    ]);
  });

  it('takes a record that was overtaken since the folder was listed for what it was', async () => {
    let overtake = (): Promise<void> => Promise.resolve();
    const { sink, reader, version } = await makeFolder(() => overtake());
    overtake = async () => {
      overtake = () => Promise.resolve();
      await sink.write({ ...emptyRecord('orders', 'default'), prevent_destroy: true }, version);
    };
    const everything = (await reader.readAll?.([])) ?? new Map();
    expect([...everything]).toMatchObject([['orders', { record: { prevent_destroy: true } }]]);
  });

  it('refuses a name that cannot be one, and an empty folder holds nothing', async () => {
    const { directory, reader } = await makeFolder();
    await expect(reader.readAll?.(['../orders'])).rejects.toThrow('not a valid entry name');
    await rm(directory, { recursive: true });
    expect(await reader.readAll?.([])).toEqual(new Map());
  });
});
