import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BORNE, BUGS } from './bugs.ts';
import { runHistory } from './history.ts';
import type { Bug } from './model-process.ts';
import { randomFrom } from './model-random.ts';
import { shortestHistory } from './shrink.ts';

/** SIMULATION_HISTORIES: how many in all. SIMULATION_SEED: where the fresh ones begin; with 1 history, a replay. */
const HISTORIES = Number(process.env['SIMULATION_HISTORIES'] ?? 2_000);
const SEED = Number(process.env['SIMULATION_SEED'] ?? randomInt(1_000_000, 2 ** 31));
const FIXED = Math.floor(HISTORIES / 2);
const TIME_LIMIT_MS = 60_000 + HISTORIES * 100;

describe('the create protocol under any interleaving, loss and crash (I1 to I4, I6, I10)', () => {
  it('holds in a fixed set of histories', { timeout: TIME_LIMIT_MS }, async () => {
    expect(await findSeed(1, FIXED)).toBeNull();
  });

  it('holds in histories that nobody has seen', { timeout: TIME_LIMIT_MS }, async () => {
    process.stdout.write(`simulation: fresh histories from seed ${SEED}\n`);
    expect(await findSeed(SEED, HISTORIES - FIXED)).toBeNull();
  });

  it('reaches crashes, late arrivals, an outsider, and every kind of operation', async () => {
    const seen = new Set<string>();
    const words = [
      ...[
        'dies',
        'lands: POST',
        'lands: write',
        'outsider takes',
        'told to stop',
        'lost-after',
        'refused',
        'rotate',
        'abort',
        'compromised',
        'adopt orders',
        'adopt --replace',
        'pause everything',
        'resume',
        'bad-file',
        'outsider deletes',
        'outsider moves',
      ],
      ...[
        'create',
        'recover',
        'collect',
        'rename',
        'make-way for',
        'update',
        'delete',
        'replace',
        'retire',
        'forget',
        'give up',
      ].map((kind) => ` ${kind} `),
    ];
    for (let seed = 1; seed <= 300; seed += 1) {
      for (const line of (await runHistory(randomFrom(seed))).trace) {
        for (const word of words) if (line.includes(word)) seen.add(word);
      }
    }
    expect([...seen].sort()).toEqual([...words].sort());
  });
});

describe('the simulation itself', () => {
  it.each(named(BUGS))('notices within 2,000 histories that %s', async (_name, bug) => {
    expect(await findSeed(1, 2_000, bug)).not.toBeNull();
  });

  it('runs the same history from the same seed, and finds the same shorter one that breaks the same', async () => {
    const [bug = null] = BUGS;
    const seed = (await findSeed(1, 2_000, bug)) ?? 0;
    const history = await runHistory(randomFrom(seed), bug);
    expect(history.violation).not.toBeNull();
    expect(await runHistory(randomFrom(seed), bug)).toEqual(history);
    const shortest = await shortestHistory(seed, bug);
    expect(shortest.violation?.invariant).toBe(history.violation?.invariant);
    expect(shortest.trace.length).toBeLessThan(history.trace.length);
    expect(await shortestHistory(seed, bug)).toEqual(shortest);
  });

  it.each(named(BORNE))('shows that it does no harm when %s', async (_name, bug) => {
    expect(await findSeed(1, 300, bug)).toBeNull();
  });
});

function named(bugs: readonly Bug[]): readonly (readonly [string, Bug])[] {
  return bugs.map((bug) => [bug.name, bug]);
}

/** The first seed of `count` from `first` on that breaks an invariant; printed with its shortest history, unless a bug was planted. */
async function findSeed(first: number, count: number, bug: Bug | null = null): Promise<number | null> {
  for (let seed = first; seed < first + count; seed += 1) {
    if ((await runHistory(randomFrom(seed), bug)).violation === null) continue;
    if (bug === null) await print(seed);
    return seed;
  }
  return null;
}

async function print(seed: number): Promise<void> {
  const { violation, trace } = await shortestHistory(seed);
  const replay = `replay: npm run simulate -- --histories 1 --seed ${seed}`;
  process.stdout.write(`${violation?.invariant}: ${violation?.what}\n${trace.join('\n')}\n${replay}\n`);
}
