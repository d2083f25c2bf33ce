import type { Plan } from '../../src/domain/plan.ts';
import { isSameHolder } from '../../src/domain/record.ts';
import { checkAtRest, watchWorld } from '../simulation/invariants.ts';
import { connectApi } from '../simulation/model-api.ts';
import type { Link } from '../simulation/model-effect.ts';
import type { Faults } from '../simulation/model-faults.ts';
import type { Process } from '../simulation/model-process.ts';
import { randomFrom } from '../simulation/model-random.ts';
import { connectSink } from '../simulation/model-sink.ts';
import { makeWorld, type World } from '../simulation/model-world.ts';
import { openEditedFile, type EditedFile } from './daemon-model-file.ts';
import { DAEMON_SETTINGS, startModelDaemon, type ModelDaemon } from './daemon-model-parts.ts';
import { watchPair, type PairWatch } from './daemon-model-watch.ts';

export interface PairOptions {
  readonly edits: number;
  /** Whether daemons die or are stopped, and others come in their place. */
  readonly areReplaced: boolean;
}

/** What a history broke, with the seed that replays it. */
export interface PairViolation {
  readonly seed: number;
  readonly invariant: string;
  readonly what: string;
  /** The last effects, without secrets. */
  readonly trace: readonly string[];
}

/** One of the two daemons. A host sees one version of the file, whoever runs on it. */
interface Daemon extends Pick<Process, 'name' | 'isAlive' | 'pausedUntil' | 'skewMs' | 'holder' | 'stop'> {
  /** Null until it has begun. */
  loop: ModelDaemon | null;
  /** Index of the version that its pass is made from. */
  version: number;
  plan: Plan | null;
  /** What its last pass found to do, in words. */
  todo: string;
  /** How many writes the world had seen when its pass began. */
  writesBefore: number;
  /** Passes that began with the newest file since both have it. */
  passes: number;
  /** How many writes the world had seen at its last pass, where that found nothing to do. */
  quietAt: number | null;
}

interface Host {
  readonly name: string;
  version: number;
  /** When it will see the newest one. */
  seesAt: number;
}

interface Pair {
  readonly world: World;
  readonly file: EditedFile;
  readonly watch: PairWatch;
  readonly everyone: Daemon[];
  hosts: Host[];
  /** How many came in the place of another since the last edit. */
  replaced: number;
  uniques: number;
  readonly options: PairOptions;
}

/** For so long one daemon heeds what the other applied from another file; a lag must stay below, with time to look. */
const HEEDED_MS = 3 * DAEMON_SETTINGS.daemon.interval;
const LONGEST_LAG_MS = HEEDED_MS - 20_000;
/** Passes of each daemon after both have the file, until there is nothing to do. */
const MOST_PASSES = 4;
/** Every replacement may leave an unfinished create, or a record that is heeded for as long as that may be. */
const MOST_PASSES_AFTER_REPLACEMENT = 5;
const MOST_STEPS = 20_000;
const TRACE_LENGTH = 300;

/** Nothing fails; requests take their time. */
const SLOW: Faults = {
  ...{ slow: 0.05, notSent: 0, lostBefore: 0, lostAfter: 0, late: 0, brokenAfter: 0, busy: 0, refused: 0 },
  ...{ readFails: 0, listLacks: 0, crash: 0, stop: 0, pause: 0, jump: 0, sinkFull: 0, outsider: 0 },
};

/**
 * Two daemons on one account and one sink, for as many edits as are wanted; each host sees an edit after a lag of
 * its own. Null when everything held: I1 after each edit, the others after each effect.
 */
export async function runPair(seed: number, options: PairOptions): Promise<PairViolation | null> {
  const random = randomFrom(seed);
  const world = makeWorld(random);
  world.declaresActivity = true;
  world.faults = SLOW;
  const file = openEditedFile(random, 8);
  const watch = watchPair(world, file, watchWorld(world));
  const hosts = ['a', 'b'].map((name) => ({ name, version: 0, seesAt: 0 }));
  const pair: Pair = { world, file, watch, everyone: [], hosts, replaced: 0, uniques: 0, options };
  for (const host of hosts) startDaemon(pair, host);
  await reachRest(pair);
  for (let edit = 1; edit <= options.edits && world.violation === null; edit += 1) {
    const isHasty = random.chance(0.2);
    commit(pair, new Set());
    if (isHasty) {
      await untilSeen(pair);
      commit(pair, file.newest().touched);
    }
    await reachRest(pair);
  }
  for (const { stop } of pair.everyone) stop.abort();
  if (world.violation === null) return null;
  return { seed, ...world.violation, trace: world.trace.slice(-TRACE_LENGTH) };
}

