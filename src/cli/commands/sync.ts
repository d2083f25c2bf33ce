import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Desired } from '../../domain/desired.ts';
import { ConfigError, UsageError } from '../../domain/errors.ts';
import type { Adoptions } from '../../plan/adoption.ts';
import type { Rotation } from '../../plan/candidate.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Report, RequestCount } from '../../domain/report.ts';
import { outcomeOfCode, planDocument, renderJson, toJson, type Outcome } from '../../plan/render-json.ts';
import { renderMarkdown } from '../../plan/render-markdown.ts';
import { renderReportText } from '../../plan/render-report.ts';
import { renderPlanText } from '../../plan/render-text.ts';
import type { Stop } from '../../reconcile/context.ts';
import { planOnce, reconcileOnce } from '../../reconcile/reconcile-once.ts';
import type { SecretReader, SecretSink } from '../../secrets/sink.ts';
import { systemClock } from '../clock.ts';
import { codeOfPass, type ExitCode } from '../exit.ts';
import { command, hint, say, type Io } from '../io.ts';
import { openApi, openReader, openSink, planContext, unique, type Api } from '../open.ts';
import { hasSymbols, paintFor } from '../paint.ts';
import { createProgress } from '../progress.ts';
import { withExport } from '../publish.ts';
import { errorNotes, reportError } from '../report-error.ts';
import { loadDesired, openSession, type CommonOptions, type Session } from '../session.ts';
import { withSignals } from '../signals.ts';

/** A little later than something ends, so that it has ended. */
const SOON_MS = 1_000;

export interface SyncOptions extends CommonOptions {
  readonly format: 'text' | 'json' | 'markdown';
  readonly dryRun: boolean;
  readonly detailedExitcode: boolean;
  readonly expectPlan?: string;
  /** Stay until replacements are through. */
  readonly wait?: boolean;
  readonly out?: string;
}

/** What a pass has come to so far, so that the document can tell it even when the pass fails. */
interface Outcomes {
  plan: Plan | null;
  report: Report | null;
  requests: () => RequestCount;
  locate: SecretReader['locate'];
}

/** What a command asks of the secrets of entries, and nothing else is then done. */
interface Request {
  readonly rotate: ReadonlyMap<string, Rotation>;
  readonly adopt: Adoptions;
  readonly only: ReadonlySet<string> | null;
  /** The command that asks the same for these names, which had to wait for others. */
  readonly again: (names: readonly string[]) => readonly string[];
}

/** Finds out what is asked, once the sink is open. */
export type Ask = (sink: SecretSink, session: Session, desired: Desired) => Promise<Request>;

const EVERYTHING: Ask = () =>
  Promise.resolve({ rotate: new Map(), adopt: new Map(), only: null, again: () => [] });

/** One pass: prints the plan, applies it (unless dry) with progress, prints the report. */
export async function sync(options: SyncOptions, io: Io, ask: Ask = EVERYTHING): Promise<ExitCode> {
  const so: Outcomes = {
    plan: null,
    report: null,
    requests: () => ({ reads: 0, writes: 0 }),
    locate: (name) => name,
  };
  let exitCode: ExitCode;
  let failure: unknown = null;
  try {
    exitCode = await (options.dryRun ? dryRun(options, io, so) : wetRun(options, io, so, ask));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    failure = error;
    exitCode = reportError(io, error);
  }
  if (options.format === 'json') {
    const { plan, report } = so;
    const errors = failure === null ? [] : errorNotes(failure);
    const outcome = outcomeOf(exitCode, so);
    io.stdout.write(renderJson({ plan, report, requests: so.requests(), exitCode, outcome, errors }));
  } else if (options.format === 'markdown' && so.plan !== null) {
    io.stdout.write(renderMarkdown(so.plan, so.report, { locate: so.locate, requests: so.requests() }));
  }
  return exitCode;
}

