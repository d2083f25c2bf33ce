import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../src/reconcile/context.ts';

/** What a timer of Node holds; a longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A clock on which time stands still until the test lets it pass. */
export interface FakeClock extends Clock {
  /**
   * Lets `ms` pass. Who sleeps wakes in the order of the times, each at its own, and has done what it can do
   * without waiting for time or for the outside world before the next one wakes. Resolves when `ms` have passed.
   */
  advance(ms: number): Promise<void>;
  /** The same, until the clock says `time`; nothing where that is past. */
  advanceTo(time: number): Promise<void>;
  /** Sets what the clock says, as a person or NTP does: no time passes, and nobody wakes earlier or later. */
  set(time: number): void;
  /** Resolves when everything that can go on without time has done so. */
  settle(): Promise<void>;
  /** How many sleep. */
  sleeping(): number;
}

/** The clock says `start`, in milliseconds since the epoch. It refuses to sleep longer than a timer of Node can. */
export function createFakeClock(start: number): FakeClock {
  const sleepers = new Set<{ readonly due: number; readonly wake: () => void }>();
  /** Time that has passed, which no setting of the clock changes. */
  let passed = 0;
  let zero = start;

  async function advance(ms: number): Promise<void> {
    const end = passed + ms;
    await nextTurn();
    for (;;) {
      const [next] = [...sleepers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
      if (next === undefined) break;
      passed = Math.max(passed, next.due);
      next.wake();
      await nextTurn();
    }
    passed = end;
  }

  return {
    now: () => zero + passed,
    sleep(ms, signal) {
      if (ms > LONGEST_TIMER_MS) return Promise.reject(new RangeError(`no timer holds ${ms} ms`));
      return new Promise((resolve) => {
        const wake = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const sleeper = { due: passed + Math.max(0, ms), wake };
        sleepers.add(sleeper);
        if (signal?.aborted === true) wake();
        else signal?.addEventListener('abort', wake);
      });
    },
    advance,
    advanceTo: (time) => advance(Math.max(0, time - zero - passed)),
    set: (time) => void (zero = time - passed),
    settle: () => nextTurn(),
    sleeping: () => sleepers.size,
  };
}
