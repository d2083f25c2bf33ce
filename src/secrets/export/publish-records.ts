import type { EntryRecord, InstallationRecord } from '../../domain/record.ts';
import { readAll } from '../read-all.ts';
import type { SecretReader, SinkEntry } from '../sink.ts';
import type { ExportResult, SecretExport } from './open-export.ts';

/** With so many others at work, the last of them publishes. */
const MOST_TURNS = 5;
const LEFT = 'the exported files are left as they are';
const NEVER_WRITTEN = `${LEFT}: nothing was ever written into the sink (is its folder mounted?)`;

/**
 * Publishes what the sink holds of `owner`. What cannot be read, is of a newer version or of another owner is
 * kept as it is: files go only when their record has gone. A sink that was never written to, or that the records of
 * `owner` are moving from or to, changes nothing.
 */
export async function publishRecords(
  target: SecretExport,
  secrets: SecretReader,
  owner: string,
): Promise<ExportResult> {
  let total: ExportResult = { wrote: false, changed: [], removed: [], warnings: [] };
  for (let turn = 1; turn <= MOST_TURNS; turn += 1) {
    // A folder that is not mounted looks like an empty sink; what was exported before is better than nothing.
    const left = whyLeft(await secrets.readInstallation(), owner);
    if (left !== null) {
      const warnings = (await target.isPublished()) ? [...total.warnings, left] : total.warnings;
      return { ...total, warnings };
    }
    const { records, kept } = await readRecords(secrets, owner);
    const result = await target.publish(records, kept);
    total = {
      wrote: total.wrote || result.wrote,
      changed: union(total.changed, result.changed),
      removed: union(total.removed, result.removed),
      warnings: [...total.warnings, ...result.warnings],
    };
    // Another process may have stored and published something newer between our reading and our writing: who
    // wrote files looks once more, so that the last one to write has read last.
    if (!result.wrote) break;
  }
  return total;
}

/** Why the files stay as they are whatever the records are; null where they follow them. */
function whyLeft(installation: SinkEntry<InstallationRecord>, owner: string): string | null {
  if (installation.kind === 'absent') return NEVER_WRITTEN;
  if (installation.kind !== 'intact') return null;
  // Receivers keep what they have until the place that the records move to exports them.
  const move = installation.record.pauses.find(
    (pause) => pause.owner === owner && pause.name === null && pause.reason !== null,
  );
  return move === undefined ? null : `${LEFT}: ${move.reason}`;
}

async function readRecords(
  secrets: SecretReader,
  owner: string,
): Promise<{ readonly records: readonly EntryRecord[]; readonly kept: readonly string[] }> {
  const records: EntryRecord[] = [];
  const kept: string[] = [];
  for (const [name, entry] of await readAll(secrets)) {
    if (entry.kind === 'intact' && entry.record.owner === owner) records.push(entry.record);
    else if (entry.kind !== 'absent') kept.push(name);
  }
  return { records, kept };
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].sort();
}
