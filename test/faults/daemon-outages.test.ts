import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SinkError } from '../../src/domain/errors.ts';
import type { FaultAction } from '../../src/emulator/faults.ts';
import type { SecretSink } from '../../src/secrets/sink.ts';
import { checkForeign } from '../support/account-checks.ts';
import { changesOf, linesOf, openBench, type Daemon, type DaemonBench } from '../support/daemon-bench.ts';
import { truthOf, type Entries } from '../support/stage.ts';

const MINUTE = 60_000;
const INTERVAL = 5 * MINUTE;
/** With its jitter. */
const ONE_INTERVAL = INTERVAL * 1.1;
const MOST_REQUESTS = 40;
/** Where Linq can be read: a pass tries a POST three times, and each time looks for what it may have left. */
const MOST_REQUESTS_OF_WRITES = 130;
/** Requests that hang take it for real. */
const SHORT = { LINQ_GITOPS_API_TIMEOUT: '200ms' };

function entry(name: string, events = ['message.received']) {
  return { target_url: `https://hooks.example.com/${name}?version=2026-02-03`, subscribed_events: events };
}

const BEFORE: Entries = { orders: entry('orders'), support: entry('support'), legacy: entry('legacy') };
/** What the file says while the outage lasts, one version after the other. */
const EDITS: readonly [Entries, Entries] = [
  { ...BEFORE, billing: entry('billing') },
  { orders: entry('orders', ['message.failed']), support: entry('support'), billing: entry('billing') },
];

/** Begins on a bench at rest; what it returns ends it. */
type Outage = (bench: DaemonBench) => () => void;

interface Case {
  readonly title: string;
  readonly begin: Outage;
  readonly env?: Readonly<Record<string, string>>;
  /** What Linq asks for with every answer, in ms. */
  readonly retryAfter?: number;
}

function every(method: string | undefined, action: FaultAction): Outage {
  const match = method === undefined ? {} : { method };
  return ({ stage }) => {
    const fault = stage.emulator.addFault({ match, times: 'always', action });
    return () => fault.remove();
  };
}

const API_OUTAGES: readonly Case[] = [
  { title: 'Linq resets every connection', begin: every(undefined, { kind: 'refuse' }) },
  { title: 'Linq answers 500', begin: every(undefined, { kind: 'status', status: 500 }) },
  {
    title: 'Linq answers 429 without Retry-After',
    begin: every(undefined, { kind: 'status', status: 429 }),
  },
  {
    title: 'Linq answers 429 with a Retry-After of 200 s',
    begin: every(undefined, { kind: 'status', status: 429, retryAfter: 200 }),
    retryAfter: 200_000,
  },
  { title: 'Linq never answers', begin: every(undefined, { kind: 'hang' }), env: SHORT },
  { title: 'Linq sends half a list', begin: every(undefined, { kind: 'partial', drop: 2 }) },
];

const WRITE_OUTAGES: readonly Case[] = [
  { title: 'no POST is answered, though each is done', begin: every('POST', { kind: 'reset' }) },
  { title: 'every POST is answered 503', begin: every('POST', { kind: 'status', status: 503 }) },
  {
    title: 'every POST is answered 429 with a Retry-After of 100 s',
    begin: every('POST', { kind: 'status', status: 429, retryAfter: 100 }),
    retryAfter: 100_000,
  },
  {
    title: 'no POST is answered in time, though each is done',
    begin: every('POST', { kind: 'hang', commit: true }),
    env: SHORT,
  },
  {
    title: 'the answer to every POST lacks the secret',
    begin: every('POST', { kind: 'shape', body: 'no-secret' }),
  },
  { title: 'no PUT is answered, though each is done', begin: every('PUT', { kind: 'reset' }) },
  { title: 'every PUT is answered 500', begin: every('PUT', { kind: 'status', status: 500 }) },
  { title: 'every DELETE is answered 500', begin: every('DELETE', { kind: 'status', status: 500 }) },
];

/** A daemon with nothing to do. Its file is polled, so that all that it does goes by the time of the bench. */
async function startAtRest(
  bench: DaemonBench,
  options: Parameters<DaemonBench['start']>[0] = {},
): Promise<Daemon> {
  const daemon = await bench.start({ follow: { pollMs: 10_000, watches: false }, ...options });
  await bench.time.rest();
  expect((await daemon.get('/readyz')).status).toBe(200);
  bench.stage.emulator.clearRequests();
  return daemon;
}

/** So many minutes, in which the file is edited twice; at every one the daemon lives, and is ready. */
async function outage({ stage, time }: DaemonBench, daemon: Daemon, minutes = 10): Promise<void> {
  const edits = [...EDITS];
  for (let minute = 1; minute <= minutes; minute += 1) {
    const next = minute === 2 || minute === 5 ? edits.shift() : undefined;
    if (next !== undefined) await stage.declare(next);
    await time.pass(MINUTE);
    expect((await daemon.get('/livez')).status).toBe(200);
    expect((await daemon.get('/readyz')).status).toBe(200);
  }
}

