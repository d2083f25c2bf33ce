import { resolve } from 'node:path';
import { ConfigError, type Problem } from '../../domain/errors.ts';
import { plural, printable } from '../../plan/words.ts';
import { documentOf, printFailure } from '../document.ts';
import type { ExitCode } from '../exit.ts';
import { say, type Io } from '../io.ts';
import { checkFile, openSession, shortPath, type CommonOptions } from '../session.ts';

export interface ValidateOptions extends CommonOptions {
  readonly format: 'text' | 'json';
}

/** Checks the settings and the named files (else the one that the settings name); no network, no key. */
export async function validate(
  files: readonly string[],
  options: ValidateOptions,
  io: Io,
): Promise<ExitCode> {
  return printFailure(options.format, io, { files: null }, async () => {
    const { settings } = await openSession(io, options);
    const paths = files.length > 0 ? files.map((file) => resolve(io.cwd, file)) : [settings.subscriptions];
    const checked: { file: string; is_valid: boolean; entries: number | null }[] = [];
    let problems: readonly Problem[] = [];
    for (const path of paths) {
      const file = shortPath(path, io);
      try {
        const { entries } = await checkFile(path, io);
        checked.push({ file, is_valid: true, entries: entries.length });
        if (options.format === 'text')
          io.stdout.write(`${printable(file)}: valid, ${plural(entries.length, 'entry', 'entries')}\n`);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        checked.push({ file, is_valid: false, entries: null });
        problems = [
          ...problems,
          ...(error.problems.length > 0 ? error.problems : [{ file, message: error.message }]),
        ];
      }
    }
    const failure =
      problems.length > 0 ? new ConfigError(`${plural(problems.length, 'problem')} found`, problems) : null;
    if (options.format === 'text' && failure) throw failure;
    const code = failure ? 78 : 0;
    if (options.format === 'json') {
      const notes = failure ? (await import('../report-error.ts')).errorNotes(failure) : [];
      io.stdout.write(documentOf(code, { files: checked }, notes));
    }
    if (failure) say(io, `error: ${failure.message}`);
    return code;
  });
}
