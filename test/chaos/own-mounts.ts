import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const INSIDE = 'CHAOS_OWN_MOUNTS';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const WAYS = [
  ['unshare', '--mount'],
  ['unshare', '--mount', '--map-root-user'],
] as const;

/**
 * Runs this program once more where it may mount a file system that nobody else sees and that goes with it, and
 * returns its exit code. Null where it runs there already, or where the system allows no such thing.
 */
export async function runWithOwnMounts(): Promise<number | null> {
  if (process.env[INSIDE] !== undefined) return null;
  const way = WAYS.find(mayMount);
  if (way === undefined) return null;
  const [command, ...args] = way;
  const child = spawn(
    command,
    [...args, '--', process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: 'yes' },
    },
  );
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/** Whether this process may mount. */
export function hasOwnMounts(): boolean {
  return process.env[INSIDE] !== undefined;
}

function mayMount([command, ...args]: (typeof WAYS)[number]): boolean {
  const place = mkdtempSync(join(tmpdir(), 'linq-gitops-chaos-mount-'));
  const { status } = spawnSync(command, [...args, '--', 'mount', '-t', 'tmpfs', 'tmpfs', place], {
    stdio: 'ignore',
  });
  rmdirSync(place);
  return status === 0;
}
