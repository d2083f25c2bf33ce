import { Composer, Lexer, Parser, type CST, type ParsedNode, type YAMLError } from 'yaml';
import type { Finding } from './findings.ts';

/** Bounds that no honest file meets; they keep a hostile one from using up memory or the stack. */
const MAX_LEXEMES = 2_000_000;
const MAX_DEPTH = 32;
/** More is an attack or a mistake, and each costs the library some hundred times its length in memory. */
const MAX_ALIASES = 1_000;
/** What follows so many errors is not read: the library takes its time over each. */
const MAX_ERRORS = 1_000;

/** The nodes of a document (`null`: it is empty), or what is wrong with the text as YAML. */
export type Syntax = { readonly root: ParsedNode | null } | { readonly findings: readonly Finding[] };

/**
 * Reads `text` as one document of YAML 1.2, core schema. Refuses directives, further documents, tags outside
 * the core schema, control characters, and what is deeper or larger than the bounds above.
 */
export function parseSyntax(text: string): Syntax {
  const damage = [...controlCharacters(text), ...conflictMarkers(text)];
  if (damage.length > 0) return { findings: damage };
  const tokens = tokensOf(text);
  if (!Array.isArray(tokens)) return { findings: [tokens] };

  const unclosed = unclosedParts(tokens);
  if (unclosed.length > 0) return { findings: unclosed };
  const directives = tokens.flatMap((token) => directiveFinding(token));
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: false,
    merge: false,
    resolveKnownTags: false,
  });
  const documents = composer.compose(tokens, true, text.length);
  const document = documents.next().value;
  const second = tokens.filter((token) => token.type === 'document')[1];
  const further: readonly Finding[] =
    second === undefined
      ? []
      : [
          {
            at: { start: second.offset, end: second.offset + 3 },
            message: 'a second document starts here: the file must hold one document only',
          },
        ];
  const errors = [...(document?.errors ?? []), ...(document?.warnings ?? [])];
  const findings = [
    ...directives,
    ...further,
    ...firstOfLines(
      errors.filter(({ code }) => code !== 'BAD_DIRECTIVE'),
      text,
    ),
  ];
  return findings.length > 0 ? { findings } : { root: document?.contents ?? null };
}

/** One error of a line is the cause, the others follow from it. */
function firstOfLines(errors: readonly YAMLError[], text: string): Finding[] {
  let lineEnd = -1;
  return [...errors]
    .sort((a, b) => a.pos[0] - b.pos[0])
    .flatMap((error) => {
      const start = error.pos[0];
      if (start <= lineEnd) return [];
      const next = text.indexOf('\n', start);
      lineEnd = next < 0 ? text.length : next;
      return [syntaxFinding(error, text)];
    });
}

/** YAML allows no control characters but tab and line breaks; in a file they are damage or a trick. */
function controlCharacters(text: string): Finding[] {
  const matches = text.matchAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g);
  const findings: Finding[] = [];
  for (const match of matches) {
    const code = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    findings.push({
      at: { start: match.index, end: match.index + 1 },
      message: `a control character (U+${code}) cannot stand in a text file`,
    });
    if (findings.length > 1000) break;
  }
  return findings;
}

function conflictMarkers(text: string): Finding[] {
  const start = /^<{7} /m.exec(text)?.index;
  if (start === undefined) return [];
  return [
    { at: { start, end: start + 7 }, message: 'a merge conflict begins here and has to be resolved first' },
  ];
}

/** The lexer's sign that the text of a scalar follows. Like its other signs, it is no part of the file. */
const SCALAR = '\u001f';
const SIGNS: ReadonlySet<string> = new Set([SCALAR, '\u0002', '\u0018']);

/** The parts of `text`, or why they are too many: known before anything is made of them. */
function lexemesOf(text: string): string[] | Finding {
  const lexemes: string[] = [];
  let [start, aliases] = [0, 0];
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme.startsWith('*') && lexemes.at(-1) !== SCALAR) aliases += 1;
    if (aliases > MAX_ALIASES) {
      const message = `there are more than ${MAX_ALIASES} aliases in this file; use \`defaults\` for what is shared`;
      return { at: { start, end: start + lexeme.length }, message };
    }
    lexemes.push(lexeme);
    if (lexemes.length > MAX_LEXEMES) return { at: null, message: 'the file has too many parts to be read' };
    if (!SIGNS.has(lexeme)) start += lexeme.length;
  }
  return lexemes;
}

/** The concrete tokens of `text`, or why they are too many or too deep: known before any recursion goes far. */
function tokensOf(text: string): CST.Token[] | Finding {
  const lexemes = lexemesOf(text);
  if (!Array.isArray(lexemes)) return lexemes;
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let errors = 0;
  for (const lexeme of lexemes) {
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === 'error' || token.type === 'directive') errors += 1;
    }
    if (errors > MAX_ERRORS) break;
    const deep = firstTooDeep(parser);
    if (deep !== undefined) return deep;
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

