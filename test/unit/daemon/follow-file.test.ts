import { readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FSWatcher, watch } from 'chokidar';
import { describe, expect, it, onTestFinished } from 'vitest';
import { followFile, type FollowedFile, type FollowOptions } from '../../../src/daemon/follow-file.ts';
import type { Clock } from '../../../src/reconcile/context.ts';
import { deliveries } from '../../support/deliveries.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

interface DrivenClock {
  readonly clock: Clock;
  /** Lets one poll happen, and resolves when it has ended. */
  readonly poll: () => Promise<void>;
}

/** A clock on which time passes only when the test says so. */
function createDrivenClock(): DrivenClock {
  let wake: (() => void) | undefined;
  let noticeSleep: () => void = () => undefined;
  async function asleep(): Promise<() => void> {
    while (wake === undefined) await new Promise<void>((resolve) => (noticeSleep = resolve));
    return wake;
  }
  return {
    clock: {
      now: () => 0,
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          const end = (): void => {
            wake = undefined;
            signal?.removeEventListener('abort', end);
            resolve();
          };
          wake = end;
          signal?.addEventListener('abort', end);
          noticeSleep();
        }),
    },
    async poll() {
      (await asleep())();
      await asleep();
    },
  };
}

interface Follower {
  readonly file: FollowedFile;
  /** What the file said each time that a change was told; `null` where it could not be read. */
  readonly told: readonly (string | null)[];
  readonly problems: readonly string[];
  readonly poll: () => Promise<void>;
  /** Resolves when a change was told while the file said this; also where that was before. */
  readonly untilTold: (text: string | null) => Promise<void>;
}

async function follow(path: string, options: Partial<FollowOptions> = {}): Promise<Follower> {
  const told: (string | null)[] = [];
  const problems: string[] = [];
  let notice: () => void = () => undefined;
  const { clock, poll } = createDrivenClock();
  const file = await followFile(path, {
    onChange() {
      told.push(readNow(path));
      notice();
    },
    onProblem: (message) => problems.push(message),
    pollMs: 10_000,
    watches: true,
    clock,
    ...options,
  });
  onTestFinished(() => file.close());
  return {
    file,
    told,
    problems,
    poll,
    async untilTold(text) {
      while (!told.includes(text)) await new Promise<void>((resolve) => (notice = resolve));
    },
  };
}

