import { randomInt } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { encodeEntry } from '../../src/secrets/record-codec.ts';
import { fullRecord } from '../support/record-builders.ts';
import { inputsOf } from './inputs.ts';
import { LIMITS, openFuzzer, type Finding, type Fuzzer } from './runner.ts';
import { TARGETS, targetNamed } from './targets/all.ts';

/** FUZZ_SEED: replays what a run found. */
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(1, 2 ** 31));
/** Inputs found once, one folder for each target. */
const KEPT = fileURLToPath(new URL('../fixtures/fuzz', import.meta.url));
/** What takes a process, or several requests, is slower. */
const COUNTS: Readonly<Record<string, number>> = { cli: 6, subscriptions: 300, settings: 250 };
const COUNT = 150;

let fuzzer: Fuzzer;
beforeAll(() => {
  fuzzer = openFuzzer({ ...LIMITS, tries: 0 });
  process.stdout.write(`fuzz: fresh inputs from seed ${SEED}\n`);
});
afterAll(() => fuzzer.close());

describe('inputs that others write', () => {
  it.each(TARGETS.map(({ name }) => name))(
    'are refused in words, or mean what they say, in bounded time: %s',
    { timeout: 300_000 },
    async (target) => {
      const findings: Finding[] = [];
      const count = COUNTS[target] ?? COUNT;
      const tally = await fuzzer.run({
        target,
        seed: SEED,
        count,
        onFinding: (one) => void findings.push(one),
      });

      expect(findings.map(wordsOf), `replay: FUZZ_SEED=${SEED}`).toEqual([]);
      expect(tally).toMatchObject({ inputs: count, accepted: count - tally.refused, found: 0 });
      // A target that refuses, or accepts, whatever it is given shows nothing.
      if (count >= COUNT) expect(Math.min(tally.accepted, tally.refused)).toBeGreaterThan(0);
    },
  );

  it.each(keptInputs())('do so where they once did not: %s, %s', async (target, file) => {
    expect(await fuzzer.check(target, readFileSync(join(KEPT, target, file)))).toBeNull();
  });
});

describe('a record of which one bit is another', () => {
  it('is damaged, or means what it says now', { timeout: 300_000 }, async () => {
    const text = JSON.stringify({
      version: 'a'.repeat(32),
      writer: '',
      follows: [],
      ...encodeEntry(fullRecord('orders')),
    });
    const target = await targetNamed('record').open();
    onTestFinished(() => target.close());
    // Every byte; which of its bits goes round.
    for (let at = 0; at < text.length; at += 1) {
      const bytes = Buffer.from(text);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      await target.check(bytes);
    }
  });
});

describe('the fuzzer itself', () => {
  it('makes the same inputs from the same seed, and others from another', () => {
    for (const target of TARGETS) {
      const [one, same, other] = [inputsOf(target, 1), inputsOf(target, 1), inputsOf(target, 2)];
      const indices = Array.from({ length: 100 }, (_, index) => index * 3 + 1);
      expect(indices.map((index) => same(index).toString('hex'))).toEqual(
        indices.map((index) => one(index).toString('hex')),
      );
      expect(indices.some((index) => !other(index).equals(one(index)))).toBe(true);
    }
  });

  it.each([
    { target: 'planted-crash', failure: 'TypeError: cannot read properties of undefined' },
    { target: 'planted-rejection', failure: 'nobody handles: LeakyError: nobody waits for this' },
    { target: 'planted-hang', failure: 'it hangs: 2000 ms of the processor, and no end', cpuMs: 2_000 },
    { target: 'planted-memory', failure: 'the process ends (SIGABRT): FATAL ERROR: ', heapMiB: 256 },
  ])(
    'notices a bug and what is least of its input: $target',
    { timeout: 300_000 },
    async ({ target, failure, ...limits }) => {
      const own = openFuzzer({ ...LIMITS, cpuMs: 60_000, ...limits, tries: 2 });
      onTestFinished(() => own.close());
      const findings: Finding[] = [];

      // The corpus: a harmless input, one that is made of it, and one that is not harmless.
      const tally = await own.run({ target, seed: 3, count: 3, onFinding: (one) => void findings.push(one) });

      expect(tally.inputs).toBe(3);
      expect(tally.found).toBeGreaterThan(0);
      expect(tally.accepted).toBeGreaterThan(0);
      expect(findings[0]?.failure).toContain(failure);
      const input = findings[0]?.input.toString('utf8');
      expect(input).toContain('[');
      expect(input?.length).toBeLessThan('not [ harmless'.length);
    },
  );
});

function keptInputs(): [target: string, file: string][] {
  if (!existsSync(KEPT)) return [];
  return readdirSync(KEPT).flatMap((target) =>
    readdirSync(join(KEPT, target)).map((file): [string, string] => [target, file]),
  );
}

function wordsOf({ target, failure, input }: Finding): string {
  return `${target}: ${JSON.stringify(input.subarray(0, 300).toString('latin1'))}\n${failure}`;
}
