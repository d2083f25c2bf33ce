import { SinkConflictError, SinkError } from '../domain/errors.ts';
import { INSTALLATION_NAME, RECORD_SCHEMA, type InstallationRecord } from '../domain/record.ts';
import type { PhoneLine } from '../domain/subscription.ts';
import { livePauses } from '../plan/pauses.ts';
import type { SecretSink } from '../secrets/sink.ts';
import type { Seen } from './observe.ts';

/**
 * The installation's record, written where it is missing and where the account's lines have changed.
 * Of two processes that meet a fresh sink, one writes it and both use it. Pauses stay, but for those that are over.
 */
export async function openInstallation(
  seen: Seen,
  sink: SecretSink,
  unique: () => string,
): Promise<{ readonly installation: InstallationRecord; readonly isFresh: boolean }> {
  const { installation, lines } = seen.observation;
  const line_ids = idsOf(lines) ?? installation?.line_ids ?? [];
  if (installation !== null && areEqual(installation.line_ids, line_ids))
    return { installation, isFresh: false };
  const wanted: InstallationRecord = {
    schema: RECORD_SCHEMA,
    name: INSTALLATION_NAME,
    id: installation?.id ?? unique(),
    line_ids,
    pauses: livePauses(installation?.pauses ?? [], seen.observation.serverTime),
  };
  try {
    await sink.writeInstallation(wanted, seen.installationVersion);
    return { installation: wanted, isFresh: installation === null };
  } catch (error) {
    if (!(error instanceof SinkConflictError)) throw error;
    return { installation: await readWritten(sink), isFresh: false };
  }
}

async function readWritten(sink: SecretSink): Promise<InstallationRecord> {
  const entry = await sink.readInstallation();
  if (entry.kind === 'intact') return entry.record;
  throw new SinkError(`cannot read ${sink.locate(INSTALLATION_NAME)}: it is ${entry.kind}`);
}

/** Sorted ids; null where the lines are not known. No lines at all says nothing about the account. */
function idsOf(lines: readonly PhoneLine[] | null): readonly string[] | null {
  return lines === null || lines.length === 0 ? null : lines.map(({ id }) => id).sort();
}

function areEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
