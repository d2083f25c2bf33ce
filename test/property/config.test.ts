import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseSettings } from '../../src/config/parse-settings.ts';
import { parseSubscriptions } from '../../src/config/parse-subscriptions.ts';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?$/);
const event = fc.stringMatching(/^[a-z][a-z0-9_]{0,5}(\.[a-z0-9_]{1,5}){1,2}$/);
const phone = fc.stringMatching(/^\+[1-9][0-9]{6,12}$/);

const entry = fc.record(
  {
    subscribed_events: fc.uniqueArray(event, { minLength: 1, maxLength: 4 }),
    phone_numbers: fc.oneof(fc.constant('all'), fc.uniqueArray(phone, { minLength: 1, maxLength: 3 })),
    is_active: fc.boolean(),
    routing_key_header: fc.constantFrom('X-Key', null),
    lifecycle: fc.record({ prevent_destroy: fc.boolean() }),
  },
  { requiredKeys: ['subscribed_events'] },
);

/** A file's entries; each URL is made from the name, so that it is unique. */
const entries = fc
  .uniqueArray(fc.tuple(name, entry), { selector: ([key]) => key, minLength: 1, maxLength: 6 })
  .map((pairs) =>
    pairs.map(
      ([key, fields]) => [key, { ...fields, target_url: `https://a.example/${key}?version=1` }] as const,
    ),
  );

function shuffled<T>(items: readonly T[], order: readonly number[]): T[] {
  return items
    .map((item, index) => ({ item, rank: order[index % order.length]! + index / 1000 }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

function fileOf(pairs: readonly (readonly [string, object])[]): string {
  // A map, since an object would sort names that are numbers.
  return stringify({ version: 1, subscriptions: new Map(pairs) });
}

describe('reading a subscriptions file (I9)', () => {
  it('gives the same whatever the order of entries, keys and lists', () => {
    fc.assert(
      fc.property(entries, fc.array(fc.nat(9), { minLength: 3, maxLength: 8 }), (pairs, order) => {
        const mixed = shuffled(pairs, order).map(([key, fields]): [string, object] => [
          key,
          Object.fromEntries(
            shuffled(Object.entries(fields), order).map(([field, value]) => [
              field,
              Array.isArray(value) ? shuffled(value, order) : value,
            ]),
          ),
        ]);
        const straight = parseSubscriptions(fileOf(pairs), 'x');
        const other = parseSubscriptions(fileOf(mixed), 'x');
        expect(straight.problems).toEqual([]);
        expect(straight.declared?.entries).toHaveLength(pairs.length);
        expect(other.declared?.entries).toEqual(straight.declared?.entries);
      }),
      { numRuns: 100 },
    );
  });

  const fragment = fc.constantFrom(
    ...[
      'version: 1\n',
      'subscriptions:\n',
      '  a:\n',
      '    ',
      'target_url: ',
      'https://a.example/',
      '[',
      ']',
      '{',
      '}',
    ],
    ...[
      '&a ',
      '*a',
      '!!int ',
      '!t ',
      '<<: ',
      '? ',
      '- ',
      ': ',
      '\n',
      '\t',
      '"',
      "'",
      '#',
      '%YAML 1.1\n',
      '---\n',
      '...\n',
    ],
    ...[
      '|\n',
      '>-\n',
      '__proto__',
      'constructor: ',
      'null',
      '~',
      '.nan',
      '0x1f',
      '+1',
      '1e999',
      '\u0000',
      '\ud800',
      '\ufeff',
    ],
    ...[
      'subscribed_events: ',
      'phone_numbers: ',
      'lifecycle: ',
      'defaults:\n',
      'previously: ',
      'allow_empty: true\n',
      '`',
      '@',
      '\r',
    ],
  );
  const text = fc.oneof(
    fc.string({ maxLength: 60, unit: 'binary' }),
    fc.array(fragment, { maxLength: 25 }).map((parts) => parts.join('')),
    fc
      .array(fragment, { maxLength: 15 })
      .map((parts) => `version: 1\nsubscriptions:\n  a:\n    ${parts.join('')}`),
  );

  it('never throws: any text is either good, or has problems in places that exist', () => {
    fc.assert(
      fc.property(text, (content) => {
        const { declared, problems } = parseSubscriptions(content, 'x');
        expect(declared === null).toBe(problems.length > 0);
        const lines = content.split('\n').length;
        for (const { position, message, frame } of problems) {
          expect(position?.line ?? 1).toBeLessThanOrEqual(lines);
          expect(`${message}${frame ?? ''}`).not.toMatch(/[^\P{Cc}\n]/u);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it('never throws for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const { declared, problems } = parseSubscriptions(bytes, 'x');
        expect(declared === null).toBe(problems.length > 0);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws for any text as settings', () => {
    fc.assert(
      fc.property(text, (content) => {
        expect(Array.isArray(parseSettings(content, 'x').problems)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
