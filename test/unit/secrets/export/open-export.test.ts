import { execFileSync } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EntryRecord } from '../../../../src/domain/record.ts';
import { generationName } from '../../../../src/secrets/export/export-names.ts';
import {
  openExport,
  type ExportOptions,
  type SecretExport,
} from '../../../../src/secrets/export/open-export.ts';
import { fullRecord, someSecret, storedRecord } from '../../../support/record-builders.ts';
import { startReceiver } from '../../../support/receiver.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

function open(directory: string, options: Partial<ExportOptions> = {}): SecretExport {
  return openExport({
    directory,
    mode: '0600',
    group: null,
    notify: null,
    sinkDirectory: null,
    env: {},
    userAgent: 'test',
    lingerMs: 5,
    ...options,
  });
}

async function publishAll(target: SecretExport, ...records: readonly EntryRecord[]) {
  const result = await target.publish(records);
  await target.close();
  return result;
}

/** A place for the export, which does not exist yet. */
async function somewhere(): Promise<string> {
  return join(await makeTempDir(), 'receiver');
}

/** What a receiver finds: every file by its visible path. */
async function seen(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(directory)).filter((name) => !name.startsWith('.'))) {
    const path = join(directory, name);
    if ((await stat(path)).isFile()) found[name] = await readFile(path, 'utf8');
    else
      for (const file of await readdir(path))
        found[`${name}/${file}`] = await readFile(join(path, file), 'utf8');
  }
  return found;
}

