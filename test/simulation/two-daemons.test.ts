import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runPair, type PairOptions, type PairViolation } from '../support/daemon-model-pair.ts';

/** TWO_DAEMONS_SEED: where the fresh histories begin, to replay one. */
const SEED = Number(process.env['TWO_DAEMONS_SEED'] ?? randomInt(1_000_000, 2 ** 31));

describe('two daemons that see each edit at different times (I1 to I4)', () => {
  it('converge without a duplicate, a lost secret or a fight over 200 random edits', async () => {
    expect(await findViolation(1, { edits: 200, areReplaced: false })).toBeNull();
    expect(await findViolation(SEED, { edits: 200, areReplaced: false })).toBeNull();
  });

  it('do so too when one of them is killed or stopped at random, and another comes in its place', async () => {
    expect(await findViolation(1, { edits: 200, areReplaced: true })).toBeNull();
    expect(await findViolation(SEED, { edits: 200, areReplaced: true })).toBeNull();
  });
});

/** Printed with its replay. */
async function findViolation(seed: number, options: PairOptions): Promise<PairViolation | null> {
  const violation = await runPair(seed, options);
  if (violation !== null) {
    const { invariant, what, trace } = violation;
    process.stdout.write(`${trace.join('\n')}\n${invariant}: ${what}\nreplay: TWO_DAEMONS_SEED=${seed}\n`);
  }
  return violation;
}
