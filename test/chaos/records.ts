import { ownedIds, type EntryRecord } from '../../src/domain/record.ts';
import type { ChaosWorld } from './chaos-world.ts';

/** What the sink holds while nothing else runs, by name. One that cannot be read is a violation. */
export async function readRecords(world: ChaosWorld): Promise<ReadonlyMap<string, EntryRecord>> {
  const reader = world.reader();
  const records = new Map<string, EntryRecord>();
  for (const name of await reader.list()) {
    const entry = await reader.read(name);
    if (entry.kind === 'intact') records.set(name, entry.record);
    else world.violate('I2', `the record of ${name} is ${entry.kind}`);
  }
  return records;
}

/** What an adoption was asked for, and no record names, is a stranger's as before. Nothing else may run. */
export async function settleConsent(world: ChaosWorld): Promise<void> {
  const { foreign, consented, emulator } = world;
  const named = new Set<string>();
  for (const record of (await readRecords(world)).values())
    for (const id of [...ownedIds(record), record.retire?.subscription_id ?? '']) named.add(id);
  const live = new Set(emulator.subscriptions().map(({ id }) => id));
  for (const [id, image] of [...consented]) {
    if (live.has(id) && named.has(id)) continue;
    consented.delete(id);
    if (live.has(id)) foreign.set(id, image);
  }
}
