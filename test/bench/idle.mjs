/**
 * What a daemon costs that has nothing to do: processor time and resident memory between passes, with a thousand
 * entries in sync. After `npm run build`:
 *
 *   node test/bench/idle.mjs [entries] [seconds]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startEmulator } from '../../dist/emulator/emulator.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** From the end of the first pass: what it left is gone by then. */
const SETTLING_MS = 15_000;

const [entries = 1_000, seconds = 60] = process.argv.slice(2).map(Number);

function fileOf(count) {
  const names = Array.from({ length: count }, (_, index) => `entry-${index}`);
  const subscriptions = Object.fromEntries(
    names.map((name) => [
      name,
      {
        target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
        subscribed_events: ['message.received'],
      },
    ]),
  );
  return JSON.stringify({ version: 1, subscriptions });
}

function start(argv, folder, emulator) {
  const env = {
    PATH: process.env.PATH,
    LINQ_API_V3_BASE_URL: emulator.url,
    LINQ_API_V3_API_KEY: emulator.apiKey,
    LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
    LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0',
  };
  return spawn(process.execPath, [MAIN, ...argv], { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
}

async function endpointsOf(daemon) {
  for await (const line of createInterface({ input: daemon.stderr })) {
    const { event, endpoints } = JSON.parse(line);
    if (event === 'started') return endpoints;
  }
  throw new Error('the daemon did not start');
}

/** The values of metrics without labels, by name. */
async function metricsOf(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Object.fromEntries(
    [...text.matchAll(/^(\w+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  );
}

async function ready(url) {
  while ((await fetch(`${url}/readyz`)).status !== 200) await sleep(200);
}

const emulator = await startEmulator();
const folder = await mkdtemp(join(tmpdir(), 'linq-gitops-idle-'));
try {
  await writeFile(join(folder, 'subscriptions.yaml'), fileOf(entries));
  const [code] = await once(start(['sync'], folder, emulator), 'close');
  if (code !== 0) throw new Error(`the sync before ended with ${code}`);
  const daemon = start(['run'], folder, emulator);
  const url = await endpointsOf(daemon);
  daemon.stderr.resume();
  await ready(url);
  await sleep(SETTLING_MS);
  const before = await metricsOf(url);
  await sleep(seconds * 1_000);
  const after = await metricsOf(url);
  const cpu = after.linq_gitops_process_cpu_seconds_total - before.linq_gitops_process_cpu_seconds_total;
  const megabytes = after.linq_gitops_process_resident_memory_bytes / 1e6;
  process.stdout.write(
    `${entries} entries, ${seconds} s at rest: ${((100 * cpu) / seconds).toFixed(2)} % of a core, ${megabytes.toFixed(0)} MB resident\n`,
  );
  daemon.kill('SIGTERM');
  await once(daemon, 'close');
} finally {
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
}
