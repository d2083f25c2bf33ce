import type { FieldChange } from '../domain/operation.ts';
import { describeHolder, type EntryRecord } from '../domain/record.ts';
import { allowFlag, type Hit, type PlanInput } from './candidate.ts';
import type { IntactRecord } from './inventory.ts';

/** What this version cannot do yet: shown in the plan, never begun. */
export const REPLACEMENT: Hit = {
  guard: 'replace',
  reason: 'replacing a subscription is not part of this version',
  letThrough: null,
};

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
