import type { FieldChange } from '../domain/operation.ts';
import { describeHolder, type EntryRecord } from '../domain/record.ts';
import { allowFlag, type Hit, type PlanInput } from './candidate.ts';
import type { IntactRecord, Inventory } from './inventory.ts';

/**
 * Guard `stale-file`: the entry was applied a moment ago by another process, from other content. During a
 * rolling update one of the two still has the old file. Two one-shot runs are a sequence, not a race.
 */
export function staleFileHits(observed: IntactRecord, input: PlanInput): readonly Hit[] {
  const { applied_from: from, name } = observed.record;
  if (from === null || observed.isApplierGone || from.content_hash === input.desired.content_hash) return [];
  if (from.holder.mode === 'sync' && input.holder.mode === 'sync') return [];
  if (input.observation.serverTime - Date.parse(from.server_time) >= 3 * input.interval) return [];
  const reason = `${describeHolder(from.holder)} applied it from another version of the file at ${from.server_time}`;
  return [{ guard: 'stale-file', reason, letThrough: allowFlag('stale-file', name) }];
}

/** A `Date` header has whole seconds, so the list may be younger than it says. */
const LIST_SPAN_MS = 1_000;

/**
 * Guard `in-flight`: another process applied the entry while or after the list was read, and records are read after
 * the list. What differs in the list may be done, and would be taken for drift. Clocks that are further apart than
 * a request takes to land say nothing.
 */
export function justAppliedHits(observed: IntactRecord, input: PlanInput): readonly Hit[] {
  const { applied_from: from } = observed.record;
  if (from === null || observed.isApplierGone) return [];
  const ahead = Date.parse(from.server_time) - input.observation.serverTime;
  if (ahead <= -LIST_SPAN_MS || ahead >= input.landingTime) return [];
  const reason = `${describeHolder(from.holder)} applied it at ${from.server_time}, while the list was read`;
  return [{ guard: 'in-flight', reason, letThrough: null }];
}

/** Guard `widen`: the update drops a filter, and every line's events would be sent. */
export function widenHits(name: string, changes: readonly FieldChange[]): readonly Hit[] {
  const change = changes.find(({ field, after }) => field === 'phone_numbers' && after === null);
  if (change === undefined) return [];
  const lines = (change.before as readonly string[]).length;
  const reason = `${lines} ${lines === 1 ? 'line' : 'lines'} → every line`;
  return [{ guard: 'widen', reason, letThrough: allowFlag('widen', name) }];
}

/** Guard `protected`: the entry had `prevent_destroy` when it was last applied. */
export function protectedHits(record: EntryRecord): readonly Hit[] {
  if (!record.prevent_destroy) return [];
  const reason = 'it was declared with prevent_destroy';
  return [{ guard: 'protected', reason, letThrough: allowFlag('protected', record.name) }];
}

/** Guard `record`: what is in no record that can be read may still be in one that cannot. */
export function unreadableHits({ records }: Pick<Inventory, 'records'>): readonly Hit[] {
  const unreadable = [...records].filter(([, { kind }]) => kind === 'damaged' || kind === 'newer');
  const [first] = unreadable.map(([name]) => name).sort();
  if (first === undefined) return [];
  const reason = `it may belong to the record of ${first}, which cannot be read`;
  return [{ guard: 'record', reason, letThrough: 'repair or remove that record' }];
}
