import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { randomFrom, type Random } from '../../simulation/model-random.ts';
import { checkPromises, recordsOf } from '../account-checks.ts';
import type { RunningCli } from '../run-cli.ts';
import { openStage, runUntilDone, type Entries, type Stage } from '../stage.ts';
import { vaultOf } from '../stage-sinks/vault-stage-sink.ts';
import { startEvents, type EventStream, type Tally } from './events.ts';
import { exportShelf, vaultShelf } from './shelves.ts';
import { startVerifyingReceiver, type VerifyingReceiver } from './verifying-receiver.ts';

/** In the server's time, which stands still but for the steps of the test. The overlap is as short as it may be. */
const TIMEOUT_MS = 5_000;
const OVERLAP_MS = 4 * TIMEOUT_MS;
const STEP_MS = OVERLAP_MS / 4;
const DAY_MS = 86_400_000;
/** How often a process is to be killed. */
const KILLS = 0.75;
/** How often nothing runs afterwards for as long as an overlap lasts. */
const OUTAGES = 0.4;
/** Effects of one entry in each half of a replacement. */
const EFFECTS = 6;
/** More processes than this for one round: something does not end. */
const MOST_PROCESSES = 200;

/** What is rotated, and how often. */
export interface RotationOptions {
  /** Where receivers read: the files of an export beside a sink of files, or a Vault. */
  readonly shelf: 'export' | 'vault';
  readonly entries: number;
  readonly rotations: number;
  readonly seed: number;
}

/** What it came to. */
export interface RotationResult extends Tally {
  readonly rotations: number;
  readonly kills: number;
  readonly processes: number;
}

interface Scene {
  readonly stage: Stage;
  readonly random: Random;
  readonly names: readonly string[];
  readonly events: EventStream;
  readonly receiver: VerifyingReceiver;
  readonly now: () => number;
  /** Lets the server's time pass, and whoever reads again after `lag` do so, before any process goes on. */
  readonly pass: (ms: number, lag: number) => void;
  readonly count: { kills: number; processes: number };
}

/**
 * Rotates the secrets of all entries, round after round, by the commands and by the daemon in turns, under events that
 * never cease; processes are killed at random effects and started again. Call it inside a test.
 */
export async function rotateUnderEvents(options: RotationOptions): Promise<RotationResult> {
  const scene = await openScene(options);
  const { stage, names, events, count } = scene;
  let rotations = 0;
  for (let round = 1; rotations < options.rotations; round += 1) {
    const before = await currentIds(stage);
    const began = count.processes;
    await (round % 3 === 0 ? rotateByAge(scene, began) : rotateByCommand(scene, began));
    const after = await currentIds(stage);
    const kept = names.filter((name) => before.get(name) === after.get(name));
    expect(kept, 'entries that this round has not rotated').toEqual([]);
    rotations += names.length;
  }
  await events.stop();
  await scene.receiver.close();
  // Whoever verifies a delivery for the promises does so by the real time.
  stage.emulator.shiftClock(Date.now() - scene.now());
  await runUntilDone(stage, ['sync']);
  await checkPromises(stage, { hasHistory: true });
  return { rotations, ...count, ...events.tally };
}

async function openScene({ shelf, entries: size, seed }: RotationOptions): Promise<Scene> {
  const random = randomFrom(seed);
  const names = Array.from({ length: size }, (_, index) => `entry-${String(index).padStart(2, '0')}`);
  let time = Math.floor(Date.now() / 1_000) * 1_000;
  const now = (): number => time;
  const stage = await openStage({
    now,
    sink: shelf === 'vault' ? 'vault' : 'file',
    env: {
      LINQ_GITOPS_API_CONCURRENCY: '4',
      LINQ_GITOPS_API_TIMEOUT: `${TIMEOUT_MS}ms`,
      LINQ_GITOPS_REPLACE_OVERLAP: '1ms',
      LINQ_GITOPS_REPLACE_AT_ONCE: String(size),
      LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0',
      LINQ_GITOPS_DAEMON_INTERVAL: '24d',
    },
  });
  const directory = join(stage.folder, 'receiver');
  const exported = shelf === 'export' ? { LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY: directory } : {};
  const whole: Stage = {
    ...stage,
    env: { ...stage.env, ...exported },
    start: (argv, { env, ...rest } = {}) => stage.start(argv, { env: { ...exported, ...env }, ...rest }),
    run: (argv, { env, ...rest } = {}) => stage.run(argv, { env: { ...exported, ...env }, ...rest }),
  };
  await whole.declare(Object.fromEntries(names.map((name) => [name, entryOf(name)])));
  await runUntilDone(whole, ['sync']);
  const receiver = await startVerifyingReceiver({
    shelf: shelf === 'vault' ? vaultShelf(vaultOf(stage)) : exportShelf(directory),
    names,
    readAt: () => now() - random.below(OVERLAP_MS / STEP_MS) * STEP_MS,
  });
  onTestFinished(() => receiver.close());
  const { emulator } = stage;
  const events = startEvents({ emulator, receiver, names, nameOf });
  onTestFinished(() => events.stop());
  const pass = (ms: number, lag: number): void => {
    time += ms;
    receiver.tick(time, lag);
  };
  return {
    ...{ stage: whole, random, names, events, receiver, now, pass },
    count: { kills: 0, processes: 0 },
  };
}