/** Everything that a write would change, of the folder and of all below it. */
async function traces(directory: string): Promise<readonly string[]> {
  const paths = ['', ...(await readdir(directory, { recursive: true }))].sort();
  return Promise.all(
    paths.map(async (path) => {
      const { ino, mtimeNs, ctimeNs, mode } = await lstat(join(directory, path), { bigint: true });
      return [path, ino, mtimeNs, ctimeNs, mode].join(' ');
    }),
  );
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

const SECRET = someSecret().reveal();

describe('an export', () => {
  it('is laid out like a mounted Secret', async () => {
    const directory = await somewhere();
    const result = await publishAll(open(directory), storedRecord('orders'));
    expect(result).toEqual({ wrote: true, changed: ['orders'], removed: [], warnings: [] });
    const generation = await readlink(join(directory, '..data'));
    expect(generation).toMatch(/^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\./);
    expect((await readdir(directory)).sort()).toEqual(
      ['..data', generation, '.gitignore', 'orders', 'subscriptions.json'].sort(),
    );
    expect(await readlink(join(directory, 'orders'))).toBe('..data/orders');
    expect(await readlink(join(directory, 'subscriptions.json'))).toBe('..data/subscriptions.json');
    expect(await seen(directory)).toMatchObject({
      'orders/signing_secret': SECRET,
      'orders/subscription_id': 'sub-orders',
    });
  });

  it('follows the records: what changes, what comes and what goes', async () => {
    const directory = await somewhere();
    const target = open(directory);
    await target.publish([storedRecord('orders'), storedRecord('legacy')]);
    const result = await publishAll(target, fullRecord('orders'), storedRecord('billing'));
    expect(result).toMatchObject({ wrote: true, changed: ['billing', 'orders'], removed: ['legacy'] });
    expect(Object.keys(await seen(directory)).sort()).toEqual([
      'billing/signing_secret',
      'billing/subscription_id',
      'orders/next_signing_secret',
      'orders/previous_signing_secret',
      'orders/signing_secret',
      'orders/subscription_id',
      'subscriptions.json',
    ]);
    // Of the old secrets nothing is left, not even out of sight.
    expect((await readdir(directory)).filter((name) => name.startsWith('..20'))).toHaveLength(1);
    expect(await publishAll(target)).toMatchObject({ removed: ['billing', 'orders'] });
    expect(await seen(directory)).toEqual({ 'subscriptions.json': '{}\n' });
  });

  it('writes nothing where nothing has changed, by the same process or by another one', async () => {
    const directory = await somewhere();
    const target = open(directory);
    await publishAll(target, fullRecord('orders'), storedRecord('billing'));
    const before = await traces(directory);
    const records = [storedRecord('billing'), fullRecord('orders')];
    const unchanged = { wrote: false, changed: [], removed: [], warnings: [] };
    expect(await publishAll(target, ...records)).toEqual(unchanged);
    expect(await publishAll(open(directory), ...records)).toEqual(unchanged);
    expect(await traces(directory)).toEqual(before);
  });

  it('keeps the files of a replaced generation until its readers are through', async () => {
    const directory = await somewhere();
    const target = open(directory, { lingerMs: 20 });
    await target.publish([storedRecord('orders')]);
    const old = await readlink(join(directory, '..data'));
    await target.publish([fullRecord('orders')]);
    expect(await readFile(join(directory, old, 'orders/signing_secret'), 'utf8')).toBe(SECRET);
    await target.close();
    await expect(lstat(join(directory, old))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes publications one after the other', async () => {
    const directory = await somewhere();
    const target = open(directory);
    const letters = ['a', 'b', 'c', 'd', 'e'];
    await Promise.all(letters.map((letter) => target.publish([storedRecord(`orders-${letter}`)])));
    await target.close();
    expect((await readdir(directory)).filter((name) => !name.startsWith('.'))).toEqual([
      'orders-e',
      'subscriptions.json',
    ]);
  });

  it('keeps entries as they are that it is told to keep, also when the mode changes', async () => {
    const directory = await somewhere();
    await publishAll(open(directory), fullRecord('orders'));
    const before = await seen(directory);
    const target = open(directory, { mode: '0640' });
    expect(await target.publish([], ['orders'])).toMatchObject({ wrote: true, changed: [], removed: [] });
    await target.close();
    expect(await seen(directory)).toEqual(before);
    expect(await modeOf(join(directory, 'orders/signing_secret'))).toBe('640');
  });
});

describe('the modes of an export', () => {
  it.each([
    { mode: '0400', file: '400', folder: '700' },
    { mode: '0600', file: '600', folder: '700' },
    { mode: '0440', file: '440', folder: '750' },
    { mode: '0640', file: '640', folder: '750' },
  ] as const)(
    '$mode are those of its files, whatever the umask, and folders can be entered by the same',
    async ({ mode, file, folder }) => {
      const directory = await somewhere();
      const umask = process.umask(0o077);
      try {
        await publishAll(open(directory, { mode }), storedRecord('orders'));
      } finally {
        process.umask(umask);
      }
      expect(await modeOf(join(directory, 'orders/signing_secret'))).toBe(file);
      expect(await modeOf(join(directory, 'subscriptions.json'))).toBe(file);
      for (const path of ['.', '..data', 'orders'])
        expect(await modeOf(join(directory, path)), path).toBe(folder);
    },
  );

  it('are put right, and so are other content, files that are missing and files too many', async () => {
    const directory = await somewhere();
    const faults: readonly ((data: string) => Promise<unknown>)[] = [
      (data) => chmod(join(data, 'orders/signing_secret'), 0o666),
      (data) => chmod(join(data, 'orders'), 0o755),
      (data) => writeFile(join(data, 'orders/signing_secret'), 'other'),
      (data) => writeFile(join(data, 'orders/signing_secret'), ''),
      (data) => unlink(join(data, 'orders/subscription_id')),
      (data) => writeFile(join(data, 'orders/more'), 'x'),
      (data) => mkdir(join(data, 'other')),
      (data) => rm(join(data, 'orders'), { recursive: true }),
      (data) => rm(data, { recursive: true }),
      (data) => unlink(join(data, 'subscriptions.json')),
      (data) => symlink('subscription_id', join(data, 'orders/next_signing_secret')),
      () => unlink(join(directory, '..data')),
      () => unlink(join(directory, 'orders')),
      () => symlink('..data/orders', join(directory, 'legacy')),
      async () => {
        await unlink(join(directory, 'orders'));
        await symlink('..data/elsewhere', join(directory, 'orders'));
      },
      async () => {
        await unlink(join(directory, '..data'));
        await symlink('/nowhere', join(directory, '..data'));
      },
      () => rm(directory, { recursive: true }),
    ];
    await publishAll(open(directory), storedRecord('orders'));
    const wanted = await seen(directory);
    for (const [index, fault] of faults.entries()) {
      await fault(join(directory, await readlink(join(directory, '..data'))));
      const result = await publishAll(open(directory), storedRecord('orders'));
      expect(result.wrote, `fault ${index}`).toBe(true);
      expect(await seen(directory), `fault ${index}`).toEqual(wanted);
      expect(await modeOf(join(directory, 'orders/signing_secret'))).toBe('600');
    }
  });

  it('come with the group, and with a word where the process is not in it', async () => {
    const directory = await somewhere();
    const isRoot = process.geteuid?.() === 0;
    const group = isRoot ? 54_321 : process.getegid!();
    await publishAll(open(directory, { mode: '0640', group }), storedRecord('orders'));
    for (const path of ['.', '..data', 'orders', 'orders/signing_secret', 'subscriptions.json']) {
      expect((await stat(join(directory, path))).gid, path).toBe(group);
    }
    if (isRoot) return;
    const refused = open(await somewhere(), { mode: '0640', group: 54_321 });
    await expect(refused.publish([storedRecord('orders')])).rejects.toMatchObject({
      name: 'SinkError',
      message: expect.stringContaining('the group 54321') as string,
    });
  });

  it('leave a folder the bit that hands its group down, as a volume with fsGroup has it', async () => {
    const root = await makeTempDir();
    await chmod(root, 0o2700);
    const directory = join(root, 'receiver');
    await publishAll(open(directory, { mode: '0640' }), storedRecord('orders'));
    expect(await modeOf(join(directory, 'orders'))).toBe('2750');
  });
});

describe('an export refuses', () => {
  async function expectRefused(
    directory: string,
    message: RegExp,
    options: Partial<ExportOptions> = {},
    record = storedRecord('orders'),
  ): Promise<void> {
    const error: unknown = await open(directory, options)
      .publish([record])
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'SinkError', message: expect.stringMatching(message) as string });
    expect((error as Error).message).toContain('the sink has every secret');
    expect((error as Error).message).not.toContain('whsec_');
    const files = await readdir(directory).catch(() => []);
    expect(files.filter((name) => name.startsWith('..20') || name === '..data')).toEqual([]);
  }

  it('a folder that others can change', async () => {
    const directory = await somewhere();
    await mkdir(directory);
    await chmod(directory, 0o770);
    await expectRefused(directory, /others than its owner can change it/);
  });

  it('a link', async () => {
    const root = await makeTempDir();
    await mkdir(join(root, 'real'));
    await symlink('real', join(root, 'receiver'));
    await expectRefused(join(root, 'receiver'), /it is a symbolic link/);
  });

  it('a folder that holds other things', async () => {
    const directory = await somewhere();
    await mkdir(directory);
    await writeFile(join(directory, 'README.md'), '');
    await chmod(directory, 0o755);
    await expectRefused(directory, /it holds other things \("README.md"\)/);
    expect([await readdir(directory), await modeOf(directory)]).toEqual([['README.md'], '755']);
  });

  it('a folder in which git tracks something', async () => {
    const root = await makeTempDir();
    const git = (...args: readonly string[]) => execFileSync('git', args, { cwd: root, stdio: 'ignore' });
    git('init', '-q');
    await publishAll(open(join(root, 'receiver')), storedRecord('orders'));
    git('add', '-A');
    // It hides itself from git, so nothing happens by accident.
    expect(execFileSync('git', ['ls-files'], { cwd: root }).toString()).toBe('');
    git('add', '-f', 'receiver/subscriptions.json');
    const target = open(join(root, 'receiver'), { env: { PATH: process.env['PATH'] } });
    await expect(target.publish([fullRecord('orders')])).rejects.toThrow('git tracks "subscriptions.json"');
    expect(await readFile(join(root, 'receiver/orders/signing_secret'), 'utf8')).toBe(SECRET);
  });

  it("the file sink's folder, one inside it and one around it, also by another way", async () => {
    const root = await makeTempDir();
    const sinkDirectory = join(root, 'a/secrets');
    await mkdir(sinkDirectory, { recursive: true });
    await symlink('a', join(root, 'way'));
    for (const [path, message] of [
      ['a/secrets', /a folder of its own/],
      ['a/secrets/receiver', /a folder of its own/],
      ['way/secrets/receiver', /a folder of its own/],
      ['a', /a folder of its own/],
    ] as const) {
      await expectRefused(join(root, path), message, { sinkDirectory });
    }
    expect(await readdir(sinkDirectory)).toEqual([]);
  });

  it('an entry that has the name of the list', async () => {
    await expectRefused(
      await somewhere(),
      /the list of all has that name/,
      {},
      storedRecord('subscriptions.json'),
    );
  });

  it('to replace what somebody put into its place', async () => {
    const directory = await somewhere();
    await publishAll(open(directory), storedRecord('orders'));
    await mkdir(join(directory, 'billing'));
    const both = [storedRecord('orders'), storedRecord('billing')];
    await expect(open(directory).publish(both)).rejects.toThrow('"billing" in it is not ours');
    await writeFile(join(directory, 'note.txt'), 'not in the way');
    await rename(join(directory, 'billing'), join(directory, 'other'));
    await publishAll(open(directory), ...both);
    expect(await readFile(join(directory, 'note.txt'), 'utf8')).toBe('not in the way');
  });

  it('a path through a file', async () => {
    const root = await makeTempDir();
    await writeFile(join(root, 'file'), '');
    await expectRefused(join(root, 'file/receiver'), /a part of the path is not a folder/);
  });
});

