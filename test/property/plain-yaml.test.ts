import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Located } from '../../src/config/located.ts';
import { readPlain } from '../../src/config/plain-yaml.ts';
import { sourceText } from '../../src/config/source-text.ts';
import { writeSubscriptions } from '../../src/config/write-subscriptions.ts';
import { parseSyntax } from '../../src/config/yaml-syntax.ts';
import { locate } from '../../src/config/yaml-tree.ts';

/*
 * Two readers of YAML: what the plain one takes, the library takes as well, and it means the same to both.
 */

const ROOT = new URL('../../', import.meta.url).pathname;

/** What the library makes of the text; `undefined` where anything at all is wrong with it. */
function readWhole(text: string): Located | undefined {
  const syntax = parseSyntax(text);
  if ('findings' in syntax) return undefined;
  const { tree, findings } = locate(syntax.root, sourceText('x', text));
  return findings.length > 0 ? undefined : (tree ?? undefined);
}

/** All that a tree says, but for places. */
function meaningOf({ value, source, entries, items }: Located): unknown {
  return {
    value,
    source,
    entries: entries && [...entries].map(([key, { node }]) => [key, meaningOf(node)]),
    items: items?.map(meaningOf),
  };
}

/** Whether the text is plain. Fails where that means something else to the library. */
function isPlain(text: string): boolean {
  const tree = readPlain(text);
  if (tree === undefined) return false;
  const whole = readWhole(text);
  if (whole === undefined) throw new Error(`the library refuses ${JSON.stringify(text)}`);
  expect(meaningOf(tree)).toEqual(meaningOf(whole));
  return true;
}

/** Every YAML file of the repository, the bad ones as well. */
function filesOfTheRepository(): readonly string[] {
  return ['config.example', 'test/fixtures', 'docs', 'schema', '.github'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.ya?ml$/.test(file))
      .map((file) => readFileSync(join(ROOT, folder, file), 'utf8')),
  );
}

const word = fc.constantFrom(
  ...[
    'a',
    'name',
    'x-y',
    'a.b',
    'a_b',
    'https://a.example/x?version=1&b=%20#c',
    '+12025550101',
    '007',
    '0',
    '1',
  ],
  ...[
    '12',
    '1e3',
    '.5',
    '1.',
    '0x1f',
    '0o7',
    '.inf',
    '+.inf',
    '-1',
    'true',
    'False',
    'null',
    '~',
    'NULL',
    'yes',
  ],
  ...[
    '1_000',
    '2026-02-03',
    '90d',
    '12:30',
    "it's",
    'a b',
    'a  b',
    'a:b',
    'a: b',
    'a:',
    'a #b',
    'a#b',
    '#a',
    '- a',
  ],
  ...[
    "'a'",
    "'a b'",
    "'it''s'",
    '"a"',
    '"a\\n"',
    '"a #b"',
    "'a: b'",
    "''",
    '""',
    '"a" b',
    "'a' # c",
    "'a",
    '"a',
  ],
  ...[
    '[a, b]',
    '[]',
    '[ a ]',
    '[a, ]',
    '[a,b] # c',
    '["+1", \'+2\']',
    '[a: b]',
    '[[a]]',
    '{}',
    '{a: b}',
    '[a',
    'a]',
  ],
  ...[
    '&a b',
    '*a',
    '!t a',
    '!!int 1',
    '|',
    '>-',
    '<<',
    '?',
    '? a',
    '%a',
    '@a',
    '`a',
    '...',
    '---',
    '__proto__',
    '',
    'ü',
  ],
  ...[
    '=',
    'a, b',
    'a!b',
    'a*b',
    '$a',
    '(a)',
    'a(b)',
    '1 2',
    '0b1',
    '12e03',
    '1.5',
    '00',
    '-0',
    '+0',
    '123456789012345678',
  ],
);
const comment = fc.constantFrom('', '', '', ' # note', '  # it\'s "one"', ' #', '#x');
const line = fc.oneof(
  fc.tuple(word, fc.constantFrom(':', ': ', ':  ', ' : '), word, comment).map((parts) => parts.join('')),
  fc.tuple(word, fc.constant(':'), comment).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom('- ', '-  ', '-'), word, comment).map((parts) => parts.join('')),
  fc.constantFrom('', '# note', '  ', '---', '...', '%YAML 1.2', '\t', 'a\tb', '\r', '\u0085', '\u2028'),
);
const lines = fc
  .array(fc.tuple(fc.constantFrom(0, 0, 0, 1, 2, 2, 2, 4), line), { maxLength: 9 })
  .map((parts) => parts.map(([indent, text]) => ' '.repeat(indent) + text));