/** A new version of the file, that each host sees when it does. */
function commit(pair: Pair, spared: ReadonlySet<string>): void {
  const { world, file, hosts } = pair;
  const { edit } = file.edit(spared);
  const index = file.versions.length - 1;
  world.note(`file ${index}: ${edit}`);
  pair.replaced = 0;
  pair.watch.edited();
  for (const daemon of pair.everyone) Object.assign(daemon, { passes: 0, quietAt: null });
  for (const host of hosts) showLater(pair, host, index);
}

function showLater(pair: Pair, host: Host, index: number): void {
  const { world } = pair;
  const lag = world.random.pick([1, 1 + world.random.below(20_000), 1 + world.random.below(LONGEST_LAG_MS)]);
  host.seesAt = world.now() + lag;
  world.later(`${host.name} sees file ${index}`, lag, () => {
    host.version = Math.max(host.version, index);
    for (const daemon of aliveOn(pair, host)) daemon.loop?.trigger('file');
  });
}

function aliveOn({ everyone }: Pair, host: Host): readonly Daemon[] {
  return everyone.filter(({ isAlive, holder }) => isAlive && holder.host === host.name);
}

async function untilSeen(pair: Pair): Promise<void> {
  const isSeen = (): boolean => pair.hosts.every(({ version }) => version === pair.file.versions.length - 1);
  for (let step = 0; !isSeen() && (await takeStep(pair)); step += 1) limitSteps(pair, step);
}

/** Until both daemons have found, with the newest file, that there is nothing to do, and nothing was written since. */
async function reachRest(pair: Pair): Promise<void> {
  const { world, file } = pair;
  for (let step = 0; await takeStep(pair); step += 1) {
    limitSteps(pair, step);
    const working = pair.hosts.map((host) => aliveOn(pair, host)[0]);
    const writes = writesOf(world);
    if (working.every((daemon) => daemon?.quietAt === writes)) break;
    const newcomers = pair.options.areReplaced ? pair.replaced + 1 : 0;
    const most = MOST_PASSES + newcomers * MOST_PASSES_AFTER_REPLACEMENT;
    const late = working.find((daemon) => daemon !== undefined && daemon.passes > most);
    if (late !== undefined) {
      world.violate('I1', `${late.name} is not done after ${late.passes} passes: ${late.todo}`);
    }
  }
  if (world.violation !== null) return;
  world.note('rest');
  const plan = pair.everyone.find(({ isAlive }) => isAlive)?.plan;
  if (plan) checkAtRest(world, file.newest().desired, plan);
  pair.watch.rested();
}

function limitSteps({ world }: Pair, step: number): void {
  if (step > MOST_STEPS) world.violate('I1', 'the daemons do not come to rest');
}

function writesOf({ api, sink }: World): number {
  return api.writes + sink.writes;
}

/** One effect, anybody's; false when something was broken. */
async function takeStep(pair: Pair): Promise<boolean> {
  const { world } = pair;
  if (pair.options.areReplaced && world.random.chance(0.003)) replaceOne(pair);
  if (!(await world.next())) world.violate('I1', 'both daemons have ended');
  pair.watch.check();
  return world.violation === null;
}

/** One dies, or is told to stop; another comes, on the same host or, as in a rolling update, on one of its own. */
function replaceOne(pair: Pair): void {
  const { world } = pair;
  const { random } = world;
  const host = random.pick(pair.hosts);
  const [daemon] = aliveOn(pair, host);
  if (daemon === undefined || daemon.stop.signal.aborted) return;
  if (random.chance(0.3)) {
    world.note(`${daemon.name} is told to stop`);
    daemon.stop.abort();
  } else world.kill(daemon);
  pair.replaced += 1;
  pair.watch.replaced();
  const successor = random.chance(0.5) ? host : moveTo(pair, host);
  world.later(`a new daemon on ${successor.name}`, 1 + random.below(90_000), () =>
    startDaemon(pair, successor),
  );
}

