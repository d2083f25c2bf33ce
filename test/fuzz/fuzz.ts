/**
 * `npm run fuzz -- --minutes 10 [--seed 1] [--target linq-list] [--keep DIR]`: odd inputs for every target, the time
 * divided between them. Prints what became of them, and each finding with the input that replays it; exit 1 where
 * there is one.
 */
import { randomInt, createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openFuzzer, type Finding } from './runner.ts';
import { TARGETS, targetNamed } from './targets/all.ts';

const LINES_SHOWN = 16;
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(randomInt(1, 2 ** 31)) },
    target: { type: 'string' },
    keep: { type: 'string' },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes and --seed must be numbers');
const targets = values.target === undefined ? TARGETS : [targetNamed(values.target)];

print(`seed ${seed}`);
const fuzzer = openFuzzer();
let found = 0;
for (const { name } of targets) {
  const ms = (minutes * 60_000) / targets.length;
  const tally = await fuzzer.run({ target: name, seed, ms, onFinding: tell });
  found += tally.found;
  print(
    `${name}: ${tally.inputs} run, ${tally.accepted} accepted, ${tally.refused} refused, ${tally.found} found`,
  );
}
await fuzzer.close();
process.exitCode = found > 0 ? 1 : 0;

function tell({ target, failure, input }: Finding): void {
  const shown = JSON.stringify(input.subarray(0, 300).toString('latin1'));
  print(
    `\nfound: target ${target}, seed ${seed}, ${input.length} bytes: ${shown}\n${failure.split('\n').slice(0, LINES_SHOWN).join('\n')}\n`,
  );
  if (values.keep === undefined) return;
  const folder = join(values.keep, target);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, `${createHash('sha256').update(input).digest('hex').slice(0, 12)}.input`),
    input,
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
