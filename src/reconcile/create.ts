/*
 * Creating a subscription whose secret the API shows exactly once.
 *
 *   absent ─put intent─▶ creating ─POST marked─▶ 201 ─put current+secret─▶ stored ─PUT declared URL─▶ active
 *     (expect: absent)      │                     │  (expect: version)                   │
 *                           │                     │                                      │
 *      refused (4xx) ◀──────┤                     ├─ sink fails: try again until the     ├─ URL taken meanwhile:
 *      → intent cleared     │                     │  deadline, then DELETE it            │  ours stays at the marked
 *                           │                     │                                      │  URL, held `url-taken`
 *                           │                     └─ version lost: another process took
 *                           │                        over → DELETE what was made here
 *                           │
 *                           └─ unknown (timeout, reset, 5xx, unreadable 2xx) → look for the marked URL:
 *                              live → claim, DELETE; then a new intent with a new mark, POST again (bounded)
 *
 * Every POST goes to a URL with a mark that was never used before, and the intent that names it is durable
 * before the POST. So after any crash a live subscription is unfinished and ours if and only if its URL
 * carries our mark and no record has its id; and whatever arrives late can be told from everything else.
 * A crash leaves either the intent (the next pass claims and cleans up) or the stored record with a marked
 * URL (an ordinary difference for the next pass).
 */
import { AppError, RequestError, SinkConflictError } from '../domain/errors.ts';
import type { CreateOperation } from '../domain/operation.ts';
import { emptyRecord, type EntryRecord, type StoredSubscription } from '../domain/record.ts';
import type { OperationResult } from '../domain/report.ts';
import type { SubscriptionFields } from '../domain/subscription.ts';
import { makeMark, markOf, markUrl, normaliseUrl } from '../domain/target-url.ts';
import type { CreatedSubscription } from '../linq/linq-api.ts';
import { serverTime, type ApplyContext, type Stop } from './context.ts';
import { conflictResult, failure } from './results.ts';
import { appliedFrom, changed, clearIntent } from './claim.ts';
import { isClaimed, isUnclaimed } from './unclaimed.ts';

const MAX_ATTEMPTS = 3;
const MAX_PAUSE_MS = 60_000;
/** After a 429 nothing was made, and the API says when it wants the request. */
const MAX_LIMITED = { attempts: 10, pausesMs: 120_000 };
const FIRST_PAUSE_MS = 500;
const STORE_PAUSE_MS = { first: 1_000, longest: 10_000 };

/** A subscription to be made for an entry, and the record that is to hold its secret. */
export interface Making {
  readonly name: string;
  readonly fields: SubscriptionFields;
  /** The record before, without the intent. */
  readonly base: (record: EntryRecord) => EntryRecord;
  /** The record with the new subscription and its secret in it, and without the intent. */
  readonly stored: (base: EntryRecord, stored: StoredSubscription) => EntryRecord;
}

/** What came of it: the subscription, live at its marked URL with its secret stored; or nothing, and why. */
export type Made =
  | { readonly kind: 'made'; readonly id: string }
  | { readonly kind: 'not-made'; readonly result: OperationResult };

/** Creates the entry's subscription; how it ended is data, except that a bug throws. */
export async function createEntry(
  operation: CreateOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  const { name, fields } = operation;
  const made = await makeSubscription(
    {
      name,
      fields,
      base: (record) => record,
      stored: (base, own) => recordOf(operation, base, own, context),
    },
    context,
  );
  return made.kind === 'made' ? activate(operation, made.id, context) : made.result;
}

