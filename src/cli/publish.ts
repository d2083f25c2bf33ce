import { AppError } from '../domain/errors.ts';
import { openExport, type ExportResult } from '../secrets/export/open-export.ts';
import { publishRecords } from '../secrets/export/publish-records.ts';
import type { SecretReader } from '../secrets/sink.ts';
import { say, type Io } from './io.ts';
import type { Session } from './open.ts';
import { reportError } from './report-error.ts';
import { VERSION } from './version.ts';

/**
 * Runs a pass, and afterwards lets the exported files, if the settings want any, be those of the sink's records.
 * That is done after a failed pass too, since it needs nothing but the sink; then the pass's failure counts.
 */
export async function withExport<T>(
  session: Session,
  io: Io,
  secrets: SecretReader,
  pass: () => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await pass();
  } catch (error) {
    if (error instanceof AppError) await publishAfterFailure(session, io, secrets);
    throw error;
  }
  await publish(session, io, secrets);
  return result;
}

async function publishAfterFailure(session: Session, io: Io, secrets: SecretReader): Promise<void> {
  try {
    await publish(session, io, secrets);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    reportError(io, error);
  }
}

async function publish(session: Session, io: Io, secrets: SecretReader): Promise<void> {
  if (session.settings.secrets.export === null) return;
  const { changed, removed, warnings, wrote } = await publishOnce(session, io, secrets);
  for (const warning of warnings) say(io, `warning: ${warning}`);
  if (wrote) session.logger.info({ event: 'exported', changed, removed }, 'secrets exported');
}

/** Lets the exported files be those of the sink's records. Fails with `AppError`; there must be an export. */
export async function publishOnce(
  { settings }: Session,
  io: Io,
  secrets: SecretReader,
): Promise<ExportResult> {
  const { owner, secrets: choice } = settings;
  if (choice.export === null) throw new Error('the settings want no export');
  const target = openExport({
    ...choice.export,
    sinkDirectory: choice.sink === 'file' ? choice.file.directory : null,
    env: io.env,
    userAgent: `linq-gitops/${VERSION}`,
  });
  try {
    return await publishRecords(target, secrets, owner);
  } finally {
    await target.close();
  }
}
