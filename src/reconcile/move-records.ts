/*
 * Moves the records of an owner to another sink. At every instant every secret is in at least one of the two, and a
 * run that was killed anywhere is gone on with by the next:
 *
 *   look at both ── refused? nothing is written
 *    → pause the source, for good      no process begins to write there any more
 *    → pause the destination           no process writes there; what is there of ours is our copy
 *    → write each record there         expecting the version that was seen; what stands there already is kept
 *    → read each back and compare      nothing is removed before all are the same
 *    → remove each here                expecting the version that was copied; a conflict: look at both again
 *    → new id for the source           where both have one now: it would take the other's unfinished work for its own
 *    → resume the destination
 *
 * Where both ends are one sink, only the owner changes: each record is written once, in its place.
 */
import { RefusedError, SinkConflictError, SinkError } from '../domain/errors.ts';
import { RECORD_SCHEMA, INSTALLATION_NAME, type InstallationRecord, type Pause } from '../domain/record.ts';
import { livePauses, withPauses } from '../plan/pauses.ts';
import type { SecretReader, SecretSink } from '../secrets/sink.ts';
import { changeInstallation } from './pauses.ts';
import { isSameRecord, openRecords } from './records.ts';
import {
  MOVING_HERE,
  pauseOverAll,
  surveyMove,
  type InstallationFate,
  type MoveEnd,
  type MoveItem,
  type MoveRefusal,
  type MoveSurvey,
} from './move-survey.ts';

/** A process that began to write before the pause can change records under our hands, but not for ever. */
const MOST_ROUNDS = 5;

export interface MoveContext {
  readonly source: MoveEnd<SecretSink>;
  readonly destination: MoveEnd<SecretSink>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A text that was never used before: lower-case letters and digits. */
  readonly unique: () => string;
}

export interface MoveReport {
  /** Names of the records that moved, or would; sorted. */
  readonly moved: readonly string[];
  /** Of these, the ones that an interrupted move had copied already. */
  readonly copiedBefore: readonly string[];
  readonly refusals: readonly MoveRefusal[];
  readonly installation: InstallationFate;
  /** Only the owner changes: both ends are one sink. */
  readonly isInPlace: boolean;
  /** False for a dry run, for a refusal, and where there was nothing to do. */
  readonly wrote: boolean;
}

/** What a move would do. Readers only: it writes nothing. */
export async function planMove(
  source: MoveEnd<SecretReader>,
  destination: MoveEnd<SecretReader>,
): Promise<MoveReport> {
  return reportOf(await surveyMove(source, destination), false);
}

/** Moves the records. Fails with `SinkError`, and with `RefusedError` where other processes do not leave off. */
export async function moveRecords(context: MoveContext): Promise<MoveReport> {
  const { source, destination } = context;
  const first = await surveyMove(source, destination);
  if (first.refusals.length > 0 || !isAnythingToDo(first, context)) return reportOf(first, false);
  await source.sink.check();
  await destination.sink.check();
  await pauseSource(first, context);
  const moved = new Set<string>();
  for (let round = 1; ; round += 1) {
    const survey = await surveyMove(source, destination);
    // The pause was written anew: only the same sink can show its version.
    if (survey.isInPlace !== first.isInPlace) throw changedMeanwhile();
    if (survey.refusals.length > 0) return { ...reportOf(survey, true), moved: [...moved].sort() };
    if (survey.items.length === 0) break;
    if (round > MOST_ROUNDS) throw changedMeanwhile();
    if (!(await succeeds(() => pauseDestination(survey, context)))) continue;
    const items = await copy(survey, context);
    if (!survey.isInPlace) await verify(items, context);
    for (const name of await removeHere(items, survey, context)) moved.add(name);
  }
  await finish(first, context);
  return { ...reportOf(first, true), moved: [...moved].sort() };
}

function reportOf({ items, refusals, installation, isInPlace }: MoveSurvey, wrote: boolean): MoveReport {
  return {
    moved: refusals.length > 0 ? [] : items.map(({ name }) => name),
    copiedBefore: items.flatMap(({ name, isCopied }) => (isCopied ? [name] : [])),
    refusals,
    installation,
    isInPlace,
    wrote,
  };
}

/** Records, or the end of a move that was interrupted after its last record. */
function isAnythingToDo(survey: MoveSurvey, { source, destination }: MoveContext): boolean {
  const isComing = pauseOverAll(survey.destination.record, destination.owner)?.reason === MOVING_HERE;
  const isLeaving =
    pauseOverAll(survey.source.record, source.owner)?.reason === awayReason(survey, destination);
  return survey.items.length > 0 || (isLeaving && (isComing || mustRenew(survey)));
}

