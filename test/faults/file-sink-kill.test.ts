import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyRecord } from '../../src/domain/record.ts';
import { STEPS } from '../../src/secrets/file/file-state.ts';
import { openFileSink } from '../../src/secrets/file/file-sink.ts';
import { ABSENT, type SecretSink } from '../../src/secrets/sink.ts';
import { compileProgram, type CompiledProgram } from '../support/compiled-program.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const CHILD = new URL('../support/file-sink-child.mjs', import.meta.url).pathname;
let program: CompiledProgram;

beforeAll(async () => {
  program = await compileProgram(['domain', 'secrets']);
});
afterAll(() => program.remove());

/** Runs the child to its end; tells whether it came to it or was killed. */
function runChild(directory: string, ...args: readonly string[]): Promise<'done' | 'killed'> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, program.directory, directory, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      if (signal === 'SIGKILL') resolve('killed');
      else if (output === 'done') resolve('done');
      else reject(new Error(output));
    });
  });
}

function open(directory: string): SecretSink {
  return openFileSink({ directory, isEphemeral: true, env: {}, cwd: '/' });
}

/** What stands under `orders`, in short. */
async function seen(sink: SecretSink): Promise<string> {
  const entry = await sink.read('orders');
  return entry.kind === 'intact' ? entry.record.owner : entry.kind;
}

/** What a write does to the folder, in this order; reading leaves nothing behind. */
const EFFECTS = STEPS.filter(
  (step) => !step.includes('visible') && step !== 'read-claim' && step !== 'discard',
);

/** Runs a command in a fresh folder for each place of a kill. */
async function killAt(
  places: readonly string[],
  command: (killBefore: string) => readonly string[],
  prepare: (sink: SecretSink, directory: string) => Promise<unknown>,
  judge: (sink: SecretSink, directory: string) => Promise<void>,
): Promise<void> {
  const root = await makeTempDir();
  for (const killBefore of places) {
    const directory = join(root, killBefore);
    await prepare(open(directory), directory);
    expect(await runChild(directory, ...command(killBefore))).toBe('killed');
    await judge(open(directory), directory);
  }
}

/** After a kill: reading is stable, another writer goes on, and check() leaves nothing but the one file. */
async function expectUsable(sink: SecretSink, directory: string): Promise<void> {
  const before = await seen(sink);
  const { version } = await sink.read('orders');
  expect(await seen(sink)).toBe(before);
  expect(await sink.list()).toEqual(before === 'absent' ? [] : ['orders']);
  const next = await sink.write(emptyRecord('orders', 'after'), version);
  expect(next).not.toBe(version);
  expect(await seen(sink)).toBe('after');
  await expect(sink.write(emptyRecord('orders', 'late'), version)).rejects.toThrow('another process');
  await sink.check();
  expect((await readdir(directory)).sort()).toEqual(['.gitignore', 'orders.json']);
  expect(await sink.read('orders')).toMatchObject({ version: next });
}

describe('a file sink whose process is killed (I10)', () => {
  it('holds nothing or the whole record after a kill at any step of a first write', async () => {
    const root = await makeTempDir();
    const outcomes: string[] = [];
    for (let killBefore = 1, end = 'killed'; end === 'killed'; killBefore += 1) {
      const directory = join(root, String(killBefore));
      end = await runChild(directory, 'write', 'orders', 'new', String(killBefore));
      outcomes.push(await seen(open(directory)));
      await expectUsable(open(directory), directory);
    }
    // Once it is there, it stays there: a later kill does not take it away.
    const first = outcomes.indexOf('new');
    expect(first).toBeGreaterThan(EFFECTS.indexOf('claim'));
    expect(outcomes.slice(0, first)).toEqual(outcomes.slice(0, first).fill('absent'));
    expect(outcomes.slice(first)).toEqual(outcomes.slice(first).fill('new'));
    expect(outcomes.length - first).toBeGreaterThan(3);
  });

  it('holds the old or the new record after a kill at any effect of a later write', async () => {
    const outcomes: string[] = [];
    await killAt(
      EFFECTS,
      (killBefore) => ['write', 'orders', 'new', killBefore],
      (sink) => sink.write(emptyRecord('orders', 'old'), ABSENT),
      async (sink, directory) => {
        outcomes.push(await seen(sink));
        await expectUsable(sink, directory);
      },
    );
    expect(outcomes).toEqual(['old', 'old', 'old', 'old', 'new', 'new', 'new', 'new']);
  });

  it('holds the record or none after a kill at any effect of a removal', async () => {
    const outcomes: string[] = [];
    await killAt(
      EFFECTS,
      (killBefore) => ['remove', 'orders', killBefore],
      (sink) => sink.write(emptyRecord('orders', 'old'), ABSENT),
      async (sink, directory) => {
        // Not even a removal lets the name's versions start again.
        expect((await sink.read('orders')).version).not.toBe(ABSENT);
        outcomes.push(await seen(sink));
        await expectUsable(sink, directory);
      },
    );
    expect(outcomes).toEqual([...Array<string>(4).fill('old'), ...Array<string>(4).fill('absent')]);
  });

  it('can be swept after a sweep that was killed', async () => {
    await killAt(
      ['move', 'recheck-visible', 'discard'],
      (killBefore) => ['sweep', killBefore],
      async (sink, directory) => {
        await sink.write(emptyRecord('orders', 'old'), ABSENT);
        // A file that was never claimed, and beside it one that is committed and not moved.
        expect(await runChild(directory, 'write', 'orders', 'lost', 'sync-stage')).toBe('killed');
        expect(await runChild(directory, 'write', 'orders', 'new', 'move')).toBe('killed');
        expect((await readdir(directory)).length).toBe(5);
      },
      async (sink, directory) => {
        expect(await seen(sink)).toBe('new');
        await expectUsable(sink, directory);
      },
    );
  });

  it('loses no update of four processes that compete', async () => {
    const directory = join(await makeTempDir(), 'secrets');
    const sink = open(directory);
    await sink.write(emptyRecord('orders', '0'), ABSENT);
    const ends = await Promise.all(
      Array.from({ length: 4 }, () => runChild(directory, 'count', 'orders', '50')),
    );
    expect(ends).toEqual(['done', 'done', 'done', 'done']);
    expect(await seen(sink)).toBe('200');
    expect((await readdir(directory)).sort()).toEqual(['.gitignore', 'orders.json']);
  });
});
