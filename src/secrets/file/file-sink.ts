import { resolve } from 'node:path';
import { SinkError } from '../../domain/errors.ts';
import { INSTALLATION_NAME } from '../../domain/record.ts';
import {
  decodeEntry,
  decodeInstallation,
  encodeEntry,
  encodeInstallation,
  type Decoded,
} from '../record-codec.ts';
import type { Plain } from '../record-fields.ts';
import { ABSENT, type SecretReader, type SecretSink, type Version } from '../sink.ts';
import { writeVersion } from './atomic-file.ts';
import type { Content } from './envelope.ts';
import { requireEntryName } from '../entry-name.ts';
import { createFileReader, isTombstone, toEntry } from './file-reader.ts';
import { currentOf, readState, versionOf, type FileStore, type StepHook } from './file-state.ts';
import { inspectFolder, inspectPermanence, makeFolder } from './folder.ts';
import { inspectTracking } from './git-tracking.ts';
import { createLimit } from '../../domain/limit.ts';
import { probeFolder, sweepFolder } from './sweep.ts';
import { ownMark } from './writer-mark.ts';

/** Enough to keep the disk busy, and far below any limit on open files. */
const CONCURRENCY = 32;

export interface FileSinkOptions {
  readonly directory: string;
  /** Consent to keep secrets where they vanish with the machine. */
  readonly isEphemeral: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** What `locate` is relative to. */
  readonly cwd: string;
  /** Called before every effect of a read or a write; for tests. */
  readonly onStep?: StepHook;
}

/** Opens the reading half. It has no method that writes, and needs no `ephemeral: true`. No I/O. */
export function openFileReader(options: FileSinkOptions): SecretReader {
  return createFileReader(storeOf(options), options.cwd);
}

/** Opens the file sink. No I/O yet; the folder is judged and made by `check()` or the first write. */
export function openFileSink(options: FileSinkOptions): SecretSink {
  const store = storeOf(options);
  const limit = createLimit(CONCURRENCY);
  let prepared: Promise<readonly string[]> | undefined;

  /** A failure is not remembered: the next attempt looks again. */
  function prepareAnew(): Promise<readonly string[]> {
    const preparing = prepare(store.directory, options).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    prepared = preparing;
    return preparing;
  }

  /** Once is enough for what only a person changes; the folder's own safety is looked at in every write. */
  async function ready(): Promise<void> {
    await (prepared ?? prepareAnew());
    if (!inspectFolder(store.directory)) await makeFolder(store.directory);
  }

  function write(name: string, body: Plain, expected: Version, decode: Decode): Promise<Version> {
    // A record that could not be read back would be a lost secret.
    if (decode(body).kind !== 'intact') {
      throw new SinkError(`cannot write ${name}: the record has a field that is not valid`);
    }
    return put(name, body, expected, decode);
  }

  function put(name: string, body: Plain, expected: Version, decode: Decode): Promise<Version> {
    return limit(async () => {
      await ready();
      return writeVersion(store, name, body, expected, (current) => refuseNewer(name, current, decode));
    });
  }

  return {
    ...createFileReader(store, options.cwd),
    check: async () => {
      const warnings = await prepareAnew();
      await probeFolder(store);
      await sweepFolder(store);
      return warnings;
    },
    write: async (record, expected) => {
      requireEntryName(record.name);
      return write(record.name, encodeEntry(record), expected, entryDecoder(record.name));
    },
    writeInstallation: async (record, expected) =>
      write(INSTALLATION_NAME, encodeInstallation(record), expected, decodeInstallation),
    remove: async (name, expected) => {
      requireEntryName(name);
      const standing = await limit(() => standingTombstone(store, name, expected));
      return standing ?? put(name, { removed: true, name }, expected, entryDecoder(name));
    },
    close: () => Promise.resolve(),
  };
}

type Decode = (body: unknown) => Decoded<unknown>;

function entryDecoder(name: string): Decode {
  return (body) => decodeEntry(body, name);
}

function storeOf({ directory, onStep }: FileSinkOptions): FileStore {
  return { directory: resolve(directory), writer: ownMark(), ...(onStep && { onStep }) };
}

async function prepare(directory: string, options: FileSinkOptions): Promise<readonly string[]> {
  const isCi = ['true', '1'].includes(options.env['CI']?.toLowerCase() ?? '');
  const permanence = await inspectPermanence(directory, { isEphemeral: options.isEphemeral, isCi });
  const folder = await makeFolder(directory);
  return [...permanence, ...folder, ...(await inspectTracking(directory, options.env))];
}

function refuseNewer(name: string, current: Content | undefined, decode: Decode): void {
  const entry = toEntry(current, decode);
  if (entry.kind !== 'newer') return;
  throw new SinkError(`cannot write ${name}: its record has schema ${entry.schema}, of a newer linq-gitops`);
}

/** The version, where nothing stands under the name already: then there is nothing to remove. */
async function standingTombstone(
  store: FileStore,
  name: string,
  expected: Version,
): Promise<Version | undefined> {
  if (!inspectFolder(store.directory)) return expected === ABSENT ? ABSENT : undefined;
  const current = currentOf(await readState(store, name));
  const isAbsent = current === undefined || isTombstone(current);
  return isAbsent && versionOf(current) === expected ? expected : undefined;
}
