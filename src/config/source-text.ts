import { maskSecrets, printable } from './quote.ts';

/** Part of a text, in UTF-16 offsets; the end is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A text that knows its lines. */
export interface SourceText {
  /** The file's name, as the user gave it. */
  readonly file: string;
  readonly text: string;
  /** Offsets at which lines begin. */
  readonly lineStarts: readonly number[];
}

const LINES_BEFORE = 2;
const LINES_AFTER = 1;
const MAX_LINE = 110;

/** Takes note of where the lines of `text` begin. */
export function sourceText(file: string, text: string): SourceText {
  const lineStarts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1);
  return { file, text, lineStarts };
}

/** Line and column of an offset, both from 1; columns count characters, not UTF-16 units. */
export function positionOf(source: SourceText, offset: number): { line: number; column: number } {
  let low = 0;
  let high = source.lineStarts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (lineStart(source, middle) <= offset) low = middle;
    else high = middle - 1;
  }
  const end = Math.min(offset, Math.max(lineStart(source, low), lineEnd(source, low + 1)));
  return { line: low + 1, column: countCharacters(source.text, lineStart(source, low), end) + 1 };
}

/**
 * Makes the frames of one text: the lines around a span, numbered, with carets under its first line. `hidden`
 * spans and everything that looks like a secret are covered; what a terminal would act on is replaced.
 */
export function codeFrames(source: SourceText, hidden: readonly Span[]): (span: Span) => string {
  const shown = new Map<number, readonly string[]>();
  const show = (line: number): readonly string[] => {
    const characters = shown.get(line) ?? Array.from(shownLine(source, line, hidden));
    shown.set(line, characters);
    return characters;
  };
  return (span) => codeFrame(source, span, show);
}

function codeFrame(source: SourceText, span: Span, show: (line: number) => readonly string[]): string {
  const { line, column } = positionOf(source, span.start);
  const first = Math.max(1, line - LINES_BEFORE);
  const last = Math.min(Math.max(line, lineCount(source)), line + LINES_AFTER);
  const width = String(last).length;
  const rows: string[] = [];
  for (let number = first; number <= last; number += 1) {
    const characters = show(number);
    const isCut = number === line && characters.length > MAX_LINE && column > MAX_LINE - 20;
    const cut = isCut ? column - MAX_LINE / 2 : 0;
    const window = characters.slice(cut, cut + MAX_LINE).join('');
    const text = `${cut > 0 ? '…' : ''}${window}${characters.length > cut + MAX_LINE ? '…' : ''}`;
    rows.push(`${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${text}`.trimEnd());
    if (number !== line) continue;
    const indent = column - 1 - cut + (cut > 0 ? 1 : 0);
    const wanted = countCharacters(source.text, span.start, Math.min(span.end, lineEnd(source, line)));
    const carets = Math.max(1, Math.min(wanted, cut + MAX_LINE - column + 1));
    rows.push(`  ${' '.repeat(width)} | ${' '.repeat(indent)}${'^'.repeat(carets)}`);
  }
  return rows.join('\n');
}

/** Code points from `start` to `end`. */
function countCharacters(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) {
    const unit = text.charCodeAt(at);
    const isSecondHalf = unit >= 0xdc00 && unit <= 0xdfff && at > start;
    if (!isSecondHalf) count += 1;
  }
  return count;
}

/** The number of lines, a last empty one not counted. */
function lineCount(source: SourceText): number {
  const all = source.lineStarts.length;
  return all > 1 && lineStart(source, all - 1) === source.text.length ? all - 1 : all;
}

function shownLine(source: SourceText, number: number, hidden: readonly Span[]): string {
  const start = lineStart(source, number - 1);
  const end = lineEnd(source, number);
  let text = source.text.slice(start, end);
  for (const span of hidden) {
    const from = Math.max(span.start, start) - start;
    const to = Math.min(span.end, end) - start;
    if (from < to) text = text.slice(0, from) + '*'.repeat(to - from) + text.slice(to);
  }
  return printable(maskSecrets(text));
}

function lineStart(source: SourceText, index: number): number {
  return source.lineStarts[index] ?? source.text.length;
}

/** Where line `number` ends, its line break left out. */
function lineEnd(source: SourceText, number: number): number {
  const next = source.lineStarts[number];
  if (next === undefined) return source.text.length;
  return source.text[next - 2] === '\r' ? next - 2 : next - 1;
}
