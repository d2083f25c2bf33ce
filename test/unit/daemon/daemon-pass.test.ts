import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { openBoard, type Board } from '../../../src/daemon/board.ts';
import { createPass, type PassParts } from '../../../src/daemon/daemon-pass.ts';
import { openDesiredFile } from '../../../src/daemon/desired-file.ts';
import { openFights } from '../../../src/daemon/fights.ts';
import { openJournal, type Published } from '../../../src/daemon/journal.ts';
import type { PassEnd, Trigger } from '../../../src/daemon/loop.ts';
import type { EntryStatus, PassResult } from '../../../src/daemon/status.ts';
import type { Desired } from '../../../src/domain/desired.ts';
import { ConfigError, SinkError } from '../../../src/domain/errors.ts';
import { emptyRecord } from '../../../src/domain/record.ts';
import type { Settings } from '../../../src/domain/settings.ts';
import { rememberRecords } from '../../../src/secrets/remembered-records.ts';
import type { SecretReader } from '../../../src/secrets/sink.ts';
import { deleteIn, liveAt, OUTSIDER, updateIn } from '../../simulation/model-api.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { placeRecord, recordIn, recordsIn } from '../../simulation/model-sink.ts';
import {
  fieldsAt,
  fileOf,
  intentOf,
  LANDING_TIME,
  makeBench,
  makeDesired,
  ME,
  overtake,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
} from '../reconcile/bench.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const OTHER_URL = 'https://hooks.example.com/billing?version=2026-02-03';
const PUBLISHED: Published = { wrote: false, changed: [], removed: [], warnings: [] };
const BAD = new ConfigError('cannot use subs.yaml: it has a problem', [
  { file: 'subs.yaml', position: { line: 1, column: 1 }, message: 'no such key' },
]);

type Publish = NonNullable<PassParts['publish']>;

interface Daemon {
  readonly board: Board;
  /** What the file is from now on. */
  readonly deliver: (file: Desired | Error) => void;
  /** One pass. */
  readonly pass: (...triggers: readonly Trigger[]) => Promise<PassEnd>;
  /** The same, and its result. */
  readonly result: (...triggers: readonly Trigger[]) => Promise<PassResult | undefined>;
  readonly entry: (name: string) => EntryStatus | undefined;
  /** What the sink was asked since the last call. */
  readonly asked: () => readonly string[];
  /** The events that were logged at info or above since the last call. */
  readonly heard: () => readonly string[];
  readonly ended: readonly PassResult[];
}

interface Options {
  /** Records are remembered for an hour, as for Vault. */
  readonly remembers?: boolean;
  readonly publish?: Publish;
  readonly policy?: Partial<Settings['policy']>;
}

let bench: Bench;
let sleepFor: (ms: number) => Promise<void>;
beforeEach(() => {
  bench = makeBench();
  sleepFor = (ms) => bench.clock.sleep(ms);
});

function open(file: Desired | Error, options: Options = {}): Daemon {
  const asked: string[] = [];
  const heard: string[] = [];
  const ended: PassResult[] = [];
  const board = openBoard(bench.clock.now());
  const { secrets, linq, clock } = bench;
  const sink = {
    ...secrets,
    list: () => noted('list', () => secrets.list()),
    read: (name: string) => noted(name, () => secrets.read(name)),
    readInstallation: () => noted('_installation', () => secrets.readInstallation()),
  };
  function noted<T>(what: string, work: () => Promise<T>): Promise<T> {
    asked.push(what);
    return work();
  }
  let current = file;
  const pass = createPass({
    file: openDesiredFile(() =>
      current instanceof Error
        ? Promise.reject(current)
        : Promise.resolve({ desired: current, warnings: [] }),
    ),
    base: {
      reader: linq,
      writer: linq,
      sink,
      settings: { ...SETTINGS, policy: { ...SETTINGS.policy, ...options.policy } },
      allowances: [],
      holder: ME,
      isGone: () => Promise.resolve(false),
      rotate: new Map(),
      adopt: new Map(),
      clock,
      unique: bench.context().unique,
      stop: { signal: bench.stop.signal, graceMs: 2_000 },
    },
    memory:
      options.remembers === true ? rememberRecords(sink, { maxAgeMs: HOUR, now: () => clock.now() }) : null,
    publish: options.publish ?? null,
    board,
    journal: openJournal(
      pino(
        { level: 'info' },
        { write: (line) => void heard.push((JSON.parse(line) as { event: string }).event) },
      ),
    ),
    fights: openFights(),
    passEnded: (result) => void ended.push(result),
  });
  const make = (...triggers: readonly Trigger[]): Promise<PassEnd> =>
    pass(triggers.length === 0 ? ['interval'] : triggers);
  return {
    board,
    deliver: (next) => void (current = next),
    pass: make,
    async result(...triggers) {
      await make(...triggers);
      return board.status().pass.last?.result;
    },
    entry: (name) => board.status().entries.find((each) => each.name === name),
    asked: () => asked.splice(0),
    heard: () => heard.splice(0),
    ended,
  };
}

