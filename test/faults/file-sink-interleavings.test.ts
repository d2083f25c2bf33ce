/**
 * Writers and readers of one name, stepped by hand: between any two effects of one, any other may run, stall, or
 * be killed. Afterwards what they returned must fit one order of events that respects real time.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SinkConflictError, SinkError } from '../../src/domain/errors.ts';
import { writeVersion } from '../../src/secrets/file/atomic-file.ts';
import {
  currentOf,
  readState,
  versionOf,
  type FileStore,
  type StepName,
} from '../../src/secrets/file/file-state.ts';
import { createFileReader } from '../../src/secrets/file/file-reader.ts';
import { isCertainlyGone, ownMark } from '../../src/secrets/file/writer-mark.ts';
import { sweepFolder } from '../../src/secrets/file/sweep.ts';
import { ABSENT, type Version } from '../../src/secrets/sink.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const NAME = 'orders';
/** Fewer than a file remembers, so that the whole history can be read from the last content. */
const MOST_WRITES = 7;

interface Event {
  /** `refused`: another was first · `failed`: for another reason, with nothing known of the outcome. */
  readonly kind: 'wrote' | 'read' | 'refused' | 'failed';
  readonly version: Version;
  readonly expected: Version;
  /** Steps of the whole run, by which events are ordered in time. */
  readonly began: number;
  readonly ended: number;
}

type Work = (
  store: FileStore,
  note: (work: () => Promise<Omit<Event, 'began' | 'ended'>>) => Promise<void>,
) => Promise<void>;

/** Reads, then writes on top of what it read, `times` times. */
function writer(times: number): Work {
  return async (store, note) => {
    for (let turn = 0; turn < times; turn += 1) {
      await note(async () => {
        const expected = versionOf(currentOf(await readState(store, NAME)));
        try {
          return { kind: 'wrote', expected, version: await writeVersion(store, NAME, {}, expected) };
        } catch (error) {
          if (error instanceof SinkConflictError) return { kind: 'refused', expected, version: expected };
          if (error instanceof SinkError) return { kind: 'failed', expected, version: expected };
          throw error;
        }
      });
    }
  };
}

function reader(times: number): Work {
  return async (store, note) => {
    for (let turn = 0; turn < times; turn += 1) {
      await note(async () => {
        const version = versionOf(currentOf(await readState(store, NAME)));
        return { kind: 'read', version, expected: version };
      });
    }
  };
}

/** Reads the whole folder: it may stall between the listing and the file. */
function scanner(times: number): Work {
  return async (store, note) => {
    for (let turn = 0; turn < times; turn += 1) {
      await note(async () => {
        const everything = await createFileReader(store, '/').readAll?.([NAME]);
        const version = everything?.get(NAME)?.version ?? 'nothing';
        return { kind: 'read', version, expected: version };
      });
    }
  };
}

const sweeper: Work = (store) => sweepFolder(store);

/** Thrown into one that is killed: it does nothing more, but what the system would close is closed. */
class Killed extends Error {}

/** One that is stopped before every effect until it is told to go on. */
class Actor {
  #release: (() => void) | undefined;
  #kill: ((reason: Killed) => void) | undefined;
  #wake: (() => void) | undefined;
  /** The effect before which it stands. */
  at: StepName | undefined;
  isOver = false;
  failure: unknown;

  constructor(run: (pause: (step: StepName) => Promise<void>) => Promise<void>) {
    const pause = (step?: StepName) =>
      new Promise<void>((resolve, reject) => {
        this.at = step;
        this.#release = resolve;
        this.#kill = reject;
        this.#wake?.();
      });
    void pause()
      .then(() => run(pause))
      .catch((error: unknown) => {
        if (!(error instanceof Killed)) this.failure = error;
      })
      .finally(() => {
        this.isOver = true;
        this.#wake?.();
      });
  }

