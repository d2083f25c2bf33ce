/**
 * `npm run bench -- [--short] [--case TEXT] [--pairs N] [--json FILE]`: every case beside its yardstick, in turn, as
 * processes of their own. Prints a table; with `--json` the same as a document. `--short` takes the cases that are
 * quick, three pairs of each, and ends with 1 only where one takes twice as much as its target.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { CASES, type Case, type Measure } from './cases.ts';
import { medianOf, type Median } from './statistics.ts';

/** How one measure of a case came out. */
interface Row {
  readonly case: string;
  readonly measure: string;
  readonly unit: Measure['unit'];
  readonly yardstick: string;
  readonly ours: Median;
  readonly theirs: Median;
  /** Of the ratios pair by pair. */
  readonly ratio: Median;
  readonly target: number;
  readonly stretch: number | null;
}

const PAIRS = 15;
const SHORT_PAIRS = 3;
const GROSS = 2;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    case: { type: 'string', default: '' },
    pairs: { type: 'string' },
    json: { type: 'string' },
  },
});
const wanted = CASES.filter(({ name, short }) => name.includes(values.case) && (short || !values.short));
if (wanted.length === 0) throw new Error(`no case has ${values.case} in its name`);
print(`Node ${process.version}, ${availableParallelism()} cores; medians, and of ratios the 95 % interval\n`);
const rows: Row[] = [];
for (const one of wanted) {
  for (const row of await runCase(one)) {
    rows.push(row);
    print(lineOf(row));
  }
}
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`);
const missed = rows.filter(({ ratio, target }) => ratio.median > (values.short ? GROSS * target : target));
const within = values.short ? 'twice the target' : 'the target';
print(`\n${rows.length - missed.length} of ${rows.length} within ${within}`);
process.exitCode = missed.length > 0 ? 1 : 0;

async function runCase(one: Case): Promise<readonly Row[]> {
  const count = Number(values.pairs ?? (values.short ? SHORT_PAIRS : PAIRS));
  const { pair, close } = await one.open();
  try {
    // The first one warms the caches of the system, and is not counted.
    if (count > 1) await pair();
    const pairs: Awaited<ReturnType<typeof pair>>[] = [];
    while (pairs.length < count) pairs.push(await pair());
    return Object.entries(one.measures).map(([measure, { unit, target, stretch = null }]) => {
      const read = pairs.map((each) => each[measure] ?? [Number.NaN, Number.NaN]);
      return {
        case: one.name,
        measure,
        unit,
        yardstick: one.yardstick,
        ours: medianOf(read.map(([ours]) => ours)),
        theirs: medianOf(read.map(([, theirs]) => theirs)),
        ratio: medianOf(read.map(([ours, theirs]) => ours / theirs)),
        target,
        stretch,
      };
    });
  } finally {
    await close();
  }
}

function lineOf({ case: name, measure, unit, yardstick, ours, theirs, ratio, target, stretch }: Row): string {
  const verdict =
    ratio.median > target ? 'MISSED' : stretch !== null && ratio.median <= stretch ? 'stretch' : 'met';
  const figures = `${ours.median.toFixed(0)} / ${theirs.median.toFixed(0)} ${unit}`;
  const interval = `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
  return `${verdict.padEnd(8)} ${interval.padEnd(18)} ≤ ${String(target).padEnd(5)} ${figures.padEnd(18)} ${name}: ${measure} / ${yardstick}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
