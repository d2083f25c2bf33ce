import { renderProblems } from '../config/render-problems.ts';
import { AppError, ConfigError, SystemLimitError } from '../domain/errors.ts';
import { printable } from '../plan/words.ts';
import type { ErrorNote } from '../plan/render-json.ts';
import { errorCode, inWords } from '../secrets/system-error.ts';
import type { ExitCode } from './exit.ts';
import { say, type Io } from './io.ts';
import { paintFor } from './paint.ts';

/** Of the process and of the system; met wherever a file is opened, the program's own modules included. */
const OUT_OF_DESCRIPTORS: readonly (string | undefined)[] = ['EMFILE', 'ENFILE'];

/** What a failed run says in the JSON document. */
export function errorNotes(thrown: unknown): readonly ErrorNote[] {
  const error = blame(thrown);
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
export function reportError(io: Io, thrown: unknown): ExitCode {
  const error = blame(thrown);
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

/** Who must act on it: a limit of the system is no bug, wherever it was met. */
function blame(error: unknown): unknown {
  if (!OUT_OF_DESCRIPTORS.includes(errorCode(error))) return error;
  return new SystemLimitError(`cannot open a file: ${inWords(error)}`, {
    cause: error,
    hint: 'raise the limit on open files (ulimit -n); what was begun is finished by the next run',
  });
}
