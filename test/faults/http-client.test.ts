import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RequestError } from '../../src/domain/errors.ts';
import { createHttpClient, type HttpClient, type HttpRequest } from '../../src/http/http-client.ts';
import {
  closedPort,
  hang,
  reset,
  respond,
  stall,
  startScriptedServer,
  truncate,
  type Answer,
  type ScriptedServer,
} from '../support/scripted-server.ts';
import { createTestClient, TEST_START } from '../support/test-client.ts';

let server: ScriptedServer;
const clients: HttpClient[] = [];

beforeEach(async () => {
  server = await startScriptedServer();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await server.close();
});

function client(options: Parameters<typeof createTestClient>[0] = {}): ReturnType<typeof createTestClient> {
  const made = createTestClient(options);
  clients.push(made.http);
  return made;
}

function get(url = server.url, overrides: Partial<HttpRequest> = {}): HttpRequest {
  return {
    service: 'Linq',
    action: 'list things',
    method: 'GET',
    url: `${url}/things`,
    retry: true,
    ...overrides,
  };
}

/** Retries are allowed, so that only the decision keeps the POST from being sent again. */
function post(url = server.url): HttpRequest {
  return get(url, { action: 'create a thing', method: 'POST', body: '{"a":1}' });
}

async function failure(answer: Promise<unknown>): Promise<RequestError> {
  const error: unknown = await answer.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
}

describe('a request', () => {
  it('arrives as it was given, and its answer comes whole', async () => {
    server.script(respond(201, { b: 'é' }, { 'x-trace-id': 'abc', 'X-Two': 'x' }));
    const answer = await client().http.request({ ...post(), headers: { authorization: 'Bearer k' } });
    expect(answer).toMatchObject({ status: 201, headers: { 'x-trace-id': 'abc', 'x-two': 'x' } });
    expect(answer.json()).toEqual({ b: 'é' });
    expect(server.received).toHaveLength(1);
    expect(server.received[0]).toMatchObject({
      method: 'POST',
      path: '/things',
      body: '{"a":1}',
      headers: {
        authorization: 'Bearer k',
        'content-type': 'application/json',
        'user-agent': 'linq-gitops/test',
      },
    });
  });

  it('fails with the status, the trace and a URL without query and credentials', async () => {
    server.script(respond(400, {}, { 'x-trace-id': '2eff5df5' }));
    const url = server.url.replace('//', '//user:hunter2@');
    const error = await failure(client().http.request({ ...post(), url: `${url}/a?token=hunter2` }));
    expect(error).toMatchObject({
      status: 400,
      traceId: '2eff5df5',
      url: `${server.url}/a`,
      method: 'POST',
      message: 'cannot create a thing: Linq answered 400, trace 2eff5df5',
    });
  });

  it('is reported once for every time that it was sent, with the status', async () => {
    const seen: unknown[] = [];
    server.script(respond(503, {}), reset, respond(200, {}));
    await client().http.request({ ...get(), onRequest: (method, status) => seen.push([method, status]) });
    expect(seen).toEqual([
      ['GET', 503],
      ['GET', null],
      ['GET', 200],
    ]);
  });

  it('is not reported where it was never sent', async () => {
    const seen: unknown[] = [];
    const request = get(`http://127.0.0.1:${await closedPort()}`, {
      onRequest: (method) => seen.push(method),
    });
    await failure(client().http.request(request));
    expect(seen).toEqual([]);
  });

  it('says that a 2xx body which is not JSON is no answer, without quoting it', async () => {
    server.script(respond(200, '<html>hunter2</html>'));
    const answer = await client().http.request(get());
    const error = await failure(Promise.resolve(answer).then((whole) => whole.json()));
    expect(error).toMatchObject({ outcome: 'unknown', status: 200 });
    expect(error.cause).toBeUndefined();
    expect(String(error)).not.toContain('hunter2');
  });
});

