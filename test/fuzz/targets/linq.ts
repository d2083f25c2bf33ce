import type { RequestError } from '../../../src/domain/errors.ts';
import type { LiveSubscription } from '../../../src/domain/subscription.ts';
import { openApiKey } from '../../../src/linq/api-key.ts';
import { openLinq, type Linq } from '../../../src/linq/rest-linq.ts';
import { createTestClient } from '../../support/test-client.ts';
import { jsonTexts } from '../corpus.ts';
import { nearTo } from '../near.ts';
import { CANARY, canonical, demand, reported, SECRETS, type Target } from '../target.ts';
import { answerOf, startAnswering, type Answer } from './answering-server.ts';

const ID = '5b6f7a30-9f5e-4a4e-a6b6-1f5f0c9d8e7a';
const FIELDS = {
  target_url: 'https://hooks.example.com/a',
  subscribed_events: ['message.received'],
  phone_numbers: null,
};
const BODY = {
  id: ID,
  target_url: `https://hooks.example.com/a?${CANARY}`,
  subscribed_events: ['message.received', `${CANARY}.failed`],
  phone_numbers: ['+12025551234'],
  is_active: true,
  routing_key_header: 'X-Key',
  routing_id_header: null,
  created_at: '2026-09-01T12:00:00.123456789Z',
  updated_at: '2026-09-01T12:00:00Z',
};
const OTHER = { id: `${CANARY}-2`, target_url: 'https://b.example/', subscribed_events: ['a.b'] };
const ERROR = {
  success: false,
  trace_id: 'abc',
  error: { status: 400, code: 1001, message: `refused: ${SECRETS.apiKey}`, retry_after: 3 },
};

type Json = Readonly<Record<string, unknown>>;

/** Bodies of the API, each read by the call that asks for it. */
export const linqTargets: readonly Target[] = [
  linqTarget('linq-list', [{ subscriptions: [BODY, OTHER] }, { subscriptions: [] }], async ({ reader }) => {
    const { subscriptions } = await reader.listSubscriptions();
    return (body) => {
      const raw = body['subscriptions'] as readonly Json[];
      demand(subscriptions.length === raw.length, 'a subscription more or less');
      subscriptions.forEach((one, index) => checkLive(one, raw[index] ?? {}));
      demand(new Set(subscriptions.map(({ id }) => id)).size === raw.length, 'one id stands for two');
    };
  }),
  linqTarget('linq-get', [BODY], async ({ reader }) => {
    const found = await reader.getSubscription(ID);
    return (body, status) => {
      demand((found === undefined) === (status === 404), 'gone without 404, or not gone with it');
      if (found === undefined) return;
      demand(found.id === ID, 'another subscription');
      checkLive(found, body);
    };
  }),
  linqTarget('linq-create', [{ ...BODY, signing_secret: SECRETS.signing }], async ({ writer }) => {
    const { subscription, signing_secret: secret } = await writer.createSubscription(FIELDS);
    return (body) => {
      checkLive(subscription, body);
      demand(secret.reveal() === body['signing_secret'] && secret.reveal() !== '', 'a secret is lost');
    };
  }),
  linqTarget('linq-update', [BODY], async ({ writer }) => {
    const updated = await writer.updateSubscription(ID, { is_active: true });
    return (body) => {
      demand(updated.id === ID, 'another subscription');
      checkLive(updated, body);
    };
  }),
  linqTarget(
    'linq-events',
    [{ events: ['message.received', `${CANARY}.failed`], doc_url: 'x' }],
    async ({ reader }) => {
      const events = await reader.listEvents();
      return (body) =>
        demand(canonical(events) === canonical(body['events']) && events.every(isText), 'other events');
    },
  ),
  linqTarget(
    'linq-lines',
    [{ phone_numbers: [{ id: `${CANARY}-1`, phone_number: '+12025551234', type: 'x' }] }],
    async ({ reader }) => {
      const lines = await reader.listPhoneLines();
      return (body) => {
        const raw = body['phone_numbers'] as readonly Json[];
        demand(lines.length === raw.length, 'a line more or less');
        lines.forEach(({ id, phone_number }, index) => {
          demand(isText(id) && isText(phone_number), 'a line of another type');
          demand(id === raw[index]?.['id'] && phone_number === raw[index]['phone_number'], 'another line');
        });
      };
    },
  ),
];