function entryOf(name: string): Entries[string] {
  return {
    target_url: `https://hooks.example.com/linq/${name}?version=2026-02-03`,
    subscribed_events: ['message.received'],
    lifecycle: { rotate_after: '1d' },
  };
}

function nameOf(targetUrl: string): string | undefined {
  return /^\/linq\/(entry-\d+)$/.exec(new URL(targetUrl).pathname)?.[1];
}

async function currentIds(stage: Stage): Promise<ReadonlyMap<string, string | undefined>> {
  const records = await recordsOf(stage);
  return new Map([...records].map(([name, { current }]) => [name, current?.subscription_id]));
}

/** Names whose replacement is under way, and of those the ones that receivers cannot know yet. */
async function underWay(stage: Stage): Promise<{ all: readonly string[]; restless: readonly string[] }> {
  const records = await recordsOf(stage);
  const all = [...records].filter(([, { next }]) => next !== null);
  const restless = all.filter(([, { next }]) => next?.ready_at === null);
  return { all: all.map(([name]) => name), restless: restless.map(([name]) => name) };
}

/** `rotate`, and then `sync` again and again while time passes: each a process that may be killed. */
async function rotateByCommand(scene: Scene, began: number): Promise<void> {
  const { stage, names, pass } = scene;
  let left = names;
  while (left.length > 0) {
    await runOnce(scene, ['rotate', ...left], began);
    const { all, restless } = await underWay(stage);
    left = [...names.filter((name) => !all.includes(name)), ...restless];
  }
  while ((await underWay(stage)).all.length > 0) {
    pass(STEP_MS, OVERLAP_MS);
    await runOnce(scene, ['sync'], began);
  }
}

async function runOnce(scene: Scene, argv: readonly string[], began: number): Promise<void> {
  const { stage } = scene;
  const stop = chooseStop(scene, began);
  const result = await stage.run(argv, stop === undefined ? {} : { effects: { stop } });
  if (result.signal === 'SIGKILL') noteKill(scene);
  else expect(result.code, `${argv.join(' ')}\n${result.stdout}${result.stderr}`).toBe(0);
}

/** Where this process is killed, if it is. */
function chooseStop(
  { random, names, count }: Scene,
  began: number,
): { index: number; phase: 'before' | 'after' } | undefined {
  count.processes += 1;
  if (count.processes - began > MOST_PROCESSES) throw new Error('a round does not end');
  const isKilled = random.chance(KILLS);
  const stop = {
    // Rather early: what runs to its end proves less.
    index: 1 + random.below(1 + random.below(names.length * EFFECTS)),
    phase: random.pick(['before', 'after'] as const),
  };
  return isKilled ? stop : undefined;
}

function noteKill({ random, pass, count }: Scene): void {
  count.kills += 1;
  if (random.chance(OUTAGES)) pass(OVERLAP_MS, OVERLAP_MS);
}

/** The daemon finds that all are old; half of them at once. It is killed, and started again. */
async function rotateByAge(scene: Scene, began: number): Promise<void> {
  const { stage, names, events, pass } = scene;
  const before = await currentIds(stage);
  // A pass measures time from its beginning: what passes meanwhile is not to be the receivers' loss.
  const lag = OVERLAP_MS - STEP_MS;
  pass(DAY_MS, lag);
  const isThrough = async (): Promise<boolean> => {
    const [after, { all }] = [await currentIds(stage), await underWay(stage)];
    return all.length === 0 && names.every((name) => after.get(name) !== before.get(name));
  };
  while (!(await isThrough())) {
    const stop = chooseStop(scene, began);
    const daemon = stage.start(['run', '--log-level', 'debug'], {
      env: { LINQ_GITOPS_REPLACE_AT_ONCE: String(Math.ceil(names.length / 2)) },
      ...(stop && { effects: { stop } }),
    });
    const isOver = watchEnd(daemon);
    for (let passes = 1; !isOver() && !(await isThrough()); passes += 1) {
      await events.until(() => isOver() || passesOf(daemon) >= passes);
      pass(STEP_MS, lag);
      if (!isOver()) daemon.kill('SIGHUP');
    }
    if (!isOver()) daemon.kill('SIGTERM');
    const result = await daemon.done;
    if (result.signal === 'SIGKILL') noteKill(scene);
    else expect(result.code, result.stderr.slice(-2_000)).toBe(0);
  }
}

function watchEnd(daemon: RunningCli): () => boolean {
  let isOver = false;
  void daemon.done.then(() => (isOver = true));
  onTestFinished(async () => {
    if (!isOver) daemon.kill('SIGKILL');
    await daemon.done;
  });
  return () => isOver;
}

function passesOf(daemon: RunningCli): number {
  return daemon.output().stderr.split('"event":"pass_ended"').length - 1;
}
