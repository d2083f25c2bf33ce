import { chown, link, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  identityOf,
  isSameFile,
  openSafely,
  readSafely,
  type FileIdentity,
} from '../../../../src/secrets/file/safe-file.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const IS_ROOT = process.geteuid?.() === 0;
const OTHER_USER = 54_321;

const A: FileIdentity = { dev: 1n, ino: 2n };
it.each<[FileIdentity | undefined, FileIdentity | undefined, boolean]>([
  [A, { dev: 1n, ino: 2n }, true],
  [A, { dev: 1n, ino: 3n }, false],
  [A, { dev: 3n, ino: 2n }, false],
  [A, undefined, false],
  [undefined, A, false],
  [undefined, undefined, true],
])('tells whether two are one file: %o, %o', (a, b, isSame) => {
  expect(isSameFile(a, b)).toBe(isSame);
});

it('knows a file that is held open under each of its names, and no other in its place', async () => {
  const directory = await makeTempDir();
  const [path, second, other] = ['a', 'b', 'c'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(path, '{}', { mode: 0o600 });
  await writeFile(other, '{}', { mode: 0o600 });
  await link(path, second);
  const held = openSafely(path);
  expect(isSameFile(held?.identity, identityOf(path))).toBe(true);
  expect(isSameFile(held?.identity, identityOf(second))).toBe(true);
  await rename(other, path);
  expect(isSameFile(held?.identity, identityOf(path))).toBe(false);
  held?.close();
});

it.runIf(IS_ROOT)('refuses the file of another user', async () => {
  const path = join(await makeTempDir(), 'orders.json');
  await writeFile(path, '{}', { mode: 0o600 });
  expect(readSafely(path)).toBeDefined();
  await chown(path, OTHER_USER, OTHER_USER);
  expect(() => readSafely(path)).toThrow('it belongs to another user');
});