/** The source has the id that is the destination's now, and nobody else needs it. */
function mustRenew({ isInPlace, hasOthers, source, destination }: MoveSurvey): boolean {
  return !isInPlace && !hasOthers && source.record !== null && source.record.id === destination.record?.id;
}

function awayReason({ isInPlace }: MoveSurvey, { owner, place }: MoveContext['destination']): string {
  return isInPlace ? `its records belong to the owner "${owner}" now` : `its records moved to ${place}`;
}

/** Written even where it stands, so that its version tells the sink from a copy of it. */
async function pauseSource(survey: MoveSurvey, context: MoveContext): Promise<void> {
  const { source, destination, now } = context;
  const pause = overAll(source.owner, awayReason(survey, destination));
  await changeInstallation({ sink: source.sink, unique: context.unique }, (installation) => ({
    ...installation,
    pauses: withPauses(livePauses(installation.pauses, now()), [pause]),
  }));
}

/**
 * A fresh destination gets its installation here. Pauses of single entries come along. Where a person has paused
 * everything there, that stays.
 */
async function pauseDestination(survey: MoveSurvey, context: MoveContext): Promise<void> {
  const { source, destination, now } = context;
  const { record } = survey.destination;
  if (pauseOverAll(record, destination.owner) !== null) return;
  const along = livePauses(survey.source.record?.pauses ?? [], now())
    .filter(({ owner, name }) => owner === source.owner && name !== null)
    .map((pause) => ({ ...pause, owner: destination.owner }));
  const base = record ?? freshInstallation(survey, context);
  await destination.sink.writeInstallation(
    {
      ...base,
      pauses: withPauses(livePauses(base.pauses, now()), [...along, overAll(destination.owner, MOVING_HERE)]),
    },
    survey.destination.version,
  );
}

function freshInstallation(
  { installation, source }: MoveSurvey,
  { unique }: MoveContext,
): InstallationRecord {
  const id = installation === 'taken-over' ? source.record?.id : undefined;
  return {
    schema: RECORD_SCHEMA,
    name: INSTALLATION_NAME,
    id: id ?? unique(),
    line_ids: source.record?.line_ids ?? [],
    pauses: [],
  };
}

function overAll(owner: string, reason: string): Pause {
  return { owner, name: null, until: null, reason };
}

/** Returns what stands in the destination now; what changed there meanwhile is left for the next round. */
async function copy({ items }: MoveSurvey, { destination }: MoveContext): Promise<readonly MoveItem[]> {
  const versions = items.map(
    ({ name, destinationVersion: version }) => [name, { version, record: null }] as const,
  );
  const records = openRecords(destination.sink, new Map(versions));
  const there: MoveItem[] = [];
  for (const item of items) {
    if (!item.isCopied && !(await succeeds(() => records.write(item.record)))) continue;
    there.push(item);
  }
  return there;
}

async function verify(items: readonly MoveItem[], { destination }: MoveContext): Promise<void> {
  for (const { name, record } of items) {
    const there = await destination.sink.read(name);
    if (there.kind === 'intact' && isSameRecord(there.record, record)) continue;
    throw new SinkError(
      `cannot move ${name}: ${destination.sink.locate(name)} reads back as something else; nothing was removed`,
    );
  }
}

/** Returns the names of the records that are gone from here; what changed here meanwhile is copied again. */
async function removeHere(
  items: readonly MoveItem[],
  { isInPlace }: MoveSurvey,
  { source }: MoveContext,
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const { name, sourceVersion } of items) {
    if (isInPlace || (await succeeds(() => source.sink.remove(name, sourceVersion)))) gone.push(name);
  }
  return gone;
}

async function succeeds(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (error instanceof SinkConflictError) return false;
    throw error;
  }
}

async function finish({ isInPlace }: MoveSurvey, context: MoveContext): Promise<void> {
  const { source, destination, now, unique } = context;
  if (!isInPlace) {
    const last = await surveyMove(source, destination);
    if (mustRenew(last)) {
      const taken = last.destination.record?.id;
      await changeInstallation({ sink: source.sink, unique }, (installation) =>
        installation.id === taken ? { ...installation, id: unique() } : null,
      );
    }
  }
  await changeInstallation({ sink: destination.sink, unique }, (installation) => {
    const coming = pauseOverAll(installation, destination.owner);
    if (coming?.reason !== MOVING_HERE) return null;
    return {
      ...installation,
      pauses: livePauses(installation.pauses, now()).filter((pause) => pause !== coming),
    };
  });
}

function changedMeanwhile(): RefusedError {
  return new RefusedError('cannot finish the move: other processes keep writing records', {
    hint: 'stop them, and run it again: it goes on where it stopped; nothing is lost',
  });
}
