import { loadSettings } from '../../config/load-settings.ts';
import type { Settings } from '../../domain/settings.ts';
import { plural } from '../../plan/words.ts';
import { moveRecords as move, planMove, type MoveReport } from '../../reconcile/move-records.ts';
import type { MoveEnd } from '../../reconcile/move-survey.ts';
import type { SecretReader } from '../../secrets/sink.ts';
import { answer, type Answer } from '../answer.ts';
import { systemClock } from '../clock.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openReader, openSink, unique } from '../open.ts';
import { withExport } from '../publish.ts';
import { openSession, shortPath, type CommonOptions, type Session } from '../session.ts';

export interface MoveRecordsOptions extends CommonOptions {
  readonly format: 'text' | 'json';
  /** The settings of the destination. */
  readonly to: string;
  readonly dryRun: boolean;
}

/** Moves the records of the owner to the sink that other settings name; no request goes to Linq. */
export async function moveRecords(options: MoveRecordsOptions, io: Io): Promise<ExitCode> {
  return answer(options.format, io, async () => {
    const source = await openSession(io, options);
    const destination = { ...source, settings: await destinationSettings(options.to, io) };
    const report = await (options.dryRun ? dryMove : wetMove)(source, destination, io);
    return answerOf(report, source.settings, destination.settings, { isDry: options.dryRun, io });
  });
}

/** The variables of the program itself are about this side; those of Vault are for both. */
async function destinationSettings(file: string, io: Io): Promise<Settings> {
  const env = Object.fromEntries(Object.entries(io.env).filter(([name]) => !name.startsWith('LINQ_GITOPS_')));
  const { settings } = await loadSettings({ file, cwd: io.cwd, env, flags: {} });
  return settings;
}

function dryMove(source: Session, destination: Session, io: Io): Promise<MoveReport> {
  return planMove(endOf(source, openReader(source, io)), endOf(destination, openReader(destination, io)));
}

async function wetMove(source: Session, destination: Session, io: Io): Promise<MoveReport> {
  const from = openSink(source, io);
  const to = openSink(destination, io);
  try {
    return await withExport(destination, io, to, () =>
      move({
        source: endOf(source, from),
        destination: endOf(destination, to),
        now: () => systemClock.now(),
        unique,
      }),
    );
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
}

function endOf<S extends SecretReader>({ settings }: Session, sink: S): MoveEnd<S> {
  return { sink, owner: settings.owner, place: placeOf(settings) };
}

function placeOf({ secrets }: Settings): string {
  return secrets.sink === 'file'
    ? `file:${secrets.file.directory}`
    : `vault:${secrets.vault.mount}/${secrets.vault.path}`;
}

const MARKS: Readonly<Record<MoveReport['installation'], string>> = {
  'taken-over': 'the destination takes over the id that marks carry, and the lines of the account',
  same: 'the destination has the id that marks carry already',
  new: 'other owners keep records here, so the destination gets an id of its own; nothing is unfinished',
  own: 'the destination keeps its own id; nothing is unfinished',
};

/** The same, for a person in the working directory. */
function shownPlace({ secrets, ...settings }: Settings, io: Io): string {
  return secrets.sink === 'file'
    ? `file:${shortPath(secrets.file.directory, io)}`
    : placeOf({ secrets, ...settings });
}

interface Telling {
  readonly isDry: boolean;
  readonly io: Io;
}

function answerOf(report: MoveReport, from: Settings, to: Settings, { isDry, io }: Telling): Answer {
  const { moved, copiedBefore, refusals, installation, isInPlace, wrote } = report;
  const isRefused = refusals.length > 0;
  const isNothing = moved.length === 0 && !wrote && !isRefused;
  return {
    exitCode: isRefused ? 3 : 0,
    lines: isNothing
      ? [`nothing to move: ${shownPlace(from, io)} has no record of the owner "${from.owner}"`]
      : [
          ...moved.map(
            (name) =>
              `${name}: ${isDry ? 'would move' : 'moved'}${copiedBefore.includes(name) ? ', its copy was there' : ''}`,
          ),
          ...(isRefused ? [] : summary(report, from, to, { isDry, io })),
        ],
    remarks: isRefused
      ? [
          ...refusals.flatMap(({ name, reason, hint }) => [
            `${name ?? '(all)'}: refused: ${reason}`,
            ...(hint === null ? [] : [`  ${hint}`]),
          ]),
          wrote
            ? 'stopped halfway: everything here is paused, nothing is lost; when that is mended, run it again'
            : 'nothing was moved',
        ]
      : [],
    document: {
      dry_run: isDry,
      from: { place: placeOf(from), owner: from.owner },
      to: { place: placeOf(to), owner: to.owner },
      moved,
      copied_before: copiedBefore,
      refused: refusals.map(({ name, reason, hint }) => ({ name, reason, hint })),
      installation,
      is_in_place: isInPlace,
      wrote,
    },
  };
}

function summary(
  { moved, installation, isInPlace }: MoveReport,
  from: Settings,
  to: Settings,
  { isDry, io }: Telling,
): readonly string[] {
  const records = plural(moved.length, 'record');
  const owner = from.owner === to.owner ? '' : `, now of the owner "${to.owner}"`;
  const places = isInPlace
    ? `in ${shownPlace(to, io)}`
    : `from ${shownPlace(from, io)} to ${shownPlace(to, io)}`;
  return [
    `${records} ${isDry ? 'would move' : 'moved'} ${places}${owner}`,
    ...(isInPlace ? [] : [MARKS[installation]]),
    isDry
      ? 'everything here would be paused for good'
      : `the owner "${from.owner}" is paused here for good; go on with the other settings`,
  ];
}
