import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyRecord, INSTALLATION_NAME, type Pause } from '../../../../src/domain/record.ts';
import { openExport, type SecretExport } from '../../../../src/secrets/export/open-export.ts';
import { publishRecords } from '../../../../src/secrets/export/publish-records.ts';
import { openFileSink } from '../../../../src/secrets/file/file-sink.ts';
import { ABSENT, type SecretSink } from '../../../../src/secrets/sink.ts';
import { fullRecord, someSecret, storedRecord } from '../../../support/record-builders.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

async function open() {
  const root = await makeTempDir();
  const sinkDirectory = join(root, 'secrets');
  const directory = join(root, 'receiver');
  const sink = openFileSink({ directory: sinkDirectory, isEphemeral: true, env: {}, cwd: root });
  const target = openExport({
    directory,
    mode: '0600',
    group: null,
    notify: null,
    sinkDirectory,
    env: {},
    userAgent: 'test',
    lingerMs: 0,
  });
  const names = async () => (await readdir(directory)).filter((name) => !name.startsWith('.'));
  return { sink, target, directory, sinkDirectory, names };
}

async function makeInstallation(sink: SecretSink): Promise<void> {
  await sink.writeInstallation(
    { schema: 1, name: INSTALLATION_NAME, id: 'ours', line_ids: [], pauses: [] },
    ABSENT,
  );
}

describe('publishRecords', () => {
  it('publishes the records of the owner that have a secret', async () => {
    const { sink, target, names } = await open();
    await makeInstallation(sink);
    await sink.write(storedRecord('orders'), ABSENT);
    await sink.write(emptyRecord('pending', 'default'), ABSENT);
    await sink.write({ ...storedRecord('theirs'), owner: 'other' }, ABSENT);
    expect(await publishRecords(target, sink, 'default')).toEqual({
      wrote: true,
      changed: ['orders'],
      removed: [],
      warnings: [],
    });
    expect(await names()).toEqual(['orders', 'subscriptions.json']);
    expect(await publishRecords(target, sink, 'default')).toMatchObject({ wrote: false });
  });

  it.each(['its records moved to vault:secret/linq', 'records are being moved here'])(
    'leaves the files as they are while the records of the owner move: %s',
    async (reason) => {
      const { sink, target, names } = await open();
      await makeInstallation(sink);
      const version = await sink.write(storedRecord('orders'), ABSENT);
      await publishRecords(target, sink, 'default');
      await sink.remove('orders', version);
      const entry = await sink.readInstallation();
      if (entry.kind !== 'intact') throw new Error('there is no installation');
      const pause = { owner: 'default', name: null, until: null };
      const write = (pauses: Pause[]) => sink.writeInstallation({ ...entry.record, pauses }, entry.version);
      const paused = await write([{ ...pause, reason }]);
      expect(await publishRecords(target, sink, 'default')).toMatchObject({
        wrote: false,
        warnings: [`the exported files are left as they are: ${reason}`],
      });
      expect(await names()).toContain('orders');
      const others = [
        { ...pause, reason: null },
        { ...pause, owner: 'theirs', reason },
      ];
      await sink.writeInstallation({ ...entry.record, pauses: others }, paused);
      expect(await publishRecords(target, sink, 'default')).toMatchObject({ removed: ['orders'] });
    },
  );

  it('takes files away only when the record has gone', async () => {
    const { sink, target, directory, sinkDirectory, names } = await open();
    await makeInstallation(sink);
    const versions = new Map<string, string>();
    for (const name of ['damaged', 'gone', 'theirs']) {
      versions.set(name, await sink.write(storedRecord(name), ABSENT));
    }
    await publishRecords(target, sink, 'default');
    await writeFile(join(sinkDirectory, 'damaged.json'), '{');
    await sink.write({ ...storedRecord('theirs'), owner: 'other' }, versions.get('theirs')!);
    await sink.remove('gone', versions.get('gone')!);
    expect(await publishRecords(target, sink, 'default')).toMatchObject({ changed: [], removed: ['gone'] });
    expect(await names()).toEqual(['damaged', 'subscriptions.json', 'theirs']);
    expect(await readFile(join(directory, 'damaged/signing_secret'), 'utf8')).toBe(someSecret().reveal());
  });

  it('leaves the files where the sink was never written to, as one that is not mounted', async () => {
    const first = await open();
    await makeInstallation(first.sink);
    await first.sink.write(storedRecord('orders'), ABSENT);
    await publishRecords(first.target, first.sink, 'default');
    const other = await open();
    expect(await publishRecords(first.target, other.sink, 'default')).toEqual({
      wrote: false,
      changed: [],
      removed: [],
      warnings: [expect.stringContaining('nothing was ever written into the sink')],
    });
    expect(await first.names()).toEqual(['orders', 'subscriptions.json']);
  });

  it('looks once more after it has written, so that nobody’s newer secret is overwritten', async () => {
    const { sink, target, directory } = await open();
    await makeInstallation(sink);
    const version = await sink.write(storedRecord('orders'), ABSENT);
    let isFirst = true;
    // Another process stores and publishes between our reading and our writing.
    const late: SecretExport = {
      ...target,
      async publish(records, kept) {
        if (isFirst) {
          isFirst = false;
          await sink.write(fullRecord('orders'), version);
          await publishRecords(target, sink, 'default');
        }
        return target.publish(records, kept);
      },
    };
    await publishRecords(late, sink, 'default');
    expect(await readFile(join(directory, 'orders/next_signing_secret'), 'utf8')).toBe(
      someSecret('b').reveal(),
    );
  });

  it('fails where the sink cannot be read, and leaves the files', async () => {
    const { sink, target, names } = await open();
    await makeInstallation(sink);
    await sink.write(storedRecord('orders'), ABSENT);
    await publishRecords(target, sink, 'default');
    const broken = { ...sink, readAll: () => Promise.reject(new Error('the disk is gone')) };
    await expect(publishRecords(target, broken, 'default')).rejects.toThrow('the disk is gone');
    expect(await names()).toEqual(['orders', 'subscriptions.json']);
  });
});
