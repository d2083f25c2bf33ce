import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import type { Overview } from '../../../src/plan/status.ts';
import type { EntryExplanation } from '../../../src/plan/explain.ts';
import { hashFolder } from '../../support/folder-hash.ts';
import { openStage, putFile, runUntilDone, truthOf, type Entries, type Stage } from '../../support/stage.ts';

const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});
const LINE = '+12025550101';
const CRM = {
  target_url: 'https://crm.example.net/hooks/linq?version=2025-01-01',
  subscribed_events: ['message.received', 'message.failed'],
  phone_numbers: ['+12025550103'],
};

const ajv = new Ajv2020({ allErrors: true, strict: false });
const validators = Object.fromEntries(
  ['status', 'explain'].map((name) => {
    const file = new URL(`../../../schema/output/${name}.schema.json`, import.meta.url);
    return [name, ajv.compile(JSON.parse(readFileSync(file, 'utf8')) as object)];
  }),
);

interface Looked {
  readonly overview?: Overview | null;
  readonly explanation?: EntryExplanation | null;
  readonly requests: { readonly reads: number; readonly writes: number };
  readonly status: {
    readonly exit_code: number;
    readonly errors: readonly { message: string; hint?: string }[];
  };
}

/** Runs a command that only looks, as JSON, and proves that it did no more. */
async function look(stage: Stage, argv: readonly string[], code: number): Promise<Looked> {
  const [files, account] = [await hashFolder(stage.folder), JSON.stringify(truthOf(stage.emulator))];
  stage.emulator.clearRequests();
  const result = await stage.run([...argv, '--format', 'json']);
  expect(result.code, result.stderr).toBe(code);
  const document = JSON.parse(result.stdout) as Looked;
  const validate = validators[argv[0] ?? '']!;
  validate(document);
  expect(validate.errors ?? []).toEqual([]);
  expect(document.status.exit_code).toBe(code);
  const methods = stage.emulator.requests.map(({ method }) => method);
  expect(document.requests).toEqual({ reads: methods.length, writes: 0 });
  expect(new Set(methods)).toEqual(new Set(methods.length > 0 ? ['GET'] : []));
  expect(await hashFolder(stage.folder)).toEqual(files);
  expect(JSON.stringify(truthOf(stage.emulator))).toBe(account);
  return document;
}

async function openMixed(): Promise<Stage> {
  const wide = { ...AT('wide'), phone_numbers: [LINE] };
  const stage = await openStage({ entries: { orders: AT('orders'), wide, legacy: AT('legacy') } });
  await runUntilDone(stage, ['sync']);
  await stage.declare({
    orders: { ...AT('orders'), subscribed_events: ['message.sent'] },
    wide: AT('wide'),
    fresh: AT('fresh'),
    crm: CRM,
  });
  return stage;
}

