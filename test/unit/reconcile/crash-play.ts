import type { Desired } from '../../../src/domain/desired.ts';
import { AppError } from '../../../src/domain/errors.ts';
import type { Guard, Plan } from '../../../src/domain/plan.ts';
import type { PassContext } from '../../../src/reconcile/reconcile-once.ts';
import { checkAtRest, watchWorld } from '../../simulation/invariants.ts';
import { ownedIds } from '../../../src/domain/record.ts';
import { OUTSIDER } from '../../simulation/model-api.ts';
import type { EffectKind } from '../../simulation/model-effect.ts';
import { randomFrom } from '../../simulation/model-random.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { recordsIn, type ModelSink } from '../../simulation/model-sink.ts';
import { makeWorld, type World } from '../../simulation/model-world.ts';
import { makeBench, placeLive, type Bench, type Step } from './bench.ts';

/*
 * Plays a scene to its rest, cut off at one of its effects. The rules are checked on the model's truth after every
 * single effect, and once more when nothing is left to do.
 */

/** A scene as it is about to begin. */
export interface Opened {
  /** What every pass is for. */
  readonly file: Desired;
  /** What a person runs first, each until it is through, which it says by `true`. */
  readonly commands?: readonly (() => Promise<boolean>)[];
  /** What a pass has beside its defaults; the first has the number 1. */
  readonly pass?: (pass: number) => Partial<PassContext>;
  /** How effects fare where the scene is not cut off: `nth` counts those of the kind. */
  readonly fares?: (kind: EffectKind, nth: number) => Step;
  /** Ground truth, where that is not the bench's sink alone. */
  readonly sink?: ModelSink;
  /** A foreign subscription that there is consent to replace. */
  readonly consented?: string;
  /** A subscription that is ours for exactly as long as a record names it: it is adopted, or released. */
  readonly handed?: string;
  /** A subscription of ours whose secret nobody has any more. */
  readonly lost?: string;
  /** What a person has to decide in the end. */
  readonly leaves?: Guard;
  readonly declaresActivity?: boolean;
  /** Beside the invariants: after every effect, and at rest. */
  readonly check?: () => void;
  readonly checkRest?: () => void;
}

export interface Scene {
  readonly title: string;
  readonly open: (bench: Bench) => Opened | Promise<Opened>;
}

/** Where a scene is cut off: at its effect with this number, and how. */
export interface Cut {
  readonly at: number;
  readonly how: 'a crash before' | 'a crash after' | 'a loss before' | 'a loss after';
  /** Told at a crash: the stack of the call that it cuts off. */
  readonly onCrash?: (stack: string) => void;
}

/** The whole stack, with every function that waits for an answer. */
export function stackHere(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return stack;
}

const MAX_PASSES = 16;
const ALONE = { ...SETTINGS, api: { ...SETTINGS.api, concurrency: 1 } };

/** Thrown through everything: no code catches it, as none runs on after a kill. */
class Crash extends Error {}

/** Gives the kinds of all effects. Fails where a rule is broken, and where it does not come to rest. */
export async function play(scene: Scene, cut?: Cut): Promise<readonly EffectKind[]> {
  const bench = makeBench();
  placeLive(bench, 'https://elsewhere.example.net/');
  const opened = await scene.open(bench);
  const world = worldOf(bench, opened);
  const effects: EffectKind[] = [];
  let isDead = false;
  bench.onEffect = (kind) => {
    if (isDead) return { bug: new Crash() };
    const step = effects.push(kind) - 1 === cut?.at ? stepOf(cut, () => (isDead = true)) : undefined;
    return step ?? opened.fares?.(kind, effects.filter((one) => one === kind).length) ?? {};
  };
  bench.watch = () => {
    world.check();
    opened.check?.();
  };
  bench.watch();
  const commands = [...(opened.commands ?? [])];
  for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
    isDead = false;
    try {
      const [command] = commands;
      if (command === undefined) {
        const overrides = opened.pass?.(pass) ?? {};
        const { plan } = await bench.laterPass(opened.file, { settings: ALONE, ...overrides });
        if (!isQuiet(plan, opened)) continue;
        checkAtRest(world.world, opened.file, plan);
        opened.checkRest?.();
        return effects;
      }
      if (await command()) commands.shift();
    } catch (error) {
      if (!(error instanceof Crash || error instanceof AppError)) throw error;
    }
  }
  throw new Error(`it does not come to rest: ${shown(bench)}`);
}

function stepOf({ how, onCrash }: Cut, die: () => void): Step {
  const crash = (): never => {
    onCrash?.(stackHere());
    die();
    throw new Crash();
  };
  switch (how) {
    case 'a crash before':
      return { before: crash };
    case 'a crash after':
      return { after: crash };
    case 'a loss before':
      return { fail: 'lost' };
    case 'a loss after':
      return { lost: 'lost' };
  }
}

/** The world of the simulation's invariants, on the truth of this bench. */
function worldOf(bench: Bench, opened: Opened): { readonly world: World; readonly check: () => void } {
  const { api } = bench;
  const { consented, handed, lost, sink = bench.sink, declaresActivity = false } = opened;
  const world: World = {
    ...makeWorld(randomFrom(1)),
    api,
    sink,
    declaresActivity,
    now: () => bench.clock.now(),
    violate(invariant, what) {
      if (lost !== undefined && what.endsWith(`has another secret than ${lost}`)) return;
      throw new Error(`${invariant}: ${what}`);
    },
  };
  const watch = watchWorld(world);
  const { onWrite } = api;
  api.onWrite = (write) => {
    if (write.id !== consented) onWrite(write);
  };
  const check = (): void => {
    const issued = handed === undefined ? undefined : api.issued.get(handed);
    if (handed !== undefined && issued !== undefined) {
      const isOurs = recordsIn(sink).some((record) => ownedIds(record).includes(handed));
      api.issued.set(handed, { ...issued, author: isOurs ? 'p0' : OUTSIDER });
    }
    watch.check();
  };
  return { world, check };
}

function isQuiet({ operations, waiting, held }: Plan, { leaves }: Opened): boolean {
  return operations.length + waiting.length === 0 && held.every(({ guard }) => guard === leaves);
}

function shown({ api, sink }: Bench): string {
  const live = [...api.live.values()].map(({ id, target_url, is_active }) => [id, target_url, is_active]);
  return JSON.stringify({ live, records: recordsIn(sink) });
}
