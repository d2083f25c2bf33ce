import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { openMetrics } from '../../../src/daemon/metrics.ts';
import type { Metrics } from '../../../src/daemon/metrics.ts';
import type { DaemonStatus } from '../../../src/daemon/status.ts';
import { entryStatus, freshStatus, NOON, quietStatus } from '../../support/daemon-status.ts';

/** People alert on these: a change of a row breaks their rules, and belongs into the changelog. */
const ALL_METRICS: readonly (readonly [name: string, type: string, labels: string, help: string])[] = [
  ['linq_gitops_passes_total', 'counter', 'result', 'Passes that ended, by result.'],
  ['linq_gitops_pass_duration_seconds', 'histogram', '', 'How long passes took, whatever their result.'],
  [
    'linq_gitops_api_requests_total',
    'counter',
    'method, code',
    'Requests sent to the Linq API, by method and status code; code "none" where no answer came.',
  ],
  ['linq_gitops_api_rate_limited_total', 'counter', '', 'Requests that the Linq API answered with 429.'],
  [
    'linq_gitops_sink_writes_total',
    'counter',
    'sink, result',
    'Writes and removals of records, by sink and result; "conflict" means that another process wrote first.',
  ],
  [
    'linq_gitops_entries',
    'gauge',
    'state',
    'Entries of the file, and what left the file and is still ours, by state.',
  ],
  ['linq_gitops_held', 'gauge', 'guard', 'What a guard holds back, by guard.'],
  [
    'linq_gitops_foreign_subscriptions',
    'gauge',
    '',
    'Live subscriptions that are not ours and are left alone.',
  ],
  [
    'linq_gitops_unstored_secrets',
    'gauge',
    '',
    'Signing secrets that are only in memory, because the sink did not take them yet. A restart would lose them.',
  ],
  [
    'linq_gitops_oldest_secret_created_timestamp_seconds',
    'gauge',
    '',
    'When the oldest current signing secret was made; absent where there is none.',
  ],
  [
    'linq_gitops_config_last_load_successful',
    'gauge',
    '',
    '1 if the file as it stands now is used, 0 if not.',
  ],
  [
    'linq_gitops_config_last_load_success_timestamp_seconds',
    'gauge',
    '',
    'When the file that passes are made from was loaded; absent before the first.',
  ],
  [
    'linq_gitops_last_success_timestamp_seconds',
    'gauge',
    '',
    'When a pass last ended without a failure; absent before the first.',
  ],
  ['linq_gitops_consecutive_failures', 'gauge', '', 'Passes in a row that failed.'],
  ['linq_gitops_process_start_time_seconds', 'gauge', '', 'When the daemon started.'],
  ['linq_gitops_process_resident_memory_bytes', 'gauge', '', 'Memory of the process that is in RAM.'],
  [
    'linq_gitops_process_cpu_seconds_total',
    'counter',
    '',
    'Processor time that the process has used, by itself and by the system for it.',
  ],
  [
    'linq_gitops_build_info',
    'gauge',
    'version, node',
    'Always 1; the labels say which version of linq-gitops runs on which version of Node.js.',
  ],
];

describe('the metrics', () => {
  it('have these names, types, labels and help texts, and there are no others', async () => {
    const metrics = open(quietStatus());
    metrics.passEnded('changed', 1.5);
    metrics.apiRequest('GET', 200);

    const { body } = await metrics.render();

    expect(describeAll(body)).toEqual(ALL_METRICS);
  });

  it('are the ones that docs/metrics.md lists', () => {
    expect(documentedMetrics()).toEqual(ALL_METRICS.map(([name, type, labels]) => [name, type, labels]));
  });

  it('are all that the alerts of docs/metrics.md ask for', () => {
    const known = new Set(ALL_METRICS.map(([name]) => name));
    const expressions = alertExpressions();
    const used = expressions.flatMap((expression) => expression.match(/linq_gitops_\w+/g) ?? []);

    expect(expressions.length).toBeGreaterThan(6);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });

  it('come in the text format of Prometheus', async () => {
    const { contentType, body } = await open(quietStatus()).render();

    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body.endsWith('\n')).toBe(true);
  });

  it('do not share anything with another set in the same process', async () => {
    const one = open(quietStatus());
    const other = open(quietStatus());
    one.passEnded('failed', 1);

    expect((await values(one)).get('linq_gitops_passes_total{result="failed"}')).toBe(1);
    expect((await values(other)).get('linq_gitops_passes_total{result="failed"}')).toBe(0);
  });
});

