import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { listen, urlOf } from '../../../src/daemon/listen.ts';

const servers: Server[] = [];
const clients: Socket[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

describe('listen', () => {
  it.each([
    ['headers', 'GET / HTTP/1.1\r\nhost: a\r\nx-slow: '],
    ['a body', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10000\r\n\r\n'],
  ])('cuts off a client that sends %s byte by byte and never stops', async (_, begun) => {
    const server = await open(100);
    server.on('request', (request: IncomingMessage) => request.resume());
    const client = await connectTo(server);
    client.write(begun);
    const dripping = setInterval(() => client.write('x'), 10);

    await new Promise<void>((resolve) => client.resume().once('close', () => resolve()));

    clearInterval(dripping);
    expect(client.destroyed).toBe(true);
  });

  it('cuts off a client that does not take its answer', async () => {
    const server = await open(100);
    const requested = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const client = await connectTo(server);
    client.pause();
    client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    const [, response] = await requested;
    // More than the buffers of both ends of a connection hold.
    response.end(Buffer.alloc(32 * 1024 * 1024));

    await once(response, 'close');

    expect(await connectionsOf(server)).toBe(0);
  });

  it('takes no more connections than it can hold', async () => {
    const server = await open(60_000);
    const dropped = once(server, 'drop');

    await Promise.all(Array.from({ length: 129 }, () => connectTo(server)));

    await dropped;
    expect(await connectionsOf(server)).toBe(128);
  });

  it('outlives a connection that cannot be accepted, and no other fault', async () => {
    const server = await open(1000);

    expect(() => server.emit('error', failureOf('accept'))).not.toThrow();
    expect(() => server.emit('error', failureOf('listen'))).toThrow('out of luck');
    expect(server.listening).toBe(true);
  });
});

async function open(patienceMs: number): Promise<Server> {
  const server = await listen('127.0.0.1', 0, patienceMs);
  servers.push(server);
  return server;
}

async function connectTo(server: Server): Promise<Socket> {
  const client = connect(Number(new URL(urlOf(server)).port), '127.0.0.1');
  clients.push(client);
  await once(client, 'connect');
  client.on('error', () => undefined);
  return client;
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

function failureOf(syscall: string): Error {
  return Object.assign(new Error('out of luck'), { syscall });
}
