import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keepSecretFiles } from '../../../src/secrets/secret-files.ts';
import { someSecret } from '../../support/record-builders.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const SECRETS = new Map([
  ['orders', someSecret('a')],
  ['support', someSecret('b')],
]);

it('writes a file for each secret that only its owner can read, in a folder of the same kind', async () => {
  const directory = join(await makeTempDir(), 'released');
  await keepSecretFiles(directory, SECRETS);
  expect(await readdir(directory)).toEqual(['orders', 'support']);
  expect(await readFile(join(directory, 'support'), 'utf8')).toBe(`${someSecret('b').reveal()}\n`);
  expect((await stat(join(directory, 'orders'))).mode & 0o777).toBe(0o600);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

it('writes nothing where a file with another content is in the way of one', async () => {
  const directory = await makeTempDir();
  await writeFile(join(directory, 'support'), 'something else');
  await expect(keepSecretFiles(directory, SECRETS)).rejects.toThrow('a file with another content is there');
  expect(await readdir(directory)).toEqual(['support']);
  expect(await readFile(join(directory, 'support'), 'utf8')).toBe('something else');
});

it('takes a file with the very secret as written, as an earlier run left it', async () => {
  const directory = await makeTempDir();
  await keepSecretFiles(directory, new Map([['orders', someSecret('a')]]));
  await keepSecretFiles(directory, SECRETS);
  expect(await readdir(directory)).toEqual(['orders', 'support']);
});

it('fails where a folder bears the name', async () => {
  const directory = await makeTempDir();
  await mkdir(join(directory, 'orders'));
  await expect(keepSecretFiles(directory, SECRETS)).rejects.toThrow('cannot write secrets into');
});

it('makes no folders on the way', async () => {
  const directory = join(await makeTempDir(), 'missing', 'released');
  await expect(keepSecretFiles(directory, SECRETS)).rejects.toThrow('it does not exist');
});
