import { coalesce } from '../domain/coalesce.ts';
import { RefusedError } from '../domain/errors.ts';
import type { Desired } from '../domain/desired.ts';
import type { Plan, Allowance } from '../domain/plan.ts';
import type { Holder } from '../domain/record.ts';
import type { Report } from '../domain/report.ts';
import type { Settings } from '../domain/settings.ts';
import type { PhoneLine } from '../domain/subscription.ts';
import type { LinqReader, LinqWriter } from '../linq/linq-api.ts';
import { refuseAdoption, type Adoptions } from '../plan/adoption.ts';
import type { PlanInput, Rotation } from '../plan/candidate.ts';
import { takeInventory } from '../plan/inventory.ts';
import { narrowPlan } from '../plan/narrow-plan.ts';
import { pauseOf } from '../plan/pauses.ts';
import { planChanges } from '../plan/plan-changes.ts';
import type { SecretReader, SecretSink } from '../secrets/sink.ts';
import { applyPlan } from './apply.ts';
import type { Clock, Progress, Stop } from './context.ts';
import { openInstallation } from './installation.ts';
import { observe, type Seen } from './observe.ts';
import { openRecords } from './records.ts';

/** A request that was sent can land this many times `api.timeout` later at the latest. */
const LANDING_FACTOR = 4;

/**
 * How many operations are in hand at once: while some of them write their records, others have the connections. Who
 * wants one request at a time wants one operation after the other.
 */
function widthFor(concurrency: number): number {
  return concurrency === 1 ? 1 : concurrency * 2;
}

/** What a pass that only looks is given: nothing in here can write. */
export interface PlanContext {
  readonly reader: LinqReader;
  /** What observing reads with, where a stop may cut it off; else it is `reader`. */
  readonly observer?: LinqReader;
  readonly secrets: SecretReader;
  readonly settings: Settings;
  readonly allowances: readonly Allowance[];
  readonly holder: Holder;
  /** Whether a holder certainly works no more. */
  readonly isGone: (holder: Holder) => Promise<boolean>;
  readonly clock: Clock;
  /** The file cannot be used any more, and the pass is made from the last good one. */
  readonly isFileBad: boolean;
  /** Fields that are fought over, as `fightKey` gives them. */
  readonly fights: ReadonlySet<string>;
  /** What a command asks of the secrets of entries. */
  readonly rotate: ReadonlyMap<string, Rotation>;
  /** What a command takes over by replacing it, as `PlanInput` has it. */
  readonly adopt: Adoptions;
}

/** What a pass that applies is given on top. */
export interface PassContext extends PlanContext {
  readonly writer: LinqWriter;
  readonly sink: SecretSink;
  /** A text that was never used before: lower-case letters and digits. */
  readonly unique: () => string;
  /** How long a secret that the sink refuses is tried again, in milliseconds; may be `Infinity`. */
  readonly storeTimeout: number;
  readonly stop: Stop;
  readonly progress: Progress;
  /** Lets receivers read what is stored by now, and fails with `AppError`; absent where they read the sink itself. */
  readonly showSecrets?: () => Promise<void>;
  /** Refuse unless the plan's id begins so. */
  readonly expectedPlan: string | null;
  /** Only what is planned for these names is shown and done; `null`: everything. */
  readonly only: ReadonlySet<string> | null;
  /** Told of the plan before it is applied. */
  readonly onPlan: (plan: Plan) => void | Promise<void>;
  /** Told what a person should know about the sink and the account before the first write. */
  readonly onNotice: (notice: string) => void;
}

/** load → observe → plan → hold: the first half of a pass, which writes nothing. */
export async function planOnce(
  desired: Desired,
  context: PlanContext,
): Promise<{ plan: Plan; seen: Seen; input: PlanInput }> {
  const { settings, holder, clock } = context;
  const seen = await observe(
    desired.entries.map(({ name }) => name),
    {
      reader: context.observer ?? context.reader,
      secrets: context.secrets,
      clock,
      owner: settings.owner,
      holder,
      isGone: context.isGone,
      concurrency: settings.api.concurrency,
    },
  );
  const input = {
    desired,
    observation: seen.observation,
    policy: settings.policy,
    owner: settings.owner,
    allowances: context.allowances,
    holder,
    landingTime: settings.api.timeout * LANDING_FACTOR,
    interval: settings.daemon.interval,
    isFileBad: context.isFileBad,
    fights: context.fights,
    replace: settings.replace,
    rotate: context.rotate,
    adopt: context.adopt,
  };
  return { plan: planChanges(input), seen, input };
}

