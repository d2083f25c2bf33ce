import type { DesiredEntry } from '../domain/desired.ts';
import type { ObservedRecord } from '../domain/observation.ts';
import type { FieldChange } from '../domain/operation.ts';
import { fightKey, type Held } from '../domain/plan.ts';
import type { EntryRecord, StoredSubscription } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { allowFlag, isAllowed, type Candidate, type Hit, type PlanInput } from './candidate.ts';
import { compareFields, isNoted, patchFor, reasonOf } from './diff.ts';
import { justAppliedHits, REPLACEMENT, staleFileHits, widenHits } from './hits.ts';
import { claimantsOf, type IntactRecord, type Inventory } from './inventory.ts';
import { recoverIntent } from './match-intent.ts';

/** What matching says about one name: operations in the order they are needed, and what is held. */
export interface Match {
  readonly candidates: readonly Candidate[];
  readonly held: readonly Held[];
  /** The name whose record moves to this entry, so that nobody prunes it. */
  readonly renamedFrom?: string;
}

/** An entry on its way through the table. */
interface Entry {
  readonly desired: DesiredEntry;
  readonly inventory: Inventory;
  readonly input: PlanInput;
  /** What has to be done first (recovery, rename). */
  readonly first: readonly Candidate[];
}

/** The matching table of the design (4.1) for one entry of the file. */
export function matchEntry(desired: DesiredEntry, inventory: Inventory, input: PlanInput): Match {
  const observed = inventory.records.get(desired.name) ?? { kind: 'absent' };
  const entry = { desired, inventory, input, first: [] };
  if (observed.kind === 'absent') return matchUnrecorded(entry);
  if (observed.kind !== 'intact') return holdUnreadable(desired.name, observed);
  return matchRecord(entry, observed);
}

