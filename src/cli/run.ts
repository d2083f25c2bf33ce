import { CommanderError } from 'commander';
import type { ExitCode } from './exit.ts';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';

/** Runs one command line; never throws. The caller turns the code into the process's own. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram(
    io,
    (code) => {
      exitCode = code;
    },
    argv,
  );
  try {
    if (argv.length === 0) {
      program.outputHelp({ error: true });
      return 64;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    // commander has printed its message, and the nearest option or command, already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64;
    const { reportError } = await import('./report-error.ts');
    return reportError(io, error);
  }
}
