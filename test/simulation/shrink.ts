import { runHistory, type History } from './history.ts';
import type { Bug } from './model-process.ts';
import { recordFrom, replay } from './model-random.ts';

/** So many histories are tried at most; the shortest is then usually found after a tenth of them. */
const MOST_TRIES = 3_000;

/**
 * The history of `seed`, and where it breaks an invariant, the shortest one found that breaks the same: some of its
 * choices are left out or made dull, for as long as that works. The same for the same seed.
 */
export async function shortestHistory(seed: number, bug: Bug | null = null): Promise<History> {
  const random = recordFrom(seed);
  const history = await runHistory(random, bug);
  const { violation } = history;
  if (violation === null) return history;
  let best = { history, draws: random.draws };
  let tries = 0;
  const isBetter = async (candidate: readonly number[]): Promise<boolean> => {
    if (tries >= MOST_TRIES) return false;
    tries += 1;
    const replayed = replay(candidate);
    const found = await runHistory(replayed, bug);
    if (found.violation?.invariant !== violation.invariant) return false;
    if (!isShorter(found, best.history) && dulled(replayed.draws) <= dulled(best.draws)) return false;
    best = { history: found, draws: withoutDullEnd(replayed.draws) };
    return true;
  };
  for (let before = Number.NaN; before !== tries && tries < MOST_TRIES;) {
    const size = best.draws.length;
    const steps = best.history.trace.length;
    await cutEnd(() => best.draws, isBetter);
    for (let width = Math.ceil(best.draws.length / 2); width >= 1; width = Math.floor(width / 2)) {
      for (let start = 0; start < best.draws.length;) {
        const { draws } = best;
        const [head, tail] = [draws.slice(0, start), draws.slice(start + width)];
        if (await isBetter([...head, ...tail])) continue;
        const isDull = draws.slice(start, start + width).every((draw) => draw === 0);
        if (!isDull) await isBetter([...head, ...new Array<number>(width).fill(0), ...tail]);
        start += width;
      }
    }
    if (size === best.draws.length && steps === best.history.trace.length) before = tries;
  }
  return best.history;
}

/** Halves what is kept of the draws for as long as that works: after them all is dull. */
async function cutEnd(
  draws: () => readonly number[],
  isBetter: (candidate: readonly number[]) => Promise<boolean>,
): Promise<void> {
  for (let cut = Math.floor(draws().length / 2); cut >= 1; cut = Math.floor(cut / 2)) {
    while (draws().length > cut && (await isBetter(draws().slice(0, -cut)))) continue;
  }
}

function isShorter(a: History, b: History): boolean {
  return a.trace.length < b.trace.length;
}

function dulled(draws: readonly number[]): number {
  return draws.filter((draw) => draw === 0).length / draws.length;
}

function withoutDullEnd(draws: readonly number[]): readonly number[] {
  const last = draws.findLastIndex((draw) => draw !== 0);
  return draws.slice(0, last + 1);
}
