import { expect, test } from 'vitest';
import { checkPromises, recordsOf } from '../support/account-checks.ts';
import { openStage, runUntilDone, truthOf } from '../support/stage.ts';
import { describeKills } from './kills.ts';

const ORDERS = {
  target_url: 'https://hooks.example.com/orders?version=2026-02-03',
  subscribed_events: ['message.received', 'message.failed'],
};

describeKills('file');

test('I10: killed while Linq holds the answer to the POST, a secret that nobody got is not missed', async () => {
  const stage = await openStage({ entries: { orders: ORDERS } });
  const held = stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at: 'after' } });
  const running = stage.start(['sync']);
  await held.reached();
  running.kill('SIGKILL');
  await running.done;
  held.remove();
  expect(
    truthOf(stage.emulator).filter(({ target_url }) => target_url.includes('linq_gitops=')),
  ).toHaveLength(1);
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  await checkPromises(stage);
});

test('I4: a POST that lands after the kill and the recovery is collected once it can belong to nobody', async () => {
  const stage = await openStage({ entries: { orders: ORDERS } });
  const late = stage.emulator.addFault({
    match: { path: 'create' },
    action: { kind: 'late', client: 'hang' },
  });
  const running = stage.start(['sync']);
  await late.reached();
  running.kill('SIGKILL');
  await running.done;
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  const kept = (await recordsOf(stage)).get('orders')?.current?.subscription_id;
  late.release();
  expect(truthOf(stage.emulator)).toHaveLength(stage.foreign.length + 2);

  // Young, it might still be somebody's work: held, not touched.
  expect(await stage.run(['sync'])).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('in-flight') as string,
  });
  expect(truthOf(stage.emulator)).toHaveLength(stage.foreign.length + 2);
  stage.emulator.shiftClock(4 * 15_000 + 2_000);
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  expect((await recordsOf(stage)).get('orders')?.current?.subscription_id).toBe(kept);
  await checkPromises(stage);
});
