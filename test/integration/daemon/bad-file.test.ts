import { unlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkForeign, recordsOf } from '../../support/account-checks.ts';
import { linesOf, openBench, textOf, type Daemon, type DaemonBench } from '../../support/daemon-bench.ts';
import type { Entries } from '../../support/stage.ts';

const INTERVAL = 300_000;
/** With its jitter, and a poll more. */
const AT_LATEST = INTERVAL * 1.1 + 10_000;
const POLLING = { pollMs: 10_000, watches: false };

function entry(name: string, events = ['message.received']) {
  return { target_url: `https://hooks.example.com/${name}?version=2026-02-03`, subscribed_events: events };
}

/** The last is to be deleted, but not before a bad file has come. */
const BEFORE: Entries = {
  orders: entry('orders'),
  support: entry('support'),
  billing: entry('billing'),
  legacy: entry('legacy'),
};
const { legacy: _removed, ...GOOD } = BEFORE;
const NEXT: Entries = { ...GOOD, orders: entry('orders', ['message.failed']) };

const UNUSABLE = /^cannot use .*subscriptions\.yaml: it has (a problem|\d+ problems)/;
/** How a file is spoilt, and what is said of it. */
const BAD_FILES: readonly (readonly [string, (file: string) => Promise<void>, RegExp])[] = [
  ['half-written', (file) => writeFile(file, textOf(NEXT).slice(0, -40)), UNUSABLE],
  ['empty', (file) => writeFile(file, ''), UNUSABLE],
  [
    'invalid',
    (file) => writeFile(file, textOf({ orders: { ...entry('orders'), target: 'typo' } })),
    UNUSABLE,
  ],
  ['without any entry, which nobody consented to', (file) => writeFile(file, textOf({})), UNUSABLE],
  ['missing', unlink, /^cannot read .*: there is no such file/],
];

function liveOf({ stage }: DaemonBench, name: string) {
  return stage.emulator.subscriptions().find(({ target_url }) => target_url.includes(`/${name}?`));
}

function drift(bench: DaemonBench, name: string): void {
  const id = liveOf(bench, name)?.id ?? '';
  expect(bench.stage.emulator.external.patch(id, { subscribed_events: ['call.ended'] })).toBe(true);
}

/** A daemon at rest whose last good file wants a delete that Linq has refused so far. */
async function startWithPendingDelete(bench: DaemonBench): Promise<Daemon> {
  const { stage, time } = bench;
  const daemon = await bench.start({ follow: POLLING });
  await time.rest();
  const refusal = stage.emulator.addFault({
    match: { path: 'delete' },
    times: 'always',
    action: { kind: 'status', status: 400 },
  });
  await stage.declare(GOOD);
  await time.pass(10_000);
  expect(linesOf(daemon, 'operation_failed').map(({ operation }) => operation)).toEqual(['delete legacy']);
  refusal.remove();
  return daemon;
}

async function probes(daemon: Daemon): Promise<readonly number[]> {
  const answers = await Promise.all(['/livez', '/readyz', '/startupz'].map((path) => daemon.get(path)));
  return answers.map(({ status }) => status);
}

