import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { measure, type NodeCommand } from './measure.ts';
import { daemonInSync } from './daemon.ts';
import { expectLive, openScene, sceneInSync, type Scene } from './scene.ts';

/** One pair: what we take, and what the yardstick takes, in the same unit. */
type Pair = readonly [ours: number, yardstick: number];

/** What is compared, and how it may come out. */
export interface Measure {
  readonly unit: 'ms' | 'MiB';
  /** Of the ratio of ours to the yardstick, at most. */
  readonly target: number;
  readonly stretch?: number;
}

export interface Case {
  readonly name: string;
  readonly yardstick: string;
  /** Run by the gate; `null`: it takes too long. */
  readonly short: boolean;
  readonly measures: Readonly<Record<string, Measure>>;
  /** Sets everything up; each call of `pair` measures both sides once. */
  open: () => Promise<{ pair: () => Promise<Readonly<Record<string, Pair>>>; close: () => Promise<void> }>;
}

const NOTHING: NodeCommand = { argv: ['-e', '0'] };
const SDK_PLAN = fileURLToPath(new URL('./yardsticks/sdk-plan.mjs', import.meta.url));
const LINQ_MS = 50;
const VAULT_MS = 5;
/** What arrives so soon after a 429 had left before that was read. */
const ON_ITS_WAY_MS = 100;

export const CASES: readonly Case[] = [
  startUp('--help', ['--help'], { target: 1.35, stretch: 1.2 }),
  startUp('validate, 100 entries', ['validate'], { target: 2.5, stretch: 1.8 }),
  plan(100, { time: { unit: 'ms', target: 1, stretch: 0.6 } }),
  plan(10_000, {
    time: { unit: 'ms', target: 1, stretch: 0.35 },
    memory: { unit: 'MiB', target: 1.1, stretch: 0.75 },
  }),
  ...[4, 8, 16].map((width) => creates({ count: 1_000, width, target: 1.15, stretch: 1.08 })),
  ...[4, 8, 16].map((width) =>
    creates({ count: 1_000, width, vaultMs: VAULT_MS, target: 1.3, stretch: 1.15 }),
  ),
  creates({ count: 100, width: 8, target: 1.5, short: true }),
  throttled(),
  planGrowth(),
  applyGrowth(),
  daemonChange(),
  daemonPass(),
];

/** A command beside a Node that does nothing: the processor time, and how long one waits. */
function startUp(name: string, argv: readonly string[], limits: Omit<Measure, 'unit'>): Case {
  return {
    name,
    yardstick: 'node -e 0',
    short: true,
    measures: { CPU: { unit: 'ms', ...limits }, time: { unit: 'ms', ...limits } },
    async open() {
      const scene = await openScene();
      scene.declare(100);
      return {
        async pair() {
          const ours = await scene.run(argv);
          const bare = await measure(NOTHING);
          return { CPU: [ours.cpuMs, bare.cpuMs], time: [ours.wallMs, bare.wallMs] };
        },
        close: () => scene.close(),
      };
    },
  };
}

/** A plan of an account in sync, beside a script with the official SDK. */
function plan(count: number, measures: Case['measures']): Case {
  return {
    name: `sync --dry-run, ${count} entries in sync`,
    yardstick: 'SDK script',
    short: count <= 1_000,
    measures,
    async open() {
      const scene = await sceneInSync(count);
      return {
        async pair() {
          const ours = await scene.run(['sync', '--dry-run']);
          const sdk = await measure(scene.command([SDK_PLAN, scene.file]));
          return { time: [ours.wallMs, sdk.wallMs], memory: [ours.peakMiB, sdk.peakMiB] };
        },
        close: () => scene.close(),
      };
    },
  };
}

interface Creates {
  readonly count: number;
  readonly width: number;
  readonly vaultMs?: number;
  readonly target: number;
  readonly stretch?: number;
  readonly short?: boolean;
}

/** Creates on an API that takes its time, beside the round trips that a safe create cannot do without. */
function creates({ count, width, vaultMs, short = false, ...limits }: Creates): Case {
  // The list; then a POST and a PUT for each.
  const trips = 1 + 2 * Math.ceil(count / width);
  return {
    name: `sync, ${count} creates, ${width} at once${vaultMs === undefined ? '' : `, Vault in ${vaultMs} ms`}`,
    yardstick: `${trips} round trips of ${LINQ_MS} ms`,
    short,
    measures: { time: { unit: 'ms', ...limits } },
    open: () =>
      Promise.resolve({
        async pair() {
          const scene = await openScene({ linqMs: LINQ_MS, ...(vaultMs !== undefined && { vaultMs }) });
          scene.declare(count);
          const { wallMs } = await scene.run(['sync'], { LINQ_GITOPS_API_CONCURRENCY: String(width) });
          expectLive(scene, count);
          await scene.close();
          return { time: [wallMs, trips * LINQ_MS] };
        },
        close: () => Promise.resolve(),
      }),
  };
}

