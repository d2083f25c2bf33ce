/**
 * Choices that depend on a sequence of draws and on nothing else. A draw of 0 is the dullest choice: nothing happens,
 * at once, to the first.
 */
export interface Random {
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Choices, and the draws that they were made of so far: numbers from 0 up to, not including, 1. */
export interface RecordedRandom extends Random {
  readonly draws: readonly number[];
}

/** The same choices from the same seed. */
export function randomFrom(seed: number): Random {
  return choosing(mulberry32(seed));
}

/** The choices of `randomFrom`, written down. */
export function recordFrom(seed: number): RecordedRandom {
  return recording(mulberry32(seed));
}

/** Choices from draws that were written down; after the last one, dull ones. */
export function replay(draws: readonly number[]): RecordedRandom {
  let used = 0;
  return recording(() => draws[used++] ?? 0);
}

function recording(draw: () => number): RecordedRandom {
  const draws: number[] = [];
  const random = choosing(() => {
    const drawn = draw();
    draws.push(drawn);
    return drawn;
  });
  return { draws, ...random };
}

function choosing(draw: () => number): Random {
  return {
    chance: (probability) => draw() >= 1 - probability,
    below: (limit) => Math.floor(draw() * limit),
    pick: <T>(items: readonly T[]): T => {
      if (items.length === 0) throw new Error('nothing to pick from');
      return items[Math.floor(draw() * items.length)] as T;
    },
  };
}

/** Small, fast, and the same sequence on every machine. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
