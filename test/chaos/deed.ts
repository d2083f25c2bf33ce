import type { Random } from '../simulation/model-random.ts';
import type { ChaosWorld } from './chaos-world.ts';

/** Something that somebody does in a chaos. */
export interface Deed {
  readonly name: string;
  /** How often it is chosen, against the others. */
  readonly weight: number;
  /** Says what it did, or null where there was nothing to do it to. Everything random comes from `random`. */
  readonly act: (world: ChaosWorld, random: Random) => Promise<string | null> | string | null;
}

/** One of them, by weight. */
export function pickDeed(deeds: readonly Deed[], random: Random): Deed {
  let rest = random.below(deeds.reduce((sum, { weight }) => sum + weight, 0));
  for (const deed of deeds) {
    rest -= deed.weight;
    if (rest < 0) return deed;
  }
  throw new Error('there is no deed to pick');
}

/** One of these, or undefined where there are none; both take one number from `random`. */
export function pickAny<T>(items: readonly T[], random: Random): T | undefined {
  return random.pick(items.length === 0 ? [undefined] : items);
}
