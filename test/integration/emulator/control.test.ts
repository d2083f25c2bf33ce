import { expect, onTestFinished, test } from 'vitest';
import { startReceiver } from '../../support/receiver.ts';
import type { Emulator } from '../../../src/emulator/emulator.ts';
import { EVENTS, LINES, SUBSCRIPTIONS, callApi, create, json, openEmulator, send } from './raw-client.ts';

const URL_A = 'https://hooks.example.com/a';

const control = (emulator: Emulator, method: string, path: string, body?: unknown) =>
  send(method, emulator.controlUrl + path, body);
const parse = (answer: { text: string }): unknown => JSON.parse(answer.text);

test('a subscription is added, replaced, changed and deleted behind everyone', async () => {
  const emulator = await openEmulator();
  const { id: taken } = await create(emulator, URL_A);
  const twin = { target_url: URL_A, subscribed_events: ['message.retired'], phone_numbers: [] };
  const added = await control(emulator, 'POST', '/subscriptions', twin);
  const { id } = json(added);
  expect(added.status).toBe(201);
  expect(emulator.subscriptions()).toMatchObject([{ id: taken }, { ...twin, id, phone_numbers: null }]);

  const secret = emulator.subscriptions()[1]!.signing_secret;
  const patched = { is_active: false, phone_numbers: ['+15'] };
  expect((await control(emulator, 'PATCH', `/subscriptions/${id}`, patched)).status).toBe(204);
  expect(emulator.subscriptions()[1]).toMatchObject({ ...twin, ...patched, signing_secret: secret });

  const replaced = { target_url: 'http://other.example/', subscribed_events: [] };
  expect((await control(emulator, 'PUT', `/subscriptions/${id}`, replaced)).status).toBe(204);
  const [, after] = emulator.subscriptions();
  expect(after).toMatchObject({ ...replaced, id, is_active: true, phone_numbers: null });
  expect(after!.signing_secret.equals(secret)).toBe(true);

  expect((await control(emulator, 'DELETE', `/subscriptions/${id}`)).status).toBe(204);
  expect((await control(emulator, 'DELETE', `/subscriptions/${id}`)).status).toBe(404);
  expect((await control(emulator, 'PATCH', `/subscriptions/${id}`, {})).status).toBe(404);
  expect(emulator.subscriptions().map((subscription) => subscription.id)).toEqual([taken]);
  expect(emulator.requests).toHaveLength(1);
});

test('a put may give a new secret and make a subscription of a given id', async () => {
  const emulator = await openEmulator();
  const given = { target_url: URL_A, subscribed_events: EVENTS, signing_secret: 'whsec_Z2l2ZW4=' };
  await control(emulator, 'PUT', '/subscriptions/by-hand', given);
  expect(emulator.subscriptions()[0]).toMatchObject({ id: 'by-hand', target_url: URL_A });
  expect(emulator.subscriptions()[0]!.signing_secret.reveal()).toBe('whsec_Z2l2ZW4=');
});

test('the truth is shown without secrets, and one secret on purpose', async () => {
  const emulator = await openEmulator();
  const { id, signing_secret } = await create(emulator);
  const shown = await control(emulator, 'GET', '/subscriptions');
  expect(parse(shown)).toMatchObject([{ id, target_url: URL_A, signing_secret: '[secret]' }]);
  const secret = await control(emulator, 'GET', `/subscriptions/${id}/secret`);
  expect(secret).toMatchObject({ status: 200, text: signing_secret });
  expect((await control(emulator, 'GET', '/subscriptions/x/secret')).status).toBe(404);
});

test('a fault is scripted, watched, released and removed', async () => {
  const emulator = await openEmulator();
  const fault = { match: { path: 'create' }, times: 'always', action: { kind: 'hold' } };
  const added = await control(emulator, 'POST', '/faults', fault);
  expect(added.status).toBe(201);
  expect(parse(added)).toEqual({ id: '1', ...fault, hits: 0, waiting: 0 });

  const held = create(emulator);
  await emulator.faults()[0]!.reached();
  expect(parse(await control(emulator, 'GET', '/faults'))).toEqual([
    { id: '1', ...fault, hits: 1, waiting: 1 },
  ]);
  expect((await control(emulator, 'POST', '/faults/1/release')).status).toBe(204);
  expect(await held).toMatchObject({ target_url: URL_A });
  expect(parse(await control(emulator, 'GET', '/faults/1'))).toMatchObject({ hits: 1, waiting: 0 });

  expect((await control(emulator, 'DELETE', '/faults/1')).status).toBe(204);
  expect((await control(emulator, 'DELETE', '/faults/1')).status).toBe(404);
  await control(emulator, 'POST', '/faults', fault);
  expect((await control(emulator, 'DELETE', '/faults')).status).toBe(204);
  expect(emulator.faults()).toEqual([]);
});

