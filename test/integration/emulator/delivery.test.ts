import { createHmac } from 'node:crypto';
import LinqAPIV3 from '@linqapp/sdk';
import { expect, onTestFinished, test } from 'vitest';
import { RefusedError, RequestError } from '../../../src/domain/errors.ts';
import { startReceiver } from '../../support/receiver.ts';
import type { Receiver } from '../../support/receiver.ts';
import { LINES, SUBSCRIPTIONS, callApi, create, openEmulator } from './raw-client.ts';

async function openReceiver(options?: Parameters<typeof startReceiver>[0]): Promise<Receiver> {
  const receiver = await startReceiver(options);
  onTestFinished(() => receiver.close());
  return receiver;
}

const client = new LinqAPIV3({ apiKey: 'none' });

test("the official client accepts a delivery with the subscription's secret and refuses it with another", async () => {
  const [emulator, receiver] = [await openEmulator(), await openReceiver()];
  const { id, signing_secret } = await create(emulator, 'https://hooks.example.com/a?version=2026-02-03');
  const other = await create(emulator, 'https://hooks.example.com/b');
  const delivery = await emulator.deliver(id, { url: receiver.url });
  expect(delivery.status).toBe(200);
  const [got] = receiver.requests;
  expect(got).toMatchObject({ method: 'POST', path: '/hook', body: delivery.body });
  const event = client.webhooks.unwrap(got!.body, { headers: got!.headers, key: signing_secret });
  expect(event).toMatchObject({
    api_version: 'v3',
    webhook_version: '2026-02-03',
    event_type: 'message.received',
    event_id: got!.headers['webhook-id'],
    data: { direction: 'inbound', parts: [{ type: 'text' }] },
  });
  const forged = { headers: got!.headers, key: other.signing_secret };
  expect(() => client.webhooks.unwrap(got!.body, forged)).toThrow('No matching signature');
});

test('a delivery carries the older signature as well, keyed with the whole text of the secret', async () => {
  const [emulator, receiver] = [await openEmulator(), await openReceiver()];
  const { id, signing_secret } = await create(emulator);
  await emulator.deliver(id, { url: receiver.url, event: 'message.failed' });
  const { headers, body } = receiver.requests[0]!;
  const signed = `${headers['x-webhook-timestamp'] ?? ''}.${body}`;
  expect(headers).toMatchObject({
    'x-webhook-event': 'message.failed',
    'x-webhook-subscription-id': id,
    'x-webhook-signature': createHmac('sha256', signing_secret).update(signed).digest('hex'),
  });
});

test('a delivery after a rotation is signed with the new secret', async () => {
  const [emulator, receiver] = [await openEmulator(), await openReceiver()];
  const first = await create(emulator);
  await callApi(emulator, 'DELETE', `${SUBSCRIPTIONS}/${first.id}`);
  const second = await create(emulator);
  await emulator.deliver(second.id, { url: receiver.url });
  const { headers, body } = receiver.requests[0]!;
  expect(() => client.webhooks.unwrap(body, { headers, key: first.signing_secret })).toThrow();
  expect(client.webhooks.unwrap(body, { headers, key: second.signing_secret })).toHaveProperty('event_id');
});

test('the target URL itself is used where it is loopback, and its version decides on the payload', async () => {
  const [emulator, receiver] = [await openEmulator(), await openReceiver()];
  const id = emulator.external.add({
    target_url: `${receiver.url.replace('127.0.0.1', 'localhost')}?version=2025-01-01`,
    subscribed_events: ['message.received'],
    phone_numbers: LINES,
  });
  await emulator.deliver(id);
  expect(receiver.requests[0]).toMatchObject({ path: '/hook?version=2025-01-01' });
  expect(JSON.parse(receiver.requests[0]!.body)).toMatchObject({
    webhook_version: '2025-01-01',
    data: { is_from_me: false, recipient_phone: LINES[0], message: { parts: [{ type: 'text' }] } },
  });
});