/** A file that is plain for the most part, and then something done to it. */
const good = fc.constantFrom(
  ...[
    'a',
    'name',
    'x-y',
    'a.b',
    'https://a.example/x?version=1&b=%20#c',
    'a b',
    'a:b',
    'a#b',
    '90d',
    '2026-02-03',
  ],
  ...[
    "'a b'",
    '"a #b"',
    "'a: b'",
    '0',
    '12',
    'true',
    'null',
    '[a, b]',
    '[]',
    '["+1", \'+2\']',
    "it's",
    '(a)',
  ],
);
const scalar = fc.oneof({ weight: 40, arbitrary: good }, { weight: 1, arbitrary: word });
const key = fc.oneof(
  { weight: 40, arbitrary: fc.stringMatching(/^[a-z_][a-z0-9_.-]{0,3}$/) },
  { weight: 1, arbitrary: word },
);
const remark = fc.constantFrom('', '', '', ' # note', '  ', " # it's");
const between = fc.constantFrom([], [], [], [''], ['# note'], ['    # note'], ['  ']);

/** The lines of a map. */
function mapLines(depth: number): fc.Arbitrary<readonly string[]> {
  const entry = fc
    .tuple(key, remark, between, depth === 0 ? valueLines : fc.oneof(valueLines, belowLines(depth)))
    .map(([name, note, above, [first = '', ...below]]) => [...above, `${name}:${first}${note}`, ...below]);
  return fc
    .uniqueArray(entry, { minLength: 1, maxLength: 4, selector: (made) => made.join('\n') })
    .map((made) => made.flat());
}

/** What stands behind a key: a value, a list, or nothing. */
const valueLines: fc.Arbitrary<readonly string[]> = fc.oneof(
  fc.tuple(fc.constantFrom(' ', '  '), scalar).map(([gap, value]) => [gap + value]),
  fc
    .tuple(fc.constantFrom('', '  ', '   '), fc.array(fc.tuple(scalar, remark), { maxLength: 3 }))
    .map(([indent, items]) => ['', ...items.map(([value, note]) => `${indent}- ${value}${note}`)]),
);

function belowLines(depth: number): fc.Arbitrary<readonly string[]> {
  return fc
    .tuple(fc.constantFrom(' ', '  ', '    '), mapLines(depth - 1))
    .map(([indent, made]) => ['', ...made.map((text) => indent + text)]);
}

const file = fc
  .tuple(mapLines(2), fc.constantFrom('', '\n', '\n\n', '\n# note\n'))
  .map(([made, end]) => made.join('\n') + end);
const edits = fc.array(
  fc.record({
    at: fc.nat(400),
    remove: fc.nat(3),
    insert: fc.oneof(word, fc.constantFrom('\n', ' ', '  ', ':', '-', '#', "'", '"', '\n- ', ',', '\t')),
  }),
  { maxLength: 3 },
);

function edited(text: string, changes: readonly { at: number; remove: number; insert: string }[]): string {
  return changes.reduce((before, { at, remove, insert }) => {
    const place = at % (before.length + 1);
    return before.slice(0, place) + insert + before.slice(place + remove);
  }, text);
}

