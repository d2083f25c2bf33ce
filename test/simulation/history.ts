import type { Desired } from '../../src/domain/desired.ts';
import type { Allowance, Guard, Plan } from '../../src/domain/plan.ts';
import { doSomething, resumeAll } from './deeds.ts';
import { checkAtRest, watchWorld, type Watch } from './invariants.ts';
import { drawFiles } from './model-files.ts';
import { drawFaults } from './model-faults.ts';
import { runPass, runPlan, startProcess, type Bug, type Household, type Process } from './model-process.ts';
import type { Random } from './model-random.ts';
import { LANDING_TIME, makeWorld, type World } from './model-world.ts';
import { meddle } from './outsider.ts';

/** How a history went. */
export interface History {
  /** Effects and other events that the scheduler has chosen. */
  readonly steps: number;
  /** What it broke first; null when every invariant held. */
  readonly violation: World['violation'];
  /** Every effect in its order, without secrets. */
  readonly trace: readonly string[];
}

const MAX_STEPS = 400;
/** Passes after the last fault until the account must be what the file says. */
const MAX_ROUNDS = 14;
const MAX_STEPS_PER_ROUND = 2_000;

/** Consent that a person gives at the end, where an outsider emptied the list or two entries left the file. */
const ALLOWANCES: readonly Allowance[] = [
  { guard: 'suspicious-list', name: null },
  { guard: 'deletes', name: null },
];

/**
 * One history from one sequence of choices: two processes, perhaps with different versions of the file, commands,
 * faults, crashes and an outsider; then quiet, until the next plan is empty.
 */
export async function runHistory(random: Random, bug: Bug | null = null): Promise<History> {
  const world = makeWorld(random);
  const home: Household = { world, bug, processes: [], uniques: 0 };
  bug?.spoilWorld?.(world);
  const watch = watchWorld(world);
  const files = drawFiles(random);
  world.api.tellsTime = !random.chance(0.1);
  world.declaresActivity = files.some(({ entries }) =>
    entries.some(({ fields }) => fields.is_active !== undefined),
  );
  world.retire = random.chance(0.4) ? 1 + random.below(40_000) : 0;
  drawConsent(world, files);
  await runWithFaults(home, files, watch);
  if (world.violation === null) await runQuietly(home, random.pick(files), watch);
  const { step, violation, trace } = world;
  return { steps: step, violation, trace };
}

/** Who may, by consent, replace what is foreign. */
function drawConsent(world: World, files: readonly Desired[]): void {
  if (!world.random.chance(0.2)) return;
  world.unowned = 'replace';
  for (const { entries } of files) for (const { fields } of entries) world.consents.add(fields.target_url);
}

async function runWithFaults(home: Household, files: readonly Desired[], watch: Watch): Promise<void> {
  const { world } = home;
  const { random } = world;
  const faults = { ...drawFaults(random), ...home.bug?.faults };
  world.faults = faults;
  // A clock may only be wrong where the server's own time is known.
  const skew = (): number => (world.api.tellsTime ? random.below(600_000) - 300_000 : 0);
  const hosts = random.chance(0.5) ? ['a', 'b'] : ['a', 'a'];
  const passes = 2 + random.below(8);
  const begin = (host: string): void => {
    const process = startProcess(home, host, skew(), random.pick(files));
    void live(home, process, files, passes);
  };
  for (const host of hosts) begin(host);
  while (world.step < MAX_STEPS && world.violation === null) {
    const alive = home.processes.filter(({ isAlive }) => isAlive);
    const some = alive.length > 0 ? random.pick(alive) : undefined;
    if (some && random.chance(faults.crash)) {
      world.kill(some);
      if (random.chance(0.8)) world.later('restart', 90_000, () => begin(some.holder.host));
    }
    if (some && random.chance(faults.stop)) stopProcess(home, some);
    if (some && random.chance(faults.pause)) some.pausedUntil = world.step + 5 + random.below(60);
    if (random.chance(faults.jump)) world.advance(random.below(2 * LANDING_TIME));
    if (random.chance(faults.sinkFull)) world.sinkFullUntil = world.now() + random.below(60_000);
    if (random.chance(faults.outsider)) meddle(world, files);
    if (!(await world.next())) break;
    watch.check();
  }
}

