import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkPromises, recordsOf } from '../support/account-checks.ts';
import { exportShelf, type Shelf } from '../support/rotation/shelves.ts';
import { openStage, runUntilDone, type Stage } from '../support/stage.ts';

const ENTRIES = {
  orders: {
    target_url: 'https://hooks.example.com/orders?version=2026-02-03',
    subscribed_events: ['message.received'],
  },
};
const OVERLAP_MS = 600_000;

/** An entry that is synced and exported, and what a receiver sees of it. */
async function openExported(overlap: string): Promise<{ stage: Stage; shelf: Shelf; directory: string }> {
  const env: Record<string, string> = { LINQ_GITOPS_REPLACE_OVERLAP: overlap };
  const plain = await openStage({ entries: ENTRIES });
  const directory = join(plain.folder, 'receiver');
  env['LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY'] = directory;
  const stage: Stage = {
    ...plain,
    env: { ...plain.env, ...env },
    start: (argv, { env: extra, ...rest } = {}) => plain.start(argv, { env: { ...env, ...extra }, ...rest }),
    run: (argv, { env: extra, ...rest } = {}) => plain.run(argv, { env: { ...env, ...extra }, ...rest }),
  };
  await runUntilDone(stage, ['sync']);
  return { stage, shelf: exportShelf(directory), directory };
}

async function nextSecretOf(stage: Stage): Promise<string | undefined> {
  return (await recordsOf(stage)).get('orders')?.next?.signing_secret?.reveal();
}

async function isReady(stage: Stage): Promise<boolean> {
  return typeof (await recordsOf(stage)).get('orders')?.next?.ready_at === 'string';
}

/** Runs the command up to the moment before the old subscription goes, looks, and lets it go on. */
async function atTheDelete<T>(stage: Stage, argv: readonly string[], look: () => Promise<T>): Promise<T> {
  const held = stage.emulator.addFault({ match: { path: 'delete' }, action: { kind: 'hold', at: 'before' } });
  const running = stage.start(argv);
  await held.reached();
  const seen = await look();
  held.remove();
  expect(await running.done).toMatchObject({ code: 0 });
  return seen;
}

test('I2: the overlap begins when receivers can read the new secret, however often the process is killed before', async () => {
  const { stage, shelf } = await openExported('10m');
  for (let index = 1; !(await isReady(stage)); index += 1) {
    const killed = await stage.run(index === 1 ? ['rotate', 'orders'] : ['sync'], {
      effects: { stop: { index: index === 1 ? 4 : 3, phase: 'after' } },
    });
    if (killed.signal !== 'SIGKILL') expect(killed.code, killed.stderr).toBe(0);
    // Nothing runs for as long as the overlap lasts.
    stage.emulator.shiftClock(index * (OVERLAP_MS + 60_000));
    expect(shelf('orders').includes((await nextSecretOf(stage)) ?? ''), 'read before it counts').toBe(
      await isReady(stage),
    );
  }
  const secrets = await atTheDelete(stage, ['sync'], async () => [
    await nextSecretOf(stage),
    shelf('orders'),
  ]);
  expect(secrets[1]).toContain(secrets[0]);
  stage.emulator.shiftClock(0);
  await checkPromises(stage);
});

test.each([
  ['without an overlap', '0s', ['rotate', 'orders']],
  ['of a compromised secret', '10m', ['rotate', '--compromised', 'orders']],
] as const)(
  'I2: %s, the new secret is exported before the old subscription goes',
  async (_title, overlap, argv) => {
    const { stage, shelf } = await openExported(overlap);
    const [next, shown] = await atTheDelete(stage, argv, async () => [
      await nextSecretOf(stage),
      shelf('orders'),
    ]);
    expect(shown).toContain(next);
    await checkPromises(stage);
  },
);

test('I2: while the export fails, no replacement gets on, and the old subscription delivers', async () => {
  const { stage, shelf, directory } = await openExported('10m');
  await chmod(directory, 0o777);
  const result = await stage.run(['rotate', 'orders']);
  expect(result.code).toBe(1);
  expect(result.stdout).toContain('the exported files are behind');
  stage.emulator.shiftClock(OVERLAP_MS + 60_000);
  expect((await stage.run(['sync'])).code).toBe(1);
  expect(await isReady(stage)).toBe(false);
  await chmod(directory, 0o700);
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  expect(await isReady(stage)).toBe(true);
  expect(shelf('orders')).toContain(await nextSecretOf(stage));
  stage.emulator.shiftClock(2 * (OVERLAP_MS + 60_000));
  await runUntilDone(stage, ['sync']);
  stage.emulator.shiftClock(0);
  await checkPromises(stage);
});
