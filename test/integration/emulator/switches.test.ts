import { expect, test } from 'vitest';
import { DEFAULT_SWITCHES } from '../../../src/emulator/switches.ts';
import type { Switches } from '../../../src/emulator/switches.ts';
import {
  EVENTS,
  LINES,
  SUBSCRIPTIONS,
  callApi,
  create,
  json,
  listedUrls,
  openEmulator,
} from './raw-client.ts';
import type { Emulator } from '../../../src/emulator/emulator.ts';

const URL_A = 'https://hooks.example.com/a';
const URL_B = 'https://hooks.example.com/b';

const post = (emulator: Emulator, target_url: string) =>
  callApi(emulator, 'POST', SUBSCRIPTIONS, { target_url, subscribed_events: EVENTS });
const change = (emulator: Emulator, id: string, patch: object) =>
  callApi(emulator, 'PUT', `${SUBSCRIPTIONS}/${id}`, patch);

test.each(['409/2015', '400/1005'] as const)('duplicate: a taken URL is answered %s', async (duplicate) => {
  const emulator = await openEmulator({ switches: { duplicate } });
  await create(emulator, URL_A);
  const { id } = await create(emulator, URL_B);
  for (const answer of [await post(emulator, URL_A), await change(emulator, id, { target_url: URL_A })]) {
    expect(`${answer.status}/${json(answer).error.code}`).toBe(duplicate);
  }
  expect(await listedUrls(emulator)).toEqual([URL_A, URL_B]);
});

test('a URL that differs in its query only is another URL', async () => {
  const emulator = await openEmulator();
  await create(emulator, URL_A);
  expect((await post(emulator, `${URL_A}?line=1`)).status).toBe(201);
});

test.each([2010, 2001] as const)('notFound: a missing subscription is 404/%i', async (notFound) => {
  const emulator = await openEmulator({ switches: { notFound } });
  const answer = await callApi(emulator, 'DELETE', `${SUBSCRIPTIONS}/x`);
  expect([answer.status, json(answer).error.code]).toEqual([404, notFound]);
});

test.each([
  ['null', null],
  ['empty', []],
  ['absent', undefined],
] as const)('clearedFilter: every line reads as %s', async (clearedFilter, value) => {
  const emulator = await openEmulator({ switches: { clearedFilter } });
  const unset = await create(emulator, URL_A);
  const { id } = await create(emulator, URL_B, { phone_numbers: LINES });
  const cleared = json(await change(emulator, id, { phone_numbers: [] }));
  for (const body of [unset, cleared]) {
    expect('phone_numbers' in body).toBe(value !== undefined);
    expect(body.phone_numbers).toEqual(value);
  }
});

test('listOrder: created keeps the order, shuffled changes it from list to list, the same for the same seed', async () => {
  const urls = Array.from({ length: 20 }, (_, index) => `https://hooks.example.com/${index}`);
  const lists = async (switches: Partial<Switches>) => {
    const emulator = await openEmulator({
      switches,
      seed: {
        lines: [],
        subscriptions: urls.map((target_url) => ({ target_url, subscribed_events: EVENTS })),
      },
    });
    return [await listedUrls(emulator), await listedUrls(emulator)];
  };
  expect(await lists({ listOrder: 'created' })).toEqual([urls, urls]);
  const [first, second] = await lists({ listOrder: 'shuffled' });
  expect(first).not.toEqual(urls);
  expect(second).not.toEqual(first);
  expect(first?.toSorted()).toEqual(urls.toSorted());
  expect(await lists({ listOrder: 'shuffled' })).toEqual([first, second]);
  expect(await lists({ listOrder: 'shuffled', shuffleSeed: 7 })).not.toEqual([first, second]);
});

test.each([true, false])('extraFields %s: shows in every answer', async (extraFields) => {
  const emulator = await openEmulator({ switches: { extraFields } });
  const { id } = await create(emulator, URL_A);
  const answers = [
    await callApi(emulator, 'GET', SUBSCRIPTIONS),
    await callApi(emulator, 'GET', `${SUBSCRIPTIONS}/${id}`),
    await callApi(emulator, 'GET', `${SUBSCRIPTIONS}/x`),
    await callApi(emulator, 'GET', '/v3/webhook-events'),
    await callApi(emulator, 'GET', '/v3/phone_numbers'),
    await change(emulator, id, {}),
  ];
  for (const answer of answers) expect('not_in_any_documentation' in json(answer)).toBe(extraFields);
  expect('environment_id' in json(answers[0]!).subscriptions[0]!).toBe(extraFields);
});

