/**
 * Real processes, real files, a real HTTP server, and everything that can happen to them, for as long as wanted:
 * `npm run chaos -- --minutes 10 --seed 7`. A seed replays the deeds, not what the machine makes of them.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { openWorld, type ChaosWorld, type SinkChoice } from './chaos-world.ts';
import { randomOf, runEpoch, type Limits } from './epoch.ts';
import { hasOwnMounts, runWithOwnMounts } from './own-mounts.ts';
import { renderSummary, renderViolations } from './summary.ts';
import { makeTally } from './tally.ts';

const MINUTE_MS = 60_000;
/** How often an epoch begins with an account and a sink of its own. */
const FRESH = 0.25;
/** How often the sink is a Vault, where nothing else is asked for. */
const VAULT = 0.25;

interface Options {
  readonly seed: number;
  readonly minutes: number;
  /** In all epochs together; over the minutes. */
  readonly rounds: number | null;
  readonly sink: SinkChoice | null;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string' },
      rounds: { type: 'string' },
      sink: { type: 'string' },
    },
  });
  const number = (name: 'minutes' | 'seed' | 'rounds', text: string): number => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} is a number, not ${text}`);
    return value;
  };
  const { seed = String(randomInt(2 ** 31)), minutes, rounds, sink } = values;
  if (sink !== undefined && sink !== 'file' && sink !== 'vault') throw new Error('--sink is file or vault');
  return {
    seed: number('seed', seed),
    minutes: number('minutes', minutes),
    rounds: rounds === undefined ? null : number('rounds', rounds),
    sink: sink ?? null,
  };
}

/** Returns the exit code: 1 where something was violated. */
async function runChaos({ seed, minutes, rounds, sink }: Options): Promise<number> {
  const begun = Date.now();
  const elapsed = (): number => (Date.now() - begun) / MINUTE_MS;
  const tally = makeTally();
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort());
  const limits: Limits = {
    isInterrupted: () => interruption.signal.aborted,
    isOver: () => (rounds === null ? elapsed() >= minutes : tally.of('rounds') >= rounds),
  };
  say(`chaos: seed ${seed}`);
  let world: ChaosWorld | null = null;
  let violations = 0;
  for (let epoch = 1; violations === 0 && !limits.isOver() && !limits.isInterrupted(); epoch += 1) {
    const random = randomOf(seed, epoch, -1);
    if (world !== null && random.chance(FRESH)) {
      await world.close();
      world = null;
    }
    world ??= await openWorld(sink ?? (random.chance(VAULT) ? 'vault' : 'file'), random, tally);
    await runEpoch(world, seed, epoch, limits);
    violations = limits.isInterrupted() ? 0 : world.violations.length;
    if (violations > 0) say(renderViolations(world, seed, epoch));
    else if (limits.isInterrupted()) say('interrupted: the last epoch is not judged');
    else say(`epoch ${epoch}: ${elapsed().toFixed(1)} minutes, ${tally.of('process: started')} processes`);
    world.history.splice(0);
  }
  await world?.close();
  say(renderSummary(tally, { seed, minutes: elapsed(), violations, hasDisk: hasOwnMounts() }));
  return violations > 0 ? 1 : 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = (await runWithOwnMounts()) ?? (await runChaos(readOptions()));
