import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashFolder } from '../../support/folder-hash.ts';
import { outputOf } from '../../support/output-schema.ts';
import { openStage, runUntilDone, truthOf, type Stage } from '../../support/stage.ts';

const at = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});
const ENTRIES = { orders: at('orders'), support: at('support') };

/** Two entries with their records in files, and settings of a place to move them to. */
async function open(there: Readonly<Record<string, unknown>> = {}): Promise<Stage> {
  const stage = await openStage({ entries: ENTRIES });
  await runUntilDone(stage, ['sync']);
  await writeSettings(stage, 'there.yaml', { file: { directory: './there', ephemeral: true }, ...there });
  return stage;
}

function writeSettings(stage: Stage, name: string, secrets: object, owner = 'default'): Promise<void> {
  return writeFile(join(stage.folder, name), JSON.stringify({ owner, subscriptions: stage.file, secrets }));
}

const MOVE = ['move-records', '--to', 'there.yaml'];

test('a dry run says what would move, and writes nothing at either end', async () => {
  const stage = await open();
  const before = await hashFolder(stage.folder);
  const result = await stage.run([...MOVE, '--dry-run', '--format', 'json']);
  expect(result.code, result.stderr).toBe(0);
  expect(outputOf('move-records', result)).toMatchObject({
    result: {
      dry_run: true,
      moved: ['orders', 'support'],
      installation: 'taken-over',
      from: { place: `file:${stage.sinkDir}`, owner: 'default' },
      to: { place: `file:${join(stage.folder, 'there')}`, owner: 'default' },
      wrote: false,
    },
  });
  expect(await hashFolder(stage.folder)).toEqual(before);
});

test('after a move the new settings have nothing to do, and the old ones do nothing, even when they are resumed', async () => {
  const stage = await open();
  const before = truthOf(stage.emulator);
  const asked = stage.emulator.requests.length;
  const moved = await stage.run(MOVE);
  expect(moved, moved.stderr).toMatchObject({ code: 0 });
  expect(moved.stdout).toContain('orders: moved\n');
  expect(moved.stdout).toContain('the owner "default" is paused here for good');
  expect(stage.emulator.requests).toHaveLength(asked);
  const sync = await stage.run(['sync', '--config', 'there.yaml']);
  expect(sync, sync.stderr).toMatchObject({ code: 0 });
  expect(sync.stdout).toContain('No changes.');
  const old = await stage.run(['sync']);
  expect(old).toMatchObject({ code: 3 });
  expect(old.stdout.replace(/\s+/g, ' ')).toContain('paused: its records moved to file:');
  expect(await stage.run(['resume'])).toMatchObject({ code: 0 });
  const resumed = await stage.run(['sync']);
  expect(resumed).toMatchObject({ code: 3 });
  expect(resumed.stdout).toContain('unowned');
  expect(truthOf(stage.emulator)).toEqual(before);
  const again = await stage.run(MOVE);
  expect(again).toMatchObject({ code: 0 });
  expect(again.stdout).toContain('nothing to move');
});

test('exported files are there at every moment: the old ones stay, and the new ones are written', async () => {
  const stage = await open({ export: { directory: './exported-there' } });
  const old = { LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY: 'exported' };
  await runUntilDone(stage, ['sync'], old);
  const secret = await readFile(join(stage.folder, 'exported/orders/signing_secret'), 'utf8');
  expect(await stage.run(MOVE, { env: old })).toMatchObject({ code: 0 });
  expect(await readFile(join(stage.folder, 'exported-there/orders/signing_secret'), 'utf8')).toBe(secret);
  const after = await stage.run(['sync'], { env: old });
  expect(after.stderr).toContain('the exported files are left as they are: its records moved to');
  expect(await readFile(join(stage.folder, 'exported/orders/signing_secret'), 'utf8')).toBe(secret);
});

test('one sink with another owner is a change of the owner; with the same owner it is refused', async () => {
  const stage = await open();
  const secrets = { file: { directory: './secrets', ephemeral: true } };
  await writeSettings(stage, 'same.yaml', secrets);
  const same = await stage.run(['move-records', '--to', 'same.yaml', '--format', 'json']);
  expect(same.code).toBe(3);
  expect(outputOf('move-records', same)).toMatchObject({
    result: { refused: [{ name: null }], wrote: false },
  });
  await writeSettings(stage, 'team.yaml', secrets, 'team');
  const moved = await stage.run(['move-records', '--to', 'team.yaml']);
  expect(moved, moved.stderr).toMatchObject({ code: 0 });
  expect(moved.stdout).toContain('now of the owner "team"');
  expect(await stage.run(['sync', '--config', 'team.yaml'])).toMatchObject({ code: 0 });
  expect(await stage.run(['sync'])).toMatchObject({ code: 3 });
});

test('a refusal names the record and what helps, and writes nothing', async () => {
  const stage = await open();
  await writeFile(join(stage.sinkDir, 'orders.json'), '{');
  const before = await hashFolder(stage.folder);
  const result = await stage.run(MOVE);
  expect(result).toMatchObject({ code: 3, stdout: '' });
  expect(result.stderr).toContain('orders: refused: its record is damaged');
  expect(result.stderr).toContain('linq-gitops release orders --discard-secret');
  expect(result.stderr).toContain('nothing was moved');
  expect(await hashFolder(stage.folder)).toEqual(before);
});

test('the destination has to be named, and has to be there', async () => {
  const stage = await open();
  expect(await stage.run(['move-records'])).toMatchObject({ code: 64, stdout: '' });
  const missing = await stage.run(['move-records', '--to', 'nowhere.yaml', '--format', 'json']);
  expect(missing.code).toBe(78);
  expect(outputOf('move-records', missing)).toMatchObject({ result: null, status: { exit_code: 78 } });
});

test('the variables of the program are about this end only', async () => {
  const stage = await open();
  const env = { LINQ_GITOPS_SECRETS_FILE_DIRECTORY: 'secrets', LINQ_GITOPS_OWNER: 'default' };
  expect(await stage.run(MOVE, { env })).toMatchObject({ code: 0 });
  expect((await readdir(join(stage.folder, 'there'))).filter((name) => name.endsWith('.json'))).toEqual([
    '_installation.json',
    'orders.json',
    'support.json',
  ]);
});
