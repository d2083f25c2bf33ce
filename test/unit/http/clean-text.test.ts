import { expect, it } from 'vitest';
import { Secret } from '../../../src/domain/secret.ts';
import { cleanText } from '../../../src/http/clean-text.ts';

it('makes one line of the text, without anything that a terminal would act on', () => {
  expect(cleanText(' a\r\n\tb\u001b[31mred\u0000\u202e\u200b \ud800c ')).toBe('a b[31mred c');
});

it('cuts to 200 characters, and no character in half', () => {
  const cut = cleanText('😀'.repeat(300));
  expect(Array.from(cut)).toHaveLength(200);
  expect(cut.endsWith('😀…')).toBe(true);
  expect(cleanText('x'.repeat(200))).toBe('x'.repeat(200));
});

it('blots out the given secrets, wherever they stand', () => {
  expect(cleanText('key k-12345 and k-12345!', [new Secret('k-12345')])).toBe('key [secret] and [secret]!');
});

it('blots out a secret that the cut would have halved', () => {
  const text = cleanText(`${'x'.repeat(190)} whsec_${'A'.repeat(43)}=`);
  expect(text).toBe(`${'x'.repeat(190)} [secret]`);
});

it.each([
  ['whsec_abc123def456', '[secret]'],
  ['is WHSEC_abc/+=-_ ok', 'is [secret] ok'],
  ['whsec_abc\u0000def', '[secret]'],
  ['invalid token: hvs.CAESIJ-abc_def', 'invalid token: [secret]'],
  ['xhvs.CAESIJ-abcdefghijklmnop_qrst', 'x[secret]'],
  ['archvs.example', 'archvs.example'],
  ['Authorization: Bearer abcdefghijklmnop', 'Authorization: Bearer [secret]'],
  ['the bearer token is missing', 'the bearer token is missing'],
])('turns %j into %j', (text, clean) => {
  expect(cleanText(text)).toBe(clean);
});
