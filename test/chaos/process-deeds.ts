import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../simulation/model-random.ts';
import type { ChaosWorld } from './chaos-world.ts';
import { pickAny, type Deed } from './deed.ts';
import { inTheWay } from './outsider-deeds.ts';
import type { Program, ProgramOptions } from './programs.ts';

const MOST_AT_ONCE = 4;
const MOST_DAEMONS = 2;
const EFFECTS = 25;
/** Below it Node cannot load the program; a little above, it can, and not much else. */
const FEWEST_DESCRIPTORS = 70;
const GUARDS = ['deletes', 'suspicious-list', 'widen', 'protected'];

/** Processes come, and end in every way. */
export const processDeeds: readonly Deed[] = [
  command('sync', 14, () => ['sync']),
  command('sync --allow', 5, (_world, random) => ['sync', '--allow', random.pick(GUARDS)]),
  command('sync --wait', 2, () => ['sync', '--wait']),
  {
    name: 'run: two syncs at once',
    weight: 4,
    act: (world, random) => joined([start(world, random, ['sync']), start(world, random, ['sync'])]),
  },
  command('sync --dry-run', 3, () => ['sync', '--dry-run', '--log-level', 'trace']),
  command('status', 1, () => ['status']),
  command(
    'rotate',
    6,
    onName((name) => ['rotate', name]),
  ),
  command(
    'rotate --wait',
    1,
    onName((name) => ['rotate', '--wait', name]),
  ),
  command(
    'rotate --compromised',
    2,
    onName((name) => ['rotate', '--compromised', name]),
  ),
  command(
    'rotate --abort',
    2,
    onName((name) => ['rotate', '--abort', name]),
  ),
  command(
    'pause',
    2,
    onName((name) => ['pause', '--for', '2s', name]),
  ),
  command('pause everything', 1, () => ['pause']),
  command('resume', 4, () => ['resume']),
  { name: 'run: adopt', weight: 4, act: adopt },
  {
    name: 'run: daemon',
    weight: 16,
    act: (world, random) => (daemons(world).length < MOST_DAEMONS ? start(world, random, ['run']) : null),
  },
  signal('SIGTERM', 3, ({ isStopped }) => !isStopped()),
  signal('SIGHUP', 4, ({ isDaemon, isStopped }) => isDaemon && !isStopped()),
  signal('SIGKILL', 4, () => true),
  signal('SIGSTOP', 4, ({ isStopped }) => !isStopped()),
  signal('SIGCONT', 7, ({ isStopped }) => isStopped()),
];

function command(
  name: string,
  weight: number,
  argvFor: (world: ChaosWorld, random: Random) => readonly string[] | null,
): Deed {
  return {
    name: `run: ${name}`,
    weight,
    act(world, random) {
      const argv = argvFor(world, random);
      return argv === null ? null : start(world, random, argv);
    },
  };
}

function onName(argvFor: (name: string) => readonly string[]) {
  return ({ declared }: ChaosWorld, random: Random): readonly string[] | null => {
    const name = pickAny([...declared.entries.keys()], random);
    return name === undefined ? null : argvFor(name);
  };
}

/** Starts it, in circumstances of all kinds. */
function start(world: ChaosWorld, random: Random, argv: readonly string[]): string | null {
  const options = circumstances(random);
  const { programs, tally } = world;
  if (programs.running().length >= MOST_AT_ONCE) return null;
  if (options.isStarved === true) tally.count('fault: few descriptors');
  if (options.effects?.failStores !== undefined) tally.count('fault: the sink refuses writes');
  if (options.effects?.stop !== undefined) tally.count('fault: killed at an effect');
  const { pid } = programs.start(argv, options);
  return `${pid} ${JSON.stringify(options)}`;
}

function circumstances(random: Random): ProgramOptions {
  const stop = { index: 1 + random.below(EFFECTS), phase: random.pick(['before', 'after'] as const) };
  const after = random.below(6);
  const limit = FEWEST_DESCRIPTORS + random.below(40);
  const draw = random.below(100);
  if (draw < 22) return { effects: { stop } };
  if (draw < 28) return { effects: { failStores: { after, until: after + 1 + random.below(12) } } };
  if (draw < 33) return { isStarved: true, through: ['sh', '-c', `ulimit -n ${limit}; exec "$@"`, 'sh'] };
  return {};
}

async function adopt(world: ChaosWorld, random: Random): Promise<string | null> {
  const { declared, foreign, consented, folder } = world;
  const one = pickAny(inTheWay(world), random);
  const isReplaced = random.chance(0.6);
  const [name] = [...declared.entries].find(([, { target_url }]) => target_url === one?.target_url) ?? [];
  if (one === undefined || name === undefined) return null;
  const secretFile = join(folder, `secret-of-${name}`);
  await writeFile(secretFile, one.signing_secret.reveal(), { mode: 0o600 });
  const how = isReplaced ? ['--replace'] : ['--secret-file', secretFile];
  const started = start(world, random, ['adopt', name, ...how]);
  if (started === null) return null;
  consented.set(one.id, foreign.get(one.id) ?? '');
  foreign.delete(one.id);
  return `${started} for ${one.id}`;
}

function signal(name: NodeJS.Signals, weight: number, isFor: (program: Program) => boolean): Deed {
  return {
    name: `signal: ${name}`,
    weight,
    act(world, random) {
      const program = pickAny(world.programs.running().filter(isFor), random);
      if (program === undefined) return null;
      program.signal(name);
      if (name === 'SIGSTOP') world.excuses.stoodStill = true;
      return `${program.pid} (${program.argv.join(' ')})`;
    },
  };
}

function daemons({ programs }: ChaosWorld): readonly Program[] {
  return programs.running().filter(({ isDaemon }) => isDaemon);
}

function joined(said: readonly (string | null)[]): string | null {
  return said.filter((text) => text !== null).join(', ') || null;
}
