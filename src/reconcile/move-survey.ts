import { ABSENT, type SecretReader, type SinkEntry, type Version } from '../secrets/sink.ts';
import { ownedIds, type EntryRecord, type InstallationRecord, type Pause } from '../domain/record.ts';
import { markOf } from '../domain/target-url.ts';
import { installationIn } from './pauses.ts';
import { isSameRecord } from './records.ts';

/** One end of a move. */
export interface MoveEnd<S extends SecretReader> {
  readonly sink: S;
  readonly owner: string;
  /** How a person finds the sink, e.g. `vault:secret/linq`; it stands in the record, so it depends on no folder. */
  readonly place: string;
}

/** What stands in the way of a move. `name` is null for what is about the whole. */
export interface MoveRefusal {
  readonly name: string | null;
  readonly reason: string;
  readonly hint: string | null;
}

/** What has to be done for a record: it is not there yet, it is (an interrupted move), or it is an older copy of it. */
export interface MoveItem {
  readonly name: string;
  /** As it is to stand in the destination. */
  readonly record: EntryRecord;
  readonly sourceVersion: Version;
  readonly destinationVersion: Version;
  readonly isCopied: boolean;
}

/**
 * What becomes of the installation's id, which marks carry. `taken-over`: a fresh destination gets the source's ·
 * `same`: both have it already · `new`: a fresh one makes its own, since other owners stay behind · `own`: it keeps its.
 */
export type InstallationFate = 'taken-over' | 'same' | 'new' | 'own';

export interface MoveSurvey {
  readonly items: readonly MoveItem[];
  readonly refusals: readonly MoveRefusal[];
  readonly installation: InstallationFate;
  readonly source: { readonly record: InstallationRecord | null; readonly version: Version };
  readonly destination: { readonly record: InstallationRecord | null; readonly version: Version };
  /** Both settings lead to one sink, so that only the owner changes. */
  readonly isInPlace: boolean;
  /** Other owners keep records in the source. */
  readonly hasOthers: boolean;
}

/** The reason of the pause of a destination while records come in: nobody else writes there, so what is there is ours. */
export const MOVING_HERE = 'records are being moved here';

/** Reads both ends and says what a move would do, and what forbids it. Writes nothing. */
export async function surveyMove(
  source: MoveEnd<SecretReader>,
  destination: MoveEnd<SecretReader>,
): Promise<MoveSurvey> {
  const from = await source.sink.readInstallation();
  const to = await destination.sink.readInstallation();
  const ends = {
    source: { record: installationIn(from, source.sink), version: from.version },
    destination: { record: installationIn(to, destination.sink), version: to.version },
  };
  // Versions never repeat, and no two sinks write the same one.
  const isInPlace =
    from.version !== ABSENT &&
    from.version === to.version &&
    ends.source.record?.id === ends.destination.record?.id;
  const items: MoveItem[] = [];
  const refusals: MoveRefusal[] = [];
  let hasOthers = false;
  for (const name of await source.sink.list()) {
    const entry = await source.sink.read(name);
    if (entry.kind === 'absent') continue;
    if (entry.kind === 'intact' && entry.record.owner !== source.owner) {
      hasOthers = true;
      continue;
    }
    const readable = readableOr(name, entry);
    if ('reason' in readable) {
      refusals.push(readable);
      continue;
    }
    const record = { ...readable.record, owner: destination.owner };
    const there = isInPlace ? entry : await destination.sink.read(name);
    const item = { name, record, sourceVersion: entry.version, destinationVersion: there.version };
    if (isInPlace) items.push({ ...item, isCopied: false });
    else {
      const standing = standingOf(there, record, ends.destination.record, destination);
      if (typeof standing === 'string') refusals.push(taken(name, standing));
      else items.push({ ...item, isCopied: standing.isCopied });
    }
  }
  const installation = fateOf(ends, { isInPlace, hasOthers });
  refusals.push(...refusalsOfAll(items, installation, ends, isInPlace && source.owner === destination.owner));
  return { items, refusals, installation, ...ends, isInPlace, hasOthers };
}

/** Whether a pause says that the records of its owner moved away, or are coming. */
export function pauseOverAll(installation: InstallationRecord | null, owner: string): Pause | null {
  return installation?.pauses.find((pause) => pause.owner === owner && pause.name === null) ?? null;
}

