import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { Emulator } from '../../../src/emulator/emulator.ts';
import { EVENTS, SUBSCRIPTIONS, callApi, create, json, listedUrls, openEmulator } from './raw-client.ts';
import type { RawAnswer } from './raw-client.ts';

const URL_A = 'https://hooks.example.com/a';
const URL_B = 'https://hooks.example.com/b';
const NEW_A = { target_url: URL_A, subscribed_events: EVENTS };

const post = (emulator: Emulator, body: object = NEW_A): Promise<RawAnswer> =>
  callApi(emulator, 'POST', SUBSCRIPTIONS, body);
const liveUrls = (emulator: Emulator) => emulator.subscriptions().map(({ target_url }) => target_url);

test('delay: hits as often as asked, and the answer still comes', async () => {
  const emulator = await openEmulator();
  const fault = emulator.addFault({ action: { kind: 'delay', ms: 1 }, times: 2 });
  for (let request = 0; request < 3; request++) {
    expect((await callApi(emulator, 'GET', SUBSCRIPTIONS)).status).toBe(200);
  }
  expect(fault.hits).toBe(2);
});

test('delay: a request that is delayed without end is overtaken by the next', async () => {
  const emulator = await openEmulator();
  emulator.addFault({ match: { path: 'create' }, action: { kind: 'delay', ms: 3_600_000 } });
  const delayed = post(emulator).catch((error: unknown) => error);
  expect((await post(emulator, { ...NEW_A, target_url: URL_B })).status).toBe(201);
  expect(liveUrls(emulator)).toEqual([URL_B]);
  await emulator.close();
  expect(await delayed).toBeInstanceOf(Error);
});

test('refuse: the connection is reset before anything is committed', async () => {
  const emulator = await openEmulator();
  emulator.addFault({ action: { kind: 'refuse' } });
  await expect(post(emulator)).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(emulator.subscriptions()).toEqual([]);
  expect((await post(emulator)).status).toBe(201);
});

test.each(['POST', 'PUT', 'DELETE'])('reset: a %s is committed, and its answer is lost', async (method) => {
  const emulator = await openEmulator();
  const { id } = await create(emulator, URL_B);
  emulator.addFault({ action: { kind: 'reset' }, match: { method } });
  const path = method === 'POST' ? SUBSCRIPTIONS : `${SUBSCRIPTIONS}/${id}`;
  await expect(callApi(emulator, method, path, NEW_A)).rejects.toMatchObject({ code: 'ECONNRESET' });
  const after = { POST: [URL_B, URL_A], PUT: [URL_A], DELETE: [] as string[] }[method];
  expect(liveUrls(emulator)).toEqual(after);
  expect(emulator.requests.at(-1)?.status).toBeNull();
});

test('truncate: a create is committed, and its answer breaks off', async () => {
  const emulator = await openEmulator();
  emulator.addFault({ action: { kind: 'truncate' } });
  await expect(post(emulator)).rejects.toMatchObject({ message: 'aborted' });
  expect(liveUrls(emulator)).toEqual([URL_A]);
  expect(emulator.requests.at(-1)?.status).toBe(201);
});

test('truncate: an answer without body is reset', async () => {
  const emulator = await openEmulator();
  const { id } = await create(emulator);
  emulator.addFault({ action: { kind: 'truncate' } });
  await expect(callApi(emulator, 'DELETE', `${SUBSCRIPTIONS}/${id}`)).rejects.toMatchObject({
    code: 'ECONNRESET',
  });
  expect(emulator.subscriptions()).toEqual([]);
});

test.each([
  ['data', '{"data":[]}', 'application/json'],
  ['array', '[]', 'application/json'],
  ['null', 'null', 'application/json'],
  ['empty', '', 'application/json'],
  ['html', '<html>Sign in</html>', 'text/html'],
] as const)('shape: a list reads as %s with its usual status', async (body, text, type) => {
  const emulator = await openEmulator();
  await create(emulator);
  emulator.addFault({ match: { path: 'list' }, action: { kind: 'shape', body } });
  const answer = await callApi(emulator, 'GET', SUBSCRIPTIONS);
  expect(answer).toMatchObject({ status: 200, text, headers: { 'content-type': type } });
  expect(await listedUrls(emulator)).toEqual([URL_A]);
});

test('shape: a create without its secret is committed', async () => {
  const emulator = await openEmulator();
  const fault = emulator.addFault({ action: { kind: 'shape', body: 'no-secret' } });
  await listedUrls(emulator);
  expect(fault.hits).toBe(0);
  const answer = await post(emulator);
  expect(answer.status).toBe(201);
  expect(json(answer).target_url).toBe(URL_A);
  expect(json(answer)).not.toHaveProperty('signing_secret');
  expect(liveUrls(emulator)).toEqual([URL_A]);
});

