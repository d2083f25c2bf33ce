import type { Progress } from '../../src/reconcile/context.ts';

/** Nobody looks. */
export const QUIET: Progress = {
  started: () => undefined,
  ended: () => undefined,
  unstored: () => undefined,
  settled: () => undefined,
};
