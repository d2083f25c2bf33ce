/*
 * What the daemon remembers of a folder of records, so that a quiet pass does not read a thousand files. It may be
 * trusted for as much as what is remembered of a service (remembered-records.ts), and no more.
 *
 * Whoever writes a record makes, links, renames or removes a file, and after that the folder itself bears another time.
 * While its stamp is the one that was taken before the last reading, that reading holds. What somebody edits in place
 * is seen at the next full check.
 */
import { readAll, type Reading } from './read-all.ts';
import type { RememberedRecords } from './remembered-records.ts';
import type { SecretReader } from './sink.ts';

/** Remembers what `secrets` answers for at most `maxAgeMs`. `now` is in milliseconds since the epoch. */
export function rememberFolder(
  secrets: SecretReader,
  options: {
    readonly maxAgeMs: number;
    readonly now: () => number;
    /** Null where it proves nothing: there is no folder, or it was changed a moment ago. */
    readonly stamp: () => string | null;
  },
): RememberedRecords {
  let last: { readonly stamp: string; readonly found: Reading } | undefined;
  let checkedAt: number | undefined;

  async function readAnew(more: readonly string[]): Promise<Reading> {
    const stamp = options.stamp();
    checkedAt ??= options.now();
    const found = await readAll(secrets, more);
    last = stamp === null ? undefined : { stamp, found };
    return found;
  }

  return {
    locate: (name) => secrets.locate(name),
    list: () => secrets.list(),
    read: (name) => secrets.read(name),
    readInstallation: () => secrets.readInstallation(),
    async readAll(more) {
      const found = last?.stamp === options.stamp() ? last.found : undefined;
      if (found === undefined || !more.every((name) => found.has(name))) return readAnew(more);
      const asked = new Set(more);
      return new Map([...found].filter(([name, { kind }]) => kind !== 'absent' || asked.has(name)));
    },
    forget() {
      last = undefined;
      checkedAt = undefined;
    },
    isFresh: () => checkedAt !== undefined && options.now() - checkedAt < options.maxAgeMs,
  };
}