test('switches, lines, keys and the clock are set', async () => {
  const emulator = await openEmulator({ now: () => 1_700_000_000_000 });
  const switched = await control(emulator, 'PATCH', '/switches', { notFound: 2001 });
  expect(parse(switched)).toMatchObject({ notFound: 2001, duplicate: '409/2015' });
  expect(parse(await control(emulator, 'GET', '/switches'))).toEqual(emulator.switches());

  await control(emulator, 'PUT', '/lines', [{ phone_number: '+1999', id: 'line' }, LINES[0]]);
  const lines = await callApi(emulator, 'GET', '/v3/phone_numbers');
  expect(parse(lines)).toMatchObject({
    phone_numbers: [{ id: 'line', phone_number: '+1999' }, { phone_number: LINES[0] }],
  });

  await control(emulator, 'PUT', '/clock', { shift_ms: 60_000 });
  expect((await callApi(emulator, 'GET', SUBSCRIPTIONS)).headers['date']).toBe(
    'Tue, 14 Nov 2023 22:14:20 GMT',
  );

  await control(emulator, 'PUT', '/keys', ['new']);
  expect((await callApi(emulator, 'GET', SUBSCRIPTIONS)).status).toBe(401);
  const authorization = 'Bearer new';
  const answer = await send('GET', emulator.url + SUBSCRIPTIONS, undefined, { authorization });
  expect(answer.status).toBe(200);
});

test('the request log is shown and forgotten', async () => {
  const emulator = await openEmulator();
  await create(emulator);
  const log = await control(emulator, 'GET', '/requests');
  expect(parse(log)).toMatchObject([{ sequence: 1, operation: 'create', target_url: URL_A, status: 201 }]);
  expect(parse(await control(emulator, 'GET', ''))).toMatchObject({
    subscriptions: 1,
    requests: 1,
    faults: 0,
  });
  expect((await control(emulator, 'DELETE', '/requests')).status).toBe(204);
  expect(emulator.requests).toEqual([]);
});

test('a delivery is made, and what went wrong with one is said', async () => {
  const emulator = await openEmulator();
  const receiver = await startReceiver({ status: 202 });
  onTestFinished(() => receiver.close());
  const { id } = await create(emulator);
  const delivered = await control(emulator, 'POST', '/deliveries', { id, url: receiver.url });
  expect(parse(delivered)).toMatchObject({ status: 202, headers: { 'X-Webhook-Subscription-ID': id } });
  expect(receiver.requests).toHaveLength(1);
  expect((await control(emulator, 'POST', '/deliveries', { id })).status).toBe(409);
  await receiver.close();
  expect((await control(emulator, 'POST', '/deliveries', { id, url: receiver.url })).status).toBe(502);
});

test.each([
  ['PATCH', '/switches', { duplicate: 'maybe' }, '/duplicate'],
  ['PATCH', '/switches', { unheard: 1 }, 'unheard'],
  ['POST', '/faults', { action: { kind: 'explode' } }, 'kind'],
  ['POST', '/faults', { action: { kind: 'delay' } }, 'ms'],
  ['POST', '/faults', { action: { kind: 'status', status: 99 } }, '/action/status'],
  ['POST', '/faults', { action: { kind: 'reset' }, times: 'twice' }, '/times'],
  ['POST', '/faults', { action: { kind: 'reset' }, match: { path: 'lists' } }, '/match/path'],
  ['POST', '/subscriptions', { target_url: 'x', subscribed_events: [] }, '/target_url'],
  ['POST', '/deliveries', {}, 'id'],
  ['PUT', '/clock', { shift_ms: 'soon' }, '/shift_ms'],
  ['PUT', '/lines', '{', 'not valid JSON'],
])('%s %s refuses %j and says where it is wrong', async (method, path, body, place) => {
  const emulator = await openEmulator();
  const answer = await control(emulator, method, path, body);
  expect(answer.status).toBe(400);
  expect((parse(answer) as { error: string }).error).toContain(place);
  expect([emulator.faults(), emulator.subscriptions()]).toEqual([[], []]);
});

test.each([
  [{ origin: 'https://page.example' }],
  [{ origin: 'null' }],
  [{ host: 'rebound.example' }],
  [{ host: '127.0.0.1.rebound.example:80' }],
])('a request with %j is refused, as a page may have sent it', async (headers: Record<string, string>) => {
  const emulator = await openEmulator();
  await create(emulator);
  const answer = await send('DELETE', `${emulator.controlUrl}/requests`, undefined, headers);
  expect(answer.status).toBe(403);
  expect(emulator.requests).toHaveLength(1);
});

test('an unknown path is 404, and a known one with another method names those that it has', async () => {
  const emulator = await openEmulator();
  expect((await control(emulator, 'GET', '/nothing')).status).toBe(404);
  const answer = await control(emulator, 'DELETE', '/switches');
  expect([answer.status, parse(answer)]).toEqual([405, { error: 'only GET, PATCH here' }]);
});
