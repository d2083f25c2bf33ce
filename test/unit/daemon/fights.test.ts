import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { openFights, type Fights } from '../../../src/daemon/fights.ts';
import type { FieldChange, UpdateOperation } from '../../../src/domain/operation.ts';
import { fightKey } from '../../../src/domain/plan.ts';
import type { OperationResult, Report } from '../../../src/domain/report.ts';
import { makeChange, makeCreate, makeItem, makeReport, makeUpdate } from '../../support/plan-builders.ts';

const NOON = Date.parse('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const KEY = fightKey('orders', 'subscribed_events');

/** A pass that put one field of one entry back. */
function reverted(
  name = 'orders',
  change: Partial<FieldChange> = {},
  result: OperationResult = { status: 'done' },
): Report {
  const changes = [makeChange({ reason: 'drifted', ...change })];
  return makeReport([makeItem(makeUpdate({ name, changes }), result)]);
}

/** Puts the field back at each of these times, in ms after noon; how many fights each began. */
function revertAt(fights: Fights, ...times: readonly number[]): readonly number[] {
  return times.map((time) => fights.note(reverted(), NOON + time).length);
}

function isHeld(fights: Fights, time: number): boolean {
  return fights.held(NOON + time).has(KEY);
}

describe('a fight', () => {
  it('begins with the fourth revert of a field within ten minutes, and says who wants what', () => {
    const fights = openFights();
    expect(revertAt(fights, 0, MINUTE, 2 * MINUTE)).toEqual([0, 0, 0]);
    expect(isHeld(fights, 2 * MINUTE)).toBe(false);
    expect(fights.note(reverted(), NOON + 10 * MINUTE - 1)).toEqual([
      {
        name: 'orders',
        field: 'subscribed_events',
        wanted: ['message.failed'],
        found: ['message.read'],
        heldUntil: NOON + 20 * MINUTE - 1,
      },
    ]);
    expect(isHeld(fights, 10 * MINUTE)).toBe(true);
  });

  it('is none where the four take ten minutes or longer', () => {
    const fights = openFights();
    expect(revertAt(fights, 0, MINUTE, 2 * MINUTE, 10 * MINUTE, 11 * MINUTE)).toEqual([0, 0, 0, 0, 0]);
    expect(isHeld(fights, 11 * MINUTE)).toBe(false);
  });

  it('is held for ten minutes, and then the field is put back once more', () => {
    const fights = openFights();
    revertAt(fights, 0, 0, 0, 0);
    expect(isHeld(fights, 10 * MINUTE - 1)).toBe(true);
    expect(isHeld(fights, 10 * MINUTE)).toBe(false);
  });

  it('is not told again when the field is put back after the hold: that may last', () => {
    const fights = openFights();
    revertAt(fights, 0, 0, 0, 0);
    expect(revertAt(fights, 10 * MINUTE)).toEqual([0]);
  });

  it('that goes on is held for twice as long each time, and for six hours at most', () => {
    const fights = openFights();
    revertAt(fights, 0, 0, 0, 0);
    let time = 10 * MINUTE;
    for (const hold of [20, 40, 80, 160, 320, 360, 360].map((minutes) => minutes * MINUTE)) {
      revertAt(fights, time);
      expect([time + hold - 1, time + hold].map((moment) => isHeld(fights, moment))).toEqual([true, false]);
      time += hold;
    }
  });

  it('is over when the field was left in peace for as long again as it was held', () => {
    const fights = openFights();
    revertAt(fights, 0, 0, 0, 0, 10 * MINUTE);
    const over = 50 * MINUTE;
    expect(revertAt(fights, over, over, over)).toEqual([0, 0, 0]);
    expect(isHeld(fights, over)).toBe(false);
    expect(revertAt(fights, over)).toEqual([1]);
    expect(isHeld(fights, over + 10 * MINUTE)).toBe(false);
  });

  it('is not over a moment before', () => {
    const fights = openFights();
    revertAt(fights, 0, 0, 0, 0, 10 * MINUTE);
    revertAt(fights, 50 * MINUTE - 1);
    expect(isHeld(fights, 50 * MINUTE)).toBe(true);
  });
});

describe('what counts', () => {
  it.each<readonly [string, Report]>([
    ['a change of the file', reverted('orders', { reason: 'changed-in-file' })],
    ['what was never applied', reverted('orders', { reason: 'differs' })],
    ['what failed', reverted('orders', {}, { status: 'failed', error: 'cannot' })],
    ['what may have happened', reverted('orders', {}, { status: 'unknown', error: 'cannot' })],
    ['what was skipped', reverted('orders', {}, { status: 'skipped', reason: 'interrupted' })],
    ['a creation', makeReport([makeItem(makeCreate())])],
  ])('is not %s', (_, report) => {
    const fights = openFights();
    for (let time = 0; time < 10; time += 1) expect(fights.note(report, NOON + time)).toEqual([]);
    expect(fights.held(NOON)).toEqual(new Set());
  });

  it('is each field of each entry by itself', () => {
    const fights = openFights();
    for (let time = 0; time < 3; time += 1) {
      fights.note(reverted('orders'), NOON);
      fights.note(reverted('billing'), NOON);
      fights.note(reverted('orders', { field: 'phone_numbers' }), NOON);
    }
    expect(fights.held(NOON)).toEqual(new Set());
    fights.note(reverted('billing'), NOON);
    expect(fights.held(NOON)).toEqual(new Set([fightKey('billing', 'subscribed_events')]));
  });

  it('is every field of an update that drifted', () => {
    const changes = [
      makeChange({ reason: 'drifted' }),
      makeChange({ reason: 'drifted', field: 'is_active', before: false, after: true }),
      makeChange({ reason: 'changed-in-file', field: 'phone_numbers' }),
    ];
    const operation: UpdateOperation = makeUpdate({ name: 'orders', changes });
    const fights = openFights();
    const begun = [1, 2, 3, 4].flatMap(() => fights.note(makeReport([makeItem(operation)]), NOON));
    expect(begun.map(({ field }) => field)).toEqual(['subscribed_events', 'is_active']);
  });
});

describe('the memory of fights', () => {
  it('does not grow with names that came and went', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const fights = openFights();
    const long = Array.from({ length: 1_000 }, () => 'a-long-name').join('-');
    const used = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = used();
    for (let day = 0; day < 2_000; day += 1) {
      const name = `${long}${day}`;
      for (let time = 0; time < 4; time += 1) fights.note(reverted(name), NOON + day * 24 * HOUR);
    }
    // All of them would take 24 MB.
    expect(used() - before).toBeLessThan(4_000_000);
    expect(fights.held(NOON + 1_999 * 24 * HOUR).size).toBe(1);
  });
});
