import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EntryRecord } from '../../src/domain/record.ts';
import { openExport } from '../../src/secrets/export/open-export.ts';
import { errorCode } from '../../src/secrets/system-error.ts';
import { someSecret, storedRecord } from '../support/record-builders.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const READER = new URL('../support/export-reader.mjs', import.meta.url).pathname;
const REWRITES = 1_000;
const USER = 65_532;
const GROUP = 54_321;

/** Only root can start a process of another user; anyone else reads as oneself, with the same files and swaps. */
const IS_ROOT = process.geteuid?.() === 0;
const READER_IS = IS_ROOT
  ? 'a process of another user id, with group access only'
  : 'a process of the same user id, since only root can start another';

interface Outcome {
  readonly reads: number;
  readonly secrets: number;
  readonly faults: readonly string[];
}

interface Reader {
  /** Resolves when it has begun. */
  readonly begun: Promise<void>;
  end(): Promise<Outcome>;
}

/** `script` is a copy in a place that the other user can reach. */
function startReader(script: string, directory: string, names: readonly string[], group: number): Reader {
  const through = IS_ROOT
    ? ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, `--groups=${group}`, '--no-new-privs', '--']
    : [];
  const [command = '', ...args] = [...through, process.execPath, script, directory, ...names];
  const child = spawn(command, args, { cwd: '/', env: { PATH: process.env['PATH'] } });
  let output = '';
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const closed = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve());
  });
  const begun = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.startsWith('reading\n')) resolve();
    });
    closed.then(() => reject(new Error(`the reader ended: ${errors}`)), reject);
  });
  return {
    begun,
    async end() {
      child.stdin.end();
      await closed;
      return JSON.parse(output.slice('reading\n'.length)) as Outcome;
    },
  };
}

/** Where a volume for secrets usually is, and a thousand syncs cost nothing; elsewhere the usual place. */
async function memoryFolder(): Promise<string> {
  try {
    await access('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return tmpdir();
  }
}

/** A folder that everybody can enter, with the reader in it. */
async function makePlace(): Promise<{ script: string; directory: string }> {
  const root = await makeTempDir(await memoryFolder());
  await chmod(root, 0o755);
  const script = join(root, 'reader.mjs');
  await copyFile(READER, script);
  await chmod(script, 0o644);
  await mkdir(join(root, 'volume'), { mode: 0o755 });
  return { script, directory: join(root, 'volume/secrets') };
}

function records(names: readonly string[], turn: number): readonly EntryRecord[] {
  return names.map((name, index) => {
    const record = storedRecord(name);
    const signing_secret = someSecret(String.fromCharCode(97 + ((turn + index) % 26)));
    return { ...record, current: { ...record.current!, signing_secret } };
  });
}

function open(directory: string) {
  return openExport({
    directory,
    mode: '0640',
    group: IS_ROOT ? GROUP : null,
    notify: null,
    sinkDirectory: null,
    env: {},
    userAgent: 'test',
  });
}

describe('a receiver', () => {
  const names = ['orders', 'billing'];

  it(`that is ${READER_IS}, reads through ${REWRITES} rewrites with nothing torn and nothing missing`, async () => {
    const { script, directory } = await makePlace();
    const target = open(directory);
    await target.publish(records(names, 0));
    const reader = startReader(script, directory, names, GROUP);
    await reader.begun;
    for (let turn = 1; turn <= REWRITES; turn += 1) {
      expect((await target.publish(records(names, turn))).wrote).toBe(true);
    }
    const { reads, secrets, faults } = await reader.end();
    await target.close();
    expect(faults).toEqual([]);
    // It was at it all the while.
    expect(secrets).toBe(26);
    expect(reads).toBeGreaterThan(REWRITES / 10);
  });

  it.runIf(IS_ROOT)('of another user id without the group reads nothing', async () => {
    const { script, directory } = await makePlace();
    const target = open(directory);
    await target.publish(records(names, 0));
    await target.close();
    const reader = startReader(script, directory, names, GROUP + 1);
    await reader.begun;
    const { reads, faults } = await reader.end();
    expect(reads).toBe(0);
    expect(faults[0]).toContain('EACCES');
  });
});
