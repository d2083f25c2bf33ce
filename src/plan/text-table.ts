/** A column of a table. Cells are safe to print already. */
export interface Column {
  readonly title: string;
  readonly cells: readonly string[];
  /** The least width that its cells may be shortened to, in their middle; never shortened unless told. */
  readonly least?: number;
  /** Before it is shortened to less than this, others are left out. */
  readonly comfortable?: number;
  /** Where there is no room, the column with the highest rank is left out first; none without a rank. */
  readonly rank?: number;
}

const GAP = 2;

/**
 * The columns side by side in at most `width` columns of a terminal, as far as what may be shortened or left out
 * allows it; as they are where there is no width. Returns the line of titles first.
 */
export function tableLines(
  columns: readonly Column[],
  width: number | undefined,
  ellipsis: string,
): readonly string[] {
  const kept = width === undefined ? columns : columnsFor(columns, width);
  const over = width === undefined ? 0 : Math.max(0, totalOf(kept.map(naturalWidth)) - width);
  const shown = kept.map((column) => {
    const natural = naturalWidth(column);
    return { column, room: Math.max(natural - over, Math.min(natural, column.least ?? natural)) };
  });
  const rows = Math.max(0, ...columns.map(({ cells }) => cells.length));
  const line = (cellOf: (column: Column) => string): string =>
    shown
      .map(({ column, room }) => shorten(cellOf(column), room, ellipsis).padEnd(room))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [
    line(({ title }) => title),
    ...Array.from({ length: rows }, (_, row) => line(({ cells }) => cells[row] as string)),
  ];
}

/** `text` in at most `room` characters, with what is missing in its middle: a URL is known by both ends. */
function shorten(text: string, room: number, ellipsis: string): string {
  if (text.length <= room) return text;
  const characters = Array.from(text.replace(/^https:\/\//, ''));
  if (characters.length <= room) return characters.join('');
  const kept = Math.max(0, room - ellipsis.length);
  const tail = Math.floor(kept / 3);
  return [...characters.slice(0, kept - tail), ellipsis, ...characters.slice(characters.length - tail)].join(
    '',
  );
}

/** Those that there is room for. */
function columnsFor(columns: readonly Column[], width: number): readonly Column[] {
  const widths = columns.map((column) => Math.min(naturalWidth(column), column.comfortable ?? Infinity));
  const last = columns.reduce<Column | undefined>(
    (worst, column) => ((column.rank ?? 0) > (worst?.rank ?? 0) ? column : worst),
    undefined,
  );
  if (last === undefined || totalOf(widths) <= width) return columns;
  const others = columns.filter((column) => column !== last);
  return columnsFor(others, width);
}

function naturalWidth({ title, cells }: Column): number {
  return cells.reduce((widest, cell) => Math.max(widest, cell.length), title.length);
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}
