/*
 * What the daemon remembers of a sink that is a service, so that a quiet pass does not read a thousand secrets.
 *
 * It may be trusted for one thing only: that there is nothing to do. A pass whose plan from remembered records is not
 * the very plan of the last full check is made again from records that are read anew; applying reads and writes the
 * sink itself, with versions; and what is remembered is forgotten after a while whatever happens.
 *
 * - The list of names is always asked for: a name that comes is seen at once, and so is a sealed Vault.
 * - The installation is asked for once after each list: a pause, and its end, are seen by the very next pass.
 * - A record that somebody else changes in place is seen at the next full check, or at the next write, as a conflict;
 *   so is one that goes, where the sink lists its name until it reads it again (Vault's tombstones).
 */
import type { EntryRecord, InstallationRecord } from '../domain/record.ts';
import type { SecretReader, SinkEntry } from './sink.ts';

export interface RememberedRecords extends SecretReader {
  /** The next reading of everything is a full check. */
  forget(): void;
  /** Whether the last full check is young enough for a quick look. */
  isFresh(): boolean;
}

/** Remembers what `secrets` answers for at most `maxAgeMs`. `now` is in milliseconds since the epoch. */
export function rememberRecords(
  secrets: SecretReader,
  options: { readonly maxAgeMs: number; readonly now: () => number },
): RememberedRecords {
  const entries = new Map<string, SinkEntry<EntryRecord>>();
  let installation: SinkEntry<InstallationRecord> | undefined;
  let checkedAt: number | undefined;

  function forget(): void {
    entries.clear();
    installation = undefined;
    checkedAt = undefined;
  }

  return {
    locate: (name) => secrets.locate(name),
    forget,
    isFresh: () => checkedAt !== undefined && options.now() - checkedAt < options.maxAgeMs,
    async list() {
      const startedAt = options.now();
      const names = await secrets.list();
      checkedAt ??= startedAt;
      installation = undefined;
      const listed = new Set(names);
      for (const [name, { kind }] of entries)
        if (listed.has(name) === (kind === 'absent')) entries.delete(name);
      return names;
    },
    async read(name) {
      const known = entries.get(name);
      if (known !== undefined) return known;
      const entry = await secrets.read(name);
      entries.set(name, entry);
      return entry;
    },
    async readInstallation() {
      installation ??= await secrets.readInstallation();
      return installation;
    },
  };
}
