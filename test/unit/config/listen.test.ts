import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { checkListen, parseListen } from '../../../src/config/listen.ts';

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1:9653', '127.0.0.1', 9653],
    ['0.0.0.0:80', '0.0.0.0', 80],
    ['[::1]:9653', '::1', 9653],
    ['[::]:65535', '::', 65535],
    ['[::ffff:127.0.0.1]:1', '::ffff:127.0.0.1', 1],
    ['localhost:0', 'localhost', 0],
    ['Pod-1.example.com:8080', 'Pod-1.example.com', 8080],
  ])('%s has a host and a port', (text, host, port) => {
    expect(parseListen(text)).toEqual({ host, port });
    expect(checkListen('listen', text)).toBeUndefined();
  });

  it.each([
    '',
    '9653',
    ':9653',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:99999',
    '127.0.0.1:-1',
    '127.0.0.1:80a',
    '127.0.0.1:080808',
    '::1:9653',
    '[::1]',
    '[]:9653',
    '[::::]:9653',
    '[1:2]:9653',
    '[localhost]:9653',
    'http://127.0.0.1:9653',
    '127.0.0.1:9653/',
    'user@host:9653',
    ' 127.0.0.1:9653',
    '127.0.0.1:9653\n',
    '*:9653',
  ])('is not %j', (text) => {
    expect(parseListen(text)).toBeUndefined();
    expect(checkListen('listen', text)?.message).toContain('`listen` must be a host and a port');
  });

  it('can be listened on as it was parsed', async () => {
    const { host, port } = parseListen('127.0.0.1:0')!;
    const server = createServer().listen(port, host);
    await once(server, 'listening');
    expect(server.address()).toMatchObject({ address: '127.0.0.1' });
    server.close();
  });
});

describe('the suggestion', () => {
  it.each(['9653', ':9653', '0'])('for %j is the port on loopback', (text) => {
    const suggestion = checkListen('listen', text)?.suggestion;
    expect(suggestion).toBe(`127.0.0.1:${text.replace(':', '')}`);
    expect(parseListen(suggestion!)).toBeDefined();
  });

  it.each(['99999', ':65536', 'http://localhost:9653', ''])('for %j is none', (text) => {
    expect(checkListen('listen', text)).not.toHaveProperty('suggestion');
  });
});
