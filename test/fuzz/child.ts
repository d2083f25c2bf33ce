/**
 * The process in which inputs are checked, so that one that hangs or uses up the memory ends no more than this.
 * It is told by messages what to do; before every check it notes where it is in the file that it is given.
 */
import { openSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { inputsOf } from './inputs.ts';
import { minimise } from './minimise.ts';
import { writeProgress, type ChildMessage, type Order } from './protocol.ts';
import type { OpenTarget } from './target.ts';
import { targetNamed } from './targets/all.ts';

/** How often a smaller input is tried. */
const TRIES = 400;

const file = openSync(process.argv[2] ?? '', 'r+');
const progress = { index: 0, checks: 0, inputs: 0, accepted: 0, refused: 0, found: 0 };
const unhandled: unknown[] = [];

process.on('uncaughtException', (error: unknown) => void unhandled.push(error));
process.on('unhandledRejection', (reason: unknown) => void unhandled.push(reason));
process.on('message', (order: Order) => void obey(order));

async function obey(order: Order): Promise<void> {
  const target = await targetNamed(order.target).open();
  try {
    if (order.kind === 'run') await run(target, order);
    const failure =
      order.kind === 'check' ? await failureOf(target, Buffer.from(order.input, 'base64')) : null;
    send(order.kind === 'run' ? { kind: 'done' } : { kind: 'checked', failure });
  } finally {
    await target.close();
  }
}

async function run(target: OpenTarget, order: Extract<Order, { kind: 'run' }>): Promise<void> {
  const inputAt = inputsOf(targetNamed(order.target), order.seed);
  Object.assign(progress, { inputs: 0, accepted: 0, refused: 0, found: 0 });
  const told = new Set<string>();
  const deadline = performance.now() + (order.ms ?? Number.POSITIVE_INFINITY);
  const end = order.from + (order.count ?? Number.POSITIVE_INFINITY);
  for (let index = order.from; index < end && performance.now() < deadline; index += 1) {
    progress.index = index;
    writeProgress(file, progress);
    const input = inputAt(index);
    const failure = await failureOf(target, input, (verdict) => (progress[verdict] += 1));
    progress.inputs += 1;
    if (failure === null) continue;
    progress.found += 1;
    const bug = signatureOf(failure);
    if (told.has(bug)) continue;
    told.add(bug);
    const smallest = await minimise(
      input,
      async (smaller) => bug === signatureOf(await failureOf(target, smaller)),
      TRIES,
    );
    send({ kind: 'finding', failure, input: smallest.toString('base64') });
  }
  writeProgress(file, progress);
}

/** What an input does that it should not, in words; null where it does nothing of the sort. */
async function failureOf(
  target: OpenTarget,
  input: Buffer,
  onVerdict: (verdict: 'accepted' | 'refused') => void = () => undefined,
): Promise<string | null> {
  progress.checks += 1;
  writeProgress(file, progress);
  try {
    const verdict = await target.check(input);
    // What nobody handles comes to light at the next turn.
    await turn();
    if (unhandled.length > 0) return `nobody handles: ${wordsOf(unhandled.splice(0)[0])}`;
    onVerdict(verdict);
    return null;
  } catch (error) {
    return wordsOf(error);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The same for the same bug: what was thrown, and from which place of the program. */
function signatureOf(failure: string | null): string {
  const [first = '', ...rest] = (failure ?? '').split('\n');
  const place = rest.find((line) => /^\s+at .*\/src\//.test(line)) ?? '';
  return `${first.replace(/\d+/g, '0').slice(0, 120)} ${place.trim()}`;
}

function send(message: ChildMessage): void {
  process.send?.(message);
}

send({ kind: 'ready' });
