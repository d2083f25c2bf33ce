import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConfigError, SinkError } from '../../src/domain/errors.ts';
import type { Desired } from '../../src/domain/desired.ts';
import { rememberRecords } from '../../src/secrets/remembered-records.ts';
import type { Clock } from '../../src/reconcile/context.ts';
import { connectApi, createIn, deleteIn, makeApi, OUTSIDER, updateIn } from '../simulation/model-api.ts';
import type { ModelApi } from '../simulation/model-api.ts';
import type { Failure, Link } from '../simulation/model-effect.ts';
import { randomFrom, type Random } from '../simulation/model-random.ts';
import { connectSink, makeSink, recordsIn, type ModelSink } from '../simulation/model-sink.ts';
import { openEditedFile, type EditedFile } from './daemon-model-file.ts';
import { startModelDaemon, type ModelDaemon } from './daemon-model-parts.ts';

/** One daemon that runs for years in a minute: passes, edits, drift, outages, without an end. */
export interface EnduringDaemon extends ModelDaemon {
  readonly stop: AbortController;
  /** What has happened so far: kinds of operations, results of passes, fights. */
  readonly seen: ReadonlySet<string>;
  /** Resolves when so many passes have ended, and the daemon waits; it stands still until `goOn`. */
  waitFor(passes: number): Promise<void>;
  goOn(): void;
}

interface Surroundings {
  readonly random: Random;
  readonly api: ModelApi;
  readonly sink: ModelSink;
  readonly file: EditedFile;
  /** The share of requests that fail. */
  trouble: number;
  isFileBad: boolean;
  /** Somebody changes this subscription back after every pass. */
  fought: string | null;
  /** Requests that land after the daemon has given them up. */
  readonly late: (() => void)[];
}

const START = Date.parse('2026-03-01T00:00:00Z');
const ENTRIES = 5;
const HOUR_MS = 3_600_000;
/** How many times as often as another request. */
const CREATES_FAIL = 6;
const FAILURES: readonly Failure[] = ['not-sent', 'lost', 'broken', 'busy', 'refused'];

export function startEnduringDaemon(seed: number): EnduringDaemon {
  let now = START;
  let passes = 0;
  let uniques = 0;
  let arrival: { readonly passes: number; readonly arrived: () => void } | null = null;
  let goOn = (): void => undefined;
  const random = randomFrom(seed);
  const world: Surroundings = {
    ...{ random, api: makeForgetfulApi(() => now), sink: makeSink(), file: openEditedFile(random, ENTRIES) },
    ...{ trouble: 0, isFileBad: false, fought: null, late: [] },
  };
  const seen = new Set<string>();
  const stop = new AbortController();
  const link = unreliable(world);
  const sink = connectSink(world.sink, link);
  const clock: Clock = {
    now: () => now,
    async sleep(ms, signal) {
      now += ms;
      await turn(signal);
    },
  };
  const daemon = startModelDaemon({
    linq: connectApi(world.api, 'daemon', link),
    sink,
    holder: { host: 'a', boot: 'boot', pid: 1, started: '1', mode: 'run' },
    isGone: () => false,
    clock,
    loopClock: {
      now: () => now,
      async sleep(ms, signal) {
        if (arrival !== null && passes >= arrival.passes) {
          arrival.arrived();
          arrival = null;
          await new Promise<void>((resolve) => (goOn = resolve));
        }
        meddle(world);
        const sleeping = clock.sleep(Math.ceil(ms * (random.below(1_000) / 1_000)), signal);
        if (random.chance(0.1)) daemon.trigger(random.pick(['file', 'signal', 'request']));
        await sleeping;
      },
    },
    unique: () => `u${(uniques += 1)}`,
    random: () => random.below(1_000) / 1_000,
    stop: stop.signal,
    load: () => readFile(world),
    memory: rememberRecords(sink, { maxAgeMs: HOUR_MS, now: () => now }),
    publish(secrets) {
      return secrets.list().then((names) => {
        if (random.chance(0.01)) throw new SinkError('cannot write the exported files: model');
        const changed = random.chance(0.1) ? names : [];
        return { wrote: changed.length > 0, changed, removed: [], warnings: [] };
      });
    },
    listen: (journal) => ({
      ...journal,
      ended(operation, result) {
        seen.add(operation.kind);
        journal.ended(operation, result);
      },
      fought(fights) {
        if (fights.length > 0) seen.add('fight');
        journal.fought(fights);
      },
    }),
    onPassEnd() {
      passes += 1;
      seen.add(daemon.board.status().pass.last?.result ?? 'none');
      forgetPast(world);
    },
  });
  return {
    ...daemon,
    stop,
    seen,
    waitFor: (count) => new Promise((arrived) => (arrival = { passes: count, arrived })),
    goOn: () => goOn(),
  };
}

