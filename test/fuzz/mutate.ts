import type { Random } from '../simulation/model-random.ts';

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

/** What parsers, terminals and JavaScript trip over. */
const NASTY: readonly Buffer[] = [
  ...[
    '\u0000',
    '\ufeff',
    '\r',
    '\n',
    '\r\n',
    '\t',
    '\u007f',
    '\u0085',
    '\u009b31m',
    '\u001b[2J',
    '\u001b]0;x\u0007',
  ],
  ...[
    '\u202e',
    '\u2066',
    '\u061c',
    '\u200b',
    '\u2028',
    '\ufffd',
    '\u{1f600}',
    'e\u0301',
    '\u00ad',
    '\u{e0041}',
  ],
  ...['\\ud800', '\\udc00\\ud800', '\\u0000', '\\u001b[2J', '\\u202e', '\\n', '\\x', '\\', '\\"'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '"__proto__":{},', '__proto__: {}\n'],
  ...[
    '0',
    '-0',
    '-1',
    '1',
    '2',
    '1e999',
    '1e-7',
    '9007199254740993',
    '2147483648',
    '0x1f',
    '0o17',
    '.nan',
    'NaN',
    '-.inf',
  ],
  ...[
    'null',
    'true',
    'false',
    '~',
    '""',
    "''",
    '{}',
    '[]',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    ': ',
    '- ',
    '? ',
    '#',
    ' #',
  ],
  ...[
    '&a ',
    '*a',
    '*a ',
    '&a [*a]',
    '<<: ',
    '!!str ',
    '!!binary ',
    '! ',
    '!<x> ',
    '%YAML 1.1\n---\n',
    '---\n',
    '...\n',
  ],
  ...['|\n', '>-\n  ', '|9\n', "'", '"', '`', '@', '  ', '    ', '\n  ', '\n    ', 'a: 1\n', '"a":1,'],
  ...[
    'https://',
    'http://',
    'https://a.example/',
    'https://u:p@a.example/',
    '%00',
    '%zz',
    '..',
    '/',
    '?',
    '$1',
    '$&',
  ],
].map(utf8);

/** Bytes that are no UTF-8: too long, a surrogate, cut off, of another encoding. */
const NO_TEXT: readonly Buffer[] = ['c080', 'eda080', 'e282', 'ff', 'fffe', 'feff0061', '80', 'f4908080'].map(
  (hex) => Buffer.from(hex, 'hex'),
);

const NUMBERS = ['0', '-1', '1.5', '1e3', '1e999', '4294967296', '9007199254740993', '00', '1_000', ''].map(
  utf8,
);

/** One change of `input`; `others` are inputs to take parts from, `tokens` further parts that may be put in. */
type Operator = (
  input: Buffer,
  random: Random,
  others: readonly Buffer[],
  tokens: readonly Buffer[],
) => Buffer;

