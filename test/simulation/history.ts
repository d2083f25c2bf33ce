import type { Desired, DesiredEntry } from '../../src/domain/desired.ts';
import type { Allowance, Guard, Plan } from '../../src/domain/plan.ts';
import { checkAtRest, watchWorld, type Watch } from './invariants.ts';
import { drawFaults } from './model-faults.ts';
import { runPass, runPlan, startProcess, type Bug, type Household, type Process } from './model-process.ts';
import { randomFrom, type Random } from './model-random.ts';
import { LANDING_TIME, makeWorld } from './model-world.ts';
import { meddle } from './outsider.ts';

/** What a history broke, with the seed that replays it. */
export interface Violation {
  readonly seed: number;
  readonly bug: string | null;
  readonly invariant: string;
  readonly what: string;
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
 * One history from one seed: two processes, perhaps with different versions of the file, faults, crashes and
 * an outsider; then quiet, until the next plan is empty. Null when every invariant held.
 */
export async function runHistory(seed: number, bug: Bug | null = null): Promise<Violation | null> {
  const random = randomFrom(seed);
  const world = makeWorld(random);
  const home: Household = { world, bug, processes: [], uniques: 0 };
  bug?.spoilWorld?.(world);
  const watch = watchWorld(world);
  const files = drawFiles(random);
  world.api.tellsTime = random.chance(0.9);
  world.declaresActivity = files.some(({ entries }) =>
    entries.some(({ fields }) => fields.is_active !== undefined),
  );
  world.retire = random.chance(0.4) ? 1 + random.below(40_000) : 0;
  await runWithFaults(home, files, watch);
  if (world.violation === null) await runQuietly(home, random.pick(files), watch);
  if (world.violation === null) return null;
  return { seed, bug: bug?.name ?? null, ...world.violation, trace: world.trace };
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
    process.rotate = drawRotation(home, process);
    await runPass(home, process);
    process.rotate = new Map();
    await world.clockOf(process).sleep(world.random.below(30_000), process.stop.signal);
  }
  if (process.stop.signal.aborted) process.isAlive = false;
}

/** At times a pass is a command's, for one entry of its file. */
function drawRotation({ world }: Household, { desired }: Process): Process['rotate'] {
  const { random } = world;
  if (desired.entries.length === 0 || !random.chance(0.25)) return new Map();
  const { name } = random.pick(desired.entries);
  const rotation = random.chance(0.8) ? 'rotate' : 'compromised';
  if (rotation === 'compromised') for (const each of ['orders', 'shop', name]) world.compromised.add(each);
  world.note(`${rotation} ${name} is asked for`);
  return new Map([[name, rotation]]);
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
    runner.rotate = new Map();
  }
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

/** One entry, at times two, and versions of the file beside it that some processes see. */
function drawFiles(random: Random): readonly Desired[] {
  const orders = makeEntry('orders');
  const others = random.chance(0.3) ? [makeEntry('billing')] : [];
  const base = makeFile('base', [orders, ...others]);
  const versions = [
    makeFile('without orders', others),
    makeFile('other events', [withFields(orders, { subscribed_events: ['message.failed'] }), ...others]),
    makeFile('inactive', [withFields(orders, { is_active: false }), ...others]),
    makeFile('other url', [
      withFields(orders, { target_url: `${orders.fields.target_url}&line=2` }),
      ...others,
    ]),
    makeFile('renamed', [{ ...orders, name: 'shop', previously: ['orders'] }, ...others]),
    ...others.map((other) =>
      makeFile('swapped', [
        withFields(orders, { target_url: other.fields.target_url }),
        withFields(other, { target_url: orders.fields.target_url }),
      ]),
    ),
  ];
  if (random.chance(0.4)) return [base];
  return [base, random.pick(versions), ...(random.chance(0.3) ? [random.pick(versions)] : [])];
}

function makeEntry(name: string): DesiredEntry {
  return {
    name,
    rotate_after: null,
    fields: {
      target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
      subscribed_events: ['message.received'],
      phone_numbers: null,
    },
    previously: [],
    prevent_destroy: false,
  };
}

function withFields(entry: DesiredEntry, fields: Partial<DesiredEntry['fields']>): DesiredEntry {
  return { ...entry, fields: { ...entry.fields, ...fields } };
}

function makeFile(content_hash: string, entries: readonly DesiredEntry[]): Desired {
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { entries: sorted, allow_empty: entries.length === 0, content_hash, revision: null };
}
