/*
 * Reading, and what is remembered of it. A list names every secret there ever was, removed ones too, and only
 * their data tells them apart. So `list` reads each name of which this process does not know that it holds a record
 * (1,000 records: one request and 1,000 reads the first time, one request afterwards).
 *
 * - What is known to hold a record is listed without being read again. If another process removed it meanwhile, it is
 *   listed once more and then reads as absent. What is known to be removed is always read again: it may be back.
 * - What `list` read is handed to the next `read` of that name, once, and only if no other `list` began since and this
 *   process wrote nothing there; so a reading is never older than the list that it belongs to.
 * - What a list does not name was never written, since a removal leaves a tombstone. `readAll` takes that for a reading.
 * - No write trusts any of it: a version that is not current any more is refused by the server.
 */
import { INSTALLATION_NAME, type EntryRecord } from '../../domain/record.ts';
import { isEntryName, requireEntryName } from '../entry-name.ts';
import type { Reading } from '../read-all.ts';
import type { SecretReader, SinkEntry } from '../sink.ts';
import type { DecodedMap } from './record-map.ts';
import { mapToEntry, mapToInstallation } from './record-map.ts';
import { NOTHING } from './kv-store.ts';
import {
  isForeign,
  isSwept,
  readStanding,
  remember,
  type RecordContext,
  type Standing,
} from './versioned-records.ts';

export interface VaultReader {
  readonly reader: Required<SecretReader>;
  /** To be called before a write: what is remembered of the name is not to be used any more. */
  forget(name: string): void;
  /** Tombstones that were seen and before which something may be left, with their numbers. */
  unswept(): ReadonlyMap<string, number>;
}

/** A reading of `list`, for the next `read`. */
interface Kept {
  readonly generation: number;
  readonly at: number;
  readonly standing: Standing;
}

/** A reading that nobody asked for within this time is not handed out. */
const LONGEST_KEPT_MS = 30_000;

/** `ready` proves that the mount is one that can be trusted, before anything is read. */
export function createVaultReader(
  records: RecordContext,
  ready: () => Promise<void>,
  now: () => number,
): VaultReader {
  const readings = new Map<string, Kept>();
  const holding = new Set<string>();
  const unswept = new Map<string, number>();
  let generation = 0;

  async function readEntry(name: string): Promise<Standing> {
    const standing = await readStanding(records, name, (map) => mapToEntry(map, name));
    if (isListed(standing)) holding.add(name);
    else holding.delete(name);
    if (standing.decoded?.kind === 'removed' && !isSwept(standing.found)) {
      unswept.set(name, standing.found.number);
    } else {
      unswept.delete(name);
    }
    return standing;
  }

  function takeReading(name: string): Standing | undefined {
    const reading = readings.get(name);
    readings.delete(name);
    if (reading === undefined || reading.generation !== generation) return undefined;
    if (now() - reading.at > LONGEST_KEPT_MS) return undefined;
    const isOverwritten = (records.known.get(name)?.number ?? 0) > reading.standing.found.number;
    return isOverwritten ? undefined : reading.standing;
  }

  /** The names that the engine has, and which of them hold a record; those that need it are read. */
  async function listNames(): Promise<{ names: readonly string[]; listed: readonly string[] }> {
    generation += 1;
    readings.clear();
    const own = generation;
    await ready();
    const names = (await records.kv.list()).filter(isEntryName);
    const listed = await Promise.all(
      names.map(async (name) => {
        if (holding.has(name)) return [name];
        const at = now();
        const standing = await readEntry(name);
        if (own === generation) readings.set(name, { generation: own, at, standing });
        return isListed(standing) ? [name] : [];
      }),
    );
    return { names, listed: listed.flat().sort() };
  }

  async function readEverything(more: readonly string[]): Promise<Reading> {
    more.forEach(requireEntryName);
    const { names, listed } = await listNames();
    const written = new Set(names);
    const asked = [...new Set([...listed, ...more])].sort();
    const isUnwritten = (name: string): boolean =>
      // What this process wrote, an engine that lags behind does not name yet.
      !written.has(name) && (records.known.get(name)?.number ?? 0) === 0;
    const entries = asked.map(async (name): Promise<[string, SinkEntry<EntryRecord>]> => {
      if (!isUnwritten(name)) return [name, await reader.read(name)];
      remember(records, name, { found: NOTHING, decoded: undefined });
      return [name, { kind: 'absent', version: NOTHING.version }];
    });
    return new Map(await Promise.all(entries));
  }

  const reader: Required<SecretReader> = {
    locate: (name) => records.locate(name),
    list: async () => (await listNames()).listed,
    readAll: readEverything,
    async read(name) {
      requireEntryName(name);
      await ready();
      const standing = takeReading(name) ?? (await readEntry(name));
      // What a decoder of entries gave is one of an entry; the standing does not carry the type.
      return toEntry(
        standing,
        standing.found.kind === 'data' ? mapToEntry(standing.found.map, name) : undefined,
      );
    },
    async readInstallation() {
      await ready();
      const { found, decoded } = await readStanding(records, INSTALLATION_NAME, mapToInstallation);
      const own = found.kind === 'data' ? mapToInstallation(found.map) : undefined;
      return toEntry({ found, decoded }, own);
    },
  };
  return {
    reader,
    forget(name) {
      readings.delete(name);
      holding.delete(name);
    },
    unswept: () => unswept,
  };
}

/** Neither removed nor somebody else's. What was deleted by hand is listed: it was a record, and is damaged. */
function isListed({ found, decoded }: Standing): boolean {
  if (found.kind === 'absent' || decoded?.kind === 'removed') return false;
  return found.kind === 'no-data' || !isForeign({ found, decoded });
}

function toEntry<R>({ found }: Standing, decoded: DecodedMap<R> | undefined): SinkEntry<R> {
  const { version } = found;
  if (found.kind === 'absent' || decoded?.kind === 'removed') return { version, kind: 'absent' };
  if (found.kind === 'no-data' || decoded === undefined) {
    const isDestroyed = found.kind === 'no-data' && found.isDestroyed;
    const reason = isDestroyed ? 'is destroyed in Vault' : 'is deleted in Vault, and can be undeleted there';
    return { version, kind: 'damaged', reason };
  }
  if (decoded.kind === 'foreign') {
    return { version, kind: 'foreign', reason: 'is a secret that linq-gitops did not write' };
  }
  return { version, ...decoded };
}
