import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, SinkConflictError, SinkError } from '../../../../src/domain/errors.ts';
import { emptyRecord, INSTALLATION_NAME, RECORD_SCHEMA } from '../../../../src/domain/record.ts';
import { openFileSink } from '../../../../src/secrets/file/file-sink.ts';
import { openSecretReader, openSecretSink } from '../../../../src/secrets/open-sink.ts';
import { ABSENT, type SecretSink } from '../../../../src/secrets/sink.ts';
import { fullRecord, someSecret, storedRecord } from '../../../support/record-builders.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const LONG_AGO = new Date('2020-01-01T00:00:00Z');

async function makeSink(): Promise<{ sink: SecretSink; directory: string }> {
  const directory = join(await makeTempDir(), 'secrets');
  return { directory, sink: openFileSink({ directory, isEphemeral: true, env: {}, cwd: '/' }) };
}

function installation(id: string) {
  return { schema: RECORD_SCHEMA, name: INSTALLATION_NAME, id, line_ids: ['line-1'], pauses: [] } as const;
}

describe('the file sink', () => {
  it('gives back a record with its secrets, and shows it to the receiver in plain JSON', async () => {
    const { sink, directory } = await makeSink();
    const record = fullRecord('orders');
    const version = await sink.write(record, ABSENT);
    const entry = await sink.read('orders');
    expect(entry).toEqual({ kind: 'intact', version, record });
    expect(entry.kind === 'intact' && entry.record.current?.signing_secret?.equals(someSecret())).toBe(true);
    const file = join(directory, 'orders.json');
    const text = await readFile(file, 'utf8');
    expect(Object.keys(JSON.parse(text) as object)[0]).toBe('version');
    expect(JSON.parse(text)).toMatchObject({ version, current: { signing_secret: someSecret().reveal() } });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(directory)).sort()).toEqual(['.gitignore', 'orders.json']);
  });

  it('is empty where the folder does not exist, and reading does not make it', async () => {
    const { sink, directory } = await makeSink();
    expect(await sink.list()).toEqual([]);
    expect(await sink.read('orders')).toEqual({ kind: 'absent', version: ABSENT });
    expect(await sink.readInstallation()).toEqual({ kind: 'absent', version: ABSENT });
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses every version but the current one, and changes nothing', async () => {
    const { sink } = await makeSink();
    const first = await sink.write(storedRecord('orders'), ABSENT);
    const second = await sink.write(storedRecord('orders', { owner: 'second' }), first);
    for (const wrong of [ABSENT, first, 'f'.repeat(32), '']) {
      await expect(sink.write(storedRecord('orders'), wrong)).rejects.toThrow(SinkConflictError);
      await expect(sink.remove('orders', wrong)).rejects.toThrow(SinkConflictError);
    }
    expect(await sink.read('orders')).toMatchObject({ version: second, record: { owner: 'second' } });
  });

  it('lets one of many win that write at once', async () => {
    const { sink } = await makeSink();
    const version = await sink.write(storedRecord('orders'), ABSENT);
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        sink.write(storedRecord('orders', { owner: `owner-${index}` }), version),
      ),
    );
    const won = results.flatMap((result, index) => (result.status === 'fulfilled' ? [`owner-${index}`] : []));
    expect(won).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(SinkConflictError);
    }
    expect(await sink.read('orders')).toMatchObject({ record: { owner: won[0] } });
  });

  it('never lets a removed name begin again', async () => {
    const { sink, directory } = await makeSink();
    const version = await sink.write(storedRecord('orders'), ABSENT);
    const remains = await sink.remove('orders', version);
    expect(await sink.read('orders')).toEqual({ kind: 'absent', version: remains });
    expect(new Set([ABSENT, version, remains]).size).toBe(3);
    expect(await sink.list()).toEqual([]);
    expect(await readFile(join(directory, 'orders.json'), 'utf8')).not.toContain('whsec_');
    await expect(sink.write(storedRecord('orders'), ABSENT)).rejects.toThrow(SinkConflictError);
    // Removing what is removed is nothing, and says the same.
    expect(await sink.remove('orders', remains)).toBe(remains);
    await expect(sink.remove('orders', version)).rejects.toThrow(SinkConflictError);
    await sink.write(storedRecord('orders'), remains);
    expect(await sink.list()).toEqual(['orders']);
  });

  it('lists what holds a record, sorted, and knows nothing of other files', async () => {
    const { sink, directory } = await makeSink();
    for (const name of ['b', 'a.b', 'a', 'c']) await sink.write(emptyRecord(name, 'default'), ABSENT);
    await sink.writeInstallation(installation('k3'), ABSENT);
    await sink.remove('c', (await sink.read('c')).version);
    await writeFile(join(directory, 'README'), '');
    await writeFile(join(directory, 'Upper.json'), '{}');
    await writeFile(join(directory, 'damaged.json'), 'x', { mode: 0o600 });
    expect(await sink.list()).toEqual(['a', 'a.b', 'b', 'damaged']);
  });

  it('lists by what is committed, where a killed writer has not moved it yet', async () => {
    const { sink, directory } = await makeSink();
    const version = await sink.write(emptyRecord('orders', 'default'), ABSENT);
    // As a kill after the claim leaves it: first of a new record, then of a removal.
    await rename(join(directory, 'orders.json'), join(directory, '.orders.absent.claim'));
    expect(await sink.list()).toEqual(['orders']);
    expect(await sink.read('orders')).toMatchObject({ kind: 'intact', version });
    await sink.remove('orders', version);
    await rename(join(directory, 'orders.json'), join(directory, `.orders.${version}.claim`));
    expect(await sink.list()).toEqual([]);
  });

  it('removes nothing where there is no folder, and knows no version there', async () => {
    const { sink, directory } = await makeSink();
    expect(await sink.remove('orders', ABSENT)).toBe(ABSENT);
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(sink.remove('orders', 'f'.repeat(32))).rejects.toThrow(SinkConflictError);
  });

  it.runIf(process.platform === 'linux')('holds no file open when it is done', async () => {
    const { sink } = await makeSink();
    const before = (await readdir('/proc/self/fd')).length;
    let version: string = ABSENT;
    for (let time = 0; time < 20; time += 1) version = await sink.write(storedRecord('orders'), version);
    await sink.check();
    await sink.list();
    expect((await readdir('/proc/self/fd')).length - before).toBeLessThan(5);
  });

  it('makes the folder again that somebody removed', async () => {
    const { sink, directory } = await makeSink();
    await sink.write(storedRecord('orders'), ABSENT);
    await rm(directory, { recursive: true });
    await sink.write(storedRecord('orders'), ABSENT);
    expect(await sink.list()).toEqual(['orders']);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  it.each(['itself', 'the one before'])(
    'does not follow a claim by which a version succeeds %s',
    async (what) => {
      const { sink, directory } = await makeSink();
      const version = await sink.write(storedRecord('orders'), ABSENT);
      const bytes = await readFile(join(directory, 'orders.json'), 'utf8');
      const put = (succeeded: string, text: string) =>
        writeFile(join(directory, `.orders.${succeeded}.claim`), text, { mode: 0o600 });
      if (what === 'itself') await put(version, bytes);
      else {
        const other = 'e'.repeat(32);
        await put(version, bytes.replaceAll(version, other));
        await put(other, bytes.replaceAll(version, other));
      }
      await expect(sink.read('orders')).rejects.toThrow('it repeats a version');
    },
  );

  it("keeps the installation's record apart from entries", async () => {
    const { sink } = await makeSink();
    const version = await sink.writeInstallation(installation('k3'), ABSENT);
    expect(await sink.readInstallation()).toEqual({ kind: 'intact', version, record: installation('k3') });
    await expect(sink.writeInstallation(installation('k4'), ABSENT)).rejects.toThrow(SinkConflictError);
    await expect(sink.read(INSTALLATION_NAME)).rejects.toThrow(SinkError);
    await expect(sink.remove(INSTALLATION_NAME, version)).rejects.toThrow(SinkError);
    await expect(sink.write(emptyRecord(INSTALLATION_NAME, 'x'), version)).rejects.toThrow(SinkError);
  });

  it.each(['../evil', 'a/b', '.hidden', 'UPPER', '', 'a\0b'])('refuses the name %j', async (name) => {
    const { sink, directory } = await makeSink();
    await expect(sink.read(name)).rejects.toThrow(SinkError);
    await expect(sink.write(emptyRecord(name, 'default'), ABSENT)).rejects.toThrow(SinkError);
    await expect(sink.remove(name, ABSENT)).rejects.toThrow(SinkError);
    expect(() => sink.locate(name)).toThrow(SinkError);
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses to write a record that it could not read back', async () => {
    const { sink } = await makeSink();
    const broken = storedRecord('orders', { owner: '' });
    await expect(sink.write(broken, ABSENT)).rejects.toThrow('not valid');
    expect(await sink.read('orders')).toEqual({ kind: 'absent', version: ABSENT });
  });

  it.each([
    { reason: 'half a file', text: '{"version": "0123456789abcdef0123456789ab' },
    { reason: 'an empty file', text: '' },
    { reason: 'no version', text: '{"schema": 1}' },
    { reason: 'more than 1 MiB', text: ' '.repeat(1024 * 1024 + 1) },
    {
      reason: 'the record of another name',
      text: JSON.stringify({ version: 'a'.repeat(32), schema: 1, name: 'x' }),
    },
  ])('calls $reason damaged, and lets it be replaced on purpose', async ({ text }) => {
    const { sink, directory } = await makeSink();
    await mkdir(directory, { mode: 0o700 });
    await writeFile(join(directory, 'orders.json'), text, { mode: 0o600 });
    const entry = await sink.read('orders');
    expect(entry.kind).toBe('damaged');
    expect(await sink.read('orders')).toEqual(entry);
    await expect(sink.write(storedRecord('orders'), ABSENT)).rejects.toThrow(SinkConflictError);
    const version = await sink.write(storedRecord('orders'), entry.version);
    expect(await sink.read('orders')).toMatchObject({ kind: 'intact', version });
  });

  it('never writes over the record of a newer program', async () => {
    const { sink, directory } = await makeSink();
    const version = await sink.write(emptyRecord('orders', 'default'), ABSENT);
    const file = join(directory, 'orders.json');
    const text = (await readFile(file, 'utf8')).replace('"schema": 1', '"schema": 2');
    await writeFile(file, text);
    expect(await sink.read('orders')).toEqual({ kind: 'newer', schema: 2, version });
    await expect(sink.write(emptyRecord('orders', 'x'), version)).rejects.toThrow('newer linq-gitops');
    await expect(sink.remove('orders', version)).rejects.toThrow('newer linq-gitops');
    expect(await readFile(file, 'utf8')).toBe(text);
    expect(await sink.list()).toEqual(['orders']);
  });

  it.each([
    {
      reason: 'readable by its group',
      why: 'others than its owner have access to it',
      spoil: (file: string) => chmod(file, 0o640),
    },
    {
      reason: 'readable by all',
      why: 'others than its owner have access to it',
      spoil: (file: string) => chmod(file, 0o604),
    },
    {
      reason: 'a link',
      why: 'it is a symbolic link (ELOOP)',
      spoil: async (file: string) => {
        await rename(file, `${file}.real`);
        await symlink(`${file}.real`, file);
      },
    },
    {
      reason: 'a folder',
      why: 'it is not a regular file',
      spoil: async (file: string) => {
        await rm(file);
        await mkdir(file);
      },
    },
  ])('refuses to read a file that is $reason', async ({ spoil, why }) => {
    const { sink, directory } = await makeSink();
    const version = await sink.write(storedRecord('orders'), ABSENT);
    await spoil(join(directory, 'orders.json'));
    const refused = sink.read('orders');
    await expect(refused).rejects.toThrow(SinkError);
    await expect(refused).rejects.toThrow(why);
    await expect(sink.write(storedRecord('orders'), version)).rejects.toThrow(SinkError);
    expect(inspect(await refused.catch((error: unknown) => error), { depth: 9 })).not.toContain('whsec_');
  });

  it('refuses a folder that others can change, also after it was opened', async () => {
    const { sink, directory } = await makeSink();
    const version = await sink.write(storedRecord('orders'), ABSENT);
    await chmod(directory, 0o777);
    await expect(sink.read('orders')).rejects.toThrow(SinkError);
    await expect(sink.list()).rejects.toThrow(SinkError);
    await expect(sink.write(storedRecord('orders'), version)).rejects.toThrow(SinkError);
    await expect(sink.check()).rejects.toThrow(SinkError);
  });

  it('reads more records at once than a process may open files', async () => {
    const { sink, directory } = await makeSink();
    await sink.write(storedRecord('model'), ABSENT);
    const text = await readFile(join(directory, 'model.json'), 'utf8');
    const names = Array.from({ length: 2000 }, (_, index) => `n${index}`);
    for (let start = 0; start < names.length; start += 100) {
      const some = names.slice(start, start + 100);
      await Promise.all(
        some.map((name) =>
          writeFile(join(directory, `${name}.json`), text.replace('"model"', `"${name}"`), { mode: 0o600 }),
        ),
      );
    }
    const listed = await sink.list();
    expect(listed).toHaveLength(2001);
    // All at once: the sink itself must keep the number of open files in bounds.
    const entries = await Promise.all(listed.map((name) => sink.read(name)));
    expect(entries.every((entry) => entry.kind === 'intact')).toBe(true);
  });
});

