import { describe, expect, it } from 'vitest';
import { nearest } from '../../../src/domain/nearest.ts';
import { parseAge, parseDuration, parseDurationOrNone } from '../../../src/config/duration.ts';
import { maskSecrets, printable, quote } from '../../../src/config/quote.ts';
import { renderProblems } from '../../../src/config/render-problems.ts';
import { codeFrames, positionOf, sourceText } from '../../../src/config/source-text.ts';

describe('nearest', () => {
  const keys = ['target_url', 'subscribed_events', 'phone_numbers', 'is_active'];

  it.each([
    ['target_ulr', 'target_url'],
    ['targeturl', 'target_url'],
    ['TARGET_URL', 'target_url'],
    ['subscribe_events', 'subscribed_events'],
    ['phone_number', 'phone_numbers'],
    ['banana', undefined],
    ['x', undefined],
    ['', undefined],
    ['t'.repeat(10_000), undefined],
  ])('finds for %s: %s', (word, expected) => {
    expect(nearest(word, keys)).toBe(expected);
  });

  it('counts a swap of neighbours once', () => {
    expect(nearest('sycn', ['sink', 'sync'])).toBe('sync');
  });
});

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['24d', 2_073_600_000],
    ['25d', undefined],
    ['0s', undefined],
    ['1.5s', undefined],
    ['30', undefined],
    [' 30s', undefined],
    ['PT30S', undefined],
    ['9999999999d', undefined],
  ])('reads %j as %j', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });
});

describe('parseDurationOrNone', () => {
  it.each([
    ['0s', 0],
    ['1s', 1_000],
    ['0m', undefined],
    ['0', undefined],
    ['25d', undefined],
  ])('reads %j as %j', (text, expected) => {
    expect(parseDurationOrNone(text)).toBe(expected);
  });
});

describe('parseAge', () => {
  it.each([
    ['90d', 7_776_000_000],
    ['36h', 129_600_000],
    ['3650d', 315_360_000_000],
    ['3651d', undefined],
    ['0d', undefined],
    ['90', undefined],
  ])('reads %j as %j', (text, expected) => {
    expect(parseAge(text)).toBe(expected);
  });
});

describe('what is shown of a file', () => {
  it('covers secrets, as many characters as they have', () => {
    const texts = [
      'signing_secret: whsec_AAAA',
      'url: https://me:pass@host/',
      '{ token: abc, timeout: 5s }',
      "api_key: 'abc def'",
    ];
    expect(texts.map(maskSecrets)).toEqual([
      'signing_secret: **********',
      'url: https://*******@host/',
      '{ token: ***, timeout: 5s }',
      'api_key: *********',
    ]);
  });

  it('leaves alone what only sounds like a secret', () => {
    const texts = [
      'routing_key_header: X-Key',
      'key_file: ./key',
      'allow: [secret-loss]',
      'secrets: { sink: file }',
    ];
    expect(texts.map(maskSecrets)).toEqual(texts);
  });

  it('holds nothing that a terminal would act on', () => {
    expect(printable('a\u001b[31m\u202e\u0000b\tc')).toBe('a\ufffd[31m\ufffd\ufffdb→c');
    expect(quote(`x\n${'y'.repeat(100)}`)).toBe(`"x\ufffd${'y'.repeat(57)}…"`);
  });

  it('holds nothing that is not to be seen, but what scripts and emoji are joined with', () => {
    expect(printable('a\u061cb\u00adc\u2060d\u{e0041}e\u180e')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffd');
    expect(printable('\u{1f468}\u200d\u{1f469} \u0646\u200c\u0645')).toBe(
      '\u{1f468}\u200d\u{1f469} \u0646\u200c\u0645',
    );
  });

  it('counts columns in characters, and lines at both kinds of line break', () => {
    const source = sourceText('x', 'a\r\n😀é: b\n');
    expect(positionOf(source, source.text.indexOf('b'))).toEqual({ line: 2, column: 5 });
    expect(positionOf(source, 0)).toEqual({ line: 1, column: 1 });
    expect(positionOf(source, source.text.length)).toEqual({ line: 3, column: 1 });
  });

  it('puts the caret under the place, also behind wide characters and in the last line', () => {
    const source = sourceText('x', '😀😀: bad');
    expect(codeFrames(source, [])({ start: 6, end: 9 })).toBe('> 1 | 😀😀: bad\n    |     ^^^');
  });
});

describe('renderProblems', () => {
  const problem = {
    file: 'x',
    position: { line: 1, column: 2 },
    message: 'm',
    frame: '> 1 | ab\n    |  ^',
    suggestion: 's',
  };

  it('is empty for no problems', () => {
    expect(renderProblems([])).toBe('');
  });

  it('shows place, message, frame and what to write', () => {
    expect(renderProblems([problem, { file: 'y', message: 'n' }])).toBe(
      'x:1:2: m\n  > 1 | ab\n      |  ^\n  write: s\n\ny: n\n',
    );
  });

  it('shows no name of a file that a terminal would act on', () => {
    expect(renderProblems([{ ...problem, file: 'a\u001b[2J\n.yaml' }])).toMatch(
      /^a\ufffd\[2J\ufffd\.yaml:1:2: m\n/,
    );
  });

  it('colours with what it is given', () => {
    const tag = (name: string) => (text: string) => `<${name}>${text}</${name}>`;
    const paint = { place: tag('p'), frame: tag('f'), caret: tag('c'), suggestion: tag('s') };
    const framed = { ...problem, frame: '  1 | a\n> 2 | b\n    | ^' };
    expect(renderProblems([framed], paint)).toBe(
      '<p>x:1:2:</p> m\n  <f>  1 | a</f>\n  <c>> 2 | b</c>\n  <c>    | ^</c>\n  write: <s>s</s>\n',
    );
  });
});
