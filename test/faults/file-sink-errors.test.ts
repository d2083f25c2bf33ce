/** System errors at each effect of a write, thrown where the system would report them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SinkConflictError, SinkError } from '../../src/domain/errors.ts';
import { emptyRecord } from '../../src/domain/record.ts';
import { openFileSink } from '../../src/secrets/file/file-sink.ts';
import type { StepName } from '../../src/secrets/file/file-state.ts';
import { ABSENT, type SecretSink, type Version } from '../../src/secrets/sink.ts';
import { someSecret, storedRecord } from '../support/record-builders.ts';
import { makeTempDir } from '../support/temp-dir.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made for a test`), { code, syscall: 'test', errno: -1 });
}

/** A sink that holds `old`, and whose next write meets `code` at `step`. */
async function makeFailingSink(
  step: StepName,
  code: string,
): Promise<{ sink: SecretSink; sound: SecretSink; directory: string; version: Version }> {
  const directory = join(await makeTempDir(), 'secrets');
  const options = { directory, isEphemeral: true, env: {}, cwd: '/' };
  const sound = openFileSink(options);
  const version = await sound.write(emptyRecord('orders', 'old'), ABSENT);
  const onStep = (at: StepName) => (at === step ? Promise.reject(systemError(code)) : Promise.resolve());
  return { sink: openFileSink({ ...options, onStep }), sound, directory, version };
}

const BEFORE_THE_CLAIM: readonly StepName[] = ['stage', 'sync-stage', 'sync-staged-name', 'claim'];

describe('a file sink whose system reports an error', () => {
  it.each(
    BEFORE_THE_CLAIM.flatMap((step) =>
      ['ENOSPC', 'EIO', 'EROFS', 'EACCES', 'EDQUOT', 'EMFILE'].map((code) => ({ step, code })),
    ),
  )('writes nothing and says so: $code at $step', async ({ step, code }) => {
    const { sink, sound, directory, version } = await makeFailingSink(step, code);
    const failure: unknown = await sink
      .write(storedRecord('orders'), version)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SinkError);
    expect(failure).not.toBeInstanceOf(SinkConflictError);
    expect(failure).toMatchObject({ message: expect.stringContaining(code) as string });
    expect(failure).toMatchObject({ message: expect.stringContaining('nothing was written') as string });
    expect(inspect(failure, { depth: 9 })).not.toContain(someSecret().reveal());
    expect((await readdir(directory)).sort()).toEqual(['.gitignore', 'orders.json']);
    expect(await sound.read('orders')).toMatchObject({ version, record: { owner: 'old' } });
    await sound.write(emptyRecord('orders', 'next'), version);
  });

  it.each([
    { step: 'stage', code: 'EROFS', words: 'cannot write into' },
    { step: 'stage', code: 'ENOSPC', words: 'no space is left' },
    { step: 'stage', code: 'EACCES', words: 'permission denied' },
    { step: 'claim', code: 'EPERM', words: 'cannot make a hard link in' },
    { step: 'move', code: 'EIO', words: 'cannot rename in' },
    { step: 'sync-move', code: 'EIO', words: 'cannot sync' },
  ] as const)('fails check() before anything is created: $code at $step', async ({ step, code, words }) => {
    const { sink, directory } = await makeFailingSink(step, code);
    const failure: unknown = await sink.check().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SinkError);
    expect(failure).toMatchObject({ message: expect.stringContaining(words) as string });
    expect(failure).toMatchObject({ message: expect.stringContaining(code) as string });
    expect((await readdir(directory)).sort()).toEqual(['.gitignore', 'orders.json']);
  });

  it.each(['move', 'clear'] as const)(
    'has written what is committed, although it could not be tidied up: EIO at %s',
    async (step) => {
      const { sink, sound, version } = await makeFailingSink(step, 'EIO');
      const next = await sink.write(emptyRecord('orders', 'new'), version);
      expect(await sound.read('orders')).toMatchObject({ version: next, record: { owner: 'new' } });
      await expect(sound.write(emptyRecord('orders', 'x'), version)).rejects.toThrow(SinkConflictError);
      await sound.write(emptyRecord('orders', 'newer'), next);
    },
  );

  it('does not claim that a write is durable which the device did not take', async () => {
    const { sink, sound, version } = await makeFailingSink('sync-move', 'EIO');
    const failed = sink.write(emptyRecord('orders', 'new'), version);
    await expect(failed).rejects.toThrow('may have been written');
    await expect(failed).rejects.not.toBeInstanceOf(SinkConflictError);
    expect(await sound.read('orders')).toMatchObject({ record: { owner: 'new' } });
  });

  it('does not take a bug for an error of the system', async () => {
    const directory = join(await makeTempDir(), 'secrets');
    const onStep = (at: StepName) =>
      at === 'stage' ? Promise.reject(new RangeError('a bug')) : Promise.resolve();
    const sink = openFileSink({ directory, isEphemeral: true, env: {}, cwd: '/', onStep });
    await expect(sink.write(emptyRecord('orders', 'new'), ABSENT)).rejects.toThrow(RangeError);
  });
});
