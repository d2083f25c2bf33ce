import { nearest } from '../../domain/nearest.ts';
import type { Pause } from '../../domain/record.ts';
import { describePause } from '../../plan/pauses.ts';
import { liftPauses } from '../../reconcile/pauses.ts';
import { answer, type Answer } from '../answer.ts';
import { systemClock } from '../clock.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openSink, unique } from '../open.ts';
import { openSession, type CommonOptions } from '../session.ts';

export interface ResumeOptions extends CommonOptions {
  readonly format: 'text' | 'json';
}

/** Ends the pauses of these entries, or all of the owner. The next pass of any process goes on with them. */
export async function resume(names: readonly string[], options: ResumeOptions, io: Io): Promise<ExitCode> {
  const asked = names.length === 0 ? null : [...new Set(names)];
  return answer(options.format, io, async () => {
    const session = await openSession(io, options);
    const { owner } = session.settings;
    const sink = openSink(session, io);
    try {
      const ended = await liftPauses(owner, asked, { sink, unique, now: () => systemClock.now() });
      return answerOf(asked, ended, owner);
    } finally {
      await sink.close();
    }
  });
}

interface Ended {
  readonly lifted: readonly Pause[];
  readonly left: readonly Pause[];
}

function answerOf(asked: readonly string[] | null, { lifted, left }: Ended, owner: string): Answer {
  const resumed = new Set(lifted.map(({ name }) => name));
  const idle = (asked ?? []).filter((name) => !resumed.has(name));
  const overAll = left.find(({ name }) => name === null);
  return {
    exitCode: 0,
    lines: [
      ...lifted.map((pause) => `${pause.name ?? everything(owner)}: resumed (was ${describePause(pause)})`),
      ...idle.map((name) => idleLine(name, left)),
      ...(asked === null && lifted.length === 0 ? [`${everything(owner)}: nothing is paused`] : []),
      ...(asked === null || overAll === undefined
        ? []
        : [`${everything(owner)}: still ${describePause(overAll)}; to end that: linq-gitops resume`]),
    ],
    remarks: [],
    document: {
      owner,
      resumed: lifted.map(({ name, until, reason }) => ({ name, until, reason })),
      not_paused: idle,
      still_paused: left.map(({ name, until, reason }) => ({ name, until, reason })),
    },
  };
}

function idleLine(name: string, left: readonly Pause[]): string {
  const near = nearest(
    name,
    left.flatMap((pause) => pause.name ?? []),
  );
  const question = near === undefined || near === name ? '' : `; did you mean ${near}?`;
  return `${name}: not paused${question}`;
}

function everything(owner: string): string {
  return `everything of the owner "${owner}"`;
}
