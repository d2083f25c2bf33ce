import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { SeedSubscription } from '../../src/emulator/seed.ts';
import { markUrl } from '../../src/domain/target-url.ts';
import { recordsOf } from '../support/account-checks.ts';
import { programCommands } from '../support/program-commands.ts';
import type { CliResult } from '../support/run-cli.ts';
import { LINES, openStage, putFile, truthOf, type Entries, type Stage } from '../support/stage.ts';

/*
 * An account as one finds it: fifteen subscriptions that a team made by hand, and five that belong to others, of the
 * kinds that other writers on an account leave: Linq's own client, an adapter that never deletes, a dashboard, another
 * installation of this program. Every command is run on it; the emulator's state and its log are the witnesses.
 */

const ADAPTER = 'https://bot.other-team.example/api/webhooks/linq?version=2026-02-03';
const TUNNEL = 'https://violet-otter.trycloudflare.com/api/webhooks/linq';

const FOREIGN: readonly (SeedSubscription & { readonly id: string })[] = [
  {
    id: '0b9f6a52-0000-4000-8000-000000000001',
    target_url: 'https://webhook.linqapp.com/relay/5d2a1c90-7d0e-4a55-9a55-1f0c8f7f6b11',
    subscribed_events: ['message.received', 'message.sent', 'reaction.added'],
    created_at: '2026-09-01T14:20:05Z',
  },
  {
    id: '0b9f6a52-0000-4000-8000-000000000002',
    target_url: ADAPTER,
    subscribed_events: ['message.received'],
    created_at: '2026-02-11T08:00:00Z',
  },
  {
    id: '0b9f6a52-0000-4000-8000-000000000003',
    target_url: ADAPTER,
    subscribed_events: ['message.received', 'message.read'],
    phone_numbers: [LINES[0]],
    is_active: false,
    created_at: '2026-02-12T08:00:00Z',
  },
  {
    id: '0b9f6a52-0000-4000-8000-000000000004',
    target_url: TUNNEL,
    subscribed_events: ['message.received'],
    phone_numbers: [LINES[1], LINES[2]],
    is_active: false,
    routing_key_header: 'X-Key',
    created_at: '2026-04-01T12:00:00Z',
  },
  {
    id: '0b9f6a52-0000-4000-8000-000000000005',
    target_url: markUrl(
      'https://hooks.example.com/linq?line=line1&version=2026-02-03',
      'another0installation.abc',
    ),
    subscribed_events: ['message.received'],
    created_at: '2026-05-01T12:00:00Z',
  },
];

/** Names of the fifteen, in the order of their making. */
const NAMES = Array.from({ length: 15 }, (_, index) => `line${index + 1}`);

function handMade(name: string, index: number): SeedSubscription & { readonly id: string } {
  return {
    id: `7c1d2e3f-0000-4000-8000-${String(index + 1).padStart(12, '0')}`,
    target_url: `https://hooks.example.com/linq?line=${name}&version=2026-02-03`,
    subscribed_events: index % 2 === 0 ? ['message.received'] : ['message.received', 'message.failed'],
    ...(index % 4 === 1 && { phone_numbers: [LINES[index % 3]!] }),
    is_active: index !== 14,
    created_at: new Date(Date.parse('2026-03-01T00:00:00Z') + index * 86_400_000).toISOString(),
  };
}

const HAND_MADE = NAMES.map(handMade);

/** What the file says of the fifteen. */
const ENTRIES: Entries = Object.fromEntries(
  HAND_MADE.map(({ target_url, subscribed_events, phone_numbers }, index) => [
    NAMES[index]!,
    { target_url, subscribed_events, ...(phone_numbers !== undefined && { phone_numbers }) },
  ]),
);

/** Entries that would like to have what belongs to others. */
const GREEDY: Entries = {
  adapter: { target_url: ADAPTER, subscribed_events: ['message.received'] },
  tunnel: { target_url: TUNNEL, subscribed_events: ['message.received'] },
};

interface Step {
  readonly argv: readonly string[];
  readonly code: number;
  /** What is done before. */
  readonly prepare?: (stage: Stage) => Promise<unknown>;
  /** In place of a run to its end. */
  readonly run?: (stage: Stage, argv: readonly string[]) => Promise<CliResult>;
}

const [RELAY, DUPLICATE, , INACTIVE, MARKED] = FOREIGN.map(({ id }) => id);

const THERE = 'secrets: { file: { directory: ./there, ephemeral: true } }\n';