/** The protocol up to a stored secret; the subscription is then at its marked URL. */
export async function makeSubscription(making: Making, context: ApplyContext): Promise<Made> {
  const { name, fields: declared } = making;
  let pausesMs = 0;
  for (let attempt = 1; ; attempt += 1) {
    if (context.stop.signal.aborted)
      return giveUp(name, context, { status: 'skipped', reason: 'interrupted' });
    const url = markUrl(declared.target_url, makeMark(context.installation, context.unique()));
    const base = making.base(context.records.get(name) ?? emptyRecord(name, context.owner));
    await putIntent(base, url, context);
    let created: CreatedSubscription;
    try {
      const { is_active, ...fields } = declared;
      created = await context.writer.createSubscription({ ...fields, target_url: url });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const found = await cleanUp(name, url, error, context);
      if (found === 'unclear') return notMade({ ...failure(error), status: 'unknown' });
      const isFinal = error.outcome === 'refused' && error.status !== 429 && found === 'absent';
      const pause = error.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (attempt - 1);
      pausesMs += pause;
      const isOver =
        error.status === 429
          ? attempt >= MAX_LIMITED.attempts || pausesMs > MAX_LIMITED.pausesMs
          : attempt >= MAX_ATTEMPTS;
      if (isFinal || isOver || pause > MAX_PAUSE_MS) return giveUp(name, context, failure(error));
      await context.clock.sleep(pause, context.stop.signal);
      continue;
    }
    return store(making, base, created, context);
  }
}

function notMade(result: OperationResult): Made {
  return { kind: 'not-made', result };
}

async function putIntent(base: EntryRecord, marked_url: string, context: ApplyContext): Promise<void> {
  const deadline = new Date(context.serverNow() + context.landingTime).toISOString();
  await context.records.write({ ...base, intent: { marked_url, deadline, holder: context.holder } });
}

/** After a POST that failed: whatever it may have left at the marked URL is claimed and deleted. */
async function cleanUp(
  name: string,
  url: string,
  error: RequestError,
  context: ApplyContext,
): Promise<'absent' | 'deleted' | 'unclear'> {
  if (error.outcome === 'not-sent') return 'absent';
  try {
    return await deleteMarked(name, url, context);
  } catch (problem) {
    if (problem instanceof RequestError) return 'unclear';
    throw problem;
  }
}

/** Deletes what is live at the marked URL, after a conditional write has shown that the intent is ours. */
export async function deleteMarked(
  name: string,
  url: string,
  context: ApplyContext,
): Promise<'absent' | 'deleted'> {
  const { subscriptions } = await context.reader.listSubscriptions();
  const live = subscriptions.filter(({ target_url }) => markOf(target_url) === markOf(url));
  if (live.length === 0) return 'absent';
  const record = context.records.get(name);
  if (record !== null) await putIntent(record, url, context);
  for (const { id } of live) await context.writer.deleteSubscription(id);
  return 'deleted';
}

async function giveUp(name: string, context: ApplyContext, result: OperationResult): Promise<Made> {
  await clearIntent(context, name);
  return notMade(result);
}

/** The secret is in memory only: nothing is called done before it is durable. */
async function store(
  making: Making,
  base: EntryRecord,
  { subscription, signing_secret }: CreatedSubscription,
  context: ApplyContext,
): Promise<Made> {
  const { name, fields } = making;
  const { id, created_at: madeAt } = subscription;
  const created_at = madeAt === undefined ? serverTime(context) : new Date(madeAt).toISOString();
  const { target_url } = fields;
  const record = making.stored(base, { subscription_id: id, target_url, signing_secret, created_at });
  context.progress.unstored(name, null);
  const outcome = await storeRecord(record, context);
  try {
    if (outcome === 'lost') return notMade(await undo(name, id, context));
    if (outcome !== 'stored') return notMade(await compensate(name, id, outcome, context));
  } finally {
    context.progress.settled(name);
  }
  return { kind: 'made', id };
}

function recordOf(
  { fields, prevent_destroy }: CreateOperation,
  base: EntryRecord,
  current: StoredSubscription,
  context: ApplyContext,
): EntryRecord {
  const retired_at = serverTime(context);
  const { current: former } = base;
  return {
    ...base,
    current,
    retire: null,
    previous: former
      ? { subscription_id: former.subscription_id, signing_secret: former.signing_secret, retired_at }
      : base.previous,
    intent: null,
    applied: fields,
    prevent_destroy,
    applied_from: appliedFrom(context),
    last_change: changed(former ? 'created-again' : 'created', context),
  };
}

