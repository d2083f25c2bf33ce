import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoff, jittered } from '../../../src/daemon/backoff.ts';

const NEARLY_ONE = 1 - 2 ** -32;
const random = fc.double({ min: 0, max: NEARLY_ONE, noNaN: true });

describe('backoff', () => {
  it.each([
    [1, 15_000],
    [2, 30_000],
    [3, 60_000],
    [5, 240_000],
    [6, 300_000],
    [1_000, 300_000],
  ])('after %i failures is at most %i ms', (failures, longest) => {
    expect(backoff(failures, 300_000, NEARLY_ONE)).toBe(longest - 1);
    expect(backoff(failures, 300_000, 0.5)).toBe(longest / 2);
  });

  it('is never so short that a service is hammered, unless the interval is shorter still', () => {
    expect(backoff(1, 300_000, 0)).toBe(1_000);
    expect(backoff(9, 200, 0)).toBe(200);
  });

  it('is never longer than the interval, whatever failed before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 10 ** 9 }),
        random,
        (failures, cap, chance) => {
          const ms = backoff(failures, cap, chance);
          expect(ms).toBeLessThanOrEqual(cap);
          expect(ms).toBeGreaterThanOrEqual(Math.min(cap, 1_000));
        },
      ),
    );
  });
});

describe('the jitter', () => {
  it('moves the interval both ways, by at most its share', () => {
    expect(jittered(300_000, 0.1, 0)).toBe(270_000);
    expect(jittered(300_000, 0.1, 0.5)).toBe(300_000);
    expect(jittered(300_000, 0.1, NEARLY_ONE)).toBe(330_000);
  });

  it('is none where it is not wanted', () => {
    fc.assert(fc.property(random, (chance) => jittered(300_000, 0, chance) === 300_000));
  });
});
