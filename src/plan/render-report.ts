import type { Report, ReportItem, RequestCount } from '../domain/report.ts';
import { INDENT, headLines, nameWidth, paragraph, type Line } from './text-layout.ts';
import { KIND_WORDS, countKinds, countRequests, labelOf, type Paint } from './words.ts';

export interface ReportTextOptions {
  readonly colours: Paint;
  readonly requests: RequestCount;
  /** How many operations the plan held, before any of the report's. */
  readonly held: number;
  /** How many replacements were waiting already; none unless told. */
  readonly waiting?: number;
  /** In columns; unlimited unless told: one line for each result, as logs want it. */
  readonly width?: number;
}

/** How an operation ended, in words. Neither text is safe to print yet. */
export interface ResultWords {
  readonly statement: string;
  /** Why, or what else there is to say; empty where there is nothing. */
  readonly reason: string;
  /** What the reader can do; empty where there is nothing. */
  readonly hint: string;
}

/** What was done, for people: a line for each operation, with reason and hint where it was not done. Ends with a newline. */
export function renderReportText(report: Report, options: ReportTextOptions): string {
  const names = nameWidth(report.items.map(({ operation }) => labelOf(operation)));
  const lines = report.items.flatMap((item) => itemLines(item, names, options).map((line) => line.shown));
  const end = [summariseReport(report, options.held, options.waiting), countRequests(options.requests)].join(
    '\n',
  );
  return `${[...lines, ...(lines.length > 0 ? [''] : []), end].join('\n')}\n`;
}

/** `Done: 1 created, 1 updated; 0 failed; 1 held; 1 waiting.` */
export function summariseReport(report: Report, heldByPlan: number, waiting = 0): string {
  const count = (status: ReportItem['result']['status']): number =>
    report.items.filter((item) => item.result.status === status).length;
  const ended = report.items.filter((item) => item.result.status === 'done');
  const givenUp = ended.filter(isGivenUp);
  const waitingNow = ended.filter(isUnderWay);
  const done = ended
    .filter((item) => !waitingNow.includes(item) && !givenUp.includes(item))
    .map(({ operation }) => operation);
  const others = [
    [givenUp.length, 'given up'],
    [count('unknown'), 'unknown'],
    [count('skipped'), 'skipped'],
    [count('held') + heldByPlan, 'held'],
    [waitingNow.length + waiting, 'waiting'],
  ] as const;
  const parts = [
    countKinds(done, 'past') || 'nothing changed',
    `${count('failed')} failed`,
    ...others.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`),
  ];
  return `${report.wasInterrupted ? 'Interrupted' : 'Done'}: ${parts.join('; ')}.`;
}

/** How the operation ended; the text and the markdown report say the same. */
export function resultWords(item: ReportItem): ResultWords {
  const { operation, result } = item;
  const { verb } = KIND_WORDS[operation.kind];
  switch (result.status) {
    case 'done':
      return { statement: doneWords(item), reason: result.note ?? '', hint: '' };
    case 'failed':
      return { statement: `${verb} failed`, reason: result.error, hint: result.hint ?? '' };
    case 'unknown':
      return {
        statement: `${verb}: outcome unknown, the next pass finds out`,
        reason: result.error,
        hint: result.hint ?? '',
      };
    case 'skipped':
      return { statement: `${verb} skipped`, reason: result.reason, hint: '' };
    case 'held':
      return { statement: `${verb} held: ${result.guard}`, reason: result.reason, hint: '' };
  }
}

function doneWords(item: ReportItem): string {
  if (isGivenUp(item)) return 'given up';
  return isUnderWay(item) ? 'replacement under way' : KIND_WORDS[item.operation.kind].past;
}

function isGivenUp({ operation }: ReportItem): boolean {
  return operation.kind === 'replace' && operation.step === 'drop';
}

/** A step of a replacement was done, and its note says what the next one waits for. */
function isUnderWay({ operation, result }: ReportItem): boolean {
  return operation.kind === 'replace' && result.status === 'done' && result.note !== undefined;
}

function itemLines(item: ReportItem, names: number, options: ReportTextOptions): readonly Line[] {
  const { colours, width = Number.POSITIVE_INFINITY } = options;
  const { symbol, colour } = resultSymbol(item);
  const { statement, reason, hint } = resultWords(item);
  const name = labelOf(item.operation);
  const head = { symbol, name, statement, reason, colour: colours[colour], bold: colours.bold };
  return [
    ...headLines(head, names, width, width),
    ...(hint === '' ? [] : paragraph(`hint: ${hint}`, width, INDENT, `${INDENT}  `)),
  ];
}

/** What was not done must not look like what was. */
function resultSymbol({ operation, result }: ReportItem): { symbol: string; colour: keyof Paint } {
  switch (result.status) {
    case 'done':
      return KIND_WORDS[operation.kind];
    case 'failed':
      return { symbol: '!', colour: 'red' };
    case 'unknown':
      return { symbol: '?', colour: 'red' };
    case 'held':
      return { symbol: '!', colour: 'yellow' };
    case 'skipped':
      return { symbol: '.', colour: 'dim' };
  }
}