describe('check()', () => {
  it('makes the folder, proves that it can be written, and leaves nothing', async () => {
    const { sink, directory } = await makeSink();
    expect(await sink.check()).toEqual([]);
    expect(await readdir(directory)).toEqual(['.gitignore']);
  });

  it('sweeps at once what a process of this machine has left that runs no more', async () => {
    const { sink, directory } = await makeSink();
    await sink.write(storedRecord('orders'), ABSENT);
    const { writer } = JSON.parse(await readFile(join(directory, 'orders.json'), 'utf8')) as {
      writer: string;
    };
    const gone = writer.replace(/-[0-9]+$/, '-1');
    await writeFile(join(directory, `.orders.${'a'.repeat(32)}.${gone}.new`), 'x', { mode: 0o600 });
    await sink.check();
    // Where the system tells nothing about processes, it is swept when it is a day old.
    const left = gone.startsWith('unknown') ? 3 : 2;
    expect(await readdir(directory)).toHaveLength(left);
  });

  it('warns where git may pick up the secrets', async () => {
    const { sink, directory } = await makeSink();
    await mkdir(directory, { mode: 0o700 });
    await writeFile(join(directory, '.gitignore'), '*.bak\n');
    expect(await sink.check()).toEqual([expect.stringContaining('does not hold the line `*`')]);
  });

  it('finishes what is committed, and sweeps what nobody will claim', async () => {
    const { sink, directory } = await makeSink();
    const version = await sink.write(storedRecord('orders'), ABSENT);
    const { writer } = JSON.parse(await readFile(join(directory, 'orders.json'), 'utf8')) as {
      writer: string;
    };
    const put = (file: string) => writeFile(join(directory, file), 'x', { mode: 0o600 });
    // The record as if it were claimed and not yet moved.
    const staged = `.orders.${version}.${writer}.new`;
    await rename(join(directory, 'orders.json'), join(directory, '.orders.absent.claim'));
    await writeFile(join(directory, staged), await readFile(join(directory, '.orders.absent.claim')), {
      mode: 0o600,
    });
    const [old, young, ours] = ['a', 'b', 'c'].map((letter) => letter.repeat(32)) as [string, string, string];
    await put(`.orders.${old}.elsewhere-1.new`);
    await utimes(join(directory, `.orders.${old}.elsewhere-1.new`), LONG_AGO, LONG_AGO);
    await put(`.orders.${young}.elsewhere-1.new`);
    await put(`.other.${ours}.${writer}.new`);
    await put(`.orders.${old}.claim`);
    await put(`._probe.${old}.claim`);
    await sink.check();
    expect((await readdir(directory)).sort()).toEqual(
      [
        '.gitignore',
        // Their makers may be at work: one on another machine, one this very process.
        `.orders.${young}.elsewhere-1.new`,
        `.other.${ours}.${writer}.new`,
        'orders.json',
      ].sort(),
    );
    expect(await sink.read('orders')).toMatchObject({ kind: 'intact', version });
  });

  it('wants consent for a CI run, in check and in write', async () => {
    const directory = join(await makeTempDir(), 'secrets');
    const settings = (ephemeral: boolean) => ({
      owner: 'default',
      secrets: { sink: 'file' as const, store_timeout: 1, file: { directory, ephemeral } },
    });
    const refused = openSecretSink(settings(false), { CI: 'true' });
    await expect(refused.check()).rejects.toThrow(ConfigError);
    await expect(refused.write(emptyRecord('a', 'b'), ABSENT)).rejects.toThrow(ConfigError);
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
    await openSecretSink(settings(true), { CI: 'true' }).write(emptyRecord('a', 'b'), ABSENT);
    const reader = openSecretReader(settings(false), { CI: 'true' });
    expect(await reader.list()).toEqual(['a']);
    // I6: what a dry run is handed has no way to write.
    expect(Object.keys(reader).sort()).toEqual(['list', 'locate', 'read', 'readAll', 'readInstallation']);
  });
});

describe('locate()', () => {
  it.each([
    { directory: '/srv/app/secrets', cwd: '/srv/app', place: 'file:secrets/orders.json' },
    { directory: '/srv/app', cwd: '/srv/app', place: 'file:orders.json' },
    { directory: '/var/lib/secrets', cwd: '/srv/app', place: 'file:/var/lib/secrets/orders.json' },
    { directory: '/srv/app2', cwd: '/srv/app', place: 'file:/srv/app2/orders.json' },
    { directory: '/srv', cwd: '/srv/app', place: 'file:/srv/orders.json' },
    { directory: '/srv/app/..secrets', cwd: '/srv/app', place: 'file:..secrets/orders.json' },
  ])('says $place', ({ directory, cwd, place }) => {
    const sink = openFileSink({ directory, isEphemeral: false, env: {}, cwd });
    expect(sink.locate('orders')).toBe(place);
  });
});