/** Every tenth request is told to come back in a second. */
function throttled(): Case {
  const [count, every, seconds] = [50, 10, 1];
  return {
    name: `sync, ${count} creates, 429 with Retry-After for every tenth request`,
    yardstick: 'the seconds that the server asked for',
    short: false,
    measures: { time: { unit: 'ms', target: 1.2 } },
    open: () =>
      Promise.resolve({
        async pair() {
          const scene = await openScene();
          scene.declare(count);
          const faults = Array.from({ length: count }, (_, index) =>
            scene.emulator.addFault({
              match: { path: 'any', nth: (index + 1) * every },
              action: { kind: 'status', status: 429, retryAfter: seconds },
            }),
          );
          const { wallMs } = await scene.run(['sync']);
          expectLive(scene, count);
          expectPatience(scene, seconds * 1_000);
          await scene.close();
          const hits = faults.filter((fault) => fault.hits > 0).length;
          return { time: [wallMs, hits * seconds * 1_000] };
        },
        close: () => Promise.resolve(),
      }),
  };
}

/** Ten times as many entries, planned. */
function planGrowth(): Case {
  return {
    name: 'sync --dry-run, 10,000 entries',
    yardstick: 'the same with 1,000',
    short: false,
    measures: { time: { unit: 'ms', target: 11 } },
    async open() {
      const [many, few] = [await sceneInSync(10_000), await sceneInSync(1_000)];
      return {
        async pair() {
          const { wallMs } = await many.run(['sync', '--dry-run']);
          return { time: [wallMs, (await few.run(['sync', '--dry-run'])).wallMs] };
        },
        async close() {
          await many.close();
          await few.close();
        },
      };
    },
  };
}

/** Ten times as many creates. */
function applyGrowth(): Case {
  return {
    name: 'sync, 10,000 creates',
    yardstick: 'the same with 1,000',
    short: false,
    measures: { time: { unit: 'ms', target: 11 } },
    open: () =>
      Promise.resolve({
        async pair() {
          return { time: [await timeToCreate(10_000), await timeToCreate(1_000)] };
        },
        close: () => Promise.resolve(),
      }),
  };
}

async function timeToCreate(count: number): Promise<number> {
  const scene = await openScene();
  scene.declare(count);
  const { wallMs } = await scene.run(['sync', '--allow', 'deletes']);
  expectLive(scene, count);
  await scene.close();
  return wallMs;
}

/** From the write of a file with one changed entry of 1,000 to its request. */
function daemonChange(): Case {
  return {
    name: 'run, change of one of 1,000 entries until its request',
    yardstick: 'half a second',
    short: true,
    measures: { time: { unit: 'ms', target: 1, stretch: 0.5 } },
    async open() {
      const { scene, daemon } = await daemonInSync(1_000);
      let edition = 0;
      return {
        async pair() {
          const update = scene.emulator.addFault({
            match: { path: 'update' },
            action: { kind: 'hold', at: 'before' },
          });
          edition += 1;
          const begin = performance.now();
          scene.declare(1_000, edition);
          await update.reached();
          const ms = performance.now() - begin;
          const rest = daemon.passEnded();
          update.remove();
          await rest;
          return { time: [ms, 500] };
        },
        async close() {
          await daemon.stop();
          await scene.close();
        },
      };
    },
  };
}

/** A pass that finds everything as it should be. */
function daemonPass(): Case {
  return {
    name: 'run, a pass over 1,000 entries in sync',
    yardstick: '60 ms of CPU',
    short: true,
    measures: { CPU: { unit: 'ms', target: 1 } },
    async open() {
      const { scene, daemon } = await daemonInSync(1_000);
      return {
        async pair() {
          await daemon.passEnded();
          const before = daemon.cpuMs();
          await daemon.passEnded();
          return { CPU: [daemon.cpuMs() - before, 60] };
        },
        async close() {
          await daemon.stop();
          await scene.close();
        },
      };
    },
  };
}

/** Nothing is asked between a 429 and the end of the wait that came with it, but what was on its way. */
function expectPatience({ emulator }: Scene, waitMs: number): void {
  for (const { at } of emulator.requests.filter(({ status }) => status === 429)) {
    const early = emulator.requests.filter(
      (other) => other.at >= at + ON_ITS_WAY_MS && other.at < at + waitMs,
    );
    if (early.length > 0) throw new Error(`${early.length} requests came before their time`);
  }
}
