import type { Detail, Piece } from './operation-details.ts';
import { printable } from './words.ts';

/** A line as it is measured and as it is shown: colours have no width. */
export interface Line {
  readonly measured: string;
  readonly shown: string;
  /** Something stands at its right already. */
  readonly isFull: boolean;
}

/** Something to be put after something else on a line, or at the start of the next one. */
interface Token {
  readonly gap: string;
  readonly text: string;
}

type Colour = (text: string) => string;

export interface Head {
  readonly symbol: string;
  readonly name: string;
  readonly statement: string;
  /** Empty where there is none. */
  readonly reason: string;
  readonly colour: Colour;
  readonly bold: Colour;
}

export const INDENT = '      ';
export const DEFAULT_WIDTH = 100;
/** A flag to copy may stand a little over the edge that nobody asked for. */
export const DEFAULT_FLAG_WIDTH = 104;
const RIGHT_COLUMN = 64;
const MIN_NAME_WIDTH = 12;
const MAX_NAME_WIDTH = 28;
const LABEL_WIDTH = 'subscribed_events'.length;

/** The width of the column of names; a longer name pushes its own line only. */
export function nameWidth(names: readonly string[]): number {
  let width = MIN_NAME_WIDTH;
  for (const name of names) width = Math.max(width, printable(name).length);
  return Math.min(width, MAX_NAME_WIDTH);
}

/**
 * `  + orders        create`: the first line of an operation, with the reason beside it where that fits into
 * `room` columns, else below. The symbol is coloured, the name bold; name and reason are made safe to print.
 */
export function headLines(
  head: Head,
  names: number,
  width: number,
  room = RIGHT_COLUMN - 2,
): readonly Line[] {
  const beside = head.reason === '' ? '' : `  ${printable(head.reason)}`;
  const first = headLine(head, names, beside);
  if (first.measured.length <= room || beside === '') return [first];
  return [headLine(head, names, ''), ...paragraph(head.reason, width)];
}

function headLine(head: Head, names: number, beside: string): Line {
  const symbol = head.symbol.padStart(3);
  const name = printable(head.name);
  const rest = `${' '.repeat(Math.max(0, names - name.length) + 2)}${head.statement}${beside}`;
  return {
    measured: `${symbol} ${name}${rest}`,
    shown: `${head.colour(symbol)} ${head.bold(name)}${rest}`,
    isFull: false,
  };
}

/** A field and its value, wrapped between values, never within one: a URL must be copied whole. */
export function detailLines(details: readonly Detail[], width: number, arrow: string): readonly Line[] {
  const labelWidth = details.reduce((widest, { label }) => Math.max(widest, label.length), LABEL_WIDTH) + 2;
  return details.flatMap(({ label, note, pieces }) => {
    const tokens = [...words(note), ...pieceTokens(pieces, arrow)];
    return wrap(tokens, width - INDENT.length - labelWidth).map((text, index) =>
      line(`${INDENT}${(index === 0 ? label : '').padEnd(labelWidth)}${text}`),
    );
  });
}

/** Running text, wrapped between words, each line after `indent` and the first after `lead` instead. */
export function paragraph(text: string, width: number, lead = INDENT, indent = lead): readonly Line[] {
  return wrap(words(text), width - indent.length).map((part, index) =>
    line(`${index === 0 ? lead : indent}${part}`),
  );
}

/**
 * `text` in the right column of the line at `position`; further left where it would pass `width`, and on a line
 * of its own below where there is no room at all.
 */
export function putAtRight(
  lines: readonly Line[],
  position: number,
  text: string,
  width: number,
  colour: Colour,
): readonly Line[] {
  return lines.flatMap((line, index) => {
    if (index !== position) return [line];
    const column = Math.max(line.measured.length + 2, Math.min(RIGHT_COLUMN, width - text.length));
    return line.isFull || column + text.length > width
      ? [line, { measured: `${INDENT}${text}`, shown: `${INDENT}${colour(text)}`, isFull: true }]
      : [
          {
            measured: `${line.measured.padEnd(column)}${text}`,
            shown: `${line.shown}${' '.repeat(column - line.measured.length)}${colour(text)}`,
            isFull: true,
          },
        ];
  });
}

/** Pieces on one line: `new → file:secrets/orders`. */
export function joinPieces(pieces: readonly Piece[], arrow: string): string {
  return wrap(pieceTokens(pieces, arrow), Number.POSITIVE_INFINITY).join('');
}

function line(text: string): Line {
  return { measured: text, shown: text, isFull: false };
}

function words(text: string): readonly Token[] {
  return printable(text)
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ gap: ' ', text: word }));
}

function pieceTokens(pieces: readonly Piece[], arrow: string): readonly Token[] {
  return pieces.map(({ sign, text, isFollowed }, index) => {
    const before = sign === '' ? '' : `${sign === '→' ? arrow : sign} `;
    const gap = index > 0 && (sign === '+' || sign === '-') ? '  ' : ' ';
    return { gap, text: `${before}${printable(text)}${isFollowed ? ',' : ''}` };
  });
}

/** At least one line, even for nothing. */
function wrap(tokens: readonly Token[], room: number): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const { gap, text } of tokens) {
    if (current === '') current = text;
    else if (current.length + gap.length + text.length <= room) current += gap + text;
    else {
      lines.push(current);
      current = text;
    }
  }
  return [...lines, current];
}
