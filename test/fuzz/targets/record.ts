import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INSTALLATION_NAME, type EntryRecord, type InstallationRecord } from '../../../src/domain/record.ts';
import { openFileReader } from '../../../src/secrets/file/file-sink.ts';
import { encodeEntry, encodeInstallation } from '../../../src/secrets/record-codec.ts';
import type { SecretReader, SinkEntry } from '../../../src/secrets/sink.ts';
import { entryToMap, mapToEntry } from '../../../src/secrets/vault/record-map.ts';
import { fullRecord, storedRecord } from '../../support/record-builders.ts';
import { nearTo } from '../near.ts';
import { CANARY, canonical, demand, reported, type Target, type Verdict } from '../target.ts';

const NAME = 'orders';
const ENVELOPE = {
  version: '0123456789abcdef0123456789abcdef',
  writer: `${CANARY.toLowerCase()}-1`,
  follows: [],
};
const INSTALLATION: InstallationRecord = {
  schema: 1,
  name: INSTALLATION_NAME,
  id: 'abc123def456',
  line_ids: ['line-1', 'line-2'],
  pauses: [
    { owner: 'default', name: NAME, until: '2026-03-01T10:00:00.000Z', reason: `${CANARY} maintenance` },
    { owner: 'default', name: null, until: null, reason: null },
  ],
};

/** Files of the sink with an entry's record: whatever is read is what stands there, to the letter. */
export const record = fileTarget(
  'record',
  NAME,
  [fullRecord(NAME), storedRecord(NAME), storedRecord('other')].map((one) => ({
    ...ENVELOPE,
    ...encodeEntry(one),
  })),
  async (reader) => {
    const entry = await reader.read(NAME);
    return { entry, encoded: entry.kind === 'intact' ? encodeEntry(entry.record) : undefined };
  },
);

/** The same for the installation's record. */
export const installation = fileTarget(
  'installation',
  INSTALLATION_NAME,
  [{ ...ENVELOPE, ...encodeInstallation(INSTALLATION) }],
  async (reader) => {
    const entry = await reader.readInstallation();
    return { entry, encoded: entry.kind === 'intact' ? encodeInstallation(entry.record) : undefined };
  },
);

type Plain = Readonly<Record<string, unknown>>;
type Reading = {
  readonly entry: SinkEntry<EntryRecord | InstallationRecord>;
  readonly encoded: Plain | undefined;
};

function fileTarget(
  name: string,
  file: string,
  examples: readonly Plain[],
  read: (reader: SecretReader) => Promise<Reading>,
): Target {
  const removed = { ...ENVELOPE, removed: true };
  return {
    name,
    corpus: [...examples, removed].map((example) => Buffer.from(`${JSON.stringify(example, null, 2)}\n`)),
    near: nearTo(...examples, removed).map((value) => JSON.stringify(value, null, 2)),
    async open() {
      const directory = await mkdtemp(join(tmpdir(), 'linq-gitops-test-'));
      const reader = openFileReader({ directory, isEphemeral: true, env: {}, cwd: directory });
      return {
        async check(input) {
          await writeFile(join(directory, `${file}.json`), input, { mode: 0o600 });
          try {
            demand(
              (await reader.list()).every((listed) => listed === NAME),
              'a name that is not there',
            );
            return verdictOn(input, await read(reader));
          } catch (error) {
            reported(error);
            return 'refused';
          }
        },
        close: () => rm(directory, { recursive: true }),
      };
    },
  };
}

function verdictOn(input: Buffer, { entry, encoded }: Reading): Verdict {
  demand(/^([0-9a-f]{32}|damaged-[0-9a-f]{16})$/.test(entry.version), 'no version', entry);
  if (entry.kind === 'damaged') {
    demand(/^[a-z][\w., "-]+(1 MiB)?$/.test(entry.reason), 'a reason that is not in our words', entry.reason);
    demand(!entry.reason.includes(CANARY), 'a reason quotes the record', entry.reason);
  }
  if (entry.kind === 'absent')
    demand(/"removed"\s*:\s*true/.test(input.toString('utf8')), 'a record is gone', entry);
  if (entry.kind !== 'intact') return 'refused';
  const {
    version,
    writer: _writer,
    follows: _follows,
    ...said
  } = JSON.parse(new TextDecoder().decode(input)) as Plain;
  demand(version === entry.version, 'another version');
  demand(canonical(encoded) === canonical(said), 'what is read is not what stands there', { encoded, said });
  const { record: own } = entry;
  if ('current' in own) {
    for (const part of [own.current, own.next, own.previous]) {
      demand(part?.signing_secret?.reveal() !== '', 'an empty secret');
    }
    const again = mapToEntry(entryToMap(own), own.name);
    demand(again.kind === 'intact', 'what a file holds, Vault could not', again);
    demand(canonical(encodeEntry(again.record)) === canonical(encoded), 'Vault would hold something else');
  }
  return 'accepted';
}