const OPERATORS: readonly Operator[] = [
  // Deletes, duplicates, and swaps two neighbouring spans.
  (input, random) => {
    const { before, after } = cut(input, random);
    return Buffer.concat([before, after]);
  },
  (input, random) => {
    const { before, span, after } = cut(input, random);
    return Buffer.concat([before, span, span, after]);
  },
  (input, random) => {
    const { before, span, after } = cut(input, random);
    const second = cut(after, random);
    return Buffer.concat([before, second.span, second.before, span, second.after]);
  },
  // Whole lines, in which files are written.
  (input, random) => byLines(input, (lines) => void lines.splice(random.below(lines.length), 1)),
  (input, random) =>
    byLines(input, (lines) => {
      const line = random.pick(lines);
      lines.splice(random.below(lines.length + 1), 0, line);
    }),
  // A part of another input.
  (input, random, others) => {
    const { before, after } = cut(input, random);
    return Buffer.concat([before, cut(random.pick(others), random).span, after]);
  },
  (input, random, others) => {
    const other = random.pick(others);
    return Buffer.concat([
      input.subarray(0, random.below(input.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
  // Single bits and bytes.
  (input, random) => changed(input, random, (byte) => byte ^ (1 << random.below(8))),
  (input, random) => changed(input, random, () => random.below(256)),
  (input, random) => changed(input, random, () => 0x20 + random.below(95)),
  // Tokens put in, or in the place of something.
  (input, random, _others, tokens) => inserted(input, random, random.pick([...NASTY, ...tokens])),
  (input, random, _others, tokens) => inserted(input, random, random.pick([...NASTY, ...tokens])),
  (input, random) => inserted(input, random, random.pick(NO_TEXT)),
  (input, random, _others, tokens) => {
    const { before, after } = cut(input, random);
    return Buffer.concat([before, random.pick([...NASTY, ...tokens]), after]);
  },
  (input, random, _others, tokens) =>
    replaced(input, random, /"(?:[^"\\\n]|\\.)*"/g, () =>
      utf8(JSON.stringify(random.pick(tokens).toString('utf8'))),
    ),
  (input, random) =>
    replaced(input, random, /"(?:[^"\\\n]|\\.)*"|\b(?:true|false|null)\b/g, () => random.pick(NASTY)),
  (input, random) => replaced(input, random, /-?\d+(?:\.\d+)?/g, () => random.pick(NUMBERS)),
  // Deeper.
  (input, random) => {
    const { before, span, after } = cut(input, random);
    const depth = 1 + random.below(random.pick([2, 40, 2000]));
    const [open, close] = random.pick([
      ['[', ']'],
      ['{"a":', '}'],
      ['- ', ''],
      ['? ', ''],
    ] as const);
    return Buffer.concat([before, utf8(open.repeat(depth)), span, utf8(close.repeat(depth)), after]);
  },
];

const REPETITIONS = [3, 50, 1_000, 20_000];
const LARGEST = 1024 * 1024;

/** `input` after one to six changes, all of them by the random numbers given. */
export function mutate(
  input: Buffer,
  random: Random,
  others: readonly Buffer[],
  tokens: readonly Buffer[],
): Buffer {
  let result = input;
  for (let left = 1 + random.below(random.pick([1, 3, 6])); left > 0; left -= 1) {
    result = random.pick(OPERATORS)(result, random, others, tokens);
  }
  return result.subarray(0, LARGEST);
}

/** `input` with a part of it, or a token, so often that it is up to 1 MiB long. */
export function grow(input: Buffer, random: Random, tokens: readonly Buffer[]): Buffer {
  const { before, span, after } = cut(input, random);
  const part = random.chance(0.5) ? span : random.pick([...NASTY, ...tokens, utf8('a'), utf8(' ')]);
  const most = Math.floor((LARGEST - input.length) / Math.max(1, part.length));
  const times = Math.max(1, Math.min(random.pick(REPETITIONS) * (1 + random.below(50)), most));
  const unit = random.chance(0.3) ? numbered(part, times) : Buffer.alloc(part.length * times, part);
  return Buffer.concat([before, part.length === 0 ? span : unit, after]).subarray(0, LARGEST);
}

/** Copies that differ, so that keys are not the same key; no names, so that nobody asks a server for each. */
function numbered(part: Buffer, times: number): Buffer {
  const text = part.toString('latin1');
  const few = Math.min(times, 20_000);
  return Buffer.from(
    Array.from({ length: few }, (_, index) => text.replace(/[a-z]+/, (word) => `${word}A${index}`)).join(''),
    'latin1',
  );
}

function cut(input: Buffer, random: Random): { before: Buffer; span: Buffer; after: Buffer } {
  const start = random.below(input.length + 1);
  const longest = Math.min(input.length - start, random.pick([1, 8, 64, 1024]));
  const end = start + random.below(longest + 1);
  return { before: input.subarray(0, start), span: input.subarray(start, end), after: input.subarray(end) };
}

function inserted(input: Buffer, random: Random, token: Buffer): Buffer {
  const at = random.below(input.length + 1);
  return Buffer.concat([input.subarray(0, at), token, input.subarray(at)]);
}

function changed(input: Buffer, random: Random, change: (byte: number) => number): Buffer {
  if (input.length === 0) return input;
  const copy = Buffer.from(input);
  const at = random.below(copy.length);
  copy[at] = change(copy[at] ?? 0);
  return copy;
}

function byLines(input: Buffer, change: (lines: string[]) => void): Buffer {
  const lines = input.toString('latin1').split(/(?<=\n)/);
  if (lines.length === 0) return input;
  change(lines);
  return Buffer.from(lines.join(''), 'latin1');
}

function replaced(input: Buffer, random: Random, pattern: RegExp, by: () => Buffer): Buffer {
  // Byte by byte, so that nothing else is changed.
  const found = [...input.toString('latin1').matchAll(pattern)];
  if (found.length === 0) return input;
  const { index, 0: whole } = random.pick(found);
  return Buffer.concat([input.subarray(0, index), by(), input.subarray(index + whole.length)]);
}
