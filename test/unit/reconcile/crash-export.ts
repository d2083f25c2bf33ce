import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { expect } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { EntryRecord } from '../../../src/domain/record.ts';
import { openExport, type SecretExport } from '../../../src/secrets/export/open-export.ts';
import { someSecret, storedRecord } from '../../support/record-builders.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { stackHere, type Cut } from './crash-play.ts';

/*
 * A publication that stands still for ever at one of its effects on real files, as a process that is killed does: no
 * cleaning up runs. Killed processes, and what the next one clears after them, are in test/faults/export-kill.test.ts.
 */

const { mkdir, open, chmod, chown, symlink, rename, unlink, rm, readFile, readdir } = fs;
const REAL = { mkdir, open, chmod, chown, symlink, rename, unlink, rm };

/** Secrets of entries, by the letter that they are made of. */
type Letters = Readonly<Record<string, string>>;

export interface ExportScene {
  readonly title: string;
  readonly before: Letters | null;
  /** Which rename fails, counted from 1. */
  readonly failedRename?: number;
}

const AFTER: Letters = { billing: 'b', orders: 'b' };

export const EXPORT_SCENES: readonly ExportScene[] = [
  { title: 'a first export', before: null },
  { title: 'an export of other secrets', before: { legacy: 'a', orders: 'a' } },
  { title: 'an export whose swap fails', before: { legacy: 'a', orders: 'a' }, failedRename: 1 },
  { title: 'an export whose visible link fails', before: { legacy: 'a', orders: 'a' }, failedRename: 2 },
];

/** Gives how many effects there are. Fails where a receiver finds what is torn, or the next publication mends nothing. */
export async function playExport(scene: ExportScene, cut?: Cut): Promise<number> {
  const directory = join(await makeTempDir(), 'ways', 'receiver');
  if (scene.before !== null) await publish(openAt(directory), scene.before);
  const made: FileHandle[] = [];
  const effects = await publishUntil(directory, scene, made, cut);
  const list = await listed(directory);
  expect([scene.before, AFTER], 'all old files, or all new ones').toContainEqual(list);
  await publish(openAt(directory), AFTER);
  expect(await listed(directory)).toEqual(AFTER);
  const visible = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  expect(visible).toEqual([...Object.keys(AFTER), 'subscriptions.json']);
  // The system closes the files of a process that is killed.
  for (const file of made) if (file.fd >= 0) await file.close();
  return effects;
}

async function publishUntil(
  directory: string,
  { failedRename }: ExportScene,
  made: FileHandle[],
  cut?: Cut,
): Promise<number> {
  let effects = 0;
  let renames = 0;
  let isDead = false;
  const forever = new Promise<never>(() => undefined);
  let die: (value?: unknown) => void = () => undefined;
  const death = new Promise((resolve) => (die = resolve));
  const stop = (): Promise<never> => {
    isDead = true;
    die();
    return forever;
  };

  function stopping<A extends unknown[], R>(
    call: (...args: A) => Promise<R>,
    isMaking: (...args: A) => boolean,
  ) {
    return (...args: A): Promise<R> => {
      if (!isMaking(...args)) return call(...args);
      if (isDead) return forever;
      effects += 1;
      if (cut?.at !== effects - 1) return call(...args);
      // After it, the stack has the call no more.
      const stack = stackHere();
      const crash = (): Promise<never> => {
        cut.onCrash?.(stack);
        return stop();
      };
      return cut.how === 'a crash before' ? crash() : call(...args).then(crash);
    };
  }

  const always = (): boolean => true;
  const makeFile: typeof open = async (path, flags, mode) => {
    const file = await open(path, flags, mode);
    if (mode !== undefined) made.push(file);
    return file;
  };
  const making = stopping(makeFile, (_path, _flags, mode) => mode !== undefined);
  Object.assign(fs, {
    open: async (...args: Parameters<typeof open>) => {
      const file = await making(...args);
      return args[2] === undefined ? file : watched(file, (call) => stopping(call, always));
    },
    mkdir: stopping(mkdir as (...args: unknown[]) => Promise<unknown>, always),
    chmod: stopping(chmod, always),
    chown: stopping(chown, always),
    symlink: stopping(symlink, always),
    unlink: stopping(unlink, always),
    rm: stopping(rm, always),
    rename: stopping((from: string, to: string) => {
      renames += 1;
      return renames === failedRename ? Promise.reject(failure()) : rename(from, to);
    }, always),
  });
  syncBuiltinESMExports();
  try {
    await Promise.race([publish(openAt(directory), AFTER), death]);
  } catch (error) {
    if (failedRename === undefined || !(error instanceof AppError)) throw error;
  } finally {
    Object.assign(fs, REAL);
    syncBuiltinESMExports();
  }
  return effects;
}

type Stopping = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A) => Promise<R>;

function watched(file: FileHandle, stopping: Stopping): FileHandle {
  return Object.assign(file, {
    writeFile: stopping(file.writeFile.bind(file)),
    chmod: stopping(file.chmod.bind(file)),
    chown: stopping(file.chown.bind(file)),
  });
}

function failure(): Error {
  return Object.assign(new Error('EIO: i/o error, rename'), { code: 'EIO', syscall: 'rename' });
}

function openAt(directory: string): SecretExport {
  const group = process.getgid?.() ?? null;
  const settings = { directory, mode: '0640', group, notify: null } as const;
  return openExport({ ...settings, sinkDirectory: null, env: {}, userAgent: 'test', lingerMs: 1 });
}

async function publish(target: SecretExport, letters: Letters): Promise<void> {
  try {
    await target.publish(Object.entries(letters).map(([name, letter]) => recordOf(name, letter)));
  } finally {
    await target.close();
  }
}

function recordOf(name: string, letter: string): EntryRecord {
  const record = storedRecord(name);
  return { ...record, current: { ...record.current!, signing_secret: someSecret(letter) } };
}

/** What a receiver finds by the list, and by each file of it; null before the first swap. Fails where one is torn. */
async function listed(directory: string): Promise<Letters | null> {
  const root = join(directory, '..data');
  const text = await readFile(join(root, 'subscriptions.json'), 'utf8').catch(() => null);
  if (text === null) return null;
  const list = JSON.parse(text) as Record<string, { name: string; signing_secret: string }>;
  const letters: Record<string, string> = {};
  for (const { name, signing_secret } of Object.values(list)) {
    expect(await readFile(join(root, name, 'signing_secret'), 'utf8')).toBe(signing_secret);
    letters[name] = ['a', 'b'].find((letter) => someSecret(letter).reveal() === signing_secret) ?? 'torn';
  }
  return letters;
}
