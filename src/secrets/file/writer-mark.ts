import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errorCode } from '../system-error.ts';

/**
 * Marks this process in the names of its files: `<place>-<pid>-<start>`. The place is a digest of host, kernel
 * boot and process-id namespace, so that a process id is only ever judged where it means the same.
 * Where the system tells none of this (no /proc), the mark is `unknown-<pid>` and proves nothing.
 */
export function ownMark(): string {
  const started = startOf(process.pid);
  const place = thisPlace();
  return place === undefined || started === undefined
    ? `unknown-${process.pid}`
    : `${place}-${process.pid}-${started}`;
}

/** Whether the process that the mark names has certainly ended. In doubt, no. */
export function isCertainlyGone(mark: string): boolean {
  const parts = /^([0-9a-f]{16})-([1-9][0-9]{0,9})-([0-9]+)$/.exec(mark);
  if (parts === null || parts[1] !== thisPlace()) return false;
  const pid = Number(parts[2]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return true;
    if (errorCode(error) !== 'EPERM') throw error;
  }
  const started = startOf(pid);
  return started !== undefined && started !== parts[3];
}

function thisPlace(): string | undefined {
  const boot = systemText(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const namespace = systemText(() => readlinkSync('/proc/self/ns/pid'));
  if (boot === undefined || namespace === undefined) return undefined;
  return createHash('sha256')
    .update(JSON.stringify([hostname(), boot.trim(), namespace]))
    .digest('hex')
    .slice(0, 16);
}

/** Start of a process in clock ticks since boot: field 22 of `/proc/<pid>/stat` (proc(5)). */
function startOf(pid: number): string | undefined {
  const stat = systemText(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field is the program's name in brackets, and may itself hold blanks and brackets.
  return stat
    ?.slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(19);
}

function systemText(read: () => string): string | undefined {
  try {
    return read();
  } catch (error) {
    if (errorCode(error) !== undefined) return undefined;
    throw error;
  }
}
