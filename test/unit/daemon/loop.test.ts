import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startLoop, type Loop, type LoopOptions, type PassEnd } from '../../../src/daemon/loop.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const START = Date.parse('2026-03-01T12:00:00Z');
const INTERVAL = 300_000;
const DAY = 86_400_000;

interface RunningPass {
  readonly triggers: readonly string[];
  /** When it began, in ms after the start of the test. */
  readonly at: number;
  readonly end: (end?: Partial<PassEnd>) => Promise<void>;
  readonly fail: (bug: Error) => void;
}

interface Running {
  readonly loop: Loop;
  readonly clock: FakeClock;
  readonly stop: AbortController;
  /** Every pass that began; none ends by itself. */
  readonly passes: readonly RunningPass[];
  /** The one that began last. */
  readonly last: () => RunningPass;
  /** What `onWait` was told, in ms after the start of the test. */
  readonly waits: readonly number[];
  /** Whether `done` is settled. */
  readonly isDone: () => Promise<boolean>;
}

function begin(overrides: Partial<LoopOptions> = {}): Running {
  const clock = createFakeClock(START);
  const stop = new AbortController();
  const passes: RunningPass[] = [];
  const waits: number[] = [];
  const loop = startLoop({
    pass: (triggers) =>
      new Promise((resolve, reject) => {
        passes.push({
          triggers,
          at: clock.now() - START,
          fail: reject,
          end(end = {}) {
            resolve({ isFailure: false, retryAfterMs: 0, againMs: null, ...end });
            return clock.settle();
          },
        });
      }),
    intervalMs: INTERVAL,
    jitter: 0.1,
    clock,
    // The middle of what chance can give: no jitter, and half of the longest backoff.
    random: () => 0.5,
    stop: stop.signal,
    onWait: (nextAt) => void waits.push(nextAt - START),
    ...overrides,
  });
  let isDone = false;
  const settled = (): void => void (isDone = true);
  loop.done.then(settled, settled);
  return {
    loop,
    clock,
    stop,
    passes,
    waits,
    last: () => passes.at(-1)!,
    isDone: async () => {
      await clock.settle();
      return isDone;
    },
  };
}

const FAILED = { isFailure: true };

describe('the loop', () => {
  it('begins with a pass, and makes one after each interval', async () => {
    const { passes, last, clock, waits } = begin();
    expect(last().triggers).toEqual(['start']);
    await last().end();
    expect(waits).toEqual([INTERVAL]);
    await clock.advance(INTERVAL - 1);
    expect(passes).toHaveLength(1);
    await clock.advance(1);
    expect(last()).toMatchObject({ triggers: ['interval'], at: INTERVAL });
  });

  it('counts the interval from the end of a pass, so that a slow one is not followed on its heels', async () => {
    const { last, clock, passes } = begin();
    await clock.advance(10 * INTERVAL);
    expect(passes).toHaveLength(1);
    await last().end();
    await clock.advance(INTERVAL);
    expect(last().at).toBe(11 * INTERVAL);
  });

  it('moves the interval by chance', async () => {
    const { last, waits } = begin({ random: () => 0 });
    await last().end();
    expect(waits).toEqual([0.9 * INTERVAL]);
  });

  it('waits longer than a timer can, without a pass in between', async () => {
    const { last, clock, passes } = begin({ intervalMs: 36 * DAY });
    await last().end();
    await clock.advance(36 * DAY - 1);
    expect(passes).toHaveLength(1);
    await clock.advance(1);
    expect(passes).toHaveLength(2);
  });

  it.each([
    ['back', -2 * DAY],
    ['forward', 2 * DAY],
  ])('does not depend on a clock that is set %s while it waits', async (_, by) => {
    const { last, clock, passes } = begin();
    await last().end();
    await clock.advance(1_000);
    clock.set(clock.now() + by);
    await clock.advance(INTERVAL - 1_001);
    expect(passes).toHaveLength(1);
    await clock.advance(1);
    expect(passes).toHaveLength(2);
  });

  it('rejects with a bug of a pass, and leaves no listener on the stop signal', async () => {
    const { loop, last, stop, clock } = begin();
    last().fail(new TypeError('a bug'));
    await expect(loop.done).rejects.toThrow('a bug');
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    expect(clock.sleeping()).toBe(0);
  });
});

