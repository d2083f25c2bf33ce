import { link, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SinkError } from '../../../../src/domain/errors.ts';
import { emptyRecord } from '../../../../src/domain/record.ts';
import { createFileReader } from '../../../../src/secrets/file/file-reader.ts';
import { openFileSink } from '../../../../src/secrets/file/file-sink.ts';
import { createLimit, type Limit } from '../../../../src/secrets/limit.ts';
import { ABSENT, type SecretReader } from '../../../../src/secrets/sink.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

/** A folder with a record, its path, and its reader; `limit` is what each reading waits for. */
async function makeFolder(limit: Limit = createLimit(4)) {
  const directory = join(await makeTempDir(), 'secrets');
  const sink = openFileSink({ directory, isEphemeral: true, env: {}, cwd: '/' });
  const version = await sink.write(emptyRecord('orders', 'default'), ABSENT);
  const reader: SecretReader = createFileReader({ directory, writer: 'reader-1' }, '/', limit);
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

it('opens no file to list it that is too large for what a removal leaves', async () => {
  const { reader, file } = await makeFolder();
  const pad = async (size: number): Promise<void> => {
    const text = (await readFile(file, 'utf8')).trimEnd();
    await rm(file);
    // Whoever opens it refuses it.
    await writeFile(file, text.padEnd(size, '\n'), { mode: 0o644 });
  };
  await pad(1_023);
  await expect(reader.list()).rejects.toThrow('others than its owner');
  await pad(1_024);
  expect(await reader.list()).toEqual(['orders']);
});

it('lists nothing that goes before it is looked at', async () => {
  let gone = '';
  const { reader, file } = await makeFolder(async (operation) => {
    await rm(gone);
    return operation();
  });
  gone = file;
  expect(await reader.list()).toEqual([]);
});

it('does not take a folder that cannot be looked into for an empty one', async () => {
  let folder = '';
  const { reader, directory } = await makeFolder(async (operation) => {
    await rename(folder, `${folder}-away`);
    await writeFile(folder, '');
    return operation();
  });
  folder = directory;
  await expect(reader.list()).rejects.toThrow(SinkError);
});