/** After one interval everything is as the last edit says, and each write was made once. */
async function expectRecovery(bench: DaemonBench, daemon: Daemon): Promise<void> {
  const { stage, time } = bench;
  await time.pass(ONE_INTERVAL);
  const { pass } = await daemon.status();
  expect([pass.consecutive_failures, pass.last?.error]).toEqual([0, null]);
  await daemon.stop();
  checkForeign(stage);
  await bench.check();
}

describe('in ten minutes in which', () => {
  for (const { title, begin, env = {}, retryAfter } of API_OUTAGES) {
    it(`${title}, there is no hot loop and no write, and then everything is made up for, once`, async () => {
      const bench = await openBench({ entries: BEFORE, env });
      const daemon = await startAtRest(bench);
      const before = JSON.stringify(truthOf(bench.stage.emulator));
      const end = begin(bench);
      await outage(bench, daemon);
      const requests = [...bench.stage.emulator.requests];
      expect(requests.length).toBeGreaterThan(0);
      expect(requests.length).toBeLessThanOrEqual(MOST_REQUESTS);
      expect(changesOf(bench)).toEqual([]);
      expect(JSON.stringify(truthOf(bench.stage.emulator))).toBe(before);
      if (retryAfter !== undefined) expectGaps(requests, retryAfter);
      const told = linesOf(daemon, 'pass_failed').filter(({ level }) => level !== 'debug');
      expect(told.map(({ level }) => level)).toEqual(['error']);

      end();
      await expectRecovery(bench, daemon);
      expect([...changesOf(bench)].sort()).toEqual(['DELETE', 'POST', 'PUT', 'PUT']);
    });
  }

  it('nobody listens at the address of Linq, the same holds', async () => {
    const gate = await openGate();
    const bench = await openBench({ entries: BEFORE, env: { LINQ_API_V3_BASE_URL: gate.url } });
    gate.target = bench.stage.emulator.port;
    const daemon = await startAtRest(bench);
    const connecting = countConnecting(gate.port);
    await gate.close();
    await outage(bench, daemon);
    expect(connecting.count).toBeGreaterThan(0);
    expect(connecting.count).toBeLessThanOrEqual(MOST_REQUESTS);
    expect(linesOf(daemon, 'pass_failed')[0]?.msg).toContain('ECONNREFUSED');
    await gate.open();
    await expectRecovery(bench, daemon);
    expect([...changesOf(bench)].sort()).toEqual(['DELETE', 'POST', 'PUT', 'PUT']);
  });

  for (const { title, begin, env = {}, retryAfter } of WRITE_OUTAGES) {
    it(`${title}, there is no hot loop, and then every write is made, once`, async () => {
      const bench = await openBench({ entries: BEFORE, env });
      const daemon = await startAtRest(bench);
      const end = begin(bench);
      await outage(bench, daemon);
      const { requests } = bench.stage.emulator;
      expect(requests.length).toBeLessThanOrEqual(MOST_REQUESTS_OF_WRITES);
      if (retryAfter !== undefined) {
        expectGaps(
          requests.filter(({ status }) => status === 429),
          retryAfter,
        );
      }
      checkForeign(bench.stage);
      end();
      await expectRecovery(bench, daemon);
    });
  }
});

