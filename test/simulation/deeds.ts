import type { DesiredEntry } from '../../src/domain/desired.ts';
import type { Pause } from '../../src/domain/record.ts';
import { Secret } from '../../src/domain/secret.ts';
import { adoptEntries } from '../../src/reconcile/adopt.ts';
import { liftPauses, setPauses, type PauseContext } from '../../src/reconcile/pauses.ts';
import { isForeign } from './invariants.ts';
import { liveAt } from './model-api.ts';
import { attempt, contextOf, runPass, type Household, type Process } from './model-process.ts';
import { SETTINGS } from './model-settings.ts';
import { LANDING_TIME } from './model-world.ts';

/** What a process does next: mostly a pass with its file, at times one of the commands. Ends when that is done. */
export async function doSomething(home: Household, process: Process): Promise<void> {
  const { random } = home.world;
  const entry = process.desired.entries.length > 0 ? random.pick(process.desired.entries) : undefined;
  if (entry === undefined || !random.chance(0.35)) return syncFile(home, process);
  const command = random.pick([rotate, rotate, rotate, rotate, replaceForeign, adopt, pause, resume]);
  await command(home, process, entry);
}

/** At times the file has just become unusable, and the pass is made from the last good version. */
async function syncFile(home: Household, process: Process): Promise<void> {
  process.isFileBad = home.world.random.chance(0.1);
  await runPass(home, process);
  process.isFileBad = false;
}

async function rotate(home: Household, process: Process, { name }: DesiredEntry): Promise<void> {
  const { world } = home;
  const rotation = world.random.chance(0.2) ? 'compromised' : world.random.chance(0.1) ? 'abort' : 'rotate';
  if (rotation === 'compromised') for (const each of ['orders', 'shop', name]) world.compromised.add(each);
  world.note(`${rotation} ${name} is asked for`);
  process.rotate = new Map([[name, rotation]]);
  await runPass(home, process);
  process.rotate = new Map();
}

/** `adopt --replace`: consent to replace whatever has the URL of the entry. */
async function replaceForeign(home: Household, process: Process, entry: DesiredEntry): Promise<void> {
  const { world } = home;
  world.note(`adopt --replace ${entry.name} is asked for`);
  world.consents.add(entry.fields.target_url);
  process.adopt = new Map([[entry.name, null]]);
  await runPass(home, process);
  process.adopt = new Map();
}

/** `adopt` by somebody who has kept the secret of what is live at the URL. */
async function adopt(home: Household, process: Process, entry: DesiredEntry): Promise<void> {
  const { world } = home;
  const { name } = entry;
  const live = liveAt(world.api, entry.fields.target_url);
  if (live === undefined || !isForeign(live.id, world)) return syncFile(home, process);
  world.note(`adopt ${name} is asked for, with the secret of ${live.id}`);
  world.offered.add(live.id);
  const secret = new Secret(world.api.issued.get(live.id)?.secret ?? '');
  const context = contextOf(home, process, []);
  await attempt(home, process, () =>
    adoptEntries([{ name, secret, id: live.id }], process.desired, { ...context, secrets: context.sink }),
  );
}

async function pause(home: Household, process: Process, { name }: DesiredEntry): Promise<void> {
  const { world } = home;
  const { random } = world;
  const paused: Pause = {
    owner: SETTINGS.owner,
    name: random.chance(0.3) ? null : name,
    until: random.chance(0.7) ? new Date(world.now() + random.below(2 * LANDING_TIME)).toISOString() : null,
    reason: null,
  };
  world.note(`pause ${paused.name ?? 'everything'} until ${paused.until ?? 'somebody resumes'}`);
  await attempt(home, process, () => setPauses([paused], pauseContext(home, process)));
}

async function resume(home: Household, process: Process): Promise<void> {
  home.world.note('resume everything');
  await attempt(home, process, () => resumeAll(home, process));
}

/** Ends every pause. */
export async function resumeAll(home: Household, process: Process): Promise<void> {
  await liftPauses(SETTINGS.owner, null, pauseContext(home, process));
}

function pauseContext(home: Household, process: Process): PauseContext {
  const { sink, clock, unique } = contextOf(home, process, []);
  return { sink, now: () => clock.now(), unique };
}