/** Compares what a call gave with the JSON that the server sent. */
type Compare = (body: Json, status: number) => void;

function linqTarget(name: string, good: readonly Json[], call: (linq: Linq) => Promise<Compare>): Target {
  const refusals = jsonTexts(ERROR).flatMap((body) =>
    [400, 401, 404, 429, 500].map((status) => Buffer.concat([Buffer.from(`${status}\n`), body])),
  );
  return {
    name,
    corpus: [
      ...jsonTexts(...good),
      ...refusals,
      Buffer.from('<!doctype html><title>Welcome</title>'),
      Buffer.alloc(0),
    ],
    near: nearTo(...good, ...good, ERROR).map((value) => JSON.stringify(value)),
    async open() {
      let answer: Answer = { status: 200, body: Buffer.alloc(0) };
      const server = await startAnswering(() => answer);
      const { http } = createTestClient();
      const apiKey = openApiKey({ keyFile: null, env: { LINQ_API_V3_API_KEY: SECRETS.apiKey } });
      const linq = openLinq({ baseUrl: server.url, apiKey, http });
      return {
        async check(input) {
          answer = answerOf(input);
          try {
            const compare = await call(linq);
            compare(
              answer.status === 404 ? {} : (JSON.parse(new TextDecoder().decode(answer.body)) as Json),
              answer.status,
            );
            return 'accepted';
          } catch (error) {
            checkFailure(error, answer);
            return 'refused';
          }
        },
        async close() {
          await linq.close();
          await server.close();
        },
      };
    },
  };
}

/** A failure says what may have happened, and nothing of a body but an error's own message. */
function checkFailure(error: unknown, { status }: Answer): void {
  const text = reported(error, ['apiKey']);
  const { outcome } = error as RequestError;
  const isRefusal = status >= 300 && status < 500 && status !== 408;
  demand(outcome === (isRefusal ? 'refused' : 'unknown'), `${status} counts as ${outcome}`, text);
  if (status < 300) demand(!text.includes(CANARY), 'an error quotes the body', text);
}

function checkLive(live: LiveSubscription, raw: Json): void {
  const known = ['id', 'target_url', 'subscribed_events', 'phone_numbers', 'is_active'];
  const headers = ['routing_key_header', 'routing_id_header'] as const;
  demand(
    Object.keys(live).every((key) => [...known, ...headers, 'created_at'].includes(key)),
    'a field that nobody knows',
  );
  const { id, target_url, subscribed_events, phone_numbers, is_active, created_at } = live;
  demand(isText(id) && isText(target_url) && typeof is_active === 'boolean', 'a field of another type', live);
  demand(id === raw['id'] && target_url === raw['target_url'], 'another subscription', live);
  demand(encodeURIComponent(id) !== '', 'an id that no path can hold');
  demand(Array.isArray(subscribed_events) && subscribed_events.every(isText), 'events of another type', live);
  demand(canonical(subscribed_events) === canonical(raw['subscribed_events']), 'other events', live);
  demand(
    phone_numbers === null || (phone_numbers.length > 0 && phone_numbers.every(isText)),
    'lines of another type',
  );
  demand(canonical(phone_numbers ?? []) === canonical(raw['phone_numbers'] ?? []), 'other lines', live);
  demand(is_active === (raw['is_active'] ?? true), 'active or not');
  for (const header of headers) {
    const said = raw[header];
    demand(live[header] === (said === undefined || said === '' ? null : said), 'another header', live);
  }
  demand(created_at === undefined || Number.isSafeInteger(created_at), 'a time that is none', live);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