describe('a trigger', () => {
  it('ends the waiting at once', async () => {
    const { loop, last, clock } = begin();
    await last().end();
    await clock.advance(1_000);
    loop.trigger('file');
    await clock.settle();
    expect(last()).toMatchObject({ triggers: ['file'], at: 1_000 });
  });

  it('ends the waiting after a failure, too', async () => {
    const { loop, last, clock } = begin();
    await last().end(FAILED);
    loop.trigger('signal');
    await clock.settle();
    expect(last()).toMatchObject({ triggers: ['signal'], at: 0 });
  });

  it('leaves the interval as it is after its pass', async () => {
    const { loop, last, clock } = begin();
    await last().end();
    await clock.advance(1_000);
    loop.trigger('file');
    await clock.settle();
    await last().end();
    await clock.advance(INTERVAL);
    expect(last()).toMatchObject({ triggers: ['interval'], at: 1_000 + INTERVAL });
  });

  it('becomes one more pass with all that came while a pass was running', async () => {
    const { loop, last, clock, passes } = begin();
    loop.trigger('file');
    loop.trigger('signal');
    loop.trigger('file');
    await clock.advance(1_000);
    expect(passes).toHaveLength(1);
    await last().end();
    expect(passes).toHaveLength(2);
    expect(last()).toMatchObject({ triggers: ['file', 'signal'], at: 1_000 });
    await last().end();
    expect(passes).toHaveLength(2);
  });

  it('is not lost when it comes between the end of a pass and the waiting', async () => {
    const { loop, last, passes, clock } = begin({ onWait: () => triggerOnce() });
    let isTriggered = false;
    function triggerOnce(): void {
      if (!isTriggered) loop.trigger('request');
      isTriggered = true;
    }
    await last().end();
    expect(passes).toHaveLength(2);
    expect(last().triggers).toEqual(['request']);
    await last().end();
    await clock.advance(INTERVAL - 1);
    expect(passes).toHaveLength(2);
  });
});

describe('after a failure', () => {
  it('the wait doubles up to the interval, and a success begins anew', async () => {
    const { last, waits, clock } = begin();
    for (let failure = 1; failure <= 7; failure += 1) {
      await last().end(FAILED);
      await clock.advanceTo(START + waits.at(-1)!);
    }
    const lengths = waits.map((wait, index) => wait - (waits[index - 1] ?? 0));
    expect(lengths).toEqual([7_500, 15_000, 30_000, 60_000, 120_000, 150_000, 150_000]);
    await last().end();
    await clock.advance(INTERVAL);
    const before = clock.now() - START;
    await last().end(FAILED);
    expect(waits.at(-1)! - before).toBe(7_500);
  });

  it('the interval is the reason of the pass, for nobody has asked', async () => {
    const { last, clock } = begin();
    await last().end(FAILED);
    await clock.advance(7_500);
    expect(last()).toMatchObject({ triggers: ['interval'], at: 7_500 });
  });
});

