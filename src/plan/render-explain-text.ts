import type { FieldValue } from '../domain/operation.ts';
import type { RequestCount } from '../domain/report.ts';
import type { EntryExplanation, Explanation, FieldView, ForeignExplanation, HeldView } from './explain.ts';
import { valuePieces } from './operation-details.ts';
import type { RecordFacts, SecretFacts } from './record-facts.ts';
import { titleLines, wayOutLines, wrapped } from './render-status-text.ts';
import { ageWords, changeWords, inSeconds, stateWords } from './status-words.ts';
import { INDENT } from './text-layout.ts';
import { CHANGE_REASONS, countRequests, printable, type Paint } from './words.ts';

export interface ExplainTextOptions {
  readonly colours: Paint;
  readonly requests: RequestCount;
  /** How a person finds an entry's secret in the sink. */
  readonly locate: (name: string) => string;
  /** ISO 8601, by which ages are told. */
  readonly serverTime: string;
  /** Of the terminal, in columns; without it the three places stand one below the other. */
  readonly width?: number | undefined;
}

/** A fact of a record: its label, and what there is to say. */
export type Fact = readonly [label: string, text: string];

type Place = 'declared' | 'recorded' | 'live';

const PLACES: readonly Place[] = ['declared', 'recorded', 'live'];
const LABEL_WIDTH = 22;
const ABSENT = '-';
const NO_WIDTH = Number.POSITIVE_INFINITY;

/** The explanation for people; ends with a newline. No value in it can drive a terminal. */
export function renderExplainText(explanation: Explanation, options: ExplainTextOptions): string {
  const sections =
    explanation.kind === 'entry'
      ? entrySections(explanation, options)
      : foreignSections(explanation, options);
  const filled = [...sections, [countRequests(options.requests)]].filter((section) => section.length > 0);
  return `${filled.map((section) => section.join('\n')).join('\n\n')}\n`;
}

/** What a record says beside the fields; never a secret. The markdown form says the same. */
export function recordFactWords(record: RecordFacts, isLive: boolean, serverTime: string): readonly Fact[] {
  const { subscription_id, secret, next, previous, replaces, intent, retired, applied_from: from } = record;
  const facts: (Fact | null)[] = [
    [
      'subscription',
      subscription_id === null ? 'none' : `${subscription_id}${isLive ? '' : ', which is not live'}`,
    ],
    secret && ['secret', secretFact(secret)],
    record.last_change && [
      'last change',
      [
        changeWords(record.last_change, serverTime),
        ...(record.last_change.revision === null ? [] : [`revision ${record.last_change.revision}`]),
      ].join(', '),
    ],
    from && [
      'applied',
      [
        `${inSeconds(from.at)} by ${from.holder}`,
        ...(from.revision === null ? [] : [`revision ${from.revision}`]),
        `content ${from.content_hash.slice(0, 12)}`,
      ].join(', '),
    ],
    next && [
      'replacement',
      [
        next.subscription_id,
        ...(next.is_deactivated ? ['deactivated by us'] : []),
        next.ready_at === null
          ? 'not at rest yet'
          : `receivers can know its secret since ${inSeconds(next.ready_at)}`,
        ...(next.is_compromised ? ['the old secret is in wrong hands'] : []),
      ].join(', '),
    ],
    replaces === null ? null : ['takes over from', `${replaces}, which is not ours`],
    previous && [
      'previous secret',
      [
        `of ${previous.subscription_id}`,
        `until ${inSeconds(previous.retired_at)}`,
        ...(previous.forgotten_at === null ? [] : [`forgotten after ${inSeconds(previous.forgotten_at)}`]),
      ].join(', '),
    ],
    intent && [
      'being created',
      `by ${intent.holder}, ${intent.is_abandoned ? 'which runs no more' : `until ${inSeconds(intent.deadline)} at the latest`}, at ${intent.marked_url}`,
    ],
    retired && [
      'retired',
      `since ${inSeconds(retired.at)}${retired.is_deactivated ? ', deactivated by us' : ''}`,
    ],
    record.prevent_destroy ? ['protected', 'it was declared with prevent_destroy'] : null,
  ];
  return facts.filter((fact) => fact !== null);
}

