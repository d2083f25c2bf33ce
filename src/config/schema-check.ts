import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { nearest } from '../domain/nearest.ts';
import type { Finding } from './findings.ts';
import { isSecretKey, quote } from './quote.ts';
import type { Span } from './source-text.ts';
import { joinOr, kindOf, type Words } from './words.ts';
import type { Located } from './located.ts';

/** A rule of a schema that a value breaks. */
export interface Violation {
  /** The part of the schema and the keyword that is broken, e.g. `phone_number/pattern`; the root is `#`. */
  readonly rule: string;
  /** Keys and indices from the root of the file to the value. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** The value as it is written; empty for a map or list. */
  readonly source: string;
  /** Where the rule is about a key: the key that is unknown, missing or not a valid name. */
  readonly key: string | undefined;
}

/** Better words for a violation than the general ones; undefined where there are none. */
export type Explain = (violation: Violation) => Words | undefined;

/**
 * Checks a tree by the validator of a schema of this package; every violation in words, at the key or value that is wrong.
 * What is large is handed to the validator in `pieces`: it copies its list of errors at every map, which for thousands of bad
 * ones takes minutes.
 */
export function checkSchema(
  validate: ValidateFunction,
  tree: Located,
  explain: Explain,
  pieces: Iterable<unknown> = [tree.value],
): readonly Finding[] {
  const errors: ErrorObject[] = [];
  for (const piece of pieces) {
    if (!validate(piece)) for (const error of validate.errors ?? []) errors.push(error);
  }
  if (errors.length === 0) return [];
  const listed = new Set(
    errors.filter(({ keyword }) => keyword === 'enum').map((error) => error.instancePath),
  );
  const found = errors
    // Where the allowed words are named, the type goes without saying.
    .filter(({ keyword, instancePath }) => keyword !== 'type' || !listed.has(instancePath))
    .flatMap((error) => toFound(error, tree, explain));
  // A key that is there, but misspelt, is not also missing.
  const meant = new Set(
    found.map(({ unknownIn, finding }) => `${unknownIn ?? ''} ${finding.suggestion ?? ''}`),
  );
  return found
    .filter(({ missingIn }) => missingIn === undefined || !meant.has(missingIn))
    .map(({ finding }) => finding);
}

/** `if` repeats what its branch says. */
const SILENT = new Set(['if', 'propertyNames']);

interface Found {
  readonly finding: Finding;
  /** For an unknown key: the path of its map. */
  readonly unknownIn?: string;
  /** For a missing key: the path of its map, and the key. */
  readonly missingIn?: string;
}

function toFound(error: ErrorObject, tree: Located, explain: Explain): Found[] {
  if (SILENT.has(error.keyword)) return [];
  const path = error.instancePath.split('/').slice(1).map(unescapePointer);
  const { node, key: ownKey } = find(tree, path);
  const key = keyOf(error);
  const violation: Violation = {
    rule: ruleOf(error),
    path,
    value: node.value,
    source: node.source,
    key,
  };
  const words = explain(violation) ?? describe(error, violation);
  // What is missing is shown at the key of the map that lacks it; an unknown key at itself.
  const at =
    (key === undefined ? undefined : node.entries?.get(key)?.key) ??
    (error.keyword === 'required' ? ownKey : node.span);
  const isEmptyValue = at.start === at.end;
  return [
    {
      finding: { at: isEmptyValue ? ownKey : at, ...words },
      ...(error.keyword === 'additionalProperties' && { unknownIn: error.instancePath }),
      ...(error.keyword === 'required' && { missingIn: `${error.instancePath} ${key ?? ''}` }),
    },
  ];
}

/** A definition that other parts refer to is a root of its own for the validators, and has its name in it. */
function ruleOf({ schemaPath, parentSchema, keyword }: ErrorObject): string {
  const part = schemaPath.split('/').slice(0, -1).map(unescapePointer).at(-1) ?? '#';
  const definition: unknown = part === '#' ? parentSchema?.['x-name'] : undefined;
  return `${typeof definition === 'string' ? definition : part}/${keyword}`;
}

function keyOf(error: ErrorObject): string | undefined {
  const params = error.params as Record<string, unknown>;
  const key = error.propertyName ?? params['additionalProperty'] ?? params['missingProperty'];
  return typeof key === 'string' ? key : undefined;
}

/** Walks down `path`; `key` is where the value's key stands, or the value itself in a list or at the root. */
function find(tree: Located, path: readonly string[]): { node: Located; key: Span } {
  let node = tree;
  let key = { start: tree.span.start, end: tree.span.start + 1 };
  for (const part of path) {
    const entry = node.entries?.get(part);
    const item = entry?.node ?? node.items?.[Number(part)];
    if (!item) break;
    node = item;
    key = entry?.key ?? item.span;
  }
  return { node, key };
}

function describe(error: ErrorObject, { path, value, key }: Violation): Words {
  const params = error.params as Record<string, unknown>;
  const subject = path.length === 0 ? 'the file' : `\`${lastKey(path)}\``;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(key ?? '', knownKeys(error), path);
    case 'required':
      return { message: `\`${key ?? ''}\` is missing${path.length === 0 ? '' : ` in ${subject}`}` };
    case 'type':
      return {
        message: `${subject} must be ${typeNames(params['type'])}, and is ${kindOf(value)}`,
        suggestion:
          params['type'] === 'integer' && typeof value === 'string' && /^\d+$/.test(value)
            ? value
            : undefined,
      };
    case 'enum': {
      const allowed = (params['allowedValues'] as unknown[]).map(String);
      const near = typeof value === 'string' ? nearest(value, allowed) : undefined;
      return {
        message: `${subject} must be ${joinOr(allowed.map((word) => `\`${word}\``))}, not ${kindOf(value)}`,
        suggestion: near ?? (allowed.length === 1 ? allowed[0] : undefined),
      };
    }
    case 'minimum':
    case 'maximum':
      return {
        message: `${subject} must be ${error.keyword === 'minimum' ? 'at least' : 'at most'} ${String(params['limit'])}, not ${kindOf(value)}`,
      };
    case 'minLength':
    case 'minItems':
      return { message: `${subject} cannot be empty` };
    default:
      return { message: `${subject} cannot be ${kindOf(value)}` };
  }
}

/** Words for a key that its map does not have, with the nearest key that is not taken yet. */
function unknownKey(key: string, known: readonly string[], path: readonly string[]): Words {
  const place = path.length === 0 ? 'at the top of this file' : `in \`${lastKey(path)}\``;
  const near = isSecretKey(key) ? undefined : nearest(key, known);
  const list = near === undefined ? `; known here: ${known.join(', ')}` : '';
  return { message: `the key ${quote(key)} is not known ${place}${list}`, suggestion: near };
}

function knownKeys(error: ErrorObject): readonly string[] {
  const schema = error.parentSchema as { properties?: Record<string, unknown> } | undefined;
  return Object.keys(schema?.properties ?? {});
}

/** The last key of a path, with the index of an item as `key[0]`. */
function lastKey(path: readonly string[]): string {
  const last = path.at(-1) ?? '';
  return /^\d+$/.test(last) && path.length > 1 ? `${path.at(-2) ?? ''}[${last}]` : last;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  null: 'null',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map (`key: value` lines)',
};

function typeNames(types: unknown): string {
  const names = (Array.isArray(types) ? types : [types]).map(
    (type) => TYPE_NAMES[String(type)] ?? String(type),
  );
  return joinOr(names);
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