/** In this order. A command that is added to the program is added here. */
const STEPS: readonly Step[] = [
  { argv: ['validate'], code: 0 },
  { argv: ['import'], code: 0 },
  { argv: ['events'], code: 0 },
  { argv: ['plan'], code: 3 },
  { argv: ['sync'], code: 3 },
  { argv: ['adopt', ...NAMES.slice(0, 10), '--secret-dir', 'given'], code: 0, prepare: giveSecrets },
  { argv: ['adopt', 'adapter', '--replace'], code: 3 },
  { argv: ['adopt', 'line12', '--replace', '--id', RELAY!], code: 3 },
  { argv: ['adopt', 'line12', '--replace', '--id', MARKED!], code: 3 },
  { argv: ['adopt', 'adapter', '--secret-file', 'given/line1', '--id', MARKED!], code: 3 },
  // It is consented to, and its filter is not: that would be every line's events.
  { argv: ['adopt', 'tunnel', '--replace', '--id', INACTIVE!], code: 3 },
  // Another one has the URL, and stays.
  { argv: ['adopt', 'adapter', '--replace', '--id', DUPLICATE!], code: 3 },
  { argv: ['adopt', ...NAMES.slice(10), '--replace', '--wait'], code: 0 },
  { argv: ['sync'], code: 3 },
  { argv: ['rotate', 'line1'], code: 0 },
  { argv: ['rotate', 'line2', '--compromised'], code: 0 },
  { argv: ['rotate', 'line3', '--abort'], code: 0 },
  { argv: ['rotate', 'adapter', 'tunnel'], code: 3 },
  { argv: ['rotate', '--older-than', '30d', '--wait'], code: 0 },
  { argv: ['status'], code: 0 },
  { argv: ['explain', 'line1'], code: 0 },
  { argv: ['explain', RELAY!], code: 0 },
  { argv: ['pause'], code: 0 },
  { argv: ['sync'], code: 3 },
  { argv: ['resume'], code: 0 },
  { argv: ['release', 'line4', '--secret-dir', 'kept'], code: 0 },
  { argv: ['adopt', 'line4', '--secret-dir', 'kept'], code: 0 },
  { argv: ['secret', 'line1'], code: 0 },
  { argv: ['secret', 'adapter'], code: 1 },
  { argv: ['sync'], code: 3, prepare: (stage) => stage.declare({ ...shrunk(), ...GREEDY }) },
  { argv: ['sync', '--allow', 'widen', '--allow', 'deletes'], code: 3 },
  { argv: ['run'], code: 0, run: runAWhile },
  { argv: ['emulate'], code: 0, run: emulateAWhile },
  { argv: ['demo'], code: 0 },
  {
    argv: ['move-records', '--to', 'there.yaml'],
    code: 0,
    prepare: (stage) => putFile(stage, 'there.yaml', THERE),
  },
  { argv: ['sync'], code: 3 },
  { argv: ['sync', '--config', 'there.yaml', '--allow', 'deletes'], code: 3 },
  // Without its records everything is foreign.
  { argv: ['sync'], code: 3, prepare: (stage) => rm(stage.sinkDir, { recursive: true }) },
];

/** Fewer entries, others changed: updates, moves and deletes. */
function shrunk(): Entries {
  const left = Object.entries(ENTRIES).slice(0, 12);
  return Object.fromEntries(
    left.map(([name, fields]) => [
      name,
      { ...fields, subscribed_events: ['message.sent'], phone_numbers: 'all' },
    ]),
  );
}

async function giveSecrets(stage: Stage): Promise<void> {
  for (const [index, { id }] of HAND_MADE.entries()) {
    const secret = truthOf(stage.emulator).find((one) => one.id === id)?.signing_secret;
    await putFile(stage, `given/${NAMES[index]!}`, secret ?? '');
  }
}

async function runAWhile(stage: Stage, argv: readonly string[]): Promise<CliResult> {
  const running = stage.start(argv, { env: { LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0' } });
  await running.said('"held"');
  running.kill('SIGTERM');
  return running.done;
}

async function emulateAWhile(stage: Stage, argv: readonly string[]): Promise<CliResult> {
  const running = stage.start(argv);
  await running.said('Ctrl-C');
  running.kill('SIGTERM');
  return running.done;
}

test('I3: whatever command is run, five foreign subscriptions among twenty are byte for byte what they were', async () => {
  const stage = await openStage({
    seed: { subscriptions: [...HAND_MADE, ...FOREIGN], lines: [...LINES] },
    switches: { allowDuplicates: true },
    entries: { ...ENTRIES, ...GREEDY },
    env: { LINQ_GITOPS_REPLACE_OVERLAP: '0s' },
  });
  const ids = new Set(FOREIGN.map(({ id }) => id));
  const foreignNow = (): string =>
    JSON.stringify(truthOf(stage.emulator).filter(({ id }) => ids.has(id ?? '')));
  const before = foreignNow();
  expect(truthOf(stage.emulator)).toHaveLength(20);
  for (const { argv, code, prepare, run } of STEPS) {
    await prepare?.(stage);
    const result = await (run ?? runToItsEnd)(stage, argv);
    const title = `linq-gitops ${argv.join(' ')}`;
    expect(result.code, `${title}\n${result.stdout}${result.stderr}`).toBe(code);
    expect(foreignNow(), title).toBe(before);
    if (argv.includes('--older-than')) await checkAllManaged(stage);
  }
  const writes = stage.emulator.requests.filter(({ method }) => method !== 'GET');
  expect(writes.length, 'there was something to witness').toBeGreaterThan(20);
  expect(writes.filter(({ id }) => id !== null && ids.has(id))).toEqual([]);
});

test('every command of the program is run on that account', () => {
  const commands = programCommands().map((command) => command.name());
  expect([...new Set(STEPS.map(({ argv }) => argv[0]))].sort()).toEqual([...commands].sort());
});

function runToItsEnd(stage: Stage, argv: readonly string[]): Promise<CliResult> {
  return stage.run(argv);
}

/** After all that, each of the fifteen is managed, and has the secret that Linq signs with. */
async function checkAllManaged(stage: Stage): Promise<void> {
  const records = await recordsOf(stage);
  expect([...records.keys()].sort()).toEqual([...NAMES].sort());
  const live = new Map(truthOf(stage.emulator).map((one) => [one.id, one]));
  for (const { name, current } of records.values()) {
    const own = live.get(current?.subscription_id);
    expect(own?.target_url, name).toBe(ENTRIES[name]?.['target_url']);
    expect(own?.signing_secret, name).toBe(current?.signing_secret?.reveal());
    expect(own?.is_active, name).toBe(name !== 'line15');
  }
}