/** What the next pass does; the markdown form says the same. */
export function nextWords({ is_file_usable, next, waiting, held }: EntryExplanation): readonly string[] {
  if (next.length > 0) return next.map(({ words }) => words);
  if (waiting !== null) return [`waits: ${waiting.reason}`];
  if (held.length > 0) return ['nothing, since it is held'];
  return [is_file_usable ? 'nothing' : 'not known without the file'];
}

/** A value as the plan shows it, part by part; `undefined` where there is none. */
export function valueParts(field: FieldView['field'], value: FieldValue | undefined): readonly string[] {
  if (value === undefined) return [ABSENT];
  return valuePieces(field, value).map(
    ({ text, isFollowed }) => `${printable(text)}${isFollowed ? ',' : ''}`,
  );
}

function secretFact({ is_stored, created_at, age_seconds }: SecretFacts): string {
  const age =
    created_at === null || age_seconds === null
      ? 'of unknown age'
      : `${ageWords(age_seconds)} old, since ${inSeconds(created_at)}`;
  return is_stored ? `stored, ${age}` : `not stored any more; the subscription is ${age}`;
}

function entrySections(
  explanation: EntryExplanation,
  options: ExplainTextOptions,
): readonly (readonly string[])[] {
  const { is_file_usable, status, record, record_problem, held, warnings } = explanation;
  const { colours, locate, width = NO_WIDTH } = options;
  const place = locate(status.name);
  const facts =
    record === null
      ? wrapped(
          record_problem === null ? `There is no record: ${place}` : `The record ${place}: ${record_problem}`,
          width,
          '',
          INDENT,
        )
      : [
          ...wrapped(`Record ${place}`, width, '', INDENT),
          ...recordFactWords(record, status.is_live, options.serverTime).flatMap((fact) =>
            factLines(fact, width),
          ),
        ];
  const where = status.is_in_file || !is_file_usable ? [] : ['not in the file'];
  const state = [stateWords(status), ...where].join(', ');
  return [
    titleLines(`linq-gitops explain ${printable(status.name)}`, state, width, colours),
    fieldLines(explanation, options),
    facts,
    held.flatMap((one) => heldLines(one, width, colours)),
    ['The next pass:', ...nextWords(explanation).flatMap((words) => wrapped(words, width, INDENT))],
    warnings.flatMap((warning) => wrapped(`warning: ${warning}`, width, '', '  ').map(colours.yellow)),
  ];
}

function foreignSections(
  explanation: ForeignExplanation,
  options: ExplainTextOptions,
): readonly (readonly string[])[] {
  const { kind, subscription_id, fields, created_at, reason, held, next, adoption } = explanation;
  const { colours, width = NO_WIDTH } = options;
  const state =
    kind === 'unfinished' ? 'unfinished, ours' : next.length === 0 ? 'foreign, left alone' : 'foreign';
  return [
    titleLines(`linq-gitops explain ${printable(subscription_id)}`, state, width, colours),
    [
      ...fields.flatMap(({ field, live }) => factLines([field, valueParts(field, live).join(' ')], width)),
      ...factLines(['created_at', created_at === null ? 'not known' : inSeconds(created_at)], width),
    ],
    ['Why:', ...wrapped(reason, width, INDENT)],
    held.flatMap((one) => heldLines(one, width, colours)),
    adoption.length === 0
      ? []
      : ['To take it over:', ...adoption.flatMap((way) => wayOutLines(way, width, colours))],
    [
      'The next pass:',
      ...(next.length === 0
        ? [`${INDENT}nothing`]
        : next.flatMap(({ words }) => wrapped(words, width, INDENT))),
    ],
  ];
}

