/**
 * `npm run simulate -- [--histories N] [--seed S] [--jobs J]`: histories from the seeds S, S + 1, … on as many processes
 * as there are cores. Ends with 1 at the first violation, whose shortest history is printed; `--histories 1` replays it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runHistory } from './history.ts';
import { randomFrom } from './model-random.ts';
import { shortestHistory } from './shrink.ts';

/** A history of fewer steps proves little: it is checked, and another one is counted in its place. */
const FEWEST_STEPS = 30;
const BATCH = 250;

/** What a child tells: how many steps each history that counts had, and the last seed; or the seed that broke something. */
type News = { readonly steps: readonly number[]; readonly last: number } | { readonly broken: number };

if (process.send === undefined) await main();
else {
  const [first = 1, stride = 1, count = 1] = process.argv.slice(2).map(Number);
  await runBatches({ first, stride, count }, (news) => process.send?.(news));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      histories: { type: 'string', default: '5000' },
      seed: { type: 'string', default: String(randomInt(1_000_000, 2 ** 31)) },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const [count, first] = [numberOf(values.histories), numberOf(values.seed)];
  const jobs = Math.min(count, numberOf(values.jobs));
  print(`${count} histories from seed ${first}`);
  const began = performance.now();
  let steps: readonly number[] = [];
  const children: ChildProcess[] = [];
  let broken: number | undefined;
  let last = first;
  for (let job = 0; job < jobs; job += 1) {
    // Each takes every so many-th seed, so that none meets another's range.
    const share = Math.floor((count + job) / jobs);
    const child = fork(fileURLToPath(import.meta.url), [first + job, jobs, share].map(String));
    child.on('message', (news: News) => {
      if ('broken' in news) {
        broken ??= news.broken;
        for (const each of children) each.kill();
        return;
      }
      const before = steps.length;
      steps = [...steps, ...news.steps];
      last = Math.max(last, news.last);
      const tenth = Math.floor((10 * steps.length) / count);
      if (tenth > Math.floor((10 * before) / count)) print(`${steps.length} done`);
    });
    children.push(child);
  }
  const ends = await Promise.all(children.map((child) => once(child, 'close')));
  if (broken !== undefined) return showViolation(broken);
  if (ends.some(([code]) => code !== 0)) throw new Error('a process of the simulation has failed');
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  print(
    `no violation in ${steps.length} histories of at least ${FEWEST_STEPS} steps (median ${medianOf(steps)})`,
  );
  print(`seeds ${first} to ${last}, ${minutes} minutes`);
}

async function showViolation(seed: number): Promise<void> {
  const { violation, trace } = await shortestHistory(seed);
  print(`seed ${seed} breaks ${violation?.invariant}: ${violation?.what}; the shortest history found:`);
  print(trace.join('\n'));
  print(`replay: npm run simulate -- --histories 1 --seed ${seed}`);
  process.exitCode = 1;
}

interface Share {
  readonly first: number;
  /** From one seed to the next. */
  readonly stride: number;
  /** Of histories that count. */
  readonly count: number;
}

/** What a child does. */
async function runBatches({ first, stride, count }: Share, tell: (news: News) => void): Promise<void> {
  let seed = first - stride;
  for (let counted = 0; counted < count;) {
    const steps: number[] = [];
    while (steps.length < Math.min(BATCH, count - counted)) {
      seed += stride;
      const history = await runHistory(randomFrom(seed));
      if (history.violation !== null) {
        tell({ broken: seed });
        return;
      }
      if (history.steps >= FEWEST_STEPS) steps.push(history.steps);
    }
    counted += steps.length;
    tell({ steps, last: seed });
  }
  process.disconnect();
}

function numberOf(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`not a whole number above 0: ${text}`);
  return number;
}

function medianOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
