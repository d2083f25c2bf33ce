import LinqAPIV3 from '@linqapp/sdk';
import { expect } from 'vitest';
import { loadSubscriptions } from '../../src/config/load-subscriptions.ts';
import type { EntryRecord } from '../../src/domain/record.ts';
import { markOf, normaliseUrl } from '../../src/domain/target-url.ts';
import { startReceiver } from './receiver.ts';
import { runHere } from './run-here.ts';
import { documentOf, truthOf, type Stage } from './stage.ts';

const client = new LinqAPIV3({ apiKey: 'none' });

/** The records in the stage's sink, by name. Fails where one cannot be read. */
export async function recordsOf(stage: Stage): Promise<ReadonlyMap<string, EntryRecord>> {
  const reader = stage.sink.openReader();
  const records = new Map<string, EntryRecord>();
  for (const name of await reader.list()) {
    const entry = await reader.read(name);
    if (entry.kind !== 'intact') throw new Error(`the record of ${name} is ${entry.kind}`);
    records.set(name, entry.record);
  }
  return records;
}

interface CheckOptions {
  /** Secrets were replaced more than once: Vault remembers, as it does, what the last versions of a record held. */
  readonly hasHistory?: boolean;
}

/**
 * Asserts the promises of the design after whatever has happened: I1 the next pass has nothing to do, I2 every
 * secret is the right one, I3 the foreign are untouched, I4 no duplicates and no leftovers; and that the sink
 * holds no secret of anything that is dead.
 */
export async function checkPromises(stage: Stage, options: CheckOptions = {}): Promise<void> {
  const { desired } = await loadSubscriptions(stage.file);
  checkForeign(stage);
  const records = await recordsOf(stage);
  expect([...records.keys()].sort(), 'I4: one record for each entry').toEqual(
    desired.entries.map(({ name }) => name),
  );
  const foreignIds = new Set(stage.foreign.map(({ id }) => id));
  const ownIds = [...records.values()].map(({ current }) => current?.subscription_id);
  const live = truthOf(stage.emulator).filter(({ id }) => ownIds.includes(id) || !foreignIds.has(id));
  expect(live.map(({ id }) => id).sort(), 'I4: one live subscription for each entry').toEqual(
    [...ownIds].sort(),
  );
  for (const { name, fields } of desired.entries) {
    const record = records.get(name);
    const own = live.find(({ id }) => id === record?.current?.subscription_id);
    expect(own && normaliseUrl(own.target_url), `I1: the URL of ${name}`).toBe(
      normaliseUrl(fields.target_url),
    );
    expect(own && markOf(own.target_url), `I4: no mark is left on ${name}`).toBeUndefined();
    expect(new Set(own?.subscribed_events), `I1: the events of ${name}`).toEqual(
      new Set(fields.subscribed_events),
    );
    expect(record?.intent, `nothing of ${name} is unfinished`).toBeNull();
    expect(record?.current?.signing_secret?.reveal(), `I2: the secret of ${name}`).toBe(own?.signing_secret);
    if (own?.is_active !== false) await checkDelivery(stage, record);
  }
  await checkKept(stage, new Set(live.map(({ signing_secret }) => signing_secret)), records, options);
  await checkConverged(stage);
}

/**
 * I2 and I4 at any moment of a replacement: at `path`, marked or not, there are one or two subscriptions of the entry,
 * and an active one has its secret in the record.
 */
export async function checkDelivering({ sink, emulator }: Stage, name: string, path: string): Promise<void> {
  const entry = await sink.openReader().read(name);
  if (entry.kind !== 'intact') throw new Error(`the record of ${name} is ${entry.kind}`);
  const { current, next } = entry.record;
  const live = truthOf(emulator).filter(({ target_url }) => new URL(target_url).pathname === path);
  expect([1, 2], `I4: live subscriptions of ${name}`).toContain(live.length);
  const known = [current, next].map((stored) => [stored?.subscription_id, stored?.signing_secret?.reveal()]);
  const active = live.filter(({ is_active }) => is_active !== false);
  expect(
    active.filter(({ id, signing_secret }) => known.some(([a, b]) => a === id && b === signing_secret))
      .length,
    `I2: active subscriptions of ${name} whose secret is in the record`,
  ).toBeGreaterThan(0);
}

/** I3: what is not ours is byte for byte what it was, but for what an adoption has made ours. */
export function checkForeign(stage: Stage, adopted: readonly string[] = []): void {
  const foreign = stage.foreign.filter(({ id }) => !adopted.includes(id ?? ''));
  const ids = new Set(foreign.map(({ id }) => id));
  const now = truthOf(stage.emulator).filter(({ id }) => ids.has(id));
  expect(JSON.stringify(now), 'I3: the foreign subscriptions').toBe(JSON.stringify(foreign));
}

/** I1: the next pass ends with 0, and plans and writes nothing. */
async function checkConverged(stage: Stage): Promise<void> {
  const result = await runHere(['sync', '--format', 'json'], stage);
  expect(result.code, `I1: the next pass\n${result.stdout}${result.stderr}`).toBe(0);
  const { plan, requests } = documentOf(result);
  expect(plan?.operations, 'I1: the next plan is empty').toEqual([]);
  expect(requests.writes, 'I1: the next pass writes nothing').toBe(0);
}

/** I2, as a receiver sees it: what Linq signs verifies with the secret of the record. */
async function checkDelivery({ emulator }: Stage, record: EntryRecord | undefined): Promise<void> {
  const receiver = await startReceiver();
  try {
    const id = record?.current?.subscription_id ?? '';
    const delivery = await emulator.deliver(id, { url: receiver.url });
    expect(delivery.status).toBe(200);
    const [got] = receiver.requests;
    const key = record?.current?.signing_secret?.reveal() ?? '';
    expect(client.webhooks.unwrap(got?.body ?? '', { headers: got?.headers ?? {}, key })).toHaveProperty(
      'event_id',
    );
  } finally {
    await receiver.close();
  }
}

/** No secret can be read in the sink, in old versions neither, but those of the records under their own names. */
async function checkKept(
  { sink }: Stage,
  liveSecrets: ReadonlySet<string | undefined>,
  records: ReadonlyMap<string, EntryRecord>,
  { hasHistory = false }: CheckOptions,
): Promise<void> {
  for (const { name, place, text, isPast } of await sink.texts()) {
    const secrets = text.match(/whsec_[A-Za-z0-9+/]{43}=/g) ?? [];
    const record = records.get(name);
    if (hasHistory && isPast && record !== undefined) continue;
    const previous = record?.previous?.signing_secret?.reveal();
    const isKept = (secret: string): boolean => liveSecrets.has(secret) || secret === previous;
    const dead = secrets.filter((secret) => record === undefined || !isKept(secret));
    expect(dead.length, `secrets of dead subscriptions, or under a removed name, in ${place}`).toBe(0);
  }
}
