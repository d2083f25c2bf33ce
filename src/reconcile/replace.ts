/*
 * Replacing a subscription without a gap: for rotation, for a lost secret, for adoption. Linq cannot rotate, and a
 * URL can be used once; but a PUT can change the URL, and keeps the secret. So: make before break.
 *
 *   begin    intent, POST marked, secret durable as `next`      receivers can accept both from now on
 *     │                                                         (create.ts, with its crash rules)
 *   rest     claim; PUT is_active: false; record: ready since…  nothing is delivered twice meanwhile
 *     │
 *     ⋯      the overlap: receivers read the new secret
 *     │
 *   switch   claim; PUT is_active: true; GET shows it active; DELETE the old one
 *     │
 *   finish   PUT the declared URL; record: next becomes current, the old secret stays as `previous`
 *
 * Each step begins with a conditional write of the record. A crash resumes at the recorded step: what is live says
 * which one that is (plan/match-replacement.ts), and every step can be done twice. At every instant an active subscription is
 * live whose secret is in the record.
 *
 * A PUT that deactivates may arrive late, as long after it was sent as any request: so the overlap lasts at least that
 * long, and counts from the last such PUT that was answered. With no overlap at all nothing is deactivated.
 *
 *   given up, or next is gone (404)   drop: DELETE next, the record forgets it, `current` stays as it is
 *
 * Switch and drop are decided in the record first, and whoever decides first has decided: with both at once, by two
 * processes, both subscriptions would go.
 */
import { RequestError, SinkConflictError } from '../domain/errors.ts';
import type { ReplaceOperation, ReplaceStep } from '../domain/operation.ts';
import { isVacant, type EntryRecord, type Replacement } from '../domain/record.ts';
import type { OperationResult } from '../domain/report.ts';
import { appliedFrom, changed, claimRecord } from './claim.ts';
import { serverTime, type ApplyContext } from './context.ts';
import { makeSubscription, takenResult } from './create.ts';
import { failure } from './results.ts';
import { isUnclaimed } from './unclaimed.ts';

/** How a step ended: the operation is over, or goes on with the next one. */
type StepEnd = { readonly over: OperationResult } | { readonly next: ReplaceStep };

const DONE: StepEnd = { over: { status: 'done' } };
const UNDER_WAY: OperationResult = { status: 'skipped', reason: 'a replacement is under way already' };

/** Goes on from the operation's step, as far as it can go now; how it ended is data. */
export async function replaceEntry(
  operation: ReplaceOperation,
  context: ApplyContext,
): Promise<OperationResult> {
  let step = operation.step;
  for (;;) {
    const end = await STEPS[step](operation, context);
    if ('over' in end) return end.over;
    step = end.next;
  }
}

const STEPS: Readonly<
  Record<ReplaceStep, (operation: ReplaceOperation, context: ApplyContext) => Promise<StepEnd>>
> = { begin, rest, switch: switchOver, finish, drop };

async function begin(operation: ReplaceOperation, context: ApplyContext): Promise<StepEnd> {
  const { name, fields, subscription_id, keeps_previous } = operation;
  const before = context.records.get(name);
  // A rename that was finished just now may have brought one along.
  if (before?.next) return { over: UNDER_WAY };
  const made = await makeSubscription(
    {
      name,
      fields,
      base: (record) =>
        isForeign(subscription_id, record) ? retiring(subscription_id, record, context) : record,
      stored: (base, own) => ({
        ...base,
        next: { ...own, deactivated: false, ready_at: null, compromised: !keeps_previous, ending: null },
        intent: null,
        applied_from: appliedFrom(context),
      }),
    },
    context,
  );
  if (made.kind === 'made') return { next: 'rest' };
  if (made.result.status === 'failed' && isForeign(subscription_id, before))
    await putBack(name, before, context);
  return { over: made.result };
}

/** What goes is not what the record names as its own: there was consent to replace it. */
function isForeign(id: string | null, record: EntryRecord | null): id is string {
  return id !== null && record?.current?.subscription_id !== id;
}