test.each([
  [500, undefined, 3006],
  [503, undefined, 4004],
  [429, undefined, 1007],
  [400, undefined, 1005],
  [409, 2009, 2009],
])('status: a create is answered %i (code %s) and makes nothing', async (status, code, expected) => {
  const emulator = await openEmulator();
  emulator.addFault({ action: { kind: 'status', status, ...(code === undefined ? {} : { code }) } });
  const answer = await post(emulator);
  expect(answer.status).toBe(status);
  expect(json(answer)).toMatchObject({ success: false, error: { status, code: expected } });
  expect(emulator.subscriptions()).toEqual([]);
});

test('status: with commit, a create is made although the answer is 500', async () => {
  const emulator = await openEmulator();
  emulator.addFault({ action: { kind: 'status', status: 500, commit: true } });
  expect((await post(emulator)).status).toBe(500);
  expect(liveUrls(emulator)).toEqual([URL_A]);
});

test('status: a success without commit is empty, with commit it is the real body', async () => {
  const emulator = await openEmulator();
  emulator.addFault({ action: { kind: 'status', status: 202 } });
  expect(await post(emulator)).toMatchObject({ status: 202, text: '{}' });
  expect(emulator.subscriptions()).toEqual([]);
  emulator.addFault({ action: { kind: 'status', status: 202, commit: true } });
  const answer = await post(emulator);
  expect([answer.status, json(answer).target_url]).toEqual([202, URL_A]);
});

test.each([
  [undefined, undefined, undefined],
  [7, '7', 7],
  ['Fri, 31 Dec 2027 23:59:59 GMT', 'Fri, 31 Dec 2027 23:59:59 GMT', undefined],
])('status: 429 with retryAfter %s', async (retryAfter, header, field) => {
  const emulator = await openEmulator();
  const wait = retryAfter === undefined ? {} : { retryAfter };
  emulator.addFault({ action: { kind: 'status', status: 429, ...wait } });
  const answer = await callApi(emulator, 'GET', SUBSCRIPTIONS);
  expect([answer.status, answer.headers['retry-after']]).toEqual([429, header]);
  expect(json(answer).error.retry_after).toBe(field);
});

test('partial: the list lacks the newest, or the given ids, and nothing else', async () => {
  const emulator = await openEmulator();
  const { id } = await create(emulator, URL_A);
  await create(emulator, URL_B);
  const fault = emulator.addFault({ action: { kind: 'partial', drop: 1 } });
  emulator.addFault({ action: { kind: 'partial', drop: [id] } });
  expect((await callApi(emulator, 'GET', `${SUBSCRIPTIONS}/${id}`)).status).toBe(200);
  expect(fault.hits).toBe(0);
  expect(await listedUrls(emulator)).toEqual([URL_A]);
  expect(await listedUrls(emulator)).toEqual([URL_B]);
  expect(await listedUrls(emulator)).toEqual([URL_A, URL_B]);
});

test('stale: the list is as it was before the last writes, whatever they were', async () => {
  let now = 1_700_000_000_000;
  const emulator = await openEmulator({ now: () => now++ });
  const { id } = await create(emulator, URL_A);
  await create(emulator, URL_B);
  await callApi(emulator, 'PUT', `${SUBSCRIPTIONS}/${id}`, { target_url: 'https://hooks.example.com/moved' });
  emulator.external.delete(id);
  const states = [];
  for (const writes of [0, 1, 2, 3, 4, 5]) {
    emulator.addFault({ action: { kind: 'stale', writes } });
    states.push(await listedUrls(emulator));
  }
  expect(states).toEqual([
    [URL_B],
    ['https://hooks.example.com/moved', URL_B],
    [URL_A, URL_B],
    [URL_A],
    [],
    [],
  ]);
  expect(await listedUrls(emulator)).toEqual([URL_B]);
});

test.each([
  [false, []],
  [true, [URL_A]],
])('hang: with commit %s, no answer comes until the emulator is closed', async (isCommitted, live) => {
  const emulator = await openEmulator();
  const hold = emulator.addFault({ action: { kind: 'hold' } });
  emulator.addFault({ action: { kind: 'hang', commit: isCommitted } });
  const hanging = post(emulator).catch((error: unknown) => error);
  await hold.reached();
  hold.release();
  expect(await listedUrls(emulator)).toEqual(live);
  expect(liveUrls(emulator)).toEqual(live);
  expect(emulator.requests[0]).toMatchObject({ operation: 'create', status: null });
  await emulator.close();
  expect(await hanging).toMatchObject({ code: 'ECONNRESET' });
});

