import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatContent, MAX_BYTES, parseContent } from '../../../../src/secrets/file/envelope.ts';

const VERSION = '0123456789abcdef0123456789abcdef';
const WRITER = '00ff00ff00ff00ff-12-34';

function parse(data: unknown) {
  const bytes = Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
  return parseContent(bytes, bytes.length);
}

function digestOf(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return `damaged-${hash.digest('hex').slice(0, 16)}`;
}

describe('a content', () => {
  it('reads back as it was written, the version first', () => {
    const written = formatContent({ version: VERSION, writer: WRITER, follows: ['absent'] }, { a: [1] });
    expect(parseContent(written.bytes, written.bytes.length)).toEqual(written);
    expect(written.bytes.toString().startsWith(`{\n  "version": "${VERSION}"`)).toBe(true);
  });

  it('remembers the eight versions before it, the latest ones', () => {
    const follows = Array.from({ length: 9 }, (_, index) => `v${index}`);
    const written = formatContent({ version: VERSION, writer: WRITER, follows }, {});
    expect(written.follows).toEqual(follows.slice(0, 8));
    expect(parseContent(written.bytes, written.bytes.length).follows).toEqual(follows.slice(0, 8));
  });

  it.each([7, 'two words', 'UPPER', 'a/b', '', 'a\n', '\na'])('has no writer where it says %j', (writer) => {
    expect(parse({ version: VERSION, writer })).toMatchObject({ version: VERSION, writer: '', body: {} });
  });

  it('heeds of its predecessors what can be a version', () => {
    expect(parse({ version: VERSION, follows: ['absent', 7, null] }).follows).toEqual(['absent']);
    expect(parse({ version: VERSION, follows: 'absent' }).follows).toEqual([]);
  });
});

describe('a content that cannot be read', () => {
  it.each([
    { data: '{', damage: 'is not valid JSON' },
    { data: '', damage: 'is not valid JSON' },
    { data: 'null', damage: 'is not a JSON object' },
    { data: '7', damage: 'is not a JSON object' },
    { data: '"text"', damage: 'is not a JSON object' },
    { data: `[{"version":"${VERSION}"}]`, damage: 'is not a JSON object' },
    { data: '{}', damage: 'has no version' },
    { data: `{"version":["${VERSION}"]}`, damage: 'has no version' },
    { data: `{"version":"${VERSION.toUpperCase()}"}`, damage: 'has no version' },
    { data: `{"version":"${VERSION}0"}`, damage: 'has no version' },
    { data: `{"version":"0${VERSION}"}`, damage: 'has no version' },
  ])('has the version of its bytes, and no body: $data', ({ data, damage }) => {
    expect(parse(data)).toEqual({
      version: digestOf(data),
      writer: '',
      follows: [],
      damage,
      bytes: Buffer.from(data),
    });
  });

  it('is text that is not UTF-8, wherever it stands', () => {
    const bytes = Buffer.concat([
      Buffer.from(`{"version":"${VERSION}","a":"`),
      Buffer.from([0xff, 0x22, 0x7d]),
    ]);
    expect(parseContent(bytes, bytes.length)).toMatchObject({
      version: digestOf(bytes),
      damage: 'is not valid JSON',
    });
  });

  it('is a file of more than 1 MiB, whose whole size tells it from others that begin so', () => {
    const { bytes } = formatContent({ version: VERSION, writer: WRITER, follows: [] }, {});
    expect(parseContent(bytes, MAX_BYTES).version).toBe(VERSION);
    for (const size of [MAX_BYTES + 1, MAX_BYTES + 2]) {
      expect(parseContent(bytes, size)).toMatchObject({
        version: digestOf(bytes, `size ${size}`),
        damage: 'is larger than 1 MiB',
      });
    }
    expect(parseContent(Buffer.from('x'), MAX_BYTES).version).toBe(digestOf('x'));
  });
});
