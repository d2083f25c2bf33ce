/**
 * How long a change of the file takes to be on the wire, for each way in which a file is delivered: from the moment
 * when it is in place to the moment when the emulator has done the PUT. After `npm run build`:
 *
 *   node test/bench/delivery.mjs [times with watchers] [times with polling alone]
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { startEmulator } from '../../dist/emulator/emulator.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const URL_OF_ENTRY = 'https://hooks.example.com/orders?version=2026-02-03';
const EVENTS = ['message.received', 'message.sent'];
const POLL_MS = 10_000;
/** Longer than the daemon gathers events for, so that what was done before has been looked at. */
const PAUSE_MS = 1_500;

const [watched = 15, polled = 3] = process.argv.slice(2).map(Number);

/** What the tests lay out; Node 20 runs no TypeScript. */
async function loadDeliveries() {
  const source = await readFile(new URL('../support/deliveries.ts', import.meta.url), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const { deliveries } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
  return [...deliveries, absent('a file that was gone', unlink), absent('a new parent folder', removeFolder)];
}

/** What is taken away first, and comes back later. */
function absent(title, remove) {
  return {
    title,
    async prepare(folder, text) {
      const path = join(folder, 'config', 'subscriptions.yaml');
      async function put(next) {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, next);
      }
      await put(text);
      return { path, update: put, before: () => remove(path) };
    },
  };
}

async function removeFolder(path) {
  const gone = `${dirname(path)}.gone`;
  await rename(dirname(path), gone);
  await rm(gone, { recursive: true });
}

function textOf(event) {
  const orders = { target_url: URL_OF_ENTRY, subscribed_events: [event] };
  return JSON.stringify({ version: 1, subscriptions: { orders } });
}

/** Latencies in ms. */
async function measure({ prepare }, { isWatching, times }) {
  const options = isWatching ? [] : ['--no-watch'];
  const folder = await mkdtemp(join(tmpdir(), 'linq-gitops-bench-'));
  const emulator = await startEmulator();
  const file = await prepare(folder, textOf(EVENTS[0]));
  const daemon = await startDaemon(folder, emulator, ['--file', file.path, ...options]);
  try {
    const latencies = [];
    for (let count = 1; count <= times; count += 1) {
      // At any moment between two polls.
      await sleep(isWatching ? PAUSE_MS : POLL_MS * Math.random());
      await file.before?.();
      if (file.before) await sleep(PAUSE_MS);
      const done = emulator.addFault({ match: { path: 'update' }, action: { kind: 'hold', at: 'after' } });
      await file.update(textOf(EVENTS[count % 2]));
      const start = performance.now();
      await done.reached();
      latencies.push(performance.now() - start);
      done.remove();
    }
    return latencies.sort((a, b) => a - b);
  } finally {
    await daemon.stop();
    await emulator.close();
    await rm(folder, { recursive: true });
  }
}

async function startDaemon(folder, emulator, options) {
  const child = spawn(process.execPath, [MAIN, 'run', '--log-level', 'debug', ...options], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      LINQ_API_V3_BASE_URL: emulator.url,
      LINQ_API_V3_API_KEY: emulator.apiKey,
      LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0',
      LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let log = '';
  await new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      if (log !== null) log += text;
      if (log?.includes('"event":"pass_ended"')) resolve();
    });
    void ended.then(() => reject(new Error(`the daemon has ended:\n${log}`)));
  });
  log = null;
  return {
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function row(title, watching, polling) {
  const [middle, worst, pollMiddle, pollWorst] = [watching, polling].flatMap((all) => [
    all[Math.floor(all.length / 2)],
    all.at(-1),
  ]);
  const cells = [middle, worst, pollMiddle, pollWorst].map((ms) => (ms?.toFixed(0) ?? '-').padStart(8));
  return `${title.padEnd(44)}${cells.join('')}`;
}

const deliveries = await loadDeliveries();
// All at once: it is waiting, mostly.
const slow = await Promise.all(
  deliveries.map((delivery) => measure(delivery, { isWatching: false, times: polled })),
);
const rows = [];
for (const [index, delivery] of deliveries.entries()) {
  rows.push(row(delivery.title, await measure(delivery, { isWatching: true, times: watched }), slow[index]));
}
process.stdout.write(`${'ms from "in place" to "on the wire"'.padEnd(44)} watched   worst  polled   worst\n`);
process.stdout.write(`${rows.join('\n')}\n`);
