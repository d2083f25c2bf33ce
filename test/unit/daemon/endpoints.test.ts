import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { isLoopbackPeer, openEndpoints } from '../../../src/daemon/endpoints.ts';
import type { EndpointOptions } from '../../../src/daemon/endpoints.ts';
import { openMetrics } from '../../../src/daemon/metrics.ts';
import type { DaemonStatus } from '../../../src/daemon/status.ts';
import { ConfigError } from '../../../src/domain/errors.ts';
import { entryStatus, freshStatus, NOON, quietStatus } from '../../support/daemon-status.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((endpoints) => endpoints.close()));
});

describe('/livez', () => {
  it('answers ok, whatever state the daemon is in', async () => {
    const daemon = await start(sealedStatus());

    expect(await daemon.ask('/livez')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('does not even look at the status', async () => {
    const daemon = await start(() => {
      throw new Error('there is no status');
    });

    expect(await daemon.ask('/livez')).toMatchObject({ status: 200 });
  });
});

describe('/readyz', () => {
  it('says before anything has happened what is missing, one reason per line', async () => {
    const daemon = await start(freshStatus());

    expect(await daemon.ask('/readyz')).toMatchObject({
      status: 503,
      body: 'no good subscriptions file has been loaded yet\nno pass has come to a plan yet\n',
    });
  });

  it('says why the file is not good, and why the pass failed', async () => {
    const daemon = await start(
      freshStatus({
        config: {
          loaded: null,
          problem: { message: 'cannot use it: 2 problems', problems: [], since: NOON },
        },
        pass: { ...freshStatus().pass, last: ended('failed', 'cannot list: 401'), failures: 1 },
      }),
    );

    expect(await daemon.ask('/readyz')).toMatchObject({
      status: 503,
      body: [
        'no good subscriptions file has been loaded yet: cannot use it: 2 problems',
        'no pass has come to a plan yet: cannot list: 401\n',
      ].join('\n'),
    });
  });

  it('is ok where a pass came to a plan, whatever became of it and of later ones', async () => {
    const { config } = quietStatus();
    const pass = { ...freshStatus().pass, lastPlanAt: NOON, last: ended('failed'), failures: 2 };
    const daemon = await start(freshStatus({ config, pass }));

    expect(await daemon.ask('/readyz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('stays ok through a sealed Vault and a bad file', async () => {
    const daemon = await start(quietStatus());
    expect((await daemon.ask('/readyz')).status).toBe(200);

    const { config, pass } = quietStatus();
    const { problem } = sealedStatus().config;
    daemon.become(
      quietStatus({ config: { ...config, problem }, pass: { ...pass, last: ended('failed'), failures: 9 } }),
    );

    expect(await daemon.ask('/readyz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('becomes ok only when it is so', async () => {
    const daemon = await start(freshStatus());
    expect((await daemon.ask('/readyz')).status).toBe(503);
    daemon.become(freshStatus({ config: quietStatus().config }));
    expect((await daemon.ask('/readyz')).status).toBe(503);

    daemon.become(quietStatus());

    expect((await daemon.ask('/readyz')).status).toBe(200);
  });
});

describe('/startupz', () => {
  it('is ok when no secret is awaited, also where no pass has ended', async () => {
    const daemon = await start(freshStatus({ awaited: [] }));

    expect(await daemon.ask('/startupz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('says while it is not known what is awaited that it is not', async () => {
    const daemon = await start(freshStatus({ awaited: null }));

    expect(await daemon.ask('/startupz')).toMatchObject({
      status: 503,
      body: 'it is not known yet which secrets are awaited\n',
    });
  });

  it('names what is awaited', async () => {
    const daemon = await start(quietStatus({ awaited: ['billing', 'orders'] }));

    expect(await daemon.ask('/startupz')).toMatchObject({
      status: 503,
      body: 'no secret is stored and exported yet for:\nbilling\norders\n',
    });
  });

  it.each([
    [20, 'entry-20'],
    [21, 'and 1 more'],
    [5000, 'and 4980 more'],
  ])('names at most twenty of %i', async (count, lastLine) => {
    const awaited = Array.from({ length: count }, (_, index) => `entry-${index + 1}`);
    const daemon = await start(quietStatus({ awaited }));

    const lines = (await daemon.ask('/startupz')).body.trimEnd().split('\n');

    expect(lines.filter((line) => line.startsWith('entry-'))).toHaveLength(20);
    expect(lines.at(-1)).toBe(lastLine);
  });
});

describe('/metrics and /status', () => {
  it('serves the metrics as Prometheus wants them', async () => {
    const daemon = await start(quietStatus({ foreign: 7 }));

    const answer = await daemon.ask('/metrics');

    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body).toContain('\nlinq_gitops_foreign_subscriptions 7\n');
  });

  it('serves the status as indented JSON of this moment', async () => {
    const daemon = await start(quietStatus());

    const answer = await daemon.ask('/status');

    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.body).toMatch(/^\{\n {2}"format_version": "1.0",\n[^]*\n\}\n$/);
    expect(JSON.parse(answer.body)).toMatchObject({
      generated_at: '2026-03-01T12:00:00.000Z',
      config: { loaded: { content_hash: 'c0ffee' } },
      entries: [{ name: 'orders', state: 'in_sync', subscription_id: 'id-of-orders' }],
    });
  });

  it('shows no secret on any page, not even one that a message holds by mistake', async () => {
    const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    const message = `cannot do it: ${secret}`;
    const daemon = await start(
      freshStatus({
        config: { loaded: null, problem: { message, problems: [{ file: 'f', message }], since: NOON } },
        pass: { ...freshStatus().pass, last: ended('failed', message) },
        entries: [entryStatus('orders', { state: 'failed', reason: message })],
        held: [{ guard: 'account', reason: message }],
      }),
    );

    for (const path of ['/livez', '/readyz', '/startupz', '/metrics', '/status', '/nowhere']) {
      expect((await daemon.ask(path)).body).not.toContain(secret);
    }
    expect((await daemon.ask('/status')).body).toContain('cannot do it: [secret]');
  });
});

describe('POST /-/reconcile', () => {
  it('asks for a pass, once per request, and says that it was accepted', async () => {
    const daemon = await start(quietStatus());

    expect(await daemon.ask('/-/reconcile', { method: 'POST' })).toMatchObject({
      status: 202,
      body: 'accepted\n',
    });
    expect(daemon.reconciled()).toBe(1);
    await daemon.ask('/-/reconcile', { method: 'POST', body: 'now, please' });
    expect(daemon.reconciled()).toBe(2);
  });

  it.each(['GET', 'HEAD', 'PUT', 'OPTIONS'])('does not answer %s, and asks for nothing', async (method) => {
    const daemon = await start(quietStatus());

    const answer = await daemon.ask('/-/reconcile', { method });

    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('POST');
    expect(daemon.reconciled()).toBe(0);
  });

  it.each([
    ['a form or a script of a page', { origin: 'https://evil.example.com' }],
    ['a sandboxed page', { origin: 'null' }],
    ['a page whose name was rebound to this machine', { 'sec-fetch-site': 'same-origin' }],
    ['a proxy on this machine', { 'x-forwarded-for': '203.0.113.7' }],
    ['a proxy on this machine', { forwarded: 'for=203.0.113.7' }],
  ])('refuses %s, by %j', async (_, headers: Readonly<Record<string, string>>) => {
    const daemon = await start(quietStatus());

    expect((await daemon.ask('/-/reconcile', { method: 'POST', headers })).status).toBe(403);
    expect(daemon.reconciled()).toBe(0);
  });

  it.each(outsideAddresses())('refuses a peer that does not come over loopback, but %s', async (address) => {
    const daemon = await start(quietStatus(), { host: '0.0.0.0' });
    const port = new URL(daemon.url).port;

    const outside = await ask(`http://${address}:${port}`, '/-/reconcile', { method: 'POST' });
    expect(outside).toMatchObject({ status: 403, body: 'refused: only from this machine, over loopback\n' });
    expect(daemon.reconciled()).toBe(0);
    expect((await ask(`http://${address}:${port}`, '/livez')).status).toBe(200);

    const inside = await ask(`http://127.0.0.1:${port}`, '/-/reconcile', { method: 'POST' });
    expect(inside.status).toBe(202);
    expect(daemon.reconciled()).toBe(1);
  });

  it.each(ipv6Loopback())('accepts IPv4 loopback on a socket for both families, and %s', async () => {
    const daemon = await start(quietStatus(), { host: '::' });
    const port = new URL(daemon.url).port;

    expect((await ask(`http://127.0.0.1:${port}`, '/-/reconcile', { method: 'POST' })).status).toBe(202);
    expect((await ask(`http://[::1]:${port}`, '/-/reconcile', { method: 'POST' })).status).toBe(202);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.8.9.10', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::FFFF:127.1.2.3', true],
    ['10.0.0.1', false],
    ['128.0.0.1', false],
    ['::ffff:10.0.0.127', false],
    ['::127.0.0.1', false],
    ['fe80::1', false],
    ['::', false],
    ['0.0.0.0', false],
    ['127.0.0.1.evil.example.com', false],
    ['', false],
    [undefined, false],
  ])('takes %j for a loopback peer: %s', (address, isLoopback) => {
    expect(isLoopbackPeer(address)).toBe(isLoopback);
  });
});

describe('a page in a browser of this machine whose name was rebound to it', () => {
  it.each(['/readyz', '/startupz', '/metrics', '/status', '/nowhere'])(
    'reads nothing at %s',
    async (path) => {
      const daemon = await start(quietStatus());

      for (const host of [
        'evil.example.com:9653',
        'evil.example.com',
        '127.0.0.1.evil.example.com',
        'a.localhost.',
      ]) {
        expect(await daemon.ask(path, { headers: { host } }), host).toMatchObject({
          status: 403,
          body: 'refused: not by a name that is not of this machine\n',
        });
      }
    },
  );

  it('asks for no pass, even where the browser does not say that it is a page', async () => {
    const daemon = await start(quietStatus());

    const answer = await daemon.ask('/-/reconcile', {
      method: 'POST',
      headers: { host: 'evil.example.com' },
    });

    expect(answer.status).toBe(403);
    expect(daemon.reconciled()).toBe(0);
  });

  it.each([
    '127.0.0.1:9653',
    '[::1]:9653',
    'localhost',
    'localhost:9653',
    'daemon.localhost',
    'worker-1',
    '10.1.2.3',
  ])('is not whoever asks for %s', async (host) => {
    const daemon = await start(quietStatus());

    expect((await daemon.ask('/status', { headers: { host } })).status).toBe(200);
  });

  it.each(outsideAddresses())(
    'is not whoever comes over the network by the name of a service, to %s',
    async (address) => {
      const daemon = await start(quietStatus(), { host: '0.0.0.0' });
      const url = `http://${address}:${new URL(daemon.url).port}`;

      const answer = await ask(url, '/metrics', { headers: { host: 'linq-gitops.default.svc:9653' } });

      expect(answer.status).toBe(200);
    },
  );

  it('does not make the process seem dead', async () => {
    const daemon = await start(quietStatus());

    expect((await daemon.ask('/livez', { headers: { host: 'evil.example.com' } })).status).toBe(200);
  });
});

describe('every answer', () => {
  it.each(['/livez', '/readyz', '/metrics', '/status', '/nowhere'])(
    'is not to be stored or sniffed, and the last one on its connection: %s',
    async (path) => {
      const daemon = await start(quietStatus());

      const { headers } = await daemon.ask(path, { headers: { connection: 'keep-alive' } });

      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        connection: 'close',
      });
      expect(headers['content-type']).toMatch(/; charset=utf-8$/);
    },
  );

  it.each(['/livez', '/readyz', '/startupz', '/status'])(
    'has to HEAD the headers of GET, and no body: %s',
    async (path) => {
      const daemon = await start(quietStatus());
      const get = await daemon.ask(path);

      const head = await daemon.ask(path, { method: 'HEAD' });

      expect(head.status).toBe(get.status);
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
      expect(head.body).toBe('');
    },
  );

  it.each(['/livez', '/readyz', '/startupz', '/metrics', '/status'])(
    'is to other methods which ones there are: %s',
    async (path) => {
      const answer = await (await start(quietStatus())).ask(path, { method: 'POST', body: '{}' });

      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toBe('GET, HEAD');
    },
  );

  it('disregards a query', async () => {
    const daemon = await start(quietStatus());

    expect((await daemon.ask('/readyz?verbose')).status).toBe(200);
  });

  it.each(['/', '/livez/', '//livez', '/LIVEZ', '/-/', '/../livez'])(
    'lists the paths where there is nothing: %s',
    async (path) => {
      expect(await (await start(quietStatus())).ask(path)).toMatchObject({
        status: 404,
        body: 'not found; there are:\n/livez\n/readyz\n/startupz\n/metrics\n/status\n/-/reconcile\n',
      });
    },
  );

  it('repeats nothing of the request', async () => {
    const daemon = await start(quietStatus());

    const answer = await daemon.ask('/echo-path?echo-query', {
      method: 'POST',
      headers: { 'x-api-key': 'echo-header' },
      body: 'echo-body',
    });

    expect(JSON.stringify(answer)).not.toContain('echo');
  });
});

describe('clients that misbehave', () => {
  it.each([
    ['says nothing', ''],
    ['never ends its headers', 'GET /livez HTTP/1.1\r\nhost: a\r\nx-slow: '],
    ['never ends its body', 'POST /-/reconcile HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc'],
  ])('cuts off one that %s', async (_, begun) => {
    const daemon = await start(quietStatus(), { patienceMs: 100 });
    const client = await connectTo(daemon.url);
    client.write(begun);

    await ending(client);

    expect(daemon.reconciled()).toBe(0);
    expect((await daemon.ask('/livez')).status).toBe(200);
  });

  it.each([
    ['a body without end', `transfer-encoding: chunked\r\n\r\n4000\r\n${'x'.repeat(0x4000)}\r\n4000\r\n`],
    ['a long body', `content-length: 20000\r\n\r\n${'x'.repeat(17_000)}`],
  ])('cuts off one that sends %s, and does not do what it asks', async (_, rest) => {
    const daemon = await start(quietStatus(), { patienceMs: 60_000 });
    const client = await connectTo(daemon.url);
    client.write(`POST /-/reconcile HTTP/1.1\r\nhost: a\r\n${rest}`);
    client.write('x'.repeat(1000));

    await ending(client);

    expect(daemon.reconciled()).toBe(0);
    expect((await daemon.ask('/livez')).status).toBe(200);
  });

  it('keeps serving where one leaves in the middle of its request', async () => {
    const daemon = await start(quietStatus());
    const client = await connectTo(daemon.url);
    client.write('POST /-/reconcile HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc');
    client.destroy();

    expect((await daemon.ask('/livez')).status).toBe(200);
    expect(daemon.reconciled()).toBe(0);
  });

  it('has room for others while one sits on more connections than there are', async () => {
    const daemon = await start(quietStatus(), { patienceMs: 200 });
    const clients = await Promise.all(Array.from({ length: 200 }, () => connectTo(daemon.url)));

    await Promise.all(clients.map(ending));

    expect((await daemon.ask('/livez')).status).toBe(200);
  });
});

describe('opening and closing', () => {
  it('ends connections on which nothing happens, at once, and listens no more', async () => {
    const daemon = await start(quietStatus(), { patienceMs: 60_000 });
    const silent = await connectTo(daemon.url);
    const slow = await connectTo(daemon.url);
    slow.write('GET /livez HTTP/1.1\r\nhost: ');
    const ended = Promise.all([ending(silent), ending(slow)]);

    await daemon.close();

    await ended;
    await expect(daemon.ask('/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('gives the answer that it is working on before it closes', async () => {
    const began = signal();
    const mayEnd = signal();
    const body = 'x'.repeat(100_000);
    const render = async (): Promise<{ contentType: string; body: string }> => {
      began.give();
      await mayEnd.given;
      return { contentType: 'text/plain', body };
    };
    const daemon = await start(quietStatus(), { metrics: { render } });
    const answer = daemon.ask('/metrics');
    await began.given;

    const closed = daemon.close();
    mayEnd.give();

    expect((await answer).body).toBe(body);
    await closed;
  });

  it('may be closed twice', async () => {
    const daemon = await start(quietStatus());

    await daemon.close();

    await expect(daemon.close()).resolves.toBeUndefined();
  });

  it.each(ipv6Loopback())('listens on %s, with brackets or without', async () => {
    for (const host of ['[::1]', '::1']) {
      const daemon = await start(quietStatus(), { host });

      expect(daemon.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
      expect((await daemon.ask('/livez')).status).toBe(200);
    }
  });

  it('says which setting is wrong where the port is taken', async () => {
    const daemon = await start(quietStatus());
    const port = Number(new URL(daemon.url).port);

    const error = await failure(start(quietStatus(), { port }));

    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toBe(
      `cannot listen on 127.0.0.1:${port} (daemon.listen): something else listens there`,
    );
    expect((await daemon.ask('/livez')).status).toBe(200);
  });

  it('says which setting is wrong where the address is not of this machine', async () => {
    const error = await failure(start(quietStatus(), { host: '203.0.113.1' }));

    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toBe(
      'cannot listen on 203.0.113.1:0 (daemon.listen): this machine has no such address',
    );
  });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function start(first: DaemonStatus | (() => DaemonStatus), changes: Partial<EndpointOptions> = {}) {
  let current = first;
  let reconciled = 0;
  const status = (): DaemonStatus => (typeof current === 'function' ? current() : current);
  const endpoints = await openEndpoints({
    host: '127.0.0.1',
    port: 0,
    status,
    metrics: openMetrics({ version: '1.2.3', sink: 'file', status }),
    reconcile() {
      reconciled++;
    },
    now: () => NOON,
    ...changes,
  });
  opened.push(endpoints);
  return {
    ...endpoints,
    ask: (path: string, request?: Ask) => ask(endpoints.url, path, request),
    become(next: DaemonStatus) {
      current = next;
    },
    reconciled: () => reconciled,
  };
}

/** Over a connection of its own, with the path as it is. */
async function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body }: Ask = {},
): Promise<Answer> {
  const request = httpRequest(url, { path, method, headers, agent: false });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

/** A daemon that was in order, until Vault was sealed and the file spoilt. */
function sealedStatus(): DaemonStatus {
  return freshStatus({
    config: { loaded: null, problem: { message: 'cannot use it: 1 problem', problems: [], since: NOON } },
    pass: { ...freshStatus().pass, last: ended('failed', 'cannot read the sink: sealed'), failures: 9 },
  });
}

function ended(result: 'unchanged' | 'changed' | 'incomplete' | 'failed', error: string | null = null) {
  return { result, startedAt: NOON - 1000, endedAt: NOON, error };
}

async function connectTo(url: string): Promise<Socket> {
  const client = connect(Number(new URL(url).port), new URL(url).hostname);
  await once(client, 'connect');
  return client;
}

/** Waits until the other side has ended the connection; a reset is one way to do so. */
async function ending(client: Socket): Promise<void> {
  client.on('error', () => undefined);
  client.resume();
  await new Promise<void>((resolve) => {
    if (client.closed) resolve();
    else client.once('close', () => resolve());
  });
}

async function failure(attempt: Promise<unknown>): Promise<Error> {
  return attempt.then(
    () => new Error('nothing failed'),
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}

function signal(): { readonly given: Promise<void>; give(): void } {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}

/** IPv4 addresses of this machine that are not loopback; a machine may have none. */
function outsideAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}

/** `::1` where this machine has IPv6. */
function ipv6Loopback(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address }) => address === '::1')
    .map(({ address }) => address);
}
