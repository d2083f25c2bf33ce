import type { Desired } from '../domain/desired.ts';
import { AppError, RequestError } from '../domain/errors.ts';
import type { Plan } from '../domain/plan.ts';
import type { Report } from '../domain/report.ts';
import type { Progress } from '../reconcile/context.ts';
import { planOnce, reconcileOnce, type PassContext } from '../reconcile/reconcile-once.ts';
import { readStoredSecrets, type StoredSecret } from '../reconcile/stored-secrets.ts';
import type { Board } from './board.ts';
import type { DesiredFile, Look } from './desired-file.ts';
import { entryStates, heldOfNoEntry, withStored } from './entry-states.ts';
import type { Fights } from './fights.ts';
import type { Journal, Published } from './journal.ts';
import type { PassEnd, Trigger } from './loop.ts';
import type { PassResult } from './status.ts';

/** What is remembered of the records, and may be trusted to show that there is nothing to do; see there. */
export type Memory = PassContext['secrets'] & { forget(): void; isFresh(): boolean };

/** The part of a pass's context that is the same for every pass. */
export type BaseContext = Omit<
  PassContext,
  | 'secrets'
  | 'isFileBad'
  | 'fights'
  | 'progress'
  | 'expectedPlan'
  | 'only'
  | 'onPlan'
  | 'onNotice'
  | 'storeTimeout'
>;

export interface PassParts {
  readonly file: DesiredFile;
  readonly base: BaseContext;
  /** `null`: the records are read anew for every pass. */
  readonly memory: Memory | null;
  /** Lets the exported files be those of the records, and fails with `AppError`; `null` where none are wanted. */
  readonly publish: ((secrets: PassContext['secrets']) => Promise<Published>) | null;
  readonly board: Board;
  readonly journal: Journal;
  readonly fights: Fights;
  readonly passEnded: (result: PassResult, seconds: number) => void;
}

/** How reconciling went: with a plan, or with the reason why there is none. */
type Outcome =
  | { readonly plan: Plan; readonly report: Report }
  | { readonly plan: null; readonly error: Failure; readonly retryAfterMs: number };

type Failure = Pick<AppError, 'message' | 'hint'>;

const NOTHING_DONE: Report = { items: [], wasInterrupted: false };
/** For what another process is working on: its deadline is this many times `api.timeout` from its start. */
const LANDING_FACTOR = 4;
/** A little later than something ends, so that it has ended. */
const SOON_MS = 1_000;

/**
 * The daemon's pass: look at the file, reconcile from the last good one, publish what is stored, tell everybody.
 * Failures are data; only a bug rejects.
 */
export function createPass(parts: PassParts): (triggers: readonly Trigger[]) => Promise<PassEnd> {
  const { base, board, journal, fights, memory } = parts;
  /** The plan of the last pass from records that were read anew, and the file that it was made for. */
  let lastFull: { readonly plan: Plan; readonly content_hash: string } | null = null;
  /** What was stored when that could last be read. */
  let lastStored: ReadonlyMap<string, StoredSecret> = new Map();
  let isFirst = true;

  async function reconcile(look: Look, triggers: readonly Trigger[]): Promise<Outcome> {
    const { desired, problem } = look;
    if (desired === null) {
      const error = { message: problem?.message ?? 'there is no file', hint: undefined };
      return { plan: null, error, retryAfterMs: 0 };
    }
    const isAsked = triggers.includes('signal') || triggers.includes('request');
    try {
      const context = contextFor(look);
      if (isAsked) memory?.forget();
      const quiet = await lookQuickly(desired, context);
      if (quiet !== null) return { plan: quiet, report: NOTHING_DONE };
      memory?.forget();
      const { plan, report } = await reconcileOnce(desired, context);
      if (report.items.length > 0) memory?.forget();
      lastFull = { plan, content_hash: desired.content_hash };
      return { plan, report };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const retryAfterMs = error instanceof RequestError ? (error.retryAfterMs ?? 0) : 0;
      return { plan: null, error, retryAfterMs };
    }
  }

  /** The plan from remembered records, where it shows that there is nothing to do; else null. */
  async function lookQuickly(desired: Desired, context: PassContext): Promise<Plan | null> {
    if (memory?.isFresh() !== true || lastFull?.content_hash !== desired.content_hash) return null;
    const { plan } = await planOnce(desired, context);
    const isQuiet = plan.operations.length === 0 && plan.id === lastFull.plan.id;
    if (isQuiet) journal.planned(plan);
    return isQuiet ? plan : null;
  }

  function contextFor({ problem }: Look): PassContext {
    return {
      ...base,
      secrets: memory ?? base.sink,
      isFileBad: problem !== null,
      fights: fights.held(base.clock.now()),
      // Until it is stored, or the process is told to stop.
      storeTimeout: Number.POSITIVE_INFINITY,
      progress: progressOn(board, journal),
      expectedPlan: null,
      only: null,
      onPlan: (plan) => journal.planned(plan),
      onNotice: (notice) => journal.noticed(notice),
    };
  }

  /** Lets the exported files follow; also after a pass that failed, since it needs nothing but the sink. */
  async function publish(): Promise<AppError | null> {
    if (parts.publish === null) return null;
    try {
      journal.exported(await parts.publish(memory ?? base.sink));
      return null;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      journal.exportFailed(error);
      return error;
    }
  }

  /** What is stored now; null where the sink cannot be read, which the pass itself has said. */
  async function readStored(): Promise<ReadonlyMap<string, StoredSecret> | null> {
    try {
      return await readStoredSecrets(memory ?? base.sink, base.settings.owner);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return null;
    }
  }

  /** Before anything is asked of Linq: what is stored is enough for an application to start with. */
  async function showStored(look: Look): Promise<void> {
    const exportFailure = await publish();
    const stored = await readStored();
    board.update({ awaited: exportFailure === null ? awaitedOf(look, stored) : null });
  }

  return async (triggers) => {
    const startedAt = base.clock.now();
    board.updatePass({ isRunning: true, nextAt: null });
    const look = await parts.file.look(startedAt);
    journal.looked(look);
    board.update({ config: { loaded: look.loaded, problem: look.problem } });
    if (isFirst) await showStored(look);
    isFirst = false;
    const outcome = await reconcile(look, triggers);
    const exportFailure = await publish();
    const stored = await readStored();
    if (outcome.plan !== null) journal.fought(fights.note(outcome.report, base.clock.now()));

    const endedAt = base.clock.now();
    const error = errorOf(outcome) ?? exportFailure;
    const result = resultOf(outcome, error);
    const isFailure = result === 'failed' || result === 'incomplete';
    const { entries, pass } = board.status();
    lastStored = stored ?? lastStored;
    board.update({
      ...(outcome.plan === null || look.desired === null
        ? { entries: withStored(entries, lastStored) }
        : {
            entries: entryStates(look.desired, outcome.plan, outcome.report, lastStored),
            foreign: outcome.plan.foreign.length,
            held: heldOfNoEntry(outcome.plan),
          }),
      awaited: exportFailure === null ? awaitedOf(look, stored) : null,
    });
    board.updatePass({
      isRunning: false,
      last: { result, startedAt, endedAt, error: error?.message ?? null },
      lastPlanAt: outcome.plan === null ? pass.lastPlanAt : endedAt,
      lastSuccessAt: isFailure ? pass.lastSuccessAt : endedAt,
      failures: isFailure ? pass.failures + 1 : 0,
    });
    parts.passEnded(result, (endedAt - startedAt) / 1000);
    // A stop cuts observing off: nothing was in hand, and nothing is wrong.
    const wasCut = outcome.plan === null && base.stop.signal.aborted;
    if (!wasCut) journal.passEnded(error, { result, triggers, seconds: (endedAt - startedAt) / 1000 });
    return {
      isFailure,
      retryAfterMs: retryAfterOf(outcome),
      againMs: againAfter(outcome, base),
    };
  };
}