/** The life of a process: pass after pass, each with the file as it finds it. */
async function live(
  home: Household,
  process: Process,
  files: readonly Desired[],
  passes: number,
): Promise<void> {
  const { world } = home;
  for (let pass = 0; pass < passes && !process.stop.signal.aborted && world.faults !== null; pass += 1) {
    process.desired = world.random.pick(files);
    await doSomething(home, process);
    await world.clockOf(process).sleep(world.random.below(30_000), process.stop.signal);
  }
  if (process.stop.signal.aborted) process.isAlive = false;
}

function stopProcess({ world }: Household, process: Process): void {
  world.note(`${process.name} is told to stop`);
  process.stop.abort();
}

/** No faults any more: what is left of the processes goes on with the last version of the file. */
async function runQuietly(home: Household, desired: Desired, watch: Watch): Promise<void> {
  const { world } = home;
  const { random } = world;
  world.faults = null;
  world.note(`faults stop; the file is ${desired.content_hash}`);
  if (random.chance(0.3)) for (const process of home.processes) if (process.isAlive) world.kill(process);
  const passes: Promise<unknown>[] = [];
  await settle(home, watch);
  for (const process of home.processes) if (process.stop.signal.aborted) process.isAlive = false;
  const runners = [0, 1].map(
    (index) =>
      home.processes.filter(({ isAlive }) => isAlive)[index] ??
      startProcess(home, random.pick(['a', 'c']), 0, desired),
  );
  for (const runner of runners) {
    runner.desired = desired;
    Object.assign(runner, { rotate: new Map(), adopt: new Map(), isFileBad: false });
  }
  passes.push(resumeAll(home, runners[0] as Process));
  await settle(home, watch);
  for (let round = 1; round <= MAX_ROUNDS && world.violation === null; round += 1) {
    world.advance(LANDING_TIME + 2_000);
    // Side by side at first, which may end in conflicts; then one after the other.
    const group = round <= 3 && random.chance(0.5) ? runners : [random.pick(runners)];
    const before = world.api.writes + world.sink.writes;
    let empty = 0;
    for (const runner of group) {
      passes.push(
        runPass(home, runner, ALLOWANCES).then((outcome) => {
          if (outcome && isQuiet(outcome.plan)) empty += 1;
        }),
      );
    }
    await settle(home, watch);
    if (empty === group.length && world.api.writes + world.sink.writes === before && round > 2) break;
  }
  if (world.violation !== null) return;
  await checkRest(home, runners[0] as Process, watch);
}

/** Nothing is to be done, and nothing passes with time. */
function isQuiet({ operations, waiting, held }: Plan): boolean {
  const passes: readonly Guard[] = ['in-flight', 'stale-file'];
  return operations.length + waiting.length === 0 && !held.some(({ guard }) => passes.includes(guard));
}

/** I1 and I6: a plan at rest is empty, and making it wrote nothing. */
async function checkRest(home: Household, process: Process, watch: Watch): Promise<void> {
  const { world } = home;
  const before = world.api.writes + world.sink.writes;
  const plans: Plan[] = [];
  void runPlan(home, process, ALLOWANCES).then((plan) => plans.push(plan));
  await settle(home, watch);
  const [plan] = plans;
  if (plan === undefined) world.violate('I1', 'no plan could be made at rest');
  else checkAtRest(world, process.desired, plan);
  if (world.api.writes + world.sink.writes !== before) world.violate('I6', 'planning wrote something');
}

async function settle({ world }: Household, watch: Watch): Promise<void> {
  for (let step = 0; (await world.next()) && world.violation === null; step += 1) {
    watch.check();
    if (step > MAX_STEPS_PER_ROUND) world.violate('I1', 'a pass does not end');
  }
}
