import { isAbsolute, join, relative } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { INSTALLATION_NAME, type EntryRecord } from '../../domain/record.ts';
import { decodeEntry, decodeInstallation, type Decoded } from '../record-codec.ts';
import type { SecretReader, SinkEntry } from '../sink.ts';
import type { Content } from './envelope.ts';
import { parseFileName, visibleFile } from './file-names.ts';
import { isEntryName, requireEntryName, requireName } from '../entry-name.ts';
import { currentOf, readListed, readState, versionOf, type FileStore } from './file-state.ts';
import { inspectFolder, listFolder } from './folder.ts';
import type { Reading } from '../read-all.ts';

/** Reading is synchronous; after so many files the process has its turn for everything else. */
const READ_AT_ONCE = 100;

/** The reading half of the file sink. A folder that does not exist is an empty one; nothing is ever written. */
export function createFileReader(store: FileStore, cwd: string): SecretReader {
  const shown = shownFolder(store.directory, cwd);
  return {
    locate(name) {
      requireName(name);
      return `file:${join(shown, visibleFile(name))}`;
    },
    list: async () => [...(await readFolder(store, [])).keys()],
    readAll: async (more) => {
      more.forEach(requireEntryName);
      return readFolder(store, more);
    },
    read: async (name) => {
      requireEntryName(name);
      return readAs(store, name, (body) => decodeEntry(body, name));
    },
    readInstallation: () => readAs(store, INSTALLATION_NAME, decodeInstallation),
  };
}

/** Whether a content is what a removal leaves: it keeps the name's version from ever being `absent` again. */
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
  if (!inspectFolder(store.directory)) return toEntry(undefined, decode);
  return toEntry(currentOf(await readState(store, name)), decode);
}

/** Everything that holds a record, and `more`; see `readListed` for what makes it right to list first. */
async function readFolder(store: FileStore, more: readonly string[]): Promise<Reading> {
  const asked = new Set(more);
  const files = inspectFolder(store.directory) ? (await listFolder(store.directory)).map(parseFileName) : [];
  const claimed = new Set(files.flatMap((file) => (file?.kind === 'claim' ? [file.name] : [])));
  const visible = files.flatMap((file) => (file?.kind === 'visible' ? [file.name] : []));
  // A claim can be all that there is of a record so far, or all that says that it was removed.
  const names = [...new Set([...visible, ...claimed, ...asked])].filter(isEntryName).sort();
  const found = new Map<string, SinkEntry<EntryRecord>>();
  for (const [index, name] of names.entries()) {
    const content = claimed.has(name)
      ? currentOf(await readState(store, name))
      : await readListed(store, name);
    const entry = toEntry(content, (body) => decodeEntry(body, name));
    if (entry.kind !== 'absent' || asked.has(name)) found.set(name, entry);
    if (index % READ_AT_ONCE === READ_AT_ONCE - 1) await breathe();
  }
  return found;
}

/** As a person in `cwd` would write it. */
function shownFolder(directory: string, cwd: string): string {
  const inside = relative(cwd, directory);
  const isInside = !isAbsolute(inside) && inside !== '..' && !inside.startsWith('../');
  return isInside ? inside : directory;
}
