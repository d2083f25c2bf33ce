import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BORNE, BUGS } from './bugs.ts';
import { runHistory, type Violation } from './history.ts';
import type { Bug } from './model-process.ts';
import type { World } from './model-world.ts';

/** SIMULATION_HISTORIES: how many in all. SIMULATION_SEED: where the fresh ones begin; with 1 history, a replay. */
const HISTORIES = Number(process.env['SIMULATION_HISTORIES'] ?? 2_000);
const SEED = Number(process.env['SIMULATION_SEED'] ?? randomInt(1_000_000, 2 ** 31));
const FIXED = Math.floor(HISTORIES / 2);
const TIME_LIMIT_MS = 60_000 + HISTORIES * 100;

describe('the create protocol under any interleaving, loss and crash (I1 to I4, I6, I10)', () => {
  it('holds in a fixed set of histories', { timeout: TIME_LIMIT_MS }, async () => {
    expect(await findViolation(1, FIXED)).toBeNull();
  });

  it('holds in histories that nobody has seen', { timeout: TIME_LIMIT_MS }, async () => {
    process.stdout.write(`simulation: fresh histories from seed ${SEED}\n`);
    expect(await findViolation(SEED, HISTORIES - FIXED)).toBeNull();
  });

  it('runs the same history from the same seed', async () => {
    const [bug] = BUGS;
    const violation = await findViolation(1, 2_000, bug);
    expect(violation).not.toBeNull();
    const again = await runHistory(violation?.seed ?? 0, bug);
    expect(again?.trace).toEqual(violation?.trace);
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
        'compromised',
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
      for (const line of await traceOf(seed)) {
        for (const word of words) if (line.includes(word)) seen.add(word);
      }
    }
    expect([...seen].sort()).toEqual([...words].sort());
  });
});

describe('the simulation itself', () => {
  it.each(named(BUGS))('notices within 2,000 histories that %s', async (_name, bug) => {
    expect(await findViolation(1, 2_000, bug)).not.toBeNull();
  });

  it.each(named(BORNE))('shows that it does no harm when %s', async (_name, bug) => {
    expect(await findViolation(1, 300, bug)).toBeNull();
  });
});

function named(bugs: readonly Bug[]): readonly (readonly [string, Bug])[] {
  return bugs.map((bug) => [bug.name, bug]);
}

/** The first violation in `count` histories from the seed `first` on; printed with its replay, unless a bug was planted. */
async function findViolation(
  first: number,
  count: number,
  bug: Bug | null = null,
): Promise<Violation | null> {
  for (let seed = first; seed < first + count; seed += 1) {
    const violation = await runHistory(seed, bug);
    if (violation === null) continue;
    if (bug === null) {
      const { invariant, what, trace } = violation;
      process.stdout.write(
        `${invariant}: ${what}\nreplay: SIMULATION_SEED=${seed} SIMULATION_HISTORIES=1\n${trace.join('\n')}\n`,
      );
    }
    return violation;
  }
  return null;
}

async function traceOf(seed: number): Promise<readonly string[]> {
  const worlds: World[] = [];
  await runHistory(seed, { name: 'none', spoilWorld: (world) => void worlds.push(world) });
  return worlds.flatMap(({ trace }) => trace);
}