describe('what is counted', () => {
  it('has every result of passes and of writes from the start, with 0', async () => {
    const all = await values(open(freshStatus()));

    expect(Array.from(all).filter(([series]) => /passes_total|sink_writes/.test(series))).toEqual([
      ['linq_gitops_passes_total{result="unchanged"}', 0],
      ['linq_gitops_passes_total{result="changed"}', 0],
      ['linq_gitops_passes_total{result="incomplete"}', 0],
      ['linq_gitops_passes_total{result="failed"}', 0],
      ['linq_gitops_sink_writes_total{sink="vault",result="ok"}', 0],
      ['linq_gitops_sink_writes_total{sink="vault",result="conflict"}', 0],
      ['linq_gitops_sink_writes_total{sink="vault",result="error"}', 0],
    ]);
  });

  it('adds passes up by result, and their durations in seconds whatever the result', async () => {
    const metrics = open(quietStatus());
    metrics.passEnded('changed', 0.2);
    metrics.passEnded('failed', 45);
    metrics.passEnded('failed', 300);

    const all = await values(metrics);

    expect(all.get('linq_gitops_passes_total{result="changed"}')).toBe(1);
    expect(all.get('linq_gitops_passes_total{result="failed"}')).toBe(2);
    expect(all.get('linq_gitops_pass_duration_seconds_bucket{le="0.1"}')).toBe(0);
    expect(all.get('linq_gitops_pass_duration_seconds_bucket{le="0.25"}')).toBe(1);
    expect(all.get('linq_gitops_pass_duration_seconds_bucket{le="60"}')).toBe(2);
    expect(all.get('linq_gitops_pass_duration_seconds_bucket{le="120"}')).toBe(2);
    expect(all.get('linq_gitops_pass_duration_seconds_count')).toBe(3);
    expect(all.get('linq_gitops_pass_duration_seconds_sum')).toBeCloseTo(345.2);
  });

  it('adds requests up by method and code, and what was rate limited once more', async () => {
    const metrics = open(quietStatus());
    metrics.apiRequest('GET', 200);
    metrics.apiRequest('GET', 429);
    metrics.apiRequest('POST', 429);
    metrics.apiRequest('POST', null);

    const all = await values(metrics);

    expect(all.get('linq_gitops_api_requests_total{method="GET",code="200"}')).toBe(1);
    expect(all.get('linq_gitops_api_requests_total{method="POST",code="429"}')).toBe(1);
    expect(all.get('linq_gitops_api_requests_total{method="POST",code="none"}')).toBe(1);
    expect(all.get('linq_gitops_api_rate_limited_total')).toBe(2);
  });

  it('adds writes up under the name of the sink', async () => {
    const metrics = open(quietStatus(), 'file');
    metrics.sinkWrite('ok');
    metrics.sinkWrite('ok');
    metrics.sinkWrite('conflict');

    const all = await values(metrics);

    expect(all.get('linq_gitops_sink_writes_total{sink="file",result="ok"}')).toBe(2);
    expect(all.get('linq_gitops_sink_writes_total{sink="file",result="conflict"}')).toBe(1);
    expect(all.get('linq_gitops_sink_writes_total{sink="file",result="error"}')).toBe(0);
  });
});

describe('what the status says', () => {
  it('is that of the scrape, not that of the start', async () => {
    let status = quietStatus({ foreign: 1 });
    const metrics = openMetrics({ version: '1.2.3', sink: 'vault', status: () => status });
    expect((await values(metrics)).get('linq_gitops_foreign_subscriptions')).toBe(1);

    status = quietStatus({ foreign: 4, unstored: ['orders', 'support'] });

    const all = await values(metrics);
    expect(all.get('linq_gitops_foreign_subscriptions')).toBe(4);
    expect(all.get('linq_gitops_unstored_secrets')).toBe(2);
  });

  it('has every state of entries and every guard, with 0 where there is nothing', async () => {
    const status = quietStatus({
      entries: [
        entryStatus('a'),
        entryStatus('b'),
        entryStatus('c', { state: 'drifted', guard: 'drift', reason: 'somebody added an event' }),
        entryStatus('d', { state: 'held', guard: 'widen', reason: 'every line' }),
        entryStatus('e', { state: 'held', guard: 'widen', reason: 'every line' }),
      ],
      held: [{ guard: 'account', reason: 'another account' }],
    });

    const all = await values(open(status));

    expect(all.get('linq_gitops_entries{state="in_sync"}')).toBe(2);
    expect(all.get('linq_gitops_entries{state="drifted"}')).toBe(1);
    expect(all.get('linq_gitops_entries{state="held"}')).toBe(2);
    expect(all.get('linq_gitops_entries{state="failed"}')).toBe(0);
    expect(all.get('linq_gitops_held{guard="widen"}')).toBe(2);
    expect(all.get('linq_gitops_held{guard="drift"}')).toBe(1);
    expect(all.get('linq_gitops_held{guard="account"}')).toBe(1);
    expect(all.get('linq_gitops_held{guard="unowned"}')).toBe(0);
  });

  it('returns to 0 when the cause is gone', async () => {
    let status = quietStatus({ entries: [entryStatus('a', { state: 'held', guard: 'widen' })] });
    const metrics = openMetrics({ version: '1.2.3', sink: 'file', status: () => status });
    await metrics.render();

    status = quietStatus({ entries: [entryStatus('a')] });

    const all = await values(metrics);
    expect(all.get('linq_gitops_held{guard="widen"}')).toBe(0);
    expect(all.get('linq_gitops_entries{state="held"}')).toBe(0);
  });

  it('has no time of what has not happened yet', async () => {
    const all = await values(open(freshStatus()));

    expect(all.has('linq_gitops_last_success_timestamp_seconds')).toBe(false);
    expect(all.has('linq_gitops_config_last_load_success_timestamp_seconds')).toBe(false);
    expect(all.has('linq_gitops_oldest_secret_created_timestamp_seconds')).toBe(false);
    expect(all.get('linq_gitops_config_last_load_successful')).toBe(0);
  });

  it('has times in seconds', async () => {
    const all = await values(open(quietStatus()));

    expect(all.get('linq_gitops_process_start_time_seconds')).toBe(NOON / 1000 - 3600);
    expect(all.get('linq_gitops_last_success_timestamp_seconds')).toBe(NOON / 1000 - 60);
    expect(all.get('linq_gitops_config_last_load_success_timestamp_seconds')).toBe(NOON / 1000 - 1800);
    expect(all.get('linq_gitops_config_last_load_successful')).toBe(1);
  });

  it('calls the file bad while an older one is still in use', async () => {
    const { config } = quietStatus();
    const problem = { message: 'cannot use it: 1 problem', problems: [], since: NOON };

    const all = await values(open(quietStatus({ config: { ...config, problem } })));

    expect(all.get('linq_gitops_config_last_load_successful')).toBe(0);
    expect(all.get('linq_gitops_config_last_load_success_timestamp_seconds')).toBe(NOON / 1000 - 1800);
  });

  it('names the oldest secret, and lets an unreadable or unknown time not hide it', async () => {
    const entries = [
      entryStatus('a', { secretCreatedAt: '2026-02-02T00:00:00.000Z' }),
      entryStatus('b', { secretCreatedAt: '2025-12-24T00:00:00.000Z' }),
      entryStatus('c', { secretCreatedAt: null }),
      entryStatus('d', { secretCreatedAt: 'long ago' }),
    ];

    const all = await values(open(quietStatus({ entries })));

    expect(all.get('linq_gitops_oldest_secret_created_timestamp_seconds')).toBe(
      Date.parse('2025-12-24T00:00:00.000Z') / 1000,
    );
  });

  it('has no name of an entry, no URL, no id and no reason in any label', async () => {
    const reason = 'https://hooks.example.com/orders is taken';
    const entries = [entryStatus('orders', { state: 'held', guard: 'url-taken', reason })];
    const metrics = open(quietStatus({ entries, unstored: ['orders'], awaited: ['orders'] }));

    expect((await metrics.render()).body).not.toMatch(/orders|hooks\.example/);
  });
});

