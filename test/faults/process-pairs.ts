import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { checkPromises } from '../support/account-checks.ts';
import type { CliResult } from '../support/run-cli.ts';
import { documentOf, openStage, truthOf } from '../support/stage.ts';
import type { SinkKind } from '../support/stage-sinks/stage-sink.ts';

const COUNT = 50;
const ENTRIES = Object.fromEntries(
  Array.from({ length: COUNT }, (_, index) => [
    `entry-${String(index).padStart(2, '0')}`,
    {
      target_url: `https://hooks.example.com/linq/${index}?version=2026-02-03`,
      subscribed_events: ['message.received'],
    },
  ]),
);

/** What a text run says of entries that are held; a reason that does not fit beside its head stands below it. */
function heldLines({ stdout }: CliResult): readonly { name: string; line: string }[] {
  return stdout
    .replace(/\n {6}(?! )/g, ' ')
    .split('\n')
    .flatMap((line) => {
      const name = /^ +! (entry-\d\d) .*held: in-flight/.exec(line)?.[1];
      return name === undefined ? [] : [{ name, line }];
    });
}

/** I4 on a sink: processes that run at the same time. */
export function describeProcessPairs(sink: SinkKind, rounds: readonly number[]): void {
  describe(`with records in a ${sink}`, () => {
    test.each(rounds)(
      'I4: two syncs at once make one subscription for each of 50 entries, and lose no secret (round %i)',
      async () => {
        const stage = await openStage({ sink, entries: ENTRIES, env: { LINQ_GITOPS_API_CONCURRENCY: '4' } });
        const running = [stage.start(['sync']), stage.start(['sync'])] as const;
        const results = await Promise.all(running.map(({ done }) => done));

        for (const [index, result] of results.entries()) {
          const other = running[1 - index]?.pid;
          const held = heldLines(result);
          expect([0, 3], result.stdout + result.stderr).toContain(result.code);
          expect(held.length > 0, 'exit 3 if and only if something is held').toBe(result.code === 3);
          expect(new Set(held.map(({ name }) => name)).size, 'one line for each held entry').toBe(
            held.length,
          );
          for (const { line } of held) expect(line).toContain(`process ${other} on ${hostname()}`);
        }
        expect(truthOf(stage.emulator)).toHaveLength(stage.foreign.length + COUNT);

        const third = await stage.run(['sync', '--format', 'json']);
        expect(third.code, third.stderr).toBe(0);
        expect(documentOf(third).requests.writes).toBe(0);
        await checkPromises(stage);
      },
    );

    test('I4: a sync beside a slow one leaves its entry alone, and says who works on it', async () => {
      const stage = await openStage({
        sink,
        entries: { slow: ENTRIES['entry-00']!, other: ENTRIES['entry-01']! },
      });
      const held = stage.emulator.addFault({
        match: { path: 'create', nth: 2 },
        action: { kind: 'hold', at: 'after' },
      });
      const slow = stage.start(['sync']);
      await held.reached();
      const beside = await stage.run(['sync', '--format', 'json']);
      expect(beside.code).toBe(3);
      expect(documentOf(beside).plan?.held).toEqual([
        expect.objectContaining({
          name: 'slow',
          guard: 'in-flight',
          reason: expect.stringContaining(`process ${slow.pid} on ${hostname()}`) as string,
        }),
      ]);
      held.remove();
      expect(await slow.done).toMatchObject({ code: 0 });
      await checkPromises(stage);
    });
  });
}
