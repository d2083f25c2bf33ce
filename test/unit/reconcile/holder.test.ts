import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Holder } from '../../../src/domain/record.ts';
import { isHolderGone, thisHolder } from '../../../src/reconcile/holder.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A real process that does nothing; the first line of its output, where it has one. */
async function startChild(script: string): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, line: chunk.toString('utf8').trim() };
}

/** proc(5): the state, and the start in clock ticks since boot (field 22). */
async function statOf(pid: number): Promise<{ state: string; started: string }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', started: fields[19] ?? '' };
}

async function holderOf(pid: number): Promise<Holder> {
  return { ...(await thisHolder('run')), pid, started: (await statOf(pid)).started };
}

describe('a process of this host', () => {
  it('is not gone while it runs, and is gone once it was killed', async () => {
    const self = await thisHolder('sync');
    const { child } = await startChild('echo ready; exec sleep 60');
    const holder = await holderOf(child.pid!);
    expect(await isHolderGone(holder, self)).toBe(false);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(await isHolderGone(holder, self)).toBe(true);
  });

  it('is gone when its process id belongs to a later process', async () => {
    const self = await thisHolder('run');
    const { child } = await startChild('echo ready; exec sleep 60');
    const holder = { ...(await holderOf(child.pid!)), started: '1' };
    expect(await isHolderGone(holder, self)).toBe(true);
  });

  it('is gone when only its exit status is left', async () => {
    const self = await thisHolder('run');
    // `sleep` never asks for the status of the child that it inherits.
    const { child, line } = await startChild('sleep 60 & echo $!; exec sleep 60');
    const pid = Number(line);
    await vi.waitUntil(async () => (await readFile(`/proc/${child.pid!}/comm`, 'utf8')) === 'sleep\n');
    process.kill(pid, 'SIGKILL');
    await vi.waitUntil(async () => (await statOf(pid)).state === 'Z', { timeout: 10_000 });
    expect(await isHolderGone(await holderOf(pid), self)).toBe(true);
  });

  it('is this process, and never gone', async () => {
    const self = await thisHolder('run');
    expect(self).toMatchObject({ pid: process.pid, started: (await statOf(process.pid)).started });
    expect(await isHolderGone(self, self)).toBe(false);
  });
});

describe('a process that cannot be judged from here counts as running', () => {
  it.each([
    { reason: 'another host', change: { host: 'elsewhere' } },
    { reason: 'another boot, or another container', change: { boot: 'other pid:[1]' } },
    { reason: 'a start that is not known', change: { started: '' } },
  ])('$reason', async ({ change }) => {
    const self = await thisHolder('run');
    const dead = { ...self, pid: 2 ** 22 + 1 };
    expect(await isHolderGone(dead, self)).toBe(true);
    expect(await isHolderGone({ ...dead, ...change }, self)).toBe(false);
  });

  it('where this system does not tell its boot', async () => {
    const self = { ...(await thisHolder('run')), boot: '' };
    expect(await isHolderGone({ ...self, pid: 2 ** 22 + 1 }, self)).toBe(false);
  });
});
