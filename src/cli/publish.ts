import { AppError } from '../domain/errors.ts';
import { openExport } from '../secrets/export/open-export.ts';
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

async function publish({ settings, logger }: Session, io: Io, secrets: SecretReader): Promise<void> {
  const { owner, secrets: choice } = settings;
  if (choice.export === null) return;
  const target = openExport({
    ...choice.export,
    sinkDirectory: choice.sink === 'file' ? choice.file.directory : null,
    env: io.env,
    userAgent: `linq-gitops/${VERSION}`,
  });
  try {
    const { wrote, changed, removed, warnings } = await publishRecords(target, secrets, owner);
    for (const warning of warnings) say(io, `warning: ${warning}`);
    if (wrote) logger.info({ changed, removed }, 'secrets exported');
  } finally {
    await target.close();
  }
}
