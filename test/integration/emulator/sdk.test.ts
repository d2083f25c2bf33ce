import LinqAPIV3 from '@linqapp/sdk';
import { expect, test } from 'vitest';
import type { Emulator } from '../../../src/emulator/emulator.ts';
import { EVENTS, LINES, openEmulator } from './raw-client.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const NEW = {
  target_url: 'https://hooks.example.com/linq?version=2026-02-03',
  subscribed_events: ['message.received', 'message.failed'] as ('message.received' | 'message.failed')[],
};

async function open(): Promise<{ emulator: Emulator; client: LinqAPIV3 }> {
  const emulator = await openEmulator();
  const client = new LinqAPIV3({ apiKey: emulator.apiKey, baseURL: emulator.url, maxRetries: 0 });
  return { emulator, client };
}

test('the official client creates a subscription and gets its secret, which no later answer holds', async () => {
  const { emulator, client } = await open();
  const created = await client.webhookSubscriptions.create({ ...NEW, phone_numbers: LINES.slice(0, 1) });
  expect(created).toMatchObject({ ...NEW, phone_numbers: LINES.slice(0, 1), is_active: true });
  expect(created.id).toMatch(UUID);
  expect(created.signing_secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(emulator.subscriptions()[0]?.signing_secret.reveal()).toBe(created.signing_secret);

  const { signing_secret: _, ...visible } = created;
  expect(await client.webhookSubscriptions.retrieve(created.id)).toEqual(visible);
  expect((await client.webhookSubscriptions.list()).subscriptions).toEqual([visible]);
  expect(await client.webhookSubscriptions.update(created.id, { is_active: true })).not.toHaveProperty(
    'signing_secret',
  );
});

test.each([
  [{ target_url: 'https://hooks.example.com/moved' }],
  [{ subscribed_events: ['chat.created' as const] }],
  [{ phone_numbers: LINES.slice(1) }],
  [{ is_active: false }],
])('the official client updates %j and nothing else', async (change) => {
  const { emulator, client } = await open();
  const created = await client.webhookSubscriptions.create({ ...NEW, phone_numbers: LINES });
  const secret = emulator.subscriptions()[0]!.signing_secret;
  const updated = await client.webhookSubscriptions.update(created.id, change);
  const { signing_secret: _, updated_at: __, ...before } = created;
  expect(updated).toMatchObject({ ...before, ...change });
  const [truth] = emulator.subscriptions();
  expect(truth).toMatchObject({ ...NEW, phone_numbers: LINES, is_active: true, ...change });
  expect(truth!.signing_secret.equals(secret)).toBe(true);
});

test.each([[null], [[]]])('the official client clears the line filter with %j', async (phone_numbers) => {
  const { emulator, client } = await open();
  const { id } = await client.webhookSubscriptions.create({ ...NEW, phone_numbers: LINES });
  const updated = await client.webhookSubscriptions.update(id, { phone_numbers });
  expect(updated.phone_numbers).toBeNull();
  expect(emulator.subscriptions()[0]?.phone_numbers).toBeNull();
});

test('the official client deletes a subscription, and a second time is told that it is not there', async () => {
  const { emulator, client } = await open();
  const { id } = await client.webhookSubscriptions.create(NEW);
  await client.webhookSubscriptions.delete(id);
  expect(emulator.subscriptions()).toEqual([]);
  await expect(client.webhookSubscriptions.delete(id)).rejects.toMatchObject({
    status: 404,
    error: { success: false, error: { status: 404, code: 2010 } },
  });
  await expect(client.webhookSubscriptions.retrieve(id)).rejects.toBeInstanceOf(LinqAPIV3.NotFoundError);
});

test('the official client reads the catalogue of events', async () => {
  const { client } = await open();
  const { events, doc_url } = await client.webhookEvents.list();
  expect(new Set<string>(events).size).toBe(75);
  expect(events).toEqual(expect.arrayContaining(EVENTS));
  expect(doc_url).toBe('https://docs.linqapp.com/guides/webhooks/events');
});

test('the official client reads the lines, whose ids survive a restart', async () => {
  const first = await (await open()).client.phoneNumbers.list();
  const second = await (await open()).client.phoneNumbers.list();
  expect(first.phone_numbers.map((line) => line.phone_number)).toEqual(LINES);
  expect(first.phone_numbers[0]).toMatchObject({
    forwarding_number: null,
    reputation: { status: 'HEALTHY' },
  });
  expect(first.phone_numbers[0]?.id).toMatch(UUID);
  expect(second).toEqual(first);
});

test('the official client is refused with a key that the account does not know', async () => {
  const { emulator } = await open();
  const client = new LinqAPIV3({ apiKey: 'another', baseURL: emulator.url, maxRetries: 0 });
  await expect(client.webhookSubscriptions.list()).rejects.toBeInstanceOf(LinqAPIV3.AuthenticationError);
});
