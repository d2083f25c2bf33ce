import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { createLogger } from '../../src/cli/logger.ts';
import { openSink, planContext, unique } from '../../src/cli/open.ts';
import { openPublisher } from '../../src/cli/publish.ts';
import { openSession, type Session } from '../../src/cli/session.ts';
import { openSubscriptions } from '../../src/config/load-subscriptions.ts';
import { openBoard } from '../../src/daemon/board.ts';
import { runDaemon, type DaemonParts } from '../../src/daemon/daemon.ts';
import { openMetrics, type Metrics } from '../../src/daemon/metrics.ts';
import type { StatusDocument } from '../../src/daemon/status-document.ts';
import { startEmulator } from '../../src/emulator/emulator.ts';
import { exampleSeed } from '../../src/emulator/seed.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { openApiKey } from '../../src/linq/api-key.ts';
import { openLinq, type Linq } from '../../src/linq/rest-linq.ts';
import { rememberSink } from '../../src/secrets/open-sink.ts';
import type { SecretSink } from '../../src/secrets/sink.ts';
import { openVaultSink } from '../../src/secrets/vault/vault-sink.ts';
import { checkPromises } from './account-checks.ts';
import { createDaemonTime, type DaemonTime } from './daemon-time.ts';
import { startCli } from './run-cli.ts';
import { fileStageSink } from './stage-sinks/file-stage-sink.ts';
import { truthOf, type Entries, type Stage } from './stage.ts';
import { makeTempDir } from './temp-dir.ts';

/** When the time of every bench begins. */
export const BENCH_START = Date.parse('2026-09-01T12:00:00Z');
const HOUR = 3_600_000;
/** What a daemon has after a SIGTERM. */
const GRACE_MS = 20_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** A line of the log. */
export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/**
 * A stage on which daemons run in this process, with real files, a real emulator and HTTP; but their time, and
 * the emulator's, passes only when the test says so.
 */
export interface DaemonBench {
  readonly stage: Stage;
  readonly time: DaemonTime;
  /** Starts a daemon that is stopped when the test ends; resolves when its endpoints are open. One at a time. */
  start(options?: StartOptions): Promise<Daemon>;
  /** `checkPromises`, for a subscriptions file that is the stage's unless given. The daemon has to have ended. */
  check(file?: string): Promise<void>;
}

interface StartOptions {
  /** The subscriptions file, where it is not the stage's. */
  readonly file?: string;
  /** Settings by their variables, over the stage's. */
  readonly env?: Environment;
  /** Unless given, there are watchers, and the file is read once an hour. */
  readonly follow?: DaemonParts['follow'];
  /** Puts something around the sink. */
  readonly around?: (sink: SecretSink) => SecretSink;
}

/** A daemon that runs. */
export interface Daemon {
  /** From the level debug on; grows. */
  readonly log: LogLine[];
  /** Resolves when the condition holds; it is looked at when something is logged. */
  until(condition: () => boolean): Promise<void>;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  status(): Promise<StatusDocument>;
  /** The value of a metric that has no labels; NaN where it is absent. */
  metric(name: string): Promise<number>;
  /** As a first SIGTERM does, and lets as much time pass as it takes. */
  stop(): Promise<void>;
}

/** Sets a bench up with this subscriptions file, and settings by their variables. Call it inside a test. */
export async function openBench(
  options: { readonly entries?: Entries; readonly env?: Environment } = {},
): Promise<DaemonBench> {
  const time = createDaemonTime(BENCH_START);
  const stage = await openBenchStage(time, options.env ?? {});
  await stage.declare(options.entries ?? {});
  return {
    stage,
    time,
    start: (startOptions = {}) => startDaemon(stage, time, startOptions),
    async check(file = stage.file) {
      // Whoever verifies a delivery does so by the real time.
      stage.emulator.shiftClock(Date.now() - time.clock.now());
      await checkPromises({ ...stage, file });
      stage.emulator.shiftClock(0);
    },
  };
}

/** A subscriptions file; `rest` holds other keys at its top. */
export function textOf(entries: Entries, rest: Readonly<Record<string, unknown>> = {}): string {
  // JSON is YAML.
  return JSON.stringify({ version: 1, ...rest, subscriptions: entries }, null, 2);
}

/** The methods of the requests that change something, in their order. */
export function changesOf({ stage }: DaemonBench): readonly string[] {
  return stage.emulator.requests.map(({ method }) => method).filter((method) => method !== 'GET');
}

/** Lines of one event, in their order. */
export function linesOf({ log }: Pick<Daemon, 'log'>, event: string): readonly LogLine[] {
  return log.filter((line) => line.event === event);
}

async function openBenchStage(time: DaemonTime, env: Environment): Promise<Stage> {
  const folder = await makeTempDir();
  const emulator = await startEmulator({ seed: exampleSeed(), now: () => time.clock.now() });
  onTestFinished(() => emulator.close());
  const file = join(folder, 'subscriptions.yaml');
  const sink = fileStageSink(folder);
  const start: Stage['start'] = (argv, { env: extra, ...rest } = {}) =>
    startCli(argv, { cwd: folder, env: { ...stage.env, ...extra }, ...rest });
  const stage: Stage = {
    emulator,
    folder,
    sink,
    sinkDir: join(folder, 'secrets'),
    file,
    env: {
      LINQ_API_V3_BASE_URL: emulator.url,
      LINQ_API_V3_API_KEY: emulator.apiKey,
      ...sink.env,
      LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0',
      ...env,
    },
    foreign: truthOf(emulator),
    declare: (entries, rest) => writeFile(file, textOf(entries, rest)),
    start,
    run: (argv, options) => start(argv, options).done,
  };
  return stage;
}

