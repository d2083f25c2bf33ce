import { describe, expect, it } from 'vitest';
import { SinkError } from '../../../src/domain/errors.ts';
import { claimRecord } from '../../../src/reconcile/claim.ts';
import { recordIn } from '../../simulation/model-sink.ts';
import { LANDING_TIME, makeBench, placeOwned, type Bench } from './bench.ts';

/** A write that stands still before it lands. */
function slow(bench: Bench) {
  return { before: () => bench.clock.sleep(LANDING_TIME) };
}

describe('a claim', () => {
  it('is made again, twice if need be, where it took so long that its time is out of date', async () => {
    const bench = makeBench();
    placeOwned(bench);
    bench.script('sink-write', slow(bench), slow(bench));
    await claimRecord(bench.context(), recordIn(bench.sink, 'orders')!);
    const time = recordIn(bench.sink, 'orders')?.applied_from?.server_time ?? '';
    expect(bench.clock.now() - Date.parse(time)).toBeLessThan(LANDING_TIME);
  });

  it('is given up where the sink never takes it in time', async () => {
    const bench = makeBench();
    placeOwned(bench);
    bench.always('sink-write', slow(bench));
    const claim = claimRecord(bench.context(), recordIn(bench.sink, 'orders')!);
    await expect(claim).rejects.toBeInstanceOf(SinkError);
  });
});
