import { setImmediate } from 'node:timers/promises';
import { AppError } from '../../src/domain/errors.ts';
import type { Policy } from '../../src/domain/settings.ts';
import type { Clock } from '../../src/reconcile/context.ts';
import { makeApi, type ModelApi } from './model-api.ts';
import type { Effect } from './model-effect.ts';
import { drawFate, type Fate, type Faults } from './model-faults.ts';
import type { Random } from './model-random.ts';
import { makeSink, type ModelSink } from './model-sink.ts';

/** How long a request that was sent may take to land; four times the API timeout of the settings. */
export const LANDING_TIME = 60_000;
const START = Date.parse('2026-03-01T00:00:00Z');

/** What the scheduler knows of a process. */
export interface Actor {
  readonly name: string;
  /** Dead: what it was about to do does not happen any more. */
  isAlive: boolean;
  /** The process stands still until this step. */
  pausedUntil: number;
  /** Its clock, compared with the API server's. */
  readonly skewMs: number;
}

interface Task {
  /** Null for what happens without any process: a request that is on its way, a restart. */
  readonly owner: Actor | null;
  readonly label: string;
  due: number;
  /** It happens by then at the latest. */
  readonly by: number;
  readonly run: () => void;
}

/** One account, one sink, and the scheduler that lets one effect at a time take place. */
export interface World {
  readonly api: ModelApi;
  readonly sink: ModelSink;
  readonly random: Random;
  /** Null once faults have stopped. */
  faults: Faults | null;
  /** Until then the sink takes no write. */
  sinkFullUntil: number;
  /** Ids that an outsider deleted or deactivated. */
  readonly meddledWith: Set<string>;
  /** Ids that a process was to delete, since its version of the file lacks the entry. */
  readonly pruned: Set<string>;
  /** Some version of the file declares `is_active`. */
  declaresActivity: boolean;
  /** How long what left the file is retired, in milliseconds. */
  retire: number;
  unowned: Policy['unowned'];
  /** Foreign subscriptions whose secret a person has given to us, and those of them that a record has named since. */
  readonly offered: Set<string>;
  readonly adopted: Set<string>;
  /** URLs at which a person has consented to replace whatever is live, and the foreign ones that were there. */
  readonly consents: Set<string>;
  readonly replaceable: Set<string>;
  /** Since when a replacement's secret stands in the sink. */
  readonly storedSince: Map<string, number>;
  /** Entries whose secret was to be replaced without an overlap. */
  readonly compromised: Set<string>;
  /** Processes that stood still before a deactivation, until it did harm. */
  readonly stoodStill: Set<string>;
  readonly trace: readonly string[];
  step: number;
  now(): number;
  note(text: string): void;
  /** The first violation is kept. */
  violate(invariant: string, what: string): void;
  violation: { readonly invariant: string; readonly what: string } | null;
  request<T>(actor: Actor, effect: Effect<T>): Promise<T>;
  clockOf(actor: Actor): Clock;
  /** Does something without a process, at a random moment within `ms`. */
  later(label: string, ms: number, run: () => void): void;
  /** The actor dies: requests that it has sent may still land. */
  kill(actor: Actor): void;
  /** Lets time pass; what must happen by then happens. */
  advance(ms: number): void;
  /** One effect, chosen by the seed; false when nothing is left to do. */
  next(): Promise<boolean>;
}