test.each([
  [true, 409, 200],
  [false, 201, 409],
])(
  'inactiveHoldsUrl %s: a create at an inactive one is %i, and waking the inactive one is %i',
  async (inactiveHoldsUrl, created, woken) => {
    const emulator = await openEmulator({ switches: { inactiveHoldsUrl } });
    const { id } = await create(emulator, URL_A);
    await change(emulator, id, { is_active: false });
    expect((await post(emulator, URL_A)).status).toBe(created);
    expect((await change(emulator, id, { is_active: true })).status).toBe(woken);
  },
);

test.each([
  [false, 'HTTPS://Hooks.Example.com:443/a', 201],
  [true, 'https://hooks.example.com/a', 409],
])('normalisesUrls %s: a URL is stored as %s', async (normalisesUrls, stored, again) => {
  const emulator = await openEmulator({ switches: { normalisesUrls } });
  const made = await create(emulator, 'HTTPS://Hooks.Example.com:443/a');
  expect(made.target_url).toBe(stored);
  expect((await post(emulator, URL_A)).status).toBe(again);
  const { id } = await create(emulator, URL_B);
  const moved = await change(emulator, id, { target_url: 'https://HOOKS.example.com/c' });
  const expected = normalisesUrls ? 'https://hooks.example.com/c' : 'https://HOOKS.example.com/c';
  expect(json(moved).target_url).toBe(expected);
});

test.each(['present', 'absent'] as const)('routingFields: unset ones are %s', async (routingFields) => {
  const emulator = await openEmulator({ switches: { routingFields } });
  const body = await create(emulator, URL_A, { routing_key_header: 'X-Key' });
  expect(body).toHaveProperty('routing_key_header', 'X-Key');
  expect('routing_id_header' in body).toBe(routingFields === 'present');
});

test.each([
  ['s', /^2023-11-14T22:13:20Z$/],
  ['ms', /^2023-11-14T22:13:20\.123Z$/],
  ['ns', /^2023-11-14T22:13:20\.123\d{6}Z$/],
] as const)('timestampPrecision: times have %s', async (timestampPrecision, shape) => {
  const emulator = await openEmulator({ switches: { timestampPrecision }, now: () => 1_700_000_000_123 });
  const made = await create(emulator, URL_A);
  expect(made.created_at).toMatch(shape);
  expect(made.updated_at).toMatch(shape);
  const read = json(await callApi(emulator, 'GET', `${SUBSCRIPTIONS}/${made.id}`));
  expect(read.created_at).toBe(made.created_at);
});

test.each([
  [false, 409],
  [true, 201],
])('allowDuplicates %s: a second subscription for a URL is %i', async (allowDuplicates, status) => {
  const emulator = await openEmulator({ switches: { allowDuplicates } });
  await create(emulator, URL_A);
  expect((await post(emulator, URL_A)).status).toBe(status);
});

test('a seed may hold duplicates, which stay changeable in everything but their URL', async () => {
  const twice = { target_url: URL_A, subscribed_events: EVENTS };
  const emulator = await openEmulator({
    seed: {
      lines: [],
      subscriptions: [
        { ...twice, id: 'one' },
        { ...twice, id: 'two' },
      ],
    },
  });
  expect(await listedUrls(emulator)).toEqual([URL_A, URL_A]);
  expect((await change(emulator, 'one', { is_active: false, target_url: URL_A })).status).toBe(200);
  expect((await change(emulator, 'one', { target_url: URL_B })).status).toBe(200);
  expect((await change(emulator, 'one', { target_url: URL_A })).status).toBe(409);
});

test.each(['present', 'absent'] as const)('createdAt is %s', async (createdAt) => {
  const emulator = await openEmulator({ switches: { createdAt } });
  const body = await create(emulator, URL_A);
  expect('created_at' in body).toBe(createdAt === 'present');
  expect(body).toHaveProperty('updated_at');
});

test.each([
  ['kept', ['message.sent', 'chat.created', 'message.sent']],
  ['sorted', ['chat.created', 'message.sent']],
] as const)('arrays: are %s', async (arrays, stored) => {
  const emulator = await openEmulator({ switches: { arrays } });
  const subscribed_events = ['message.sent', 'chat.created', 'message.sent'];
  expect(await create(emulator, URL_A, { subscribed_events })).toMatchObject({ subscribed_events: stored });
});

test('switches can be turned while the emulator runs', async () => {
  const emulator = await openEmulator();
  expect(emulator.switches()).toEqual(DEFAULT_SWITCHES);
  emulator.setSwitches({ notFound: 2001 });
  expect(emulator.switches()).toEqual({ ...DEFAULT_SWITCHES, notFound: 2001 });
  expect(json(await callApi(emulator, 'GET', `${SUBSCRIPTIONS}/x`)).error.code).toBe(2001);
});
