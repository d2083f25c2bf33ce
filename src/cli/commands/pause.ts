import { parseAge } from '../../config/duration.ts';
import { nearest } from '../../domain/nearest.ts';
import { RefusedError, UsageError } from '../../domain/errors.ts';
import { describePause } from '../../plan/pauses.ts';
import { setPauses, type PauseSet } from '../../reconcile/pauses.ts';
import { isEntryName } from '../../secrets/entry-name.ts';
import type { SecretSink } from '../../secrets/sink.ts';
import { answer, type Answer } from '../answer.ts';
import { systemClock } from '../clock.ts';
import type { ExitCode } from '../exit.ts';
import { say, type Io } from '../io.ts';
import { openSink, unique } from '../open.ts';
import { loadDesired, openSession, type CommonOptions, type Session } from '../session.ts';

export interface PauseOptions extends CommonOptions {
  readonly format: 'text' | 'json';
  /** Such as `2h`; without it, until somebody resumes. */
  readonly for?: string;
}

/**
 * Holds every write to these entries, or to everything of the owner, in every process that uses the sink. No request
 * goes to Linq and no key is needed. A pass that began before goes to its end.
 */
export async function pause(names: readonly string[], options: PauseOptions, io: Io): Promise<ExitCode> {
  const length = lengthOf(options);
  return answer(options.format, io, async () => {
    const session = await openSession(io, options);
    const sink = openSink(session, io);
    try {
      return await pauseAll(names, length, { session, sink, io });
    } finally {
      await sink.close();
    }
  });
}

interface Place {
  readonly session: Session;
  readonly sink: SecretSink;
  readonly io: Io;
}

async function pauseAll(
  names: readonly string[],
  length: number | null,
  { session, sink, io }: Place,
): Promise<Answer> {
  const { owner } = session.settings;
  await requireKnown(names, { session, sink, io });
  for (const notice of await sink.check()) say(io, `note: ${notice}`);
  // By the local clock, since nothing is asked of the API; processes compare it with the API server's.
  const now = systemClock.now();
  const until = length === null ? null : new Date(now + length).toISOString();
  const which = names.length === 0 ? [null] : [...new Set(names)];
  const wanted = which.map((name) => ({ owner, name, until, reason: null }));
  const { set, isFresh } = await setPauses(wanted, { sink, unique, now: () => now });
  if (isFresh) say(io, `note: first write into ${sink.locate('_installation')}`);
  return {
    exitCode: 0,
    lines: set.map((one) => lineOf(one, owner)),
    remarks: [],
    document: {
      owner,
      paused: set.map(({ pause: { name }, before }) => ({
        name,
        until,
        before: before && { until: before.until, reason: before.reason },
      })),
    },
  };
}

function lineOf({ pause: now, before }: PauseSet, owner: string): string {
  const changed = before === null ? '' : ` (was ${describePause(before)})`;
  return `${now.name ?? `everything of the owner "${owner}"`}: ${describePause(now)}${changed}`;
}

function lengthOf({ for: text }: PauseOptions): number | null {
  if (text === undefined) return null;
  const length = parseAge(text);
  if (length !== undefined) return length;
  throw new UsageError(`cannot pause for ${JSON.stringify(text)}: it takes a time such as 30m, 2h or 7d`);
}

/** The file is read only for names that the sink does not know: a brake must work where the file is bad. */
async function requireKnown(names: readonly string[], { session, sink, io }: Place): Promise<void> {
  const unknown: string[] = [];
  for (const name of names) if (!(await isRecorded(name, session, sink))) unknown.push(name);
  if (unknown.length === 0) return;
  const { entries } = await loadDesired(session, io);
  const declared = entries.map(({ name }) => name);
  const stranger = unknown.find((name) => !declared.includes(name));
  if (stranger === undefined) return;
  const near = nearest(stranger, [...declared, ...(await sink.list())]);
  throw new RefusedError(
    `cannot pause ${JSON.stringify(stranger)}: it is neither an entry of the file nor in the sink`,
    { hint: near === undefined ? undefined : `did you mean ${near}?` },
  );
}

async function isRecorded(name: string, { settings }: Session, sink: SecretSink): Promise<boolean> {
  if (!isEntryName(name)) return false;
  const entry = await sink.read(name);
  return entry.kind !== 'absent' && (entry.kind !== 'intact' || entry.record.owner === settings.owner);
}
