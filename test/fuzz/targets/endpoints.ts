import { connect } from 'node:net';
import fc from 'fast-check';
import { openEndpoints } from '../../../src/daemon/endpoints.ts';
import { openMetrics } from '../../../src/daemon/metrics.ts';
import { NOON, quietStatus } from '../../support/daemon-status.ts';
import { CANARY, demand, type Target, type Verdict } from '../target.ts';

const PATHS = ['/livez', '/readyz', '/startupz', '/metrics', '/status', '/-/reconcile', '/', `/${CANARY}`];
const HEADERS = [
  'Host: 127.0.0.1',
  'Host: localhost:9653',
  `Host: ${CANARY}.example.com`,
  'Host:',
  'Connection: keep-alive',
  'Connection: upgrade\r\nUpgrade: websocket',
  'Origin: https://evil.example',
  `X-Forwarded-For: ${CANARY}`,
  'Expect: 100-continue',
  `Expect: ${CANARY}`,
  'Content-Length: 5',
  'Content-Length: 99999999999999999999',
  'Content-Length: -1',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Accept-Encoding: *',
  `X-A: ${'a'.repeat(9000)}`,
  ' folded',
];

/** Requests of every sort, well-formed or nearly. */
const request = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'CONNECT', 'TRACE', 'get', 'PRI', ''),
    path: fc.oneof(
      fc.constantFrom(...PATHS),
      fc
        .tuple(fc.constantFrom(...PATHS), fc.constantFrom('?', '#', '%00', '/', '//', '?a=b', '/..', '\\'))
        .map((parts) => parts.join('')),
      fc.constantFrom(`http://${CANARY}/livez`, '*', 'livez', `//${CANARY}/status`, '/%2e%2e/status'),
    ),
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9'),
    headers: fc.uniqueArray(fc.constantFrom(...HEADERS), { maxLength: 4 }),
    body: fc.constantFrom(
      '',
      '',
      'hello',
      '5\r\nhello\r\n0\r\n\r\n',
      'ffffffffffffffff\r\n',
      'x'.repeat(20_000),
    ),
  })
  .map(
    ({ method, path, version, headers, body }) =>
      `${method} ${path} ${version}\r\n${[...headers, '', ''].join('\r\n')}${body}`,
  );

const near = fc.array(request, { minLength: 1, maxLength: 3 }).map((requests) => requests.join(''));
const STATUSES = ['100', '200', '202', '400', '403', '404', '405', '408', '413', '417', '431', '503'];

/** Bytes on the daemon's socket: nothing of them comes back, and it goes on answering others. */
export const endpoints: Target = {
  name: 'endpoints',
  corpus: [
    ...PATHS.map((path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`),
    'POST /-/reconcile HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nnow!',
    'POST /-/reconcile HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'GET /status HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /livez HTTP/1.0\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ].map((text) => Buffer.from(text, 'latin1')),
  near,
  async open() {
    let reconciled = 0;
    const status = quietStatus;
    const server = await openEndpoints({
      host: '127.0.0.1',
      port: 0,
      status,
      metrics: openMetrics({ version: '1.2.3', sink: 'file', status }),
      reconcile: () => (reconciled += 1),
      now: () => NOON,
      patienceMs: 500,
    });
    return {
      async check(input) {
        const before = reconciled;
        const answer = await exchange(server.url, input);
        const verdict = verdictOn(input, answer);
        const text = input.toString('latin1');
        const asks = text.split('POST').length - 1;
        demand(
          reconciled - before <= asks && (reconciled === before || text.includes('/-/reconcile')),
          'a pass that nobody asked for',
        );
        const alive = await exchange(
          server.url,
          Buffer.from('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'),
        );
        demand(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok\n$/.test(alive), 'it does not live any more', alive);
        return verdict;
      },
      close: () => server.close(),
    };
  },
};

function verdictOn(input: Buffer, answer: string): Verdict {
  const heads = [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => status ?? '');
  demand(
    heads.every((status) => STATUSES.includes(status)),
    'a status that is not among ours',
    { heads },
  );
  demand(answer === '' || answer.startsWith('HTTP/1.1 '), 'an answer that is none', answer.slice(0, 200));
  demand(!answer.includes(CANARY), 'an answer repeats its request', {
    answer,
    input: input.toString('latin1'),
  });
  return heads.some((status) => status.startsWith('2')) ? 'accepted' : 'refused';
}

/** Sends the bytes, and then no more; everything that comes back until the other side ends. */
async function exchange(url: string, bytes: Buffer): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const chunks: Buffer[] = [];
  // A server that has seen enough may reset the connection.
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.end(bytes);
  await closed;
  return Buffer.concat(chunks).toString('latin1');
}