test('late: the client sees a reset, and the create lands two requests later with a secret nobody saw', async () => {
  const emulator = await openEmulator();
  emulator.addFault({ match: { path: 'create' }, action: { kind: 'late', landAfter: 2 } });
  await expect(post(emulator)).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(await listedUrls(emulator)).toEqual([]);
  expect(emulator.subscriptions()).toEqual([]);
  expect(await listedUrls(emulator)).toEqual([]);
  expect(liveUrls(emulator)).toEqual([URL_A]);
  expect(await listedUrls(emulator)).toEqual([URL_A]);
});

test('late: a create lands on release, once', async () => {
  const emulator = await openEmulator();
  const fault = emulator.addFault({ action: { kind: 'late' } });
  await expect(post(emulator)).rejects.toMatchObject({ code: 'ECONNRESET' });
  await fault.reached();
  await listedUrls(emulator);
  expect([fault.waiting, liveUrls(emulator)]).toEqual([1, []]);
  fault.release();
  fault.release();
  expect([fault.waiting, liveUrls(emulator)]).toEqual([0, [URL_A]]);
});

test('late: a create whose URL was taken in the meantime comes to nothing', async () => {
  const emulator = await openEmulator();
  const fault = emulator.addFault({ action: { kind: 'late' } });
  await expect(post(emulator)).rejects.toThrow();
  const { id } = await create(emulator, URL_A);
  fault.release();
  expect(emulator.subscriptions().map((subscription) => subscription.id)).toEqual([id]);
});

test('late: the client can be left waiting instead', async () => {
  const emulator = await openEmulator();
  const fault = emulator.addFault({ action: { kind: 'late', client: 'hang' } });
  const hanging = post(emulator).catch((error: unknown) => error);
  await fault.reached();
  fault.release();
  expect(liveUrls(emulator)).toEqual([URL_A]);
  expect(emulator.requests[0]?.status).toBeNull();
  await emulator.close();
  expect(await hanging).toMatchObject({ code: 'ECONNRESET' });
});

test.each([
  ['before', []],
  ['after', [URL_A]],
] as const)('hold: stops a create %s its commit until it is released', async (at, live) => {
  const emulator = await openEmulator();
  const fault = emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at } });
  const held = post(emulator);
  await fault.reached();
  expect(await listedUrls(emulator)).toEqual(live);
  expect(fault.waiting).toBe(1);
  fault.release();
  expect((await held).status).toBe(201);
  expect([fault.waiting, liveUrls(emulator)]).toEqual([0, [URL_A]]);
});

test('hold: what is still held when the emulator closes is never committed', async () => {
  const emulator = await openEmulator();
  const fault = emulator.addFault({ action: { kind: 'hold' } });
  const held = post(emulator).catch((error: unknown) => error);
  await fault.reached();
  await emulator.close();
  expect(await held).toMatchObject({ code: 'ECONNRESET' });
  fault.release();
  expect([fault.waiting, emulator.subscriptions()]).toEqual([0, []]);
});

test.each([
  ['before', []],
  ['after', [URL_A]],
] as const)(
  'hold: a create that is held %s its commit is committed although its client has died',
  async (at, live) => {
    const emulator = await openEmulator();
    const fault = emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at } });
    const socket = connect(emulator.port, '127.0.0.1');
    const body = JSON.stringify(NEW_A);
    socket.write(
      `POST /api/partner${SUBSCRIPTIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${emulator.apiKey}\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
    await fault.reached();
    socket.destroy();
    expect(await listedUrls(emulator)).toEqual(live);
    fault.release();
    expect(await listedUrls(emulator)).toEqual([URL_A]);
  },
);

test('a hold and an end can hit the same request', async () => {
  const emulator = await openEmulator();
  const hold = emulator.addFault({ action: { kind: 'hold', at: 'after' } });
  emulator.addFault({ action: { kind: 'reset' } });
  const lost = post(emulator).catch((error: unknown) => error);
  await hold.reached();
  expect(liveUrls(emulator)).toEqual([URL_A]);
  hold.release();
  expect(await lost).toMatchObject({ code: 'ECONNRESET' });
});

test('a removed fault hits nothing any more, and lets go what it holds', async () => {
  const emulator = await openEmulator();
  const fault = emulator.addFault({ times: 'always', action: { kind: 'hold' } });
  const held = post(emulator);
  await fault.reached();
  emulator.clearFaults();
  expect((await held).status).toBe(201);
  expect(await listedUrls(emulator)).toEqual([URL_A]);
  expect(emulator.faults()).toEqual([]);
});
