import { expect, test } from 'vitest';
import { checkPromises } from '../../support/account-checks.ts';
import { openStage, runUntilDone, truthOf } from '../../support/stage.ts';

const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});
const ENTRIES = { first: AT('first'), second: AT('second') };

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('%s finishes the create in hand, starts nothing new, and exits with %i', async (signal, code) => {
  const stage = await openStage({ entries: ENTRIES });
  const held = stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at: 'after' } });
  const running = stage.start(['sync']);
  await held.reached();
  running.kill(signal);
  await running.said('stopping');
  held.release();
  const result = await running.done;
  expect(result.code, result.stdout + result.stderr).toBe(code);
  expect(result.stdout).toContain('Interrupted: 1 created');
  const methods = stage.emulator.requests.map(({ method }) => method).filter((method) => method !== 'GET');
  expect(methods, 'the create in hand, to its end').toEqual(['POST', 'PUT']);
  expect(truthOf(stage.emulator).at(-1)?.target_url).toBe(AT('first').target_url);

  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  expect(truthOf(stage.emulator)).toHaveLength(stage.foreign.length + 2);
  await checkPromises(stage);
});

test('I10: a second signal ends at once, and the next sync cleans up', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const held = stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at: 'after' } });
  const running = stage.start(['sync']);
  await held.reached();
  running.kill('SIGTERM');
  await running.said('stopping');
  running.kill('SIGTERM');
  expect(await running.done).toMatchObject({ code: 143, signal: null });
  expect(held.waiting, 'it did not wait for the answer').toBe(1);
  held.remove();
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  await checkPromises(stage);
});

test('I2: a secret that the sink refuses is kept and stored after the signal, within the grace', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const held = stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at: 'after' } });
  const running = stage.start(['sync'], { effects: { failStores: { after: 2, until: 3 } } });
  await held.reached();
  running.kill('SIGTERM');
  await running.said('stopping');
  held.release();
  expect(await running.done).toMatchObject({ code: 143 });
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  const posts = stage.emulator.requests.filter(({ method }) => method === 'POST');
  expect(posts, 'the first was not made twice').toHaveLength(2);
  await checkPromises(stage);
});
