import { AppError } from '../domain/errors.ts';
import { openExport, type ExportResult, type SecretExport } from '../secrets/export/open-export.ts';
import { publishRecords } from '../secrets/export/publish-records.ts';
import type { SecretReader } from '../secrets/sink.ts';
import { say, type Io } from './io.ts';
import { reportError } from './report-error.ts';
import type { Session } from './session.ts';
import { version } from './version.ts';

/** The exported files, as they follow the sink's records from pass to pass. */
export interface Publisher {
  /** In the middle of a pass: lets receivers read what is stored by now. Fails with `AppError`. */
  show(secrets: SecretReader): Promise<void>;
  /** At the end of a pass: the same, and clears away what nobody reads any more. Says what changed since the last one. */
  publish(secrets: SecretReader): Promise<ExportResult>;
}

const NOTHING: ExportResult = { wrote: false, changed: [], removed: [], warnings: [] };

/** The publisher of the settings' export; `null` where they want none. */
export function openPublisher({ settings }: Session, io: Io): Publisher | null {
  const { owner, secrets: choice } = settings;
  if (choice.export === null) return null;
  const settingsOfIt = choice.export;
  let target: SecretExport | null = null;
  let result = NOTHING;

  async function show(secrets: SecretReader): Promise<void> {
    target ??= openExport({
      ...settingsOfIt,
      sinkDirectory: choice.sink === 'file' ? choice.file.directory : null,
      env: io.env,
      userAgent: `linq-gitops/${version()}`,
    });
    result = both(result, await publishRecords(target, secrets, owner));
  }

  return {
    show,
    async publish(secrets) {
      try {
        await show(secrets);
        return result;
      } finally {
        const opened = target;
        [target, result] = [null, NOTHING];
        await opened?.close();
      }
    },
  };
}

function both(a: ExportResult, b: ExportResult): ExportResult {
  const union = (key: 'changed' | 'removed' | 'warnings'): readonly string[] => [
    ...new Set([...a[key], ...b[key]]),
  ];
  return {
    wrote: a.wrote || b.wrote,
    changed: [...union('changed')].sort(),
    removed: [...union('removed')].sort(),
    warnings: union('warnings'),
  };
}

/**
 * Runs a pass, and afterwards lets the exported files, if the settings want any, be those of the sink's records.
 * That is done after a failed pass too, since it needs nothing but the sink; then the pass's failure counts.
 */
export async function withExport<T>(
  session: Session,
  io: Io,
  secrets: SecretReader,
  pass: (showSecrets: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const publisher = openPublisher(session, io);
  let result: T;
  try {
    result = await pass(async () => publisher?.show(secrets));
  } catch (error) {
    if (error instanceof AppError) await publishAfterFailure(publisher, session, io, secrets);
    throw error;
  }
  await publish(publisher, session, io, secrets);
  return result;
}

async function publishAfterFailure(
  publisher: Publisher | null,
  session: Session,
  io: Io,
  secrets: SecretReader,
): Promise<void> {
  try {
    await publish(publisher, session, io, secrets);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    reportError(io, error);
  }
}

async function publish(
  publisher: Publisher | null,
  session: Session,
  io: Io,
  secrets: SecretReader,
): Promise<void> {
  if (publisher === null) return;
  const { changed, removed, warnings, wrote } = await publisher.publish(secrets);
  for (const warning of warnings) say(io, `warning: ${warning}`);
  if (wrote) session.log.info({ event: 'exported', changed, removed }, 'secrets exported');
}
