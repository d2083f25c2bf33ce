import { close, constants, fstat, open, read, readlink } from 'node:fs';
import { basename, dirname, isAbsolute, join, parse, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { ConfigError, type Problem } from '../domain/errors.ts';
import { isInside } from '../domain/is-inside.ts';

/** A larger file is refused before it is read. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;
const MAX_LINKS = 40;
const CHUNK_BYTES = 65_536;
const COMMIT = /^[0-9a-f]{7,64}$/;

// fs/promises takes longer to load than a file to read.
const system = {
  open: promisify(open),
  fstat: promisify(fstat),
  read: promisify(read),
  readlink: promisify(readlink),
  close: promisify(close),
};

/** The content of a file. */
export interface ConfigFile {
  readonly bytes: Buffer;
  /** The commit that a folder link on the way is named after, as git-sync does; else null. */
  readonly revision: string | null;
  /**
   * The file's name is a link to another file, and not one of Kubernetes' own. A commit can make such a link to any file
   * of the machine, so that nothing of the content may be quoted.
   */
  readonly isLink: boolean;
}

/** What is said of a link's content that cannot be used, instead of what is wrong with it. */
export function linkProblem(shown: string): Problem {
  return {
    file: shown,
    message:
      'it is a link to another file, which is not a good one; nothing of it is quoted, because a link can lead to any file of this machine: check the file itself with `linq-gitops validate`',
  };
}

/**
 * Reads a whole file of at most 8 MiB. Links are resolved once and the bytes come from where they led, so
 * that content and revision belong together. Fails with `ConfigError`, a missing file with `hint`, under the
 * name `shown`.
 */
export async function readConfigFile(path: string, hint: string, shown = path): Promise<ConfigFile> {
  const file = await readOptionalConfigFile(path, shown);
  if (file === null) throw unreadable(shown, 'there is no such file', hint);
  return file;
}

/** Like `readConfigFile`, with `null` for a file that is not there. */
export async function readOptionalConfigFile(path: string, shown = path): Promise<ConfigFile | null> {
  try {
    // git-sync and the kubelet may remove the old folder between resolving and reading: look twice.
    return (await readIfThere(path, shown)) ?? (await readIfThere(path, shown));
  } catch (error) {
    const code = codeOf(error);
    throw error instanceof ConfigError || code === undefined
      ? error
      : unreadable(shown, CAUSES[code] ?? code);
  }
}

async function readIfThere(path: string, shown: string): Promise<ConfigFile | null> {
  try {
    return await readOnce(path, shown);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESTALE') return null;
    throw error;
  }
}

async function readOnce(path: string, shown: string): Promise<ConfigFile> {
  const { target, revision, isLink } = await resolveLinks(resolve(path));
  // What the kernel tells of processes, such as our own environment.
  if (isInside(target, '/proc')) throw unreadable(shown, 'it is no file that is kept anywhere');
  // O_NONBLOCK: opening a pipe that nobody writes would wait for ever.
  const descriptor = await system.open(target, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await system.fstat(descriptor);
    if (status.isDirectory()) throw unreadable(shown, 'it is a folder, not a file');
    if (!status.isFile()) throw unreadable(shown, 'it is not a regular file');
    if (status.size > MAX_FILE_BYTES) throw unreadable(shown, 'it is larger than 8 MiB');
    const chunks: Uint8Array[] = [];
    let size = 0;
    // The size is only what the file system says: the file may grow, and some systems say 0.
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const { bytesRead } = await system.read(descriptor, chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) break;
      size += bytesRead;
      if (size > MAX_FILE_BYTES) throw unreadable(shown, 'it is larger than 8 MiB');
      chunks.push(chunk.subarray(0, bytesRead));
    }
    return { bytes: Buffer.concat(chunks), revision, isLink };
  } finally {
    await system.close(descriptor);
  }
}

/** Follows every link of an absolute path, and takes the name of a commit from a folder link's target. */
async function resolveLinks(path: string): Promise<Omit<ConfigFile, 'bytes'> & { readonly target: string }> {
  let target = parse(path).root;
  let rest = path.slice(target.length).split(sep).filter(Boolean);
  let revision: string | null = null;
  let links = 0;
  let isLink = false;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const next = part === '..' ? dirname(target) : join(target, part);
    const link = part === '..' || part === '.' ? undefined : await readLink(next);
    if (link === undefined) {
      target = next;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
    if (rest.length > 0 && COMMIT.test(basename(link))) revision = basename(link);
    if (rest.length === 0 && link !== join('..data', basename(next))) isLink = true;
    if (isAbsolute(link)) target = parse(link).root;
    rest = [...link.split(sep).filter(Boolean), ...rest];
  }
  return { target, revision, isLink };
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return await system.readlink(path);
  } catch (error) {
    // Not a link; a missing file is reported by `open`, in one place.
    if (codeOf(error) === 'EINVAL' || codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EISDIR: 'it is a folder, not a file',
  ENOTDIR: 'a part of its path is a file, not a folder',
  ELOOP: 'its links lead round in a circle',
  ENAMETOOLONG: 'its path is too long',
};

function unreadable(path: string, cause: string, hint?: string): ConfigError {
  const problem = { file: path, message: `cannot be read: ${cause}` };
  return new ConfigError(`cannot read ${path}: ${cause}`, [problem], hint);
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
