import { watch, type FSWatcher } from 'node:fs';
import { link, mkdir, realpath, rename, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createFolderWatchers } from '../../../src/daemon/folder-watchers.ts';
import { foldersOnTheWay } from '../../../src/daemon/folders-on-the-way.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

async function makeRealTempDir(): Promise<string> {
  return realpath(await makeTempDir());
}

/** The way as the names in each folder, folders relative to `root`. */
async function wayOf(path: string, root: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const folders = await foldersOnTheWay(path);
  return Object.fromEntries(
    folders.map((folder) => [folder.path.replace(root, '.'), [...folder.names].sort()]),
  );
}

describe('foldersOnTheWay', () => {
  it('names the parent of a plain file', async () => {
    const root = await makeRealTempDir();
    await writeFile(join(root, 'file'), '');
    expect(await wayOf(join(root, 'file'), root)).toEqual({ '.': ['file'] });
  });

  it("names the parents of the file and of a ConfigMap's links", async () => {
    const root = await makeRealTempDir();
    await mkdir(join(root, '..2026'));
    await writeFile(join(root, '..2026/file'), '');
    await symlink('..2026', join(root, '..data'));
    await symlink('..data/file', join(root, 'file'));
    expect(await wayOf(join(root, 'file'), root)).toEqual({ '.': ['..data', 'file'], './..2026': ['file'] });
  });

  it('follows links in the middle, absolute ones and ones that lead upwards', async () => {
    const root = await makeRealTempDir();
    await mkdir(join(root, 'trees/abc/linq'), { recursive: true });
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'trees/abc/linq/file'), '');
    await symlink(join(root, 'trees/abc'), join(root, 'current'));
    await symlink('../current/./linq/file', join(root, 'etc/file'));
    expect(await wayOf(join(root, 'etc/file'), root)).toEqual({
      './etc': ['file'],
      '.': ['current'],
      './trees/abc/linq': ['file'],
    });
  });

  it.each([
    { reason: 'a missing file', path: 'here/file', way: { './here': ['file'] } },
    { reason: 'a folder where the file should be', path: 'here', way: { '.': ['here'] } },
    { reason: 'a missing folder', path: 'here/a/b/file', way: { './here': ['a'] } },
    { reason: 'a file where a folder should be', path: 'plain/file', way: { '.': ['plain'] } },
    { reason: 'a link that leads nowhere', path: 'dangling/file', way: { '.': ['dangling', 'nowhere'] } },
    { reason: 'a link that leads to itself', path: 'circle/file', way: { '.': ['circle'] } },
    {
      reason: 'a name that is too long',
      path: `here/${'n'.repeat(300)}/file`,
      way: { './here': ['n'.repeat(300)] },
    },
  ])('ends at the nearest folder that exists, for $reason', async ({ path, way }) => {
    const root = await makeRealTempDir();
    await mkdir(join(root, 'here'));
    await writeFile(join(root, 'plain'), '');
    await symlink('nowhere', join(root, 'dangling'));
    await symlink('circle', join(root, 'circle'));
    expect(await wayOf(join(root, path), root)).toEqual(way);
  });

  it('gives a folder another identity that is made where one was removed, though its number be the same', async () => {
    const root = await makeRealTempDir();
    const [folder, path] = [join(root, 'etc'), join(root, 'etc/file')];
    const identities = new Set<string>();
    for (let n = 0; n < 5; n += 1) {
      await mkdir(folder);
      identities.add((await foldersOnTheWay(path))[0]!.identity);
      await rmdir(folder);
    }
    expect(identities.size).toBe(5);
  });
});

interface Heard {
  readonly events: () => number;
  /** Resolves at the first event after `from` others. */
  readonly untilMoreThan: (from: number) => Promise<void>;
  readonly rewatch: () => Promise<void>;
}

