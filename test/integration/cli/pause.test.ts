import { writeFile } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { checkForeign } from '../../support/account-checks.ts';
import { outputOf } from '../../support/output-schema.ts';
import { documentOf, openStage, runUntilDone, truthOf, type Stage } from '../../support/stage.ts';

const at = (path: string, ...events: readonly string[]) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: events.length > 0 ? events : ['message.received'],
});
const ENTRIES = { orders: at('orders'), support: at('support') };
const CHANGED = { orders: at('orders', 'message.failed'), support: at('support', 'message.failed') };

/** Two entries that are synced, and then changed in the file. */
async function openChanged(): Promise<Stage> {
  const stage = await openStage({ entries: ENTRIES });
  await runUntilDone(stage, ['sync']);
  await stage.declare(CHANGED);
  return stage;
}

function eventsOf(stage: Stage, name: string): readonly string[] | undefined {
  return truthOf(stage.emulator).find(({ target_url }) => target_url.includes(`/${name}?`))
    ?.subscribed_events;
}

test('a paused entry is left as it is by every pass until it is resumed', async () => {
  const stage = await openChanged();
  expect(await stage.run(['pause', 'orders'])).toMatchObject({ code: 0, stdout: 'orders: paused\n' });
  const held = await stage.run(['sync']);
  expect(held).toMatchObject({ code: 3 });
  expect(held.stdout).toMatch(/orders +held: paused/);
  expect(held.stdout).toContain('linq-gitops resume orders');
  expect([eventsOf(stage, 'orders'), eventsOf(stage, 'support')]).toEqual([
    ['message.received'],
    ['message.failed'],
  ]);
  expect(await stage.run(['sync', '--allow', 'paused:orders'])).toMatchObject({ code: 64 });
  expect(await stage.run(['resume', 'orders'])).toMatchObject({
    code: 0,
    stdout: 'orders: resumed (was paused)\n',
  });
  expect(await stage.run(['sync'])).toMatchObject({ code: 0 });
  expect(eventsOf(stage, 'orders')).toEqual(['message.failed']);
});

test('while everything is paused nothing is written, by any command that passes, and no key is needed to pause', async () => {
  const stage = await openChanged();
  const before = stage.emulator.requests.length;
  const paused = await stage.run(['pause'], { env: { LINQ_API_V3_API_KEY: undefined } });
  expect(paused).toMatchObject({
    code: 0,
    stdout: 'everything of the owner "default": paused\n',
    stderr: '',
  });
  expect(stage.emulator.requests).toHaveLength(before);
  for (const argv of [['sync'], ['rotate', 'support'], ['rotate', 'support', '--compromised']]) {
    const { code, stdout } = await stage.run([...argv, '--format', 'json']);
    const document = documentOf({ stdout });
    expect([code, document.requests.writes]).toEqual([3, 0]);
    for (const { guard, let_through } of document.plan?.held ?? [])
      expect([guard, let_through]).toEqual(['paused', 'linq-gitops resume']);
  }
  const resumed = await stage.run(['resume', 'orders']);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stdout).toContain('orders: not paused');
  expect(resumed.stdout).toContain('still paused; to end that: linq-gitops resume');
  expect(await stage.run(['resume'])).toMatchObject({ code: 0 });
  expect(await stage.run(['sync'])).toMatchObject({ code: 0 });
  checkForeign(stage);
});

test('a pause has an end, which can be changed, and is over then', async () => {
  const stage = await openChanged();
  const first = outputOf('pause', await stage.run(['pause', 'orders', '--for', '2h', '--format', 'json']));
  const [{ until }] = first.result?.['paused'] as [{ until: string }];
  expect(Date.parse(until) - Date.now()).toBeLessThanOrEqual(7_200_000);
  const held = documentOf(await stage.run(['plan', '--format', 'json'])).plan?.held;
  expect(held).toMatchObject([{ guard: 'paused', reason: `paused until ${until.replace(/\.\d+Z/, 'Z')}` }]);
  const second = await stage.run(['pause', 'orders', '--for', '1ms']);
  expect(second.stdout).toMatch(/^orders: paused until \S+Z \(was paused until \S+Z\)\n$/);
  // The server's clock shows whole seconds.
  await vi.waitFor(async () => expect(await stage.run(['sync'])).toMatchObject({ code: 0 }), 60_000);
});

test('what is not known is refused with a suggestion, and what is not paused is no error', async () => {
  const stage = await openChanged();
  const wrong = await stage.run(['pause', 'support', 'ordres']);
  expect(wrong).toMatchObject({ code: 3, stdout: '' });
  expect(wrong.stderr).toContain('cannot pause "ordres": it is neither an entry of the file nor in the sink');
  expect(wrong.stderr).toContain('did you mean orders?');
  const document = outputOf('pause', await stage.run(['pause', '../x', '--format', 'json']));
  expect(document).toMatchObject({ result: null, status: { exit_code: 3 } });
  const idle = await stage.run(['resume', 'orders']);
  expect(idle).toMatchObject({ code: 0, stdout: 'orders: not paused\n' });
  const nothing = outputOf('resume', await stage.run(['resume', '--format', 'json']));
  expect(nothing).toMatchObject({ result: { resumed: [], still_paused: [] } });
  expect(await stage.run(['pause', '--for', '0s'])).toMatchObject({ code: 64 });
  expect(await stage.run(['pause', '--for', 'ever'])).toMatchObject({ code: 64 });
});

test('an entry of the file that has no record yet can be paused, also in a fresh sink', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const paused = await stage.run(['pause', 'orders']);
  expect(paused).toMatchObject({ code: 0 });
  expect(paused.stderr).toContain('note: first write into file:secrets/_installation.json');
  expect(await stage.run(['sync'])).toMatchObject({ code: 3 });
  expect([eventsOf(stage, 'orders'), eventsOf(stage, 'support')]).toEqual([undefined, ['message.received']]);
});

test('the brake works where the file is bad', async () => {
  const stage = await openChanged();
  await writeFile(stage.file, 'version: [');
  expect(await stage.run(['pause', 'orders'])).toMatchObject({ code: 0 });
  expect(await stage.run(['pause'])).toMatchObject({ code: 0 });
  const unknown = await stage.run(['pause', 'other', '--format', 'json']);
  expect(unknown).toMatchObject({ code: 78 });
  expect(outputOf('pause', unknown).status.errors.length).toBeGreaterThan(0);
});

test('pauses of one owner are not those of another that shares the sink', async () => {
  const stage = await openChanged();
  const theirs = { env: { LINQ_GITOPS_OWNER: 'theirs' } };
  expect(await stage.run(['pause'], theirs)).toMatchObject({ code: 0 });
  expect(await stage.run(['sync'])).toMatchObject({ code: 0 });
  expect(await stage.run(['resume'])).toMatchObject({
    stdout: 'everything of the owner "default": nothing is paused\n',
  });
  const resumed = outputOf('resume', await stage.run(['resume', '--format', 'json'], theirs));
  expect(resumed).toMatchObject({ result: { resumed: [{ name: null, until: null, reason: null }] } });
});