/** A record that cannot be read, or is not ours, is left alone; the way out is a person's. */
export function holdUnreadable(
  name: string,
  observed: Exclude<ObservedRecord, { kind: 'intact' | 'absent' }>,
): Match {
  switch (observed.kind) {
    case 'damaged':
      return hold(name, `its record is damaged: ${observed.reason}`, 'restore the record from a backup');
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

/** A record with a replacement under way is left as it stands by a version that cannot go on with it. */
export function holdReplacement(record: EntryRecord): Match | undefined {
  if (record.next === null && record.retire === null) return undefined;
  const reason = 'a replacement is under way, which this version cannot go on with';
  return {
    candidates: [],
    held: [{ name: record.name, guard: 'replace', reason, letThrough: null, operation: null }],
  };
}

function hold(name: string, reason: string, letThrough: string): Match {
  return { candidates: [], held: [{ name, guard: 'record', reason, letThrough, operation: null }] };
}

function matchRecord(entry: Entry, observed: IntactRecord): Match {
  const replacement = holdReplacement(observed.record);
  if (replacement) return replacement;
  const recovery = recoverIntent(observed, entry.inventory, entry.input);
  if (recovery && recovery.hits.length > 0) return { candidates: [...entry.first, recovery], held: [] };
  const next = { ...entry, first: recovery ? [...entry.first, recovery] : entry.first };
  const { current } = observed.record;
  return current === null ? matchUnrecorded(next) : matchCurrent(next, observed, current);
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
function isLive({ current }: EntryRecord, inventory: Inventory): boolean {
  if (current === null || !inventory.live.has(current.subscription_id)) return false;
  return claimantsOf(current.subscription_id, inventory).length === 1;
}

function matchRename(entry: Entry, source: IntactRecord): Match {
  const from = source.record.name;
  const replacement = holdReplacement({ ...source.record, name: entry.desired.name });
  if (replacement) return { ...replacement, renamedFrom: from };
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
      secret: 'moved',
    },
    hits: staleFileHits(source, entry.input),
  };
  const moved = matchCurrent(
    { ...entry, first: [...first, rename] },
    source,
    source.record.current as StoredSubscription,
  );
  return { ...moved, renamedFrom: from };
}

function matchCurrent(entry: Entry, observed: IntactRecord, current: StoredSubscription): Match {
  const { desired, inventory } = entry;
  const others = claimantsOf(current.subscription_id, inventory).filter(
    (name) => name !== observed.record.name && inventory.entries.has(name),
  );
  if (others.length > 0) {
    return hold(
      desired.name,
      `the record of ${others.join(', ')} names the same subscription`,
      'remove one of the entries',
    );
  }
  const live = inventory.live.get(current.subscription_id);
  if (live === undefined) return matchUrl(entry, 'deleted-outside');
  if (current.signing_secret === null) return replace(entry, live, 'secret-lost');
  return matchFields(entry, observed, live);
}

function matchFields(entry: Entry, observed: IntactRecord, live: LiveSubscription): Match {
  const { desired, input } = entry;
  const { name, fields, prevent_destroy } = desired;
  const { record } = observed;
  const changes: FieldChange[] = [...compareFields(fields, live, record.applied)];
  if (prevent_destroy !== record.prevent_destroy) {
    changes.push({
      field: 'prevent_destroy',
      reason: 'changed-in-file',
      before: record.prevent_destroy,
      after: prevent_destroy,
    });
  }
  const drifted = changes.filter(({ reason }) => reason === 'drifted');
  const leavesDrift = input.policy.drift === 'report' && !isAllowed('drift', name, input);
  const left = leavesDrift ? drifted : drifted.filter(({ field }) => input.fights.has(fightKey(name, field)));
  const wanted = changes.filter((change) => !left.includes(change));
  const racing = justAppliedHits(observed, input);
  const hits = [...staleFileHits(observed, input), ...racing];
  const candidates = [...entry.first];
  // What is not noted would be taken for drift, once the file changes back to what is.
  const isRecordBehind = changes.length === 0 && !isNoted(fields, record.applied);
  if (wanted.length > 0 || isRecordBehind)
    candidates.push(update(entry, live, wanted, `update ${name}`, hits));
  if (left.length > 0) {
    const hit = leavesDrift ? reportedDrift(name) : FIGHT;
    candidates.push(update(entry, live, left, `revert ${name}`, [...racing, hit]));
  }
  return { candidates, held: [] };
}

function reportedDrift(name: string): Hit {
  const reason = 'it was changed outside, and policy.drift is report';
  return { guard: 'drift', reason, letThrough: allowFlag('drift', name) };
}

const FIGHT: Hit = {
  guard: 'fight',
  reason: 'somebody changes it back again and again',
  letThrough: 'find out who does, or write the value into the file',
};

function update(
  entry: Entry,
  live: LiveSubscription,
  changes: readonly FieldChange[],
  key: string,
  hits: readonly Hit[],
): Candidate {
  const { name, fields, prevent_destroy } = entry.desired;
  const patch = patchFor(fields, changes);
  const operation = {
    kind: 'update',
    key,
    after: keysOf(entry.first),
    name,
    subscription_id: live.id,
    reason: reasonOf(changes),
    changes,
    patch,
    fields,
    prevent_destroy,
    secret: 'kept',
  } as const;
  const taken = patch.target_url === undefined ? [] : takenHits(patch.target_url, entry.inventory);
  return { operation, hits: [...hits, ...taken, ...widenHits(name, changes)] };
}

/** Guard `url-taken`: a foreign subscription has the URL. */
function takenHits(url: string, inventory: Inventory): readonly Hit[] {
  return inventory.unownedAt(url).map(({ id }) => ({
    guard: 'url-taken',
    reason: `the URL belongs to the subscription ${id}, which is not ours`,
    letThrough: 'free the URL',
  }));
}

/** No live subscription of ours: create, unless somebody else's is live at the URL. */
function matchUrl(entry: Entry, reason: 'new' | 'deleted-outside'): Match {
  const { name, fields, prevent_destroy } = entry.desired;
  const unowned = entry.inventory.unownedAt(fields.target_url);
  const [only] = unowned;
  if (only !== undefined)
    return unowned.length > 1 ? ambiguous(entry, unowned) : replace(entry, only, 'unowned');
  const operation = {
    kind: 'create',
    key: `create ${name}`,
    after: keysOf(entry.first),
    name,
    reason,
    fields,
    prevent_destroy,
    secret: 'new',
  } as const;
  return { candidates: [...entry.first, { operation, hits: [] }], held: [] };
}

function ambiguous(entry: Entry, unowned: readonly LiveSubscription[]): Match {
  const { name } = entry.desired;
  const ids = unowned.map(({ id }) => id);
  const held: Held = {
    name,
    guard: 'ambiguous',
    reason: `${ids.length} subscriptions that are not ours have its URL: ${ids.join(', ')}`,
    letThrough: `linq-gitops adopt ${name} --id ID --secret-file FILE`,
    operation: null,
  };
  return { candidates: entry.first, held: [held] };
}

function replace(entry: Entry, live: LiveSubscription, reason: 'unowned' | 'secret-lost'): Match {
  const { name, fields } = entry.desired;
  const operation = {
    kind: 'replace',
    key: `replace ${name}`,
    after: keysOf(entry.first),
    name,
    subscription_id: live.id,
    reason,
    fields,
    secret: 'new',
  } as const;
  const candidate = { operation, hits: [...replaceHits(entry, live, reason), REPLACEMENT] };
  return { candidates: [...entry.first, candidate], held: [] };
}

function replaceHits(
  entry: Entry,
  live: LiveSubscription,
  reason: 'unowned' | 'secret-lost',
): readonly Hit[] {
  const { name, fields } = entry.desired;
  if (reason === 'secret-lost') {
    const words = 'its secret is missing in the sink, and receivers may be using it';
    return [{ guard: 'secret-loss', reason: words, letThrough: allowFlag('secret-loss', name) }];
  }
  if (entry.inventory.isExempt(live)) return takenHits(fields.target_url, entry.inventory);
  if (entry.input.policy.unowned === 'replace') return [];
  const words = `the subscription ${live.id} is live at its URL, and its secret is not known here`;
  return [{ guard: 'unowned', reason: words, letThrough: `linq-gitops adopt ${name} --secret-file FILE` }];
}

function keysOf(candidates: readonly Candidate[]): readonly string[] {
  return candidates.map(({ operation }) => operation.key);
}
