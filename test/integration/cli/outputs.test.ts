import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { programCommands } from '../../support/program-commands.ts';
import { runHere, type HereResult } from '../../support/run-here.ts';
import { openStage, putFile, truthOf, type Entries, type Stage } from '../../support/stage.ts';

/*
 * What a person reads, as files to be read again when they change: UPDATE_FIXTURES=1 writes them anew.
 */

const FIXTURES = fileURLToPath(new URL('../../fixtures/output/', import.meta.url));
const COLUMNS = 80;

const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received', 'message.failed'],
});
const CRM = {
  target_url: 'https://crm.example.net/hooks/linq?version=2025-01-01',
  subscribed_events: ['message.received', 'message.failed'],
  phone_numbers: ['+12025550103'],
};

interface Scene {
  /** The name of its file. */
  readonly name: string;
  /** The last one is what is shown. */
  readonly argv: readonly (readonly string[])[];
  readonly entries?: Entries;
  /** What is done before the last command line. */
  readonly act?: (stage: Stage) => unknown;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** At least one for each command; what has been added to the program is added here. */
const SCENES: readonly Scene[] = [
  { name: 'validate', argv: [['validate']], entries: { orders: AT('orders') } },
  {
    name: 'validate-bad',
    argv: [['validate']],
    entries: {
      Orders: { ...AT('orders'), target_urls: 'x', phone_numbers: [] },
      crm: { target_url: 'http://a.example/' },
    },
  },
  { name: 'plan', argv: [['plan']], entries: { orders: AT('orders'), crm: CRM } },
  { name: 'plan-nothing', argv: [['sync'], ['plan']], entries: { orders: AT('orders') } },
  {
    name: 'plan-changes',
    argv: [['sync'], ['plan']],
    entries: {
      orders: { ...AT('orders'), phone_numbers: ['+12025550101'] },
      support: AT('support'),
      billing: AT('billing'),
      legacy: AT('legacy'),
    },
    act: (stage) =>
      stage.declare({
        orders: AT('orders'),
        support: { ...AT('help'), subscribed_events: ['message.received', 'reaction.added'] },
        invoices: { ...AT('billing'), previously: ['billing'] },
      }),
  },
  {
    name: 'plan-ambiguous',
    argv: [['plan']],
    entries: { crm: CRM },
    act: ({ emulator }) => emulator.external.add(CRM),
  },
  { name: 'sync', argv: [['sync']], entries: { orders: AT('orders'), support: AT('support') } },
  { name: 'sync-held', argv: [['sync']], entries: { orders: AT('orders'), crm: CRM } },
  {
    name: 'sync-failed',
    argv: [['sync']],
    entries: { orders: { ...AT('orders'), phone_numbers: ['+19995550100'] } },
  },
  {
    name: 'sync-waiting',
    argv: [['adopt', 'crm', '--replace'], ['sync']],
    entries: { crm: CRM },
  },
  {
    name: 'sync-refused',
    argv: [['sync', '--expect-plan', '0123456789ab']],
    entries: { orders: AT('orders') },
  },
  { name: 'sync-no-file', argv: [['sync']] },
  {
    name: 'sync-no-key',
    argv: [['sync']],
    entries: { orders: AT('orders') },
    env: { LINQ_API_V3_API_KEY: undefined },
  },
  {
    name: 'sync-wrong-key',
    argv: [['sync']],
    entries: { orders: AT('orders') },
    env: { LINQ_API_V3_API_KEY: 'wrong' },
  },
  {
    name: 'sync-ephemeral',
    argv: [['sync']],
    entries: { orders: AT('orders') },
    env: { LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: undefined, CI: 'true' },
  },
  { name: 'rotate', argv: [['sync'], ['rotate', 'orders']], entries: { orders: AT('orders') } },
  { name: 'rotate-unknown', argv: [['sync'], ['rotate', 'order']], entries: { orders: AT('orders') } },
  { name: 'import', argv: [['import']] },
  { name: 'adopt', argv: [['adopt', '--secret-dir', 'given']], entries: { crm: CRM }, act: giveSecret },
  {
    name: 'adopt-refused',
    argv: [['sync'], ['adopt', 'crm', 'orders', '--secret-dir', 'given']],
    entries: { crm: CRM, orders: AT('orders') },
    act: giveSecret,
  },
  { name: 'adopt-replace', argv: [['adopt', 'crm', '--replace']], entries: { crm: CRM } },
  {
    name: 'adopt-replace-refused',
    argv: [['sync'], ['adopt', 'orders', '--replace']],
    entries: { orders: AT('orders') },
  },
  {
    name: 'secret',
    argv: [['sync'], ['secret', 'orders', '--format', 'env']],
    entries: { orders: AT('orders') },
  },
  { name: 'secret-unknown', argv: [['sync'], ['secret', 'order']], entries: { orders: AT('orders') } },
  { name: 'events', argv: [['events']] },
  {
    name: 'status',
    argv: [['sync'], ['status']],
    entries: { orders: AT('orders'), support: AT('support'), crm: CRM },
  },
  { name: 'status-unknown', argv: [['sync'], ['status', 'order']], entries: { orders: AT('orders') } },
  {
    name: 'explain',
    argv: [['sync'], ['explain', 'orders']],
    entries: { orders: { ...AT('orders'), phone_numbers: ['+12025550101'] } },
    act: (stage) => stage.declare({ orders: AT('orders') }),
  },
  { name: 'explain-unowned', argv: [['explain', 'crm']], entries: { crm: CRM } },
  {
    name: 'pause',
    argv: [['sync'], ['pause', 'orders', '--for', '2h']],
    entries: { orders: AT('orders') },
  },
  { name: 'pause-unknown', argv: [['sync'], ['pause', 'order']], entries: { orders: AT('orders') } },
  {
    name: 'plan-paused',
    argv: [['sync'], ['pause'], ['plan']],
    entries: { orders: AT('orders') },
    act: (stage) => stage.declare({ orders: { ...AT('orders'), subscribed_events: ['message.sent'] } }),
  },
  { name: 'resume', argv: [['sync'], ['pause', 'orders'], ['resume']], entries: { orders: AT('orders') } },
  {
    name: 'release',
    argv: [['sync'], ['release', 'orders', '--secret-dir', 'kept']],
    entries: { orders: AT('orders') },
  },
  {
    name: 'release-refused',
    argv: [['sync'], ['release', 'order', '--discard-secret']],
    entries: { orders: AT('orders') },
  },
  {
    name: 'move-records',
    argv: [['sync'], ['move-records', '--to', 'there.yaml']],
    entries: { orders: AT('orders') },
    act: (stage) =>
      putFile(stage, 'there.yaml', 'secrets: { file: { directory: ./there, ephemeral: true } }\n'),
  },
  {
    name: 'plan-retire',
    argv: [['sync'], ['plan']],
    entries: { orders: AT('orders'), legacy: AT('legacy') },
    env: { LINQ_GITOPS_POLICY_RETIRE: '24h' },
    act: (stage) => stage.declare({ orders: AT('orders') }),
  },
  {
    name: 'emulate-bad',
    argv: [['emulate', '--seed', 'seed.json']],
    act: (stage) => putFile(stage, 'seed.json', '{"subscriptions": 1}'),
  },
  { name: 'demo-bad', argv: [['demo', '--sink', 'vault']] },
  { name: 'run-bad', argv: [['run']], env: { LINQ_GITOPS_DAEMON_INTERVAL: 'often' } },
];

const USAGE: readonly (readonly string[])[] = [
  [],
  ['snyc'],
  ['sync', '--dry-rum'],
  ['sync', '--dry'],
  ['sync', 'extra'],
  ['sync', '--format', 'xml'],
  ['sync', '--allow', 'widne:orders'],
  ['sync', '--allow', 'unknown-guard'],
  ['sync', '--expect-plan', '12'],
  ['rotate'],
  ['rotate', 'orders', '--abort', '--compromised'],
  ['rotate', '--older-than', 'soon'],
  ['adopt', 'orders'],
  ['adopt', '--replace'],
  ['adopt', 'orders', '--replace', '--secret-file', 'x'],
  ['adopt', 'orders', 'support', '--replace', '--id', 'x'],
  ['adopt', 'orders', '--secret-file', 'x', '--wait'],
  ['secret'],
  ['secret', ''],
  ['explain'],
  ['pause', 'orders', '--for', 'ever'],
  ['release', 'orders'],
  ['release', 'orders', '--secret-dir', 'x', '--discard-secret'],
  ['move-records'],
  ['emulate', '--port', '70000'],
  ['demo', '--sink', 'cloud'],
];

async function giveSecret(stage: Stage): Promise<void> {
  const crm = truthOf(stage.emulator).find(({ target_url }) => target_url === CRM.target_url);
  await putFile(stage, 'given/crm', crm?.signing_secret ?? '');
  await putFile(stage, 'given/orders', crm?.signing_secret ?? '');
}

/** So that paths are shown as from a person's own folder, whatever that is called. */
function enter({ folder }: Stage): void {
  const before = process.cwd();
  process.chdir(folder);
  onTestFinished(() => process.chdir(before));
}

/** Without what is different every time. */
function normal(text: string, stage?: Stage): string {
  const known = stage === undefined ? text : text.replaceAll(stage.folder, '<folder>');
  return (
    known
      .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<id>')
      .replaceAll(/whsec_[A-Za-z0-9+/]{43}=/g, '<secret>')
      .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\b/g, '<time>')
      .replaceAll(/\b[0-9a-f]{32}\b/g, '<trace>')
      // Wrapped or not: how long it is, the machine says.
      .replaceAll(
        /by[\s|]+process[\s|]+\d+[\s|]+on[\s|]+[^\s,]+,[\s|]+content[\s|]+[0-9a-f]{12}/g,
        'by process <pid> on <host>, content <hash>',
      )
      .replaceAll(/\bplan [0-9a-f]{12}\b/g, 'plan <plan>')
      .replaceAll(/\bplan is [0-9a-f]{12}\b/g, 'plan is <plan>')
      .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:<port>')
  );
}