/** One pass: load → observe → plan → hold → apply → report. */
export async function reconcileOnce(
  desired: Desired,
  context: PassContext,
): Promise<{ plan: Plan; report: Report }> {
  const { plan: whole, seen } = await planOnce(desired, context);
  refuseAdoptions(desired, seen, whole, context);
  const plan = context.only === null ? whole : narrowPlan(whole, context.only);
  await context.onPlan(plan);
  refuseUnexpected(plan, context.expectedPlan);
  if (plan.operations.length === 0 && mustNotWrite(plan, seen, context.settings.owner)) {
    return { plan, report: { items: [], wasInterrupted: context.stop.signal.aborted } };
  }
  return { plan, report: await apply(plan, seen, desired, context) };
}

/** Not even the installation's own record: nothing is ours yet, the account may be another one, or all is paused. */
function mustNotWrite(
  plan: Plan,
  { observation: { installation, serverTime } }: Seen,
  owner: string,
): boolean {
  return (
    installation === null ||
    plan.held.some(({ guard }) => guard === 'account') ||
    pauseOf(installation.pauses, owner, null, serverTime) !== null
  );
}

async function apply(plan: Plan, seen: Seen, desired: Desired, context: PassContext): Promise<Report> {
  const { settings, sink, clock } = context;
  if (plan.operations.length > 0) for (const notice of await sink.check()) context.onNotice(notice);
  const { installation, isFresh } = await openInstallation(seen, sink, context.unique);
  if (isFresh) context.onNotice(freshNotice(sink, seen.observation.lines));
  const applyContext = {
    reader: context.reader,
    writer: context.writer,
    sink,
    records: openRecords(sink, seen.records),
    desired,
    clock,
    serverNow: () => clock.now() + seen.clockOffset,
    unique: context.unique,
    holder: context.holder,
    owner: settings.owner,
    installation: installation.id,
    landingTime: settings.api.timeout * LANDING_FACTOR,
    storeTimeout: context.storeTimeout,
    stop: context.stop,
    progress: context.progress,
    ...(context.showSecrets && { showSecrets: coalesce(context.showSecrets) }),
  };
  return applyPlan(plan, applyContext, widthFor(settings.api.concurrency));
}

/** All or nothing: where one of the names cannot take anything over, nothing is done. */
function refuseAdoptions(
  desired: Desired,
  { observation }: Seen,
  plan: Plan,
  { adopt, settings }: PassContext,
): void {
  if (adopt.size === 0) return;
  const inventory = takeInventory(desired, observation, settings.policy.ignore);
  const refusals = [...adopt].flatMap(([name, id]) => {
    const refusal = refuseAdoption(name, id, inventory, plan);
    return refusal === undefined ? [] : [{ name, ...refusal }];
  });
  const [first] = refusals;
  if (first === undefined) return;
  const reasons = refusals.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new RefusedError(`cannot adopt ${reasons}`, { hint: first.hint });
}

function refuseUnexpected(plan: Plan, expected: string | null): void {
  if (expected === null || plan.id.startsWith(expected)) return;
  throw new RefusedError(`the plan is ${plan.id.slice(0, 12)}, not ${expected}: nothing was applied`, {
    hint: 'the file, the account or the records have changed since; read the new plan',
  });
}

function freshNotice(sink: SecretReader, lines: readonly PhoneLine[] | null): string {
  const numbers = lines?.map(({ phone_number }) => phone_number).join(', ');
  return `first write into ${sink.locate('_installation')}; the account's lines: ${numbers === undefined || numbers === '' ? 'not known' : numbers}`;
}