/** The record of an adoption: the consent is kept, and a subscription of its own that is gone is history. */
function retiring(subscription_id: string, record: EntryRecord, context: ApplyContext): EntryRecord {
  const previous = formerOf(record, context) ?? record.previous;
  return { ...record, current: null, previous, retire: { subscription_id } };
}

/** Nothing came of it: the record is what it was, so that the next pass asks for consent again. */
async function putBack(name: string, before: EntryRecord | null, context: ApplyContext): Promise<void> {
  if (context.records.get(name)?.intent !== null) return;
  const left = before && { ...before, intent: null };
  await (left === null || isVacant(left) ? context.records.remove(name) : context.records.write(left));
}

async function rest(operation: ReplaceOperation, context: ApplyContext): Promise<StepEnd> {
  const { name, overlap, is_active, keeps_previous } = operation;
  const { record, next } = underWay(name, context);
  const id = next.subscription_id;
  const compromised = next.compromised || !keeps_previous;
  if (next.ready_at !== null && compromised !== next.compromised) {
    await claimRecord(context, { ...record, next: { ...next, compromised } });
    return overlapping(Date.parse(next.ready_at) + overlap, context);
  }
  // What is to stay inactive delivers nothing: there is nothing that could overlap, and nothing to activate later.
  const deactivated = overlap > 0 && is_active;
  const isFirst = next.ready_at === null;
  const ready_at = deactivated && isFirst ? null : readyAt(next, overlap, context);
  await claimRecord(context, { ...record, next: { ...next, deactivated, ready_at, compromised } });
  if (deactivated || !is_active) await context.writer.updateSubscription(id, { is_active: false });
  if (!deactivated) return { next: 'switch' };
  try {
    const readySince = await beginOverlap(name, overlap, context);
    return overlapping(Date.parse(readySince) + overlap, context);
  } catch (error) {
    // Another process went on meanwhile, perhaps past the switch: it must not be our deactivation that stays.
    if (error instanceof SinkConflictError) await activateAgain(id, context);
    throw error;
  }
}

/** The overlap ends then; where it has ended, the next step is due. */
function overlapping(end: number, context: ApplyContext): StepEnd {
  if (end <= context.serverNow()) return { next: 'switch' };
  const until = new Date(end).toISOString();
  return { over: { status: 'done', note: `step 3 of 5: overlap until ${until}` } };
}

/**
 * The overlap counts from a deactivation that was answered: from then on, none can land later than a request may take;
 * and from when receivers can read the new secret, so that they have all of it to learn that.
 */
async function beginOverlap(name: string, overlap: number, context: ApplyContext): Promise<string> {
  await context.showSecrets?.();
  const { record, next } = underWay(name, context);
  const ready_at = readyAt(next, overlap, context);
  await context.records.write({ ...record, next: { ...next, ready_at } });
  return ready_at;
}

/**
 * Since when the secret counts as known. Where it was deactivated once more, receivers have known it for longer: the
 * overlap is only to end late enough for that deactivation to have landed, or whoever activates it again and again
 * would make it endless.
 */
function readyAt({ ready_at }: Replacement, overlap: number, context: ApplyContext): string {
  if (ready_at === null) return serverTime(context);
  const earliest = context.serverNow() + context.landingTime - overlap;
  return new Date(Math.max(Date.parse(ready_at), earliest)).toISOString();
}

async function activateAgain(id: string, context: ApplyContext): Promise<void> {
  try {
    await context.writer.updateSubscription(id, { is_active: true });
  } catch (error) {
    if (!(error instanceof RequestError && error.status === 404)) throw error;
  }
}

