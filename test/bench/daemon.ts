import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { sceneInSync, type Scene } from './scene.ts';

/** The shortest that the settings allow: passes that nobody asks for are the ones that rest on what is remembered. */
const INTERVAL = '1s';

/** A daemon that runs in a scene. */
interface Daemon {
  /** Resolves when the next pass that begins from now on has ended. */
  passEnded(): Promise<void>;
  /** What it has used so far. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** A daemon whose first passes are over, with an account that is as its file says. */
export async function daemonInSync(count: number): Promise<{ scene: Scene; daemon: Daemon }> {
  const scene = await sceneInSync(count);
  const { argv, cwd, env } = scene.program(['run', '--log-level', 'debug'], {
    LINQ_GITOPS_DAEMON_INTERVAL: INTERVAL,
  });
  const child = spawn(process.execPath, argv, {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let waiting: { resolve: () => void; reject: (reason: Error) => void }[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    const { event } = JSON.parse(line) as { event: string };
    if (event !== 'pass_ended') return;
    const told = waiting;
    waiting = [];
    for (const { resolve } of told) resolve();
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting) reject(new Error(`the daemon ended with ${code}`));
  });
  const daemon: Daemon = {
    passEnded: () => new Promise((resolve, reject) => void waiting.push({ resolve, reject })),
    cpuMs: () => cpuOf(child.pid),
    async stop() {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    },
  };
  await daemon.passEnded();
  return { scene, daemon };
}

/** Of all threads of a process, to the microsecond; on Linux only. */
function cpuOf(pid: number | undefined): number {
  const folder = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(folder).map((task) =>
    Number(readFileSync(`${folder}/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}
