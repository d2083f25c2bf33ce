import fc from 'fast-check';

/** How often a part of a tree is kept as it is in the example, against one time that it is not. */
const KEPT = 14;
/** Enough that whatever compares each with each other one does not come to an end. */
const MANY = 60_000;

const ODD_TEXTS = [
  ...[
    '',
    ' ',
    '\u0000',
    '\ud800',
    '\u202e',
    '\u061c',
    '\u001b[2J',
    '\n',
    '__proto__',
    'constructor',
    'null',
    '\ufeff',
  ],
  ...[
    'a'.repeat(70),
    '\u{1f600}',
    '$&',
    '*',
    '..',
    '/',
    '-',
    'A',
    '0',
    '1e3',
    '+12025551234',
    'https://a.example/',
  ],
];
const ODD_NUMBERS = [0, -0, -1, 1, 1.5, 65, 1e21, 5e-324, Number.MAX_SAFE_INTEGER + 2, -2147483649];

const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { a: 1 }),
  fc.constantFrom<unknown>(...ODD_TEXTS),
  fc.constantFrom<unknown>(...ODD_NUMBERS),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.jsonValue({ maxDepth: 3 }),
);

const oddKey = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '',
    'a',
    '\u0000',
    '\ud800',
    '\u202e',
    '0',
    'token',
    'schema',
  ),
  fc.string({ maxLength: 8 }),
);

/** Trees like one of the examples, with some parts odd, missing, doubled or too many. */
export function nearTo(...examples: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(...examples.map((example) => nearOne(example)));
}

function nearOne(example: unknown): fc.Arbitrary<unknown> {
  const kept = Array.isArray(example)
    ? nearList(example)
    : typeof example === 'object' && example !== null
      ? nearMap(Object.entries(example))
      : fc.constant(example);
  return fc.oneof(
    { weight: KEPT, arbitrary: kept },
    { weight: 1, arbitrary: typeof example === 'string' ? nearText(example) : odd },
  );
}

function nearText(example: string): fc.Arbitrary<unknown> {
  const mixed = fc
    .tuple(fc.nat(example.length), fc.constantFrom(...ODD_TEXTS))
    .map(([at, text]) => example.slice(0, at) + text + example.slice(at));
  return fc.oneof(
    odd,
    mixed,
    fc.nat(example.length).map((at) => example.slice(0, at)),
  );
}

function nearList(items: readonly unknown[]): fc.Arbitrary<unknown> {
  const whole = fc.tuple(...items.map((item) => nearOne(item)));
  const mixed = whole.chain((list) => fc.array(fc.constantFrom(...list, null), { maxLength: 6 }));
  const many = fc.constantFrom(100, MANY).map((length) => manyOf(items[0] ?? 'a', length));
  return fc.oneof(
    { weight: 20 * KEPT, arbitrary: whole },
    { weight: 20, arbitrary: mixed },
    { weight: 1, arbitrary: many },
  );
}

/** Texts that all differ, and are no names; so that nobody asks a server for each of them. At most about a megabyte. */
function manyOf(item: unknown, most: number): unknown[] {
  const length = Math.min(most, Math.ceil(1_000_000 / JSON.stringify(item).length));
  return Array.from({ length }, (_, index) => (typeof item === 'string' ? `${item}A${index}` : item));
}

function nearMap(entries: readonly (readonly [string, unknown])[]): fc.Arbitrary<unknown> {
  const once = { weight: KEPT, arbitrary: fc.constant(true) };
  const fields = entries.map(([key, value]) =>
    fc
      .tuple(fc.oneof(once, { weight: 1, arbitrary: fc.constant(false) }), nearOne(value))
      .map(([isKept, part]) => (isKept ? [[key, part] as const] : [])),
  );
  const extra = fc.oneof(
    { weight: KEPT, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(oddKey, fc.oneof(odd, ...entries.map(([, value]) => fc.constant(value))))
        .map((pair) => [pair]),
    },
  );
  return fc.tuple(fc.tuple(...fields), extra).map(([kept, more]) => mapOf([...kept.flat(), ...more]));
}

/** An object in which `__proto__` is a key like any other. */
function mapOf(entries: readonly (readonly [string, unknown])[]): object {
  const map = {};
  for (const [key, value] of entries) {
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return map;
}
