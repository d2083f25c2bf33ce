import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { errorNotes, reportError } from '../../../src/cli/report-error.ts';
import type { Io } from '../../../src/cli/io.ts';

function makeIo(): { readonly io: Io; readonly said: () => string } {
  let said = '';
  const write = (text: string): boolean => {
    said += text;
    return true;
  };
  const io = { env: {}, stdout: { write }, stderr: { write } } as unknown as Io;
  return { io, said: () => said };
}

/** What the system says about a file, under another code. */
async function systemError(code: string): Promise<Error> {
  const error: unknown = await open('/none/there').catch((thrown: unknown) => thrown);
  return Object.assign(error as Error, { code, message: `${code}: open '/opt/linq/dist/holder.js'` });
}

test.each(['EMFILE', 'ENFILE'])('%s is a limit of the system with a way out, and no bug', async (code) => {
  const error = await systemError(code);
  const { io, said } = makeIo();
  expect(reportError(io, error)).toBe(1);
  expect(said()).toContain(`(${code})`);
  expect(said()).toContain('ulimit -n');
  expect(said()).not.toMatch(/bug|at async/);
  expect(errorNotes(error)).toMatchObject([{ hint: expect.stringContaining('ulimit -n') as string }]);
});

test('what else the system says to code that did not expect it is a bug', async () => {
  const { io, said } = makeIo();
  expect(reportError(io, await systemError('EISDIR'))).toBe(70);
  expect(said()).toContain('bug');
});
