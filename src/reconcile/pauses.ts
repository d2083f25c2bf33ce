import { SinkConflictError, SinkError } from '../domain/errors.ts';
import { INSTALLATION_NAME, RECORD_SCHEMA, type InstallationRecord, type Pause } from '../domain/record.ts';
import { isOfSame, livePauses, withPauses } from '../plan/pauses.ts';
import type { SecretSink, SinkEntry } from '../secrets/sink.ts';

/** How often a write is tried that others are always quicker than. */
const MOST_TRIES = 10;

/** What changing pauses needs; `now` is in milliseconds since the epoch. */
export interface PauseContext {
  readonly sink: SecretSink;
  readonly now: () => number;
  /** A text that was never used before, for the id of a fresh installation. */
  readonly unique: () => string;
}

/** A pause as it stands now, and the one that it took the place of. */
export interface PauseSet {
  readonly pause: Pause;
  readonly before: Pause | null;
}

/**
 * Writes these pauses, one for each owner and name. A fresh sink gets its installation by that, without the lines of
 * the account, which the first pass adds. Fails with `SinkError`.
 */
export async function setPauses(
  wanted: readonly Pause[],
  context: PauseContext,
): Promise<{ readonly set: readonly PauseSet[]; readonly isFresh: boolean }> {
  let set: readonly PauseSet[] = [];
  const { isFresh } = await changeInstallation(context, (installation) => {
    const live = livePauses(installation.pauses, context.now());
    set = wanted.map((pause) => ({ pause, before: live.find((one) => isOfSame(one, pause)) ?? null }));
    return { ...installation, pauses: withPauses(live, wanted) };
  });
  return { set, isFresh };
}

/** Ends the pauses of these names, or with null of everything of the owner. Returns those that were ended. */
export async function liftPauses(
  owner: string,
  names: readonly string[] | null,
  context: PauseContext,
): Promise<{ readonly lifted: readonly Pause[]; readonly left: readonly Pause[] }> {
  let lifted: readonly Pause[] = [];
  let left: readonly Pause[] = [];
  const isMeant = ({ owner: of, name }: Pause): boolean =>
    of === owner && (names === null || (name !== null && names.includes(name)));
  await changeInstallation(context, (installation) => {
    const live = livePauses(installation.pauses, context.now());
    lifted = live.filter(isMeant);
    left = live.filter((pause) => !isMeant(pause));
    // Who has nothing to end writes nothing, and makes no installation.
    return lifted.length === 0 ? null : { ...installation, pauses: left };
  });
  return { lifted, left: left.filter((pause) => pause.owner === owner) };
}

/**
 * Reads the installation, changes it and writes it; again from the beginning where another process was quicker.
 * `change` returns null where nothing is to be written. Fails with `SinkError` where it cannot be read.
 */
export async function changeInstallation(
  { sink, unique }: Pick<PauseContext, 'sink' | 'unique'>,
  change: (installation: InstallationRecord) => InstallationRecord | null,
): Promise<{ readonly isFresh: boolean }> {
  for (let attempt = 1; ; attempt += 1) {
    const entry = await sink.readInstallation();
    const isFresh = entry.kind === 'absent';
    const wanted = change(installationIn(entry, sink) ?? freshInstallation(unique()));
    if (wanted === null) return { isFresh: false };
    try {
      await sink.writeInstallation(wanted, entry.version);
      return { isFresh };
    } catch (error) {
      if (!(error instanceof SinkConflictError) || attempt === MOST_TRIES) throw error;
    }
  }
}

/** The installation, or null where the sink is fresh. Fails with `SinkError` where it cannot be read. */
export function installationIn(
  entry: SinkEntry<InstallationRecord>,
  sink: { locate(name: string): string },
): InstallationRecord | null {
  if (entry.kind === 'intact') return entry.record;
  if (entry.kind === 'absent') return null;
  throw new SinkError(`cannot use ${sink.locate(INSTALLATION_NAME)}: it is ${entry.kind}`, {
    hint: 'restore it from a backup: without it, unfinished subscriptions cannot be told from foreign ones',
  });
}

function freshInstallation(id: string): InstallationRecord {
  return { schema: RECORD_SCHEMA, name: INSTALLATION_NAME, id, line_ids: [], pauses: [] };
}
