import { AppError } from '../../../src/domain/errors.ts';
import type { Target } from '../target.ts';
import { subscriptions } from './subscriptions.ts';

/** Not one of ours: what the program must never fail with. */
class LeakyError extends AppError {
  readonly exitCode = 1;
}

/** Targets with a planted bug, by which the fuzzer itself is checked. They dislike any input with a `[` in it. */
export const PLANTED: readonly Target[] = [
  planted('planted-crash', () => {
    throw new TypeError('cannot read properties of undefined');
  }),
  planted('planted-rejection', () => void Promise.reject(new LeakyError('nobody waits for this'))),
  planted('planted-hang', () => {
    for (;;);
  }),
  planted('planted-memory', () => {
    const kept: number[][] = [];
    for (;;) kept.push(new Array<number>(100_000).fill(kept.length));
  }),
];

function planted(name: string, bug: () => void): Target {
  return {
    name,
    corpus: [Buffer.from('harmless'), Buffer.from('not [ harmless')],
    near: subscriptions.near,
    open: () =>
      Promise.resolve({
        check(input) {
          if (input.includes('[')) bug();
          return Promise.resolve('accepted');
        },
        close: () => Promise.resolve(),
      }),
  };
}
