import { describe, expect, test } from 'vitest';
import { checkPromises } from '../support/account-checks.ts';
import { documentOf, openStage, runUntilDone } from '../support/stage.ts';
import type { SinkKind } from '../support/stage-sinks/stage-sink.ts';

const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});

/** I1 on a sink: when all is done, nothing is written, neither to the API nor to the sink. */
export function describeQuietSyncs(sink: SinkKind): void {
  describe(`with records in a ${sink}`, () => {
    test('I1: a sync after one that had to do with everything writes nothing, and neither does a dry run', async () => {
      const stage = await openStage({ sink, entries: { orders: AT('orders'), support: AT('support') } });
      await runUntilDone(stage, ['sync']);
      await stage.declare({
        purchases: { ...AT('orders'), subscribed_events: ['message.sent'], previously: ['orders'] },
        fresh: AT('fresh'),
      });
      await runUntilDone(stage, ['sync']);
      const before = [await stage.sink.texts(), await stage.sink.take()];
      for (const argv of [['sync'], ['sync', '--dry-run']]) {
        const quiet = await stage.run([...argv, '--format', 'json']);
        expect(quiet.code, quiet.stderr).toBe(0);
        expect(quiet.stderr).toBe('');
        expect(documentOf(quiet)).toMatchObject({
          plan: { operations: [], held: [] },
          requests: { writes: 0 },
        });
      }
      expect([await stage.sink.texts(), await stage.sink.take()]).toEqual(before);
      await checkPromises(stage);
    });
  });
}