async function dryRun(options: SyncOptions, io: Io, so: Outcomes): Promise<ExitCode> {
  const session = await openSession(io, options);
  const desired = await loadDesired(session, io);
  const api = openApi(session, io);
  try {
    const secrets = openReader(session, io);
    so.requests = () => api.reader.requests();
    so.locate = (name) => secrets.locate(name);
    const { plan } = await planOnce(desired, await planContext(session, api.reader, secrets));
    await showPlan(plan, options, io, so);
    if (options.format === 'text') adviseAdoption(plan, options, io);
    return codeOfPass(plan, null, { detailed: options.detailedExitcode });
  } finally {
    await api.close();
  }
}

async function wetRun(options: SyncOptions, io: Io, so: Outcomes, ask: Ask): Promise<ExitCode> {
  const session = await openSession(io, options);
  const desired = await loadDesired(session, io);
  const { value, signalCode } = await withSignals(io, async (stop, over) => {
    const api = openApi(session, io);
    const sink = openSink(session, io, over);
    try {
      const request = await ask(sink, session, desired);
      const workplace = { session, desired, api, sink, stop };
      const pass = (asked: Request): Promise<ExitCode> =>
        withExport(session, io, sink, (showSecrets) =>
          applyOnce({ ...workplace, showSecrets }, asked, options, io, so),
        );
      let code = await pass(request);
      let rest = lateOf(request, so.plan);
      while (options.wait === true && (await isToGoOn(workplace, rest, io))) {
        code = await pass(rest);
        rest = lateOf(rest, so.plan);
      }
      adviseAfter(rest, options, io, so);
      return code;
    } finally {
      await Promise.all([api.close(), sink.close()]);
    }
  });
  const wasCut = so.report?.items.some(({ result }) => result.status === 'skipped') ?? false;
  return signalCode !== undefined && wasCut ? signalCode : value;
}

