import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, RequestError } from '../../../src/domain/errors.ts';
import { openApiKey } from '../../../src/linq/api-key.ts';
import { openLinq, type Linq } from '../../../src/linq/rest-linq.ts';
import { reset, respond, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { createTestClient } from '../../support/test-client.ts';

const ID = '5b6f7a30-9f5e-4a4e-a6b6-1f5f0c9d8e7a';
const FIELDS = {
  target_url: 'https://hooks.example.com/a',
  subscribed_events: ['message.received'],
  phone_numbers: null,
};
const BODY = { ...FIELDS, id: ID, is_active: true, created_at: '2026-09-01T12:00:00Z' };
const UNAUTHORIZED = {
  success: false,
  error: { status: 401, code: 2004, message: 'Unauthorized - missing or invalid authentication token' },
};

let server: ScriptedServer;
let linq: Linq;

beforeEach(async () => {
  server = await startScriptedServer();
  linq = open({ keyFile: null, key: 'key-1' });
});

afterEach(async () => {
  await linq.close();
  await server.close();
});

function open(options: { keyFile: string | null; key?: string }): Linq {
  const { http } = createTestClient();
  const apiKey = openApiKey({ keyFile: options.keyFile, env: { LINQ_API_V3_API_KEY: options.key } });
  return openLinq({ baseUrl: `${server.url}/api/partner/`, apiKey, http });
}

function sent(): string[] {
  return server.received.map(({ method, path }) => `${method} ${path}`);
}

async function failure(action: Promise<unknown>): Promise<RequestError> {
  const error: unknown = await action.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
}

describe('reading', () => {
  it('lists the subscriptions, with the time of the server', async () => {
    server.script(respond(200, { subscriptions: [BODY] }, { date: 'Tue, 01 Sep 2026 12:30:00 GMT' }));
    const { subscriptions, serverTime } = await linq.reader.listSubscriptions();
    expect(subscriptions.map(({ id }) => id)).toEqual([ID]);
    expect(serverTime).toBe(Date.UTC(2026, 8, 1, 12, 30));
    expect(sent()).toEqual(['GET /api/partner/v3/webhook-subscriptions']);
    expect(server.received[0]?.headers.authorization).toBe('Bearer key-1');
  });

  it('knows no time where the server does not tell it', async () => {
    server.script((response) => {
      response.sendDate = false;
      response.writeHead(200).end('{"subscriptions":[]}');
    });
    expect(await linq.reader.listSubscriptions()).toEqual({ subscriptions: [], serverTime: undefined });
  });

  it.each([
    [respond(200, { data: [] }), 'the shape that others guess'],
    [respond(200, '<!doctype html><title>Welcome</title>'), 'HTML'],
    [respond(200, ''), 'nothing'],
    [respond(206, { subscriptions: [] }), 'a part'],
    [respond(202, { subscriptions: [] }), 'a promise'],
    [respond(404, { subscriptions: [] }), 'an error that looks like a list'],
  ])('takes no wrong answer for an empty list', async (answer) => {
    server.script(answer);
    await failure(linq.reader.listSubscriptions());
  });

  it('finds one subscription by its id, as one part of the path', async () => {
    server.script(respond(200, { ...BODY, id: 'a/b?c' }));
    expect((await linq.reader.getSubscription('a/b?c'))?.id).toBe('a/b?c');
    expect(sent()).toEqual(['GET /api/partner/v3/webhook-subscriptions/a%2Fb%3Fc']);
  });

  it('says that a subscription is not there on 404 only', async () => {
    server.script(respond(404, { error: { code: 2010 } }));
    expect(await linq.reader.getSubscription(ID)).toBeUndefined();
    for (const status of [400, 403, 410, 500, 204]) {
      server.script(respond(status, {}));
      await failure(linq.reader.getSubscription(ID));
    }
  });

  it('takes another subscription for no answer', async () => {
    server.script(respond(200, { ...BODY, id: 'other' }));
    await failure(linq.reader.getSubscription(ID));
  });

  it.each(['', '.', '..', 'a\nb', '\ud800'])('refuses the id %j without a request', async (id) => {
    expect((await failure(linq.reader.getSubscription(id))).outcome).toBe('not-sent');
    expect((await failure(linq.writer.deleteSubscription(id))).outcome).toBe('not-sent');
    expect((await failure(linq.writer.updateSubscription(id, {}))).outcome).toBe('not-sent');
    expect(sent()).toEqual([]);
  });

  it('lists the event names and the lines', async () => {
    server.script(
      respond(200, { events: ['message.received'], doc_url: 'https://docs.example.com' }),
      respond(200, { phone_numbers: [{ id: 'p1', phone_number: '+12025551234' }] }),
    );
    expect(await linq.reader.listEvents()).toEqual(['message.received']);
    expect(await linq.reader.listPhoneLines()).toEqual([{ id: 'p1', phone_number: '+12025551234' }]);
    expect(sent()).toEqual(['GET /api/partner/v3/webhook-events', 'GET /api/partner/v3/phone_numbers']);
  });
});

describe('creating', () => {
  it('sends what a creation takes, and gives the subscription with its secret', async () => {
    server.script(respond(201, { ...BODY, signing_secret: 'whsec_abc' }));
    const fields = { ...FIELDS, is_active: false, routing_key_header: null };
    const created = await linq.writer.createSubscription(fields);
    expect(created.subscription.id).toBe(ID);
    expect(created.signing_secret.reveal()).toBe('whsec_abc');
    expect(sent()).toEqual(['POST /api/partner/v3/webhook-subscriptions']);
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
      target_url: FIELDS.target_url,
      subscribed_events: FIELDS.subscribed_events,
    });
  });

  it('sends the filter and the headers where they are wanted', async () => {
    server.script(respond(201, { ...BODY, signing_secret: 'whsec_abc' }));
    const fields = {
      ...FIELDS,
      phone_numbers: ['+12025551234'],
      routing_key_header: 'X-Route',
      routing_id_header: 'X-Chat',
    };
    await linq.writer.createSubscription(fields);
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual(fields);
  });

  it.each([
    [respond(201, BODY), 'no secret'],
    [respond(201, { ...BODY, signing_secret: '' }), 'an empty secret'],
    [respond(201, { ...BODY, id: undefined, signing_secret: 'whsec_abc' }), 'no id'],
    [respond(200, '<html></html>'), 'HTML'],
    [respond(204, ''), 'nothing'],
    [respond(500, { error: { code: 3006 } }), 'a failure of the server'],
    [reset, 'no answer'],
  ])('does not know what happened, and does not ask twice, where the answer is wrong', async (answer) => {
    server.script(answer);
    expect((await failure(linq.writer.createSubscription(FIELDS))).outcome).toBe('unknown');
    expect(sent()).toHaveLength(1);
  });

  it('says why the API refused', async () => {
    const error = { status: 400, code: 1002, message: 'Phone number must be in E.164 format' };
    server.script(
      respond(400, { success: false, error }, { 'x-trace-id': '2eff5df5c6f688733c007523c4d61cd9' }),
    );
    expect(await failure(linq.writer.createSubscription(FIELDS))).toMatchObject({
      message:
        'cannot create a subscription: Linq answered 400 (1002 Phone number must be in E.164 format), ' +
        'trace 2eff5df5c6f688733c007523c4d61cd9',
      outcome: 'refused',
      status: 400,
      serviceCode: 1002,
      traceId: '2eff5df5c6f688733c007523c4d61cd9',
      method: 'POST',
      url: `${server.url}/api/partner/v3/webhook-subscriptions`,
    });
  });

  it.each([
    '',
    '<html>Bad Gateway</html>',
    '[]',
    'null',
    '{"error":"no"}',
    '{"error":{"code":"x","message":5,"retry_after":"1"}}',
  ])('lives with the error body %j', async (body) => {
    server.script(respond(422, body));
    const error = await failure(linq.writer.createSubscription(FIELDS));
    expect(error).toMatchObject({ message: 'cannot create a subscription: Linq answered 422', status: 422 });
    expect(error.serviceCode).toBeUndefined();
  });

  it('says when to come back where only the body says it', async () => {
    server.script(respond(429, { error: { code: 1007, message: 'Rate limited.', retry_after: 45 } }));
    const error = await failure(linq.writer.createSubscription(FIELDS));
    expect(error).toMatchObject({ retryAfterMs: 45_000, outcome: 'refused', serviceCode: 1007 });
    expect(sent()).toHaveLength(1);
  });
});

