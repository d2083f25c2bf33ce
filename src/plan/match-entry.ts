import type { DesiredEntry } from '../domain/desired.ts';
import type { CreateOperation, Remembered } from '../domain/operation.ts';
import type { ObservedRecord } from '../domain/observation.ts';
import type { Held, Waiting } from '../domain/plan.ts';
import { ownedIds, type EntryRecord, type Replacement, type StoredSubscription } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { adoptable, adoptionHits } from './adoption.ts';
import { allowFlag, type Candidate, type Hit, type PlanInput } from './candidate.ts';
import { staleFileHits, unreadableHits } from './hits.ts';
import { claimantsOf, replacedFor, type IntactRecord, type Inventory } from './inventory.ts';
import { asRevived, fieldCandidates, keysOf, takenHits, type Entry } from './match-fields.ts';
import { recoverIntent } from './match-intent.ts';
import { beginReplacement, giveUp, goOn, outgoing, type Beginning } from './match-replacement.ts';

/** What matching says about one name: operations in the order they are needed, and what is held. */
export interface Match {
  readonly candidates: readonly Candidate[];
  readonly held: readonly Held[];
  readonly waiting?: readonly Waiting[];
  /** The name whose record moves to this entry, so that nobody prunes it. */
  readonly renamedFrom?: string;
}

/** The matching table of the design (4.1) for one entry of the file. */
export function matchEntry(desired: DesiredEntry, inventory: Inventory, input: PlanInput): Match {
  const observed = inventory.records.get(desired.name) ?? { kind: 'absent' };
  const entry = { desired, inventory, input, first: [] };
  if (observed.kind === 'absent') return matchUnrecorded(entry);
  if (observed.kind === 'damaged') return matchDamaged(entry, observed.reason);
  if (observed.kind !== 'intact') return holdUnreadable(desired.name, observed);
  const match = matchRecord(entry, observed);
  const forgets = rememberedTooLong(observed, desired, input);
  const isQuiet = match.candidates.length + match.held.length === 0;
  return isQuiet && forgets.length > 0 ? { ...match, candidates: [forget(desired.name, forgets)] } : match;
}

/** What has no business in the record of an entry any more. */
function rememberedTooLong(
  observed: IntactRecord,
  desired: DesiredEntry,
  input: PlanInput,
): readonly Remembered[] {
  return [
    ...(isPreviousOver(observed, input) ? (['previous'] as const) : []),
    ...(isRevivalOver(observed, desired, input) ? (['retired'] as const) : []),
  ];
}

/** No deactivation of its retirement can land any more, or the file says itself whether it is active. */
function isRevivalOver(
  { record: { retired, applied_from } }: IntactRecord,
  { fields }: DesiredEntry,
  { observation, landingTime }: PlanInput,
): boolean {
  if (retired === null) return false;
  const last = Math.max(Date.parse(retired.at), Date.parse(applied_from?.server_time ?? retired.at));
  return fields.is_active !== undefined || observation.serverTime >= last + landingTime;
}

/** The time that the previous secret is kept for has passed. */
function isPreviousOver(
  { record: { previous } }: IntactRecord,
  { observation, replace }: PlanInput,
): boolean {
  return (
    previous !== null && observation.serverTime >= Date.parse(previous.retired_at) + replace.keep_previous
  );
}

function forget(name: string, forgets: readonly Remembered[]): Candidate {
  const key = `forget ${name}`;
  return { operation: { kind: 'forget', key, after: [], name, forgets, secret: 'kept' }, hits: [] };
}

/**
 * The record was ours, and its secret cannot be read any more. What is live at the URL is replaced, with consent; where
 * nothing is, a person has to know that what the record named may be live elsewhere.
 */
function matchDamaged(entry: Entry, damage: string): Match {
  const { name } = entry.desired;
  const reason = `its record is damaged: it ${damage}; receivers may be using its secret`;
  const lost = { guard: 'secret-loss', reason, letThrough: allowFlag('secret-loss', name) } as const;
  const [only, ...others] = entry.inventory.unownedAt(entry.desired.fields.target_url);
  if (only === undefined) return create(entry, 'record-lost', [lost]);
  if (others.length > 0) return ambiguous(entry, [only, ...others]);
  const hits = entry.inventory.isExempt(only)
    ? takenHits(entry.desired.fields.target_url, entry.inventory)
    : [lost];
  return replace(entry, only, { reason: 'secret-lost', hits });
}

/** A record that cannot be read, or is not ours, is left alone; the way out is a person's. */
export function holdUnreadable(
  name: string,
  observed: Exclude<ObservedRecord, { kind: 'intact' | 'absent' }>,
): Match {
  switch (observed.kind) {
    case 'damaged':
      return hold(name, `its record is damaged: ${observed.reason}`, 'restore the record from a backup');
    case 'foreign':
      return hold(
        name,
        `what stands in the place of its record ${observed.reason}`,
        'choose another name for the entry, or move that secret away',
      );
    case 'newer':
      return hold(
        name,
        `its record has schema ${observed.schema}, of a newer version`,
        'run the newer version',
      );
    case 'other-owner':
      return hold(
        name,
        `its record belongs to the owner "${observed.owner}"`,
        'choose another name for the entry',
      );
  }
}

