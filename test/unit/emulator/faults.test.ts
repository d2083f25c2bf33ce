import { expect, test } from 'vitest';
import { createFaultBook } from '../../../src/emulator/faults.ts';
import type { Fault, FaultAction } from '../../../src/emulator/faults.ts';
import { identify } from '../../../src/emulator/routes.ts';

const LIST = identify('GET', '/api/partner/v3/webhook-subscriptions');
const GET_X = identify('GET', '/api/partner/v3/webhook-subscriptions/x');
const CREATE = identify('POST', '/api/partner/v3/webhook-subscriptions');
const UNKNOWN = identify('GET', '/elsewhere');
const RESET: FaultAction = { kind: 'reset' };

function kinds(faults: readonly Fault[], calls = [LIST]): string[][] {
  const book = createFaultBook();
  for (const fault of faults) book.add(fault);
  return calls.map((call) => book.take(call).map((hit) => hit.action.kind));
}

test.each([
  ['nothing given', {}, [true, true, true, true]],
  ['any path', { path: 'any' }, [true, true, true, true]],
  ['a method', { method: 'get' }, [true, true, false, true]],
  ['a path', { path: 'list' }, [true, false, false, false]],
  ['an id', { id: 'x' }, [false, true, false, false]],
  ['method and path', { method: 'POST', path: 'list' }, [false, false, false, false]],
] as const)('a fault with %s matches the right requests', (_, match, expected) => {
  const calls = [LIST, GET_X, CREATE, UNKNOWN];
  const hit = kinds([{ match, times: 'always', action: RESET }], calls).map((found) => found.length > 0);
  expect(hit).toEqual(expected);
});

test.each([
  ['once unless told otherwise', {}, [1, 0, 0, 0]],
  ['n times', { times: 2 }, [1, 1, 0, 0]],
  ['always', { times: 'always' }, [1, 1, 1, 1]],
  ['from the nth on', { match: { nth: 2 }, times: 2 }, [0, 1, 1, 0]],
] as const)('a fault hits %s', (_, options, expected) => {
  const hits = kinds([{ ...options, action: RESET }], [LIST, LIST, LIST, LIST]);
  expect(hits.map((found) => found.length)).toEqual(expected);
});

test('the nth request counts only those that match', () => {
  const fault: Fault = { match: { path: 'create', nth: 2 }, action: RESET };
  expect(kinds([fault], [CREATE, LIST, GET_X, CREATE])).toEqual([[], [], [], ['reset']]);
});

test('pauses come in order, and one end hits a request; the other end waits for the next', () => {
  const faults: Fault[] = [
    { action: { kind: 'delay', ms: 1 } },
    { action: RESET },
    { action: { kind: 'refuse' } },
    { action: { kind: 'hold' } },
  ];
  expect(kinds(faults, [LIST, LIST, LIST])).toEqual([['delay', 'reset', 'hold'], ['refuse'], []]);
});

test('what has a meaning for one operation only leaves the others alone', () => {
  const faults: Fault[] = [
    { action: { kind: 'partial', drop: 1 } },
    { action: { kind: 'shape', body: 'no-secret' } },
  ];
  expect(kinds(faults, [GET_X, CREATE, LIST])).toEqual([[], ['shape'], ['partial']]);
});

test('a release lets go what waits at that moment, each once', () => {
  const book = createFaultBook();
  const fault = book.add({ times: 'always', action: { kind: 'hold' } });
  const resumed: string[] = [];
  book.take(LIST)[0]!.wait(() => resumed.push('first'));
  const takeBack = book.take(LIST)[0]!.wait(() => resumed.push('second'));
  takeBack();
  fault.release();
  book.take(LIST)[0]!.wait(() => resumed.push('third'));
  expect(resumed).toEqual(['first']);
  fault.release();
  expect(resumed).toEqual(['first', 'third']);
  expect(fault.hits).toBe(3);
});