describe('a Retry-After', () => {
  const BUSY = { isFailure: true, retryAfterMs: 120_000 };

  it('is cut short by no trigger, and the pass then has all their names', async () => {
    const { loop, last, clock, passes, waits } = begin();
    await last().end(BUSY);
    expect(waits).toEqual([120_000]);
    for (const trigger of ['file', 'signal', 'request'] as const) {
      await clock.advance(10_000);
      loop.trigger(trigger);
    }
    await clock.advance(120_000 - 30_001);
    expect(passes).toHaveLength(1);
    await clock.advance(1);
    expect(last()).toMatchObject({ triggers: ['file', 'signal', 'request'], at: 120_000 });
  });

  it('is kept to by a trigger that came during the pass', async () => {
    const { loop, last, clock, passes } = begin();
    loop.trigger('file');
    await last().end(BUSY);
    await clock.advance(119_999);
    expect(passes).toHaveLength(1);
    await clock.advance(1);
    expect(last().triggers).toEqual(['file']);
  });

  it('that is shorter than the backoff leaves the rest to be cut short', async () => {
    const { loop, last, clock, passes, waits } = begin();
    await last().end({ isFailure: true, retryAfterMs: 2_000 });
    expect(waits).toEqual([7_500]);
    await clock.advance(1_000);
    loop.trigger('file');
    await clock.advance(999);
    expect(passes).toHaveLength(1);
    await clock.advance(1);
    expect(last()).toMatchObject({ triggers: ['file'], at: 2_000 });
  });

  it('holds after a pass that did not fail, too', async () => {
    const { loop, last, clock, passes } = begin();
    await last().end({ retryAfterMs: 2 * INTERVAL });
    loop.trigger('file');
    await clock.advance(2 * INTERVAL - 1);
    expect(passes).toHaveLength(1);
    await clock.advance(1);
    expect(passes).toHaveLength(2);
  });

  it('is heeded for an hour at most, since neither a new file nor the sink is looked at meanwhile', async () => {
    const { last, clock, passes, waits } = begin();
    await last().end({ isFailure: true, retryAfterMs: 24 * 3_600_000 });
    expect(waits).toEqual([3_600_000]);
    await clock.advance(3_600_000);
    expect(passes).toHaveLength(2);
  });

  it('is cut short by a stop', async () => {
    const { last, stop, isDone, passes, clock } = begin();
    await last().end(BUSY);
    stop.abort();
    expect(await isDone()).toBe(true);
    expect(passes).toHaveLength(1);
    expect(clock.sleeping()).toBe(0);
  });
});

describe('what can be gone on with', () => {
  it('is looked at before the interval is over', async () => {
    const { last, clock } = begin();
    await last().end({ againMs: 60_000 });
    await clock.advance(60_000);
    expect(last()).toMatchObject({ triggers: ['interval'], at: 60_000 });
  });

  it('never puts off a pass', async () => {
    const { last, waits } = begin();
    await last().end({ againMs: 10 * INTERVAL });
    expect(waits).toEqual([INTERVAL]);
  });
});

describe('a stop', () => {
  it('ends the waiting at once', async () => {
    const { last, stop, isDone, passes, clock } = begin();
    await last().end();
    expect(await isDone()).toBe(false);
    stop.abort();
    expect(await isDone()).toBe(true);
    expect(passes).toHaveLength(1);
    expect(clock.sleeping()).toBe(0);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });

  it('waits for the pass in hand, and no trigger begins another', async () => {
    const { loop, last, stop, isDone, passes, clock } = begin();
    stop.abort();
    loop.trigger('file');
    await clock.advance(INTERVAL);
    expect(await isDone()).toBe(false);
    await last().end(FAILED);
    expect(await isDone()).toBe(true);
    loop.trigger('signal');
    await clock.advance(INTERVAL);
    expect(passes).toHaveLength(1);
  });

  it('that came before everything leaves nothing to do', async () => {
    const stop = new AbortController();
    stop.abort();
    const { isDone, passes } = begin({ stop: stop.signal });
    expect(await isDone()).toBe(true);
    expect(passes).toEqual([]);
  });

  it('is listened to once, however often was waited', async () => {
    const { loop, last, stop, clock } = begin();
    for (let turn = 0; turn < 20; turn += 1) {
      await last().end();
      loop.trigger('file');
      await clock.settle();
    }
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1);
  });
});