test('I6: status and explain only read, in every format, and print no secret', async () => {
  const stage = await openMixed();
  const { overview } = await look(stage, ['status'], 0);
  expect(overview?.entries.map(({ name, state }) => [name, state])).toEqual([
    ['crm', 'held'],
    ['fresh', 'missing'],
    ['legacy', 'pending'],
    ['orders', 'pending'],
    ['wide', 'held'],
  ]);
  expect(overview?.entries[3]).toMatchObject({
    last_change: { what: 'created' },
    secret: { is_stored: true },
  });
  await look(stage, ['status', 'orders', 'wide'], 0);
  await look(stage, ['explain', 'wide'], 0);
  await look(stage, ['explain', 'legacy'], 0);
  const { id } = stage.foreign.find(({ target_url }) => target_url === CRM.target_url)!;
  const { explanation } = await look(stage, ['explain', `id:${id ?? ''}`], 0);
  expect(explanation).toMatchObject({ kind: 'foreign', subscription_id: id });

  const files = await hashFolder(stage.folder);
  for (const argv of [['status'], ['status', 'wide'], ['explain', 'wide'], ['explain', id ?? '']]) {
    for (const format of ['text', 'markdown']) {
      stage.emulator.clearRequests();
      const result = await stage.run([...argv, '--format', format, '--log-level', 'trace']);
      expect(result.code, result.stderr).toBe(0);
      expect(result.stdout).toContain(`\n${stage.emulator.requests.length} reads, 0 writes\n`);
      for (const { signing_secret } of truthOf(stage.emulator))
        expect(result.stdout + result.stderr).not.toContain(signing_secret);
    }
  }
  expect(await hashFolder(stage.folder)).toEqual(files);
  expect(new Set(stage.emulator.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
});

test('in a fresh folder they make no sink', async () => {
  const stage = await openStage({ entries: { orders: AT('orders') } });
  expect((await look(stage, ['status'], 0)).overview?.entries).toMatchObject([
    { state: 'missing', secret: null },
  ]);
  expect((await look(stage, ['explain', 'orders'], 0)).explanation?.record).toBeNull();
});

test('a name that is not known is refused, with the nearest one', async () => {
  const stage = await openMixed();
  const status = await look(stage, ['status', 'ordres'], 3);
  expect(status).toMatchObject({
    overview: null,
    status: { errors: [{ hint: 'did you mean orders? linq-gitops status orders' }] },
  });
  const explain = await look(stage, ['explain', 'ordres'], 3);
  expect(explain).toMatchObject({
    explanation: null,
    status: { errors: [{ hint: 'did you mean orders? linq-gitops explain orders' }] },
  });
  expect(await stage.run(['explain'])).toMatchObject({ code: 64, stdout: '' });
});

test('where the file cannot be used, they say so, show records and account, and exit with 78', async () => {
  const stage = await openMixed();
  await writeFile(stage.file, 'version: 1\nsubscriptions:\n  orders: 3\n');
  const { overview, status } = await look(stage, ['status'], 78);
  expect(overview).toMatchObject({ plan_id: null, file: null, held: [] });
  expect(overview?.entries.map(({ name, state }) => [name, state])).toEqual([
    ['legacy', 'unknown'],
    ['orders', 'unknown'],
    ['wide', 'unknown'],
  ]);
  expect(status.errors[0]).toMatchObject({ line: 3 });
  const { explanation } = await look(stage, ['explain', 'orders'], 78);
  expect(explanation).toMatchObject({ is_file_usable: false, next: [], held: [] });
  const text = await stage.run(['status', '-f', 'nowhere.yaml']);
  expect(text.code).toBe(78);
  expect(text.stderr).toContain('nowhere.yaml');
  expect(text.stderr).toContain('what follows is what the records and the account have');
  expect(text.stdout).toContain('Status: 3 not compared. 3 foreign left alone. The file cannot be used');
});

test('an API that cannot be seen exits with 1, and no key with 78; the document is there all the same', async () => {
  const stage = await openMixed();
  stage.emulator.addFault({
    match: { path: 'list' },
    times: 'always',
    action: { kind: 'status', status: 404 },
  });
  expect((await look(stage, ['status'], 1)).overview).toBeNull();
  expect((await look(stage, ['explain', 'orders'], 1)).explanation).toBeNull();
  const keyless = await stage.run(['status', '--format', 'json'], {
    env: { LINQ_API_V3_API_KEY: undefined },
  });
  expect(keyless.code).toBe(78);
  expect(JSON.parse(keyless.stdout)).toMatchObject({ overview: null, requests: { reads: 0, writes: 0 } });
});

/** Rewrites what a record of the file sink says; its version stays, as after an interrupted backup. */
async function editRecord(
  stage: Stage,
  name: string,
  edit: (record: Record<string, unknown>) => object,
): Promise<void> {
  const path = join(stage.sinkDir, `${name}.json`);
  const record = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  await writeFile(path, `${JSON.stringify({ ...record, ...edit(record) }, null, 2)}\n`);
}

function deleteOwn({ emulator, foreign }: Stage): void {
  for (const { id } of truthOf(emulator)) {
    if (!foreign.some((other) => other.id === id)) emulator.external.delete(id ?? '');
  }
}

interface Case {
  readonly guard: string;
  readonly before?: Entries;
  readonly after: Entries;
  readonly env?: Readonly<Record<string, string>>;
  readonly act?: (stage: Stage) => Promise<void> | void;
  /** What is asked about. */
  readonly name: string;
  readonly reason: RegExp;
  /** Which of the ways out is tried; the first one unless told. */
  readonly way?: number;
}

const CASES: readonly Case[] = [
  {
    guard: 'widen',
    before: { orders: { ...AT('orders'), phone_numbers: [LINE] } },
    after: { orders: AT('orders') },
    name: 'orders',
    reason: /1 line → every line/,
  },
  {
    guard: 'deletes',
    before: { a: AT('a'), b: AT('b'), c: AT('c'), d: AT('d') },
    after: { a: AT('a') },
    name: 'b',
    reason: /3 deletes are more than/,
  },
  {
    guard: 'protected',
    before: { orders: AT('orders'), precious: { ...AT('precious'), lifecycle: { prevent_destroy: true } } },
    after: { orders: AT('orders') },
    name: 'precious',
    reason: /prevent_destroy/,
  },
  {
    guard: 'suspicious-list',
    before: { a: AT('a'), b: AT('b') },
    after: { a: AT('a'), b: AT('b') },
    act: deleteOwn,
    name: 'a',
    reason: /2 of 2 owned subscriptions are gone/,
  },
  {
    guard: 'account',
    before: { orders: AT('orders') },
    after: { orders: { ...AT('orders'), subscribed_events: ['message.sent'] } },
    act: ({ emulator }) => emulator.setLines(['+14155550100']),
    name: 'orders',
    reason: /the key may be of another one/,
  },
  {
    guard: 'drift',
    before: { orders: { ...AT('orders'), phone_numbers: 'all' } },
    after: { orders: { ...AT('orders'), phone_numbers: 'all' } },
    env: { LINQ_GITOPS_POLICY_DRIFT: 'report' },
    // Two guards at once: the command lets both through.
    act: ({ emulator }) => {
      emulator.external.patch(emulator.subscriptions().at(-1)!.id, { phone_numbers: [LINE] });
    },
    name: 'orders',
    reason: /changed outside/,
  },
  {
    guard: 'unowned',
    after: { crm: CRM },
    name: 'crm',
    reason: /is live at its URL/,
  },
  {
    guard: 'unowned',
    after: { crm: CRM },
    env: { LINQ_GITOPS_REPLACE_OVERLAP: '0s' },
    name: 'crm',
    reason: /is live at its URL/,
    way: 1,
  },
  {
    guard: 'ambiguous',
    after: { crm: CRM },
    act: ({ emulator, foreign }) => {
      const { id, ...crm } = foreign.find(({ target_url }) => target_url === CRM.target_url)!;
      emulator.external.add({ ...crm, signing_secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}` });
    },
    name: 'crm',
    reason: /2 subscriptions that are not ours/,
  },
  {
    guard: 'secret-loss',
    before: { orders: AT('orders') },
    after: { orders: AT('orders') },
    env: { LINQ_GITOPS_REPLACE_OVERLAP: '0s' },
    act: (stage) =>
      editRecord(stage, 'orders', ({ current }) => ({
        current: { ...(current as object), signing_secret: null },
      })),
    name: 'orders',
    reason: /secret is missing in the sink/,
  },
  {
    guard: 'stale-file',
    before: { orders: AT('orders') },
    after: { orders: { ...AT('orders'), subscribed_events: ['message.sent'] } },
    act: (stage) =>
      editRecord(stage, 'orders', ({ applied_from: from }) => ({
        applied_from: {
          ...(from as object),
          // Not so recently that it might still be under way.
          server_time: new Date(Date.now() - 10_000).toISOString(),
          holder: { host: 'elsewhere', boot: 'b', pid: 7, started: '1', mode: 'run' },
        },
      })),
    name: 'orders',
    reason: /process 7 on elsewhere applied it from another version of the file/,
  },
  {
    guard: 'depends',
    before: { orders: AT('orders'), billing: { ...AT('billing'), phone_numbers: [LINE] } },
    after: { orders: AT('billing'), billing: AT('new') },
    name: 'orders',
    reason: /it waits for "update billing", which is held/,
  },
];

test.each(CASES)('$guard: what explain prints lets $name through, as it is printed', async (scenario) => {
  const { before, after, act, env, guard, name, reason, way = 0 } = scenario;
  const stage = await openStage(env === undefined ? {} : { env });
  const settings = await putFile(stage, 'my settings.yaml', `subscriptions: ${stage.file}\n`);
  const flags = ['--config', settings];
  if (before) {
    await stage.declare(before);
    await runUntilDone(stage, ['sync', ...flags]);
  }
  await act?.(stage);
  await stage.declare(after);
  const { code, stdout } = await stage.run(['explain', name, ...flags]);
  expect(code).toBe(0);
  expect(stdout).toContain(`Held by ${guard}: `);
  expect(stdout).toMatch(reason);
  const commands = [...stdout.matchAll(/^ {8}(linq-gitops .*)$/gm)].map(([, command]) => command);
  const command = commands[way] ?? '';

  const crm = stage.foreign.find(({ target_url }) => target_url === CRM.target_url);
  const secret = await putFile(stage, 'given', crm?.signing_secret ?? '');
  const id = / --id (\S+) /.exec(command)?.[1];
  if (id !== undefined && id !== crm?.id) {
    const other = truthOf(stage.emulator).find((one) => one.id === id);
    await writeFile(secret, other?.signing_secret ?? '');
  }
  const printed = command.replace(' FILE', ` ${secret}`);
  const done = await stage.run(argvOf(printed).slice(1));
  expect(done.code, `${printed}\n${done.stdout}${done.stderr}`).toBe(0);
  const { overview } = await look(stage, ['status', ...flags], 0);
  expect(overview?.held, done.stdout).toEqual([]);
});

/** A printed command as a shell takes it apart: words, and words in quotes. */
function argvOf(command: string): readonly string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

test('url-taken, in-flight and record: explain says what a person can do', async () => {
  const stage = await openStage({
    entries: { orders: AT('orders'), billing: AT('billing'), support: AT('support') },
  });
  await runUntilDone(stage, ['sync']);
  await editRecord(stage, 'billing', () => ({
    intent: {
      marked_url: `${AT('billing').target_url}&linq_gitops=x.y`,
      deadline: '2999-01-01T00:00:00.000Z',
      holder: { host: 'elsewhere', boot: 'b', pid: 7, started: '1', mode: 'run' },
    },
  }));
  await editRecord(stage, 'support', () => ({ schema: 2 }));
  await stage.declare({
    orders: { ...AT('orders'), target_url: CRM.target_url },
    billing: AT('billing'),
    support: AT('support'),
  });
  const wayOf = async (name: string) => (await look(stage, ['explain', name], 0)).explanation?.held;
  expect(await wayOf('orders')).toMatchObject([{ guard: 'url-taken', ways_out: [{ command: null }] }]);
  expect(await wayOf('billing')).toMatchObject([{ guard: 'in-flight', ways_out: [{ command: null }] }]);
  expect(await wayOf('support')).toMatchObject([{ guard: 'record', ways_out: [{ command: null }] }]);
  const { stdout } = await stage.run(['explain', 'orders']);
  expect(stdout).toContain('free the URL, or choose another one for the entry');
});
