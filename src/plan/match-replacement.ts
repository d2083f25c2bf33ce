import type { DesiredEntry } from '../domain/desired.ts';
import type { ReplaceOperation, ReplaceStep } from '../domain/operation.ts';
import type { Waiting } from '../domain/plan.ts';
import type { EntryRecord, Replacement } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { markOf } from '../domain/target-url.ts';
import { isConsentedTo } from './adoption.ts';
import { allowFlag, type Candidate, type Hit, type PlanInput, type Rotation } from './candidate.ts';
import { compareFields } from './diff.ts';
import { widenHits } from './hits.ts';
import { claimantsOf, type IntactRecord, type Inventory } from './inventory.ts';
import { asRevived, fieldCandidates, keysOf, takenHits, type Entry } from './match-fields.ts';

/** How a replacement that is under way goes on. */
export interface Onward {
  readonly candidates: readonly Candidate[];
  readonly waiting: readonly Waiting[];
  /** The new subscription is gone, or given up: the entry is matched as if there had been no replacement. */
  readonly isOver: boolean;
}

/** Why a replacement is begun, and what has to consent. */
export interface Beginning {
  readonly reason: Exclude<ReplaceOperation['reason'], 'under-way'>;
  readonly hits: readonly Hit[];
}

/** The first step: a new subscription beside `old`, after what has to be done first. */
export function beginReplacement(
  { desired, first, inventory, input }: Entry,
  old: LiveSubscription,
  { reason, hits }: Beginning,
): Candidate {
  const { name, fields, prevent_destroy } = desired;
  const isCompromised = input.rotate.get(name) === 'compromised';
  const operation: ReplaceOperation = {
    kind: 'replace',
    key: `replace ${name}`,
    after: neededOf(first),
    name,
    reason,
    step: 'begin',
    subscription_id: old.id,
    replacement_id: null,
    fields,
    is_active: fields.is_active ?? old.is_active,
    overlap: isCompromised ? 0 : overlapOf(input),
    keeps_previous: !isCompromised,
    prevent_destroy,
    secret: 'new',
  };
  return {
    operation,
    hits: [...hits, ...(takesUrl(operation) ? takenHits(fields.target_url, inventory, old.id) : [])],
  };
}

/** Takes back the consent to replace a foreign subscription, where its replacement was not made yet. */
export function giveUp({ desired, first }: Entry, { retire }: EntryRecord): readonly Candidate[] {
  const { name, fields, prevent_destroy } = desired;
  const key = `give up ${name}`;
  if (retire === null || first.some(({ operation }) => operation.key === key)) return first;
  const operation: ReplaceOperation = {
    kind: 'replace',
    key,
    after: neededOf(first),
    name,
    reason: 'under-way',
    step: 'drop',
    subscription_id: null,
    replacement_id: null,
    fields,
    is_active: fields.is_active ?? true,
    overlap: 0,
    keeps_previous: true,
    prevent_destroy,
    secret: 'none',
  };
  return [...first, { operation, hits: [] }];
}

/** Whether the operation gets as far as to give the new subscription its URL. */
export function takesUrl({ step, overlap }: ReplaceOperation): boolean {
  return step === 'switch' || step === 'finish' || (step !== 'drop' && overlap === 0);
}

/**
 * The subscription that a replacement of this record takes the place of, while it is live: its own, or a foreign one
 * with consent. There is none to one that a record, ours or another owner's, names by now.
 */
export function outgoing(
  { current, retire }: EntryRecord,
  inventory: Inventory,
): LiveSubscription | undefined {
  if (current !== null) return inventory.live.get(current.subscription_id);
  const old = retire === null ? undefined : inventory.live.get(retire.subscription_id);
  const isFree = old && claimantsOf(old.id, inventory).length === 0 && !inventory.isExempt(old);
  return isFree ? old : undefined;
}

/**
 * The recorded step says how it goes on, together with what is live. Nobody consents anew to what is under way, but
 * for another subscription that has taken the URL meanwhile, and for a filter that the file drops.
 */
export function goOn(entry: Entry, observed: IntactRecord, next: Replacement): Onward {
  const { desired, inventory, input } = entry;
  const { record } = observed;
  const live = inventory.live.get(next.subscription_id);
  const asked = input.rotate.get(desired.name);
  const isCompromised = asked === 'compromised' || next.compromised;
  const current = outgoing(record, inventory);
  const scene = {
    next,
    live,
    old: current ? asRevived(entry, record, current) : usurperOf(desired, record, inventory),
    isAdoption: record.current === null,
    consented: (record.current ?? record.retire)?.subscription_id,
    overlap: remainingOverlap(next, isCompromised, input),
    keeps_previous: !isCompromised,
  };
  const step = stepOf(scene, asked === 'abort', input);
  const kept = current && !scene.isAdoption ? fieldCandidates(entry, observed, current) : [];
  if (typeof step === 'object')
    return { candidates: kept, waiting: [{ name: desired.name, kind: 'replace', ...step }], isOver: false };
  const ending = step === 'finish' ? endingOf(desired, scene) : desired;
  const operation = operationAt(step, ending, scene);
  if (live === undefined || !takesUrl(operation)) {
    // What has not been consented to yet is no matter of a step that leaves it alone.
    const subscription_id = scene.old?.id === scene.consented ? operation.subscription_id : null;
    const candidate = {
      operation: { ...operation, subscription_id, after: neededOf(entry.first) },
      hits: [],
    };
    return { candidates: [candidate], waiting: [], isOver: step === 'drop' };
  }
  const after = neededOf([...entry.first, ...kept]);
  const hits = [...tooLateHits(next, asked), ...endHits(ending, live, scene, entry)];
  const candidate = { operation: { ...operation, after }, hits };
  return { candidates: [...kept, candidate], waiting: [], isOver: false };
}

