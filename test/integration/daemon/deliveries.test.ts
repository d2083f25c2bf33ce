import { mkdir, readlink, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  BENCH_START,
  changesOf,
  linesOf,
  openBench,
  textOf,
  type DaemonBench,
} from '../../support/daemon-bench.ts';
import { deliveries, type Delivery } from '../../support/deliveries.ts';
import type { Entries } from '../../support/stage.ts';

const URL = 'https://hooks.example.com/orders?version=2026-02-03';
/** Versions of the file differ in the events of its entry. */
const VERSIONS = [['message.received'], ['message.sent'], ['message.failed'], ['reaction.added']] as const;
const [FIRST, ...LATER] = VERSIONS;

/** For titles in full. */
function named(some: readonly Delivery[]): readonly (readonly [string, Delivery])[] {
  return some.map((delivery) => [delivery.title, delivery]);
}

function version(events: readonly string[]): Entries {
  return { orders: { target_url: URL, subscribed_events: events } };
}

/** Whether the account has this version. */
function isOnTheWire({ stage }: DaemonBench, events: readonly string[]): boolean {
  const live = stage.emulator.subscriptions().find(({ target_url }) => target_url === URL);
  return live?.subscribed_events.join() === events.join();
}

/** Lays the first version out in a folder of its own. */
async function layOut(bench: DaemonBench, { prepare }: Delivery): ReturnType<Delivery['prepare']> {
  const folder = join(bench.stage.folder, 'delivered');
  await mkdir(folder);
  return prepare(folder, textOf(version(FIRST)));
}

describe('with watchers, and a poll and an interval that never come', () => {
  it.each(named(deliveries))('every version that comes by %s is on the wire', async (_title, delivery) => {
    const bench = await openBench();
    const { path, update } = await layOut(bench, delivery);
    const daemon = await bench.start({ file: path });
    await daemon.until(() => isOnTheWire(bench, FIRST));
    for (const events of LATER) {
      await update(textOf(version(events)));
      await daemon.until(() => isOnTheWire(bench, events));
    }
    expect(bench.time.clock.now(), 'nothing but a watcher can have told').toBe(BENCH_START);
    await daemon.stop();
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'PUT', 'PUT', 'PUT']);
    await bench.check(path);
  });

  it('a file that disappears changes nothing, and is on the wire when it is back', async () => {
    const bench = await openBench({ entries: version(FIRST) });
    const daemon = await bench.start();
    await daemon.until(() => isOnTheWire(bench, FIRST));
    await unlink(bench.stage.file);
    await daemon.until(() => linesOf(daemon, 'config_bad').length === 1);
    await bench.time.rest();
    expect(isOnTheWire(bench, FIRST)).toBe(true);
    await bench.stage.declare(version(['message.sent']));
    await daemon.until(() => isOnTheWire(bench, ['message.sent']));
    expect(bench.time.clock.now()).toBe(BENCH_START);
  });

  it('a folder that is not there yet, or no more, is noticed when it comes', async () => {
    const bench = await openBench();
    const path = join(bench.stage.folder, 'mount', 'config', 'subscriptions.yaml');
    const daemon = await bench.start({ file: path });
    await daemon.until(() => linesOf(daemon, 'config_bad').length === 1);
    for (const events of VERSIONS) {
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, textOf(version(events)));
      await daemon.until(() => isOnTheWire(bench, events));
      const bad = linesOf(daemon, 'config_bad').length;
      await rename(join(bench.stage.folder, 'mount'), join(bench.stage.folder, 'gone'));
      await rm(join(bench.stage.folder, 'gone'), { recursive: true });
      await daemon.until(() => linesOf(daemon, 'config_bad').length > bad);
    }
    expect(bench.time.clock.now()).toBe(BENCH_START);
  });

  it.each(named(deliveries.filter(({ title }) => title.startsWith('git-sync'))))(
    'by %s, the commit is in the status and in the log, also where the content is the same',
    async (_title, delivery) => {
      const bench = await openBench();
      const { path, update } = await layOut(bench, delivery);
      const daemon = await bench.start({ file: path });
      await daemon.until(() => isOnTheWire(bench, FIRST));
      const commits = [basename(await readlink(join(path, '..')))];
      for (const events of [LATER[0], LATER[0]]) {
        await update(textOf(version(events)));
        const commit = basename(await readlink(join(path, '..')));
        commits.push(commit);
        await daemon.until(() => linesOf(daemon, 'config_loaded').at(-1)?.['revision'] === commit);
        await bench.time.rest();
        expect((await daemon.status()).config.loaded).toMatchObject({ revision: commit, entries: 1 });
      }
      const told = linesOf(daemon, 'config_loaded').filter(({ level }) => level === 'info');
      expect(told.map(({ revision }) => revision)).toEqual(commits);
      expect(told.map(({ msg }) => msg)).toEqual(commits.map((commit) => `using 1 entry of ${commit}`));
      expect(changesOf(bench)).toEqual(['POST', 'PUT', 'PUT']);
    },
  );
});

describe('without watchers', () => {
  it.each(named(deliveries))(
    'what comes by %s is on the wire with the next poll',
    async (_title, delivery) => {
      const bench = await openBench();
      const { path, update } = await layOut(bench, delivery);
      const daemon = await bench.start({ file: path, follow: { pollMs: 10_000, watches: false } });
      await bench.time.rest();
      expect(isOnTheWire(bench, FIRST)).toBe(true);
      for (const events of LATER) {
        await update(textOf(version(events)));
        expect(isOnTheWire(bench, events)).toBe(false);
        await bench.time.pass(10_000);
        expect(isOnTheWire(bench, events)).toBe(true);
      }
      await daemon.stop();
      expect(changesOf(bench)).toEqual(['POST', 'PUT', 'PUT', 'PUT', 'PUT']);
      await bench.check(path);
    },
  );
});
