import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inputsOf } from './inputs.ts';
import { minimise } from './minimise.ts';
import { readProgress, type ChildMessage, type Order, type Tally } from './protocol.ts';
import { targetNamed } from './targets/all.ts';

/** An input that the program does not deal with as it should. */
export interface Finding {
  readonly target: string;
  readonly seed: number;
  readonly failure: string;
  /** As small as could be had. */
  readonly input: Buffer;
}

export interface Limits {
  /** Of one input; measured as the processor's time where the system tells it, since machines are shared. */
  readonly cpuMs: number;
  /** Without progress, whoever has the processor meanwhile. */
  readonly wallMs: number;
  /** Of the child's heap, the compiler in it included. */
  readonly heapMiB: number;
  /** How often a smaller input is tried where one ends the process. */
  readonly tries: number;
}

export const LIMITS: Limits = { cpuMs: 10_000, wallMs: 120_000, heapMiB: 384, tries: 12 };

/** A process that checks inputs, and is replaced by another one where an input ends it. */
export interface Fuzzer {
  /** Runs the inputs of one target from its first; `count` of them, or for `ms`. */
  run(order: {
    readonly target: string;
    readonly seed: number;
    readonly count?: number;
    readonly ms?: number;
    readonly onFinding: (finding: Finding) => void;
  }): Promise<Tally>;
  /** What one input does that it should not; null where it does nothing of the sort. */
  check(target: string, input: Buffer): Promise<string | null>;
  close(): Promise<void>;
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const TYPESCRIPT = new URL('../support/typescript.mjs', import.meta.url).href;
const LOOK_MS = 250;
const STDERR_KEPT = 4_000;

export function openFuzzer(limits: Limits = LIMITS): Fuzzer {
  const folder = mkdtempSync(join(tmpdir(), 'linq-gitops-test-'));
  const progressFile = join(folder, 'progress');
  let child: ChildProcess | undefined;

  async function ready(): Promise<ChildProcess> {
    if (child !== undefined) return child;
    writeFileSync(progressFile, '');
    const execArgv = [`--max-old-space-size=${limits.heapMiB}`, '--import', TYPESCRIPT];
    const env = { PATH: process.env['PATH'], TMPDIR: folder };
    child = fork(CHILD, [progressFile], { execArgv, env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    await once(child, 'message');
    return child;
  }

  /** Gives an order and waits; where the child does not live to answer, says why. */
  async function obey(order: Order, onMessage: (message: ChildMessage) => void): Promise<string | null> {
    const own = await ready();
    let stderr = '';
    let end: string | null = null;
    own.stderr?.on(
      'data',
      (chunk: Buffer) => (stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_KEPT)),
    );
    const watch = watchProgress(own.pid ?? 0, progressFile, limits, (reason) => {
      end = reason;
      own.kill('SIGKILL');
    });
    const answered = new Promise<void>((resolve) => {
      own.on('message', (message: ChildMessage) => {
        onMessage(message);
        if (message.kind === 'done' || message.kind === 'checked') resolve();
      });
      own.once('exit', (code, signal) => {
        end ??= `the process ends (${signal ?? code ?? ''}): ${heapWords(stderr)}`;
        child = undefined;
        resolve();
      });
    });
    own.send(order);
    await answered;
    clearInterval(watch);
    own.removeAllListeners();
    own.stderr?.removeAllListeners('data');
    return end;
  }

  async function check(target: string, input: Buffer): Promise<string | null> {
    let failure: string | null = null;
    const order: Order = { kind: 'check', target, input: input.toString('base64') };
    const end = await obey(order, (message) => {
      if (message.kind === 'checked') ({ failure } = message);
    });
    return end ?? failure;
  }

  return {
    check,
    async run({ target, seed, count, ms, onFinding }) {
      const tally = { inputs: 0, accepted: 0, refused: 0, found: 0 };
      const startedAt = performance.now();
      for (let from = 0; ;) {
        const left = {
          ...(count !== undefined && { count: count - from }),
          ...(ms !== undefined && { ms: ms - (performance.now() - startedAt) }),
        };
        const end = await obey({ kind: 'run', target, seed, from, ...left }, (message) => {
          if (message.kind !== 'finding') return;
          onFinding({ target, seed, failure: message.failure, input: Buffer.from(message.input, 'base64') });
        });
        const { index, inputs, accepted, refused, found } = readProgress(progressFile);
        tally.inputs += inputs;
        tally.accepted += accepted;
        tally.refused += refused;
        tally.found += found;
        if (end === null) return tally;
        tally.inputs += 1;
        tally.found += 1;
        const input = inputsOf(targetNamed(target), seed)(index);
        const isSame = async (one: Buffer): Promise<boolean> =>
          kindOf(await check(target, one)) === kindOf(end);
        const isAlone = limits.tries > 0 && (await isSame(input));
        const smallest = isAlone ? await minimise(input, isSame, limits.tries) : input;
        const after = isAlone || limits.tries === 0 ? '' : ', but only after others';
        onFinding({ target, seed, failure: `${end}${after} (input ${index})`, input: smallest });
        from = index + 1;
      }
    },
    async close() {
      if (child !== undefined) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      rmSync(folder, { recursive: true });
    },
  };
}

/** How a process ended, without the numbers. */
function kindOf(end: string | null): string | undefined {
  return end?.split(/[:(]/)[0];
}

/** Calls back when the child has taken too long over one check. */
function watchProgress(
  pid: number,
  file: string,
  { cpuMs, wallMs }: Limits,
  onHang: (reason: string) => void,
): NodeJS.Timeout {
  let seen = { checks: -1, cpu: 0, at: 0 };
  return setInterval(() => {
    const { checks } = readProgress(file);
    const [cpu, at] = [processorMs(pid), performance.now()];
    if (checks !== seen.checks) seen = { checks, cpu, at };
    if (cpu - seen.cpu > cpuMs) onHang(`it hangs: ${cpuMs} ms of the processor, and no end`);
    else if (at - seen.at > wallMs) onHang(`it hangs: no end within ${wallMs} ms`);
  }, LOOK_MS);
}

/** What a process has had of the processor; always 0 where the system has no such file. */
function processorMs(pid: number): number {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return 0;
  const fields = readFileSync(path, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  // utime and stime, in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function heapWords(stderr: string): string {
  return /FATAL ERROR: .*/.exec(stderr)?.[0] ?? stderr.trim();
}
