import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { GUARDS } from '../domain/plan.ts';
import { ENTRY_STATES, PASS_RESULTS } from './status.ts';
import type { DaemonStatus, PassResult } from './status.ts';

/** `conflict`: another process had written first, and nothing was changed. */
const SINK_WRITE_RESULTS = ['ok', 'conflict', 'error'] as const;
export type SinkWriteResult = (typeof SINK_WRITE_RESULTS)[number];

/** Counts what happens, and shows it to Prometheus together with what the status says. docs/metrics.md lists all. */
export interface Metrics {
  passEnded(result: PassResult, seconds: number): void;
  /** A request that was sent to the Linq API, repetitions included; `null` where no answer came. */
  apiRequest(method: string, status: number | null): void;
  /** A write or a removal of a record. */
  sinkWrite(result: SinkWriteResult): void;
  /** In Prometheus' text format. Gauges are of this moment, all of one status. */
  render(): Promise<{ contentType: string; body: string }>;
}

const PREFIX = 'linq_gitops_';

/** From a quiet pass on a near server to one that waits for a server in trouble. */
const PASS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/**
 * Metrics in a registry of their own; opening them twice in a process is fine. Nothing runs between scrapes, so
 * there is nothing to close: that is why prom-client's default metrics, which never end what they start, are not used.
 */
export function openMetrics(options: {
  readonly version: string;
  readonly sink: 'file' | 'vault';
  readonly status: () => DaemonStatus;
}): Metrics {
  const registry = new Registry();
  const counters = createCounters(registry);
  const showStatus = createStatusGauges(registry);
  const showProcess = createProcessMetrics(registry);
  createBuildInfo(registry, options.version);
  // A series that appears with its first increment looks to `increase()` as if it had never grown.
  for (const result of PASS_RESULTS) counters.passes.inc({ result }, 0);
  for (const result of SINK_WRITE_RESULTS) counters.sinkWrites.inc({ sink: options.sink, result }, 0);

  return {
    passEnded(result, seconds) {
      counters.passes.inc({ result });
      counters.passSeconds.observe(seconds);
    },
    apiRequest(method, status) {
      counters.apiRequests.inc({ method, code: status === null ? 'none' : String(status) });
      if (status === 429) counters.rateLimited.inc();
    },
    sinkWrite(result) {
      counters.sinkWrites.inc({ sink: options.sink, result });
    },
    async render() {
      showStatus(options.status());
      showProcess();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

function createCounters(registry: Registry) {
  const registers = [registry];
  return {
    passes: new Counter({
      name: `${PREFIX}passes_total`,
      help: 'Passes that ended, by result.',
      labelNames: ['result'],
      registers,
    }),
    passSeconds: new Histogram({
      name: `${PREFIX}pass_duration_seconds`,
      help: 'How long passes took, whatever their result.',
      buckets: PASS_SECONDS,
      registers,
    }),
    apiRequests: new Counter({
      name: `${PREFIX}api_requests_total`,
      help: 'Requests sent to the Linq API, by method and status code; code "none" where no answer came.',
      labelNames: ['method', 'code'],
      registers,
    }),
    rateLimited: new Counter({
      name: `${PREFIX}api_rate_limited_total`,
      help: 'Requests that the Linq API answered with 429.',
      registers,
    }),
    sinkWrites: new Counter({
      name: `${PREFIX}sink_writes_total`,
      help: 'Writes and removals of records, by sink and result; "conflict" means that another process wrote first.',
      labelNames: ['sink', 'result'],
      registers,
    }),
  };
}

function createStatusGauges(registry: Registry): (status: DaemonStatus) => void {
  const registers = [registry];
  function gauge(name: string, help: string): Gauge {
    return new Gauge({ name: PREFIX + name, help, registers });
  }
  const entries = new Gauge({
    name: `${PREFIX}entries`,
    help: 'Entries of the file, and what left the file and is still ours, by state.',
    labelNames: ['state'],
    registers,
  });
  const held = new Gauge({
    name: `${PREFIX}held`,
    help: 'What a guard holds back, by guard.',
    labelNames: ['guard'],
    registers,
  });
  const foreign = gauge('foreign_subscriptions', 'Live subscriptions that are not ours and are left alone.');
  const unstored = gauge(
    'unstored_secrets',
    'Signing secrets that are only in memory, because the sink did not take them yet. A restart would lose them.',
  );
  const oldestSecret = gauge(
    'oldest_secret_created_timestamp_seconds',
    'When the oldest current signing secret was made; absent where there is none.',
  );
  const isLoaded = gauge('config_last_load_successful', '1 if the file as it stands now is used, 0 if not.');
  const loadedAt = gauge(
    'config_last_load_success_timestamp_seconds',
    'When the file that passes are made from was loaded; absent before the first.',
  );
  const succeededAt = gauge(
    'last_success_timestamp_seconds',
    'When a pass last ended without a failure; absent before the first.',
  );
  const failures = gauge('consecutive_failures', 'Passes in a row that failed.');
  const startedAt = gauge('process_start_time_seconds', 'When the daemon started.');

  return (status) => {
    const { loaded, problem } = status.config;
    for (const state of ENTRY_STATES) entries.set({ state }, countIf(status.entries, state, 'state'));
    for (const guard of GUARDS) {
      held.set({ guard }, countIf(status.entries, guard, 'guard') + countIf(status.held, guard, 'guard'));
    }
    foreign.set(status.foreign);
    unstored.set(status.unstored.length);
    setSeconds(oldestSecret, oldestSecretOf(status));
    isLoaded.set(loaded !== null && problem === null ? 1 : 0);
    setSeconds(loadedAt, loaded?.at ?? null);
    setSeconds(succeededAt, status.pass.lastSuccessAt);
    failures.set(status.pass.failures);
    setSeconds(startedAt, status.startedAt);
  };
}

function createProcessMetrics(registry: Registry): () => void {
  const memory = new Gauge({
    name: `${PREFIX}process_resident_memory_bytes`,
    help: 'Memory of the process that is in RAM.',
    registers: [registry],
  });
  const cpu = new Counter({
    name: `${PREFIX}process_cpu_seconds_total`,
    help: 'Processor time that the process has used, by itself and by the system for it.',
    registers: [registry],
  });
  return () => {
    const { user, system } = process.cpuUsage();
    memory.set(process.memoryUsage.rss());
    // The system counts from the start of the process, so the counter is set rather than added to.
    cpu.reset();
    cpu.inc((user + system) / 1e6);
  };
}

function createBuildInfo(registry: Registry, version: string): void {
  new Gauge({
    name: `${PREFIX}build_info`,
    help: 'Always 1; the labels say which version of linq-gitops runs on which version of Node.js.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.versions.node }, 1);
}

function countIf<K extends string>(
  items: readonly Readonly<Record<K, unknown>>[],
  value: string,
  key: K,
): number {
  return items.filter((item) => item[key] === value).length;
}

/** In milliseconds. A time that cannot be read counts as none: one of those must not hide the others. */
function oldestSecretOf(status: DaemonStatus): number | null {
  const times = status.entries.map((entry) => Date.parse(entry.secretCreatedAt ?? ''));
  const known = times.filter((time) => !Number.isNaN(time));
  return known.length === 0 ? null : Math.min(...known);
}

/** Without a time the series is absent: 0 would read as 1970, and as an alarm. */
function setSeconds(gauge: Gauge, ms: number | null): void {
  if (ms === null) gauge.remove();
  else gauge.set(ms / 1000);
}