describe('for as long as the sink', () => {
  it('cannot be written, nothing new begins, and then everything is made up for, once', async () => {
    const sink = createStubbornSink();
    const bench = await openBench({ entries: BEFORE });
    const daemon = await startAtRest(bench, { around: sink.around });
    sink.isRefusing = true;
    await outage(bench, daemon);
    const { requests } = bench.stage.emulator;
    expect(requests.length).toBeLessThanOrEqual(MOST_REQUESTS);
    expect(changesOf(bench)).toEqual([]);
    sink.isRefusing = false;
    await expectRecovery(bench, daemon);
    expect([...changesOf(bench)].sort()).toEqual(['DELETE', 'POST', 'PUT', 'PUT']);
  });

  it('is gone, nothing is planned, and then everything is made up for, once', async () => {
    const bench = await openBench({ entries: BEFORE });
    const { sinkDir } = bench.stage;
    const daemon = await startAtRest(bench);
    await rename(sinkDir, `${sinkDir}.away`);
    await writeFile(sinkDir, 'not a folder');
    await outage(bench, daemon);
    expect(bench.stage.emulator.requests.length).toBeLessThanOrEqual(MOST_REQUESTS);
    expect(changesOf(bench)).toEqual([]);
    await rm(sinkDir);
    await rename(`${sinkDir}.away`, sinkDir);
    await expectRecovery(bench, daemon);
    expect([...changesOf(bench)].sort()).toEqual(['DELETE', 'POST', 'PUT', 'PUT']);
  });

  it('refuses a secret that is in memory, it is kept there, and stored in the end', async () => {
    const sink = createStubbornSink();
    const bench = await openBench({ entries: BEFORE });
    const daemon = await startAtRest(bench, { around: sink.around });
    const held = bench.stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold' } });
    await bench.stage.declare(EDITS[0]);
    const passing = bench.time.pass(10_000);
    await held.reached();
    sink.isRefusing = true;
    held.release();
    await passing;
    for (let minute = 1; minute <= 10; minute += 1) {
      await bench.time.pass(MINUTE);
      expect((await daemon.status()).unstored).toEqual(['billing']);
      expect(await daemon.metric('linq_gitops_unstored_secrets')).toBe(1);
      expect((await daemon.get('/livez')).status).toBe(200);
      expect((await daemon.get('/readyz')).status).toBe(200);
      expect((await daemon.get('/startupz')).status).toBe(200);
    }
    expect(changesOf(bench)).toEqual(['POST']);
    expect(linesOf(daemon, 'secret_unstored').filter(({ level }) => level === 'error')).toHaveLength(1);
    sink.isRefusing = false;
    // The longest pause between two tries.
    await bench.time.pass(10_000);
    expect((await daemon.status()).unstored).toEqual([]);
    expect(await daemon.metric('linq_gitops_unstored_secrets')).toBe(0);
    await daemon.stop();
    expect(changesOf(bench)).toEqual(['POST', 'PUT']);
    await bench.check();
  });
});

it('has no more on its heap after hours of outages of every kind than after one of each', async () => {
  const bench = await openBench({ entries: BEFORE, env: SHORT });
  const daemon = await startAtRest(bench);
  async function everyOutage(minutes: number): Promise<void> {
    for (const { begin, env } of [...API_OUTAGES, ...WRITE_OUTAGES.slice(0, 1)]) {
      const end = begin(bench);
      await outage(bench, daemon, env === SHORT ? 10 : minutes);
      end();
      await bench.stage.declare(BEFORE);
      await bench.time.pass(2 * ONE_INTERVAL);
      expect((await daemon.status()).pass.consecutive_failures).toBe(0);
      bench.stage.emulator.clearRequests();
      daemon.log.splice(0);
    }
  }
  await everyOutage(10);
  const before = await heapUsed();
  await everyOutage(60);
  expect((await heapUsed()) / before).toBeLessThan(1.05);
});

function expectGaps(requests: readonly { readonly at: number }[], least: number): void {
  const gaps = requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? at));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(least);
}

/** In bytes, after everything that can be collected has been. */
async function heapUsed(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What waits for the end of this turn is garbage only afterwards.
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

/** Something to put around a sink, that refuses every write for as long as `isRefusing`. */
function createStubbornSink(): { isRefusing: boolean; readonly around: (sink: SecretSink) => SecretSink } {
  const stubborn = { isRefusing: false, around };
  function unlessRefusing<T>(write: () => Promise<T>): Promise<T> {
    if (!stubborn.isRefusing) return write();
    return Promise.reject(new SinkError('cannot write the record: the file system is read-only'));
  }
  function around(sink: SecretSink): SecretSink {
    return {
      ...sink,
      check: () => unlessRefusing(() => sink.check()),
      write: (record, expected) => unlessRefusing(() => sink.write(record, expected)),
      writeInstallation: (record, expected) => unlessRefusing(() => sink.writeInstallation(record, expected)),
      remove: (name, expected) => unlessRefusing(() => sink.remove(name, expected)),
    };
  }
  return stubborn;
}

/** A port behind which an emulator may be, or nobody. */
interface Gate {
  readonly url: string;
  readonly port: number;
  target: number;
  open(): Promise<void>;
  close(): Promise<void>;
}

async function openGate(): Promise<Gate> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const beyond = connect(gate.target, '127.0.0.1');
    for (const [from, to] of [
      [socket, beyond],
      [beyond, socket],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy()).on('close', () => (sockets.delete(from), to.destroy()));
    }
  });
  const open = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  await open(0);
  const { port } = server.address() as AddressInfo;
  const gate: Gate = {
    url: `http://127.0.0.1:${port}/api/partner`,
    port,
    target: 0,
    open: () => open(port),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  onTestFinished(() => gate.close());
  return gate;
}

/** Counts from now on how often this process tried to connect to the port in vain. */
function countConnecting(port: number): { readonly count: number } {
  const channel = 'undici:client:connectError';
  const counter = { count: 0 };
  function onError(message: unknown): void {
    const { connectParams } = message as { connectParams: { port: string } };
    if (connectParams.port === String(port)) counter.count += 1;
  }
  subscribe(channel, onError);
  onTestFinished(() => {
    unsubscribe(channel, onError);
  });
  return counter;
}