/** A world without faults; `faults` are set by the history. */
export function makeWorld(random: Random): World {
  let now = START;
  const tasks: Task[] = [];
  const trace: string[] = [];
  const world: World = {
    api: makeApi(() => now),
    sink: makeSink(),
    random,
    faults: null,
    sinkFullUntil: 0,
    meddledWith: new Set(),
    pruned: new Set(),
    declaresActivity: false,
    retire: 0,
    unowned: 'hold',
    offered: new Set(),
    adopted: new Set(),
    consents: new Set(),
    replaceable: new Set(),
    storedSince: new Map(),
    compromised: new Set(),
    stoodStill: new Set(),
    trace,
    step: 0,
    violation: null,
    now: () => now,
    note: (text) => void trace.push(`${world.step} +${now - START}ms ${text}`),
    violate(invariant, what) {
      world.violation ??= { invariant, what };
    },
    request: (actor, effect) =>
      new Promise((resolve, reject) => {
        schedule(actor, effect.label, 0, () => send(actor, effect, resolve, reject));
      }),
    clockOf: (actor) => ({
      now: () => now + actor.skewMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const hurry = (): void => void (task.due = Math.min(task.due, now));
          const task = schedule(actor, 'wake', signal?.aborted ? 0 : ms, () => {
            signal?.removeEventListener('abort', hurry);
            resolve();
          });
          signal?.addEventListener('abort', hurry, { once: true });
        }),
    }),
    later: (label, ms, run) => void schedule(null, label, random.below(ms), run, now + ms),
    kill(actor) {
      actor.isAlive = false;
      world.note(`${actor.name} dies`);
      for (let index = tasks.length - 1; index >= 0; index -= 1) {
        if (tasks[index]?.owner === actor) tasks.splice(index, 1);
      }
    },
    advance,
    async next() {
      let task = choose();
      if (task === undefined) {
        // What has just landed may have answered a process that goes on only now.
        await setImmediate();
        task = choose();
      }
      if (task === undefined) return false;
      world.step += 1;
      perform(task);
      now += random.below(300);
      await setImmediate();
      return true;
    },
  };
  return world;

  function schedule(
    owner: Actor | null,
    label: string,
    delay: number,
    run: () => void,
    by = Number.POSITIVE_INFINITY,
  ): Task {
    const task = { owner, label, due: now + delay, by, run };
    if (owner === null || owner.isAlive) tasks.push(task);
    return task;
  }

  function perform(task: Task): void {
    tasks.splice(tasks.indexOf(task), 1);
    if (task.label !== 'answer' && task.label !== 'wake') {
      world.note(`${task.owner?.name ?? 'late'}: ${task.label}`);
    }
    task.run();
  }

  function choose(): Task | undefined {
    const isReady = (task: Task): boolean => task.due <= now && (task.owner?.pausedUntil ?? 0) <= world.step;
    const ready = tasks.filter(isReady);
    if (ready.length > 0) return random.pick(ready);
    const due = tasks.filter((task) => task.due <= now);
    if (due.length > 0) return random.pick(due);
    if (tasks.length === 0) return undefined;
    advance(Math.min(...tasks.map((task) => task.due)) - now);
    return choose();
  }

  function advance(ms: number): void {
    const end = now + Math.max(0, ms);
    for (;;) {
      const [first] = tasks.filter(({ by }) => by <= end).sort((a, b) => a.by - b.by);
      if (first === undefined) break;
      now = Math.max(now, first.by);
      perform(first);
    }
    now = end;
  }

  function send<T>(
    actor: Actor,
    effect: Effect<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void {
    const answer = (settle: () => void): void => {
      // The answer is on its way for a while: meanwhile others go on.
      if (world.faults !== null && random.chance(0.3)) void schedule(actor, 'answer', 0, settle);
      else settle();
    };
    const take = (): (() => void) => {
      try {
        const value = takeEffect(effect);
        return () => resolve(value);
      } catch (error) {
        if (error instanceof AppError) return () => reject(error);
        throw error;
      }
    };
    const fail = (how: Parameters<typeof effect.fail>[0]): void => answer(() => reject(effect.fail(how)));
    const land = (run: () => void): void => {
      void schedule(null, `lands: ${effect.label}`, random.below(LANDING_TIME), run, now + LANDING_TIME);
    };
    const fate = fateOf(effect);
    if (fate !== 'answered') world.note(`${actor.name}:   ${fate}`);
    switch (fate) {
      case 'answered':
        answer(take());
        break;
      case 'slow':
        land(() => {
          const settle = take();
          if (actor.isAlive) answer(settle);
        });
        break;
      case 'late':
        land(() => void take());
        fail('lost');
        break;
      case 'lost-after':
      case 'broken-after':
        take();
        fail(fate === 'lost-after' ? 'lost' : 'broken');
        break;
      case 'lost-before':
        fail('lost');
        break;
      case 'not-sent':
      case 'busy':
      case 'refused':
        fail(fate);
        break;
    }
  }

  function fateOf<T>(effect: Effect<T>): Fate {
    if (world.faults === null) return 'answered';
    if (effect.kind === 'sink-write' && now < world.sinkFullUntil) return 'lost-before';
    return drawFate(effect.kind, world.faults, random);
  }

  function takeEffect<T>(effect: Effect<T>): T {
    const { hidden, live } = world.api;
    const lacks = effect.kind === 'list' && world.faults !== null && random.chance(world.faults.listLacks);
    if (lacks && live.size > 0) hidden.add(random.pick([...live.keys()]));
    try {
      return effect.take();
    } finally {
      hidden.clear();
    }
  }
}
