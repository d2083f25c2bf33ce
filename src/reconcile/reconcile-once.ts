import { RefusedError } from '../domain/errors.ts';
import type { Desired } from '../domain/desired.ts';
import type { Plan, Allowance } from '../domain/plan.ts';
import type { Holder } from '../domain/record.ts';
import type { Report } from '../domain/report.ts';
import type { Settings } from '../domain/settings.ts';
import type { PhoneLine } from '../domain/subscription.ts';
import type { LinqReader, LinqWriter } from '../linq/linq-api.ts';
import type { PlanInput, Rotation } from '../plan/candidate.ts';
import { narrowPlan } from '../plan/narrow-plan.ts';
import { planChanges } from '../plan/plan-changes.ts';
import type { SecretReader, SecretSink } from '../secrets/sink.ts';
import { applyPlan } from './apply.ts';
import type { Clock, Progress, Stop } from './context.ts';
import { openInstallation } from './installation.ts';
import { observe, type Seen } from './observe.ts';
import { openRecords } from './records.ts';

/** A request that was sent can land this many times `api.timeout` later at the latest. */
const LANDING_FACTOR = 4;

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
    allowances: context.allowances,
    holder,
    landingTime: settings.api.timeout * LANDING_FACTOR,
    interval: settings.daemon.interval,
    isFileBad: context.isFileBad,
    fights: context.fights,
    replace: settings.replace,
    rotate: context.rotate,
  };
  return { plan: planChanges(input), seen, input };
}

/** One pass: load → observe → plan → hold → apply → report. */
export async function reconcileOnce(
  desired: Desired,
  context: PassContext,
): Promise<{ plan: Plan; report: Report }> {
  const { plan: whole, seen } = await planOnce(desired, context);
  const plan = context.only === null ? whole : narrowPlan(whole, context.only);
  await context.onPlan(plan);
  refuseUnexpected(plan, context.expectedPlan);
  const isAccountHeld = plan.held.some(({ guard }) => guard === 'account');
  if (plan.operations.length === 0 && (seen.observation.installation === null || isAccountHeld)) {
    return { plan, report: { items: [], wasInterrupted: context.stop.signal.aborted } };
  }
  return { plan, report: await apply(plan, seen, desired, context) };
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
  };
  return applyPlan(plan, applyContext, settings.api.concurrency);
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