describe('updating and deleting', () => {
  it('sends only the fields that are given, null among them', async () => {
    server.script(respond(200, BODY));
    await linq.writer.updateSubscription(ID, { is_active: false, phone_numbers: null });
    expect(sent()).toEqual([`PUT /api/partner/v3/webhook-subscriptions/${ID}`]);
    expect(server.received[0]?.body).toBe('{"phone_numbers":null,"is_active":false}');
  });

  it('repeats an update, and gives what the API made of it', async () => {
    server.script(reset, respond(503, {}), respond(200, { ...BODY, is_active: false }));
    expect((await linq.writer.updateSubscription(ID, { is_active: false })).is_active).toBe(false);
    expect(sent()).toHaveLength(3);
  });

  it('does not know whether an update happened where the answer shows another subscription', async () => {
    server.script(respond(200, { ...BODY, id: 'other' }));
    expect((await failure(linq.writer.updateSubscription(ID, {}))).outcome).toBe('unknown');
  });

  it('deletes, whatever the body', async () => {
    server.script(respond(204, ''), respond(200, 'ok'));
    expect(await linq.writer.deleteSubscription(ID)).toBe('deleted');
    expect(await linq.writer.deleteSubscription(ID)).toBe('deleted');
    expect(sent()[0]).toBe(`DELETE /api/partner/v3/webhook-subscriptions/${ID}`);
    expect(server.received[0]?.body).toBe('');
  });

  it('counts a 404 as gone, also after a delete whose answer was lost', async () => {
    server.script(reset, respond(404, {}));
    expect(await linq.writer.deleteSubscription(ID)).toBe('gone');
  });

  it('fails a delete that is not allowed', async () => {
    server.script(respond(403, {}));
    expect((await failure(linq.writer.deleteSubscription(ID))).outcome).toBe('refused');
  });
});

