import { expect, it } from 'vitest';
import type { EntryRecord } from '../../../src/domain/record.ts';
import { isClaimed, isUnclaimed } from '../../../src/reconcile/unclaimed.ts';
import { ABSENT, type SecretReader, type SinkEntry } from '../../../src/secrets/sink.ts';
import { connectSink, makeSink, placeRecord } from '../../simulation/model-sink.ts';
import { fullRecord, storedRecord } from '../../support/record-builders.ts';

const MARKED = 'https://hooks.example.com/orders?linq_gitops=abc.def';
const OTHER_MARK = 'https://hooks.example.com/orders?linq_gitops=abc.ghi';
const PLAIN = 'https://hooks.example.com/orders';
const ID = 'sub-x';

const full = fullRecord('orders');

/** The records of `billing` and `orders`; `entry` is what reading `orders` gives instead. */
function makeReader(record: EntryRecord, entry?: SinkEntry<EntryRecord>): SecretReader {
  const sink = makeSink();
  placeRecord(sink, storedRecord('billing'));
  placeRecord(sink, record);
  const reader = connectSink(sink, (effect) => Promise.resolve(effect.take()));
  const read: SecretReader['read'] = (name) =>
    name === record.name && entry !== undefined ? Promise.resolve(entry) : reader.read(name);
  return { ...reader, read };
}

function withIntent(marked_url: string): EntryRecord {
  return storedRecord('orders', { intent: { ...full.intent!, marked_url } });
}

it.each<[string, EntryRecord, string | null, boolean]>([
  ['no record names it', storedRecord('orders'), MARKED, true],
  ['one has it as current', { ...full, current: { ...full.current!, subscription_id: ID } }, null, false],
  ['one has it as next', { ...full, next: { ...full.next!, subscription_id: ID } }, null, false],
  // That is a foreign one: the record has the consent to replace it.
  ['one is to replace it', storedRecord('orders', { retire: { subscription_id: ID } }), null, true],
  ['one has the intent of its mark', withIntent(MARKED), MARKED, false],
  ['one has the intent of another mark', withIntent(OTHER_MARK), MARKED, true],
  ['nobody asks for the mark', withIntent(MARKED), null, true],
  ['neither its URL nor that of an intent has a mark', withIntent(PLAIN), PLAIN, true],
])('%s', async (_, record, url, isFree) => {
  expect(await isUnclaimed(ID, url, makeReader(record))).toBe(isFree);
});

it.each<[SinkEntry<EntryRecord>, boolean]>([
  // A sink may list a name once more that another process has just removed.
  [{ kind: 'absent', version: ABSENT }, true],
  [{ kind: 'damaged', version: 'v', reason: 'no JSON' }, false],
  [{ kind: 'newer', version: 'v', schema: 99 }, false],
])('may be claimed by whatever cannot be read, and not by what is gone: %j', async (entry, isFree) => {
  const reader = makeReader(storedRecord('orders'), entry);
  expect(await isUnclaimed(ID, null, reader)).toBe(isFree);
  expect(await isClaimed(ID, reader)).toBe(false);
});