/** A file of these entries, each at a URL of its own name. */
function fileWith(...names: readonly string[]): Desired {
  const entries = names.map((name) => ({
    name,
    fields: fieldsAt(urlOf(name)),
    previously: [],
    prevent_destroy: false,
    rotate_after: null,
  }));
  return makeDesired(entries, `file of ${names.join()}`);
}

function urlOf(name: string): string {
  return `https://hooks.example.com/${name}?version=2026-02-03`;
}

/** Somebody outside changes what an entry hears of. */
function drift(id: string, ...subscribed_events: readonly string[]): void {
  updateIn(bench.api, id, { subscribed_events }, OUTSIDER);
}

function eventsOf(id: string): readonly string[] | undefined {
  return bench.api.live.get(id)?.subscribed_events;
}

describe('the result of a pass', () => {
  it('is changed, then unchanged', async () => {
    const daemon = open(fileOf());
    expect(await daemon.result('start')).toBe('changed');
    expect(liveAt(bench.api, URL)).toBeDefined();
    expect(await daemon.result()).toBe('unchanged');
    expect(daemon.ended).toEqual(['changed', 'unchanged']);
  });

  it('is unchanged where all that differs is held', async () => {
    placeLive(bench, URL);
    const daemon = open(fileOf());
    expect(await daemon.result()).toBe('unchanged');
    expect(daemon.entry('orders')).toMatchObject({ state: 'held', guard: 'unowned' });
  });

  it('is incomplete where an operation failed, with the first failure, and the others are done', async () => {
    const id = placeOwned(bench);
    placeInstallation(bench);
    const daemon = open(makeDesired([...fileOf().entries, ...fileWith('support').entries]));
    drift(id, 'message.read');
    bench.always('post', { fail: 'refused' });
    const end = await daemon.pass();
    expect(end.isFailure).toBe(true);
    expect(daemon.board.status().pass.last).toMatchObject({
      result: 'incomplete',
      error: expect.stringMatching(/^create support: cannot POST/) as string,
    });
    const { lastPlanAt, lastSuccessAt } = daemon.board.status().pass;
    expect([lastPlanAt, lastSuccessAt]).toEqual([bench.clock.now(), null]);
    expect(eventsOf(id)).toEqual(['message.received']);
    expect(daemon.entry('support')?.state).toBe('failed');
    bench.always('post', null);
    expect(await daemon.result()).toBe('changed');
    expect(daemon.entry('support')?.state).toBe('in_sync');
  });

  it.each(['list', 'sink-read'] as const)(
    'is failed where %s fails, and nothing is written',
    async (kind) => {
      bench.always(kind, { fail: 'broken' });
      const daemon = open(fileOf());
      expect(await daemon.pass()).toEqual({ isFailure: true, retryAfterMs: 0, againMs: null });
      expect(daemon.ended).toEqual(['failed']);
      expect(bench.api.writes + bench.sink.writes).toBe(0);
    },
  );

  it('gives notice of the sink once, however often it is written', async () => {
    bench.sink.notices.push('the folder is on an overlay');
    const daemon = open(fileWith('orders'));
    await daemon.pass();
    expect(daemon.heard().filter((event) => event === 'notice')).toHaveLength(2);
    daemon.deliver(fileWith('orders', 'billing'));
    expect(await daemon.result()).toBe('changed');
    expect(daemon.heard()).not.toContain('notice');
  });

  it('counts failures in a row, and remembers the last success', async () => {
    const daemon = open(fileOf());
    const { board } = daemon;
    bench.script('list', { fail: 'broken' }, { fail: 'broken' });
    await daemon.pass();
    await daemon.pass();
    expect(board.status().pass).toMatchObject({ failures: 2, lastPlanAt: null, lastSuccessAt: null });
    await sleepFor(MINUTE);
    await daemon.pass();
    const { lastSuccessAt } = board.status().pass;
    expect(board.status().pass).toMatchObject({ failures: 0, lastSuccessAt: bench.clock.now() });
    await sleepFor(MINUTE);
    bench.script('list', { fail: 'broken' });
    await daemon.pass();
    expect(board.status().pass).toMatchObject({ failures: 1, lastPlanAt: lastSuccessAt, lastSuccessAt });
  });

  it('is none where there is a bug: that ends the daemon', async () => {
    bench.script('list', { bug: new TypeError('a bug') });
    await expect(open(fileOf()).pass()).rejects.toThrow('a bug');
    await expect(open(new TypeError('another')).pass()).rejects.toThrow('another');
    const publish = (): Promise<never> => Promise.reject(new TypeError('a third'));
    await expect(open(fileOf(), { publish }).pass()).rejects.toThrow('a third');
  });

  it('is on the board with its times, and while it runs, so is that', async () => {
    const daemon = open(fileOf());
    const { board } = daemon;
    board.updatePass({ nextAt: bench.clock.now() });
    const startedAt = bench.clock.now();
    bench.script('list', {
      before: () => {
        expect(board.status().pass).toMatchObject({ isRunning: true, nextAt: null, last: null });
        void sleepFor(3_000);
      },
    });
    await daemon.pass();
    expect(board.status().pass).toMatchObject({
      isRunning: false,
      last: { result: 'changed', startedAt, endedAt: startedAt + 3_000, error: null },
    });
  });
});