describe('what killed processes left', () => {
  it('is removed, and what a living one makes is let be', async () => {
    const directory = await somewhere();
    await publishAll(open(directory), storedRecord('orders'));
    const young = generationName('elsewhere-1-1', new Date());
    const old = generationName('elsewhere-1-2', new Date());
    for (const name of [young, old]) await mkdir(join(directory, name));
    const aDayAgo = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(join(directory, old), aDayAgo, aDayAgo);
    expect(await publishAll(open(directory), storedRecord('orders'))).toMatchObject({ wrote: false });
    const left = await readdir(directory);
    expect(left).toContain(young);
    expect(left).not.toContain(old);
  });
});

describe('the notification', () => {
  it('tells of a change by name, without a secret, and of nothing else', async () => {
    const receiver = await startReceiver({ status: 204 });
    try {
      const target = open(await somewhere(), { notify: receiver.url });
      expect(await target.publish([storedRecord('orders'), storedRecord('legacy')])).toMatchObject({
        warnings: [],
      });
      await target.publish([storedRecord('orders'), storedRecord('legacy')]);
      await target.publish([fullRecord('orders')]);
      await target.close();
      expect(
        receiver.requests.map(({ method, path, body }) => [method, path, JSON.parse(body) as unknown]),
      ).toEqual([
        ['POST', '/hook', { changed: ['legacy', 'orders'], removed: [] }],
        ['POST', '/hook', { changed: ['orders'], removed: ['legacy'] }],
      ]);
      expect(JSON.stringify(receiver.requests)).not.toContain('whsec_');
      expect(receiver.requests[0]?.headers['user-agent']).toBe('test');
    } finally {
      await receiver.close();
    }
  });

  it.each([400, 500])('is a warning where it fails with %i', async (status) => {
    const receiver = await startReceiver({ status });
    const directory = await somewhere();
    try {
      const result = await publishAll(open(directory, { notify: receiver.url }), storedRecord('orders'));
      expect(result.warnings).toEqual([expect.stringContaining('cannot tell the receiver of new secrets')]);
    } finally {
      await receiver.close();
    }
    expect(await readFile(join(directory, 'orders/signing_secret'), 'utf8')).toBe(SECRET);
  });

  it('is a warning where nobody listens', async () => {
    const receiver = await startReceiver();
    await receiver.close();
    const result = await publishAll(
      open(await somewhere(), { notify: receiver.url }),
      storedRecord('orders'),
    );
    expect(result).toMatchObject({ wrote: true, warnings: [expect.stringContaining('was not reached')] });
  });
});
