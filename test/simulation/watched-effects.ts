import type { Desired } from '../../src/domain/desired.ts';
import { ownedIds, type EntryRecord } from '../../src/domain/record.ts';
import type { Effect } from './model-effect.ts';
import { SETTINGS } from './model-settings.ts';
import { recordsIn } from './model-sink.ts';
import { LANDING_TIME, type World } from './model-world.ts';

/** What the rules need to know of a process. */
interface Watched {
  readonly name: string;
  readonly desired: Desired;
  /** When its last write of a record took place: until then, at least, its view was the current one. */
  readonly wroteAt: Map<string, number>;
  /** Ids whose record the sink refused although it may have landed: they may be deleted again. */
  readonly unsure: ReadonlySet<string>;
}

/** The effect, with the rules that its process must keep: what counts is what stands at the decision. */
export function watchEffect<T>(effect: Effect<T>, process: Watched, world: World): Effect<T> {
  const { kind, subscription: id, patch, record } = effect;
  if (record !== undefined) return noteWrite(effect, record, process, world);
  if (id === undefined) return effect;
  if (kind === 'delete') return watchDelete(effect, id, process, world);
  return patch?.is_active === false ? watchDeactivation(effect, id, process, world) : effect;
}

function noteWrite<T>(effect: Effect<T>, record: string, process: Watched, world: World): Effect<T> {
  return {
    ...effect,
    take() {
      const answer = effect.take();
      process.wroteAt.set(record, world.now());
      return answer;
    },
  };
}

/**
 * I2: a subscription whose secret is stored is deleted only by a process whose file lacks the entry, by the one that
 * was told that its secret was not stored, when a replacement was given up by command, or when the one that replaces it has taken over.
 */
function watchDelete<T>(effect: Effect<T>, id: string, process: Watched, world: World): Effect<T> {
  const declared = new Set(process.desired.entries.map(({ name }) => name));
  const keepers = (): readonly EntryRecord[] =>
    recordsIn(world.sink).filter((record) => ownedIds(record).includes(id));
  if (keepers().some(({ name }) => !declared.has(name))) {
    world.pruned.add(id);
    return effect;
  }
  const isGivenUp = keepers().some(({ next }) => next?.subscription_id === id && next.ending === 'drop');
  if (isGivenUp) return effect;
  const replaced = recordsIn(world.sink).find(
    ({ current, retire, next }) =>
      next !== null && [current, retire].some((one) => one?.subscription_id === id),
  );
  if (replaced !== undefined) {
    checkSwitch(replaced, id, process, world);
    return effect;
  }
  return {
    ...effect,
    take() {
      const last = keepers().at(-1);
      if (last !== undefined && world.api.live.has(id) && !process.unsure.has(id)) {
        world.violate('I2', `${process.name} deletes ${id}, whose secret is stored under ${last.name}`);
      }
      return effect.take();
    },
  };
}

/** Make before break (5.1): the old one goes when the new one is live and active, and receivers had time to learn its secret. */
function checkSwitch({ name, next }: EntryRecord, id: string, process: Watched, world: World): void {
  const nextId = next?.subscription_id ?? '';
  const [old, live] = [world.api.live.get(id), world.api.live.get(nextId)];
  const isOurs = !world.declaresActivity && !world.meddledWith.has(id) && !world.meddledWith.has(nextId);
  if (old?.is_active === true && live?.is_active !== true && isOurs)
    world.violate('gap', `${process.name} deletes ${id} before ${nextId} is active`);
  const learned = world.now() - (world.storedSince.get(nextId) ?? world.now());
  // What is to be inactive has nothing to overlap with.
  if (old?.is_active !== true || world.declaresActivity) return;
  if (learned < SETTINGS.replace.overlap && !world.compromised.has(name))
    world.violate('overlap', `${process.name} deletes ${id} ${learned} ms after ${nextId} was stored`);
}

/**
 * Nobody is left without an active subscription, also by a deactivation that lands late. Only a process that stood still,
 * so that it lands later after its claim than a request takes, can do so: no one can know of it, and it is noted.
 */
function watchDeactivation<T>(effect: Effect<T>, id: string, process: Watched, world: World): Effect<T> {
  // What the process's file lacks is retired by it; where another file has it, it is revived.
  const declared = new Set(process.desired.entries.map(({ name }) => name));
  const isRetired = recordsIn(world.sink).some(
    (one) => ownedIds(one).includes(id) && !declared.has(one.name),
  );
  // As it is now: before a late deactivation lands, the process may write the record again.
  const wroteAt = new Map(process.wroteAt);
  return {
    ...effect,
    take() {
      const record = recordsIn(world.sink).find((one) => ownedIds(one).includes(id));
      const others = record ? [...ownedIds(record), record.retire?.subscription_id ?? ''] : [];
      const isOnly =
        record !== undefined &&
        !others.some((other) => other !== id && world.api.live.get(other)?.is_active === true);
      const isActive = world.api.live.get(id)?.is_active === true;
      const isTooLate = world.now() - (wroteAt.get(record?.name ?? '') ?? 0) > LANDING_TIME;
      if (isRetired && isTooLate) world.stoodStill.add(process.name);
      const isExcused =
        isRetired ||
        (record !== undefined && record.retired !== null) ||
        world.declaresActivity ||
        world.meddledWith.size > 0 ||
        // What such a process has left inactive is replaced by what is inactive, too.
        world.stoodStill.size > 0 ||
        others.some((other) => world.pruned.has(other));
      if (isOnly && isActive && !isExcused) {
        if (isTooLate) world.stoodStill.add(process.name);
        else world.violate('gap', `${process.name} deactivates ${id}, which alone is active`);
      }
      return effect.take();
    },
  };
}
