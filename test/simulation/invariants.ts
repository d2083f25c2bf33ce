import type { Desired, DesiredEntry } from '../../src/domain/desired.ts';
import type { Guard, Plan } from '../../src/domain/plan.ts';
import type { LiveSubscription } from '../../src/domain/subscription.ts';
import { ownedIds, type EntryRecord } from '../../src/domain/record.ts';
import { markOf } from '../../src/domain/target-url.ts';
import { compareFields } from '../../src/plan/diff.ts';
import { liveAt, OUTSIDER } from './model-api.ts';
import { SETTINGS } from './model-settings.ts';
import { recordIn, recordsIn } from './model-sink.ts';
import type { World } from './model-world.ts';

/** What must hold after every single effect; call `check` after each. */
export interface Watch {
  check(): void;
}

/**
 * I3 at each write; I2 and I4 on the ground truth after every effect:
 * a record never names another secret than the API issued for its id; what was once recorded stays recorded
 * for as long as it is live; and what is live at an unmarked URL is recorded. A record names one subscription,
 * and one that is to replace it, so other duplicates are marked ones.
 */
export function watchWorld(world: World): Watch {
  const { api, sink } = world;
  const recorded = new Set<string>();
  api.onWrite = ({ method, id, author }) => {
    if (author === OUTSIDER || !isForeign(id, world)) return;
    if (!world.replaceable.has(id)) world.violate('I3', `${author} sends ${method} for the foreign ${id}`);
  };
  return {
    check() {
      const named = new Set<string>();
      for (const { id, target_url } of api.live.values()) {
        if (world.consents.has(target_url) && isForeign(id, world)) world.replaceable.add(id);
      }
      for (const record of recordsIn(sink)) {
        checkSecrets(record, world);
        for (const id of ownedIds(record)) {
          if (world.offered.has(id)) world.adopted.add(id);
          named.add(id);
          recorded.add(id);
        }
        const id = record.next?.subscription_id;
        if (id !== undefined && !world.storedSince.has(id)) world.storedSince.set(id, world.now());
      }
      for (const { id, target_url } of liveOfOurs(world)) {
        if (named.has(id)) continue;
        if (recorded.has(id)) world.violate('I2', `${id} is live, and its secret left the sink`);
        else if (markOf(target_url) === undefined)
          world.violate('I4', `${id} is live without a mark, and no record has its secret`);
      }
    },
  };
}

function checkSecrets({ name, current, next, previous }: EntryRecord, world: World): void {
  for (const stored of [current, next, previous]) {
    if (stored === null) continue;
    const { subscription_id: id, signing_secret } = stored;
    const issued = world.api.issued.get(id);
    if (issued === undefined || (isForeign(id, world) && !world.offered.has(id))) {
      world.violate('I3', `the record of ${name} names ${id}, which is not ours`);
    } else if (signing_secret?.reveal() !== issued.secret) {
      world.violate('I2', `the record of ${name} has another secret than ${id}`);
    }
  }
}

const PERSONS_GUARDS: readonly Guard[] = ['unowned', 'url-taken', 'depends', 'record'];

/** I1, I2 and I4 at rest: the account is what the file says, or held because the URL belongs to somebody else. */
export function checkAtRest(world: World, desired: Desired, plan: Plan): void {
  const { sink, api } = world;
  if (plan.operations.length > 0)
    world.violate('I1', `the next plan is not empty: ${plan.operations.map(({ key }) => key).join(', ')}`);
  const kept = new Set<string>();
  const excused = excusedNames(world, desired);
  for (const entry of desired.entries) {
    const record = recordIn(sink, entry.name);
    const id = record?.current?.subscription_id;
    const live = id === undefined ? undefined : api.live.get(id);
    if (live) kept.add(live.id);
    if (!excused.has(entry.name)) {
      checkEntry(world, entry, live);
      if (record !== null) checkReplaced(world, record);
    } else if (record?.next) {
      kept.add(record.next.subscription_id);
    }
  }
  const inherited = new Set(excused.size === 0 ? [] : namesHeldForHeirs(plan, desired));
  for (const name of inherited) for (const id of ownedIdsIn(world, name)) kept.add(id);
  for (const { id } of liveOfOurs(world)) {
    if (!kept.has(id)) world.violate('I4', `${id} is live beside what the file declares`);
  }
  for (const { name, intent } of recordsIn(sink)) {
    if (inherited.has(name)) continue;
    if (!desired.entries.some((entry) => entry.name === name))
      world.violate('I1', `a record is left under ${name}, which is not in the file`);
    if (intent !== null) world.violate('I1', `an intent is left in the record of ${name}`);
  }
  for (const { name, guard, reason } of plan.held) {
    const isExcused =
      name !== null && (excused.has(name) || inherited.has(name)) && PERSONS_GUARDS.includes(guard);
    if (!isExcused) world.violate('I1', `${name ?? 'the plan'} stays held: ${guard}, ${reason}`);
  }
}

