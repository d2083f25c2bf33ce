import { setTimeout as sleep } from 'node:timers/promises';
import { startCli, type CliOptions, type CliResult, type RunningCli } from '../support/run-cli.ts';

/** Of the design; 70, a bug, is none that may be seen. */
const CODES: readonly (number | null)[] = [0, 1, 2, 3, 64, 78, 130, 143];
/** Beyond the grace period of a stop, by far. */
const HANGS_MS = 120_000;
const STACK = /^ {4}at .+:\d+:\d+\)?$/m;
const SIGNING_SECRET = /whsec_[A-Za-z0-9+/]{43}=/;

/** A process of the program under chaos. */
export interface Program {
  readonly argv: readonly string[];
  readonly pid: number;
  readonly isDaemon: boolean;
  /** Its end, judged. */
  readonly done: Promise<CliResult>;
  readonly isOver: () => boolean;
  readonly isStopped: () => boolean;
  signal(signal: NodeJS.Signals): void;
}

export interface ProgramOptions extends Partial<Pick<CliOptions, 'env' | 'effects' | 'through'>> {
  /** It has so few descriptors that it may fail to load itself. */
  readonly isStarved?: boolean;
}

interface Ground {
  readonly cwd: string;
  readonly env: () => Readonly<Record<string, string>>;
  /** What no output may hold, beside signing secrets. */
  readonly secrets: () => readonly string[];
  readonly note: (text: string) => void;
  readonly count: (what: string) => void;
  readonly violate: (invariant: string, what: string) => void;
}

export interface Programs {
  start(argv: readonly string[], options?: ProgramOptions): Program;
  running(): readonly Program[];
  /** Waits for the end; who does not come to one is killed, and that is a violation. */
  join(program: Program): Promise<void>;
  /** Kills what runs, without a judgement. */
  abandon(): Promise<void>;
}

/** Starts processes, and judges each by how it ends and by what it has said. */
export function makePrograms(ground: Ground): Programs {
  const running = new Set<Program>();
  let isAbandoned = false;
  const start: Programs['start'] = (argv, { isStarved = false, env, ...options } = {}) => {
    const cli = startCli(argv, { cwd: ground.cwd, env: { ...ground.env(), ...env }, ...options });
    const sent = new Set<NodeJS.Signals>(options.effects?.stop === undefined ? [] : ['SIGKILL']);
    const done = cli.done.then((result) => {
      running.delete(program);
      const { code, signal } = result;
      ground.note(`process ${cli.pid} (${argv.join(' ')}) ends with ${signal ?? code}`);
      ground.count(`end: ${signal ?? `exit ${code}`}`);
      const faults = isAbandoned ? [] : faultsIn(result, { sent, isStarved, secrets: ground.secrets() });
      for (const [invariant, what] of faults)
        ground.violate(invariant, `${argv.join(' ')} (${cli.pid}) ${what}\n${tailOf(result)}`);
      return result;
    });
    const program = programOf(cli, argv, done, sent, () => running.has(program));
    running.add(program);
    ground.count('process: started');
    ground.note(`process ${cli.pid} starts: ${argv.join(' ')}`);
    return program;
  };
  return {
    start,
    running: () => [...running],
    async join(program) {
      const limit = new AbortController();
      const late = sleep(HANGS_MS, 'late' as const, { signal: limit.signal }).catch(() => 'ended' as const);
      const end = await Promise.race([program.done.then(() => 'ended' as const), late]);
      limit.abort();
      if (end === 'ended') return;
      ground.violate('hang', `${program.argv.join(' ')} (${program.pid}) does not end`);
      program.signal('SIGKILL');
      await program.done;
    },
    async abandon() {
      isAbandoned = true;
      const left = [...running];
      for (const program of left) program.signal('SIGKILL');
      await Promise.all(left.map(({ done }) => done));
    },
  };
}

function programOf(
  cli: RunningCli,
  argv: readonly string[],
  done: Promise<CliResult>,
  sent: Set<NodeJS.Signals>,
  isRunning: () => boolean,
): Program {
  let isStopped = false;
  return {
    argv,
    pid: cli.pid,
    isDaemon: argv[0] === 'run',
    done,
    isOver: () => !isRunning(),
    isStopped: () => isStopped,
    signal(signal) {
      sent.add(signal);
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') isStopped = signal === 'SIGSTOP';
      cli.kill(signal);
    },
  };
}

interface Expected {
  readonly sent: ReadonlySet<NodeJS.Signals>;
  readonly isStarved: boolean;
  readonly secrets: readonly string[];
}

function faultsIn(
  { code, signal, stdout, stderr }: CliResult,
  { sent, isStarved, secrets }: Expected,
): readonly (readonly [invariant: string, what: string])[] {
  const faults: (readonly [string, string])[] = [];
  const said = `${stdout}\n${stderr}`;
  // Node itself reports what it cannot open before the program has its first word.
  const isExcused = isStarved && said.includes('EMFILE');
  if (signal !== null && !sent.has(signal)) faults.push(['crash', `dies of ${signal}`]);
  if (signal === null && !CODES.includes(code) && !isExcused) faults.push(['crash', `ends with ${code}`]);
  if (STACK.test(said) && !isExcused) faults.push(['crash', 'prints a stack']);
  if (SIGNING_SECRET.test(said)) faults.push(['I5', 'prints a signing secret']);
  if (secrets.some((secret) => said.includes(secret))) faults.push(['I5', 'prints a key or token']);
  return faults;
}

/** For a violation's report; whatever looks like a signing secret stays out of it. */
function tailOf({ stdout, stderr }: CliResult): string {
  const tail = `${stdout.slice(-3_000)}\n${stderr.slice(-3_000)}`;
  return tail.replaceAll(new RegExp(SIGNING_SECRET, 'g'), 'whsec_(hidden)');
}