function hold(name: string, reason: string, letThrough: string): Match {
  return { candidates: [], held: [{ name, guard: 'record', reason, letThrough, operation: null }] };
}

function matchRecord(entry: Entry, observed: IntactRecord): Match {
  const recovery = recoverIntent(observed, entry.inventory, entry.input);
  if (recovery && recovery.hits.length > 0) return { candidates: [...entry.first, recovery], held: [] };
  const next = { ...entry, first: recovery ? [...entry.first, recovery] : entry.first };
  const replacement = observed.record.next;
  return replacement === null ? matchSettled(next, observed) : matchReplacement(next, observed, replacement);
}

/** What goes on with a replacement, beside what its current subscription needs. */
function matchReplacement(entry: Entry, observed: IntactRecord, replacement: Replacement): Match {
  const shared = holdShared(entry, observed);
  if (shared !== undefined) return shared;
  const { candidates, waiting, isOver } = goOn(entry, observed, replacement);
  return isOver
    ? matchSettled({ ...entry, first: [...entry.first, ...candidates] }, observed)
    : { candidates: [...entry.first, ...candidates], held: [], waiting };
}

/** No replacement is under way. */
function matchSettled(entry: Entry, observed: IntactRecord): Match {
  const { current } = observed.record;
  if (current !== null) return matchCurrent(entry, observed, current);
  // Who gives up a replacement wants nothing begun in its place.
  if (entry.input.rotate.get(entry.desired.name) === 'abort')
    return { candidates: giveUp(entry, observed.record), held: [] };
  const old = outgoing(observed.record, entry.inventory);
  // There was consent to replace it, and the first step was interrupted.
  return old === undefined ? matchUnrecorded(entry) : replace(entry, old, { reason: 'unowned', hits: [] });
}

function matchUnrecorded(entry: Entry): Match {
  const { desired, inventory } = entry;
  for (const name of desired.previously) {
    const observed = inventory.records.get(name) ?? { kind: 'absent' };
    if (observed.kind === 'absent') continue;
    if (observed.kind !== 'intact') return holdUnreadable(desired.name, observed);
    if (isLive(observed.record, inventory)) return matchRename(entry, observed);
  }
  const leaver = findLeaver(desired.fields.target_url, inventory);
  return leaver ? matchRename(entry, leaver) : matchUrl(entry, 'new');
}

/** The one name that left the file with the same URL and nothing pending: the entry under its former name. */
function findLeaver(url: string, inventory: Inventory): IntactRecord | undefined {
  const [only, ...others] = inventory.leaversAt(url).filter(({ record }) => isLive(record, inventory));
  if (only === undefined || others.length > 0) return undefined;
  const { intent, next, retire } = only.record;
  return intent === null && next === null && retire === null ? only : undefined;
}

/** Live, and claimed by no other record (as it would be after an interrupted rename). */
function isLive(record: EntryRecord, inventory: Inventory): boolean {
  const ids = ownedIds(record);
  return (
    ids.some((id) => inventory.live.has(id)) && ids.every((id) => claimantsOf(id, inventory).length === 1)
  );
}

function matchRename(entry: Entry, source: IntactRecord): Match {
  const from = source.record.name;
  const recovery = recoverIntent(source, entry.inventory, entry.input);
  if (recovery && recovery.hits.length > 0) {
    return { candidates: [...entry.first, recovery], held: [], renamedFrom: from };
  }
  const first = recovery ? [...entry.first, recovery] : entry.first;
  const { name } = entry.desired;
  const rename: Candidate = {
    operation: {
      kind: 'rename',
      key: `rename ${name}`,
      after: keysOf(first),
      name,
      from,
      isInterrupted: false,
      replacement_id: null,
      secret: 'moved',
    },
    hits: staleFileHits(source, entry.input),
  };
  // The record moves as it is; what is under way goes on with the next pass.
  if (source.record.next !== null) return { candidates: [...first, rename], held: [], renamedFrom: from };
  const moved = matchCurrent(
    { ...entry, first: [...first, rename] },
    source,
    source.record.current as StoredSubscription,
  );
  return { ...moved, renamedFrom: from };
}