async function startDaemon(stage: Stage, time: DaemonTime, options: StartOptions): Promise<Daemon> {
  const stop = new AbortController();
  const journal = createLog();
  const io: Io = {
    env: { ...stage.env, ...options.env },
    cwd: stage.folder,
    main: '',
    stdout: { write: () => undefined },
    stderr: { write: (text) => journal.write(text) },
    onSignal: () => () => undefined,
    onHangup: () => () => undefined,
    exitNow: () => {
      throw new Error('nobody sends signals here');
    },
  };
  const ended = runOn(stage, time, { io, stop: stop.signal, options });
  time.attach(ended);
  const starting = journal.until(() => journal.lines.some(({ event }) => event === 'started'));
  onTestFinished(async () => {
    stop.abort();
    await time.passUntilEnd();
    await Promise.allSettled([ended]);
  });
  await Promise.race([starting, ended]);
  const url = String(journal.lines.find(({ event }) => event === 'started')?.['endpoints']);
  const get: Daemon['get'] = async (path) => {
    const response = await fetch(url + path);
    return { status: response.status, text: await response.text() };
  };
  return {
    log: journal.lines,
    until: (condition) => Promise.race([journal.until(condition), endOf(ended)]),
    get,
    status: async () => JSON.parse((await get('/status')).text) as StatusDocument,
    metric: async (name) =>
      Number(new RegExp(`^${name} (.*)$`, 'm').exec((await get('/metrics')).text)?.[1] ?? Number.NaN),
    async stop() {
      stop.abort();
      await time.passUntilEnd();
      await ended;
    },
  };
}

async function endOf(ended: Promise<void>): Promise<never> {
  await ended;
  throw new Error('the daemon has ended meanwhile');
}

interface Run {
  readonly io: Io;
  readonly stop: AbortSignal;
  readonly options: StartOptions;
}

/** As the command `run` composes it, but for the time, and for chance, which is the same in every run. */
async function runOn(stage: Stage, time: DaemonTime, { io, stop, options }: Run): Promise<void> {
  const { clock } = time;
  const session = await openSession(io, { logLevel: 'debug', file: options.file ?? stage.file });
  const { settings } = session;
  const board = openBoard(clock.now());
  const metrics = openMetrics({
    version: 'bench',
    sink: settings.secrets.sink,
    status: () => board.status(),
  });
  const random = createRandom();
  const api = openApi(session, io, { time, random, metrics });
  const over = new AbortController();
  // As the grace after a signal.
  stop.addEventListener('abort', () => void clock.sleep(GRACE_MS, over.signal).then(() => over.abort()));
  const sink = openBenchSink(session, io, { time, random, giveUp: over.signal });
  const publisher = openPublisher(session, io);
  const memory = rememberSink(settings, sink, { maxAgeMs: HOUR, now: () => clock.now() });
  try {
    await runDaemon({
      base: {
        ...(await planContext(session, api.reader, sink, 'run')),
        observer: api.readerUntil(stop),
        clock,
        writer: api.writer,
        sink: options.around?.(sink) ?? sink,
        unique,
        stop: { signal: stop, graceMs: GRACE_MS },
        ...(publisher && { showSecrets: () => publisher.show(sink) }),
      },
      load: openSubscriptions(settings.subscriptions),
      memory,
      publish: publisher && ((secrets) => publisher.publish(secrets)),
      board,
      metrics,
      logger: createLogger(io, 'debug'),
      onHangup: (listener) => io.onHangup(listener),
      follow: options.follow ?? { pollMs: HOUR, watches: true },
      random,
    });
  } finally {
    over.abort();
    await Promise.all([api.close(), sink.close()]);
  }
}

interface Chance {
  readonly time: DaemonTime;
  readonly random: () => number;
  readonly metrics: Metrics;
}

function openApi({ settings }: Session, { env }: Io, { time, random, metrics }: Chance): Linq {
  const { base_url, key_file, timeout } = settings.api;
  const http = createHttpClient({
    timeoutMs: timeout,
    budgetMs: timeout * 2,
    maxAttempts: 2,
    userAgent: 'linq-gitops/bench',
    sleep: (ms, signal) => time.clock.sleep(ms, signal),
    now: () => time.clock.now(),
    random,
  });
  return openLinq({
    baseUrl: base_url,
    apiKey: openApiKey({ keyFile: key_file, env }),
    http,
    onRequest: (method, status) => metrics.apiRequest(method, status),
  });
}

function openBenchSink(
  session: Session,
  io: Io,
  { time: { clock }, random, giveUp }: Pick<Chance, 'time' | 'random'> & { readonly giveUp: AbortSignal },
): SecretSink {
  const { owner, secrets } = session.settings;
  if (secrets.sink === 'file') return openSink(session, io);
  return openVaultSink({
    ...secrets.vault,
    owner,
    env: io.env,
    giveUp,
    random,
    now: () => clock.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  });
}

/** The same numbers in [0, 1) in every run, spread evenly (mulberry32). */
function createRandom(): () => number {
  let state = 20260901;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

function createLog() {
  const lines: LogLine[] = [];
  const watchers = new Set<() => void>();
  return {
    lines,
    write(text: string) {
      for (const line of text.split('\n')) if (line !== '') lines.push(JSON.parse(line) as LogLine);
      for (const watcher of [...watchers]) watcher();
    },
    until(condition: () => boolean): Promise<void> {
      return new Promise((resolve) => {
        function check(): void {
          if (!condition()) return;
          watchers.delete(check);
          resolve();
        }
        watchers.add(check);
        check();
      });
    },
  };
}
