import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isIgnored, markOf } from '../../../src/domain/target-url.ts';

describe('isIgnored', () => {
  it.each([
    ['https://a.example/', 'https://a.example/', true],
    ['https://a.example/x', 'https://a.example/', false],
    ['https://a.example/x', 'https://a.example/*', true],
    ['https://a.example/x/y', 'https://a.example/*', false],
    ['https://a.example/x/y', 'https://a.example/**', true],
    ['https://a.example/', 'https://a.example/**', true],
    ['https://A.example', 'https://a.example/', true],
    ['https://a.example/x.y', 'https://a.example/x?y', false],
    ['https://b.a.example/x', 'https://*.a.example/*', true],
    ['https://evil.example/?https://a.example/', '*https://a.example/', false],
    ['https://webhook.linqapp.com/relay', 'https://nowhere.example/', true],
  ])('says for %s and the pattern %s: %s', (url, pattern, expected) => {
    expect(isIgnored(url, [pattern])).toBe(expected);
  });

  it('finds a mark however it is written', () => {
    const part = fc.constantFrom(
      ...['https://a.example', '/', '?', '&', '#', '=', 'x', 'linq_gitops', 'linq_', 'gitops', 'id.1'],
      ...['%6Cinq_gitops', 'LINQ_GITOPS', '\t', '\n', '\r', '%', '+', ' ', 'linq\u005fgitops'],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
        const url = `https://a.example/?${parts.join('')}`;
        expect(markOf(url)).toBe(new URL(url).searchParams.get('linq_gitops') ?? undefined);
      }),
      { numRuns: 5_000 },
    );
    expect(markOf('linq_gitops=id.1')).toBeUndefined();
  });

  it('judges as the regular expression that a pattern stands for', () => {
    const part = fc.constantFrom('a', 'b', '/', '*', '**', '.');
    const text = fc
      .array(fc.constantFrom('a', 'b', '/', '.'), { maxLength: 8 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(part, { maxLength: 6 }), (url, parts) => {
        const pattern = parts.join('');
        const source = pattern.replace(/\*\*|\*|\./g, (one) => ({ '**': '.*', '*': '[^/]*' })[one] ?? '\\.');
        // Not a URL, so that it is compared as it is.
        expect(isIgnored(url, [pattern])).toBe(new RegExp(`^${source}$`).test(url));
      }),
      { numRuns: 2_000 },
    );
  });

  it('has done with a pattern of many stars before anybody would lose patience', () => {
    expect(isIgnored(`https://a.example/${'a'.repeat(2_000)}`, [`${'**a'.repeat(30)}b`])).toBe(false);
  });
});
