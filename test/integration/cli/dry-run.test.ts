import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashFolder } from '../../support/folder-hash.ts';
import { documentOf, openStage, runUntilDone, type Stage } from '../../support/stage.ts';

const ORDERS = {
  target_url: 'https://hooks.example.com/orders?version=2026-02-03',
  subscribed_events: ['message.received'],
};
const SUPPORT = { ...ORDERS, target_url: 'https://hooks.example.com/support?version=2026-02-03' };

/** Four kinds of operations, and one that is held. */
async function openPending(): Promise<Stage> {
  const wide = { ...ORDERS, target_url: 'https://a.example/wide?version=1', phone_numbers: ['+12025550101'] };
  const stage = await openStage({ entries: { orders: ORDERS, support: SUPPORT, wide } });
  await runUntilDone(stage, ['sync']);
  await stage.declare({
    purchases: { ...ORDERS, subscribed_events: ['message.sent'], previously: ['orders'] },
    wide: { ...wide, phone_numbers: 'all' },
    fresh: { ...ORDERS, target_url: 'https://a.example/fresh?version=1' },
  });
  stage.emulator.clearRequests();
  return stage;
}

async function expectUntouched(
  stage: Stage,
  argv: readonly string[],
  codes: readonly number[],
): Promise<void> {
  const [files, account] = [await hashFolder(stage.folder), JSON.stringify(stage.emulator.subscriptions())];
  stage.emulator.clearRequests();
  const result = await stage.run(argv);
  expect(codes, result.stderr).toContain(result.code);
  expect(await hashFolder(stage.folder), argv.join(' ')).toEqual(files);
  expect(JSON.stringify(stage.emulator.subscriptions())).toBe(account);
  const methods = stage.emulator.requests.map(({ method }) => method);
  expect(methods.length).toBeGreaterThan(0);
  expect(new Set(methods)).toEqual(new Set(['GET']));
  if (argv.includes('json')) {
    expect(documentOf(result).requests).toEqual({ reads: methods.length, writes: 0 });
  } else {
    expect(result.stdout).toContain(`${methods.length} reads, 0 writes`);
  }
}

const DRY = [
  ['plan'],
  ['sync', '--dry-run'],
  ['plan', '--format', 'json'],
  ['sync', '--dry-run', '--format', 'markdown', '--log-level', 'trace'],
];

test.each(DRY.map((argv) => [argv]))(
  'I6: %j only reads, and touches no file, with changes pending',
  async (argv) => {
    const stage = await openPending();
    await expectUntouched(stage, argv, [3]);
  },
);

test('I6: a dry run in a fresh folder makes no sink, and none after an interrupted create repairs one', async () => {
  const stage = await openStage({ entries: { orders: ORDERS } });
  for (const argv of DRY) await expectUntouched(stage, argv, [0]);
  const killed = await stage.run(['sync'], { effects: { stop: { index: 3, phase: 'after' } } });
  expect(killed.signal).toBe('SIGKILL');
  for (const argv of DRY) await expectUntouched(stage, argv, [0]);
});

test('I6: import, events and secret read only, too', async () => {
  const stage = await openPending();
  const before = await hashFolder(stage.folder);
  for (const argv of [['import'], ['events'], ['secret', 'support'], ['validate']]) {
    expect(await stage.run(argv), argv.join(' ')).toMatchObject({ code: 0 });
  }
  expect(await hashFolder(stage.folder)).toEqual(before);
  expect(new Set(stage.emulator.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
});

test('I1: a second sync writes nothing, to the API or to a file', async () => {
  const stage = await openStage({ entries: { orders: ORDERS, support: SUPPORT } });
  expect(await stage.run(['sync'])).toMatchObject({ code: 0 });
  await expectUntouched(stage, ['sync'], [0]);
});

test('I9: the plan and its id are the same whatever the order of file and list, and what is expected is done', async () => {
  const stage = await openPending();
  const first = documentOf(await stage.run(['plan', '--format', 'json']));
  const content = JSON.parse(await readFile(stage.file, 'utf8')) as { subscriptions: Record<string, object> };
  const reversed = Object.fromEntries(Object.entries(content.subscriptions).reverse());
  await writeFile(stage.file, JSON.stringify({ version: 1, subscriptions: reversed }));
  stage.emulator.setSwitches({ listOrder: 'shuffled' });
  const out = join(stage.folder, 'plan.json');
  const second = await stage.run(['plan', '--format', 'json', '--out', out]);
  expect(documentOf(second).plan).toEqual(first.plan);
  expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(first.plan);

  const id = first.plan?.id ?? '';
  const wrong = `${id.startsWith('0') ? '1' : '0'}${id.slice(1, 12)}`;
  const writes = (): number => stage.emulator.requests.filter(({ method }) => method !== 'GET').length;
  const refused = await stage.run(['sync', '--expect-plan', wrong, '--format', 'json']);
  expect(refused.code).toBe(3);
  expect(documentOf(refused).status).toMatchObject({ exit_code: 3 });
  expect(refused.stderr).toContain(`the plan is ${id.slice(0, 12)}, not ${wrong}`);
  const short = await stage.run(['sync', '--expect-plan', id.slice(0, 7)]);
  expect(short).toMatchObject({ code: 64, stdout: '' });
  expect(writes()).toBe(0);

  const applied = await stage.run(['sync', '--expect-plan', id.slice(0, 8)]);
  expect(applied.code, 'the widening is still held').toBe(3);
  expect(writes()).toBeGreaterThan(0);
});
