import type { Operation } from '../domain/operation.ts';
import type { Foreign, Held, Plan, Waiting } from '../domain/plan.ts';
import type { RequestCount } from '../domain/report.ts';
import { detailsOf, secretPieces } from './operation-details.ts';
import {
  DEFAULT_FLAG_WIDTH,
  DEFAULT_WIDTH,
  INDENT,
  detailLines,
  headLines,
  joinPieces,
  nameWidth,
  paragraph,
  putAtRight,
  type Line,
} from './text-layout.ts';
import {
  KIND_WORDS,
  countRequests,
  foreignLeftAlone,
  guardOf,
  labelOf,
  labelOfHeld,
  plural,
  printable,
  reasonFor,
  shortId,
  summarisePlan,
  waitingFor,
  type Paint,
} from './words.ts';

export interface PlanTextOptions {
  readonly colours: Paint;
  /** How a person finds an entry's secret in the sink. */
  readonly locate: (name: string) => string;
  readonly requests: RequestCount;
  /** A dry run lists what is foreign and counts the requests; else the report that follows counts them. */
  readonly dryRun: boolean;
  /** False: nothing beyond ASCII is added to the values. */
  readonly symbols: boolean;
  /** In columns; 100 unless told. A single value that is longer is not broken. */
  readonly width?: number;
}

/** What the layout of one plan has in common for all its lines. */
interface Layout {
  readonly options: PlanTextOptions;
  readonly arrow: string;
  readonly width: number;
  readonly names: number;
}

const MOST_FOREIGN = 10;

/**
 * The plan for people, as in the design, 6; ends with a newline. Whatever the values hold, the text drives no
 * terminal and has no line that a value made up. Linear in the size of the plan.
 */
export function renderPlanText(plan: Plan, options: PlanTextOptions): string {
  const layout: Layout = {
    options,
    arrow: options.symbols ? '→' : '->',
    width: options.width ?? DEFAULT_WIDTH,
    names: nameWidth([
      ...plan.operations.map(labelOf),
      ...plan.held.map(labelOfHeld),
      ...plan.waiting.map(({ name }) => name),
    ]),
  };
  const sections = [
    [header(plan, options)],
    [
      ...plan.operations.flatMap((operation) => shown(operationLines(operation, layout))),
      ...plan.held.flatMap((held) => shown(heldLines(held, layout))),
      ...plan.waiting.flatMap((waiting) => shown(waitingLines(waiting, layout))),
    ],
    options.dryRun ? foreignLines(foreignLeftAlone(plan), options.colours) : [],
    plan.warnings.flatMap((warning) => warningLines(warning, layout)),
    [
      ...shown(paragraph(summarisePlan(plan), Number.POSITIVE_INFINITY, '')),
      ...(options.dryRun ? [countRequests(options.requests)] : []),
    ],
  ];
  const filled = sections.filter((section) => section.length > 0);
  return `${filled.map((section) => section.join('\n')).join('\n\n')}\n`;
}

function header(plan: Plan, { colours, symbols }: PlanTextOptions): string {
  const { entries, live, owned, foreign } = plan.summary;
  const counts = [
    plural(entries, 'entry', 'entries'),
    `${live} live`,
    `${owned} owned`,
    `${foreign} foreign`,
  ];
  const title = colours.bold(`linq-gitops plan ${shortId(plan.id)}`);
  return `${title}   ${colours.dim(counts.join(symbols ? ' · ' : ', '))}`;
}

function operationLines(operation: Operation, layout: Layout): readonly Line[] {
  const { colours } = layout.options;
  const { symbol, colour, verb } = KIND_WORDS[operation.kind];
  const head = headLines(
    {
      symbol,
      name: labelOf(operation),
      statement: verb,
      reason: reasonFor(operation),
      colour: colours[colour],
      bold: colours.bold,
    },
    layout.names,
    layout.width,
  );
  return withOperation(head, operation, layout);
}

function heldLines(held: Held, layout: Layout): readonly Line[] {
  const { colours } = layout.options;
  const head = headLines(
    {
      symbol: '!',
      name: labelOfHeld(held),
      statement: `held: ${guardOf(held)}`,
      reason: held.reason,
      colour: colours.yellow,
      bold: colours.bold,
    },
    layout.names,
    layout.width,
  );
  const lines = held.operation === null ? head : withOperation(head, held.operation, layout);
  if (held.letThrough === null) return lines;
  const wayOut = `let it through: ${printable(held.letThrough)}`;
  const width = layout.options.width ?? DEFAULT_FLAG_WIDTH;
  return putAtRight(lines, lines.length - 1, wayOut, width, colours.bold);
}

/** Nothing is done in this pass to what waits, and nobody has to do anything. */
function waitingLines(waiting: Waiting, { options, names, width }: Layout): readonly Line[] {
  const { colours, symbols } = options;
  const head = {
    symbol: symbols ? '…' : '..',
    name: waiting.name,
    statement: KIND_WORDS[waiting.kind].verb,
    reason: waitingFor(waiting),
    colour: colours.dim,
    bold: colours.bold,
  };
  return headLines(head, names, width, width);
}

/** Adds the fields below, and at the right of the first line what becomes of the secret. */
function withOperation(head: readonly Line[], operation: Operation, layout: Layout): readonly Line[] {
  const { colours, locate } = layout.options;
  const fate = `secret: ${joinPieces(secretPieces(operation, locate), layout.arrow)}`;
  const colour = operation.secret === 'discarded' ? colours.red : colours.dim;
  return [
    ...putAtRight(head, 0, fate, layout.width, colour),
    ...detailLines(detailsOf(operation), layout.width, layout.arrow),
  ];
}

function foreignLines(foreign: readonly Foreign[], colours: Paint): readonly string[] {
  if (foreign.length === 0) return [];
  const more = foreign.length - MOST_FOREIGN;
  return [
    'Foreign, left alone:',
    ...foreign.slice(0, MOST_FOREIGN).map((one) => {
      const notes = [...(one.is_active ? [] : ['inactive']), ...(one.isExempt ? ['ignored'] : [])];
      return colours.dim(
        `${INDENT}${printable(one.id)}  ${printable([one.target_url, ...notes].join('  '))}`,
      );
    }),
    ...(more > 0 ? [colours.dim(`${INDENT}and ${more} more`)] : []),
  ];
}

function warningLines(warning: string, { options, width }: Layout): readonly string[] {
  return shown(paragraph(`warning: ${warning}`, width, '', '  ')).map(options.colours.yellow);
}

function shown(lines: readonly Line[]): readonly string[] {
  return lines.map((line) => line.shown);
}