  /** Lets it go on, and returns when it stands before its next effect or has ended. */
  async step(): Promise<void> {
    const stopped = new Promise<void>((resolve) => (this.#wake = resolve));
    this.#release?.();
    await stopped;
  }

  async kill(): Promise<void> {
    const stopped = new Promise<void>((resolve) => (this.#wake = resolve));
    this.#kill?.(new Killed());
    await stopped;
  }
}

/** Whose next step it is; or who runs on until it stands before an effect. */
type Turn = number | { readonly actor: number; readonly until: StepName };

interface Script {
  readonly works: readonly Work[];
  /** Each number, modulo the works, names who takes the next step; then whoever is left, one after the other. */
  readonly schedule: readonly Turn[];
  /** After how many steps each is killed. */
  readonly kills?: readonly number[];
  /** What writers mark their files with; by default that of a living process. */
  readonly mark?: string;
}

async function play(
  directory: string,
  { works, schedule, kills = [], mark = ownMark() }: Script,
): Promise<readonly Event[]> {
  const events: Event[] = [];
  let clock = 0;
  const taken = works.map(() => 0);
  const actors = works.map(
    (work) =>
      new Actor((pause) =>
        work({ directory, writer: mark, onStep: pause }, async (run) => {
          const began = clock;
          const event = await run();
          events.push({ ...event, began, ended: clock });
        }),
      ),
  );
  const advance = async (index: number) => {
    const actor = actors[index]!;
    if (actor.isOver) return;
    clock += 1;
    taken[index]! += 1;
    if (taken[index]! > (kills[index] ?? Infinity)) await actor.kill();
    else await actor.step();
  };
  for (const turn of schedule) {
    if (typeof turn === 'number') await advance(turn % actors.length);
    else
      while (!(actors[turn.actor]!.isOver || actors[turn.actor]!.at === turn.until))
        await advance(turn.actor);
  }
  for (const [index, actor] of actors.entries()) while (!actor.isOver) await advance(index);
  for (const actor of actors) if (actor.failure !== undefined) throw actor.failure as Error;
  return events;
}

/** All versions in their order, from what the last content says about those before it. */
async function historyOf(directory: string): Promise<readonly Version[]> {
  const current = currentOf(await readState({ directory, writer: 'elsewhere-1' }, NAME));
  return [...(current?.follows ?? []).toReversed(), versionOf(current)];
}

function expectLinearizable(events: readonly Event[], history: readonly Version[]): void {
  expect(history[0]).toBe(ABSENT);
  expect(new Set(history).size).toBe(history.length);
  const place = (version: Version) => history.indexOf(version);
  for (const event of events) {
    expect(place(event.version)).toBeGreaterThanOrEqual(0);
    if (event.kind === 'wrote') expect(place(event.version)).toBe(place(event.expected) + 1);
    // Something else did succeed what the refused one expected.
    if (event.kind === 'refused') expect(place(event.expected)).toBeLessThan(history.length - 1);
  }
  for (const earlier of events) {
    for (const later of events.filter((event) => event.began >= earlier.ended)) {
      const seen = later.kind === 'wrote' ? later.expected : later.version;
      expect(place(seen)).toBeGreaterThanOrEqual(place(earlier.version));
    }
  }
}

async function playAndJudge(directory: string, script: Script): Promise<readonly Event[]> {
  const folder = join(directory, 'run');
  await mkdir(folder, { mode: 0o700 });
  try {
    const events = await play(folder, script);
    const history = await historyOf(folder);
    expectLinearizable(events, history);
    // Whoever was killed where, the next writer goes on.
    const store = { directory: folder, writer: ownMark() };
    const next = await writeVersion(store, NAME, {}, history.at(-1)!);
    expect(await historyOf(folder)).toEqual([...history, next].slice(-MOST_WRITES - 2));
    return events;
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('compare-and-set on a file', () => {
  it('is linearizable for two writers, a reader and a sweep, wherever they stall or are killed', async () => {
    const directory = await makeTempDir();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(11), { maxLength: 120 }),
        fc.tuple(fc.nat(60), fc.nat(60), fc.constant(1000), fc.nat(60)),
        async (schedule, kills) => {
          await playAndJudge(directory, {
            works: [writer(2), writer(2), reader(4), sweeper],
            schedule,
            kills,
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is linearizable even when a sweep takes the files of writers that only stall', async () => {
    const directory = await makeTempDir();
    const mark = markOfTheGone();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(11), { maxLength: 160 }), async (schedule) => {
        await playAndJudge(directory, {
          works: [writer(2), writer(2), reader(3), sweeper, sweeper, sweeper],
          schedule,
          mark,
        });
      }),
      { numRuns: 50 },
    );
  });

  it('is linearizable for who reads the whole folder', async () => {
    const directory = await makeTempDir();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(11), { maxLength: 160 }), async (schedule) => {
        await playAndJudge(directory, {
          works: [writer(2), writer(2), scanner(4), scanner(4), reader(2), sweeper],
          schedule,
        });
      }),
      { numRuns: 50 },
    );
    for (let ahead = 0; ahead < 16; ahead += 1) {
      for (let late = 0; late < 16; late += 1) {
        await playAndJudge(directory, {
          works: [writer(2), reader(1), scanner(1), scanner(1)],
          // One reads everything behind a reader of the name alone; the other has listed, and stalls.
          schedule: [
            ...steps(0, ahead),
            ...[...steps(3, 2), ...steps(1, 20), ...steps(2, 20)],
            ...steps(0, late),
            ...steps(3, 20),
          ],
        });
      }
    }
  });

  it('is linearizable for three writers and a reader', async () => {
    const directory = await makeTempDir();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(11), { maxLength: 160 }), async (schedule) => {
        await playAndJudge(directory, { works: [writer(2), writer(2), writer(2), reader(3)], schedule });
      }),
      { numRuns: 30 },
    );
  });

