import { closeSync, constants, fchmodSync, fstatSync, fsync, open, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { FileIdentity } from './safe-file.ts';

const openDescriptor = promisify(open);
const syncDescriptor = promisify(fsync);

/**
 * Writes a record's new file with mode 0600, durably; fails where the name is taken, by a link too. `beforeSync` is called
 * once the bytes are handed to the system.
 *
 * As `createDurably`, in two turns of the thread pool instead of six: making the file and fsync may wait for the disk.
 * Handing over a kilobyte is a matter of memory, and takes a tenth of what a turn takes.
 */
export async function stageDurably(
  path: string,
  bytes: Buffer,
  beforeSync: () => Promise<void>,
): Promise<FileIdentity> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const descriptor = await openDescriptor(path, flags, 0o600);
  try {
    writeFileSync(descriptor, bytes);
    // The umask can have taken bits from the owner.
    fchmodSync(descriptor, 0o600);
    await beforeSync();
    await syncDescriptor(descriptor);
    return fstatSync(descriptor, { bigint: true });
  } finally {
    closeSync(descriptor);
  }
}