async function hear(path: string, look = foldersOnTheWay): Promise<Heard> {
  let events = 0;
  let notice: () => void = () => undefined;
  const watchers = createFolderWatchers({
    onEvent() {
      events += 1;
      notice();
    },
    onProblem: (message) => expect.unreachable(message),
  });
  onTestFinished(() => watchers.close());
  async function rewatch(): Promise<void> {
    watchers.watch(await look(path));
    await watchers.ready();
  }
  await rewatch();
  return {
    events: () => events,
    async untilMoreThan(from) {
      while (events <= from) await new Promise<void>((resolve) => (notice = resolve));
    },
    rewatch,
  };
}

function untilSeen(witness: FSWatcher, name: string): Promise<void> {
  return new Promise((resolve) => {
    witness.on('change', (_event, changed) => {
      if (changed === name) resolve();
    });
  });
}

describe('createFolderWatchers', () => {
  it('says nothing about unrelated names in the same folder', async () => {
    const folder = await makeRealTempDir();
    await writeFile(join(folder, 'file'), 'first');
    await writeFile(join(folder, 'neighbour'), 'first');
    const { events, untilMoreThan } = await hear(join(folder, 'file'));
    const before = events();
    // The same events as the watcher gets, in the same order: after the last one, it has had them all.
    const witness = watch(folder);
    onTestFinished(() => witness.close());
    for (let n = 0; n < 30; n += 1) {
      await writeFile(join(folder, 'neighbour'), n.toString());
      await writeFile(join(folder, `neighbour-${n.toString()}`), '');
    }
    const seen = untilSeen(witness, 'last');
    await mkdir(join(folder, 'last'));
    await seen;
    await nextTurn();
    expect(events()).toBe(before);
    await writeFile(join(folder, 'file'), 'second');
    await untilMoreThan(before);
  });

  it('says that something may have happened before a watcher was ready', async () => {
    const { events } = await hear(join(await makeRealTempDir(), 'file'));
    expect(events()).toBe(1);
  });

  it('opens nothing anew while the way stays the same', async () => {
    const folder = await makeRealTempDir();
    const { events, rewatch } = await hear(join(folder, 'file'));
    const before = events();
    for (let n = 0; n < 5; n += 1) await rewatch();
    await nextTurn();
    expect(events()).toBe(before);
  });

  it('watches the folder that was put in the place of another', async () => {
    const folder = await makeRealTempDir();
    const path = join(folder, 'etc/file');
    await mkdir(join(folder, 'etc'));
    const { events, untilMoreThan, rewatch } = await hear(path);
    let before = events();
    await rename(join(folder, 'etc'), join(folder, 'old'));
    await mkdir(join(folder, 'etc'));
    await untilMoreThan(before);
    await rewatch();
    before = events();
    await writeFile(path, '');
    await untilMoreThan(before);
  });

  it('does not trust the identity of a folder that was removed', async () => {
    const path = join(await makeRealTempDir(), 'etc');
    await mkdir(path);
    // As on a file system that keeps no times of birth and gives the same number again.
    const folders = [{ path, identity: 'always the same', names: new Set(['file']) }];
    const { events, untilMoreThan, rewatch } = await hear(path, () => Promise.resolve(folders));
    let before = events();
    await rmdir(path);
    await untilMoreThan(before);
    await mkdir(path);
    await rewatch();
    before = events();
    await writeFile(join(path, 'file'), '');
    await untilMoreThan(before);
  });

  it('hears of a write through another name of the same file', async () => {
    const folder = await makeRealTempDir();
    await mkdir(join(folder, 'etc'));
    await writeFile(join(folder, 'other'), 'first');
    await link(join(folder, 'other'), join(folder, 'etc/file'));
    const { events, untilMoreThan } = await hear(join(folder, 'etc/file'));
    const before = events();
    await writeFile(join(folder, 'other'), 'second');
    await untilMoreThan(before);
  });

  it('opens no watch for what else is in the folder', async () => {
    const folder = await makeRealTempDir();
    for (let n = 0; n < 30; n += 1) await writeFile(join(folder, `neighbour-${n.toString()}`), '');
    await writeFile(join(folder, 'file'), '');
    const openWatches = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap').length;
    const before = openWatches();
    await hear(join(folder, 'file'));
    expect(openWatches() - before).toBeLessThanOrEqual(2);
  });
});
