import fc from 'fast-check';
import { randomFrom } from '../simulation/model-random.ts';
import { grow, mutate } from './mutate.ts';
import { CANARY, SECRETS, type Target } from './target.ts';

/** Makes the inputs of one target: the same seed and index always give the same bytes. */
export type Inputs = (index: number) => Buffer;

const BATCH = 64;
const TOKENS = [CANARY, ...Object.values(SECRETS), `token: ${SECRETS.vaultToken}`].map((text) =>
  Buffer.from(text),
);

/** The inputs of `target` from `seed`. In the beginning every other one is of the corpus, as it is. */
export function inputsOf({ name, corpus, near }: Target, seed: number): Inputs {
  let batch: { readonly number: number; readonly texts: readonly string[] } | undefined;

  function nearAt(index: number): Buffer {
    const number = Math.floor(index / BATCH);
    if (batch?.number !== number) {
      batch = { number, texts: fc.sample(near, { numRuns: BATCH, seed: mix(name, seed, number) }) };
    }
    return Buffer.from(batch.texts[index % BATCH] ?? '', 'utf8');
  }

  return (index) => {
    const known = corpus[index / 2];
    if (known !== undefined) return known;
    const random = randomFrom(mix(name, seed, index));
    const [kind, base] = [random.below(100), random.pick(corpus)];
    if (kind < 50) return mutate(base, random, corpus, TOKENS);
    if (kind < 75) return nearAt(index);
    if (kind < 97) return mutate(nearAt(index), random, corpus, TOKENS);
    return grow(random.chance(0.5) ? base : nearAt(index), random, TOKENS);
  };
}

/** A seed from several; FNV-1a. */
function mix(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of parts.join(' ')) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}