/** What is still to be asked for: the names that had to wait until other replacements have ended. */
function lateOf(request: Request, plan: Plan | null): Request {
  const late = new Set(plan?.waiting.flatMap(({ name, until }) => (until === null ? name : [])));
  const ofLate = <T>(asked: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map([...asked].filter(([name]) => late.has(name)));
  return { ...request, rotate: ofLate(request.rotate), adopt: ofLate(request.adopt) };
}

/** Says on stderr how a person goes on. */
function adviseAfter({ rotate, adopt, again }: Request, options: SyncOptions, io: Io, so: Outcomes): void {
  if (so.plan === null || options.format !== 'text') return;
  const late = [...rotate.keys(), ...adopt.keys()];
  const isUnderWay =
    so.plan.waiting.some(({ until }) => until !== null) ||
    so.report?.items.some(({ operation, result }) => operation.kind === 'replace' && 'note' in result);
  if (isUnderWay === true || late.length > 0)
    hint(io, 'stay until it is through', command(['sync', '--wait'], options));
  if (late.length > 0) hint(io, `not begun: ${late.length}; when others are through`, again(late));
  adviseAdoption(so.plan, options, io);
}

/** What is held because its secret is not known: with the secrets at hand, and without. */
function adviseAdoption(plan: Plan, options: SyncOptions, io: Io): void {
  const unowned = plan.held.flatMap(({ guard, name, operation }) =>
    guard === 'unowned' &&
    operation !== null &&
    name !== null &&
    operation.kind === 'replace' &&
    operation.step === 'begin'
      ? name
      : [],
  );
  if (unowned.length === 0) return;
  const all = command(['adopt', '--secret-dir', 'DIR'], options);
  hint(io, 'take over those whose secrets are in DIR, in files of their names', all);
  const others = command(['adopt', '--replace', ...unowned], options);
  hint(io, 'take over by new secrets, without a gap, those whose secrets are lost', others);
}

/** What a pass that applies works on. */
interface Workplace {
  readonly session: Session;
  readonly desired: Desired;
  readonly api: Api;
  readonly sink: SecretSink;
  readonly stop: Stop;
}

async function applyOnce(
  { session, desired, api, sink, stop, showSecrets }: Workplace & { showSecrets: () => Promise<void> },
  request: Request,
  options: SyncOptions,
  io: Io,
  so: Outcomes,
): Promise<ExitCode> {
  so.requests = () => api.reader.requests();
  so.locate = (name) => sink.locate(name);
  const base = await planContext(session, api.reader, sink);
  let progress = createProgress(io, 0);
  const { plan, report } = await reconcileOnce(desired, {
    ...base,
    ...request,
    sink,
    writer: api.writer,
    unique,
    stop,
    showSecrets,
    storeTimeout: session.settings.secrets.store_timeout,
    progress: {
      started: (operation) => progress.started(operation),
      ended: (operation, result) => {
        session.log.info(
          { event: 'operation_ended', operation: operation.key, status: result.status },
          operation.key,
        );
        progress.ended(operation, result);
      },
      unstored: (name, refusal) => progress.unstored(name, refusal),
      settled: (name) => progress.settled(name),
    },
    expectedPlan: options.expectPlan ?? null,
    onPlan: async (plan) => {
      await showPlan(plan, options, io, so);
      progress = createProgress(io, plan.operations.length);
    },
    onNotice: (notice) => say(io, `note: ${notice}`),
  });
  progress.clear();
  so.report = report;
  if (options.format === 'text') {
    const text = renderReportText(report, {
      colours: paintFor(io.stdout, io),
      requests: so.requests(),
      held: plan.held.length,
      waiting: plan.waiting.length,
      ...widthOf(io),
    });
    io.stdout.write(`\n${text}`);
  }
  return codeOfPass(plan, report, { detailed: false });
}

/** Whether a replacement is under way that can be gone on with; waits until it can. */
async function isToGoOn(
  { session, desired, api, sink, stop }: Workplace,
  { rotate, adopt, only }: Request,
  io: Io,
): Promise<boolean> {
  const context = { ...(await planContext(session, api.reader, sink)), rotate, adopt };
  const { plan, seen } = await planOnce(desired, context);
  const isOurs = (name: string): boolean => only === null || only.has(name);
  if (plan.operations.some((operation) => operation.kind === 'replace' && isOurs(operation.name)))
    return true;
  const ends = plan.waiting.flatMap(({ name, kind, until }) =>
    kind === 'replace' && until !== null && isOurs(name) ? [Date.parse(until)] : [],
  );
  if (ends.length === 0 || stop.signal.aborted) return false;
  const end = Math.min(...ends);
  say(io, `waiting until ${new Date(end).toISOString()}: receivers learn the new secret`);
  await systemClock.sleep(end - seen.clockOffset - systemClock.now() + SOON_MS, stop.signal);
  return !stop.signal.aborted;
}

async function showPlan(plan: Plan, options: SyncOptions, io: Io, so: Outcomes): Promise<void> {
  so.plan = plan;
  if (options.out !== undefined) await writePlan(resolve(io.cwd, options.out), plan);
  if (options.format !== 'text') return;
  const text = renderPlanText(plan, {
    colours: paintFor(io.stdout, io),
    locate: so.locate,
    requests: so.requests(),
    dryRun: options.dryRun,
    symbols: hasSymbols(io.stdout, io),
    ...widthOf(io),
  });
  io.stdout.write(text);
}

async function writePlan(path: string, plan: Plan): Promise<void> {
  try {
    await writeFile(path, toJson(planDocument(plan)));
  } catch (error) {
    throw new ConfigError(
      `cannot write the plan to ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function widthOf(io: Io): { width?: number } {
  return io.stdout.columns === undefined ? {} : { width: io.stdout.columns };
}

function outcomeOf(exitCode: ExitCode, { plan, report }: Outcomes): Outcome {
  if (exitCode === 0 && (plan === null || plan.operations.length === 0)) return 'nothing-to-do';
  if (exitCode === 0 && report === null) return 'changes-pending';
  if (exitCode === 3 && plan !== null && (report !== null || plan.held.length > 0)) return 'held';
  return outcomeOfCode(exitCode);
}
