import type { Clock } from '../../src/reconcile/context.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/**
 * Time for one daemon: it stands still, whatever the daemon does for real, and moves only when the test says so.
 * Every wait of the daemon has to go by its clock.
 */
export interface DaemonTime {
  readonly clock: Clock;
  /** From now on `ended` is the end of the daemon that waits by this clock. */
  attach(ended: Promise<unknown>): void;
  /** Resolves when the daemon only waits for time to pass, or has ended. */
  rest(): Promise<void>;
  /** Lets so many milliseconds pass, from one wait that is over to the next; the daemon is at rest afterwards. */
  pass(ms: number): Promise<void>;
  /** Lets as much time pass as the daemon needs to end. */
  passUntilEnd(): Promise<void>;
}

/** Two wait when nothing is in hand: the loop (or whatever its pass waits for) and the polling of the file. */
const AT_REST = 2;

/** `start` in milliseconds since the epoch. */
export function createDaemonTime(start: number): DaemonTime {
  const sleepers = new Set<Sleeper>();
  let now = start;
  let isOver = true;
  let watchers: (() => void)[] = [];

  function notice(): void {
    if (!isOver && sleepers.size < AT_REST) return;
    const ready = watchers;
    watchers = [];
    for (const watcher of ready) watcher();
  }

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        due: now + ms,
        wake() {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      signal?.addEventListener('abort', sleeper.wake);
      sleepers.add(sleeper);
      notice();
    });
  }

  async function rest(): Promise<void> {
    while (!isOver && sleepers.size < AT_REST)
      await new Promise<void>((resolve) => void watchers.push(resolve));
  }

  /** Wakes who is due first, unless that is later than `end`. */
  async function wakeNext(end: number): Promise<boolean> {
    await rest();
    const [next] = [...sleepers].sort((a, b) => a.due - b.due);
    if (next === undefined || next.due > end) return false;
    now = Math.max(now, next.due);
    next.wake();
    return true;
  }

  return {
    clock: { now: () => now, sleep },
    attach(ended) {
      isOver = false;
      const end = (): void => {
        isOver = true;
        notice();
      };
      ended.then(end, end);
    },
    rest,
    async pass(ms) {
      const end = now + ms;
      while (await wakeNext(end));
      now = end;
    },
    async passUntilEnd() {
      while (await wakeNext(Number.POSITIVE_INFINITY)) if (isOver) return;
    },
  };
}