function readNow(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Takes longer than one reading. */
async function readOften(path: string): Promise<void> {
  for (let n = 0; n < 30; n += 1) await readFile(path);
}

/** How many watches this process has at the system, once those that were closed are gone. */
async function openWatches(): Promise<number> {
  // A handle is closed in the next turn of the event loop.
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  return process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap').length;
}

describe('followFile', () => {
  it.each(deliveries)('hears of every version that comes by $title', async ({ prepare }) => {
    const { path, update } = await prepare(await makeTempDir(), 'first');
    const { untilTold, told } = await follow(path);
    for (const text of ['second', 'third', 'fourth']) {
      await update(text);
      await untilTold(text);
    }
    expect(told.at(-1)).toBe('fourth');
  });

  it.each(deliveries)('finds by polling alone what comes by $title', async ({ prepare }) => {
    const { path, update } = await prepare(await makeTempDir(), 'first');
    const { poll, told } = await follow(path, { watches: false });
    expect(await openWatches()).toBe(0);
    await poll();
    expect(told).toEqual([]);
    await update('second');
    await poll();
    await poll();
    expect(told).toEqual(['second']);
    await update('third');
    await poll();
    expect(told).toEqual(['second', 'third']);
  });

  it('hears of a file that disappears, and of its return', async () => {
    const path = join(await makeTempDir(), 'subscriptions.yaml');
    await writeFile(path, 'first');
    const { untilTold, told } = await follow(path);
    await unlink(path);
    await untilTold(null);
    await writeFile(path, 'first');
    await untilTold('first');
    expect(told).toEqual([null, 'first']);
  });

  it('hears of folders that appear, are removed, and appear again', async () => {
    const folder = await makeTempDir();
    const path = join(folder, 'etc/linq/subscriptions.yaml');
    const { untilTold } = await follow(path);
    await mkdir(join(folder, 'etc/linq'), { recursive: true });
    await writeFile(path, 'first');
    await untilTold('first');
    await rm(join(folder, 'etc'), { recursive: true });
    await untilTold(null);
    await mkdir(join(folder, 'etc/linq'), { recursive: true });
    await writeFile(path, 'second');
    await untilTold('second');
    await writeFile(path, 'third');
    await untilTold('third');
  });

  it('watches the new folders after a poll has found that a folder further up was exchanged', async () => {
    const folder = await makeTempDir();
    const path = join(folder, 'etc/linq/subscriptions.yaml');
    await mkdir(join(folder, 'etc/linq'), { recursive: true });
    await writeFile(path, 'first');
    const { untilTold, poll } = await follow(path);
    await mkdir(join(folder, 'new/linq'), { recursive: true });
    await writeFile(join(folder, 'new/linq/subscriptions.yaml'), 'second');
    await rename(join(folder, 'etc'), join(folder, 'old'));
    await rename(join(folder, 'new'), join(folder, 'etc'));
    await poll();
    await untilTold('second');
    await writeFile(path, 'third');
    await untilTold('third');
  });

  it('hears of a link that led nowhere and is put right', async () => {
    const folder = await makeTempDir();
    const path = join(folder, 'current/subscriptions.yaml');
    await symlink('nowhere', join(folder, 'current'));
    const { untilTold } = await follow(path);
    await mkdir(join(folder, 'somewhere'));
    await writeFile(join(folder, 'somewhere/subscriptions.yaml'), 'first');
    await symlink('somewhere', join(folder, 'current.new'));
    await rename(join(folder, 'current.new'), join(folder, 'current'));
    await untilTold('first');
  });

  it('hears of a new commit with the same content', async () => {
    const folder = await makeTempDir();
    const [before, after] = ['a'.repeat(40), 'b'.repeat(40)];
    for (const commit of [before, after]) {
      await mkdir(join(folder, commit));
      await writeFile(join(folder, commit, 'subscriptions.yaml'), 'same');
    }
    await symlink(before, join(folder, 'current'));
    const { untilTold, told } = await follow(join(folder, 'current/subscriptions.yaml'));
    await symlink(after, join(folder, 'new'));
    await rename(join(folder, 'new'), join(folder, 'current'));
    await untilTold('same');
    expect(told).toEqual(['same']);
  });

  it('tells why a file cannot be read as a change, and its getting well too', async () => {
    const folder = await makeTempDir();
    const path = join(folder, 'subscriptions.yaml');
    await writeFile(path, 'first');
    const { poll, told } = await follow(path, { watches: false });
    await unlink(path);
    await symlink('subscriptions.yaml', path);
    await poll();
    expect(told).toHaveLength(1);
    await unlink(path);
    await mkdir(path);
    await poll();
    expect(told).toHaveLength(2);
    await rm(path, { recursive: true });
    await writeFile(path, 'first');
    await poll();
    expect(told).toHaveLength(3);
  });

  it('does not take a changed mode or time for a change', async () => {
    const path = join(await makeTempDir(), 'subscriptions.yaml');
    await writeFile(path, 'first');
    const { poll, told } = await follow(path);
    await chmod(path, 0o600);
    await writeFile(path, 'first');
    await poll();
    expect(told).toEqual([]);
  });

  it('tells of a burst of writes a few times, and of the last one', async () => {
    const path = join(await makeTempDir(), 'subscriptions.yaml');
    await writeFile(path, 'first');
    const { untilTold, told } = await follow(path);
    for (let n = 1; n <= 50; n += 1) await writeFile(path, `write ${n.toString()}`);
    await untilTold('write 50');
    expect(told.length).toBeLessThanOrEqual(5);
  });

  it('tells of a change while writing goes on and on', async () => {
    const path = join(await makeTempDir(), 'subscriptions.yaml');
    await writeFile(path, 'first');
    const { told } = await follow(path);
    for (let n = 1; told.length === 0; n += 1) {
      await writeFile(path, `write ${n.toString()}`);
      await nextTurn();
    }
    expect(told).not.toEqual([]);
  });

  it('keeps as many watches over 200 swaps, and none after closing', async () => {
    const swapping = deliveries.filter(({ title }) => /ConfigMap, the old|git-sync, the old/.test(title));
    const before = await openWatches();
    for (const { prepare } of swapping) {
      const { path, update } = await prepare(await makeTempDir(), 'first');
      const { file, poll, untilTold } = await follow(path);
      const atFirst = await openWatches();
      expect(atFirst).toBeGreaterThan(before);
      for (let n = 1; n <= 50; n += 1) {
        await update(n.toString());
        await poll();
      }
      await update('last');
      await untilTold('last');
      expect(await openWatches()).toBe(atFirst);
      await file.close();
      await file.close();
      expect(await openWatches()).toBe(before);
    }
  });

  it('tells nothing after closing', async () => {
    const path = join(await makeTempDir(), 'subscriptions.yaml');
    await writeFile(path, 'first');
    const { file, told } = await follow(path);
    const other = await follow(path);
    await writeFile(path, 'second');
    await file.close();
    await other.untilTold('second');
    expect(told).toEqual([]);
  });

  it('tells nothing after closing in the middle of a look', async () => {
    const path = join(await makeTempDir(), 'subscriptions.yaml');
    await writeFile(path, 'first');
    const { file, poll, told } = await follow(path, { watches: false });
    await writeFile(path, 'second');
    void poll();
    await nextTurn();
    await file.close();
    expect(told).toEqual([]);
  });

  it('is not there before its watchers are ready', async () => {
    const path = join(await makeTempDir(), 'subscriptions.yaml');
    await writeFile(path, 'first');
    let isReady = false;
    await follow(path, {
      openWatcher() {
        const watcher = new FSWatcher();
        void readOften(path).then(() => {
          isReady = true;
          watcher.emit('ready');
        });
        return watcher;
      },
    });
    expect(isReady).toBe(true);
  });

  it('tells once that a folder cannot be watched, and goes on by polling', async () => {
    const { path, update } = await deliveries[3]!.prepare(await makeTempDir(), 'first');
    let opened = 0;
    const { problems, poll, told } = await follow(path, {
      openWatcher() {
        opened += 1;
        const watcher = new FSWatcher();
        const refusal = Object.assign(new Error('watch ENOSPC'), { code: 'ENOSPC', syscall: 'watch' });
        process.nextTick(() => {
          watcher.emit('error', refusal);
          watcher.emit('error', refusal);
        });
        return watcher;
      },
    });
    await update('second');
    await poll();
    expect(told).toEqual(['second']);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^cannot watch .*: the limit of inotify watches is reached/);
    expect(opened).toBeGreaterThan(2);
  });

  it('watches again when the limit is no longer reached', async () => {
    const path = join(await makeTempDir(), 'subscriptions.yaml');
    await writeFile(path, 'first');
    let isLimited = true;
    const { poll, untilTold } = await follow(path, {
      openWatcher(folders, options) {
        const watcher = watch(folders, options);
        if (isLimited) process.nextTick(() => watcher.emit('error', new Error('watch ENOSPC')));
        return watcher;
      },
    });
    isLimited = false;
    await poll();
    await writeFile(path, 'second');
    await untilTold('second');
  });
});
