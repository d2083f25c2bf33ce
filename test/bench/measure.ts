import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const USAGE = fileURLToPath(new URL('./usage.cjs', import.meta.url));
const FAILURE_SHOWN = 4_000;

/** A Node program as a process of its own. */
export interface NodeCommand {
  /** Node's own arguments first: the script, or `-e` and code. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a process has taken from its start to its end. */
export interface Usage {
  readonly wallMs: number;
  /** User and system together. */
  readonly cpuMs: number;
  /** Resident, at its peak. */
  readonly peakMiB: number;
}

/**
 * Runs a command to its end, and reads what it prints, as CI does; fails where it does not end with 0. Of the environment it
 * gets PATH only.
 */
export async function measure({ argv, cwd, env }: NodeCommand): Promise<Usage> {
  const begin = performance.now();
  const child = spawn(process.execPath, ['-r', USAGE, ...argv], {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  child.stdout?.resume();
  const said = collect(child.stdio[2]);
  const used = collect(child.stdio[3]);
  const end = await new Promise<{ code: number | null; wallMs: number }>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve({ code, wallMs: performance.now() - begin }));
  });
  if (end.code !== 0) throw new Error(`${argv.join(' ')} ended with ${end.code}:\n${await said}`);
  return { wallMs: end.wallMs, ...(JSON.parse(await used) as Omit<Usage, 'wallMs'>) };
}

/** The last of what comes out of a stream. */
async function collect(stream: unknown): Promise<string> {
  let text = '';
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    text = (text + chunk.toString('utf8')).slice(-FAILURE_SHOWN);
  }
  return text;
}
