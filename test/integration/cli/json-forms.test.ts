import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { programCommands } from '../../support/program-commands.ts';
import type { CliResult } from '../../support/run-cli.ts';
import { openStage, putFile, runUntilDone, type Entries, type Stage } from '../../support/stage.ts';

const SCHEMAS = new URL('../../../schema/', import.meta.url);
const ORDERS = {
  target_url: 'https://hooks.example.com/orders?version=2026-02-03',
  subscribed_events: ['message.received'],
};
const CRM = {
  target_url: 'https://crm.example.net/hooks/linq?version=2025-01-01',
  subscribed_events: ['message.received', 'message.failed'],
  phone_numbers: ['+12025550103'],
};
const JSON_FORM = ['--format', 'json'];

/** A command, with a run that comes to its end and one that fails; both for real. */
interface Form {
  readonly command: string;
  /** Where a command has several forms. */
  readonly with?: string;
  /** In `schema/`. */
  readonly schema: string;
  readonly entries?: Entries;
  /** The entries are synced first. */
  readonly isSynced?: boolean;
  readonly good: readonly string[] | ((stage: Stage) => Promise<Printed>);
  readonly bad: readonly string[] | ((stage: Stage) => Promise<Printed>);
  readonly badCode: number;
}

interface Printed {
  readonly stdout: string;
  readonly code: number | null;
}

/** Every command has at least one line here; what has been added to the program is added here. */
const FORMS: readonly Form[] = [
  ...['sync', 'plan'].map((command) => ({
    command,
    schema: 'plan',
    entries: { orders: ORDERS },
    good: [command],
    bad: [command, '--config', 'missing.yaml'],
    badCode: 78,
  })),
  {
    command: 'rotate',
    schema: 'plan',
    entries: { orders: ORDERS },
    isSynced: true,
    good: ['rotate', 'orders'],
    bad: ['rotate', 'ordres'],
    badCode: 3,
  },
  {
    command: 'adopt',
    with: '--replace',
    schema: 'plan',
    entries: { crm: CRM, orders: ORDERS },
    good: ['adopt', 'crm', '--replace'],
    bad: ['adopt', 'orders', '--replace'],
    badCode: 3,
  },
  {
    command: 'adopt',
    with: '--secret-file',
    schema: 'output/adopt',
    entries: { crm: CRM, orders: ORDERS },
    good: async (stage) => {
      const crm = stage.foreign.find(({ target_url }) => target_url === CRM.target_url);
      const file = await putFile(stage, 'given/crm', crm?.signing_secret ?? '');
      return stage.run(['adopt', 'crm', '--secret-file', file, ...JSON_FORM]);
    },
    bad: async (stage) => {
      const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
      await putFile(stage, 'given/crm', secret);
      await putFile(stage, 'given/orders', secret);
      return stage.run(['adopt', '--secret-dir', 'given', ...JSON_FORM]);
    },
    badCode: 3,
  },
  {
    command: 'validate',
    schema: 'output/validate',
    entries: { orders: ORDERS },
    good: ['validate'],
    bad: ['validate', 'subscriptions.yaml', 'missing.yaml'],
    badCode: 78,
  },
  {
    command: 'import',
    schema: 'output/import',
    good: ['import'],
    bad: ['import', '--config', 'missing.yaml'],
    badCode: 78,
  },
  {
    command: 'secret',
    schema: 'output/secret',
    entries: { orders: ORDERS },
    isSynced: true,
    good: ['secret', 'orders'],
    bad: ['secret', 'ordres'],
    badCode: 1,
  },
  {
    command: 'events',
    schema: 'output/events',
    good: ['events'],
    bad: async (stage) => {
      stage.emulator.addFault({ match: {}, times: 'always', action: { kind: 'status', status: 403 } });
      return stage.run(['events', ...JSON_FORM]);
    },
    badCode: 1,
  },
  {
    command: 'emulate',
    schema: 'output/emulate',
    good: async (stage) => {
      const running = stage.start(['emulate', ...JSON_FORM]);
      await running.said('Ctrl-C');
      running.kill('SIGTERM');
      return running.done;
    },
    bad: ['emulate', '--seed', 'missing.json'],
    badCode: 78,
  },
  {
    command: 'demo',
    schema: 'output/demo',
    good: ['demo'],
    bad: ['demo', '--sink', 'vault'],
    badCode: 78,
  },
  {
    command: 'status',
    schema: 'output/status',
    entries: { orders: ORDERS },
    isSynced: true,
    good: ['status'],
    bad: ['status', 'ordres'],
    badCode: 3,
  },
  {
    command: 'explain',
    schema: 'output/explain',
    entries: { orders: ORDERS },
    isSynced: true,
    good: ['explain', 'orders'],
    bad: ['explain', 'ordres'],
    badCode: 3,
  },
  {
    command: 'pause',
    schema: 'output/pause',
    entries: { orders: ORDERS },
    isSynced: true,
    good: ['pause', 'orders', '--for', '2h'],
    bad: ['pause', 'ordres'],
    badCode: 3,
  },
  {
    command: 'resume',
    schema: 'output/resume',
    entries: { orders: ORDERS },
    isSynced: true,
    good: async (stage) => {
      await stage.run(['pause', 'orders']);
      return stage.run(['resume', 'orders', ...JSON_FORM]);
    },
    bad: ['resume', '--config', 'missing.yaml'],
    badCode: 78,
  },
  {
    command: 'release',
    schema: 'output/release',
    entries: { orders: ORDERS },
    isSynced: true,
    good: ['release', 'orders', '--secret-dir', 'kept'],
    bad: ['release', 'ordres', '--secret-dir', 'kept'],
    badCode: 3,
  },
  {
    command: 'move-records',
    schema: 'output/move-records',
    entries: { orders: ORDERS },
    isSynced: true,
    good: async (stage) => {
      await putFile(stage, 'there.yaml', 'secrets: { file: { directory: ./there, ephemeral: true } }\n');
      return stage.run(['move-records', '--to', 'there.yaml', ...JSON_FORM]);
    },
    bad: ['move-records', '--to', 'missing.yaml'],
    badCode: 78,
  },
  {
    command: 'run',
    schema: 'output/run',
    entries: { orders: ORDERS },
    good: statusOf,
    bad: async (stage) => {
      await putFile(stage, 'subscriptions.yaml', 'version: 1\nsubscriptions: {orders: 1}\n');
      return statusOf(stage);
    },
    badCode: 0,
  },
];

