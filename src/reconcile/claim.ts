import { SinkError } from '../domain/errors.ts';
import { isVacant, type AppliedFrom, type EntryRecord, type LastChange } from '../domain/record.ts';
import { serverTime, type ApplyContext } from './context.ts';

/** Who applies, and from what. */
export function appliedFrom(context: ApplyContext): AppliedFrom {
  const { content_hash, revision } = context.desired;
  return { content_hash, revision, holder: context.holder, server_time: serverTime(context) };
}

/** What was done last, for the record. */
export function changed(what: LastChange['what'], context: ApplyContext): LastChange {
  return { what, at: serverTime(context), revision: context.desired.revision };
}

const MAX_CLAIMS = 3;

/**
 * Proves that our view of the record is the current one, and makes every other view stale. The times in it must not be
 * older than requests take to land, or others would think that all is over before it has begun: so a claim that took
 * longer is made again.
 */
export async function claimRecord(context: ApplyContext, record: EntryRecord): Promise<void> {
  for (let claims = 1; claims <= MAX_CLAIMS; claims += 1) {
    const begun = context.clock.now();
    await context.records.write({ ...record, applied_from: appliedFrom(context) });
    if (context.clock.now() - begun < context.landingTime) return;
  }
  throw new SinkError(`cannot claim the record of ${record.name}: the sink takes too long to write it`);
}

/** Takes the intent out of the record; a record with nothing left in it goes. */
export async function clearIntent(context: ApplyContext, name: string): Promise<void> {
  const record = context.records.get(name);
  if (record === null) return;
  const cleared = { ...record, intent: null };
  await (isVacant(cleared) ? context.records.remove(name) : context.records.write(cleared));
}
