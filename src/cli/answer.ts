import { UsageError } from '../domain/errors.ts';
import { FORMAT_VERSION } from '../domain/json-text.ts';
import { toJson, type Json } from '../plan/render-json.ts';
import { paragraph } from '../plan/text-layout.ts';
import type { ExitCode } from './exit.ts';
import { say, type Io, type Output } from './io.ts';
import { errorNotes, reportError } from './report-error.ts';

/** What a command that is no pass has done: as lines, as a document, and for the process. */
export interface Answer {
  readonly exitCode: ExitCode;
  /** For stdout. */
  readonly lines: readonly string[];
  /** For stderr: why something was refused. */
  readonly remarks: readonly string[];
  readonly document: Json;
}

/**
 * Runs a command and prints what it did: lines, or with `json` one document `{format_version, result, status}` on
 * stdout, also where the command fails (`result` is null then). Usage errors are thrown on, and print no document.
 */
export async function answer(
  format: 'text' | 'json',
  io: Io,
  work: () => Promise<Answer>,
): Promise<ExitCode> {
  let done: Answer | null = null;
  let exitCode: ExitCode;
  let failure: unknown = null;
  try {
    done = await work();
    exitCode = done.exitCode;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    failure = error;
    exitCode = reportError(io, error);
  }
  if (format === 'json') {
    const errors = failure === null ? [] : errorNotes(failure).map((note) => ({ ...note }));
    const status = { exit_code: exitCode, errors };
    io.stdout.write(toJson({ format_version: FORMAT_VERSION, result: done?.document ?? null, status }));
  } else {
    for (const text of done?.lines ?? []) io.stdout.write(`${wrapped(text, io.stdout)}\n`);
  }
  for (const text of done?.remarks ?? []) say(io, wrapped(text, io.stderr));
  return exitCode;
}

/** A line made safe to print; on a terminal, wrapped between words to its width. */
function wrapped(text: string, { columns }: Output): string {
  const lead = /^ */.exec(text)?.[0] ?? '';
  return paragraph(text, columns ?? Number.POSITIVE_INFINITY, lead, `${lead}  `)
    .map(({ shown }) => shown)
    .join('\n');
}