describe('a bad file', () => {
  /** `legacy` is ours, not in the file, and waits to be deleted; `support` is new; `orders` has drifted. */
  async function spoiled(): Promise<{ daemon: Daemon; orders: string }> {
    placeInstallation(bench);
    const orders = placeOwned(bench, 'orders', urlOf('orders'));
    placeOwned(bench, 'legacy', urlOf('legacy'));
    const daemon = open(fileWith('orders', 'support'));
    // A good file that nothing was made from yet.
    bench.script('list', { fail: 'broken' });
    await daemon.pass('start');
    daemon.deliver(BAD);
    drift(orders, 'message.read');
    return { daemon, orders };
  }

  it('keeps the last good one: it creates and repairs, and deletes nothing (I7)', async () => {
    const { daemon, orders } = await spoiled();
    expect(await daemon.result('file')).toBe('changed');
    expect(liveAt(bench.api, urlOf('support'))).toBeDefined();
    expect(eventsOf(orders)).toEqual(['message.received']);
    expect(liveAt(bench.api, urlOf('legacy'))).toBeDefined();
    expect(recordIn(bench.sink, 'legacy')).not.toBeNull();
    expect(daemon.entry('legacy')).toMatchObject({ state: 'held', guard: 'bad-file' });
  });

  it('is on the board and in the log, and is no failure of the pass', async () => {
    const { daemon } = await spoiled();
    daemon.heard();
    await daemon.pass('file');
    const { config, pass } = daemon.board.status();
    expect(config.problem).toMatchObject({ message: BAD.message, problems: BAD.problems });
    expect(config.loaded?.contentHash).toBe('file of orders,support');
    expect(pass.failures).toBe(0);
    expect(daemon.heard()).toContain('config_bad');
  });

  it('lets the delete go on once it is good again (I7)', async () => {
    const { daemon } = await spoiled();
    await daemon.pass('file');
    daemon.deliver(fileWith('orders', 'support'));
    expect(await daemon.result('file')).toBe('changed');
    expect(liveAt(bench.api, urlOf('legacy'))).toBeUndefined();
    expect(recordIn(bench.sink, 'legacy')).toBeNull();
    expect(daemon.board.status().config.problem).toBeNull();
  });

  it('does not count as consent to replace (I7)', async () => {
    const daemon = open(fileOf(), { policy: { unowned: 'replace' } });
    bench.script('list', { fail: 'broken' });
    await daemon.pass('start');
    const { id } = placeLive(bench, URL);
    daemon.deliver(BAD);
    await daemon.pass('file');
    expect(bench.api.live.has(id)).toBe(true);
    expect(daemon.entry('orders')).toMatchObject({ state: 'held' });
  });

  it('that was never good is a failure, and asks the account nothing (I7)', async () => {
    placeOwned(bench);
    const daemon = open(BAD);
    expect(await daemon.pass('start')).toEqual({ isFailure: true, retryAfterMs: 0, againMs: null });
    expect(daemon.board.status().pass.last).toMatchObject({ result: 'failed', error: BAD.message });
    expect(bench.linq.requests()).toEqual({ reads: 0, writes: 0 });
    expect(bench.sink.writes).toBe(0);
    expect(daemon.board.status().entries).toEqual([]);
  });
});

