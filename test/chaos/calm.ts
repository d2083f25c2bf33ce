import type { Random } from '../simulation/model-random.ts';
import { documentOf, type Document } from '../support/stage.ts';
import { shiftClock, TIMEOUT_MS, type ChaosWorld } from './chaos-world.ts';
import { endFaults } from './fault-deeds.ts';
import { inTheWay, leave } from './outsider-deeds.ts';
import type { Program } from './programs.ts';
import { settleConsent } from './records.ts';

/** Passes after the last fault until the account must be what the file says. */
const MOST_PASSES = 14;
/** Requests have landed, replacements have overlapped, what was retired is to go, and old secrets too. */
const LATER_MS = 4 * TIMEOUT_MS + 6_000;
/** Consent that a person gives: some of it is needed after what the outsider and the author have done. */
const CONSENT = ['suspicious-list', 'deletes', 'widen', 'protected'].flatMap((guard) => ['--allow', guard]);
const PASSES_WITH_TIME: readonly string[] = ['in-flight', 'stale-file'];

/** The document of a run that planned. */
export type Planned = Omit<Document, 'plan'> & { readonly plan: NonNullable<Document['plan']> };

/**
 * Everything works again, what runs comes to its end, the file is good, nothing is paused, and nobody is in the way;
 * then passes are made until there is nothing to do. False where there still is, or where something does not end.
 */
export async function calmDown(world: ChaosWorld, random: Random): Promise<boolean> {
  world.note('everything works again');
  endFaults(world);
  for (const program of world.programs.running()) await endProgram(world, program, random);
  endFaults(world);
  await settleFile(world, random);
  const resumed = world.programs.start(['resume']);
  await world.programs.join(resumed);
  if (random.chance(0.3)) await world.programs.join(world.programs.start(['sync', '--wait', ...CONSENT]));
  for (let pass = 1; pass <= MOST_PASSES && world.violations.length === 0; pass += 1) {
    await freeUrls(world);
    shiftClock(world, LATER_MS);
    const planned = await runSync(world, CONSENT);
    if (planned !== null && isQuiet(planned) && inTheWay(world).length === 0) return true;
  }
  if (world.violations.length === 0)
    world.violate('I1', `${MOST_PASSES} passes do not bring the account to rest`);
  return false;
}

/** A person sends away who has a URL that the file wants, but for those whom an adoption is about to replace. */
async function freeUrls(world: ChaosWorld): Promise<void> {
  await settleConsent(world);
  for (const { id, target_url } of inTheWay(world)) {
    world.note(`outsider leaves ${target_url} to us: ${id}`);
    leave(world, id);
  }
}

/** Null where it made no plan. */
export async function runSync(world: ChaosWorld, flags: readonly string[]): Promise<Planned | null> {
  const program = world.programs.start(['sync', '--format', 'json', ...flags]);
  await world.programs.join(program);
  const result = await program.done;
  if (!result.stdout.startsWith('{')) return null;
  const { plan, ...rest } = documentOf(result);
  if (plan === null) {
    world.note(`no plan: ${JSON.stringify(rest.status.errors)}`);
    return null;
  }
  const keys = (items: readonly { readonly key?: string; readonly name?: string | null }[]): string =>
    items.map(({ key, name }) => key ?? name ?? 'everything').join(', ');
  world.note(
    `plan: ${keys(plan.operations)}; held: ${plan.held.map(({ guard, name }) => `${guard} ${name ?? ''}`).join(', ')}`,
  );
  return { plan, ...rest };
}

function isQuiet({ plan, requests, status }: Planned): boolean {
  const { operations, waiting, held } = plan;
  const passes = held.some(({ guard }) => PASSES_WITH_TIME.includes(guard));
  return operations.length + waiting.length + requests.writes === 0 && !passes && status.exit_code !== 1;
}

async function endProgram({ programs }: ChaosWorld, program: Program, random: Random): Promise<void> {
  const draw = random.below(4);
  if (program.isStopped()) program.signal('SIGCONT');
  if (draw === 0) program.signal('SIGKILL');
  else if (draw < 3 || program.isDaemon) program.signal('SIGTERM');
  await programs.join(program);
}

/** The author's last word; where it is unclear what should be active, it says so. */
async function settleFile({ declared, excuses, note }: ChaosWorld, random: Random): Promise<void> {
  const isUnclear = excuses.deactivated || excuses.stoodStill;
  const entries = [...declared.entries].map(([name, entry]) => {
    const is_active = random.chance(0.8);
    return [name, isUnclear ? { ...entry, is_active } : entry] as const;
  });
  declared.entries = new Map(entries);
  declared.removed.clear();
  await declared.write();
  note(`the file is good: ${JSON.stringify(Object.fromEntries(declared.entries))}`);
}
