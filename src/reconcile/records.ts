import { SinkConflictError } from '../domain/errors.ts';
import type { EntryRecord } from '../domain/record.ts';
import { Secret } from '../domain/secret.ts';
import { ABSENT, type SecretSink, type Version } from '../secrets/sink.ts';

/**
 * The records as this pass last saw or wrote them, each with its version. Every write is conditional on
 * that version, so a process whose view is stale learns it here, before it calls the API.
 */
export interface Records {
  /** The record, or null where there is none. */
  get(name: string): EntryRecord | null;
  /** Fails with `SinkConflictError` when another process wrote or removed the record meanwhile. */
  write(record: EntryRecord): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface VersionedRecord {
  readonly version: Version;
  readonly record: EntryRecord | null;
}

export function openRecords(sink: SecretSink, seen: ReadonlyMap<string, VersionedRecord>): Records {
  const known = new Map(seen);
  const expected = (name: string): Version => known.get(name)?.version ?? ABSENT;
  return {
    get: (name) => known.get(name)?.record ?? null,
    async write(record) {
      const version = await writeOrSettle(sink, record, expected(record.name));
      known.set(record.name, { version, record });
    },
    async remove(name) {
      known.set(name, { version: await sink.remove(name, expected(name)), record: null });
    },
  };
}

/** A conflict may be our own earlier write, whose outcome was unknown: the same content there is success. */
async function writeOrSettle(sink: SecretSink, record: EntryRecord, expected: Version): Promise<Version> {
  try {
    return await sink.write(record, expected);
  } catch (error) {
    if (!(error instanceof SinkConflictError)) throw error;
    const entry = await sink.read(record.name);
    if (entry.kind === 'intact' && isSameRecord(entry.record, record)) return entry.version;
    throw error;
  }
}

/** Whether two records hold the same, secrets included. */
export function isSameRecord(a: EntryRecord, b: EntryRecord): boolean {
  const text = (record: EntryRecord): string =>
    JSON.stringify(record, (_, value: unknown) => (value instanceof Secret ? '' : value));
  const secrets = ({ current, next, previous }: EntryRecord): readonly (Secret | null)[] =>
    [current, next, previous].map((stored) => stored?.signing_secret ?? null);
  const others = secrets(b);
  return text(a) === text(b) && secrets(a).every((secret, i) => secret?.reveal() === others[i]?.reveal());
}