describe('what is awaited', () => {
  it('is not known without a file and without a record', async () => {
    const daemon = open(BAD);
    await daemon.pass();
    expect(daemon.board.status().awaited).toBeNull();
  });

  it('is, without a file, every record that has no secret', async () => {
    placeOwned(bench, 'orders', URL);
    placeRecord(bench.sink, emptyRecord('support', 'default'));
    placeRecord(bench.sink, emptyRecord('foreign', 'staging'));
    const daemon = open(BAD);
    await daemon.pass();
    expect(daemon.board.status().awaited).toEqual(['support']);
  });

  it('is every entry while nothing is stored, also where the account cannot be seen', async () => {
    bench.script('list', { fail: 'broken' });
    const daemon = open(fileWith('orders', 'billing'));
    await daemon.pass();
    expect(daemon.board.status().awaited).toEqual(['billing', 'orders']);
    await daemon.pass();
    expect(daemon.board.status().awaited).toEqual([]);
  });

  it('is nothing where all is stored, though Linq is out of service', async () => {
    placeOwned(bench);
    bench.always('list', { fail: 'broken' });
    const daemon = open(fileOf());
    await daemon.pass();
    expect(daemon.board.status().awaited).toEqual([]);
  });

  it('is an entry whose secret is lost, and one that was never created', async () => {
    placeOwned(bench);
    const { current } = recordIn(bench.sink, 'orders')!;
    overtake(bench, 'orders', { current: { ...current!, signing_secret: null } });
    bench.always('post', { fail: 'refused' });
    const daemon = open(makeDesired([...fileOf().entries, ...fileWith('billing').entries]));
    await daemon.pass();
    expect(daemon.board.status().awaited).toEqual(['billing', 'orders']);
  });

  it('is not known while the export fails', async () => {
    let failure: Error | null = new SinkError('cannot export: full');
    const publish: Publish = () => (failure ? Promise.reject(failure) : Promise.resolve(PUBLISHED));
    const daemon = open(fileOf(), { publish });
    await daemon.pass();
    expect(daemon.board.status().awaited).toBeNull();
    failure = null;
    await daemon.pass();
    expect(daemon.board.status().awaited).toEqual([]);
  });

  it('is not known while the sink cannot be read', async () => {
    placeOwned(bench);
    const daemon = open(fileOf());
    bench.always('sink-read', { fail: 'broken' });
    await daemon.pass();
    expect(daemon.board.status().awaited).toBeNull();
  });
});

describe('a sink that cannot be read', () => {
  it('takes nothing off the board that was known of the entries', async () => {
    const id = placeOwned(bench);
    const daemon = open(fileOf());
    await daemon.pass();
    const known = daemon.entry('orders');
    expect(known).toMatchObject({ subscriptionId: id, secretCreatedAt: '2026-03-01T00:00:00.000Z' });
    bench.always('sink-read', { fail: 'broken' });
    expect(await daemon.result()).toBe('failed');
    expect(daemon.entry('orders')).toEqual(known);
  });

  it('only after the plan leaves the entries with what was known, too', async () => {
    placeInstallation(bench);
    const id = placeOwned(bench);
    const daemon = open(fileOf());
    await daemon.pass();
    // The list, the record and the installation are read for the plan.
    bench.script('sink-read', {}, {}, {}, { fail: 'broken' });
    expect(await daemon.result()).toBe('unchanged');
    expect(daemon.entry('orders')).toMatchObject({ state: 'in_sync', subscriptionId: id });
    expect(daemon.board.status().awaited).toBeNull();
  });
});

