import { spawn } from 'node:child_process';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyRecord, type EntryRecord } from '../../src/domain/record.ts';
import { EXPORT_STEPS } from '../../src/secrets/export/export-generation.ts';
import { openExport, type SecretExport } from '../../src/secrets/export/open-export.ts';
import { compileProgram, type CompiledProgram } from '../support/compiled-program.ts';
import { someSecret, storedRecord } from '../support/record-builders.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const CHILD = new URL('../support/export-child.mjs', import.meta.url).pathname;
const MODULES = new URL('../../node_modules', import.meta.url).pathname;
let program: CompiledProgram;

beforeAll(async () => {
  program = await compileProgram(['domain', 'http', 'secrets']);
  await symlink(MODULES, join(program.directory, 'node_modules'));
});
afterAll(() => program.remove());

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

function open(directory: string): SecretExport {
  const settings = { directory, mode: '0600', group: null, notify: null } as const;
  return openExport({ ...settings, sinkDirectory: null, env: {}, userAgent: 'test', lingerMs: 1 });
}

/** A record as the child makes it. */
function record(name: string, letter: string): EntryRecord {
  const { current } = storedRecord(name);
  return { ...emptyRecord(name, 'default'), current: { ...current!, signing_secret: someSecret(letter) } };
}

/** The letters of all secrets, by the visible files; fails where one is missing or torn. */
async function seen(directory: string): Promise<Record<string, string>> {
  const letters: Record<string, string> = {};
  for (const name of await readdir(directory)) {
    if (name.startsWith('.') || name === 'subscriptions.json') continue;
    letters[name] = letterOf(await readFile(join(directory, name, 'signing_secret'), 'utf8'));
  }
  return letters;
}

async function listed(directory: string): Promise<Record<string, string>> {
  const list = JSON.parse(await readFile(join(directory, 'subscriptions.json'), 'utf8')) as Record<
    string,
    { name: string; signing_secret: string }
  >;
  return Object.fromEntries(
    Object.values(list).map(({ name, signing_secret }) => [name, letterOf(signing_secret)]),
  );
}

function letterOf(secret: string): string {
  const letter = ['a', 'b'].find((letter) => someSecret(letter).reveal() === secret);
  if (letter === undefined) throw new Error(`torn: ${secret.length} characters`);
  return letter;
}

/** The next publication, by another process than the killed one, makes everything right and clears up. */
async function expectRepaired(directory: string): Promise<void> {
  const target = open(directory);
  await target.publish([record('orders', 'b'), record('billing', 'b')]);
  await target.close();
  expect(await seen(directory)).toEqual({ orders: 'b', billing: 'b' });
  expect(await listed(directory)).toEqual({ orders: 'b', billing: 'b' });
  const hidden = (await readdir(directory)).filter((name) => name.startsWith('.'));
  expect(hidden.filter((name) => name !== '..data' && name !== '.gitignore')).toHaveLength(1);
}

/** `write` and `open` come once for each file or folder: in the middle too. */
const PLACES = [...EXPORT_STEPS, 'write:3', 'open:2', 'show-link:2', 'show:2'];

describe('killed while it publishes', () => {
  const before = { orders: 'a', legacy: 'a' };
  const after = { orders: 'b', billing: 'b' };
  const OLD = ['make', 'write', 'write:3', 'open', 'open:2', 'sync-made', 'link', 'swap'];

  it.each(PLACES.filter((place) => !['show-link:2', 'show:2'].includes(place)))(
    'before %s: a receiver finds all old files or all new ones, and the next one repairs the rest',
    async (place) => {
      const directory = join(await makeTempDir(), 'receiver');
      expect(await runChild(directory, 'never', 'orders=a', 'legacy=a')).toBe('done');
      expect(await runChild(directory, place, 'orders=b', 'billing=b')).toBe('killed');
      const list = await listed(directory);
      expect(list).toEqual(OLD.includes(place) ? before : after);
      expect(letterOf(await readFile(join(directory, 'orders/signing_secret'), 'utf8'))).toBe(list['orders']);
      if (OLD.includes(place)) expect(await seen(directory)).toEqual(before);
      await expectRepaired(directory);
    },
  );

  it.each(PLACES.filter((place) => !['hide', 'discard'].includes(place)))(
    'for the first time, before %s: nothing that is there is torn, and the next one does the rest',
    async (place) => {
      const directory = join(await makeTempDir(), 'receiver');
      expect(await runChild(directory, place, 'orders=b', 'billing=b')).toBe('killed');
      const found = await seen(directory);
      expect(Object.values(found)).toEqual(Object.values(found).fill('b'));
      await expectRepaired(directory);
    },
  );

  it('comes to its end where nobody kills it', async () => {
    const directory = join(await makeTempDir(), 'receiver');
    expect(await runChild(directory, 'never', 'orders=b', 'billing=b')).toBe('done');
    expect(await seen(directory)).toEqual(after);
  });

  it('beside other processes that publish, leaves what the last one wrote, whole', async () => {
    const directory = join(await makeTempDir(), 'receiver');
    await runChild(directory, 'never', 'orders=a');
    const ends = await Promise.all(
      ['a', 'b', 'a', 'b'].map((letter) =>
        runChild(directory, 'never', `orders=${letter}`, `billing=${letter}`),
      ),
    );
    expect(ends).toEqual(['done', 'done', 'done', 'done']);
    const { orders, billing } = await seen(directory);
    expect(await listed(directory)).toEqual({ orders, billing });
    expect(orders).toBe(billing);
    await expectRepaired(directory);
  });
});