  it('is linearizable when one writer stalls at any step while others overtake it', async () => {
    const directory = await makeTempDir();
    for (let stall = 0; stall < 18; stall += 1) {
      for (const others of [[writer(1)], [writer(2), reader(1)], [writer(1), sweeper, writer(1)]]) {
        const overtaking = others.flatMap((_, index) => steps(index + 1, 60));
        await playAndJudge(directory, {
          works: [writer(1), ...others],
          schedule: [...steps(0, stall), ...overtaking],
        });
      }
    }
  });

  it('is linearizable when a helper stalls at any step between any two steps of those it helps', async () => {
    const directory = await makeTempDir();
    for (let ahead = 8; ahead < 16; ahead += 1) {
      for (let helping = 0; helping < 12; helping += 1) {
        await playAndJudge(directory, {
          works: [writer(2), writer(1)],
          schedule: [...steps(0, ahead), ...steps(1, helping)],
        });
      }
    }
  });

  it('never shows a reader what is older than what another has seen', async () => {
    const directory = await makeTempDir();
    for (let ahead = 0; ahead < 16; ahead += 1) {
      for (let begun = 0; begun < 4; begun += 1) {
        await playAndJudge(directory, {
          works: [writer(1), reader(1), reader(1)],
          schedule: [...steps(0, ahead), ...steps(1, 20), ...steps(2, begun)],
        });
      }
    }
  });

  it('never shows a reader a claim that came too late', async () => {
    const directory = await makeTempDir();
    for (let ahead = 0; ahead < 14; ahead += 1) {
      for (let late = 0; late < 4; late += 1) {
        await playAndJudge(directory, {
          works: [writer(1), writer(1), reader(1)],
          // The first stands before its claim; the reader has begun; the second overtakes; then the first claims.
          schedule: [...steps(0, ahead), ...steps(2, 2), ...steps(1, 60), ...steps(0, late), ...steps(2, 20)],
        });
      }
    }
  });

  it('lets one writer win of two that stand before the same claim', async () => {
    const directory = await makeTempDir();
    for (let ahead = 1; ahead < 10; ahead += 1) {
      const events = await playAndJudge(directory, {
        works: [writer(1), writer(1)],
        schedule: [
          { actor: 0, until: 'claim' },
          { actor: 1, until: 'claim' },
          ...steps(0, ahead),
          ...steps(1, 60),
        ],
      });
      expect(events.map((event) => event.kind).sort()).toEqual(['refused', 'wrote']);
    }
  });

  it('keeps what is committed when its file is swept before it was moved', async () => {
    const directory = await makeTempDir();
    const events = await playAndJudge(directory, {
      mark: markOfTheGone(),
      works: [writer(1), sweeper, reader(2), writer(1), sweeper, reader(2)],
      schedule: [
        { actor: 0, until: 'claim' },
        { actor: 1, until: 'discard' },
        { actor: 0, until: 'move' },
        ...steps(1, 60),
        ...steps(0, 60),
        // Now only a claim says what is current. The next writer goes on from there, and fares the same.
        ...steps(2, 60),
        { actor: 3, until: 'claim' },
        { actor: 4, until: 'discard' },
        { actor: 3, until: 'move' },
        ...steps(4, 60),
        ...steps(3, 60),
        ...steps(5, 60),
      ],
    });
    expect(events.filter((event) => event.kind === 'wrote')).toHaveLength(2);
  });

  it('does not take a swept file for a moved one', async () => {
    const directory = await makeTempDir();
    await playAndJudge(directory, {
      mark: markOfTheGone(),
      works: [writer(1), writer(1), sweeper],
      // The first claims too late; before it can look, a sweep takes both its claim and its file.
      schedule: [{ actor: 0, until: 'claim' }, ...steps(1, 60), ...steps(0, 1), ...steps(2, 60)],
    });
  });

  it('does not bring an old version back when helpers stall before they move it', async () => {
    const directory = await makeTempDir();
    await playAndJudge(directory, {
      works: [writer(1), writer(1), writer(1), writer(2), reader(1)],
      schedule: [
        { actor: 0, until: 'claim' },
        { actor: 0, until: 'move' },
        { actor: 1, until: 'move' },
        { actor: 2, until: 'move' },
        ...steps(3, 120),
        ...steps(2, 1),
        ...steps(4, 60),
        ...steps(1, 60),
      ],
    });
  });
});

/** Process 1 lives, but did not start one tick after boot: a sweep believes a writer with this mark gone. */
function markOfTheGone(): string {
  const mark = ownMark().replace(/-[0-9]+-[0-9]+$/, '-1-1');
  expect(isCertainlyGone(mark)).toBe(true);
  return mark;
}

function steps(actor: number, count: number): readonly number[] {
  return Array<number>(count).fill(actor);
}
