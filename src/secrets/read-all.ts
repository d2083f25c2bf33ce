import type { EntryRecord } from '../domain/record.ts';
import { createLimit } from '../domain/limit.ts';
import type { SecretReader, SinkEntry } from './sink.ts';

/** Records are files or a local service's answers: more of them at once than requests to an API. */
const READ_WIDTH = 32;

/** What stands in a sink, by name, in the order of the names. */
export type Reading = ReadonlyMap<string, SinkEntry<EntryRecord>>;

/** Reads everything that holds a record, and whatever stands under the names of `more`. Fails with `SinkError`. */
export async function readAll(secrets: SecretReader, more: readonly string[] = []): Promise<Reading> {
  if (secrets.readAll !== undefined) return secrets.readAll(more);
  const listed = await secrets.list();
  const names = more.length === 0 ? listed : [...new Set([...listed, ...more])].sort();
  const limit = createLimit(READ_WIDTH);
  return new Map(
    await Promise.all(names.map((name) => limit(async () => [name, await secrets.read(name)] as const))),
  );
}