describe('a POST', () => {
  const broken: [string, Answer, string][] = [
    ['the connection is reset', reset, 'unknown'],
    ['no answer comes', hang, 'unknown'],
    ['the body stalls', stall(201), 'unknown'],
    ['the body is cut short', truncate(201, '{"id":"a1","signing_secret":"x"}'), 'unknown'],
    ['the body is too large', respond(201, 'x'.repeat(3000)), 'unknown'],
    [
      'the body is not UTF-8',
      (response) => void response.writeHead(201).end(Buffer.from([0xff, 0xfe])),
      'unknown',
    ],
    ['the answer is no HTTP', (response) => void response.socket?.end('SSH-2.0-x\r\n'), 'unknown'],
  ];
  const statuses: [string, Answer, string][] = [
    ...[301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 422, 429].map(
      (status): [string, Answer, string] => [`it answers ${status}`, respond(status, {}), 'refused'],
    ),
    ...[408, 500, 502, 503, 504, 599].map((status): [string, Answer, string] => [
      `it answers ${status}`,
      respond(status, {}),
      'unknown',
    ]),
  ];

  it.each([...broken, ...statuses])('is sent exactly once where %s', async (_title, answer, outcome) => {
    server.script(answer);
    const { http, waits } = client({ timeoutMs: 800, maxResponseBytes: 2000 });
    const error = await failure(http.request(post()));
    expect(error.outcome).toBe(outcome);
    expect(waits).toEqual([]);
    // What comes after it shows that nothing else is on its way.
    server.script(respond(200, {}));
    await http.request(get());
    expect(server.received.map(({ method }) => method)).toEqual(['POST', 'GET']);
  });

  it('is sent once where a kept-alive connection is reset under it', async () => {
    const { http } = client();
    server.script(respond(200, {}), reset);
    await http.request(get());
    expect((await failure(http.request(post()))).outcome).toBe('unknown');
    expect(server.received.map(({ method }) => method)).toEqual(['GET', 'POST']);
  });

  it('is not sent where nobody listens', async () => {
    const { http, waits } = client();
    const error = await failure(http.request(post(`http://127.0.0.1:${await closedPort()}`)));
    expect(error).toMatchObject({ outcome: 'not-sent', status: undefined, cause: { code: 'ECONNREFUSED' } });
    expect(waits).toEqual([]);
  });

  it('is not sent where the server speaks no TLS', async () => {
    const error = await failure(client().http.request(post(`https://127.0.0.1:${server.port}`)));
    expect(error.outcome).toBe('not-sent');
    expect(server.received).toEqual([]);
  });

  it('is not sent where TLS is never agreed on', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const error = await failure(client({ timeoutMs: 200 }).http.request(post(`https://127.0.0.1:${port}`)));
    expect(error.outcome).toBe('not-sent');
    silent.close();
  });

  it('is not sent any more where it was given up while it waited for a connection', async () => {
    const { http } = client();
    server.script(hang);
    const crowd = new AbortController();
    const crowded = Array.from({ length: 16 }, () =>
      failure(http.request({ ...get(), signal: crowd.signal })),
    );
    await server.arrived(16);
    const stop = new AbortController();
    const waiting = failure(http.request({ ...post(), signal: stop.signal }));
    stop.abort();
    expect((await waiting).outcome).toBe('not-sent');
    crowd.abort();
    await Promise.all(crowded);
    server.script(respond(200, {}));
    await http.request(get());
    expect(server.received.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('is not sent where it was stopped before', async () => {
    const error = await failure(client().http.request({ ...post(), signal: AbortSignal.abort() }));
    expect(error.outcome).toBe('not-sent');
    expect(server.received).toEqual([]);
  });

  it('may have happened where it was stopped after it was sent', async () => {
    server.script(hang);
    const stop = new AbortController();
    const waiting = failure(client().http.request({ ...post(), signal: stop.signal }));
    await server.arrived(1);
    stop.abort();
    expect((await waiting).outcome).toBe('unknown');
  });

  it('is repeated where the caller says that it may be', async () => {
    server.script(respond(503, {}), respond(200, {}));
    await client().http.request({ ...post(), isIdempotent: true });
    expect(server.received).toHaveLength(2);
  });
});

describe('a request that may be repeated', () => {
  it.each<[string, Answer]>([
    ['a reset', reset],
    ['no answer', hang],
    ['half a body', truncate(200, '{"subscriptions":[]}')],
    ['503', respond(503, {})],
    ['429', respond(429, {})],
  ])('is sent again after %s', async (_title, answer) => {
    server.script(answer, answer, respond(200, { ok: true }));
    const { http, waits } = client({ timeoutMs: 800 });
    expect((await http.request(get())).json()).toEqual({ ok: true });
    expect(waits).toEqual([250, 500]);
    expect(server.received).toHaveLength(3);
  });

  it('waits where another one was told when to come back, whatever it asks for', async () => {
    server.script(respond(429, {}, { 'retry-after': '3' }), respond(200, { ok: true }));
    const { http, waits } = client();
    await failure(http.request({ ...get(), retry: false }));
    expect(waits).toEqual([]);
    await Promise.all([http.request(get()), http.request(post())]);
    expect(waits.slice(0, 1)).toEqual([3_000]);
    expect(server.received).toHaveLength(3);
  });

  it('leaves no sooner than that where it had to wait for its turn', async () => {
    server.script(respond(429, {}, { 'retry-after': '3' }), respond(200, { ok: true }));
    const { http, waits } = client({ concurrency: 1 });
    const first = failure(http.request({ ...get(), retry: false }));
    const second = http.request(get());
    await first;
    await second;
    expect(waits).toEqual([3_000]);
    expect(server.received).toHaveLength(2);
  });

  it('is not sent any more where others took all of its time', async () => {
    let time = TEST_START;
    server.script((response) => {
      time += 5_001;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    const { http } = client({ concurrency: 1, now: () => time });
    const first = http.request(get());
    const error = await failure(http.request(get()));
    await first;
    expect(error).toMatchObject({ outcome: 'not-sent' });
    expect(error.message).toContain('other requests took all of its time');
    expect(server.received).toHaveLength(1);
  });

  it('has no more company on its way than there are connections', async () => {
    const held: (() => void)[] = [];
    let most = 0;
    server.script((response) => {
      held.push(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
      most = Math.max(most, held.length);
      // A third one would be here before these two have their answers.
      if (held.length === 2) setImmediate(() => held.splice(0).forEach((answer) => answer()));
    });
    const { http } = client({ concurrency: 2 });
    await Promise.all(Array.from({ length: 8 }, () => http.request(get())));
    expect(most).toBe(2);
    expect(server.received).toHaveLength(8);
  });

  it('does not wait for what is later than its own time', async () => {
    server.script(respond(429, {}, { 'retry-after': '6' }), respond(200, { ok: true }));
    const { http, waits } = client();
    await failure(http.request(get()));
    expect((await http.request(get())).json()).toEqual({ ok: true });
    expect(waits).toEqual([]);
  });

  it('fails with the last failure when its time is over, and says how often it was tried', async () => {
    server.script(respond(503, {}));
    const { http, waits } = client();
    const error = await failure(http.request(get()));
    expect(waits).toEqual([250, 500, 1000, 2000]);
    expect(error.message).toBe('cannot list things: Linq answered 503, attempt 5');
    expect(server.received).toHaveLength(5);
  });

  it('is sent once where the caller wants no retry', async () => {
    server.script(respond(503, {}));
    const { http, waits } = client();
    await failure(http.request({ ...get(), retry: false }));
    expect(waits).toEqual([]);
    expect(server.received).toHaveLength(1);
  });

  it.each([
    ['3', undefined, 3000],
    ['0', undefined, 250],
    ['Tue, 01 Sep 2026 12:00:04 GMT', 'Tue, 01 Sep 2026 12:00:00 GMT', 4000],
    ['Tue, 01 Sep 2026 12:30:02 GMT', 'Tue, 01 Sep 2026 12:30:00 GMT', 2000],
    ['nonsense', undefined, 250],
  ])('waits as Retry-After %s wants', async (wait, date, ms) => {
    server.script(
      respond(429, {}, { 'retry-after': wait, ...(date === undefined ? {} : { date }) }),
      respond(200, {}),
    );
    const { http, waits } = client();
    await http.request(get());
    expect(waits).toEqual([ms]);
  });

  it('fails at once, and says when to come back, where Retry-After is beyond its time', async () => {
    server.script(respond(429, {}, { 'retry-after': '60' }));
    const { http, waits } = client();
    const error = await failure(http.request(get()));
    expect(error).toMatchObject({ status: 429, retryAfterMs: 60_000, outcome: 'refused' });
    expect(waits).toEqual([]);
  });

  it('takes the wait from the body where no header has it, and believes no more than a day', async () => {
    server.script(respond(429, {}));
    const explain = (): { retryAfterMs: number } => ({ retryAfterMs: 1e300 });
    const error = await failure(client().http.request({ ...get(), explain }));
    expect(error.retryAfterMs).toBe(86_400_000);
  });

  it('reads Retry-After by the clock where the answer has no date', async () => {
    const later = new Date(TEST_START + 3000).toUTCString();
    server.script(
      (response) => {
        response.sendDate = false;
        response.writeHead(503, { 'retry-after': later }).end();
      },
      respond(200, {}),
    );
    const { http, waits } = client();
    await http.request(get());
    expect(waits).toEqual([3000]);
  });

  it('is not sent again after an answer that is too large', async () => {
    server.script(respond(200, 'x'.repeat(3000)));
    const { http, waits } = client({ maxResponseBytes: 2000 });
    await failure(http.request(get()));
    expect(waits).toEqual([]);
  });

  it('takes an answer of exactly the largest size', async () => {
    server.script(respond(200, 'x'.repeat(2000)));
    expect((await client({ maxResponseBytes: 2000 }).http.request(get())).text()).toHaveLength(2000);
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])(
    '%i is refused, and nothing is sent to where it points',
    async (status) => {
      const other = await startScriptedServer();
      server.script(respond(status, {}, { location: `${other.url}/take?token=hunter2` }));
      const headers = { authorization: 'Bearer k' };
      const error = await failure(client().http.request({ ...get(), headers }));
      expect(error.outcome).toBe('refused');
      expect(error.message).toContain('redirect');
      expect(error.message).toContain(new URL(other.url).host);
      expect(error.message).not.toContain('hunter2');
      expect(other.received).toEqual([]);
      expect(server.received).toHaveLength(1);
      await other.close();
    },
  );
});

describe('closing', () => {
  it('lets what was sent end, and then cuts every connection', async () => {
    const { http } = client();
    let release: () => void = () => undefined;
    server.script((response) => {
      release = () => void response.end('{"id":"a1"}');
    });
    const answer = http.request(post());
    await server.arrived(1);
    const closing = http.close();
    release();
    expect((await answer).json()).toEqual({ id: 'a1' });
    await closing;
    await server.idle();
  });

  it('ends the wait for a retry', async () => {
    const http = createHttpClient({ timeoutMs: 10_000, budgetMs: Number.MAX_SAFE_INTEGER, userAgent: 'x' });
    server.script(respond(503, {}, { 'retry-after': '86400' }));
    const answer = failure(http.request(get()));
    await server.arrived(1);
    await http.close();
    expect((await answer).status).toBe(503);
    expect(server.received).toHaveLength(1);
  });

  it('sends nothing afterwards', async () => {
    const { http } = client();
    await http.close();
    const error = await failure(http.request(post()));
    expect(error.outcome).toBe('not-sent');
    expect(server.received).toEqual([]);
  });
});
