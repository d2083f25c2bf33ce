import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, SinkError } from '../../../../src/domain/errors.ts';
import {
  inspectFolder,
  inspectPermanence,
  judgePermanence,
  listFolder,
  makeFolder,
} from '../../../../src/secrets/file/folder.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;
const OVERLAY = 0x794c7630;
const EXT4 = 0xef53;

describe("the sink's folder", () => {
  it('is made with what is missing above it, closed to others, and hidden from git', async () => {
    const above = join(await makeTempDir(), 'var');
    const directory = join(above, 'secrets');
    expect(await makeFolder(directory)).toEqual([]);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(above)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(directory, '.gitignore'), 'utf8')).toBe('*\n');
    expect(await makeFolder(directory)).toEqual([]);
  });

  it('may stand in a volume root that a group can write', async () => {
    const root = await makeTempDir();
    await chmod(root, 0o2770);
    await makeFolder(join(root, 'secrets'));
    expect(inspectFolder(join(root, 'secrets'))).toBe(true);
  });

  it.each([0o770, 0o707, 0o777, 0o1777])('is refused with mode %o', async (mode) => {
    const directory = join(await makeTempDir(), 'secrets');
    await mkdir(directory);
    await chmod(directory, mode);
    expect(() => inspectFolder(directory)).toThrow(SinkError);
    await expect(makeFolder(directory)).rejects.toThrow(SinkError);
    expect(await readdir(directory)).toEqual([]);
  });

  it('is refused where it is a link or a file', async () => {
    const root = await makeTempDir();
    await mkdir(join(root, 'real'));
    await symlink('real', join(root, 'link'));
    await writeFile(join(root, 'file'), '');
    expect(() => inspectFolder(join(root, 'link'))).toThrow('symbolic link');
    expect(() => inspectFolder(join(root, 'file'))).toThrow('not a folder');
    await expect(makeFolder(join(root, 'file', 'secrets'))).rejects.toThrow(SinkError);
    expect(await readdir(join(root, 'real'))).toEqual([]);
  });

  it.runIf(process.geteuid?.() === 0)('is refused where it belongs to another user', async () => {
    const directory = join(await makeTempDir(), 'secrets');
    await makeFolder(directory);
    await chown(directory, 54_321, 54_321);
    expect(() => inspectFolder(directory)).toThrow('it belongs to another user');
  });

  it('is taken where it belongs to root', () => {
    expect(inspectFolder('/usr')).toBe(true);
  });

  it('is not missing where nobody can look', async () => {
    const root = await makeTempDir();
    await writeFile(join(root, 'file'), '');
    expect(inspectFolder(join(root, 'missing'))).toBe(false);
    expect(() => inspectFolder(join(root, 'file', 'secrets'))).toThrow(SinkError);
    expect(await listFolder(join(root, 'missing'))).toEqual([]);
    await expect(listFolder(join(root, 'file'))).rejects.toThrow(SinkError);
  });

  it('is made by many at once, with one .gitignore', async () => {
    const directory = join(await makeTempDir(), 'var', 'deep', 'secrets');
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(directory)));
    expect(await readdir(directory)).toEqual(['.gitignore']);
    expect(await readFile(join(directory, '.gitignore'), 'utf8')).toBe('*\n');
  });

  it('is refused where it holds other things, which stay as they are', async () => {
    const directory = await makeTempDir();
    await writeFile(join(directory, 'package.json.bak'), '{}');
    await expect(makeFolder(directory)).rejects.toThrow('it holds other things');
    expect(await readdir(directory)).toEqual(['package.json.bak']);
  });

  it('is taken with records in it that lost their .gitignore', async () => {
    const directory = await makeTempDir();
    await writeFile(join(directory, 'orders.json'), '{}');
    expect(await makeFolder(directory)).toEqual([]);
    expect((await readdir(directory)).sort()).toEqual(['.gitignore', 'orders.json']);
  });

  it('keeps a .gitignore that somebody wrote, and says that it hides nothing', async () => {
    const directory = await makeTempDir();
    await writeFile(join(directory, '.gitignore'), '# nothing\n');
    expect(await makeFolder(directory)).toEqual([expect.stringContaining('git may pick up')]);
    expect(await readFile(join(directory, '.gitignore'), 'utf8')).toBe('# nothing\n');
  });
});

describe('what a file system means for secrets', () => {
  const no = { isEphemeral: false, isCi: false };
  it.each([
    { reason: 'tmpfs', type: TMPFS, options: no, outcome: 'refused' },
    { reason: 'ramfs', type: RAMFS, options: no, outcome: 'refused' },
    { reason: 'a CI run', type: EXT4, options: { ...no, isCi: true }, outcome: 'refused' },
    { reason: 'a container’s overlay', type: OVERLAY, options: no, outcome: 'warned' },
    { reason: 'a disk', type: EXT4, options: no, outcome: 'fine' },
    { reason: 'an unknown one', type: undefined, options: no, outcome: 'fine' },
    {
      reason: 'tmpfs with consent',
      type: TMPFS,
      options: { isEphemeral: true, isCi: true },
      outcome: 'fine',
    },
    { reason: 'overlay with consent', type: OVERLAY, options: { ...no, isEphemeral: true }, outcome: 'fine' },
  ])('$reason: $outcome', ({ type, options, outcome }) => {
    const { refusal, warnings } = judgePermanence(type, options);
    expect(refusal !== undefined ? 'refused' : warnings.length > 0 ? 'warned' : 'fine').toBe(outcome);
  });

  it.runIf(existsSync('/dev/shm'))('refuses real memory before anything is made there', async () => {
    const parent = await makeTempDir('/dev/shm');
    const directory = join(parent, 'deep', 'secrets');
    const refused = inspectPermanence(directory, no);
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toMatchObject({
      exitCode: 78,
      hint: expect.stringContaining('ephemeral') as string,
    });
    expect(await readdir(parent)).toEqual([]);
  });
});
