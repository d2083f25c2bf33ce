import type { EntryRecord, InstallationRecord } from '../domain/record.ts';

/**
 * The version of what stands under a name. It never repeats for a name, not even after a removal:
 * a removed record leaves a version behind, and `absent` means that the name was never used.
 */
export type Version = string;
export const ABSENT: Version = 'absent';

/** What stands under a name. Everything but `absent` has a version of its own. */
export type SinkEntry<R> = { readonly version: Version } & (
  | { readonly kind: 'absent' }
  | { readonly kind: 'intact'; readonly record: R }
  /** Cannot be read as a record; the reason holds no content. */
  | { readonly kind: 'damaged'; readonly reason: string }
  /** Not written by this program, whatever it is; it is never overwritten. */
  | { readonly kind: 'foreign'; readonly reason: string }
  /** Written by a newer program: intact, and not ours to write. */
  | { readonly kind: 'newer'; readonly schema: number }
);

/** The reading half of a sink; a dry run is handed nothing else, and it writes nothing, not even a repair. */
export interface SecretReader {
  /** How a person finds an entry's secret here, e.g. `file:secrets/orders.json`. No I/O. */
  locate(name: string): string;
  /** Names that hold a record, sorted; removed ones and `_installation` are not among them. */
  list(): Promise<readonly string[]>;
  /** A removed record is `absent`, with the version that its successor must expect. */
  read(name: string): Promise<SinkEntry<EntryRecord>>;
  readInstallation(): Promise<SinkEntry<InstallationRecord>>;
  /**
   * `list`, and `read` of each name and of those of `more`, in the order of names: where that is cheaper at once. Each
   * as it was at some instant in between. Callers use `readAll()` of read-all.ts, which does without it, too.
   */
  readAll?(more: readonly string[]): Promise<ReadonlyMap<string, SinkEntry<EntryRecord>>>;
}

/**
 * A place that keeps records durably. Every failure is a `SinkError`, or a `ConfigError` where the settings do
 * not allow to write there; a write or removal that finds another
 * version than expected is a `SinkConflictError` and changed nothing. A write is durable when it returns;
 * one whose outcome was unknown has been settled by reading back.
 */
export interface SecretSink extends SecretReader {
  /** As a reader's; beside that, it may finish a removal that was interrupted. */
  list(): Promise<readonly string[]>;
  /** Proves that the sink can be written, so that this fails before anything exists. Sweeps what crashes left. */
  check(): Promise<readonly string[]>;
  /** Returns the new version. */
  write(record: EntryRecord, expected: Version): Promise<Version>;
  writeInstallation(record: InstallationRecord, expected: Version): Promise<Version>;
  /** Returns the version that remains. */
  remove(name: string, expected: Version): Promise<Version>;
  close(): Promise<void>;
}
