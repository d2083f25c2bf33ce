import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { hasOwnMounts } from './own-mounts.ts';

const BLOCK = 4096;
const SIZE = 1_048_576;

/** A file system so small that it can be filled. */
export interface SmallDisk {
  readonly directory: string;
  /** Takes all space but so many blocks. */
  fill(blocksLeft: number): void;
  readonly free: () => void;
  /** What it held is gone. */
  unmount(): void;
}

/** Null where this process may not mount. */
export function mountSmallDisk(directory: string): SmallDisk | null {
  if (!hasOwnMounts()) return null;
  mkdirSync(directory);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0700`, 'tmpfs', directory]);
  const filler = join(directory, 'filler');
  return {
    directory,
    fill(blocksLeft) {
      fillUp(filler);
      truncateSync(filler, Math.max(0, statSync(filler).size - blocksLeft * BLOCK));
    },
    free: () => rmSync(filler, { force: true }),
    unmount: () => void execFileSync('umount', ['--lazy', directory]),
  };
}

function fillUp(filler: string): void {
  const file = openSync(filler, 'a');
  try {
    for (;;) writeSync(file, Buffer.alloc(BLOCK));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(file);
  }
}