async function switchOver(operation: ReplaceOperation, context: ApplyContext): Promise<StepEnd> {
  const { name, subscription_id, is_active, fields, keeps_previous } = operation;
  const { record, next } = underWay(name, context);
  // From here on its state is the one that it ends with, also where a crash leaves the rest to the next pass.
  const deactivated = next.deactivated && is_active;
  const compromised = next.compromised || !keeps_previous;
  await claimRecord(context, { ...record, next: { ...next, deactivated, compromised, ending: 'switch' } });
  // Without an overlap, receivers have had no time to read the new secret.
  if (!next.deactivated) await context.showSecrets?.();
  // Before it delivers as well: both would, for as long as the other one has to stay.
  if (!(await mayGo(subscription_id, record, context))) return CLAIMED;
  const { target_url, ...others } = fields;
  await context.writer.updateSubscription(next.subscription_id, { ...others, is_active });
  const live = await context.reader.getSubscription(next.subscription_id);
  if (live?.is_active !== is_active) {
    const error = `cannot replace ${name}: the new subscription ${live === undefined ? 'is gone' : 'did not take its state'}`;
    return { over: { status: 'failed', error, hint: 'the old one stays; the next pass goes on' } };
  }
  if (subscription_id !== null) {
    if (!(await mayGo(subscription_id, record, context))) return CLAIMED;
    await context.writer.deleteSubscription(subscription_id);
  }
  return { next: 'finish' };
}

const CLAIMED: StepEnd = { over: { status: 'skipped', reason: 'a record names it, or may name it' } };

/** Nothing that is not ours goes while a record names it, or may name it. */
async function mayGo(id: string | null, record: EntryRecord, context: ApplyContext): Promise<boolean> {
  return !isForeign(id, record) || (await isUnclaimed(id, null, context.sink));
}

async function finish(operation: ReplaceOperation, context: ApplyContext): Promise<StepEnd> {
  const { name, fields, is_active } = operation;
  const { record, next } = underWay(name, context);
  await claimRecord(context, record);
  const id = next.subscription_id;
  try {
    await context.writer.updateSubscription(id, { ...fields, is_active });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const hint = 'the next pass gives it its URL';
    return {
      over: (await takenResult(fields.target_url, id, error, context)) ?? { ...failure(error), hint },
    };
  }
  await context.records.write(replaced(operation, underWay(name, context).record, next, context));
  return DONE;
}

/** The record when it is through: what was next is current. */
function replaced(
  { fields, prevent_destroy, keeps_previous }: ReplaceOperation,
  record: EntryRecord,
  { deactivated, ready_at, compromised, ending, ...next }: Replacement,
  context: ApplyContext,
): EntryRecord {
  return {
    ...record,
    current: { ...next, target_url: fields.target_url },
    next: null,
    retire: null,
    previous: keeps_previous ? (formerOf(record, context) ?? record.previous) : null,
    applied: fields,
    prevent_destroy,
    applied_from: appliedFrom(context),
    last_change: changed('replaced', context),
  };
}

function formerOf({ current }: EntryRecord, context: ApplyContext): EntryRecord['previous'] {
  if (current === null) return null;
  const { subscription_id, signing_secret } = current;
  return { subscription_id, signing_secret, retired_at: serverTime(context) };
}

/** The new subscription is given up, or gone already: the old one was never touched. */
async function drop({ name, replacement_id }: ReplaceOperation, context: ApplyContext): Promise<StepEnd> {
  const record = context.records.get(name);
  if (!record?.next && !record?.retire)
    throw new Error(`no replacement of ${name} in a plan that gives one up`);
  if (replacement_id !== null) {
    // Another process must not switch to it while the DELETE is on its way.
    const next = record.next && { ...record.next, ending: 'drop' as const };
    await claimRecord(context, { ...record, next });
    await context.writer.deleteSubscription(replacement_id);
  }
  const left = { ...record, next: null, retire: null };
  await (isVacant(left) ? context.records.remove(name) : claimRecord(context, left));
  return DONE;
}

function underWay(
  name: string,
  context: ApplyContext,
): { readonly record: EntryRecord; readonly next: Replacement } {
  const record = context.records.get(name);
  if (!record?.next) throw new Error(`no replacement of ${name} in a plan that goes on with one`);
  return { record, next: record.next };
}
