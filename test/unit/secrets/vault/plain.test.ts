import { expect, it } from 'vitest';
import { asObject, objectAt, parseObject, textsAt } from '../../../../src/secrets/vault/plain.ts';

it.each(['text', 7, true, null, undefined, ['a']])('takes %j for no object', (value) => {
  expect(asObject(value)).toBeUndefined();
  expect(objectAt({ at: value }, 'at')).toEqual({});
  expect(parseObject(JSON.stringify({ value }).slice(9, -1))).toBeUndefined();
});

it('gives the object that is there', () => {
  expect(objectAt({ at: { a: 1 } }, 'at')).toEqual({ a: 1 });
  expect(objectAt({}, 'at')).toEqual({});
  expect(parseObject('{"a":1}')).toEqual({ a: 1 });
});

it.each(['', '{', '<html>', 'no'])('takes %j, which is no JSON, for no object', (text) => {
  expect(parseObject(text)).toBeUndefined();
});

it('gives the texts of a list, and nothing else', () => {
  expect(textsAt({ at: ['a', 1, null, {}, 'b'] }, 'at')).toEqual(['a', 'b']);
  expect(textsAt({ at: 'a' }, 'at')).toEqual([]);
  expect(textsAt({}, 'at')).toEqual([]);
});