/** Names that left the file, and that an entry may inherit once a person has freed its URL. */
function namesHeldForHeirs({ held }: Plan, { entries }: Desired): readonly string[] {
  const declared = new Set(entries.map(({ name }) => name));
  return held.flatMap(({ name, guard }) =>
    name !== null && guard === 'depends' && !declared.has(name) ? [name] : [],
  );
}

function ownedIdsIn({ sink }: World, name: string): readonly string[] {
  const record = recordIn(sink, name);
  return record === null ? [] : ownedIds(record);
}

function checkEntry(world: World, entry: DesiredEntry, live: LiveSubscription | undefined): void {
  if (live === undefined) {
    world.violate('I1', `${entry.name} has no live subscription`);
    return;
  }
  // Without anybody's wish for it, nothing is inactive, whatever was replaced.
  const mayBeInactive = world.declaresActivity || world.meddledWith.size > 0 || world.stoodStill.size > 0;
  if (!live.is_active && !mayBeInactive) world.violate('gap', `${entry.name} is left inactive`);
  const changes = compareFields(entry.fields, live, null);
  if (changes.length > 0)
    world.violate('I1', `${entry.name} differs in ${changes.map(({ field }) => field).join(', ')}`);
}

/** Nothing of a replacement is left: neither beside the current one nor of the secret before. */
function checkReplaced(world: World, { name, next, retire, previous }: EntryRecord): void {
  if (next !== null || retire !== null) world.violate('I4', `the replacement of ${name} does not end`);
  const isOver =
    previous !== null && world.now() >= Date.parse(previous.retired_at) + SETTINGS.replace.keep_previous;
  if (isOver) world.violate('I1', `${name} keeps its previous secret for good`);
}

/**
 * Entries whose URL somebody else has, entries that wait for the URL of such a one, and entries whose records
 * name one subscription (a rename was interrupted, and the file now has both names): a person must decide.
 */
function excusedNames(world: World, { entries }: Desired): ReadonlySet<string> {
  const { api, sink, unowned } = world;
  const excused = new Set<string>();
  const isStuck = ({ name, fields }: DesiredEntry): boolean => {
    const id = recordIn(sink, name)?.current?.subscription_id;
    const claims = entries.filter((entry) => recordIn(sink, entry.name)?.current?.subscription_id === id);
    if (id !== undefined && claims.length > 1) return true;
    const occupant = liveAt(api, fields.target_url);
    if (occupant === undefined) return false;
    const isOwn = ownedIdsIn(world, name).some((own) => api.live.has(own));
    if (isForeign(occupant.id, world) && (unowned === 'hold' || isOwn)) return true;
    return recordsIn(sink).some(
      ({ name: other, current, retire }) =>
        excused.has(other) && [current, retire].some((one) => one?.subscription_id === occupant.id),
    );
  };
  for (let before = -1; before < excused.size;) {
    before = excused.size;
    for (const entry of entries) if (isStuck(entry)) excused.add(entry.name);
  }
  return excused;
}

/** What is live and was made by a process of ours, or given to us. */
export function liveOfOurs(world: World): readonly LiveSubscription[] {
  return [...world.api.live.values()].filter(({ id }) => !isForeign(id, world));
}

/** Made by somebody else, and never given to us. */
export function isForeign(id: string, { api, adopted }: Pick<World, 'api' | 'adopted'>): boolean {
  return api.issued.get(id)?.author === OUTSIDER && !adopted.has(id);
}