/** What `/status` of a daemon answers after its first look at the file; its log is JSON lines. */
async function statusOf(stage: Stage): Promise<Printed> {
  const port = await freePort();
  const running = stage.start(['run'], { env: { LINQ_GITOPS_DAEMON_LISTEN: `127.0.0.1:${port}` } });
  await Promise.race([
    running.said('"pass_ended"'),
    running.said('"config_bad"'),
    running.said('"operation_done"'),
  ]);
  const answer = await fetch(`http://127.0.0.1:${port}/status`);
  const stdout = await answer.text();
  running.kill('SIGTERM');
  const { code, stderr } = await running.done;
  for (const line of stderr.trimEnd().split('\n'))
    expect((): unknown => JSON.parse(line), line).not.toThrow();
  return { stdout, code };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function schemaOf(name: string): ValidateFunction {
  const text = readFileSync(new URL(`${name}.schema.json`, SCHEMAS), 'utf8');
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });
  return ajv.compile(JSON.parse(text) as object);
}

function play(stage: Stage, run: Form['good']): Promise<Pick<CliResult, 'stdout' | 'code'>> {
  return typeof run === 'function' ? run(stage) : stage.run([...run, ...JSON_FORM]);
}

test('every command has a JSON form in this table, and every schema of an output is in use', () => {
  const commands = programCommands().map((command) => command.name());
  expect([...new Set(FORMS.map(({ command }) => command))].sort()).toEqual([...commands].sort());
  const files = readdirSync(new URL('output/', SCHEMAS)).map((name) => `output/${name.split('.')[0] ?? ''}`);
  const used = FORMS.map(({ schema }) => schema).filter((schema) => schema.startsWith('output/'));
  expect([...new Set(used)].sort()).toEqual(files.sort());
});

test.each(FORMS)(
  '$command $with prints one document that its schema describes, also where it fails',
  async (form) => {
    const { entries, isSynced, good, bad, badCode } = form;
    const validate = schemaOf(form.schema);
    for (const [run, code] of [
      [good, 0],
      [bad, badCode],
    ] as const) {
      const stage = await openStage(entries === undefined ? {} : { entries });
      if (isSynced === true) await runUntilDone(stage, ['sync']);
      const result = await play(stage, run);
      expect(result.code, result.stdout).toBe(code);
      const document: unknown = JSON.parse(result.stdout);
      validate(document);
      expect(validate.errors ?? [], result.stdout).toEqual([]);
      expect(Object.keys(document as object)[0]).toBe('format_version');
      expect(result.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
  },
);

test('the subscriptions file that import prints in its JSON form is valid', async () => {
  const stage = await openStage();
  const { stdout } = await stage.run(['import', ...JSON_FORM]);
  const { subscriptions_file } = JSON.parse(stdout) as { subscriptions_file: unknown };
  await putFile(stage, 'subscriptions.yaml', JSON.stringify(subscriptions_file));
  expect(await stage.run(['validate'])).toMatchObject({ code: 0, stderr: '' });
});

test('a usage error prints nothing on stdout in the JSON form either', async () => {
  const stage = await openStage({ entries: { orders: ORDERS } });
  for (const argv of [['adopt', 'orders'], ['secret'], ['events', '--bad'], ['rotate']])
    expect(await stage.run([...argv, ...JSON_FORM]), argv.join(' ')).toMatchObject({ code: 64, stdout: '' });
});
