import type { Desired, DesiredEntry } from '../../src/domain/desired.ts';
import type { Guard, Plan } from '../../src/domain/plan.ts';
import type { LiveSubscription } from '../../src/domain/subscription.ts';
import { markOf } from '../../src/domain/target-url.ts';
import { compareFields } from '../../src/plan/diff.ts';
import { liveAt, OUTSIDER, type ModelApi } from './model-api.ts';
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
 * so duplicates are marked ones.
 */
export function watchWorld(world: World): Watch {
  const { api, sink } = world;
  const recorded = new Set<string>();
  api.onWrite = ({ method, id, author }) => {
    const isForeign = api.issued.get(id)?.author === OUTSIDER;
    if (author !== OUTSIDER && isForeign)
      world.violate('I3', `${author} sends ${method} for the foreign ${id}`);
  };
  return {
    check() {
      const named = new Set<string>();
      for (const { name, current } of recordsIn(sink)) {
        if (current === null) continue;
        named.add(current.subscription_id);
        recorded.add(current.subscription_id);
        const issued = api.issued.get(current.subscription_id);
        if (issued === undefined || issued.author === OUTSIDER) {
          world.violate('I3', `the record of ${name} names ${current.subscription_id}, which is not ours`);
        } else if (current.signing_secret?.reveal() !== issued.secret) {
          world.violate('I2', `the record of ${name} has another secret than ${current.subscription_id}`);
        }
      }
      for (const { id, target_url } of liveOfOurs(api)) {
        if (named.has(id)) continue;
        if (recorded.has(id)) world.violate('I2', `${id} is live, and its secret left the sink`);
        else if (markOf(target_url) === undefined)
          world.violate('I4', `${id} is live without a mark, and no record has its secret`);
      }
    },
  };
}

const PERSONS_GUARDS: readonly Guard[] = ['unowned', 'url-taken', 'depends', 'record'];

/** I1, I2 and I4 at rest: the account is what the file says, or held because the URL belongs to somebody else. */
export function checkAtRest(world: World, desired: Desired, plan: Plan): void {
  const { api, sink } = world;
  if (plan.operations.length > 0)
    world.violate('I1', `the next plan is not empty: ${plan.operations.map(({ key }) => key).join(', ')}`);
  const kept = new Set<string>();
  const excused = excusedNames(world, desired);
  for (const entry of desired.entries) {
    const id = recordIn(sink, entry.name)?.current?.subscription_id;
    const live = id === undefined ? undefined : api.live.get(id);
    if (live) kept.add(live.id);
    if (!excused.has(entry.name)) checkEntry(world, entry, live);
  }
  for (const { id } of liveOfOurs(api)) {
    if (!kept.has(id)) world.violate('I4', `${id} is live beside what the file declares`);
  }
  for (const { name, intent } of recordsIn(sink)) {
    if (!desired.entries.some((entry) => entry.name === name))
      world.violate('I1', `a record is left under ${name}, which is not in the file`);
    if (intent !== null) world.violate('I1', `an intent is left in the record of ${name}`);
  }
  for (const { name, guard, reason } of plan.held) {
    const isExcused = name !== null && excused.has(name) && PERSONS_GUARDS.includes(guard);
    if (!isExcused) world.violate('I1', `${name ?? 'the plan'} stays held: ${guard}, ${reason}`);
  }
}

function checkEntry(world: World, entry: DesiredEntry, live: LiveSubscription | undefined): void {
  if (live === undefined) {
    world.violate('I1', `${entry.name} has no live subscription`);
    return;
  }
  const changes = compareFields(entry.fields, live, null);
  if (changes.length > 0)
    world.violate('I1', `${entry.name} differs in ${changes.map(({ field }) => field).join(', ')}`);
}

/**
 * Entries whose URL somebody else has, entries that wait for the URL of such a one, and entries whose records
 * name one subscription (a rename was interrupted, and the file now has both names): a person must decide.
 */
function excusedNames({ api, sink }: World, { entries }: Desired): ReadonlySet<string> {
  const excused = new Set<string>();
  const isStuck = ({ name, fields }: DesiredEntry): boolean => {
    const id = recordIn(sink, name)?.current?.subscription_id;
    const claims = entries.filter((entry) => recordIn(sink, entry.name)?.current?.subscription_id === id);
    if (id !== undefined && claims.length > 1) return true;
    const occupant = liveAt(api, fields.target_url);
    if (occupant === undefined) return false;
    if (api.issued.get(occupant.id)?.author === OUTSIDER) return true;
    return recordsIn(sink).some(
      ({ name: other, current }) => current?.subscription_id === occupant.id && excused.has(other),
    );
  };
  for (let before = -1; before < excused.size;) {
    before = excused.size;
    for (const entry of entries) if (isStuck(entry)) excused.add(entry.name);
  }
  return excused;
}

/** What is live and was made by a process of ours. */
export function liveOfOurs(api: ModelApi): readonly LiveSubscription[] {
  return [...api.live.values()].filter(({ id }) => api.issued.get(id)?.author !== OUTSIDER);
}