function matchCurrent(entry: Entry, observed: IntactRecord, current: StoredSubscription): Match {
  const shared = holdShared(entry, observed);
  if (shared !== undefined) return shared;
  const { first, inventory } = entry;
  const live = inventory.live.get(current.subscription_id);
  if (live === undefined) return matchUrl(entry, 'deleted-outside');
  const kept = fieldCandidates(entry, observed, live);
  const beginning = beginningOf(entry, current);
  const begin =
    beginning === undefined
      ? []
      : [
          beginReplacement(
            { ...entry, first: [...first, ...kept] },
            asRevived(entry, observed.record, live),
            beginning,
          ),
        ];
  return { candidates: [...first, ...kept, ...begin], held: [] };
}

/** Two entries of the file whose records name one subscription: neither can be acted for without harm to the other. */
function holdShared({ desired, inventory }: Entry, { record }: IntactRecord): Match | undefined {
  const others = ownedIds(record)
    .flatMap((id) => claimantsOf(id, inventory))
    .filter((name) => name !== record.name && inventory.entries.has(name));
  if (others.length === 0) return undefined;
  return hold(
    desired.name,
    `the record of ${[...new Set(others)].join(', ')} names the same subscription`,
    'remove one of the entries',
  );
}

/** Why the subscription is replaced, if it is: a command asks for it, the secret is lost, or it is old. */
function beginningOf({ desired, input }: Entry, current: StoredSubscription): Beginning | undefined {
  const { name, rotate_after } = desired;
  const asked = input.rotate.get(name);
  if (asked === 'abort') return undefined;
  if (asked !== undefined) return { reason: 'asked', hits: [] };
  if (current.signing_secret === null) {
    const reason = 'its secret is missing in the sink, and receivers may be using it';
    return {
      reason: 'secret-lost',
      hits: [{ guard: 'secret-loss', reason, letThrough: allowFlag('secret-loss', name) }],
    };
  }
  const age = input.observation.serverTime - Date.parse(current.created_at);
  return rotate_after !== null && age >= rotate_after ? { reason: 'age', hits: [] } : undefined;
}

/** No live subscription of ours: create, unless somebody else's is live at the URL. */
function matchUrl(entry: Entry, reason: 'new' | 'deleted-outside'): Match {
  const { fields } = entry.desired;
  const consented = adoptable(entry);
  if (consented !== undefined)
    return replace(entry, consented, {
      reason: 'unowned',
      hits: [...adoptionHits(entry, consented), ...unreadableHits(entry.inventory)],
    });
  const unowned = entry.inventory.unownedAt(fields.target_url);
  const [only] = unowned;
  if (only !== undefined)
    return unowned.length > 1
      ? ambiguous(entry, unowned)
      : replace(entry, only, { reason: 'unowned', hits: unownedHits(entry, only) });
  return create(entry, reason, []);
}

function create({ desired, first }: Entry, reason: CreateOperation['reason'], hits: readonly Hit[]): Match {
  const { name, fields, prevent_destroy } = desired;
  const operation = {
    kind: 'create',
    key: `create ${name}`,
    after: keysOf(first),
    name,
    reason,
    fields,
    prevent_destroy,
    secret: 'new',
  } as const;
  return { candidates: [...first, { operation, hits }], held: [] };
}

/** The other ways in, beside the command with the secret. */
const INSTEAD = 'Where nobody has the secret, --replace makes a new one';
const BY_HAND = 'Where nobody has a secret: delete all but one by hand, then --replace';

function ambiguous(entry: Entry, unowned: readonly LiveSubscription[]): Match {
  const { name } = entry.desired;
  const ids = unowned.map(({ id }) => id);
  const held: Held = {
    name,
    guard: 'ambiguous',
    reason: `${ids.length} subscriptions that are not ours have its URL: ${ids.join(', ')}. ${BY_HAND}`,
    letThrough: `linq-gitops adopt ${name} --id ID --secret-file FILE`,
    operation: null,
  };
  return { candidates: entry.first, held: [held] };
}

function replace(entry: Entry, live: LiveSubscription, beginning: Beginning): Match {
  return { candidates: [...entry.first, beginReplacement(entry, live, beginning)], held: [] };
}

function unownedHits(entry: Entry, live: LiveSubscription): readonly Hit[] {
  const { desired, inventory, input } = entry;
  const { name, fields } = desired;
  if (inventory.isExempt(live)) return takenHits(fields.target_url, inventory);
  const other = replacedFor(live.id, name, inventory);
  if (other !== undefined) {
    const reason = `the URL belongs to the subscription ${live.id}, which is being replaced for ${other}`;
    return [{ guard: 'url-taken', reason, letThrough: null }];
  }
  // Another record may be the one that names it, and then it is not ours to replace, with whatever consent.
  const others = [...adoptionHits(entry, live), ...unreadableHits(inventory)];
  if (input.policy.unowned === 'replace') return others;
  const reason = `the subscription ${live.id} is live at its URL, and its secret is not known here. ${INSTEAD}`;
  const letThrough = `linq-gitops adopt ${name} --secret-file FILE`;
  return [{ guard: 'unowned', reason, letThrough }, ...others];
}
