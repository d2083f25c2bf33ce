import { describePause } from './pauses.ts';
import type { RequestCount } from '../domain/report.ts';
import type { HeldNote, Overview, StatusEntry } from './status.ts';
import {
  changeWords,
  countStates,
  eventWords,
  lineWords,
  secretWords,
  signOf,
  stateWords,
} from './status-words.ts';
import { INDENT, paragraph } from './text-layout.ts';
import { tableLines, type Column } from './text-table.ts';
import type { WayOut } from './way-out.ts';
import { countRequests, plural, printable, type Paint } from './words.ts';

export interface StatusTextOptions {
  readonly colours: Paint;
  readonly requests: RequestCount;
  /** False: nothing beyond ASCII is added to the values. */
  readonly symbols: boolean;
  /** Of the terminal, in columns; without it nothing is shortened or left out. */
  readonly width?: number | undefined;
}

const SIGN_WIDTH = 4;
/** A longer name stands on a line of its own. */
const MOST_NAME_WIDTH = 28;
const URL_WIDTHS = { least: 12, comfortable: 28 };
const MOST_NAMES = 10;
const MOST_FOREIGN = 20;
const NO_WIDTH = Number.POSITIVE_INFINITY;

/**
 * The overview for people: a table with a line for each entry, and below it what is not as it should be. Where the
 * terminal is narrow, the URL is shortened first, then columns are left out, the last ones first.
 */
export function renderStatusText(overview: Overview, options: StatusTextOptions): string {
  const width = options.width ?? NO_WIDTH;
  const sections = [
    headerLines(overview, options),
    entryLines(overview, options),
    overview.held.length === 0
      ? []
      : ['Held:', ...overview.held.flatMap((note) => heldLines(note, width, options.colours))],
    foreignLines(overview, options),
    overview.warnings.flatMap((warning) =>
      wrapped(`warning: ${warning}`, width, '', '  ').map(options.colours.yellow),
    ),
    [...wrapped(summary(overview), width, ''), countRequests(options.requests)],
  ];
  const filled = sections.filter((section) => section.length > 0);
  return `${filled.map((section) => section.join('\n')).join('\n\n')}\n`;
}

/** The lines of a way out: what to do, and a command on a line of its own, to be copied whole. */
export function wayOutLines({ command, note }: WayOut, width: number, colours: Paint): readonly string[] {
  const words = note === '' ? [] : wrapped(command === null ? note : `${note}:`, width, INDENT);
  return [...words, ...(command === null ? [] : [`${INDENT}  ${colours.bold(printable(command))}`])];
}

export function wrapped(text: string, width: number, lead: string, indent = lead): readonly string[] {
  return paragraph(text, width, lead, indent).map(({ shown }) => shown);
}

/** A title, and what there is to say beside it, or below where there is no room. Both are safe to print. */
export function titleLines(
  title: string,
  rest: string,
  width: number,
  { bold, dim }: Paint,
): readonly string[] {
  const isBeside = title.length + rest.length + 3 <= width;
  return isBeside ? [`${bold(title)}   ${dim(rest)}`] : [bold(title), `${INDENT}${dim(rest)}`];
}

function headerLines(
  { file, entries, summary }: Overview,
  { colours, symbols, width = NO_WIDTH }: StatusTextOptions,
): readonly string[] {
  const counts = [
    plural(entries.length, 'entry', 'entries'),
    `${summary.live} live`,
    `${summary.owned} owned`,
    `${summary.foreign} foreign`,
    ...(file === null || file.revision === null ? [] : [`revision ${printable(file.revision).slice(0, 12)}`]),
  ];
  return titleLines('linq-gitops status', counts.join(symbols ? ' · ' : ', '), width, colours);
}

function entryLines(overview: Overview, { colours, symbols, width }: StatusTextOptions): readonly string[] {
  const { entries, server_time } = overview;
  if (entries.length === 0) return [];
  const room = width === undefined ? undefined : width - SIGN_WIDTH;
  const [titles, ...rows] = tableLines(
    columnsOf(entries, server_time, room === undefined),
    room,
    symbols ? '…' : '..',
  );
  return [
    colours.dim(`${' '.repeat(SIGN_WIDTH)}${titles as string}`),
    ...entries.flatMap((entry, index) => {
      const { symbol, colour } = signOf(entry);
      const sign = colours[colour](symbol.padStart(SIGN_WIDTH - 1));
      const row = rows[index] as string;
      const name = printable(entry.name);
      const lines = isShort(name, room)
        ? [`${sign} ${colours.bold(name)}${row.slice(name.length)}`]
        : [`${sign} ${colours.bold(name)}`, `${' '.repeat(SIGN_WIDTH)}${row}`];
      const more = noteOf(entry);
      return more === '' ? lines : [...lines, ...wrapped(more, width ?? NO_WIDTH, INDENT).map(colours.dim)];
    }),
  ];
}

