/*
 * Looking at files is synchronous: what the system has in memory takes some ten microseconds so, and ten times as many by
 * the thread pool. What changes files may wait for the disk, and blocks nobody.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import { SinkError } from '../../domain/errors.ts';
import { MAX_BYTES, parseContent, type Content } from './envelope.ts';
import { errorCode, inWords, unless } from '../system-error.ts';

/** Which file stands under a name: while one is held open, no other file has the same. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** A file that was read and is still held open, so that its identity cannot be given to another. */
export interface HeldFile {
  readonly content: Content;
  readonly identity: FileIdentity;
  close(): void;
}

/**
 * Opens and reads a file of the sink; undefined where there is none. Refuses, with `SinkError`, links, whatever
 * is not a regular file, files of other users, and files that others than the owner can read or write.
 */
export function openSafely(path: string): HeldFile | undefined {
  let descriptor: number | undefined;
  try {
    // Asked first: an exception is dear.
    if (identityOf(path) === undefined) return undefined;
    // O_NONBLOCK: a FIFO put in the file's place must not make us wait for ever.
    const opened = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    descriptor = opened;
    const stats = fstatSync(opened, { bigint: true });
    refuseUnsafe(path, stats);
    const size = Number(stats.size);
    const content = parseContent(readUpTo(opened, Math.min(size, MAX_BYTES)), size);
    return {
      content,
      identity: stats,
      close: () => {
        closeSync(opened);
      },
    };
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    if (errorCode(error) === 'ENOENT') return undefined;
    if (error instanceof SinkError) throw error;
    throw new SinkError(`cannot read ${path}: ${inWords(error)}`, { cause: error });
  }
}

/** Reads a file of the sink, as `openSafely`, without holding it. */
export function readSafely(path: string): Content | undefined {
  const held = openSafely(path);
  held?.close();
  return held?.content;
}

/** The identity of what stands under the path now; undefined where there is nothing. */
export function identityOf(path: string): FileIdentity | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Whether two identities, one of them held open, are of one file; undefined stands for no file. */
export function isSameFile(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  return a?.dev === b?.dev && a?.ino === b?.ino;
}

/** Writes a new file with mode 0600, durably; fails where the name is taken, by a link too. */
export async function createDurably(path: string, bytes: Buffer): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(path, flags, 0o600);
  try {
    await handle.writeFile(bytes);
    // The umask can have taken bits from the owner.
    await handle.chmod(0o600);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a folder durable. File systems that know no such thing for folders are let be. */
export async function syncFolder(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await unless(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM'], () => handle.sync());
  } finally {
    await handle.close();
  }
}

function refuseUnsafe(path: string, stats: BigIntStats): void {
  if (!stats.isFile()) throw new SinkError(`cannot read ${path}: it is not a regular file`);
  const user = process.geteuid?.();
  if (user !== undefined && stats.uid !== BigInt(user) && stats.uid !== 0n) {
    throw new SinkError(`cannot read ${path}: it belongs to another user`);
  }
  if ((stats.mode & 0o077n) !== 0n) {
    throw new SinkError(`cannot read ${path}: others than its owner have access to it`, {
      hint: `see who could have read it, then run: chmod 600 '${path}' (a Kubernetes volume with fsGroup needs fsGroupChangePolicy: OnRootMismatch)`,
    });
  }
}

function readUpTo(descriptor: number, size: number): Buffer {
  const buffer = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const read = readSync(descriptor, buffer, filled, size - filled, filled);
    if (read === 0) break;
    filled += read;
  }
  return buffer.subarray(0, filled);
}