function progressOn(board: Board, journal: Journal): Progress {
  const without = (name: string): readonly string[] =>
    board.status().unstored.filter((other) => other !== name);
  return {
    started: () => undefined,
    ended: (operation, result) => journal.ended(operation, result),
    unstored(name, refusal) {
      board.update({ unstored: [...without(name), name].sort() });
      journal.unstored(name, refusal);
    },
    settled(name) {
      board.update({ unstored: without(name) });
      journal.settled(name);
    },
  };
}

function resultOf(outcome: Outcome, error: Failure | null): PassResult {
  if (outcome.plan === null) return 'failed';
  if (error !== null) return 'incomplete';
  return outcome.report.items.some(({ result }) => result.status === 'done') ? 'changed' : 'unchanged';
}

/** Why the pass failed, or the first of its operations did. */
function errorOf(outcome: Outcome): Failure | null {
  if (outcome.plan === null) return outcome.error;
  for (const { operation, result } of outcome.report.items) {
    if ('error' in result) return { message: `${operation.key}: ${result.error}`, hint: result.hint };
  }
  return null;
}

function retryAfterOf(outcome: Outcome): number {
  if (outcome.plan === null) return outcome.retryAfterMs;
  return Math.max(
    0,
    ...outcome.report.items.map(({ result }) => ('error' in result ? (result.retryAfterMs ?? 0) : 0)),
  );
}

/** When there is something to go on with, in milliseconds from now; null where nobody knows. */
function againAfter(outcome: Outcome, { settings, clock }: BaseContext): number | null {
  if (outcome.plan === null) return null;
  const landing = settings.api.timeout * LANDING_FACTOR;
  const times = outcome.plan.waiting.flatMap(({ until }) =>
    until === null ? [] : [Math.max(0, Date.parse(until) - clock.now()) + SOON_MS],
  );
  if (isInFlight(outcome)) times.push(landing);
  // One that has just begun to overlap is not in the plan that began it; what waits for another is gone on with after it.
  const hasReplaced = outcome.report.items.some(({ operation }) => operation.kind === 'replace');
  if (hasReplaced) times.push(Math.max(settings.replace.overlap, landing) + SOON_MS);
  if (hasReplaced && outcome.plan.waiting.some(({ until }) => until === null)) times.push(SOON_MS);
  return times.length === 0 ? null : Math.min(...times);
}

function isInFlight(outcome: Outcome): boolean {
  if (outcome.plan === null) return false;
  return (
    outcome.plan.held.some(({ guard }) => guard === 'in-flight') ||
    outcome.report.items.some(({ result }) => result.status === 'held' && result.guard === 'in-flight')
  );
}

/** Whose secret is not there yet; null where nobody knows. */
function awaitedOf(
  { desired }: Look,
  stored: ReadonlyMap<string, StoredSecret> | null,
): readonly string[] | null {
  if (stored === null || (desired === null && stored.size === 0)) return null;
  const names = desired === null ? [...stored.keys()] : desired.entries.map(({ name }) => name);
  return names.filter((name) => stored.get(name)?.hasSecret !== true).sort();
}
