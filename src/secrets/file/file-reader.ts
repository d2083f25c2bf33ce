import { lstat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { SinkError } from '../../domain/errors.ts';
import { INSTALLATION_NAME } from '../../domain/record.ts';
import { decodeEntry, decodeInstallation, type Decoded } from '../record-codec.ts';
import type { SecretReader, SinkEntry } from '../sink.ts';
import type { Content } from './envelope.ts';
import { parseFileName, visibleFile } from './file-names.ts';
import { isEntryName, requireEntryName, requireName } from '../entry-name.ts';
import { currentOf, readState, versionOf, type FileStore } from './file-state.ts';
import { inspectFolder, listFolder } from './folder.ts';
import type { Limit } from '../limit.ts';
import { readSafely } from './safe-file.ts';
import { inWords, unless } from '../system-error.ts';

/**
 * What is left of a removed record; it keeps the name's version from ever being `absent` again. Always smaller
 * than this many bytes, so that a larger file need not be opened to know that it is a record.
 */
const TOMBSTONE_MAX_BYTES = 1024;

/** The reading half of the file sink. A folder that does not exist is an empty one; nothing is ever written. */
export function createFileReader(store: FileStore, cwd: string, limit: Limit): SecretReader {
  return {
    locate: (name) => locateFile(store.directory, name, cwd),
    list: () => listRecords(store, limit),
    read: async (name) => {
      requireEntryName(name);
      return limit(() => readAs(store, name, (body) => decodeEntry(body, name)));
    },
    readInstallation: () => limit(() => readAs(store, INSTALLATION_NAME, decodeInstallation)),
  };
}

/** Whether a content is what a removal leaves. */
export function isTombstone(content: Content): boolean {
  return content.body?.['removed'] === true;
}

/** What a content is to the sink's callers. */
export function toEntry<R>(
  content: Content | undefined,
  decode: (body: unknown) => Decoded<R>,
): SinkEntry<R> {
  const version = versionOf(content);
  if (content === undefined || isTombstone(content)) return { version, kind: 'absent' };
  if (content.body === undefined) {
    return { version, kind: 'damaged', reason: content.damage ?? 'cannot be read' };
  }
  return { version, ...decode(content.body) };
}

async function readAs<R>(
  store: FileStore,
  name: string,
  decode: (body: unknown) => Decoded<R>,
): Promise<SinkEntry<R>> {
  if (!(await inspectFolder(store.directory))) return toEntry(undefined, decode);
  return toEntry(currentOf(await readState(store, name)), decode);
}

async function listRecords(store: FileStore, limit: Limit): Promise<readonly string[]> {
  if (!(await inspectFolder(store.directory))) return [];
  const files = (await listFolder(store.directory)).map(parseFileName);
  // A claim can be all that there is of a record so far, or all that says that it was removed.
  const claimed = new Set(files.flatMap((file) => (file?.kind === 'claim' ? [file.name] : [])));
  const names = new Set([
    ...files.flatMap((file) => (file?.kind === 'visible' ? [file.name] : [])),
    ...claimed,
  ]);
  const found = await Promise.all(
    [...names].filter(isEntryName).map((name) =>
      limit(async () => {
        const holds = claimed.has(name) ? holdsRecord(store, name) : showsRecord(store, name);
        return (await holds) ? [name] : [];
      }),
    ),
  );
  return found.flat().sort();
}

async function holdsRecord(store: FileStore, name: string): Promise<boolean> {
  const content = currentOf(await readState(store, name));
  return content !== undefined && !isTombstone(content);
}

async function showsRecord(store: FileStore, name: string): Promise<boolean> {
  const path = join(store.directory, visibleFile(name));
  try {
    const stats = await unless(['ENOENT'], () => lstat(path));
    if (stats === undefined) return false;
    if (stats.size >= TOMBSTONE_MAX_BYTES) return true;
  } catch (error) {
    throw new SinkError(`cannot read ${path}: ${inWords(error)}`, { cause: error });
  }
  const content = await readSafely(path);
  return content !== undefined && !isTombstone(content);
}

function locateFile(directory: string, name: string, cwd: string): string {
  requireName(name);
  const inside = relative(cwd, directory);
  const isInside = !isAbsolute(inside) && inside !== '..' && !inside.startsWith('../');
  return `file:${join(isInside ? inside : directory, visibleFile(name))}`;
}