/** A turn of the event loop; a timer of Node listens to the signal in the same way. */
async function turn(signal: AbortSignal | undefined): Promise<void> {
  try {
    await nextTurn(undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
  }
}

function readFile({ isFileBad, file }: Surroundings): Desired {
  if (!isFileBad) return file.newest().desired;
  throw new ConfigError('cannot use the file: it has a problem', [
    { file: 'subscriptions.yaml', position: { line: 1, column: 1 }, message: 'model' },
  ]);
}

/** What happens between two passes. */
function meddle(world: Surroundings): void {
  const { random, file } = world;
  if (random.chance(0.25)) {
    file.edit();
    file.versions.splice(0, file.versions.length - 1);
  }
  if (random.chance(0.02)) world.trouble = random.pick([0, 0, 0.02, 0.1]);
  if (random.chance(0.05)) world.isFileBad = random.chance(0.2);
  for (const land of world.late.splice(0)) land();
  drift(world);
}

/** A person with the same API key changes, deletes or makes something. */
function drift(world: Surroundings): void {
  const { random, api, sink } = world;
  const ours = recordsIn(sink).flatMap(({ current }) => current?.subscription_id ?? []);
  const live = ours.filter((id) => api.live.has(id));
  const foreign = [...api.live.keys()].filter((id) => api.issued.get(id)?.author === OUTSIDER);
  if (random.chance(0.05)) world.fought = random.chance(0.5) ? (live[0] ?? null) : null;
  if (world.fought !== null && api.live.has(world.fought)) {
    updateIn(api, world.fought, { subscribed_events: ['message.delivered'] }, OUTSIDER);
  }
  if (live.length === 0 || !random.chance(0.2)) return;
  const id = random.pick(live);
  const deeds = [
    () => void updateIn(api, id, { subscribed_events: ['message.delivered'] }, OUTSIDER),
    () => void updateIn(api, id, { is_active: random.chance(0.5) }, OUTSIDER),
    () => void updateIn(api, id, { target_url: `https://elsewhere.example.net/${id}` }, OUTSIDER),
    () => void deleteIn(api, id, OUTSIDER),
    () => {
      const [first] = foreign;
      if (foreign.length > 2 && first !== undefined) deleteIn(api, first, OUTSIDER);
      else createIn(api, elsewhere(api), OUTSIDER);
    },
  ];
  random.pick(deeds)();
}

function elsewhere(api: ModelApi) {
  const target_url = `https://elsewhere.example.net/hook-${api.issued.size}`;
  return { target_url, subscribed_events: ['message.read'], phone_numbers: null };
}

/**
 * Requests that fail, before or after they have taken place. A create is the rarest request, and what follows
 * from its lost answer the rarest of all: it fails more often, or a run may end without one to collect.
 */
function unreliable(world: Surroundings): Link {
  return async (effect) => {
    const { random } = world;
    const trouble = effect.kind === 'post' ? world.trouble * CREATES_FAIL : world.trouble;
    if (!random.chance(trouble)) return Promise.resolve(effect.take());
    const failure = random.pick(FAILURES);
    if (effect.kind === 'post' && failure === 'lost' && random.chance(0.5)) world.late.push(effect.take);
    else if ((failure === 'lost' || failure === 'broken') && random.chance(0.5)) effect.take();
    throw effect.fail(failure);
  };
}

/** An account that can forget what is gone, and still uses no id twice. */
function makeForgetfulApi(now: () => number): ModelApi {
  const api = makeApi(now);
  const { issued } = api;
  const set = issued.set.bind(issued);
  let count = 0;
  issued.set = (id, one) => {
    count += 1;
    return set(id, one);
  };
  Object.defineProperty(issued, 'size', { get: () => count });
  return api;
}

/** The model must not grow itself. Names are not used again, so nobody misses the version that a removal leaves. */
function forgetPast({ api, sink, file }: Surroundings): void {
  for (const id of api.issued.keys()) if (!api.live.has(id)) api.issued.delete(id);
  const names = new Set(file.newest().desired.entries.map(({ name }) => name));
  for (const [name, { record }] of sink.slots)
    if (record === null && !names.has(name)) sink.slots.delete(name);
}
