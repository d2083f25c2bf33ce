import { connect } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { ConfigError } from '../../../src/domain/errors.ts';
import { startEmulator } from '../../../src/emulator/emulator.ts';
import { EVENTS, SUBSCRIPTIONS, callApi, create, json, openEmulator, send } from './raw-client.ts';

test('an emulator starts with the example account and a key of its own', async () => {
  const [one, two] = [await startEmulator(), await startEmulator()];
  expect(one.url).toBe(`http://127.0.0.1:${one.port}/api/partner`);
  expect(one.apiKey).not.toBe(two.apiKey);
  const { subscriptions } = json(await callApi(one, 'GET', SUBSCRIPTIONS));
  expect(subscriptions).toHaveLength(3);
  await Promise.all([one.close(), two.close()]);
});

test('every given key is accepted', async () => {
  const emulator = await openEmulator({ apiKeys: ['first', 'second'] });
  expect(emulator.apiKey).toBe('first');
  for (const key of ['first', 'second']) {
    const answer = await send('GET', emulator.url + SUBSCRIPTIONS, undefined, {
      authorization: `Bearer ${key}`,
    });
    expect(answer.status).toBe(200);
  }
});

test('close ends open and half-sent connections, frees the port, and may be repeated', async () => {
  const emulator = await startEmulator();
  const idle = connect(emulator.port, '127.0.0.1');
  const halfway = connect(emulator.port, '127.0.0.1');
  for (const socket of [idle, halfway]) socket.on('error', () => undefined);
  await Promise.all([once(idle, 'connect'), once(halfway, 'connect')]);
  halfway.write(
    'POST /api/partner/v3/webhook-subscriptions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{',
  );
  const ends = [once(idle, 'close'), once(halfway, 'close')];
  await callApi(emulator, 'GET', SUBSCRIPTIONS);
  await emulator.close();
  await Promise.all(ends);
  await emulator.close();
  const successor = await startEmulator({ port: emulator.port });
  expect(successor.port).toBe(emulator.port);
  await successor.close();
});

test('a port that is taken is an error of configuration', async () => {
  const { port } = await openEmulator();
  await expect(startEmulator({ port })).rejects.toBeInstanceOf(ConfigError);
});

test('a body of more than a mebibyte ends the connection', async () => {
  const emulator = await openEmulator();
  const body = JSON.stringify({ target_url: `https://x.example/${'x'.repeat(1024 * 1024)}` });
  await expect(callApi(emulator, 'POST', SUBSCRIPTIONS, body)).rejects.toThrow();
  expect(emulator.subscriptions()).toEqual([]);
});

test('a client that goes away while it sends commits nothing', async () => {
  const emulator = await openEmulator();
  const socket = connect(emulator.port, '127.0.0.1');
  await once(socket, 'connect');
  const body = JSON.stringify({ target_url: 'https://x.example/', subscribed_events: EVENTS });
  const head = `POST /api/partner/v3/webhook-subscriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${emulator.apiKey}\r\ncontent-length: ${body.length + 1}\r\n\r\n`;
  socket.end(head + body);
  await once(socket.resume(), 'close');
  await callApi(emulator, 'GET', SUBSCRIPTIONS);
  expect(emulator.subscriptions()).toEqual([]);
});

test('ten thousand subscriptions are listed whole, and their URLs are still unique', async () => {
  const count = 10_000;
  const subscriptions = Array.from({ length: count }, (_, index) => ({
    target_url: `https://hooks.example.com/${index}`,
    subscribed_events: EVENTS,
  }));
  const emulator = await openEmulator({ seed: { lines: [], subscriptions } });
  const listed = json(await callApi(emulator, 'GET', SUBSCRIPTIONS)).subscriptions;
  expect(new Set(listed.map(({ id }) => id)).size).toBe(count);
  await expect(create(emulator, 'https://hooks.example.com/9999')).rejects.toThrow('409');
  expect(await create(emulator, 'https://hooks.example.com/10000')).toHaveProperty('signing_secret');
});