describe('reading plain YAML', () => {
  it('takes nothing otherwise than the library does, of lines of every kind', () => {
    fc.assert(
      fc.property(lines, fc.constantFrom('', '\n'), (parts, end) => void isPlain(parts.join('\n') + end)),
      { numRuns: 3_000 },
    );
  });

  it('takes nothing otherwise than the library does, of files with something done to them', () => {
    fc.assert(
      fc.property(file, edits, (text, changes) => {
        isPlain(text);
        isPlain(edited(text, changes));
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes most files that are plain', () => {
    const texts = fc.sample(file, { numRuns: 300, seed: 1 });
    expect(texts.filter((text) => isPlain(text)).length).toBeGreaterThan(100);
  });

  it('takes nothing otherwise than the library does, of the files of this repository', () => {
    const files = filesOfTheRepository();
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((text) => isPlain(text)).length).toBeGreaterThan(15);
  });

  it('takes what `import` writes', () => {
    const subscription = {
      id: 'a',
      target_url: 'https://a.example/linq?version=2026-02-03',
      subscribed_events: ['message.received'],
      phone_numbers: ['+12025550101'],
      is_active: true,
      routing_key_header: null,
      routing_id_header: null,
    };
    const entries = [{ name: 'a', subscription, isRecorded: false }];
    expect(isPlain(writeSubscriptions({ entries, others: [subscription] }))).toBe(true);
    expect(isPlain(writeSubscriptions({ entries: [], others: [] }))).toBe(true);
  });

  it.each([
    'a: b',
    'a: b\n',
    'a:\n  b: c\n\n  # note\n  d: e # note\nf:\n  - g\n  - "h i"\n',
    'a:\n- b\n- c\nd: e\n',
    'a: [b, "+1", \'c d\'] # note\n',
    'a: []\nb:\nc: ~x\n'.replace('~', ''),
    'a: https://b.example/c?d=e#f\n',
    'a: 1\nb: true\nc: null\nd: 90d\ne: 2026-02-03\n',
    "a: 'b: c # d'\n",
    '# Wöchentlich prüfen\na: b\n',
    'a:   b   \n',
  ])('takes %j', (text) => {
    expect(isPlain(text)).toBe(true);
  });

  it.each([
    ...[
      '',
      '\n',
      '# note\n',
      'a',
      '- a\n',
      '[a]',
      '{a: b}',
      ' a: b\n',
      '\ufeffa: b\n',
      'a: b\r\n',
      'a:\tb\n',
    ],
    ...[
      'a: b\na: c\n',
      'a: b\n  c\n',
      'a: b\n c: d\n',
      'a:\n  - b\n c\n',
      'a:\n  - b\n  c: d\n',
      'a:\n- b\n - c\n',
    ],
    ...[
      'a: &b c\n',
      'a: *b\n',
      'a: !b c\n',
      'a: |\n  b\n',
      'a: >\n  b\n',
      '<<: b\n',
      '? a\n: b\n',
      '---\na: b\n',
    ],
    ...[
      'a: b\n---\n',
      'a: b\n...\n',
      '%YAML 1.2\n---\na: b\n',
      'a: "b\\n"\n',
      "a: 'b''c'\n",
      'a: "b" c\n',
      'a: "b\n  c"\n',
    ],
    ...[
      'a: b: c\n',
      'a: b:\n',
      'a: [b, c\n',
      'a: [b: c]\n',
      'a: [b,]\n',
      'a: {}\n',
      'a: - b\n',
      'a:\n  - - b\n',
      'a:\n  - b: c\n',
    ],
    ...[
      '1: a\n',
      'null: a\n',
      'true: a\n',
      '"a": b\n',
      'a : b\n',
      'a:b\n',
      'a: 1.5\n',
      'a: 1e3\n',
      'a: 0x1f\n',
      'a: +1\n',
    ],
    ...[
      'a: -1\n',
      'a: .5\n',
      'a: .inf\n',
      'a: 007\n',
      'a: ~\n',
      'a: ü\n',
      'a: b\u0000\n',
      'a: b\u2028\n',
      'a: @b\n',
      'a: `b`\n',
    ],
    ...[
      `${'a'.repeat(200)}: b\n`,
      Array.from({ length: 40 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    ],
  ])('leaves %j to the library', (text) => {
    expect(isPlain(text)).toBe(false);
  });
});
