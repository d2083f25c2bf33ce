import { expect, it } from 'vitest';
import { parseHttpDate } from '../../../src/http/http-date.ts';

it('reads the date of the HTTP standard', () => {
  expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
});

it.each([
  undefined,
  '',
  '0',
  '-1',
  '2026',
  '2026-09-01T12:00:00Z',
  'Sun, 06 Nov 1994 25:49:37 GMT',
  'Sun Nov  6 08:49:37 1994',
])('takes %s for no date', (text) => {
  expect(parseHttpDate(text)).toBeUndefined();
});
