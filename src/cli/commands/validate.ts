import { resolve } from 'node:path';
import { ConfigError, type Problem } from '../../domain/errors.ts';
import { renderJson } from '../../plan/render-json.ts';
import { plural } from '../../plan/words.ts';
import type { ExitCode } from '../exit.ts';
import { say, type Io } from '../io.ts';
import { loadFile, openSession, shortPath, type CommonOptions } from '../open.ts';
import { errorNotes } from '../report-error.ts';

export interface ValidateOptions extends CommonOptions {
  readonly format: 'text' | 'json';
}

/** Checks the settings and the named files (else the one that the settings name); no network, no key. */
export async function validate(
  files: readonly string[],
  options: ValidateOptions,
  io: Io,
): Promise<ExitCode> {
  const { settings } = await openSession(io, options);
  const paths = files.length > 0 ? files.map((file) => resolve(io.cwd, file)) : [settings.subscriptions];
  const problems: Problem[] = [];
  for (const path of paths) {
    try {
      const { entries } = await loadFile(path, io);
      if (options.format !== 'json') {
        io.stdout.write(`${shortPath(path, io)}: valid, ${plural(entries.length, 'entry', 'entries')}\n`);
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(
        ...(error.problems.length > 0
          ? error.problems
          : [{ file: shortPath(path, io), message: error.message }]),
      );
    }
  }
  const failure =
    problems.length > 0 ? new ConfigError(`${plural(problems.length, 'problem')} found`, problems) : null;
  if (options.format !== 'json') {
    if (failure) throw failure;
    return 0;
  }
  io.stdout.write(
    renderJson({
      plan: null,
      report: null,
      requests: { reads: 0, writes: 0 },
      exitCode: failure ? 78 : 0,
      outcome: failure ? 'invalid-configuration' : 'done',
      errors: failure ? errorNotes(failure) : [],
    }),
  );
  if (failure) say(io, `error: ${failure.message}`);
  return failure ? 78 : 0;
}