describe('the export', () => {
  it('that fails makes the pass incomplete, until it succeeds', async () => {
    let failure: Error | null = new SinkError('cannot export: full');
    const publish: Publish = () => (failure ? Promise.reject(failure) : Promise.resolve(PUBLISHED));
    const daemon = open(fileOf(), { publish });
    const end = await daemon.pass();
    expect(end.isFailure).toBe(true);
    expect(daemon.board.status().pass.last).toMatchObject({
      result: 'incomplete',
      error: 'cannot export: full',
    });
    expect(recordIn(bench.sink, 'orders')?.current).not.toBeNull();
    failure = null;
    expect(await daemon.result()).toBe('unchanged');
    expect(daemon.heard()).toEqual(expect.arrayContaining(['export_failed', 'export_recovered']));
  });

  it('sees what the pass has stored', async () => {
    const seen: string[][] = [];
    const publish = async (secrets: SecretReader): Promise<Published> => {
      const entry = await secrets.read('orders');
      const id = entry.kind === 'intact' ? entry.record.current?.subscription_id : undefined;
      seen.push([...(await secrets.list()), id ?? 'none']);
      return PUBLISHED;
    };
    await open(fileOf(), { publish }).pass();
    expect(seen.at(-1)).toEqual(['orders', liveAt(bench.api, URL)!.id]);
    bench = makeBench();
    await open(fileOf(), { publish, remembers: true }).pass();
    expect(seen.at(-1)).toEqual(['orders', liveAt(bench.api, URL)!.id]);
  });

  it.each([
    ['the account cannot be seen', fileOf()],
    ['the file was never good', BAD],
  ])('is made although %s', async (_, file) => {
    placeOwned(bench);
    bench.always('list', { fail: 'broken' });
    let count = 0;
    const publish: Publish = () => Promise.resolve({ ...PUBLISHED, wrote: (count += 1) > 0 });
    const daemon = open(file, { publish });
    expect(await daemon.result()).toBe('failed');
    const first = count;
    expect(await daemon.result()).toBe('failed');
    expect(count).toBe(first + 1);
  });

  it('is made, and shown, before the first pass asks Linq for anything', async () => {
    placeOwned(bench);
    const daemon = open(fileOf(), { publish: () => Promise.resolve(PUBLISHED) });
    const seen: unknown[] = [];
    bench.always('list', { before: () => seen.push(daemon.board.status().awaited) });
    await daemon.pass();
    expect(seen[0]).toEqual([]);
  });

  it('that fails after a failed pass leaves the pass its own reason', async () => {
    bench.always('list', { fail: 'broken' });
    const publish: Publish = () => Promise.reject(new SinkError('cannot export: full'));
    const daemon = open(fileOf(), { publish });
    expect(await daemon.result()).toBe('failed');
    expect(daemon.board.status().pass.last?.error).toMatch(/^cannot GET/);
  });
});

