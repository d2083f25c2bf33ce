import { isAlias, isMap, isScalar, isSeq, type Alias, type ParsedNode } from 'yaml';
import type { Finding } from './findings.ts';
import type { Located } from './located.ts';
import { printable, quote } from './quote.ts';
import { positionOf, type SourceText, type Span } from './source-text.ts';

/** Aliases may give so many values in all; more is an attack or a mistake. */
const MAX_EXPANDED = 100_000;
const MAX_DEPTH = 32;

interface Reading {
  readonly source: SourceText;
  readonly findings: Finding[];
  readonly anchors: Map<string, ParsedNode>;
  /** What each alias stands for: the last anchor of its name before it. */
  readonly targets: Map<Alias, ParsedNode>;
  /** Aliases that are being expanded, outermost first. */
  readonly expanding: ParsedNode[];
  /** Values that aliases gave so far. */
  expanded: number;
  /** The alias of the file, not of another alias, that is being expanded. */
  outermost: Span;
  /** Why reading stopped before the end. */
  stop: Finding | null;
}

/**
 * Turns nodes into plain values with places, and finds what YAML allows and this program does not: keys
 * written twice or not as text, merges, unknown or recursive aliases, and expansion without bound.
 * The tree is whole also where there are findings, with `null` for what could not be read; there is none
 * where a bound was met.
 */
export function locate(
  root: ParsedNode | null,
  source: SourceText,
): { tree: Located | null; findings: readonly Finding[] } {
  const reading: Reading = {
    source,
    findings: [],
    anchors: new Map(),
    targets: new Map(),
    expanding: [],
    expanded: 0,
    outermost: { start: 0, end: 0 },
    stop: null,
  };
  const tree = read(root, { start: 0, end: 0 }, 0, reading);
  return reading.stop ? { tree: null, findings: [reading.stop] } : { tree, findings: reading.findings };
}

function read(node: ParsedNode | null, fallback: Span, depth: number, reading: Reading): Located {
  const span = node?.range ? { start: node.range[0], end: node.range[1] } : fallback;
  const nothing: Located = { value: null, span, source: '' };
  if (node === null || reading.stop) return nothing;
  if (reading.expanding.length > 0) reading.expanded += 1;
  if (depth > MAX_DEPTH) {
    reading.stop = { at: reading.outermost, message: `values are nested more than ${MAX_DEPTH} levels deep` };
  } else if (reading.expanded > MAX_EXPANDED) {
    reading.stop = {
      at: reading.outermost,
      message: `the aliases of this file give more than ${MAX_EXPANDED} values`,
    };
  }
  if (isAlias(node)) return readAlias(node, span, depth, reading);
  if (node.anchor !== undefined && reading.expanding.length === 0) reading.anchors.set(node.anchor, node);
  if (isMap(node)) return readMap(node.items, span, depth, reading);
  if (isSeq(node)) {
    const items = node.items.map((item) =>
      read(asNode(item), { start: span.start, end: span.start }, depth + 1, reading),
    );
    return { value: items.map((item) => item.value), span, source: '', items };
  }
  const { value } = node;
  return { value: value ?? null, span, source: reading.source.text.slice(span.start, span.end) };
}

function readAlias(alias: Alias.Parsed, span: Span, depth: number, reading: Reading): Located {
  const target = reading.targets.get(alias) ?? reading.anchors.get(alias.source);
  const refuse = (message: string): Located => {
    reading.findings.push({ at: span, message });
    return { value: null, span, source: '' };
  };
  const name = printable(alias.source);
  if (!target) return refuse(`\`*${name}\` has no \`&${name}\` before it`);
  reading.targets.set(alias, target);
  if (reading.expanding.includes(target) || isInside(span, target)) {
    return refuse(`\`*${name}\` stands inside the value that it repeats`);
  }
  if (reading.expanding.length === 0) reading.outermost = span;
  reading.expanding.push(target);
  const located = read(target, span, depth, reading);
  reading.expanding.pop();
  return located;
}

function isInside(span: Span, node: ParsedNode): boolean {
  return span.start >= node.range[0] && span.end <= node.range[1];
}

function readMap(
  pairs: readonly { readonly key: unknown; readonly value: unknown }[],
  span: Span,
  depth: number,
  reading: Reading,
): Located {
  const value = Object.create(null) as Record<string, unknown>;
  const entries = new Map<string, { key: Span; node: Located }>();
  for (const pair of pairs) {
    const key = readKey(asNode(pair.key), span, depth, reading);
    const node = read(asNode(pair.value), { start: key.span.end, end: key.span.end }, depth + 1, reading);
    if (key.name === undefined) continue;
    const first = entries.get(key.name);
    if (first) {
      const { line } = positionOf(reading.source, first.key.start);
      reading.findings.push({
        at: key.span,
        message: `the key ${quote(key.name)} is written twice; the first one is in line ${line}`,
      });
      continue;
    }
    value[key.name] = node.value;
    entries.set(key.name, { key: key.span, node });
  }
  return { value, span, source: '', entries };
}

/** A key's name, undefined where it cannot have one; a number counts as its text, to find collisions. */
function readKey(
  node: ParsedNode | null,
  map: Span,
  depth: number,
  reading: Reading,
): { readonly name?: string; readonly span: Span } {
  const { value, span, source, entries, items } = read(node, map, depth + 1, reading);
  const refuse = (message: string, suggestion?: string): void => {
    reading.findings.push({ at: span, message, suggestion });
  };
  if (value === '<<') {
    refuse('`<<` merges are not used in this file: put what entries share under `defaults`');
    return { name: value, span };
  }
  if (typeof value === 'string') return { name: value, span };
  if (entries || items) {
    const isTemplate = /^\{\s*\{/.test(reading.source.text.slice(map.start, map.end));
    reading.findings.push(
      isTemplate
        ? {
            at: map,
            message: '`{{ … }}` looks like a template: nothing is filled in here, so render the file before',
          }
        : { at: span, message: 'a key must be text, not a map or a list' },
    );
    return { span };
  }
  if (value === null) {
    refuse('a key is missing before this `:`');
    return { span };
  }
  refuse(
    `a key must be text, and YAML reads ${quote(source)} as ${describeScalar(value)}; put it in quotes`,
    `"${printable(source)}"`,
  );
  return { name: source, span };
}

function describeScalar(value: unknown): string {
  return typeof value === 'boolean' ? 'true or false' : 'a number';
}

/** The library's pairs are typed loosely; what it parsed is a node or nothing. */
function asNode(part: unknown): ParsedNode | null {
  return isScalar(part) || isMap(part) || isSeq(part) || isAlias(part) ? (part as ParsedNode) : null;
}
