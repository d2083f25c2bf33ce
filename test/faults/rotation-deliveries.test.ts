import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { rotateUnderEvents, type RotationOptions } from '../support/rotation/rotations.ts';

/** ROTATIONS: how many in all, of 50 entries at once where it is given. ROTATION_SEED: replays a run. */
const ASKED = process.env['ROTATIONS'];
const SEED = Number(process.env['ROTATION_SEED'] ?? randomInt(2 ** 31));

const EXTENTS: readonly Omit<RotationOptions, 'seed'>[] =
  ASKED === undefined
    ? [
        { shelf: 'export', entries: 10, rotations: 30 },
        { shelf: 'vault', entries: 10, rotations: 30 },
      ]
    : [
        { shelf: 'export', entries: 50, rotations: Number(ASKED) / 2 },
        { shelf: 'vault', entries: 50, rotations: Number(ASKED) / 2 },
      ];

test.each(EXTENTS)(
  'I2, I4: $rotations rotations under events that never cease, read from $shelf, lose none of them',
  { timeout: 600_000 },
  async (extent) => {
    const replay = `ROTATION_SEED=${SEED}${ASKED === undefined ? '' : ` ROTATIONS=${ASKED}`}`;
    process.stdout.write(`rotations: replay with ${replay}\n`);
    const { elsewhere, lost, miscounted, ...sums } = await rotateUnderEvents({ ...extent, seed: SEED });
    process.stdout.write(`rotations (${extent.shelf}): ${summaryOf(sums, lost.length)}\n`);
    expect(miscounted.slice(0, 5), 'I4: one or two subscriptions of an entry, one of them active').toEqual(
      [],
    );
    expect(lost.slice(0, 5), 'I2: events that no receiver could accept').toEqual([]);
    expect(elsewhere.slice(0, 5), 'events that came twice outside a replacement').toEqual([]);
    expect(sums.rotations).toBeGreaterThanOrEqual(extent.rotations);
    expect(sums.kills).toBeGreaterThan(0);
    expect(sums.whileSwitching, 'the switches were looked at').toBeGreaterThan(0);
  },
);

type Sums = Omit<Awaited<ReturnType<typeof rotateUnderEvents>>, 'elsewhere' | 'lost' | 'miscounted'>;

function summaryOf(sums: Sums, lost: number): string {
  return [
    `${sums.rotations} rotations`,
    `${sums.kills} kills of ${sums.processes} processes`,
    `${sums.events} events in ${sums.deliveries} deliveries`,
    `${lost} lost`,
    `${sums.refused} refused by one subscription and accepted by the other`,
    `duplicates: ${sums.whileSwitching} while switching, ${sums.beforeResting} before resting, 0 else`,
  ].join('; ');
}