describe('when to come back', () => {
  it('is after the Retry-After of a list that failed', async () => {
    bench.script('list', { fail: 'busy' });
    expect(await open(fileOf()).pass()).toEqual({ isFailure: true, retryAfterMs: 2_000, againMs: null });
  });

  it('is after the Retry-After of an operation that failed', async () => {
    const id = placeOwned(bench);
    drift(id, 'message.read');
    bench.always('put', { fail: 'busy' });
    const daemon = open(fileOf());
    expect(await daemon.pass()).toEqual({ isFailure: true, retryAfterMs: 2_000, againMs: null });
    bench.always('put', null);
    expect(await daemon.pass()).toEqual({ isFailure: false, retryAfterMs: 0, againMs: null });
    expect(eventsOf(id)).toEqual(['message.received']);
  });

  it('is early where another process is at work on an entry', async () => {
    placeInstallation(bench);
    placeRecord(bench.sink, {
      ...emptyRecord('orders', 'default'),
      intent: intentOf(`${URL}&linq_gitops=inst.other`, bench),
    });
    const daemon = open(fileOf());
    expect(await daemon.pass()).toEqual({ isFailure: false, retryAfterMs: 0, againMs: LANDING_TIME });
    expect(daemon.entry('orders')).toMatchObject({ state: 'held', guard: 'in-flight' });
    await sleepFor(LANDING_TIME + MINUTE);
    expect(await daemon.result()).toBe('changed');
    expect(recordIn(bench.sink, 'orders')?.intent).toBeNull();
    expect([...bench.api.live.values()].map(({ target_url }) => target_url)).toEqual([URL]);
  });

  it('is early where another process was faster with a record', async () => {
    const id = placeOwned(bench);
    placeInstallation(bench);
    drift(id, 'message.read');
    bench.script('sink-write', { before: () => overtake(bench, 'orders', { prevent_destroy: true }) });
    const daemon = open(fileOf());
    expect(await daemon.pass()).toEqual({ isFailure: false, retryAfterMs: 0, againMs: LANDING_TIME });
    expect(eventsOf(id)).toEqual(['message.read']);
    expect(recordIn(bench.sink, 'orders')?.prevent_destroy).toBe(true);
  });
});

