import { UsageError } from '../domain/errors.ts';
import { FORMAT_VERSION } from '../domain/json-text.ts';
import { outcomeOfCode, toJson, type ErrorNote, type Json } from '../plan/render-json.ts';
import type { ExitCode } from './exit.ts';
import type { Io } from './io.ts';

/** What a command came to, and what its document says beside the status. */
export interface Content {
  readonly code: ExitCode;
  readonly content: Readonly<Record<string, Json>>;
}

/**
 * Runs a command, and with the format `json` prints its one document, also where it fails: then with `nothing` in place
 * of the result. A usage error prints nothing.
 */
export async function printDocument(
  format: string,
  io: Io,
  nothing: Readonly<Record<string, Json>>,
  work: () => Promise<Content>,
): Promise<ExitCode> {
  return printFailure(format, io, nothing, async () => {
    const { code, content } = await work();
    if (format === 'json') io.stdout.write(documentOf(code, content, []));
    return code;
  });
}

/** The same for a command that prints its document itself, unless it fails. */
export async function printFailure(
  format: string,
  io: Io,
  nothing: Readonly<Record<string, Json>>,
  work: () => Promise<ExitCode>,
): Promise<ExitCode> {
  if (format !== 'json') return work();
  try {
    return await work();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // Mostly nothing fails.
    const { errorNotes, reportError } = await import('./report-error.ts');
    const code = reportError(io, error);
    io.stdout.write(documentOf(code, nothing, errorNotes(error)));
    return code;
  }
}

/** The document of a command that has ended, or goes on (`code` null). */
export function documentOf(
  code: ExitCode | null,
  content: Readonly<Record<string, Json>>,
  errors: readonly ErrorNote[],
): string {
  const outcome = code === null ? 'running' : outcomeOfCode(code);
  const status = { exit_code: code, outcome, errors: errors.map((note) => ({ ...note })) };
  return toJson({ format_version: FORMAT_VERSION, ...content, status });
}
