import { plural } from './words.ts';

/** GitHub refuses comments of more than 65,536 characters. Counted here in bytes, which are never fewer. */
export const MOST_BYTES = 65_000;
/** A longer line is left out, so that one monstrous value does not hide all that comes after it. */
const MOST_LINE_BYTES = 4_000;

/** Something to be filled with lines up to a size. */
export interface Part {
  readonly head: readonly string[];
  readonly lines: readonly (() => string)[];
  readonly foot: readonly string[];
  /** What is left out where it does not fit: one, and several. */
  readonly what: readonly [string, string];
}

/** The part with as many lines as fit; nothing at all where it has none. `form` is what the JSON form is called. */
export function fill(part: Part, room: number, form = 'plan'): readonly string[] {
  if (part.lines.length === 0) return [];
  const taken: string[] = [];
  let size = bytes(part.head) + bytes(part.foot);
  for (const makeLine of part.lines) {
    const line = makeLine();
    if (bytes([line]) > MOST_LINE_BYTES) continue;
    size += bytes([line]);
    if (size > room) break;
    taken.push(line);
  }
  const missing = part.lines.length - taken.length;
  const cutWords = `**${plural(missing, ...part.what)} left out**, since a comment has a limit; the JSON ${form} has them all.`;
  return [...part.head, ...taken, ...(missing > 0 ? ['', cutWords] : []), ...part.foot];
}

/** Messages are one line and short; one that a value has blown up must not push out the rest. */
export function cut(text: string): string {
  return text.length > 1_000 ? `${text.slice(0, 1_000)} …` : text;
}

/** A row of a table; the cells are markdown already. */
export function row(cells: readonly string[]): string {
  return `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
}

/** UTF-8 bytes of the lines with their newlines. */
export function bytes(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
}