/** Tries until the secret is stored, the record is lost to another process, or time is up. */
async function storeRecord(
  record: EntryRecord,
  context: ApplyContext,
): Promise<'stored' | 'lost' | AppError> {
  const { clock, stop } = context;
  let deadline = clock.now() + context.storeTimeout;
  // The grace counts from the signal, also where a write under way outlasts it.
  const forget = whenStopped(stop, () => {
    deadline = Math.min(deadline, clock.now() + stop.graceMs);
  });
  try {
    return await storeUntil(() => deadline, record, context);
  } finally {
    forget();
  }
}

async function storeUntil(
  deadline: () => number,
  record: EntryRecord,
  context: ApplyContext,
): Promise<'stored' | 'lost' | AppError> {
  const { clock, stop } = context;
  for (let pause = STORE_PAUSE_MS.first; ; pause = Math.min(pause * 2, STORE_PAUSE_MS.longest)) {
    try {
      await context.records.write(record);
      return 'stored';
    } catch (error) {
      if (error instanceof SinkConflictError) return 'lost';
      if (!(error instanceof AppError)) throw error;
      const left = deadline() - clock.now();
      if (left <= 0) return error;
      context.progress.unstored(record.name, error);
      if (stop.signal.aborted) await clock.sleep(Math.min(STORE_PAUSE_MS.first, left));
      else await clock.sleep(Math.min(pause, left), stop.signal);
    }
  }
}

/** Calls `then` at the signal to stop, at once where it has come already; not after the function that it returns. */
function whenStopped({ signal }: Stop, then: () => void): () => void {
  if (signal.aborted) then();
  else signal.addEventListener('abort', then, { once: true });
  return () => {
    signal.removeEventListener('abort', then);
  };
}

/** Another process took the record over. What was made here goes, unless a record, under whatever name, builds on it. */
async function undo(name: string, id: string, context: ApplyContext): Promise<OperationResult> {
  if (await isUnclaimed(id, null, context.sink)) await context.writer.deleteSubscription(id);
  return conflictResult(name, context);
}

/** The sink refused the secret for as long as we may wait: a subscription without its secret must not stay. */
async function compensate(
  name: string,
  id: string,
  cause: AppError,
  context: ApplyContext,
): Promise<OperationResult> {
  if (await isStoredAfterAll(id, context)) {
    const hint = 'its secret is stored after all; the next pass goes on';
    return { ...failure(cause), status: 'unknown', hint };
  }
  try {
    await context.writer.deleteSubscription(id);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const hint = 'its secret could not be stored; the next pass deletes it and creates it again';
    return { ...failure(error), status: 'unknown', hint };
  }
  try {
    await clearIntent(context, name);
  } catch (error) {
    // The intent stays where it is, and the next pass finds nothing at its URL.
    if (!(error instanceof AppError)) throw error;
  }
  return {
    ...failure(cause),
    hint: 'its secret could not be stored, so the new subscription was deleted again',
  };
}

/** A write whose outcome the sink could not settle may have landed, and somebody may go on from it by now. */
async function isStoredAfterAll(id: string, { sink }: ApplyContext): Promise<boolean> {
  try {
    return await isClaimed(id, sink);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return false;
  }
}

/** The secret is durable: now the subscription gets the URL, and the state, that the file declares. */
async function activate(
  { fields }: CreateOperation,
  id: string,
  context: ApplyContext,
): Promise<OperationResult> {
  const { target_url } = fields;
  try {
    await context.writer.updateSubscription(id, {
      target_url,
      ...(fields.is_active === false && { is_active: false }),
    });
    return { status: 'done' };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const hint = 'its secret is stored; the next pass gives it its URL';
    return (await takenResult(target_url, id, error, context)) ?? { ...failure(error), hint };
  }
}

/** After a PUT that was refused: held, when another subscription has the URL. */
export async function takenResult(
  url: string,
  id: string,
  error: RequestError,
  context: ApplyContext,
): Promise<OperationResult | undefined> {
  if (error.outcome !== 'refused' || error.status === 404) return undefined;
  const { subscriptions } = await context.reader.listSubscriptions();
  const other = subscriptions.find(
    (live) => live.id !== id && normaliseUrl(live.target_url) === normaliseUrl(url),
  );
  if (other === undefined) return undefined;
  return {
    status: 'held',
    guard: 'url-taken',
    reason: `the subscription ${other.id} took its URL; free the URL, then sync again`,
  };
}