/** Another host in the place of `host`: it has the newest file, or still the one before, for as long as a lag may last. */
function moveTo(pair: Pair, host: Host): Host {
  const newest = pair.file.versions.length - 1;
  const oldest = Math.min(...pair.hosts.map(({ version }) => version));
  const other: Host = { name: `${host.name}'`, version: newest, seesAt: 0 };
  const left = Math.max(...pair.hosts.map(({ seesAt }) => seesAt)) - pair.world.now();
  if (oldest < newest && left > 0 && pair.world.random.chance(0.5)) {
    other.version = oldest;
    other.seesAt = pair.world.now() + left;
    pair.world.later(`${other.name} sees file ${newest}`, left, () => {
      other.version = newest;
      for (const daemon of aliveOn(pair, other)) daemon.loop?.trigger('file');
    });
  }
  pair.hosts = pair.hosts.map((one) => (one === host ? other : one));
  return other;
}

function startDaemon(pair: Pair, host: Host): void {
  const { world, everyone, watch, file } = pair;
  const { random } = world;
  const pid = everyone.length + 1;
  const name = `d${pid}@${host.name}`;
  const holder = { host: host.name, boot: 'boot', pid, started: String(pid), mode: 'run' } as const;
  const daemon: Daemon = {
    ...{ name, isAlive: true, pausedUntil: 0, skewMs: 0, holder, stop: new AbortController(), loop: null },
    ...{ version: host.version, plan: null, writesBefore: 0, passes: 0, quietAt: null, todo: '' },
  };
  everyone.push(daemon);
  world.note(`${name} starts`);
  const link: Link = (effect) => world.request(daemon, watch.over(effect, name));
  const loop = startModelDaemon({
    linq: connectApi(world.api, name, link),
    sink: connectSink(world.sink, link),
    holder,
    isGone: (other) =>
      everyone.some(
        (one) => isSameHolder(one.holder, other) && one.holder.host === host.name && !one.isAlive,
      ),
    clock: world.clockOf(daemon),
    unique: () => `u${(pair.uniques += 1)}`,
    random: () => random.below(1_000) / 1_000,
    stop: daemon.stop.signal,
    load() {
      daemon.version = host.version;
      daemon.plan = null;
      daemon.quietAt = null;
      daemon.writesBefore = writesOf(world);
      watch.looked(name, daemon.version);
      world.note(`${name} begins a pass with file ${daemon.version}`);
      if (pair.hosts.every(({ version }) => version === file.versions.length - 1)) daemon.passes += 1;
      return file.versions[host.version]!.desired;
    },
    listen: (journal) => ({
      ...journal,
      planned(plan) {
        daemon.plan = plan;
        journal.planned(plan);
      },
      ended(operation, result) {
        watch.ended(name, operation, result);
        journal.ended(operation, result);
      },
      fought(fights) {
        for (const fight of fights)
          world.violate('fight', `${name} fights over ${fight.field} of ${fight.name}`);
        journal.fought(fights);
      },
    }),
    onPassEnd() {
      const isNewest = daemon.version === file.versions.length - 1;
      const isQuiet = daemon.plan !== null && daemon.plan.operations.length + daemon.plan.held.length === 0;
      if (isNewest && isQuiet && daemon.writesBefore === writesOf(world))
        daemon.quietAt = daemon.writesBefore;
      daemon.todo = describe(daemon.plan);
      world.note(`${name} ends a pass: ${daemon.todo}`);
    },
  });
  daemon.loop = loop;
  void loop.done.then(
    () => void (daemon.isAlive = false),
    (error: unknown) =>
      world.violate('bug', error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
}

function describe(plan: Plan | null): string {
  if (plan === null) return 'no plan';
  const held = plan.held.map(({ guard, operation }) => `${guard} holds ${operation?.key ?? 'all'}`);
  return [...plan.operations.map(({ key }) => key), ...held].join(', ') || 'nothing';
}
