import { mkdir, mkdtemp, readFile, rm, cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmulatedSubscription } from '../../src/emulator/account.ts';
import { startEmulator, type Emulator } from '../../src/emulator/emulator.ts';
import type { FaultHandle } from '../../src/emulator/faults.ts';
import { exampleSeed } from '../../src/emulator/seed.ts';
import { openFileReader } from '../../src/secrets/file/file-sink.ts';
import type { SecretReader } from '../../src/secrets/sink.ts';
import type { Random } from '../simulation/model-random.ts';
import { deliveries } from '../support/deliveries.ts';
import { startFakeVault, type FakeVault } from '../support/fake-vault/fake-vault.ts';
import { sinkAt } from '../support/stage-sinks/vault-sink-at.ts';
import { layOut, type Declared, type DeclaredEntry } from './declared.ts';
import { makePrograms, type Programs } from './programs.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';
import type { Tally } from './tally.ts';

export type SinkChoice = 'file' | 'vault';

/** `api.timeout` of every process; a request lands within four of them. */
export const TIMEOUT_MS = 1_000;

interface Violation {
  readonly invariant: string;
  readonly what: string;
}

/** What happened in an epoch that makes an undeclared `is_active` a matter of taste. */
interface Excuses {
  deactivated: boolean;
  stoodStill: boolean;
}

/** An account, a file, a sink, and the processes that bring them together. */
export interface ChaosWorld {
  readonly folder: string;
  readonly emulator: Emulator;
  readonly vault: FakeVault | null;
  /** Where the file sink is, where one can be had. */
  readonly disk: SmallDisk | null;
  readonly sinkDir: string;
  readonly exportDir: string | null;
  readonly reader: () => SecretReader;
  readonly programs: Programs;
  /** Of this epoch. */
  declared: Declared;
  retire: string;
  readonly excuses: Excuses;
  /** What is not ours, as the outsider last made it, by id. */
  readonly foreign: Map<string, string>;
  /** Was foreign; a command has asked for it. */
  readonly consented: Map<string, string>;
  /** Ids of current subscriptions when the account was last at rest, by name. */
  resting: ReadonlyMap<string, string>;
  /** So that no name is given twice. */
  names: number;
  /** Ahead of the machine's clock. */
  clockShift: number;
  /** Of this epoch, to be counted by what they hit. */
  readonly apiFaults: FaultHandle[];
  readonly tally: Tally;
  readonly violations: Violation[];
  readonly history: string[];
  readonly note: (text: string) => void;
  readonly violate: (invariant: string, what: string) => void;
  beginEpoch(random: Random): Promise<void>;
  /** Keeps the folder where something was violated. */
  close(): Promise<void>;
}

