import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkPromises, recordsOf } from '../../support/account-checks.ts';
import { outputOf } from '../../support/output-schema.ts';
import { openStage, runUntilDone, truthOf, type Stage } from '../../support/stage.ts';

const at = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});
const ENTRIES = { orders: at('orders'), support: at('support') };

async function openSynced(env: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const stage = await openStage({ entries: ENTRIES, env });
  await runUntilDone(stage, ['sync']);
  return stage;
}

test('an entry that is released keeps its subscription, and can be adopted again with the secret that was kept', async () => {
  const stage = await openSynced({ LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY: 'exported' });
  const before = truthOf(stage.emulator);
  const asked = stage.emulator.requests.length;
  const released = await stage.run(['release', 'orders', '--secret-dir', 'kept']);
  expect(released, released.stderr).toMatchObject({ code: 0 });
  expect(released.stdout).toContain('stays as it is, secret: → ');
  expect(released.stdout).toContain('it is still in the file: the next pass holds it (unowned)');
  expect(stage.emulator.requests).toHaveLength(asked);
  expect([...(await recordsOf(stage)).keys()]).toEqual(['support']);
  expect(await readdir(join(stage.folder, 'exported'))).not.toContain('orders');
  expect(await readdir(join(stage.folder, 'kept'))).toEqual(['orders']);
  const held = await stage.run(['sync']);
  expect(held).toMatchObject({ code: 3 });
  expect(held.stdout).toContain('unowned');
  expect(truthOf(stage.emulator)).toEqual(before);
  expect(await stage.run(['adopt', 'orders', '--secret-dir', 'kept'])).toMatchObject({ code: 0 });
  expect(truthOf(stage.emulator)).toEqual(before);
  await checkPromises(stage);
});

test('an entry that is released and left the file is left alone', async () => {
  const stage = await openSynced();
  const { orders, ...rest } = ENTRIES;
  await stage.declare(rest);
  const before = truthOf(stage.emulator);
  const result = await stage.run(['release', 'orders', '--discard-secret', '--format', 'json']);
  expect(outputOf('release', result)).toMatchObject({
    result: { released: [{ name: 'orders', secret: 'discarded', secret_file: null, is_in_file: false }] },
  });
  expect(result.stdout + result.stderr).not.toContain('whsec_');
  expect(await stage.run(['sync'])).toMatchObject({ code: 0 });
  expect(truthOf(stage.emulator)).toEqual(before);
  expect(orders).toBeDefined();
});

test('it has to be said what becomes of the secret', async () => {
  const stage = await openSynced();
  for (const flags of [[], ['--secret-dir', 'kept', '--discard-secret']]) {
    const { code, stderr, stdout } = await stage.run(['release', 'orders', ...flags]);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('either --secret-dir DIR or --discard-secret');
  }
  expect(await stage.run(['release', 'orders', '--secret-dir', 'secrets'])).toMatchObject({ code: 64 });
  expect([...(await recordsOf(stage)).keys()]).toEqual(['orders', 'support']);
});

test('one that is refused refuses all, and no secret is written', async () => {
  const stage = await openSynced();
  expect(await stage.run(['rotate', 'support'])).toMatchObject({ code: 0 });
  const result = await stage.run(['release', 'orders', 'support', 'ordres', '--secret-dir', 'kept']);
  expect(result).toMatchObject({ code: 3, stdout: '' });
  expect(result.stderr).toContain('support: refused: its replacement is under way');
  expect(result.stderr).toContain('linq-gitops rotate support --abort');
  expect(result.stderr).toContain('did you mean orders?');
  expect(result.stderr).toContain('nothing was released');
  expect(await readdir(stage.folder)).not.toContain('kept');
  expect([...(await recordsOf(stage)).keys()]).toEqual(['orders', 'support']);
  const document = outputOf(
    'release',
    await stage.run(['release', 'support', '--discard-secret', '--format', 'json']),
  );
  expect(document).toMatchObject({ result: { released: [], refused: [{ name: 'support' }] } });
});

test('killed anywhere, it is finished by the next run, and the secret is somewhere at every instant', async () => {
  for (const phase of ['before', 'after'] as const) {
    const stage = await openSynced();
    const secret = (await recordsOf(stage)).get('orders')?.current?.signing_secret?.reveal();
    const argv = ['release', 'orders', '--secret-dir', 'kept'];
    const killed = await stage.run(argv, { effects: { stop: { name: 'remove', phase } } });
    expect(killed.signal).toBe('SIGKILL');
    expect((await readFile(join(stage.folder, 'kept/orders'), 'utf8')).trim()).toBe(secret);
    const again = await stage.run(argv);
    expect(again.code).toBe(phase === 'before' ? 0 : 3);
    expect([...(await recordsOf(stage)).keys()]).toEqual(['support']);
  }
});