function readableOr(
  name: string,
  entry: Exclude<SinkEntry<EntryRecord>, { kind: 'absent' }>,
): { readonly record: EntryRecord } | MoveRefusal {
  if (entry.kind === 'damaged') {
    const hint = `restore it from a backup, or give it up: linq-gitops release ${name} --discard-secret`;
    return { name, reason: `its record is damaged: ${entry.reason}`, hint };
  }
  if (entry.kind === 'foreign') {
    return { name, reason: `what stands in its place ${entry.reason}`, hint: 'move it away from there' };
  }
  if (entry.kind === 'newer') {
    return {
      name,
      reason: `its record has schema ${entry.schema}, of a newer version`,
      hint: 'run the newer version',
    };
  }
  if (entry.record.intent === null) return { record: entry.record };
  const hint =
    'linq-gitops sync finishes that, or cleans it up (after linq-gitops resume, where it is paused)';
  return { name, reason: 'it is being created', hint };
}

/** Whether the record stands in the destination; in words what else does. */
function standingOf(
  there: SinkEntry<EntryRecord>,
  record: EntryRecord,
  installation: InstallationRecord | null,
  { owner }: MoveEnd<SecretReader>,
): { readonly isCopied: boolean } | string {
  if (there.kind === 'absent') return { isCopied: false };
  if (there.kind === 'damaged') return `there is one that cannot be read: it ${there.reason}`;
  if (there.kind === 'foreign') return `what is there ${there.reason}`;
  if (there.kind === 'newer') return 'there is one of a newer version';
  if (there.record.owner !== owner) return `there is one of the owner "${there.record.owner}"`;
  if (isSameRecord(there.record, record)) return { isCopied: true };
  const ids = ownedIds(record);
  const isOurCopy =
    pauseOverAll(installation, owner)?.reason === MOVING_HERE &&
    ownedIds(there.record).every((id) => ids.includes(id));
  return isOurCopy ? { isCopied: false } : 'there is one with another content';
}

function taken(name: string, reason: string): MoveRefusal {
  return {
    name,
    reason: `its name is taken in the destination: ${reason}`,
    hint: 'rename the entry here first (previously: [OLD-NAME]), or take that record out there',
  };
}

type Ends = Pick<MoveSurvey, 'source' | 'destination'>;

function fateOf(
  { source, destination }: Ends,
  { isInPlace, hasOthers }: { readonly isInPlace: boolean; readonly hasOthers: boolean },
): InstallationFate {
  if (isInPlace || (destination.record !== null && destination.record.id === source.record?.id))
    return 'same';
  if (destination.record !== null) return 'own';
  // Two sinks of one id would take each other's unfinished work for their own.
  return hasOthers ? 'new' : 'taken-over';
}

function refusalsOfAll(
  items: readonly MoveItem[],
  fate: InstallationFate,
  { source, destination }: Ends,
  isSamePlace: boolean,
): readonly MoveRefusal[] {
  const refusals: MoveRefusal[] = [];
  if (isSamePlace) {
    refusals.push({
      name: null,
      reason: 'both settings lead to the same sink, or to a copy of it, and name the same owner',
      hint: 'name the settings of the new place, or of the new owner: --to CONFIG',
    });
  }
  const known = destination.record?.line_ids ?? [];
  const lines = source.record?.line_ids ?? [];
  if (known.length > 0 && lines.length > 0 && !lines.some((id) => known.includes(id))) {
    refusals.push({
      name: null,
      reason: 'the records in the destination are of another account: no line of it is among ours',
      hint: null,
    });
  }
  if (fate === 'taken-over' || fate === 'same') return refusals;
  const why =
    fate === 'own' ? 'the destination has marks of its own' : 'other owners keep the marks of this sink';
  return [
    ...refusals,
    ...items
      .filter(({ record }) => isUnfinished(record))
      .map(({ name }) => ({
        name,
        reason: `it is unfinished, and ${why}`,
        hint: 'linq-gitops sync --wait finishes it (after linq-gitops resume, where it is paused)',
      })),
  ];
}

/** Something at a marked URL, or on its way to or from one. */
function isUnfinished({ current, next, retire }: EntryRecord): boolean {
  return next !== null || retire !== null || (current !== null && markOf(current.target_url) !== undefined);
}
