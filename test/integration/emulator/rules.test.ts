import { expect, test } from 'vitest';
import { EVENTS, LINES, SUBSCRIPTIONS, callApi, create, json, openEmulator, send } from './raw-client.ts';

const URL_A = 'https://hooks.example.com/a';
const VALID = { target_url: URL_A, subscribed_events: EVENTS };

test.each([
  ['no target_url', { subscribed_events: EVENTS }, 400, 1001],
  ['no subscribed_events', { target_url: URL_A }, 400, 1001],
  ['a null target_url', { ...VALID, target_url: null }, 400, 1001],
  ['http', { ...VALID, target_url: 'http://hooks.example.com/a' }, 400, 1005],
  ['no URL', { ...VALID, target_url: 'hooks' }, 400, 1005],
  ['no events', { ...VALID, subscribed_events: [] }, 400, 1005],
  ['events that are no list', { ...VALID, subscribed_events: 'message.sent' }, 400, 1005],
  ['an unknown event', { ...VALID, subscribed_events: ['message.eaten'] }, 400, 1005],
  ['a wildcard', { ...VALID, subscribed_events: ['*'] }, 400, 1005],
  ['a number that is not E.164', { ...VALID, phone_numbers: ['2025550101'] }, 400, 1002],
  ['a foreign line', { ...VALID, phone_numbers: ['+12025559999'] }, 403, 2006],
  ['null lines', { ...VALID, phone_numbers: null }, 400, 1005],
  ['a routing header that is none', { ...VALID, routing_key_header: 'a b' }, 400, 1005],
  ['a list', [VALID], 400, 1003],
  ['half a body', '{"target_url":', 400, 1003],
  ['nothing', undefined, 400, 1003],
])('a create with %s is refused and makes nothing', async (_, body, status, code) => {
  const emulator = await openEmulator();
  const answer = await callApi(emulator, 'POST', SUBSCRIPTIONS, body);
  expect(answer.status).toBe(status);
  expect(json(answer)).toMatchObject({ success: false, error: { status, code } });
  expect(emulator.subscriptions()).toEqual([]);
});

test.each([
  ['http', { target_url: 'http://hooks.example.com/a' }, 400, 1005],
  ['no events', { subscribed_events: [] }, 400, 1005],
  ['is_active as text', { is_active: 'no' }, 400, 1005],
  ['a foreign line', { phone_numbers: ['+12025559999'] }, 403, 2006],
  ['a taken URL', { target_url: 'https://hooks.example.com/b' }, 409, 2015],
])('an update with %s is refused and changes nothing', async (_, body, status, code) => {
  const emulator = await openEmulator();
  const { id } = await create(emulator, URL_A);
  await create(emulator, 'https://hooks.example.com/b');
  const before = emulator.subscriptions();
  const answer = await callApi(emulator, 'PUT', `${SUBSCRIPTIONS}/${id}`, { is_active: false, ...body });
  expect([answer.status, json(answer).error.code]).toEqual([status, code]);
  expect(emulator.subscriptions()).toEqual(before);
});

test('an update with an empty object changes no field', async () => {
  const emulator = await openEmulator({ now: () => 1_700_000_000_000 });
  const { id } = await create(emulator, URL_A, { phone_numbers: LINES });
  const before = emulator.subscriptions();
  expect((await callApi(emulator, 'PUT', `${SUBSCRIPTIONS}/${id}`, {})).status).toBe(200);
  expect(emulator.subscriptions()).toEqual(before);
});

test('a subscription keeps its own URL in an update', async () => {
  const emulator = await openEmulator();
  const { id } = await create(emulator, URL_A);
  const answer = await callApi(emulator, 'PUT', `${SUBSCRIPTIONS}/${id}`, { target_url: URL_A });
  expect(answer.status).toBe(200);
});

test('unknown fields and is_active are ignored at creation', async () => {
  const emulator = await openEmulator();
  const made = await create(emulator, URL_A, { name: 'x', is_active: false });
  expect(made).not.toHaveProperty('name');
  expect(emulator.subscriptions()[0]).not.toHaveProperty('name');
  expect(emulator.subscriptions()[0]?.is_active).toBe(true);
});

