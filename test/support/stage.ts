import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { EmulatedSubscription } from '../../src/emulator/account.ts';
import { startEmulator, type Emulator } from '../../src/emulator/emulator.ts';
import { exampleSeed, type Seed, type SeedSubscription } from '../../src/emulator/seed.ts';
import type { Switches } from '../../src/emulator/switches.ts';
import { startCli, type CliOptions, type CliResult, type RunningCli } from './run-cli.ts';
import { fileStageSink } from './stage-sinks/file-stage-sink.ts';
import type { SinkContent, SinkKind, StageSink } from './stage-sinks/stage-sink.ts';
import { fakeVaultStageSink, realVaultStageSink } from './stage-sinks/vault-stage-sink.ts';
import { makeTempDir } from './temp-dir.ts';

/** Entries of a subscriptions file, by name. */
export type Entries = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The lines of the emulated account. */
export const LINES = ['+12025550101', '+12025550102', '+12025550103'] as const;

/** A temporary folder with a subscriptions file, an emulated account, and the program run as processes in it. */
export interface Stage {
  readonly emulator: Emulator;
  readonly folder: string;
  readonly sink: StageSink;
  /** Of the file sink. */
  readonly sinkDir: string;
  readonly file: string;
  /** What the program is given, beside PATH. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What stood in the account before, and is not ours. */
  readonly foreign: readonly SeedSubscription[];
  /** Writes the subscriptions file; `rest` holds other keys at its top. */
  declare(entries: Entries, rest?: Readonly<Record<string, unknown>>): Promise<void>;
  start(argv: readonly string[], options?: Partial<CliOptions>): RunningCli;
  run(argv: readonly string[], options?: Partial<CliOptions>): Promise<CliResult>;
}

export interface StageOptions {
  readonly entries?: Entries;
  readonly seed?: Seed;
  readonly switches?: Partial<Switches>;
  /** Files, unless given. */
  readonly sink?: SinkKind;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The server's clock, in milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Sets up a stage that goes when the test ends. Call it inside a test. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const folder = await makeTempDir();
  const emulator = await startEmulator({
    seed: options.seed ?? exampleSeed(),
    ...(options.switches && { switches: options.switches }),
    ...(options.now && { now: options.now }),
  });
  onTestFinished(() => emulator.close());
  const file = join(folder, 'subscriptions.yaml');
  const sink = await openStageSink(options.sink ?? 'file', folder);
  const env = {
    LINQ_API_V3_BASE_URL: emulator.url,
    LINQ_API_V3_API_KEY: emulator.apiKey,
    // One after the other, so that the nth effect is the same in every run.
    LINQ_GITOPS_API_CONCURRENCY: '1',
    ...sink.env,
    ...options.env,
  };
  const start: Stage['start'] = (argv, { env: extra, ...rest } = {}) =>
    startCli(argv, { cwd: folder, env: { ...env, ...extra }, ...rest });
  const stage: Stage = {
    emulator,
    folder,
    sink,
    sinkDir: join(folder, 'secrets'),
    file,
    env,
    foreign: truthOf(emulator),
    // JSON is YAML.
    declare: (entries, rest = {}) =>
      writeFile(file, JSON.stringify({ version: 1, ...rest, subscriptions: entries }, null, 2)),
    start,
    run: (argv, runOptions) => start(argv, runOptions).done,
  };
  if (options.entries) await stage.declare(options.entries);
  return stage;
}

async function openStageSink(kind: SinkKind, folder: string): Promise<StageSink> {
  switch (kind) {
    case 'file':
      return fileStageSink(folder);
    case 'vault':
      return fakeVaultStageSink();
    case 'real vault':
      return realVaultStageSink();
  }
}

/** Everything that the account holds, secrets included, as a seed takes it. */
export function truthOf(emulator: Emulator): readonly SeedSubscription[] {
  return emulator.subscriptions().map(seedOf);
}

function seedOf(subscription: EmulatedSubscription): SeedSubscription {
  const { created_at, signing_secret, updated_at, ...fields } = subscription;
  return {
    ...fields,
    created_at: new Date(created_at).toISOString(),
    signing_secret: signing_secret.reveal(),
  };
}

/** A stage as it stood, from which others are set up. */
export interface Picture {
  readonly subscriptions: readonly SeedSubscription[];
  readonly foreign: readonly SeedSubscription[];
  readonly folder: string;
  readonly sink: SinkKind;
  readonly content: SinkContent;
}

/** Keeps the account, the sink and the file of a stage. */
export async function pictureOf(stage: Stage): Promise<Picture> {
  const folder = await makeTempDir();
  await cp(stage.folder, folder, { recursive: true });
  return {
    subscriptions: truthOf(stage.emulator),
    foreign: stage.foreign,
    folder,
    sink: stage.sink.kind,
    content: await stage.sink.take(),
  };
}

/** A new stage that stands as the picture shows, with an account of its own. */
export async function stageFrom(picture: Picture, options: StageOptions = {}): Promise<Stage> {
  const seed = { subscriptions: picture.subscriptions, lines: [...LINES] };
  const stage = await openStage({ ...options, seed, sink: picture.sink });
  await cp(picture.folder, stage.folder, { recursive: true });
  await stage.sink.put(picture.content);
  return { ...stage, foreign: picture.foreign };
}

/** Runs the command until it ends with 0, at most three times. Returns the codes. */
export async function runUntilDone(
  stage: Stage,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly (number | null)[]> {
  const codes: (number | null)[] = [];
  let last: CliResult | undefined;
  while (codes.length < 3 && last?.code !== 0) {
    last = await stage.run(argv, { env });
    codes.push(last.code);
  }
  if (last?.code === 0) return codes;
  throw new Error(`not done after three runs:\n${last?.stdout ?? ''}\n${last?.stderr ?? ''}`);
}

/** Puts a text into a file of the stage's folder, and returns its path. */
export async function putFile(stage: Stage, name: string, text: string): Promise<string> {
  const path = join(stage.folder, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  return path;
}

/** The document that a run with `--format json` printed. */
export interface Document {
  readonly plan: {
    readonly id: string;
    readonly operations: readonly { readonly key: string; readonly kind: string }[];
    readonly held: readonly {
      readonly name: string | null;
      readonly guard: string;
      readonly reason: string;
      readonly let_through: string | null;
    }[];
    readonly waiting: readonly unknown[];
    readonly warnings: readonly string[];
  } | null;
  readonly report: {
    readonly items: readonly {
      readonly key: string;
      readonly name: string | null;
      readonly result: { readonly status: string; readonly guard?: string; readonly reason?: string };
    }[];
  } | null;
  readonly requests: { readonly reads: number; readonly writes: number };
  readonly status: {
    readonly exit_code: number;
    readonly outcome: string;
    readonly errors: readonly unknown[];
  };
}

/** Reads stdout of a run with `--format json`: one document, and nothing else. */
export function documentOf(result: Pick<CliResult, 'stdout'>): Document {
  return JSON.parse(result.stdout) as Document;
}

/** The lines that stop-at.mjs wrote: the names of the effects, in order. */
export async function effectsIn(log: string): Promise<readonly string[]> {
  const text = await readFile(log, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ')[1] ?? '');
}
