import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const STOP_AT = fileURLToPath(new URL('./stop-at.mjs', import.meta.url));

/** What stop-at.mjs is told; see there. */
interface Effects {
  readonly log?: string;
  readonly stop?: { readonly phase: 'before' | 'after' } & (
    { readonly index: number } | { readonly name: string }
  );
  readonly failStores?: { readonly after: number; readonly until: number };
}

export interface CliOptions {
  readonly cwd: string;
  /** Over the clean environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** Runs the program with a hand on each of its effects. */
  readonly effects?: Effects;
  /** A command that the program is started through, such as `unshare … --`. */
  readonly through?: readonly string[];
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export interface RunningCli {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the text has appeared on stdout or stderr; fails when the program ends without it. */
  said(text: string): Promise<void>;
  /** What it has printed so far. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** The end, with all output. */
  readonly done: Promise<CliResult>;
}

/**
 * Starts the compiled program as a process of its own. Of the environment it gets PATH only, and the consent
 * to keep secrets in a temporary folder.
 */
export function startCli(argv: readonly string[], options: CliOptions): RunningCli {
  const script = options.effects === undefined ? MAIN : STOP_AT;
  const [command = process.execPath, ...args] = [
    ...(options.through ?? []),
    process.execPath,
    script,
    ...argv,
  ];
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: {
      PATH: process.env['PATH'],
      LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
      ...(options.effects !== undefined && { TEST_EFFECTS: JSON.stringify(options.effects) }),
      ...options.env,
    },
  });
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const watcher of watchers) watcher();
    });
  }
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const done = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    output: () => ({ ...output }),
    done,
    async said(text) {
      const heard = new Promise<true>((resolve) => {
        const check = (): void => {
          if (output.stdout.includes(text) || output.stderr.includes(text)) resolve(true);
        };
        watchers.add(check);
        check();
      });
      const ended = done.then(() => output.stdout.includes(text) || output.stderr.includes(text));
      if (!(await Promise.race([heard, ended]))) {
        throw new Error(`the program ended without saying "${text}":\n${output.stdout}\n${output.stderr}`);
      }
    },
  };
}

/** Runs the compiled program to its end. */
export function runCli(argv: readonly string[], options: CliOptions): Promise<CliResult> {
  return startCli(argv, options).done;
}
