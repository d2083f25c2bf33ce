import { describe, expect, it } from 'vitest';
import { SinkError } from '../../../src/domain/errors.ts';
import type { PassContext } from '../../../src/reconcile/reconcile-once.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { recordIn } from '../../simulation/model-sink.ts';
import { fileOf, makeBench, placeInstallation, placeOwned, type Bench } from './bench.ts';

const ROTATE: Partial<PassContext> = { rotate: new Map([['orders', 'rotate']]) };
const NO_OVERLAP = { ...SETTINGS, replace: { ...SETTINGS.replace, overlap: 0 } };

function makeOwned(): { bench: Bench; old: string } {
  const bench = makeBench();
  placeInstallation(bench);
  return { bench, old: placeOwned(bench) };
}

/** What is so whenever receivers are shown the secrets: whether the overlap counts already, and the old one is live. */
function watchShows(bench: Bench, old: string) {
  const shows: { readonly hasSecret: boolean; readonly isReady: boolean; readonly isOldLive: boolean }[] = [];
  const showSecrets = (): Promise<void> => {
    const next = recordIn(bench.sink, 'orders')?.next;
    shows.push({
      hasSecret: (next?.signing_secret ?? null) !== null,
      isReady: (next?.ready_at ?? null) !== null,
      isOldLive: bench.api.live.has(old),
    });
    return Promise.resolve();
  };
  return { shows, showSecrets };
}

describe('receivers that read exported files', () => {
  it('are shown the new secret before the overlap begins to count', async () => {
    const { bench, old } = makeOwned();
    const { shows, showSecrets } = watchShows(bench, old);
    await bench.laterPass(fileOf(), { ...ROTATE, showSecrets });
    expect(shows).toEqual([{ hasSecret: true, isReady: false, isOldLive: true }]);
    expect(recordIn(bench.sink, 'orders')?.next?.ready_at).not.toBeNull();
  });

  it('are shown it before the old subscription goes, where there is no overlap', async () => {
    const { bench, old } = makeOwned();
    const { shows, showSecrets } = watchShows(bench, old);
    await bench.laterPass(fileOf(), { ...ROTATE, settings: NO_OVERLAP, showSecrets });
    expect(shows).toEqual([{ hasSecret: true, isReady: true, isOldLive: true }]);
    expect(bench.api.live.has(old)).toBe(false);
  });

  it('that cannot be shown it have the old subscription until they can', async () => {
    const { bench, old } = makeOwned();
    const showSecrets = (): Promise<void> => Promise.reject(new SinkError('cannot export to /x: full'));
    for (const overrides of [ROTATE, {}, {}]) {
      const { report } = await bench.laterPass(fileOf(), { ...overrides, showSecrets });
      expect(report.items.map(({ result }) => result)).toEqual([
        expect.objectContaining({ status: 'failed', error: 'cannot export to /x: full' }),
      ]);
      expect(bench.api.live.get(old)).toMatchObject({ is_active: true });
    }
    await bench.laterPass(fileOf());
    await bench.laterPass(fileOf());
    expect(recordIn(bench.sink, 'orders')?.next).toBeNull();
    expect(bench.api.live.has(old)).toBe(false);
  });
});