describe('what is known of the process', () => {
  it('is its version, its memory and its processor time', async () => {
    const all = await values(open(quietStatus()));

    expect(all.get(`linq_gitops_build_info{version="1.2.3",node="${process.versions.node}"}`)).toBe(1);
    expect(all.get('linq_gitops_process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(all.get('linq_gitops_process_cpu_seconds_total')).toBeGreaterThan(0);
  });

  it('is not added up from scrape to scrape', async () => {
    const metrics = open(quietStatus());
    for (let scrape = 0; scrape < 50; scrape++) await metrics.render();

    const shown = (await values(metrics)).get('linq_gitops_process_cpu_seconds_total');

    const { user, system } = process.cpuUsage();
    expect(shown).toBeLessThanOrEqual((user + system) / 1e6);
  });
});

function open(status: DaemonStatus, sink: 'file' | 'vault' = 'vault'): Metrics {
  return openMetrics({ version: '1.2.3', sink, status: () => status });
}

/** Every series of a scrape with its value. */
async function values(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const { body } = await metrics.render();
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(/\S+$/.exec(line)?.[0])]));
}

/** Name, type, labels (without the bound of a bucket) and help of all metrics of a scrape, in its order. */
function describeAll(body: string): readonly (readonly string[])[] {
  return body
    .trim()
    .split('\n\n')
    .map((block) => {
      const [help = '', type = '', ...series] = block.split('\n');
      const name = /^# TYPE (\S+) /.exec(type)?.[1] ?? '';
      const labels = new Set(
        series.flatMap((line) => Array.from(line.matchAll(/[{,](\w+)="/g), ([, label]) => label)),
      );
      labels.delete('le');
      return [
        name,
        type.replace(`# TYPE ${name} `, ''),
        Array.from(labels).join(', '),
        help.replace(`# HELP ${name} `, ''),
      ];
    });
}

function readDocs(): string {
  return readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
}

function documentedMetrics(): readonly (readonly string[])[] {
  const rows = readDocs()
    .split('\n')
    .filter((line) => line.startsWith('| `linq_gitops_'));
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, 4)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

/** Of the rules in the code blocks; fails where a block is not YAML of that form. */
function alertExpressions(): readonly string[] {
  const blocks = Array.from(readDocs().matchAll(/^```yaml\n(.*?)^```$/gms), ([, block]) => block ?? '');
  const rules = blocks.filter((block) => block.includes('alert:'));
  return rules.flatMap((block) =>
    parseAllDocuments(block).flatMap((document) => {
      const { spec } = document.toJS() as { spec: { groups: { rules: { expr: string }[] }[] } };
      return spec.groups.flatMap((group) => group.rules.map((rule) => rule.expr));
    }),
  );
}
