import type { Operation } from '../domain/operation.ts';
import type { Foreign, Held, Plan, Waiting } from '../domain/plan.ts';
import type { Report, ReportItem, RequestCount } from '../domain/report.ts';
import { MOST_BYTES, bytes, cut, fill, row, type Part } from './markdown-parts.ts';
import { code, prose } from './markdown-text.ts';
import { detailsOf, secretPieces, type Piece } from './operation-details.ts';
import { resultWords, summariseReport } from './render-report.ts';
import {
  KIND_WORDS,
  countRequests,
  foreignLeftAlone,
  guardOf,
  labelOf,
  labelOfHeld,
  reasonFor,
  shortId,
  summarisePlan,
  waitingFor,
} from './words.ts';

export interface MarkdownOptions {
  /** How a person finds an entry's secret in the sink. */
  readonly locate: (name: string) => string;
  readonly requests: RequestCount;
}

/** The first line of every comment, by which a bot finds the one that it is to edit. */
const COMMENT_MARKER = '<!-- linq-gitops -->';

/** For the words about what was left out. */
const RESERVED_BYTES = 1_000;
const MOST_HELD_BYTES = 20_000;
const MOST_DETAILS_BYTES = 8_000;
const MOST_PIECES = 20;

/**
 * The plan, or with a report what became of it, as a pull-request comment of less than 65,536 characters; what
 * does not fit is left out with a word about it. No value can become markup, a mention or a link.
 */
export function renderMarkdown(plan: Plan, report: Report | null, options: MarkdownOptions): string {
  const id = code(shortId(plan.id));
  const summary =
    report === null ? summarisePlan(plan) : summariseReport(report, plan.held.length, plan.waiting.length);
  const opening = [
    COMMENT_MARKER,
    `### linq-gitops ${report === null ? 'plan' : 'applied plan'} ${id}`,
    '',
    prose(cut(summary)),
  ];

  const closing = ['', countRequests(options.requests)];
  const held = fill(heldPart(plan.held, options), MOST_HELD_BYTES);
  const waiting = fill(waitingPart(plan.waiting), MOST_DETAILS_BYTES);
  const foreign = fill(foreignPart(foreignLeftAlone(plan)), MOST_DETAILS_BYTES);
  const warnings = fill(warningsPart(plan.warnings), MOST_DETAILS_BYTES);
  const others = bytes([...opening, ...held, ...waiting, ...foreign, ...warnings, ...closing]);
  const operations = fill(operationsPart(plan, report, options), MOST_BYTES - RESERVED_BYTES - others);
  return `${[...opening, ...operations, ...held, ...waiting, ...foreign, ...warnings, ...closing].join('\n')}\n`;
}

function operationsPart(plan: Plan, report: Report | null, options: MarkdownOptions): Part {
  const results = new Map(report?.items.map((item) => [item.operation.key, item]));
  const titles = ['', 'entry', 'operation', ...(report === null ? [] : ['result']), 'changes', 'secret'];
  return {
    head: ['', row(titles), row(titles.map(() => '---'))],
    lines: plan.operations.map((operation) => () => {
      const { symbol, verb } = KIND_WORDS[operation.kind];
      return row([
        code(symbol),
        code(labelOf(operation)),
        `${verb}${reasonFor(operation) === '' ? '' : `: ${prose(reasonFor(operation))}`}`,
        ...(report === null ? [] : [resultCell(results.get(operation.key))]),
        changesCell(operation),
        piecesText(secretPieces(operation, options.locate)),
      ]);
    }),
    foot: [],
    what: ['more operation', 'more operations'],
  };
}

function heldPart(held: readonly Held[], options: MarkdownOptions): Part {
  const titles = ['', 'entry', 'held by', 'changes', 'secret', 'let it through'];
  return {
    head: ['', '#### Held', '', row(titles), row(titles.map(() => '---'))],
    lines: held.map((one) => () => {
      const { operation, letThrough } = one;
      return row([
        code('!'),
        code(labelOfHeld(one)),
        `${guardOf(one)}${one.reason === '' ? '' : `: ${prose(cut(one.reason))}`}`,
        operation === null ? '' : changesCell(operation),
        operation === null ? '' : piecesText(secretPieces(operation, options.locate)),
        letThrough === null ? '' : isCommand(letThrough) ? code(letThrough) : prose(cut(letThrough)),
      ]);
    }),
    foot: [],
    what: ['more held', 'more held'],
  };
}

function waitingPart(waiting: readonly Waiting[]): Part {
  const titles = ['', 'entry', 'operation', 'waits for'];
  return {
    head: ['', '#### Waiting', '', row(titles), row(titles.map(() => '---'))],
    lines: waiting.map(
      (one) => () => row([code('…'), code(one.name), KIND_WORDS[one.kind].verb, prose(cut(waitingFor(one)))]),
    ),
    foot: [],
    what: ['more waiting', 'more waiting'],
  };
}

function foreignPart(foreign: readonly Foreign[]): Part {
  return {
    head: ['', `<details><summary>${foreign.length} foreign, left alone</summary>`, ''],
    lines: foreign.map((one) => () => {
      const notes = [...(one.is_active ? [] : ['inactive']), ...(one.isExempt ? ['ignored'] : [])];
      return ['-', code(one.id), code(one.target_url), ...notes].join(' ');
    }),
    foot: ['', '</details>'],
    what: ['more foreign', 'more foreign'],
  };
}

function warningsPart(warnings: readonly string[]): Part {
  return {
    head: ['', `<details><summary>Warnings: ${warnings.length}</summary>`, ''],
    lines: warnings.map((warning) => () => `- ${prose(cut(warning))}`),
    foot: ['', '</details>'],
    what: ['more warning', 'more warnings'],
  };
}

function resultCell(item: ReportItem | undefined): string {
  if (item === undefined) return '';
  const { statement, reason, hint } = resultWords(item);
  return [statement, reason, hint]
    .filter((text) => text !== '')
    .map((text) => prose(cut(text)))
    .join('<br>');
}

function changesCell(operation: Operation): string {
  return detailsOf(operation)
    .map(({ label, note, pieces }) =>
      [`${code(label)}:`, ...(note === '' ? [] : [note]), piecesText(pieces)].join(' '),
    )
    .join('<br>');
}

function piecesText(pieces: readonly Piece[]): string {
  const more = pieces.length - MOST_PIECES;
  const texts = pieces
    .slice(0, MOST_PIECES)
    .map(({ sign, text, isValue, isFollowed }) =>
      [sign, sign === '' ? '' : ' ', isValue ? code(text) : text, isFollowed ? ',' : ''].join(''),
    );
  return [...texts, ...(more > 0 ? [`and ${more} more`] : [])].join(' ');
}

function isCommand(text: string): boolean {
  return /^(?:--|linq-gitops )/.test(text);
}