/**
 * The entry as the last step leaves it. Where that step gave a URL already, and the file has another one by now, it is
 * ended there: an update knows how to change places with other entries.
 */
function endingOf(desired: DesiredEntry, { live }: Scene): DesiredEntry {
  if (live === undefined || markOf(live.target_url) !== undefined) return desired;
  return { ...desired, fields: { ...desired.fields, target_url: live.target_url } };
}

/** What is known of a replacement that is under way. */
interface Scene {
  readonly next: Replacement;
  readonly live: LiveSubscription | undefined;
  readonly old: LiveSubscription | undefined;
  /** What goes is, or was, not ours. */
  readonly isAdoption: boolean;
  /** What there is consent to replace. */
  readonly consented: string | undefined;
  readonly overlap: number;
  readonly keeps_previous: boolean;
}

/** The step that is due, or what it has to wait for. */
function stepOf(
  { next, live, old, overlap, keeps_previous }: Scene,
  isGivenUp: boolean,
  { observation: { serverTime } }: PlanInput,
): ReplaceStep | Pick<Waiting, 'reason' | 'until'> {
  if (live === undefined) return 'drop';
  if (old === undefined) return 'finish';
  if (next.ending === 'drop' || (isGivenUp && next.ending === null)) return 'drop';
  // Whatever one's own clock says of the overlap: it must not be deactivated while another process switches to it.
  if (next.ending === 'switch') return 'switch';
  if (next.ready_at === null) return 'rest';
  const until = Date.parse(next.ready_at) + overlap;
  if (serverTime >= until) return 'switch';
  // Its deactivation was lost on the way, or its record does not say yet that the old secret is in wrong hands.
  if (live.is_active || (!keeps_previous && !next.compromised)) return 'rest';
  return { reason: 'step 3 of 5: overlap', until: new Date(until).toISOString() };
}

function operationAt(
  step: ReplaceStep,
  { name, fields, prevent_destroy }: DesiredEntry,
  { next, live, old, overlap, keeps_previous }: Scene,
): ReplaceOperation {
  const wasActive = old?.is_active ?? (next.deactivated || live?.is_active !== false);
  return {
    kind: 'replace',
    key: step === 'drop' ? `give up ${name}` : `replace ${name}`,
    after: [],
    name,
    reason: 'under-way',
    step,
    subscription_id: old?.id ?? null,
    replacement_id: live?.id ?? null,
    fields,
    is_active: fields.is_active ?? wasActive,
    overlap,
    keeps_previous,
    prevent_destroy,
    secret: step === 'drop' ? 'kept' : 'new',
  };
}

/** Not shorter than a deactivation takes to land, since it may arrive late. */
function overlapOf({ replace, landingTime }: PlanInput): number {
  return replace.overlap === 0 ? 0 : Math.max(replace.overlap, landingTime);
}

/** The overlap of what has begun already. What rests without having been deactivated is to have none. */
function remainingOverlap(
  { deactivated, ready_at }: Replacement,
  isCompromised: boolean,
  input: PlanInput,
): number {
  if (ready_at !== null && !deactivated) return 0;
  if (!isCompromised) return overlapOf(input);
  return deactivated ? input.landingTime : 0;
}

/** What all of these have to wait for: what is held in any case, and left as it is, is nothing to wait for. */
function neededOf(first: readonly Candidate[]): readonly string[] {
  return keysOf(first).filter((key) => !key.startsWith('revert '));
}

/**
 * The one that has taken the URL of an adoption, where the one that there was consent to replace is gone: it can be
 * replaced as well, with consent.
 */
function usurperOf(
  { fields }: DesiredEntry,
  { current }: EntryRecord,
  inventory: Inventory,
): LiveSubscription | undefined {
  const [only, ...others] = current === null ? inventory.unownedAt(fields.target_url) : [];
  return only === undefined || others.length > 0 || inventory.isExempt(only) ? undefined : only;
}

/** Guard `in-flight`: a command gives up what a process has begun to switch to. */
function tooLateHits({ ending }: Replacement, asked: Rotation | undefined): readonly Hit[] {
  if (asked !== 'abort' || ending !== 'switch') return [];
  const reason = 'the switch to the new subscription has begun, and cannot be given up any more';
  return [{ guard: 'in-flight', reason, letThrough: 'linq-gitops sync' }];
}

/** What may cover the end of a replacement: the URL, and a filter that the file has dropped since it began. */
function endHits(
  { name, fields }: DesiredEntry,
  live: LiveSubscription,
  { old, consented }: Scene,
  { inventory, input: { policy, adopt } }: Entry,
): readonly Hit[] {
  const isAsked =
    old !== undefined &&
    old.id !== consented &&
    policy.unowned === 'hold' &&
    !isConsentedTo(old.id, name, adopt);
  const usurper = isAsked ? [old.id] : [];
  return [
    ...usurper.map((id): Hit => ({
      guard: 'unowned',
      reason: `another subscription, ${id}, has its URL now`,
      letThrough: allowFlag('unowned', name),
    })),
    ...takenHits(fields.target_url, inventory, old?.id),
    ...widenHits(name, compareFields(fields, live, null)),
  ];
}