function isShort(name: string, room: number | undefined): boolean {
  return room === undefined || name.length <= MOST_NAME_WIDTH;
}

function columnsOf(entries: readonly StatusEntry[], serverTime: string, isWhole: boolean): readonly Column[] {
  const column = (
    title: string,
    text: (entry: StatusEntry) => string,
    rest: Partial<Column> = {},
  ): Column => ({
    title,
    cells: entries.map((entry) => printable(text(entry))),
    ...rest,
  });
  const nameOf = ({ name }: StatusEntry): string => (isWhole || name.length <= MOST_NAME_WIDTH ? name : '');
  const revisions = ({ revision }: StatusEntry): string =>
    isWhole ? (revision ?? '-') : (revision ?? '-').slice(0, 12);
  return [
    column('name', nameOf),
    column('state', stateWords),
    column('URL', ({ target_url }) => target_url ?? '-', URL_WIDTHS),
    column('events', eventWords, { rank: 3 }),
    column('lines', lineWords, { rank: 4 }),
    column('secret', ({ secret }) => secretWords(secret), { rank: 2 }),
    column('last change', ({ last_change: last }) => (last === null ? '-' : changeWords(last, serverTime)), {
      rank: 5,
    }),
    // Where no file comes from git there is nothing to show.
    ...(entries.some(({ revision }) => revision !== null)
      ? [column('revision', revisions, { rank: 6 })]
      : []),
  ];
}

/** What is said of an entry under its line; why it is held stands below the table. */
function noteOf({ state, reason, pause }: StatusEntry): string {
  return [
    ...(pause === null ? [] : [describePause(pause)]),
    ...(reason === null || state === 'held' ? [] : [reason]),
  ].join('; ');
}

function heldLines(
  { names, guard, reason, ways_out }: HeldNote,
  width: number,
  colours: Paint,
): readonly string[] {
  const more = names.length - MOST_NAMES;
  const who = names.length === 0 ? '(all)' : names.slice(0, MOST_NAMES).join(', ');
  const [first, ...rest] = wrapped(
    `${who}${more > 0 ? `, and ${more} more` : ''}: ${guard}: ${reason}`,
    width,
    '    ',
    INDENT,
  );
  return [
    `  ${colours.yellow('!')} ${(first as string).trimStart()}`,
    ...rest,
    ...ways_out.flatMap((way) => wayOutLines(way, width, colours)),
  ];
}

function foreignLines({ foreign }: Overview, { colours, width }: StatusTextOptions): readonly string[] {
  if (foreign.length === 0) return [];
  const most = width === undefined ? foreign.length : MOST_FOREIGN;
  const more = foreign.length - most;
  return [
    'Foreign, left alone:',
    ...foreign.slice(0, most).flatMap(({ id, target_url, is_active, is_exempt }) => {
      const notes = [...(is_active ? [] : ['inactive']), ...(is_exempt ? ['ignored'] : [])];
      return wrapped(
        [id, target_url, ...notes].map((part) => printable(part)).join('  '),
        width ?? NO_WIDTH,
        INDENT,
        `${INDENT}  `,
      ).map(colours.dim);
    }),
    ...(more > 0 ? [colours.dim(`${INDENT}and ${more} more`)] : []),
  ];
}

function summary({ entries, summary: { states, foreign }, file }: Overview): string {
  const sentences = [`Status: ${countStates(states)}.`];
  if (foreign > 0) sentences.push(`${foreign} foreign left alone.`);
  const lost = entries.filter(({ secret }) => secret?.is_stored === false).length;
  const paused = entries.filter(({ pause }) => pause !== null).length;
  if (paused > 0) sentences.push(`${paused} paused.`);
  if (lost > 0) sentences.push(`${plural(lost, 'secret')} lost.`);
  if (file === null)
    sentences.push('The file cannot be used: this is what the records and the account have.');
  return sentences.join(' ');
}
