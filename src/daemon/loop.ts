/*
 * One pass at a time.
 *
 *   waiting ── the interval is over, or the backoff ──▶ running ──▶ waiting
 *      └────── a trigger ("look again") ──────────────────▲
 *
 * A trigger ends the waiting at once, but for a `Retry-After`, which nothing cuts short. However many come while a
 * pass is running, they become one more pass.
 */
import type { Clock } from '../reconcile/context.ts';
import { backoff, jittered } from './backoff.ts';

/** The longest interval with its jitter is more than a timer of Node holds, which would then fire at once. */
const LONGEST_NAP_MS = 86_400_000;
/** Meanwhile neither a new file nor the sink is looked at. */
const LONGEST_REST_MS = 3_600_000;

/** Why a pass is made; `interval` where nobody asked. */
export type Trigger = 'start' | 'interval' | 'file' | 'signal' | 'request';

/** How a pass ended, as far as the next one is concerned. */
export interface PassEnd {
  readonly isFailure: boolean;
  /** A service asked to be left alone for so long; heeded for an hour at most. */
  readonly retryAfterMs: number;
  /** Something can be gone on with after so long; `null` where the interval will do. */
  readonly againMs: number | null;
}

export interface LoopOptions {
  /** Never rejects but for a bug, which ends the loop. */
  readonly pass: (triggers: readonly Trigger[]) => Promise<PassEnd>;
  readonly intervalMs: number;
  readonly jitter: number;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly stop: AbortSignal;
  /** Told when the next pass begins by itself, in milliseconds since the epoch. */
  readonly onWait: (nextAt: number) => void;
}

export interface Loop {
  /** Asks for a pass. It only means "look again". */
  trigger(trigger: Trigger): void;
  /** Resolves when `stop` was signalled and the pass in hand has ended; rejects with a bug. */
  readonly done: Promise<void>;
}

/** Starts with a pass, and goes on until `stop` is signalled. */
export function startLoop(options: LoopOptions): Loop {
  const { clock, stop, random } = options;
  const triggers = new Set<Trigger>(['start']);
  let failures = 0;
  let waiting = new AbortController();

  async function wait(end: PassEnd): Promise<void> {
    failures = end.isFailure ? failures + 1 : 0;
    const regular = jittered(options.intervalMs, options.jitter, random());
    const wish = end.isFailure
      ? backoff(failures, options.intervalMs, random())
      : Math.min(regular, end.againMs ?? regular);
    const rest = Math.min(end.retryAfterMs, LONGEST_REST_MS);
    options.onWait(clock.now() + Math.max(rest, wish));
    await sleep(rest, stop);
    waiting = new AbortController();
    if (stop.aborted || triggers.size > 0) return;
    await sleep(wish - rest, waiting.signal);
  }

  /** By naps and not by what the clock says afterwards: it may have been set. */
  async function sleep(ms: number, signal: AbortSignal): Promise<void> {
    for (let left = ms; left > 0 && !signal.aborted; left -= LONGEST_NAP_MS)
      await clock.sleep(Math.min(left, LONGEST_NAP_MS), signal);
  }

  async function run(): Promise<void> {
    const endWaiting = (): void => waiting.abort();
    stop.addEventListener('abort', endWaiting);
    try {
      while (!stop.aborted) {
        const reasons = triggers.size > 0 ? [...triggers] : (['interval'] as const);
        triggers.clear();
        await wait(await options.pass(reasons));
      }
    } finally {
      stop.removeEventListener('abort', endWaiting);
    }
  }

  return {
    trigger(trigger) {
      triggers.add(trigger);
      waiting.abort();
    },
    done: run(),
  };
}