describe('a secret that the sink refuses', () => {
  it('is on the board while it is in memory only, and is tried until it is stored', async () => {
    const daemon = open(fileOf());
    const seen = new Set<string>();
    bench.script('post', { after: () => bench.always('sink-write', { fail: 'broken' }) });
    bench.onSleep = (sleep) => {
      for (const name of daemon.board.status().unstored) seen.add(name);
      if (sleep === 500) bench.always('sink-write', null);
    };
    expect(await daemon.result()).toBe('changed');
    expect([...seen]).toEqual(['orders']);
    expect(daemon.board.status().unstored).toEqual([]);
    expect(bench.sleeps.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(HOUR);
    expect(recordIn(bench.sink, 'orders')?.current?.subscription_id).toBe(liveAt(bench.api, URL)?.id);
    expect(daemon.heard()).toEqual(expect.arrayContaining(['secret_unstored', 'secret_settled']));
  });
});

describe('remembered records', () => {
  async function settled(): Promise<{ daemon: Daemon; id: string; reads: () => number }> {
    placeInstallation(bench);
    const id = placeOwned(bench);
    // As publishing does.
    const publish = async (secrets: SecretReader): Promise<Published> => {
      await secrets.readInstallation();
      for (const name of await secrets.list()) await secrets.read(name);
      return PUBLISHED;
    };
    const daemon = open(fileOf(), { remembers: true, publish });
    await daemon.pass('start');
    daemon.asked();
    let before = bench.linq.requests().reads;
    const reads = (): number => {
      const all = bench.linq.requests().reads;
      const since = all - before;
      before = all;
      return since;
    };
    return { daemon, id, reads };
  }

  it('let a quiet pass read the list of subscriptions and of names, and nothing else', async () => {
    const { daemon, reads } = await settled();
    daemon.heard();
    expect(await daemon.result()).toBe('unchanged');
    expect(new Set(daemon.asked())).toEqual(new Set(['list', '_installation']));
    expect(reads()).toBe(1);
    expect(daemon.entry('orders')).toMatchObject({ state: 'in_sync' });
    expect(daemon.board.status().awaited).toEqual([]);
    expect(daemon.heard()).toEqual([]);
  });

  it.each<Trigger>(['signal', 'request'])('are read anew for a %s', async (trigger) => {
    const { daemon } = await settled();
    await daemon.pass(trigger);
    expect(daemon.asked()).toEqual(expect.arrayContaining(['list', 'orders', '_installation']));
  });

  it.each<Trigger>(['file', 'interval'])('are not read anew for a trigger of %s alone', async (trigger) => {
    const { daemon } = await settled();
    await daemon.pass(trigger);
    expect(daemon.asked()).not.toContain('orders');
  });

  it('are read anew after their time', async () => {
    const { daemon } = await settled();
    await sleepFor(HOUR);
    await daemon.pass();
    expect(daemon.asked()).toContain('orders');
    await daemon.pass();
    expect(daemon.asked()).not.toContain('orders');
  });

  it('lead to a fresh full pass where the account has changed', async () => {
    const { daemon, id, reads } = await settled();
    drift(id, 'message.read');
    expect(await daemon.result()).toBe('changed');
    expect(daemon.asked()).toEqual(expect.arrayContaining(['orders', '_installation']));
    expect(reads()).toBe(2);
    expect(eventsOf(id)).toEqual(['message.received']);
    expect(await daemon.result()).toBe('unchanged');
    expect(await daemon.result()).toBe('unchanged');
    expect(new Set(daemon.asked())).toContain('list');
  });

  it('are trusted again once a full pass had nothing to do', async () => {
    const { daemon, id } = await settled();
    drift(id, 'message.read');
    await daemon.pass();
    await daemon.pass();
    daemon.asked();
    await daemon.pass();
    expect(new Set(daemon.asked())).toEqual(new Set(['list', '_installation']));
  });

  it('are trusted once a full pass had nothing to do, after one that created everything', async () => {
    const daemon = open(fileOf(), { remembers: true });
    expect([await daemon.result(), await daemon.result()]).toEqual(['changed', 'unchanged']);
    expect(daemon.asked()).toContain('orders');
    expect(await daemon.result()).toBe('unchanged');
    expect(new Set(daemon.asked())).toEqual(new Set(['list', '_installation']));
  });

  it('do not keep an operation that failed from being tried again', async () => {
    const { daemon, id } = await settled();
    drift(id, 'message.read');
    bench.script('put', { fail: 'refused' }, { fail: 'refused' });
    const results = [await daemon.result(), await daemon.result(), await daemon.result()];
    expect(results).toEqual(['incomplete', 'incomplete', 'changed']);
    expect(eventsOf(id)).toEqual(['message.received']);
  });

  it('do not keep what the plan warns of from being told', async () => {
    const { daemon } = await settled();
    bench.api.events.splice(0, 1);
    daemon.heard();
    await daemon.pass();
    expect(daemon.asked()).not.toContain('orders');
    expect(daemon.heard()).toEqual(['warning']);
  });

  it('are trusted for what is held as well, while it is the same', async () => {
    const { daemon, id } = await settled();
    const daemonOfDrift = open(fileOf(), { remembers: true, policy: { drift: 'report' } });
    drift(id, 'message.read');
    await daemonOfDrift.pass();
    daemonOfDrift.asked();
    expect(await daemonOfDrift.result()).toBe('unchanged');
    expect(daemonOfDrift.asked()).not.toContain('orders');
    expect(daemonOfDrift.entry('orders')?.state).toBe('drifted');
    drift(id, 'message.failed');
    await daemonOfDrift.pass();
    expect(daemonOfDrift.asked()).toContain('orders');
    expect(daemon.ended).toEqual(['unchanged']);
  });

  it('lead to a fresh full pass where the file has changed', async () => {
    const { daemon } = await settled();
    daemon.deliver(makeDesired([...fileOf().entries, ...fileWith('support').entries], 'another'));
    expect(await daemon.result('file')).toBe('changed');
    expect(
      recordsIn(bench.sink)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['orders', 'support']);
    expect(bench.api.live.size).toBe(2);
  });

  it('show at once a record that another process made', async () => {
    const { daemon } = await settled();
    placeOwned(bench, 'billing', OTHER_URL);
    expect(await daemon.result()).toBe('changed');
    expect(liveAt(bench.api, OTHER_URL)).toBeUndefined();
  });

  it('show what another process changed in place after they were forgotten', async () => {
    const { daemon } = await settled();
    const { current } = recordIn(bench.sink, 'orders')!;
    overtake(bench, 'orders', { current: { ...current!, signing_secret: null } });
    await daemon.pass();
    expect(daemon.entry('orders')?.state).toBe('in_sync');
    await daemon.pass('request');
    expect(daemon.entry('orders')).toMatchObject({ state: 'held', guard: 'secret-loss' });
  });

  it('do no harm to what another process changed in place', async () => {
    const { daemon, id } = await settled();
    overtake(bench, 'orders', { prevent_destroy: true });
    // The full pass reads the record, and then another process is faster once more.
    bench.script('sink-write', { before: () => overtake(bench, 'orders', { owner: 'staging' }) });
    drift(id, 'message.read');
    expect((await daemon.pass()).againMs).toBe(LANDING_TIME);
    expect(eventsOf(id)).toEqual(['message.read']);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({ owner: 'staging', prevent_destroy: true });
    await daemon.pass();
    expect(daemon.entry('orders')?.state).toBe('held');
    expect(bench.api.live.get(id)).toBeDefined();
  });

  it('are no ground for a delete: the record is read anew first', async () => {
    const { daemon, id } = await settled();
    overtake(bench, 'orders', { prevent_destroy: true });
    daemon.deliver(makeDesired([], 'empty'));
    await daemon.pass('file');
    expect(bench.api.live.has(id)).toBe(true);
    expect(daemon.entry('orders')).toMatchObject({ state: 'held', guard: 'protected' });
  });

  it('do not hide that the subscription is gone', async () => {
    const { daemon, id } = await settled();
    placeOwned(bench, 'billing', OTHER_URL);
    daemon.deliver(makeDesired([...fileOf().entries, ...fileOf(OTHER_URL, 'billing').entries], 'two'));
    await daemon.pass('file');
    deleteIn(bench.api, id, OUTSIDER);
    expect(await daemon.result()).toBe('changed');
    expect(liveAt(bench.api, URL)?.id).toBe(recordIn(bench.sink, 'orders')?.current?.subscription_id);
  });

  it('do not hide that the sink cannot be read any more', async () => {
    const { daemon } = await settled();
    bench.always('sink-read', { fail: 'broken' });
    expect(await daemon.result()).toBe('failed');
  });
});

describe('a fight', () => {
  it('is left alone after the fourth revert in ten minutes, and tried again later', async () => {
    placeInstallation(bench);
    const id = placeOwned(bench);
    const daemon = open(fileOf());
    for (let revert = 1; revert <= 4; revert += 1) {
      drift(id, 'message.read');
      expect(await daemon.result()).toBe('changed');
      expect(eventsOf(id)).toEqual(['message.received']);
      expect(daemon.heard().includes('fight')).toBe(revert === 4);
      await sleepFor(MINUTE);
    }
    drift(id, 'message.read');
    for (let minute = 1; minute < 10; minute += 1) {
      expect(await daemon.result()).toBe('unchanged');
      expect(eventsOf(id)).toEqual(['message.read']);
      expect(daemon.entry('orders')).toMatchObject({ state: 'held', guard: 'fight' });
      await sleepFor(MINUTE);
    }
    expect(await daemon.result()).toBe('changed');
    expect(eventsOf(id)).toEqual(['message.received']);
    drift(id, 'message.read');
    expect(await daemon.result()).toBe('unchanged');
    expect(daemon.entry('orders')).toMatchObject({ state: 'held', guard: 'fight' });
  });

  it('over one field lets the others be repaired, and the file have its way', async () => {
    placeInstallation(bench);
    const id = placeOwned(bench);
    const daemon = open(fileOf());
    for (let revert = 1; revert <= 4; revert += 1) {
      drift(id, 'message.read');
      await daemon.pass();
    }
    drift(id, 'message.read');
    updateIn(bench.api, id, { phone_numbers: ['+12025550100'] }, OUTSIDER);
    await sleepFor(MINUTE);
    const fields = fieldsAt(URL, { subscribed_events: ['message.failed'], phone_numbers: ['+12025550100'] });
    daemon.deliver(makeDesired([{ ...fileOf().entries[0]!, fields }], 'changed'));
    await daemon.pass('file');
    expect(bench.api.live.get(id)).toMatchObject({
      subscribed_events: ['message.failed'],
      phone_numbers: ['+12025550100'],
    });
  });
});

describe('what is not ours', () => {
  it('is counted on the board, and what is held without an entry is listed', async () => {
    placeInstallation(bench, ['line-0']);
    placeLive(bench, OTHER_URL);
    const writes = bench.api.writes;
    const daemon = open(fileOf());
    await daemon.pass();
    const { foreign, held } = daemon.board.status();
    expect(foreign).toBe(1);
    expect(held.map(({ guard }) => guard)).toEqual(['account']);
    expect([bench.api.writes, bench.sink.writes]).toEqual([writes, 0]);
  });
});