test("events of the account name the subscription without its URL's query", async () => {
  const [emulator, receiver] = [await openEmulator(), await openReceiver()];
  const event = 'webhook_subscription.disabled';
  const { id } = await create(emulator, 'https://hooks.example.com/a?line=1', { subscribed_events: [event] });
  await emulator.deliver(id, { url: receiver.url });
  expect(JSON.parse(receiver.requests[0]!.body)).toMatchObject({
    event_type: event,
    data: { webhook_subscription: { id, target_url: 'https://hooks.example.com/a' } },
  });
});

test.each([
  [{ routing_key_header: 'X-Key' }, 'linq-chat-id'],
  [{ routing_key_header: 'X-Key', routing_id_header: 'X-Chat' }, 'x-chat'],
])('with %j the id of the chat travels in %s', async (routing, header) => {
  const [emulator, receiver] = [await openEmulator(), await openReceiver()];
  const { id } = await create(emulator, 'https://hooks.example.com/a', routing);
  await emulator.deliver(id, { url: receiver.url });
  const { headers, body } = receiver.requests[0]!;
  expect(headers[header]).toBe((JSON.parse(body) as { data: { chat: { id: string } } }).data.chat.id);
});

test("the receiver's own status comes back, and a redirect is not followed", async () => {
  const elsewhere = await openReceiver();
  const receiver = await openReceiver({ status: 307, headers: { location: elsewhere.url } });
  const emulator = await openEmulator();
  const { id } = await create(emulator);
  expect((await emulator.deliver(id, { url: receiver.url })).status).toBe(307);
  expect(elsewhere.requests).toEqual([]);
});

test.each([
  'https://hooks.example.com/a',
  'http://0.0.0.0/',
  'http://10.0.0.1/',
  'http://127.0.0.1.example.com/',
  'http://localhost.example.com/',
  'file:///etc/hosts',
  'nothing',
])('nothing is sent to %s', async (url) => {
  const emulator = await openEmulator();
  const { id } = await create(emulator, 'https://hooks.example.com/a');
  await expect(emulator.deliver(id, { url })).rejects.toThrow(/loopback addresses only/);
});

test('what Linq would not deliver is refused', async () => {
  const [emulator, receiver] = [await openEmulator(), await openReceiver()];
  const { id } = await create(emulator);
  const options = { url: receiver.url };
  await expect(emulator.deliver('x', options)).rejects.toBeInstanceOf(RefusedError);
  await expect(emulator.deliver(id, { ...options, event: 'chat.created' })).rejects.toBeInstanceOf(
    RefusedError,
  );
  await callApi(emulator, 'PUT', `${SUBSCRIPTIONS}/${id}`, { is_active: false });
  await expect(emulator.deliver(id, options)).rejects.toBeInstanceOf(RefusedError);
  expect(receiver.requests).toEqual([]);
});

test('a receiver that is not there is an error without the query of its URL', async () => {
  const emulator = await openEmulator();
  const receiver = await startReceiver();
  await receiver.close();
  const { id } = await create(emulator);
  const failed = emulator.deliver(id, { url: `${receiver.url}?token=t` });
  await expect(failed).rejects.toBeInstanceOf(RequestError);
  await expect(failed).rejects.toMatchObject({ url: receiver.url });
});

test('a shifted clock shows in the signature, which the official client then finds too old', async () => {
  const [emulator, receiver] = [await openEmulator({ now: () => 1_700_000_000_000 }), await openReceiver()];
  const { id, signing_secret } = await create(emulator);
  emulator.shiftClock(5000);
  await emulator.deliver(id, { url: receiver.url });
  const { headers, body } = receiver.requests[0]!;
  expect(headers['webhook-timestamp']).toBe('1700000005');
  expect(() => client.webhooks.unwrap(body, { headers, key: signing_secret })).toThrow('too old');
  const answer = await callApi(emulator, 'GET', SUBSCRIPTIONS);
  expect(answer.headers['date']).toBe('Tue, 14 Nov 2023 22:13:25 GMT');
});
