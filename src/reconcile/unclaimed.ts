import { ownedIds, type EntryRecord } from '../domain/record.ts';
import { markOf } from '../domain/target-url.ts';
import { readAll, type Reading } from '../secrets/read-all.ts';
import type { SecretReader, SinkEntry } from '../secrets/sink.ts';

const MAX_READINGS = 4;

/**
 * Whether certainly no record names the subscription, nor (where `url` carries a mark) an intent its mark.
 * Records are read one by one, so a record that moves to another name meanwhile can be missed under both:
 * only two readings in a row that show the same versions, which never repeat, are a view of one moment.
 * False as well where a record cannot be read, or where they keep changing.
 */
export async function isUnclaimed(id: string, url: string | null, sink: SecretReader): Promise<boolean> {
  let before = await readAll(sink);
  for (let readings = 2; readings <= MAX_READINGS; readings += 1) {
    const now = await readAll(sink);
    if (isSameMoment(before, now)) return ![...now.values()].some((entry) => mayClaim(entry, id, url));
    before = now;
  }
  return false;
}

/** Whether some record names the subscription now. Fails with `SinkError` where the records cannot be read. */
export async function isClaimed(id: string, sink: SecretReader): Promise<boolean> {
  const entries = [...(await readAll(sink)).values()];
  return entries.some((entry) => entry.kind === 'intact' && ownedIds(entry.record).includes(id));
}

function isSameMoment(a: Reading, b: Reading): boolean {
  return a.size === b.size && [...a].every(([name, { version }]) => b.get(name)?.version === version);
}

function mayClaim(entry: SinkEntry<EntryRecord>, id: string, url: string | null): boolean {
  if (entry.kind !== 'intact') return entry.kind !== 'absent';
  const { intent } = entry.record;
  const mark = url === null ? undefined : markOf(url);
  const isIntended = mark !== undefined && intent !== null && markOf(intent.marked_url) === mark;
  return isIntended || ownedIds(entry.record).includes(id);
}