describe('I7: a file that goes bad', () => {
  it.each(BAD_FILES)('deletes nothing and hinders no repair while it is %s', async (_title, spoil, words) => {
    const bench = await openBench({ entries: BEFORE });
    const { stage, time } = bench;
    const daemon = await startWithPendingDelete(bench);
    const loaded = (await daemon.status()).config.loaded;

    await spoil(stage.file);
    drift(bench, 'support');
    const { length } = stage.emulator.requests;
    await time.pass(AT_LATEST);
    await time.pass(AT_LATEST);

    expect(liveOf(bench, 'support')?.subscribed_events, 'drift is put right').toEqual(['message.received']);
    expect(liveOf(bench, 'legacy'), 'the pending delete waits').toBeDefined();
    expect([...(await recordsOf(stage)).keys()]).toContain('legacy');
    const changes = stage.emulator.requests.slice(length).filter(({ method }) => method !== 'GET');
    expect(changes.map(({ method, id }) => `${method} ${id ?? ''}`)).toEqual([
      `PUT ${liveOf(bench, 'support')?.id ?? ''}`,
    ]);
    checkForeign(stage);

    const { config, entries, pass } = await daemon.status();
    expect(config.loaded).toEqual(loaded);
    expect(config.problem?.message).toMatch(words);
    expect(pass.last?.result).toBe('unchanged');
    const states = entries.map(({ name, state, guard }) => [name, state, guard]);
    expect(states).toContainEqual(['legacy', 'held', 'bad-file']);
    expect(states.filter(([, state]) => state === 'in_sync')).toHaveLength(3);
    expect(await daemon.metric('linq_gitops_config_last_load_successful')).toBe(0);
    expect(await daemon.metric('linq_gitops_config_last_load_success_timestamp_seconds')).toBe(
      Date.parse(loaded?.loaded_at ?? '') / 1000,
    );
    const told = linesOf(daemon, 'config_bad');
    expect(told.length, 'every pass has seen it').toBeGreaterThan(2);
    expect(told.filter(({ level }) => level !== 'debug').map(({ level }) => level)).toEqual(['error']);
    expect(told[0]?.msg).toMatch(words);
    expect(await probes(daemon)).toEqual([200, 200, 200]);

    await stage.declare(NEXT);
    await time.pass(10_000);
    expect(liveOf(bench, 'orders')?.subscribed_events).toEqual(['message.failed']);
    expect(liveOf(bench, 'legacy'), 'a good file is consent').toBeUndefined();
    expect((await daemon.status()).config.problem).toBeNull();
    expect(await daemon.metric('linq_gitops_config_last_load_successful')).toBe(1);
    await daemon.stop();
    await bench.check();
  });

  it('is told again with where it stands when its problem becomes another one', async () => {
    const bench = await openBench({ entries: GOOD });
    const daemon = await bench.start({ follow: POLLING });
    await bench.time.rest();
    const head = 'version: 1\nsubscriptions:\n  orders:\n';
    const [wrong, right] = ['    target_url: nowhere\n', '    subscribed_events: [message.sent]\n'];
    await writeFile(bench.stage.file, head + wrong + right);
    await bench.time.pass(10_000);
    const first = (await daemon.status()).config.problem;
    expect(first?.problems[0]).toMatchObject({ line: 4, column: 17 });
    await writeFile(bench.stage.file, head + right + wrong);
    await bench.time.pass(10_000);
    const second = (await daemon.status()).config.problem;
    expect(second?.problems[0]).toMatchObject({ line: 5, column: 17 });
    expect(second?.since, 'since when there is no good one').toBe(first?.since);
    const told = linesOf(daemon, 'config_bad').filter(({ level }) => level === 'error');
    expect(told.map(({ msg }) => /:\d+:\d+/.exec(msg)?.[0])).toEqual([':4:17', ':5:17']);
  });

  it('is no reason to go on with an entry that only the bad one would name', async () => {
    const bench = await openBench({ entries: GOOD });
    const daemon = await bench.start({ follow: POLLING });
    await bench.time.rest();
    await writeFile(bench.stage.file, textOf({ ...GOOD, fresh: entry('fresh'), Wrong: entry('wrong') }));
    await bench.time.pass(AT_LATEST);
    expect(liveOf(bench, 'fresh')).toBeUndefined();
    expect((await daemon.status()).entries.map(({ name }) => name)).toEqual(['billing', 'orders', 'support']);
  });
});

describe('I7: a file that is bad from the start', () => {
  it.each(BAD_FILES)('makes no plan and sends nothing while it is %s', async (_title, spoil, words) => {
    const bench = await openBench({ entries: BEFORE });
    const { stage, time } = bench;
    const first = await bench.start({ follow: POLLING });
    await time.rest();
    await first.stop();
    await spoil(stage.file);
    drift(bench, 'support');
    stage.emulator.clearRequests();

    const daemon = await bench.start({ follow: POLLING });
    await time.pass(2 * AT_LATEST);
    expect(stage.emulator.requests).toEqual([]);
    expect(linesOf(daemon, 'plan')).toEqual([]);
    const { config, pass, entries } = await daemon.status();
    expect(config.loaded).toBeNull();
    expect(config.problem?.message).toMatch(words);
    expect(pass.last?.result).toBe('failed');
    expect(entries).toEqual([]);
    expect(await probes(daemon), 'the records have their secrets').toEqual([200, 503, 200]);
    expect((await daemon.get('/readyz')).text).toContain('no good subscriptions file has been loaded yet');
    expect(await daemon.metric('linq_gitops_config_last_load_successful')).toBe(0);
    expect(linesOf(daemon, 'config_bad').filter(({ level }) => level === 'error')).toHaveLength(1);

    await stage.declare(BEFORE);
    await time.pass(10_000);
    expect(await probes(daemon)).toEqual([200, 200, 200]);
    expect(liveOf(bench, 'support')?.subscribed_events).toEqual(['message.received']);
    await daemon.stop();
    await bench.check();
  });

  it('lets no receiver start where there are no records either', async () => {
    const bench = await openBench();
    await unlink(bench.stage.file);
    const daemon = await bench.start({ follow: POLLING });
    await bench.time.pass(AT_LATEST);
    expect(await probes(daemon)).toEqual([200, 503, 503]);
    expect((await daemon.status()).awaited).toBeNull();
  });
});