describe('the key', () => {
  it('is looked up again after a 401, and the same request sent once more', async () => {
    const path = join(await makeTempDir(), 'key');
    await writeFile(path, 'key-1');
    await linq.close();
    linq = open({ keyFile: path });
    server.script(
      async (response) => {
        await writeFile(path, 'key-2');
        response.writeHead(401).end(JSON.stringify(UNAUTHORIZED));
      },
      respond(201, { ...BODY, signing_secret: 'whsec_abc' }),
    );
    await linq.writer.createSubscription(FIELDS);
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer key-1',
      'Bearer key-2',
    ]);
    expect(server.received[1]?.body).toBe(server.received[0]?.body);
  });

  it('serves every call that met the old one, not only the first', async () => {
    const path = join(await makeTempDir(), 'key');
    await writeFile(path, 'key-1');
    await linq.close();
    linq = open({ keyFile: path });
    const release: (() => void)[] = [];
    server.script((response, request) => {
      if (request.headers.authorization === 'Bearer key-2') {
        response.end('{"subscriptions":[]}');
      } else {
        release.push(() => void response.writeHead(401).end());
      }
    });
    const calls = [linq.reader.listSubscriptions(), linq.reader.listSubscriptions()];
    await server.arrived(2);
    await writeFile(path, 'key-2');
    for (const answer of release) answer();
    await Promise.all(calls);
    expect(server.received).toHaveLength(4);
  });

  it('that stays the same is not tried again, and the failure says where it comes from', async () => {
    server.script(respond(401, UNAUTHORIZED));
    const error = await failure(linq.writer.createSubscription(FIELDS));
    expect(error).toMatchObject({ status: 401, serviceCode: 2004, outcome: 'refused' });
    expect(error.hint).toContain('LINQ_API_V3_API_KEY');
    expect(sent()).toHaveLength(1);
  });

  it('that is new and refused too is not tried for ever', async () => {
    const path = join(await makeTempDir(), 'key');
    await writeFile(path, 'key-0');
    await linq.close();
    linq = open({ keyFile: path });
    let count = 0;
    server.script(async (response) => {
      count += 1;
      await writeFile(path, `key-${count}`);
      response.writeHead(401).end();
    });
    await failure(linq.reader.listSubscriptions());
    expect(sent()).toHaveLength(2);
  });

  it('is needed before anything is sent', async () => {
    await linq.close();
    linq = open({ keyFile: null });
    await expect(linq.reader.listSubscriptions()).rejects.toBeInstanceOf(ConfigError);
    expect(sent()).toEqual([]);
  });
});

it('counts what was really sent, repetitions too', async () => {
  server.script(
    respond(503, {}),
    respond(200, { subscriptions: [] }),
    reset,
    respond(204, ''),
    respond(400, {}),
  );
  await linq.reader.listSubscriptions();
  await linq.writer.deleteSubscription(ID);
  await failure(linq.writer.createSubscription(FIELDS));
  await failure(linq.reader.getSubscription('..'));
  expect(linq.reader.requests()).toEqual({ reads: 2, writes: 3 });
});

it('is never opened on an address that would carry the key unencrypted', () => {
  const { http } = createTestClient();
  const apiKey = openApiKey({ keyFile: null, env: {} });
  expect(() => openLinq({ baseUrl: 'http://api.example.com', apiKey, http })).toThrow(ConfigError);
});
