import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';

/** Every command of the program with all of its options, for tests that must not miss one. */
export function programCommands(): readonly Command[] {
  const silent = { write: () => true };
  const io = {
    env: {},
    cwd: '.',
    main: '',
    stdout: silent,
    stderr: silent,
    onSignal: () => () => undefined,
    onHangup: () => () => undefined,
    exitNow: (): never => {
      throw new Error('not reached');
    },
  };
  return createProgram(io, () => undefined, ['none of them']).commands;
}
