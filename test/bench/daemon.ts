import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { sceneInSync, type Scene } from './scene.ts';

/** The shortest that the settings allow: passes that nobody asks for are the ones that rest on what is remembered. */
const INTERVAL = '1s';

/** A daemon that runs in a scene. */
interface Daemon {
  /** Resolves when the next pass that begins from now on has ended. */
  passEnded(): Promise<void>;
  /** Tells it to begin a pass. */
  hangup(): void;
  /** What it has used so far. */
  cpuMs(): Promise<number>;
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
  let url = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    const { event, endpoints } = JSON.parse(line) as { event: string; endpoints?: string };
    url = endpoints ?? url;
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
    hangup: () => void child.kill('SIGHUP'),
    async cpuMs() {
      const text = await (await fetch(`${url}/metrics`)).text();
      const seconds = /^linq_gitops_process_cpu_seconds_total (\S+)$/m.exec(text)?.[1];
      return Number(seconds) * 1_000;
    },
    async stop() {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    },
  };
  await daemon.passEnded();
  return { scene, daemon };
}