test('routing headers are set, and cleared by null and by nothing', async () => {
  const emulator = await openEmulator();
  const headers = { routing_key_header: 'X-Key', routing_id_header: 'X-Chat' };
  const { id } = await create(emulator, URL_A, headers);
  expect(emulator.subscriptions()[0]).toMatchObject(headers);
  const cleared = { routing_key_header: null, routing_id_header: '' };
  const answer = await callApi(emulator, 'PUT', `${SUBSCRIPTIONS}/${id}`, cleared);
  expect(json(answer)).toMatchObject({ routing_key_header: null, routing_id_header: null });
});

test.each([
  ['GET', '/v3/webhook_subscriptions', 404, 2001],
  ['GET', `${SUBSCRIPTIONS}/not-a-uuid`, 404, 2010],
  ['GET', `${SUBSCRIPTIONS}/a/b`, 404, 2001],
  ['PATCH', `${SUBSCRIPTIONS}/a`, 405, 1005],
  ['PUT', SUBSCRIPTIONS, 405, 1005],
  ['POST', '/v3/webhook-events', 405, 1005],
])('%s %s is %i', async (method, path, status, code) => {
  const emulator = await openEmulator();
  const answer = await callApi(emulator, method, path, {});
  expect([answer.status, json(answer).error.code]).toEqual([status, code]);
});

test.each([[{}], [{ authorization: 'Bearer wrong' }], [{ authorization: 'Basic x' }]])(
  'headers %j are not enough to be let in',
  async (headers: Record<string, string>) => {
    const emulator = await openEmulator();
    const { id } = await create(emulator);
    const answer = await send('DELETE', `${emulator.url}${SUBSCRIPTIONS}/${id}`, undefined, headers);
    expect([answer.status, json(answer).error.code]).toEqual([401, 2004]);
    expect(emulator.subscriptions()).toHaveLength(1);
  },
);

test('every answer has a date and a trace id, which an error repeats beside its documentation', async () => {
  const emulator = await openEmulator({ now: () => Date.UTC(2031, 0, 2, 3, 4, 5) });
  const good = await callApi(emulator, 'GET', SUBSCRIPTIONS);
  const bad = await callApi(emulator, 'GET', `${SUBSCRIPTIONS}/x`);
  for (const { headers } of [good, bad]) {
    expect(headers['x-trace-id']).toMatch(/^[0-9a-f]{32}$/);
    expect(headers['date']).toBe('Thu, 02 Jan 2031 03:04:05 GMT');
  }
  expect(good.headers['x-trace-id']).not.toBe(bad.headers['x-trace-id']);
  expect(json(bad).trace_id).toBe(bad.headers['x-trace-id']);
  expect(json(bad).error.doc_url).toBe('https://docs.linqapp.com/error/codes/2xxx/2010/');
});

test('the request log keeps what was asked in order, and of the bodies only the target URL', async () => {
  const emulator = await openEmulator();
  const { id } = await create(emulator, URL_A);
  await callApi(emulator, 'GET', `${SUBSCRIPTIONS}/${id}?x=1`);
  await callApi(emulator, 'PATCH', `${SUBSCRIPTIONS}/${id}`);
  const path = '/api/partner/v3/webhook-subscriptions';
  expect(emulator.requests.map(({ at: _, ...entry }) => entry)).toEqual([
    { sequence: 1, method: 'POST', path, operation: 'create', id: null, target_url: URL_A, status: 201 },
    {
      sequence: 2,
      method: 'GET',
      path: `${path}/${id}`,
      operation: 'get',
      id,
      target_url: null,
      status: 200,
    },
    {
      sequence: 3,
      method: 'PATCH',
      path: `${path}/${id}`,
      operation: null,
      id,
      target_url: null,
      status: 405,
    },
  ]);
  emulator.clearRequests();
  expect(emulator.requests).toEqual([]);
});
