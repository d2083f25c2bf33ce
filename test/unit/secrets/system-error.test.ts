import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { SinkError } from '../../../src/domain/errors.ts';
import { errorCode, inWords, unless } from '../../../src/secrets/system-error.ts';

const read = (): Promise<Buffer> => readFile('/nowhere/at/all');
const caught = (error: unknown): unknown => error;

it('takes for an error of the system what the system has said', async () => {
  const error = await read().catch(caught);
  expect(errorCode(error)).toBe('ENOENT');
  expect(inWords(error)).toBe('it does not exist (ENOENT)');
  expect(await unless(['ENOENT'], read)).toBeUndefined();
  await expect(unless(['EACCES'], read)).rejects.toMatchObject({ code: 'ENOENT' });
});

it('names a code for which it has no words', () => {
  const error = Object.assign(new Error('odd'), { syscall: 'read', code: 'EODD' });
  expect(inWords(error)).toBe('the system says EODD');
});

it.each([
  { what: 'a bug with a code of its own', error: Object.assign(new TypeError('a bug'), { code: 'ERR_X' }) },
  { what: 'a call without a code', error: Object.assign(new Error('a bug'), { syscall: 'read' }) },
  { what: 'a code that is a number', error: Object.assign(new Error('odd'), { syscall: 'read', code: 7 }) },
  { what: 'an error of ours', error: new SinkError('cannot read') },
  { what: 'what is no error', error: { syscall: 'read', code: 'ENOENT' } },
  { what: 'nothing', error: null },
])('throws $what on', async ({ error }) => {
  expect(errorCode(error)).toBeUndefined();
  const thrown = (() => {
    try {
      return inWords(error);
    } catch (again) {
      return again;
    }
  })();
  expect(thrown).toBe(error);
  const failing = unless(['ENOENT', 'ERR_X'], () => Promise.reject(error as Error));
  await expect(failing.catch(caught)).resolves.toBe(error);
});