/** Opens an account with what is Linq's own and a stranger's in it, and an empty sink. */
export async function openWorld(sink: SinkChoice, random: Random, tally: Tally): Promise<ChaosWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'linq-gitops-chaos-'));
  const emulator = await startEmulator({ seed: exampleSeed() });
  const begun = Date.now();
  const vault = sink === 'vault' ? await startFakeVault() : null;
  const place =
    vault && (await sinkAt({ address: vault.url, rootToken: vault.rootToken, mount: 'secret' }, 'linq'));
  const disk = sink === 'file' ? mountSmallDisk(join(folder, 'disk')) : null;
  const sinkDir = join(disk?.directory ?? folder, 'secrets');
  const exportDir = random.chance(0.5) ? join(folder, 'receiver') : null;
  const history: string[] = [];
  const violations: Violation[] = [];
  const note = (text: string): void =>
    void history.push(`${((Date.now() - begun) / 1_000).toFixed(3).padStart(8)}  ${text}`);
  const violate = (invariant: string, what: string): void => {
    note(`VIOLATION of ${invariant}: ${what.split('\n')[0] ?? ''}`);
    violations.push({ invariant, what });
  };
  const env = (): Readonly<Record<string, string>> => ({
    LINQ_API_V3_BASE_URL: emulator.url,
    LINQ_API_V3_API_KEY: emulator.apiKey,
    LINQ_GITOPS_SUBSCRIPTIONS: world.declared.path,
    LINQ_GITOPS_API_TIMEOUT: `${TIMEOUT_MS}ms`,
    LINQ_GITOPS_SECRETS_STORE_TIMEOUT: '4s',
    LINQ_GITOPS_POLICY_RETIRE: world.retire,
    LINQ_GITOPS_REPLACE_OVERLAP: '1ms',
    LINQ_GITOPS_REPLACE_KEEP_PREVIOUS: '5s',
    LINQ_GITOPS_DAEMON_INTERVAL: '2s',
    LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0',
    ...(exportDir !== null && { LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY: exportDir }),
    ...(place === null
      ? { LINQ_GITOPS_SECRETS_FILE_DIRECTORY: sinkDir }
      : { ...place.env, LINQ_GITOPS_SECRETS_VAULT_TIMEOUT: '1s' }),
  });
  const secrets = [emulator.apiKey, ...(place === null ? [] : [place.env['VAULT_TOKEN'] ?? ''])];
  const world: ChaosWorld = {
    ...{ folder, emulator, vault, disk, sinkDir, exportDir, tally, violations, history, note, violate },
    reader:
      place === null
        ? () => openFileReader({ directory: sinkDir, isEphemeral: true, env: {}, cwd: folder })
        : () => place.openReader(),
    programs: makePrograms({ cwd: folder, env, secrets: () => secrets, note, violate, count: tally.count }),
    declared: await layOut(await freshFolder(folder, 'file-0'), random.pick(deliveries), new Map()),
    retire: '0s',
    excuses: { deactivated: false, stoodStill: false },
    foreign: new Map(emulator.subscriptions().map((one) => [one.id, imageOf(one)])),
    consented: new Map(),
    apiFaults: [],
    resting: new Map(),
    names: 0,
    clockShift: 0,
    beginEpoch: (own) => beginEpoch(world, own),
    close: () => close(world),
  };
  return world;
}

/** Everything that the account holds of one, secret included: for comparisons, never for printing. */
export function imageOf({ signing_secret, ...fields }: EmulatedSubscription): string {
  return JSON.stringify({ ...fields, signing_secret: signing_secret.reveal() });
}

/** Lets the server's time pass. */
export function shiftClock(world: ChaosWorld, ms: number): void {
  world.clockShift += ms;
  world.emulator.shiftClock(world.clockShift);
}

async function beginEpoch(world: ChaosWorld, random: Random): Promise<void> {
  const { declared, emulator } = world;
  const folder = await freshFolder(world.folder, `file-${(world.names += 1)}`);
  world.declared = await layOut(folder, random.pick(deliveries), declared.entries);
  world.retire = random.chance(0.4) ? '3s' : '0s';
  const isInactive = ({ is_active }: DeclaredEntry): boolean => is_active === false;
  world.excuses.deactivated = [...declared.entries.values()].some(isInactive);
  world.excuses.stoodStill = false;
  emulator.setSwitches({
    duplicate: random.pick(['409/2015', '400/1005']),
    notFound: random.pick([2010, 2001]),
    clearedFilter: random.pick(['null', 'empty', 'absent']),
    listOrder: random.pick(['created', 'shuffled']),
    timestampPrecision: random.pick(['s', 'ms', 'ns']),
    arrays: random.pick(['kept', 'sorted']),
    extraFields: random.chance(0.3),
    routingFields: random.pick(['present', 'absent']),
  });
  world.note(`the file is delivered as ${world.declared.title}; retire is ${world.retire}`);
}

async function freshFolder(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  return path;
}

async function close({ programs, emulator, vault, disk, folder, violations }: ChaosWorld): Promise<void> {
  await programs.abandon();
  await emulator.close();
  await vault?.close();
  if (violations.length > 0) {
    if (disk !== null) await cp(disk.directory, join(folder, 'disk-at-the-end'), { recursive: true });
    disk?.unmount();
    return;
  }
  disk?.unmount();
  await rm(folder, { recursive: true, force: true });
}

/** The text of a file, or null where there is none. */
export async function textIn(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
}
