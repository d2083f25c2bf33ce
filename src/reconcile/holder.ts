import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isSameHolder, type Holder } from '../domain/record.ts';

/** This process, as it stands in records. */
export async function thisHolder(mode: Holder['mode']): Promise<Holder> {
  return {
    host: hostname(),
    boot: await bootOf(),
    pid: process.pid,
    started: (await startOf(process.pid)) ?? '',
    mode,
  };
}

/**
 * Whether the holder certainly works no more: it is a process of this very system (same host, boot and
 * process-id namespace) that does not run, or whose process id now belongs to a later process. Whatever
 * cannot be judged from here counts as running.
 */
export async function isHolderGone(holder: Holder, self: Holder): Promise<boolean> {
  if (isSameHolder(holder, self)) return false;
  if (holder.host !== self.host || holder.boot !== self.boot || self.boot === '' || holder.started === '')
    return false;
  return (await startOf(holder.pid)) !== holder.started;
}

/** Kernel boot id and process-id namespace; empty where the system does not tell (then nobody is judged). */
async function bootOf(): Promise<string> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot.trim()} ${await readlink('/proc/self/ns/pid')}`;
  } catch (error) {
    if (isSystemError(error)) return '';
    throw error;
  }
}

/** The start of a process in clock ticks since boot (proc(5), field 22 of stat); undefined when it does not run. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : fields[18];
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