/** Of what is open where the parser stands; it closes all of it by recursion. */
function firstTooDeep({ stack, offset }: Parser): Finding | undefined {
  // The document comes first, what is no deeper than allowed follows.
  const deep = stack[MAX_DEPTH + 2];
  if (deep === undefined) return undefined;
  const start = 'offset' in deep ? deep.offset : offset;
  return {
    at: { start, end: start + 1 },
    message: `values are nested more than ${MAX_DEPTH} levels deep`,
  };
}

/** Quotes and brackets that nothing closes, at the place where they open; the parser would name the file's end. */
function unclosedParts(tokens: readonly CST.Token[]): Finding[] {
  const findings: Finding[] = [];
  for (const token of walk(tokens)) {
    if (token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar') {
      const quote = token.source.charAt(0);
      if (token.source.length < 2 || !token.source.endsWith(quote)) {
        findings.push(unclosed(token.offset, `the text that begins here has no closing \`${quote}\``));
      }
    } else if (token.type === 'flow-collection') {
      const closing = token.start.source === '[' ? ']' : '}';
      if (!token.end.some(({ source }) => source === closing)) {
        findings.push(
          unclosed(
            token.offset,
            `the \`${token.start.source}\` that stands here has no closing \`${closing}\``,
          ),
        );
      }
    }
  }
  return findings;
}

function unclosed(start: number, message: string): Finding {
  return { at: { start, end: start + 1 }, message };
}

/** All tokens below `tokens`. */
function* walk(tokens: readonly CST.Token[]): Generator<CST.Token> {
  const open = [...tokens];
  for (let token = open.pop(); token; token = open.pop()) {
    yield token;
    if (token.type === 'document' && token.value) open.push(token.value);
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      if (key) open.push(key);
      if (value) open.push(value);
    }
  }
}

function directiveFinding(token: CST.Token): Finding[] {
  if (token.type !== 'directive') return [];
  const word = token.source.split(/\s/)[0] ?? token.source;
  return [
    {
      at: { start: token.offset, end: token.offset + token.source.length },
      message: `\`${word}\` cannot be used: the file is always read as YAML 1.2, so leave this line out`,
    },
  ];
}

/** What the reader of a file needs to hear, for the library's codes; the rest speak for themselves. */
const WORDS: Partial<Record<YAMLError['code'], string>> = {
  ALIAS_PROPS: 'an alias (`*name`) cannot have a tag or an anchor of its own',
  BAD_DQ_ESCAPE:
    'this escape is not known inside double quotes; use single quotes to have backslashes taken as they are',
  BAD_PROP_ORDER: 'a tag or anchor must stand after the `-`, `?` or `:`',
  BLOCK_AS_IMPLICIT_KEY:
    'a nested value must start on a line of its own; if this is text with `: ` in it, put it in quotes',
  BLOCK_IN_FLOW: 'inside [ ] and { } everything must be written with [ ] and { }, and be indented',
  KEY_OVER_1024_CHARS: 'this key is too long',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line; is a `:` missing here, or on the line before?',
  MULTIPLE_ANCHORS: 'a value can have one anchor (`&name`) only',
  MULTIPLE_TAGS: 'a value can have one tag (`!name`) only',
  TAB_AS_INDENT: 'a tab cannot be used to indent; use spaces',
};

function syntaxFinding(error: YAMLError, text: string): Finding {
  const [start, end] = error.pos;
  // The parser places what is missing at the end of the text just behind it.
  const at = { start: Math.min(start, text.length), end: Math.max(start + 1, end) };
  const known = WORDS[error.code];
  if (known !== undefined) return { at, message: known };
  const tag = /^Unresolved tag: (?:tag:yaml\.org,2002:)?(.*)$/s.exec(error.message)?.[1];
  if (tag !== undefined) {
    return {
      at,
      message: `the tag \`${shortTag(text.slice(start, end)) ?? tag}\` is not known; leave it out`,
    };
  }
  if (error.code === 'BAD_SCALAR_START') {
    if (text[start] === '\t') return { at, message: 'a tab cannot be used to indent; use spaces' };
    return { at, message: `text cannot start with \`${text[start] ?? ''}\`; put it in quotes` };
  }
  if (error.code === 'BAD_INDENT') return { at, message: 'this line is not indented like its neighbours' };
  if (/^Implicit map keys need/.test(error.message))
    return { at, message: 'this key has no `:` and no value' };
  if (/^Missing , /.test(error.message)) return { at, message: 'a comma is missing before this' };
  const message = withoutQuote(error.message.split('\n')[0] ?? '').replace(/^[A-Z](?=[a-z])/, (first) =>
    first.toLowerCase(),
  );
  return { at, message: `this is not valid YAML: ${message}` };
}

/** What the library quotes after a colon is a part of the file, a secret perhaps; the code frame shows it, covered. */
function withoutQuote(message: string): string {
  return message.replace(/(?<=\S): .*$/s, '');
}

function shortTag(source: string): string | undefined {
  return /^![\w!:/.,-]{0,40}/.exec(source)?.[0];
}
