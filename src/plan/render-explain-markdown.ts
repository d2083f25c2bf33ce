import type { RequestCount } from '../domain/report.ts';
import type { EntryExplanation, Explanation, FieldView, ForeignExplanation, HeldView } from './explain.ts';
import { MOST_BYTES, bytes, cut, fill, row, type Part } from './markdown-parts.ts';
import { code, prose } from './markdown-text.ts';
import { nextWords, recordFactWords, valueParts } from './render-explain-text.ts';
import { wayText } from './render-status-markdown.ts';
import { stateWords } from './status-words.ts';
import { CHANGE_REASONS, countRequests } from './words.ts';

export interface ExplainMarkdownOptions {
  readonly requests: RequestCount;
  /** How a person finds an entry's secret in the sink. */
  readonly locate: (name: string) => string;
  /** ISO 8601, by which ages are told. */
  readonly serverTime: string;
}

/** By this a bot finds the comment that it is to edit. */
const EXPLAIN_MARKER = '<!-- linq-gitops explain -->';

const RESERVED_BYTES = 2_000;
const MOST_PART_BYTES = 12_000;

/** The explanation as a comment; what does not fit is cut, with a word about it. */
export function renderExplainMarkdown(explanation: Explanation, options: ExplainMarkdownOptions): string {
  const parts = explanation.kind === 'entry' ? entryParts(explanation, options) : foreignParts(explanation);
  const { opening, fields, rest } = parts;
  const closing = ['', countRequests(options.requests)];
  const shown = rest.flatMap((part) => fill(part, MOST_PART_BYTES, 'form'));
  const room = MOST_BYTES - RESERVED_BYTES - bytes([...opening, ...shown, ...closing]);
  return `${[EXPLAIN_MARKER, ...opening, ...fill(fieldsPart(fields), room, 'form'), ...shown, ...closing].join('\n')}\n`;
}

interface ExplainParts {
  readonly opening: readonly string[];
  readonly fields: readonly FieldView[];
  readonly rest: readonly Part[];
}

function entryParts(explanation: EntryExplanation, options: ExplainMarkdownOptions): ExplainParts {
  const { is_file_usable, status, fields, record, record_problem, held, warnings } = explanation;
  const where = status.is_in_file || !is_file_usable ? '' : ', not in the file';
  const place = options.locate(status.name);
  const facts = record === null ? [] : recordFactWords(record, status.is_live, options.serverTime);
  const sentence = `There is no record: ${place}`;
  const problem = record_problem === null ? sentence : `The record ${place}: ${record_problem}`;
  return {
    opening: [
      `### linq-gitops explain ${code(status.name)}`,
      '',
      prose(`${stateWords(status)}${where}`),
      ...(record === null ? ['', prose(cut(problem))] : []),
    ],
    fields,
    rest: [
      bulletPart(
        `Record ${code(place)}`,
        facts.map(([label, text]) => `${label}: ${prose(cut(text))}`),
      ),
      ...held.map(heldViewPart),
      bulletPart(
        'The next pass',
        nextWords(explanation).map((words) => prose(cut(words))),
      ),
      bulletPart(
        'Warnings',
        warnings.map((warning) => prose(cut(warning))),
      ),
    ],
  };
}

function foreignParts(explanation: ForeignExplanation): ExplainParts {
  const { kind, subscription_id, fields, reason, held, next, adoption } = explanation;
  const state =
    kind === 'unfinished' ? 'unfinished, ours' : next.length === 0 ? 'foreign, left alone' : 'foreign';
  return {
    opening: [`### linq-gitops explain ${code(subscription_id)}`, '', `${state}: ${prose(cut(reason))}`],
    fields,
    rest: [
      ...held.map(heldViewPart),
      bulletPart('To take it over', adoption.map(wayText)),
      bulletPart(
        'The next pass',
        next.length === 0 ? ['nothing'] : next.map(({ words }) => prose(cut(words))),
      ),
    ],
  };
}

function fieldsPart(fields: readonly FieldView[]): Part {
  const titles = ['', 'field', 'declared', 'recorded', 'live', ''];
  return {
    head: ['', row(titles), row(titles.map(() => '---'))],
    lines: fields.map(({ field, declared, recorded, live, difference }) => () => {
      const cells = [declared, recorded, live].map((value) =>
        value === undefined ? '' : code(valueParts(field, value).join(' ')),
      );
      const reason = difference === null ? '' : CHANGE_REASONS[difference];
      return row([difference === null ? '' : code('~'), code(field), ...cells, reason]);
    }),
    foot: [],
    what: ['more field', 'more fields'],
  };
}

function heldViewPart({ guard, reason, operation, ways_out }: HeldView): Part {
  const what = operation === null ? '' : ` (${prose(cut(operation))})`;
  return bulletPart(`Held by ${guard}: ${prose(cut(reason))}${what}`, ways_out.map(wayText));
}

function bulletPart(title: string, lines: readonly string[]): Part {
  return {
    head: ['', `**${title}**`, ''],
    lines: lines.map((line) => () => `- ${line}`),
    foot: [],
    what: ['more line', 'more lines'],
  };
}
