import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RequestError } from '../../src/domain/errors.ts';
import { openApiKey } from '../../src/linq/api-key.ts';
import { openLinq, type Linq } from '../../src/linq/rest-linq.ts';
import {
  closedPort,
  hang,
  reset,
  respond,
  startScriptedServer,
  truncate,
  type Answer,
  type ScriptedServer,
} from '../support/scripted-server.ts';
import { createTestClient } from '../support/test-client.ts';

const KEY = 'lnq-Live-0123456789ABCdef';
const SECRET = `whsec_${'Ab1+'.repeat(10)}xyz=`;
const FIELDS = { target_url: 'https://a.example.com', subscribed_events: ['a'], phone_numbers: null };
const CREATED = { id: 'a1', ...FIELDS, signing_secret: SECRET };

let server: ScriptedServer;
let linq: Linq;

beforeEach(async () => {
  server = await startScriptedServer();
  linq = open(server.url);
});

afterEach(async () => {
  await linq.close();
  await server.close();
});

function open(baseUrl: string): Linq {
  const { http } = createTestClient({ timeoutMs: 800, maxResponseBytes: 4000 });
  const apiKey = openApiKey({ keyFile: null, env: { LINQ_API_V3_API_KEY: KEY } });
  return openLinq({ baseUrl, apiKey, http });
}

/** Everything that a logger, a terminal or a crash report could print of an error. */
function everythingOf(error: RequestError): string {
  const deep = inspect(error, { depth: 10, showHidden: true, maxStringLength: null });
  return [
    deep,
    JSON.stringify(error),
    error.stack,
    error.message,
    error.hint,
    inspect(error.cause, { depth: 10 }),
  ].join('\n');
}

/** An API that repeats key and secret in every place of an answer that an error could quote. */
function gossip(status: number): Answer {
  const said = `key ${KEY}, header Bearer ${KEY}, secret ${SECRET}`;
  return respond(
    status,
    {
      error: { status, code: 1003, message: said, doc_url: said, retry_after: SECRET },
      trace_id: KEY,
      secret: SECRET,
    },
    { 'x-trace-id': KEY, location: `https://${KEY}.example.com/${SECRET}`, 'retry-after': SECRET },
  );
}

it.each<[string, Answer]>([
  ['is reset', reset],
  ['is never answered', hang],
  ['is answered in half', truncate(201, JSON.stringify(CREATED))],
  ['is answered too large', respond(201, { ...CREATED, padding: 'x'.repeat(5000) })],
  ['is answered without an id', respond(201, { ...CREATED, id: null })],
  ['is answered with an array', respond(201, [CREATED])],
  ['is answered with broken JSON', respond(201, `${JSON.stringify(CREATED)}}`)],
  [
    'is answered with a secret with a line break',
    respond(201, { ...CREATED, signing_secret: `${SECRET}\n` }),
  ],
  ['is answered by no HTTP', (response) => void response.socket?.end(`${KEY} ${SECRET}\r\n\r\n`)],
  ...[302, 400, 401, 403, 409, 429, 500, 503].map((status): [string, Answer] => [
    `is answered ${status}`,
    gossip(status),
  ]),
])('shows neither key nor secret where a creation %s', async (_title, answer) => {
  server.script(answer);
  const error: unknown = await linq.writer.createSubscription(FIELDS).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RequestError);
  const text = everythingOf(error as RequestError);
  expect(server.received[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(text).toContain('cannot create a subscription');
  // A host name is lower-cased on its way into a URL.
  expect(text.toLowerCase()).not.toContain(KEY.toLowerCase());
  expect(text).not.toContain(SECRET.slice(0, 20));
});

it.each([
  ['nobody listens', 'http'],
  ['nobody speaks TLS', 'https'],
])('shows no key where %s', async (_title, protocol) => {
  await linq.close();
  linq = open(`${protocol}://127.0.0.1:${protocol === 'http' ? await closedPort() : server.port}`);
  const error: unknown = await linq.writer.createSubscription(FIELDS).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RequestError);
  expect(everythingOf(error as RequestError)).not.toContain(KEY);
});

it('shows no secret where an answer that has one is inspected', async () => {
  server.script(respond(201, CREATED));
  const created = await linq.writer.createSubscription(FIELDS);
  expect(created.signing_secret.reveal()).toBe(SECRET);
  expect(inspect(created, { depth: 10, showHidden: true })).not.toContain(SECRET.slice(0, 20));
});