function page(argv: readonly string[], { code, stdout, stderr }: HereResult): string {
  const words = argv.map((word) => (word === '' ? "''" : word));
  const parts = [
    ['linq-gitops', ...words].join(' '),
    ...(stdout === '' ? [] : [`stdout:\n${indented(stdout)}`]),
    ...(stderr === '' ? [] : [`stderr:\n${indented(stderr)}`]),
    `exit code: ${code}`,
  ];
  return `${parts.join('\n\n')}\n`;
}

/** So that a line that is empty, or ends in blanks, is seen as it is. */
function indented(text: string): string {
  return text.replace(/\n$/, '').replace(/^/gm, '| ');
}

function expectPage(name: string, text: string): void {
  const path = `${FIXTURES}${name}.txt`;
  mkdirSync(FIXTURES, { recursive: true });
  if (process.env['UPDATE_FIXTURES'] === '1') writeFileSync(path, text);
  expect(existsSync(path), `${name}: UPDATE_FIXTURES=1 writes it`).toBe(true);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

/**
 * No line is wider than the terminal, but for values (URLs, ids, paths), which are not broken, and a problem with its
 * place, which is one line so that editors can read it.
 */
function expectNarrow(text: string): void {
  for (const line of text.split('\n')) {
    if (/^(?:[^ ]+:\d+:\d+|LINQ_[A-Z_]+): /.test(line)) continue;
    const words = line.split(' ').filter((word) => word.length <= 30);
    expect(words.join(' ').length, line).toBeLessThanOrEqual(COLUMNS);
  }
}

test('every command has its help, and at least one output, as a file; and every file belongs to one', () => {
  const commands = programCommands().map((command) => command.name());
  expect([...new Set(SCENES.map(({ argv }) => argv.at(-1)?.[0]))].sort()).toEqual([...commands].sort());
  const pages = [
    ...['help', 'usage-errors'],
    ...commands.map((name) => `help-${name}`),
    ...SCENES.map(({ name }) => name),
  ];
  expect(readdirSync(FIXTURES).sort()).toEqual(pages.map((name) => `${name}.txt`).sort());
});

test('help reads as it is written down', async () => {
  const stage = await openStage();
  for (const name of ['', ...programCommands().map((command) => command.name())]) {
    const argv = name === '' ? ['--help'] : [name, '--help'];
    const result = await runHere(argv, stage, COLUMNS);
    expectNarrow(result.stdout);
    expectPage(name === '' ? 'help' : `help-${name}`, page(argv, result));
  }
});

test('usage errors read as they are written down, and point to what is right', async () => {
  const stage = await openStage({ entries: { orders: AT('orders') } });
  const pages: string[] = [];
  for (const argv of USAGE) {
    const result = await runHere(argv, stage, COLUMNS);
    expect(result, argv.join(' ')).toMatchObject({ code: 64, stdout: '' });
    expectNarrow(result.stderr);
    pages.push(page(argv, result));
  }
  expectPage('usage-errors', pages.join('\n'));
  expect(stage.emulator.requests).toEqual([]);
});

test.each(SCENES)(
  'the output of $name reads as it is written down',
  async ({ name, argv, entries, act, env }) => {
    const stage = await openStage({ ...(entries && { entries }), ...(env && { env }) });
    enter(stage);
    for (const line of argv.slice(0, -1)) await runHere(line, stage, COLUMNS);
    await act?.(stage);
    const shown = argv.at(-1) ?? [];
    const result = await runHere(shown, stage, COLUMNS);
    expectNarrow(result.stdout);
    expectNarrow(result.stderr);
    expectPage(name, normal(page(shown, result), stage));
  },
);
