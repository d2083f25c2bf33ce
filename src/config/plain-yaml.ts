/*
 * Nearly every file is plain: maps and lists in block style, each value on one line. That much of YAML is read here, in
 * a hundredth of the time that the library takes until it is warm. It is a part of YAML that leaves no doubt:
 *
 *   key:                  a key is a word that YAML takes for text
 *     key: value          plain on one line · 'single' or "double" without escapes · [a, "b"] of such
 *     key:                nothing: null
 *     list:
 *       - value           or in the column of its key
 *   # comment             also behind a value
 *
 * For whatever else there is, right or wrong, the answer is `undefined`, and the library has the word: it alone says
 * what is wrong with a file, and where. test/property/plain-yaml.test.ts holds the two against each other.
 */
import type { Located } from './located.ts';
import type { Span } from './source-text.ts';

/** Printable ASCII, Latin letters for comments, and line feeds. */
const STRANGE = /[^\n\x20-\x7e\u00c0-\u024f]/;
const KEY = /^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}):(?: +|$)/;
/** What begins like text, and has neither `: ` nor ` #` in it, nor anything that a flow would end with. */
const PLAIN = /^[A-Za-z0-9_+./][A-Za-z0-9_+./?&=%~@()!$*^;:#' -]*$/;
const IN_FLOW = /^[A-Za-z0-9_+./][A-Za-z0-9_+./ -]*$/;
const QUOTED = /^(?:'([^']*)'|"([^"\\]*)")$/;
const NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;
/** Numbers that are written otherwise (core schema): the library reads them. */
const OTHER_NUMBER =
  /^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
  ...['null', 'Null', 'NULL'].map((word) => [word, null] as const),
]);
const MAX_LINES = 200_000;
const MAX_DEPTH = 16;
/** Places are asked for only where something is wrong, and then the library has the word. */
const NOWHERE: Span = { start: 0, end: 0 };

/** A line with something on it, without its comment. */
interface Line {
  readonly indent: number;
  readonly text: string;
}

interface Reading {
  readonly lines: readonly Line[];
  /** The line that is next. */
  at: number;
}

/** The tree of a plain text, without places; `undefined` where it is not plain. */
export function readPlain(text: string): Located | undefined {
  if (STRANGE.test(text)) return undefined;
  const raw = text.split('\n');
  if (raw.length > MAX_LINES) return undefined;
  const reading = { lines: raw.flatMap(lineOf), at: 0 };
  if (reading.lines[0]?.indent !== 0) return undefined;
  const tree = readMap(reading, 0, 0);
  return reading.at === reading.lines.length ? tree : undefined;
}

function lineOf(raw: string): readonly Line[] {
  const text = raw.trim();
  return text === '' || text.startsWith('#') ? [] : [{ indent: raw.length - raw.trimStart().length, text }];
}

function readMap(reading: Reading, indent: number, depth: number): Located | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const value = Object.create(null) as Record<string, unknown>;
  const entries = new Map<string, { key: Span; node: Located }>();
  for (let line = reading.lines[reading.at]; line?.indent === indent; line = reading.lines[reading.at]) {
    const match = KEY.exec(line.text);
    const key = match?.[1];
    if (match === null || key === undefined || typeof scalarOf(key) !== 'string' || entries.has(key))
      return undefined;
    reading.at += 1;
    const rest = withoutComment(line.text.slice(match[0].length));
    const node = rest === '' ? readBelow(reading, indent, depth) : readValue(rest);
    if (node === undefined) return undefined;
    value[key] = node.value;
    entries.set(key, { key: NOWHERE, node });
  }
  // What is deeper belongs to nothing that was read, or goes on with it.
  return isDeeper(reading, indent) ? undefined : { value, span: NOWHERE, source: '', entries };
}

/** What stands under a key: a map or a list that is deeper, a list in the same column, or nothing. */
function readBelow(reading: Reading, indent: number, depth: number): Located | undefined {
  const next = reading.lines[reading.at];
  const isList = next !== undefined && next.indent >= indent && next.text.startsWith('- ');
  if (isList) return readList(reading, next.indent);
  if (next === undefined || next.indent <= indent) return { value: null, span: NOWHERE, source: '' };
  return readMap(reading, next.indent, depth + 1);
}

function readList(reading: Reading, indent: number): Located | undefined {
  const items: Located[] = [];
  for (let line = reading.lines[reading.at]; line?.indent === indent; line = reading.lines[reading.at]) {
    if (!line.text.startsWith('- ')) break;
    const item = readScalar(withoutComment(line.text.slice(2).trimStart()), PLAIN);
    if (item === undefined) return undefined;
    items.push(item);
    reading.at += 1;
  }
  return isDeeper(reading, indent) ? undefined : listOf(items);
}

function isDeeper({ lines, at }: Reading, indent: number): boolean {
  return (lines[at]?.indent ?? 0) > indent;
}

/** The comment behind a value; where there are quotes, only one behind the last of them. */
function withoutComment(text: string): string {
  if (text.startsWith('#')) return '';
  const quote = text.startsWith("'") || text.startsWith('"') ? text.charAt(0) : undefined;
  const from = quote === undefined ? 0 : text.indexOf(quote, 1);
  const at = from === -1 ? -1 : text.indexOf(' #', from);
  return at === -1 ? text : text.slice(0, at).trimEnd();
}

function readValue(text: string): Located | undefined {
  return text.startsWith('[') ? readFlow(text) : readScalar(text, PLAIN);
}

function readFlow(text: string): Located | undefined {
  if (!text.endsWith(']')) return undefined;
  const inner = text.slice(1, -1).trim();
  if (inner === '') return listOf([]);
  const items = inner.split(',').map((item) => readScalar(item.trim(), IN_FLOW));
  return items.every((item) => item !== undefined) ? listOf(items) : undefined;
}

function listOf(items: readonly Located[]): Located {
  return { value: items.map(({ value }) => value), span: NOWHERE, source: '', items };
}

function readScalar(text: string, plain: RegExp): Located | undefined {
  const quoted = QUOTED.exec(text);
  const value = quoted ? (quoted[1] ?? quoted[2]) : isPlain(text, plain) ? scalarOf(text) : undefined;
  return value === undefined ? undefined : { value, span: NOWHERE, source: text };
}

function isPlain(text: string, plain: RegExp): boolean {
  return plain.test(text) && !text.includes(': ') && !text.endsWith(':') && !text.includes(' #');
}

/** A plain scalar by the core schema; `undefined` for a number that the library had better read. */
function scalarOf(text: string): string | number | boolean | null | undefined {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (NUMBER.test(text)) return Number(text);
  return OTHER_NUMBER.test(text) ? undefined : text;
}
