import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { unless } from '../system-error.ts';
import { isCertainlyGone } from '../file/writer-mark.ts';
import { discard, type ExportWriter } from './export-generation.ts';

/** What is to be cleared: generations that a swap has replaced, and what killed processes left. */
export interface ExportLeftovers {
  /** Takes note of what this process has made. */
  made(name: string): void;
  /** Takes note that nobody finds this one any more, from now on. */
  superseded(name: string): void;
  /** Looks at names with their makers' marks, and removes what is through its time. */
  sweep(found: ReadonlyMap<string, string>): Promise<void>;
  /** Waits until everything is through its time, and removes it. */
  settle(): Promise<void>;
}

/** Far longer than any process takes for a publication. */
const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

/** `lingerMs`: a reader that has followed the old link must come through before its files go. */
export function openLeftovers(writer: ExportWriter, lingerMs: number): ExportLeftovers {
  const own = new Set<string>();
  /** When each was first known to be out of use, on a clock that nobody sets. */
  const unusedSince = new Map<string, number>();

  async function sweepDue(): Promise<void> {
    for (const [name, since] of unusedSince) {
      if (performance.now() - since < lingerMs) continue;
      await discard(writer, name);
      unusedSince.delete(name);
      own.delete(name);
    }
  }

  return {
    made: (name) => void own.add(name),
    superseded: (name) => void unusedSince.set(name, performance.now()),
    async sweep(found) {
      for (const [name, maker] of found) {
        if (unusedSince.has(name)) continue;
        // Another process may be about to swap to it.
        if (own.has(name) || (await isAbandoned(join(writer.directory, name), maker))) {
          unusedSince.set(name, performance.now());
        }
      }
      await sweepDue();
    },
    async settle() {
      while (unusedSince.size > 0) {
        const last = Math.max(...unusedSince.values());
        await wait(Math.max(0, Math.ceil(last + lingerMs - performance.now())));
        await sweepDue();
      }
    },
  };
}

async function isAbandoned(path: string, maker: string): Promise<boolean> {
  if (isCertainlyGone(maker)) return true;
  const stats = await unless(['ENOENT'], () => lstat(path));
  return stats !== undefined && Date.now() - stats.mtimeMs > STALE_AFTER_MS;
}
