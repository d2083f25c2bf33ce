import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DesiredEntry } from '../../../src/domain/desired.ts';
import { parseSubscriptions } from '../../../src/config/parse-subscriptions.ts';
import { renderProblems } from '../../../src/config/render-problems.ts';

const good = new URL('../../fixtures/subscriptions/good/', import.meta.url);
const bytesOf = (name: string): Uint8Array => readFileSync(new URL(`${name}.yaml`, good));

function entriesOf(name: string): readonly DesiredEntry[] {
  const { declared, problems } = parseSubscriptions(bytesOf(name), name);
  expect(renderProblems(problems)).toBe('');
  return declared!.entries;
}

const MINIMAL: DesiredEntry = {
  name: 'support',
  fields: {
    target_url: 'https://hooks.example.com/linq?version=2026-02-03',
    subscribed_events: ['message.received'],
    phone_numbers: null,
  },
  previously: [],
  prevent_destroy: false,
  rotate_after: null,
};

describe('a good subscriptions file', () => {
  const names = readdirSync(good).map((file) => file.slice(0, -'.yaml'.length));

  it.each(names)('is accepted: %s', (name) => {
    const { declared, problems } = parseSubscriptions(bytesOf(name), name);
    expect(renderProblems(problems)).toBe('');
    expect(declared).not.toBeNull();
  });

  it.each(['minimal', 'byte-order-mark', 'crlf', 'document-markers', 'json'])(
    'means the same however it is written: %s',
    (name) => {
      expect(entriesOf(name)).toEqual([MINIMAL]);
    },
  );

  it('has a byte order mark and carriage returns where the fixtures say so', () => {
    expect([...bytesOf('byte-order-mark').subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(Buffer.from(bytesOf('crlf')).toString()).toContain('\r\n');
  });

  it('gives the defaults to entries that do not replace them', () => {
    expect(entriesOf('defaults')).toEqual([
      {
        name: 'inherits',
        fields: {
          target_url: 'https://hooks.example.com/a?version=2026-02-03',
          subscribed_events: ['message.failed', 'message.received'],
          phone_numbers: ['+12025551234'],
          is_active: true,
          routing_key_header: 'X-Key',
        },
        previously: [],
        prevent_destroy: true,
        rotate_after: 7_776_000_000,
      },
      {
        name: 'replaces',
        fields: {
          target_url: 'https://hooks.example.com/b?version=2026-02-03',
          subscribed_events: ['reaction.added'],
          phone_numbers: null,
          is_active: false,
          routing_key_header: null,
          routing_id_header: 'X-Id',
        },
        previously: [],
        prevent_destroy: false,
        rotate_after: null,
      },
    ]);
  });

  it('sorts entries, and the lists that are sets to Linq', () => {
    const [alpha, zulu] = entriesOf('all-fields');
    expect(alpha?.name).toBe('alpha');
    expect(zulu).toEqual({
      name: 'zulu',
      fields: {
        target_url: 'https://hooks.example.com/z?version=2026-02-03',
        subscribed_events: ['chat.typing_indicator.started', 'message.received'],
        phone_numbers: ['+12025551234', '+12025559876'],
        is_active: false,
        routing_key_header: 'X-Linq-Key',
        routing_id_header: null,
      },
      previously: ['x-ray', 'yankee'],
      prevent_destroy: true,
      rotate_after: null,
    });
  });

  it('repeats what an alias names', () => {
    expect(entriesOf('anchors-and-aliases').map(({ fields }) => fields.subscribed_events)).toEqual([
      ['message.failed', 'message.received'],
      ['message.received'],
      ['message.failed', 'message.received'],
    ]);
  });

  it('takes an alias for the last anchor of its name before it', () => {
    const text = `version: 1
subscriptions:
  a: { target_url: "https://a.example/?version=1", subscribed_events: &e [&x a.one] }
  b: { target_url: "https://b.example/?version=1", subscribed_events: [&x b.two] }
  c: { target_url: "https://c.example/?version=1", subscribed_events: *e }
  d: { target_url: "https://d.example/?version=1", subscribed_events: [*x] }
`;
    const events = parseSubscriptions(text, 'x').declared?.entries.map(
      ({ fields }) => fields.subscribed_events,
    );
    expect(events).toEqual([['a.one'], ['b.two'], ['a.one'], ['b.two']]);
  });

  it('may name entries as a prototype would name its members', () => {
    expect(entriesOf('numeric-names').map(({ name }) => name)).toEqual(['2026', 'constructor']);
  });

  it('may be empty where it consents to that', () => {
    const { declared } = parseSubscriptions(bytesOf('allow-empty'), 'x');
    expect(declared).toMatchObject({ entries: [], allow_empty: true });
  });

  it.each([
    ['https://a.example/linq', 'https://a.example/linq?version=2026-02-03'],
    ['https://a.example/linq?', 'https://a.example/linq?version=2026-02-03'],
    ['https://a.example/linq?line=1', 'https://a.example/linq?line=1&version=2026-02-03'],
    ['https://a.example/linq?version=&line=1', 'https://a.example/linq?version=2026-02-03&line=1'],
  ])('is warned of when the URL is not pinned: %s', (url, suggestion) => {
    const text = `version: 1\nsubscriptions:\n  a:\n    target_url: ${url}\n    subscribed_events: [a.b]\n`;
    const { declared, warnings } = parseSubscriptions(text, 'x.yaml');
    expect(declared).not.toBeNull();
    expect(warnings).toMatchObject([{ file: 'x.yaml', position: { line: 4, column: 17 }, suggestion }]);
  });

  it('gets no warning for a pinned URL', () => {
    expect(parseSubscriptions(bytesOf('minimal'), 'x').warnings).toEqual([]);
  });

  it('may have thousands of entries', () => {
    let text = 'version: 1\ndefaults: { subscribed_events: [message.received] }\nsubscriptions:\n';
    for (let index = 0; index < 3_000; index += 1) {
      text += `  entry-${index}:\n    target_url: https://hooks.example.com/${index}?version=2026-02-03\n`;
    }
    expect(parseSubscriptions(text, 'x').declared?.entries).toHaveLength(3_000);
  });
});
