import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { documentOf, openStage, runUntilDone, type Document, type Stage } from '../../support/stage.ts';

const ORDERS = {
  target_url: 'https://hooks.example.com/orders?version=2026-02-03',
  subscribed_events: ['message.received'],
};
const NARROW = { ...ORDERS, phone_numbers: ['+12025550101'] };

const schema = JSON.parse(
  readFileSync(new URL('../../../schema/plan.schema.json', import.meta.url), 'utf8'),
) as object;
const validate = new Ajv2020({ allErrors: true, strict: false }).compile(schema);

/** Runs the command as given and with `--format json`, and expects one code and a valid document. */
async function expectCode(
  stage: Stage,
  argv: readonly string[],
  code: number,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Document> {
  const text = await stage.run(argv, { env });
  expect(text.code, text.stdout + text.stderr).toBe(code);
  const result = await stage.run([...argv, '--format', 'json'], { env });
  expect(result.code, result.stderr).toBe(code);
  const document = documentOf(result);
  // What others print has schemas of its own.
  if (argv[0] !== 'validate') validate(document);
  expect(validate.errors ?? []).toEqual([]);
  expect(document.status.exit_code).toBe(code);
  return document;
}

test('a plan exits with 0, and with 2 where asked while changes are pending; a sync done exits with 0', async () => {
  const stage = await openStage({ entries: { orders: ORDERS } });
  const plan = await expectCode(stage, ['plan'], 0);
  expect(plan.status.outcome).toBe('changes-pending');
  const pending = await expectCode(stage, ['sync', '--dry-run', '--detailed-exitcode'], 2);
  expect(pending.status.outcome).toBe('changes-pending');
  expect(pending.plan?.operations).toMatchObject([{ kind: 'create' }]);
  const done = await stage.run(['sync', '--format', 'json']);
  expect(done.code).toBe(0);
  validate(documentOf(done));
  expect(validate.errors ?? []).toEqual([]);
  expect(documentOf(done)).toMatchObject({ status: { outcome: 'done' }, requests: { writes: 2 } });
  const nothing = await expectCode(stage, ['plan', '--detailed-exitcode'], 0);
  expect(nothing.status.outcome).toBe('nothing-to-do');
});

test('what is held exits with 3, also where other changes are pending or done', async () => {
  const stage = await openStage({ entries: { orders: NARROW } });
  await runUntilDone(stage, ['sync']);
  const entries = { orders: ORDERS, support: { ...ORDERS, target_url: 'https://a.example/s?version=1' } };
  await stage.declare(entries);
  const plan = await expectCode(stage, ['plan', '--detailed-exitcode'], 3);
  expect(plan.plan?.operations).toHaveLength(1);
  const held = await expectCode(stage, ['sync'], 3);
  expect(held.status.outcome).toBe('held');
});

test('a failed operation exits with 1, also where something else is held', async () => {
  const stage = await openStage({ entries: { orders: NARROW } });
  await runUntilDone(stage, ['sync']);
  await stage.declare({
    orders: ORDERS,
    lost: { ...NARROW, target_url: 'https://a.example/l?version=1', phone_numbers: ['+19995550100'] },
  });
  const failed = await expectCode(stage, ['sync'], 1);
  expect(failed.report?.items).toMatchObject([{ key: 'create lost', result: { status: 'failed' } }]);
  expect(failed.plan?.held).toMatchObject([{ guard: 'widen' }]);
});

test('an API that cannot be seen exits with 1, and nothing is planned', async () => {
  const stage = await openStage({ entries: { orders: ORDERS }, env: { LINQ_GITOPS_API_TIMEOUT: '200ms' } });
  stage.emulator.addFault({
    match: { path: 'list' },
    times: 'always',
    action: { kind: 'status', status: 403 },
  });
  const failed = await expectCode(stage, ['sync'], 1);
  expect(failed).toMatchObject({ plan: null, status: { outcome: 'failed' } });
  expect(failed.status.errors).toHaveLength(1);
  stage.emulator.clearFaults();
  const wrongKey = await stage.run(['sync'], { env: { LINQ_API_V3_API_KEY: 'not-the-key' } });
  expect(wrongKey).toMatchObject({ code: 1 });
});

test('I7: a bad file, bad settings and a missing key exit with 78, and nothing is sent', async () => {
  const stage = await openStage();
  const missing = await expectCode(stage, ['sync'], 78);
  expect(missing).toMatchObject({ plan: null, status: { outcome: 'invalid-configuration' } });
  for (const text of [
    '',
    'version: 1\n',
    'version: 1\nsubscriptions: {}\n',
    'version: 1\nsubscriptions: {orders: {',
    '{"version": 1}',
  ]) {
    await writeFile(stage.file, text);
    expect((await stage.run(['sync'])).code, JSON.stringify(text)).toBe(78);
  }
  await stage.declare({ orders: { ...ORDERS, targeturl: 'https://a.example/' }, 'Bad Name': ORDERS });
  const bad = await expectCode(stage, ['validate'], 78);
  expect(bad.status.errors.length).toBeGreaterThan(1);
  expect(bad.status.errors[0]).toMatchObject({ line: expect.any(Number) as number });

  await stage.declare({ orders: ORDERS });
  await expectCode(stage, ['sync'], 78, { LINQ_API_V3_API_KEY: undefined });
  await expectCode(stage, ['sync'], 78, { LINQ_GITOPS_API_TIMEOUT: 'soon' });
  await expectCode(stage, ['sync', '-c', 'missing.yaml'], 78);
  await expectCode(stage, ['sync'], 78, { CI: 'true', LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: undefined });
  expect(stage.emulator.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
});

test.each([
  [['sync', '--dryrun'], '--dry-run'],
  [['sync', '--dry-rum'], '--dry-run'],
  [['snyc'], 'sync'],
  [['plan', '--fromat', 'json'], '--format'],
  [['sync', '--format', 'xml'], 'text'],
  [['sync', '--allow', 'widne:orders'], 'widen'],
  [['sync', '--allow', 'unknown-guard'], 'guard'],
  [['sync', 'extra'], ''],
  [['adopt', 'orders'], '--secret-file'],
  [['emulate', '--port', '70000'], '65535'],
  [['secret'], 'NAME'],
  [[], 'Usage'],
])(
  'a usage error, as of %j, exits with 64, prints nothing on stdout, and points to %j',
  async (argv, hint) => {
    const stage = await openStage({ entries: { orders: ORDERS } });
    const result = await stage.run(argv);
    expect(result).toMatchObject({ code: 64, stdout: '' });
    expect(result.stderr).toContain(hint);
    expect(stage.emulator.requests).toEqual([]);
  },
);

// With fewer it is Node itself that cannot start.
test.each([36, 44, 52, 60])('a limit of %i open files is no bug: it works, or says so', async (limit) => {
  const stage = await openStage({ entries: { orders: ORDERS } });
  const through = ['sh', '-c', `ulimit -n ${limit}; exec "$@"`, 'sh'];
  const { code, stderr } = await stage.run(['plan'], { through });
  expect(code === 0 ? '' : `${code}: ${stderr}`).toMatch(/^$|^1: .*too many open files \(EMFILE\)/);
});

test('help and version exit with 0 and stand on stdout', async () => {
  const stage = await openStage();
  for (const argv of [['--help'], ['sync', '--help'], ['--version']]) {
    const result = await stage.run(argv);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).not.toBe('');
  }
});

test('the same run in the formats text, json and markdown exits with the same code and writes stdout only as its format', async () => {
  const stage = await openStage({ entries: { orders: ORDERS } });
  const out = join(stage.folder, 'out');
  await mkdir(out);
  for (const format of ['text', 'json', 'markdown']) {
    const result = await stage.run([
      'plan',
      '--format',
      format,
      '--detailed-exitcode',
      '--out',
      join(out, format),
    ]);
    expect(result, format).toMatchObject({ code: 2, stderr: '' });
  }
  const plans = ['text', 'json', 'markdown'].map((format) => readFileSync(join(out, format), 'utf8'));
  expect(new Set(plans).size).toBe(1);
});
