import { AppError, SinkError } from '../../src/domain/errors.ts';
import type { Desired } from '../../src/domain/desired.ts';
import type { Allowance, Plan } from '../../src/domain/plan.ts';
import { isSameHolder, ownedIds, type Holder } from '../../src/domain/record.ts';
import type { Report } from '../../src/domain/report.ts';
import type { LinqReader, LinqWriter } from '../../src/linq/linq-api.ts';
import type { Adoptions } from '../../src/plan/adoption.ts';
import type { Rotation } from '../../src/plan/candidate.ts';
import { planOnce, reconcileOnce, type PassContext } from '../../src/reconcile/reconcile-once.ts';
import type { SecretSink } from '../../src/secrets/sink.ts';
import { QUIET } from '../support/quiet-progress.ts';
import { connectApi } from './model-api.ts';
import type { Link } from './model-effect.ts';
import type { Faults } from './model-faults.ts';
import { connectSink } from './model-sink.ts';
import { SETTINGS } from './model-settings.ts';
import { type Actor, type World } from './model-world.ts';
import { watchEffect } from './watched-effects.ts';
import { watchPlan } from './watched-plan.ts';

/** A process of the program. It dies at any effect, and what comes after it is another one. */
export interface Process extends Actor {
  readonly holder: Holder;
  readonly stop: AbortController;
  /** The content of the file as this process last read it. */
  desired: Desired;
  /** What a command asks of its next pass. */
  rotate: ReadonlyMap<string, Rotation>;
  adopt: Adoptions;
  /** The file cannot be used any more, and `desired` is the last good one. */
  isFileBad: boolean;
  /** When its last write of a record took place: until then, at least, its view was the current one. */
  readonly wroteAt: Map<string, number>;
  /** Ids whose record the sink refused although it may have landed: they may be deleted again. */
  readonly unsure: Set<string>;
}

/** What a process talks to. */
interface Clients {
  readonly linq: LinqReader & LinqWriter;
  readonly sink: SecretSink;
}

/** A planted bug: it changes what processes are handed, and never the code under test. */
export interface Bug {
  readonly name: string;
  /** What makes the rare moment in which it matters less rare. */
  readonly faults?: Partial<Faults>;
  readonly spoilWorld?: (world: World) => void;
  readonly spoilClients?: (clients: Clients, world: World) => Clients;
}

/** All processes of a history, dead ones included: who is gone can be judged on one's own host only. */
export interface Household {
  readonly world: World;
  readonly bug: Bug | null;
  readonly processes: Process[];
  /** Marks and ids of installations, so that none is ever used twice. */
  uniques: number;
}

/** Starts a process on `host`; nothing runs yet. */
export function startProcess(home: Household, host: string, skewMs: number, desired: Desired): Process {
  const pid = home.processes.length + 1;
  const process: Process = {
    name: `p${pid}@${host}`,
    isAlive: true,
    pausedUntil: 0,
    skewMs,
    holder: { host, boot: 'boot', pid, started: String(pid), mode: 'run' },
    stop: new AbortController(),
    desired,
    rotate: new Map(),
    adopt: new Map(),
    isFileBad: false,
    wroteAt: new Map(),
    unsure: new Set(),
  };
  home.processes.push(process);
  home.world.note(`${process.name} starts`);
  return process;
}

/** Does it for the process. Undefined when it failed as it may; anything but an `AppError` is a bug. */
export async function attempt<T>(
  { world }: Household,
  process: Process,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) {
      world.violate('bug', error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    world.note(`${process.name} fails: ${String(error)}`);
    return undefined;
  }
}

/** One pass with the process's file. Undefined when it failed as it may. */
export async function runPass(
  home: Household,
  process: Process,
  allowances: readonly Allowance[] = [],
): Promise<{ plan: Plan; report: Report } | undefined> {
  const { world } = home;
  world.note(`${process.name} begins a pass with ${process.desired.content_hash}`);
  const watch = watchPlan(process, world);
  return attempt(home, process, async () => {
    const context = { ...contextOf(home, process, allowances), onPlan: watch };
    const outcome = await reconcileOnce(process.desired, context);
    for (const { name, guard, reason } of outcome.plan.held)
      world.note(`held: ${name ?? ''} ${guard}, ${reason}`);
    world.note(`${process.name} ends a pass: ${describeReport(outcome.report)}`);
    return outcome;
  });
}

/** A plan and nothing else: the process is handed readers only. */
export async function runPlan(
  home: Household,
  process: Process,
  allowances: readonly Allowance[],
): Promise<Plan> {
  const { reader, secrets, ...context } = contextOf(home, process, allowances);
  const { plan } = await planOnce(process.desired, {
    ...context,
    reader: {
      listSubscriptions: () => reader.listSubscriptions(),
      getSubscription: (id) => reader.getSubscription(id),
      listEvents: () => reader.listEvents(),
      listPhoneLines: () => reader.listPhoneLines(),
      requests: () => reader.requests(),
    },
    secrets: {
      locate: (name) => secrets.locate(name),
      list: () => secrets.list(),
      read: (name) => secrets.read(name),
      readInstallation: () => secrets.readInstallation(),
    },
  });
  return plan;
}

/** All that a pass of the process is given. */
export function contextOf(home: Household, process: Process, allowances: readonly Allowance[]): PassContext {
  const { world } = home;
  const { linq, sink } = connect(home, process);
  return {
    reader: linq,
    writer: linq,
    secrets: sink,
    sink,
    settings: { ...SETTINGS, policy: { ...SETTINGS.policy, retire: world.retire, unowned: world.unowned } },
    allowances,
    holder: process.holder,
    isGone: (holder) => Promise.resolve(isGone(home, process, holder)),
    clock: world.clockOf(process),
    unique: () => `u${(home.uniques += 1)}`,
    stop: { signal: process.stop.signal, graceMs: 2_000 },
    progress: QUIET,
    storeTimeout: SETTINGS.secrets.store_timeout,
    isFileBad: process.isFileBad,
    fights: new Set(),
    rotate: process.rotate,
    adopt: process.adopt,
    only: null,
    expectedPlan: null,
    onPlan: () => undefined,
    onNotice: () => undefined,
  };
}

function isGone(home: Household, judge: Process, holder: Holder): boolean {
  const other = home.processes.find((process) => isSameHolder(process.holder, holder));
  return other !== undefined && other.holder.host === judge.holder.host && !other.isAlive;
}

function connect(home: Household, process: Process): Clients {
  const { world, bug } = home;
  const link: Link = (effect) => world.request(process, watchEffect(effect, process, world));
  const sink = connectSink(world.sink, link);
  const clients: Clients = {
    linq: connectApi(world.api, process.name, link),
    sink: {
      ...sink,
      async write(record, expected) {
        try {
          return await sink.write(record, expected);
        } catch (error) {
          if (error instanceof SinkError) for (const id of ownedIds(record)) process.unsure.add(id);
          throw error;
        }
      },
    },
  };
  return bug?.spoilClients?.(clients, world) ?? clients;
}

function describeReport({ items }: Report): string {
  return items.map(({ operation, result }) => `${operation.key} ${result.status}`).join(', ') || 'nothing';
}
