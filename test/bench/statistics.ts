/** The median of some numbers, and an interval that has the true one in it 19 times out of 20. */
export interface Median {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/**
 * The interval is that of the order statistics: it assumes nothing about how the numbers are distributed. With fewer
 * than six numbers it is their whole range, and says less than that.
 */
export function medianOf(numbers: readonly number[]): Median {
  const sorted = [...numbers].sort((a, b) => a - b);
  const count = sorted.length;
  const at = (index: number): number => sorted[Math.min(Math.max(index, 0), count - 1)] ?? Number.NaN;
  const skipped = skippedAtEachEnd(count);
  return {
    median: (at(Math.floor((count - 1) / 2)) + at(Math.ceil((count - 1) / 2))) / 2,
    low: at(skipped),
    high: at(count - 1 - skipped),
    count,
  };
}

/** How many of `count` tosses of a coin may be heads at most, before that is rarer than one in forty. */
function skippedAtEachEnd(count: number): number {
  let probability = 0.5 ** count;
  let sum = probability;
  let heads = 0;
  while (sum <= 0.025) {
    heads += 1;
    probability *= (count - heads + 1) / heads;
    sum += probability;
  }
  return Math.max(heads - 1, 0);
}