function factLines([label, text]: Fact, width: number): readonly string[] {
  return wrapped(
    text,
    width,
    `${INDENT}${label.padEnd(LABEL_WIDTH)}`,
    ' '.repeat(INDENT.length + LABEL_WIDTH),
  );
}

function heldLines(
  { guard, reason, operation, ways_out }: HeldView,
  width: number,
  colours: Paint,
): readonly string[] {
  const what = operation === null ? '' : ` (${operation})`;
  const lead = 'Held by ';
  return [
    ...wrapped(`${guard}: ${reason}${what}`, width, lead, ' '.repeat(lead.length)),
    ...ways_out.flatMap((way) => wayOutLines(way, width, colours)),
  ];
}

function fieldLines(
  { fields, status, record }: EntryExplanation,
  options: ExplainTextOptions,
): readonly string[] {
  const { width, colours } = options;
  const shown = fields.filter((field) => PLACES.some((place) => field[place] !== undefined));
  const table = width === undefined ? undefined : besideLines(shown, width, colours);
  if (table !== undefined) return table;
  const isThere = { declared: status.is_in_file, recorded: record !== null, live: status.is_live };
  const places = PLACES.filter((place) => isThere[place]);
  return shown.flatMap((field) => stackedLines(field, places, width ?? NO_WIDTH, colours));
}

/** The three places side by side; undefined where there is not enough room. `=`: as to its left. */
function besideLines(
  fields: readonly FieldView[],
  width: number,
  colours: Paint,
): readonly string[] | undefined {
  const rows = fields.map((view) => {
    const texts = PLACES.map((place) => valueParts(view.field, view[place]));
    const cells = texts.map((parts, index) =>
      index > 0 && parts[0] !== ABSENT && parts.join(' ') === texts[index - 1]?.join(' ') ? ['='] : parts,
    );
    const label = [view.field, ...(view.difference === null ? [] : [CHANGE_REASONS[view.difference]])];
    return { cells: [label, ...cells], isDifferent: view.difference !== null };
  });
  const titles = ['', ...PLACES];
  const widths = titles.map((title, column) =>
    Math.max(
      column === 0 ? LABEL_WIDTH - 2 : title.length,
      ...rows.flatMap(({ cells }) => (cells[column] as readonly string[]).map((part) => part.length)),
    ),
  );
  const gap = '  ';
  if (widths.reduce((sum, one) => sum + one + gap.length, INDENT.length - gap.length) > width)
    return undefined;
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join(gap)
      .trimEnd();
  return [
    colours.dim(`${INDENT}${line(titles)}`),
    ...rows.flatMap(({ cells, isDifferent }) => {
      const height = Math.max(...cells.map((parts) => parts.length));
      return Array.from({ length: height }, (_, index) => {
        const lead = isDifferent && index === 0 ? `    ${colours.yellow('~')} ` : INDENT;
        return `${lead}${line(cells.map((parts) => parts[index] ?? ''))}`;
      });
    }),
  ];
}

/** One line where all `places` agree, else a line for each. */
function stackedLines(
  view: FieldView,
  places: readonly Place[],
  width: number,
  colours: Paint,
): readonly string[] {
  const { field, difference } = view;
  const texts = PLACES.map((place) => [place, valueParts(field, view[place]).join(' ')] as const);
  const known = texts.filter(([place]) => view[place] !== undefined);
  const [, only] = known[0] as (typeof known)[number];
  if (difference === null && known.every(([, text]) => text === only)) {
    const isUnmanaged = places.includes('declared') && view.declared === undefined;
    return factLines([field, `${only}${isUnmanaged ? ' (not managed)' : ''}`], width);
  }
  const head = difference === null ? '' : CHANGE_REASONS[difference];
  const lead = difference === null ? INDENT : `    ${colours.yellow('~')} `;
  return [
    `${lead}${field.padEnd(LABEL_WIDTH)}${head}`.trimEnd(),
    ...texts
      .filter(([place]) => places.includes(place))
      .flatMap(([place, text]) => factLines([`  ${place}`, text], width)),
  ];
}
