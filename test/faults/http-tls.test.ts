import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigError, RequestError } from '../../src/domain/errors.ts';
import type { HttpClient, HttpRequest } from '../../src/http/http-client.ts';
import { createCertificate } from '../support/certificate.ts';
import { respond, startScriptedServer, type ScriptedServer } from '../support/scripted-server.ts';
import { createTestClient } from '../support/test-client.ts';

const certificate = createCertificate('linq.test');
let server: ScriptedServer;
let http: HttpClient | undefined;

beforeEach(async () => {
  server = await startScriptedServer({ tls: certificate });
  server.script(respond(200, { ok: true }));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await http?.close();
  http = undefined;
  await server.close();
});

function post(url: string): HttpRequest {
  const headers = { authorization: 'Bearer k-12345' };
  return { service: 'Linq', action: 'create a thing', method: 'POST', url, headers, body: '{}', retry: true };
}

async function attempt(url: string, options: Parameters<typeof createTestClient>[0]): Promise<unknown> {
  const client = createTestClient(options);
  http = client.http;
  try {
    return (await http.request(post(url))).json();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    expect(client.waits).toEqual([]);
    return error;
  }
}

describe('TLS', () => {
  it('accepts the authority that it is given', async () => {
    expect(await attempt(server.url, { tls: { ca: certificate.cert } })).toEqual({ ok: true });
  });

  it('sends nothing to a server whose authority it does not know, and says what helps', async () => {
    const error = await attempt(server.url, {});
    expect(error).toMatchObject({ outcome: 'not-sent' });
    expect(error).toHaveProperty('hint', expect.stringContaining('NODE_EXTRA_CA_CERTS'));
    expect(server.received).toEqual([]);
  });

  it('sends nothing to a server of another name', async () => {
    const tls = { ca: certificate.cert, servername: 'other.test' };
    expect(await attempt(server.url, { tls })).toMatchObject({ outcome: 'not-sent' });
    expect(server.received).toEqual([]);
  });
});

describe('a proxy', () => {
  let asked: { target: string; headers: string }[] = [];
  let answerConnect: (socket: Socket) => void = () => undefined;
  const sockets = new Set<Socket>();
  const proxy = createServer((_request, response) => response.writeHead(500).end());
  proxy.on('connection', (socket) => sockets.add(socket));
  proxy.on('connect', (request, socket: Socket) => {
    asked.push({ target: request.url ?? '', headers: JSON.stringify(request.headers) });
    answerConnect(socket);
  });

  beforeEach(async () => {
    asked = [];
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    vi.stubEnv('HTTPS_PROXY', `http://user:hunter2@127.0.0.1:${port}`);
    vi.stubEnv('https_proxy', undefined);
    vi.stubEnv('NO_PROXY', '');
    vi.stubEnv('no_proxy', undefined);
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await new Promise((resolve) => proxy.close(resolve));
  });

  it('of the environment carries the request, and does not see it', async () => {
    answerConnect = (socket) => {
      const upstream = connect(server.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [upstream, socket]) end.on('error', () => undefined);
    };
    expect(await attempt('https://linq.test/things', { tls: { ca: certificate.cert } })).toEqual({
      ok: true,
    });
    expect(asked.map(({ target }) => target)).toEqual(['linq.test:443']);
    expect(asked[0]?.headers).not.toContain('k-12345');
    expect(server.received.map(({ path }) => path)).toEqual(['/things']);
  });

  it('that refuses means that nothing was sent', async () => {
    answerConnect = (socket) => void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const error = await attempt('https://linq.test/things', {});
    expect(error).toMatchObject({ outcome: 'not-sent' });
    expect(String(error)).toContain('407');
    expect(String(error)).not.toContain('hunter2');
  });

  it('that ends the connection is asked once, not in a loop', async () => {
    answerConnect = (socket) => void socket.end();
    expect(await attempt('https://linq.test/things', {})).toMatchObject({ outcome: 'not-sent' });
    expect(asked).toHaveLength(1);
  });

  it('is not asked for loopback, nor for what NO_PROXY names', async () => {
    expect(await attempt(server.url, { tls: { ca: certificate.cert } })).toEqual({ ok: true });
    await http?.close();
    vi.stubEnv('NO_PROXY', 'linq.invalid');
    expect(await attempt('https://linq.invalid', {})).toMatchObject({ outcome: 'not-sent' });
    expect(asked).toEqual([]);
  });

  it('that is no URL is a mistake of the configuration, which is not quoted', () => {
    vi.stubEnv('HTTPS_PROXY', 'user:hunter2@proxy:3128');
    expect(() => createTestClient()).toThrow(ConfigError);
    expect(() => createTestClient()).not.toThrow(/hunter2/);
  });
});
