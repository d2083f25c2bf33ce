import { renderProblems } from '../config/render-problems.ts';
import { AppError, ConfigError } from '../domain/errors.ts';
import { printable } from '../plan/words.ts';
import type { ErrorNote } from '../plan/render-json.ts';
import type { ExitCode } from './exit.ts';
import { say, type Io } from './io.ts';
import { paintFor } from './paint.ts';

/** What a failed run says in the JSON document. */
export function errorNotes(error: unknown): readonly ErrorNote[] {
  if (error instanceof ConfigError && error.problems.length > 0) {
    return error.problems.map(({ file, position, message, suggestion }) => ({
      message,
      file,
      ...position,
      ...(suggestion !== undefined && { suggestion }),
    }));
  }
  if (error instanceof AppError) {
    return [{ message: error.message, ...(error.hint !== undefined && { hint: error.hint }) }];
  }
  return [{ message: 'the program has a bug; the details are on stderr' }];
}

/** Says on stderr what went wrong, and gives the exit code. A bug prints its stack: it is ours to mend. */
export function reportError(io: Io, error: unknown): ExitCode {
  const paint = paintFor(io.stderr, io);
  if (!(error instanceof AppError)) {
    say(io, 'this is a bug in linq-gitops; please report it with what follows');
    say(io, error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 70;
  }
  if (error instanceof ConfigError && error.problems.length > 0) {
    io.stderr.write(
      renderProblems(error.problems, {
        place: paint.bold,
        frame: paint.dim,
        caret: paint.red,
        suggestion: paint.green,
      }),
    );
    say(io, '');
  }
  say(io, `${paint.red('error:')} ${printable(error.message)}`);
  if (error.hint !== undefined) say(io, `${paint.dim('hint:')} ${printable(error.hint)}`);
  return error.exitCode;
}
