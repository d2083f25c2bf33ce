import { expect, test } from 'vitest';
import { ConfigError } from '../../../src/domain/errors.ts';
import { isIgnored } from '../../../src/domain/target-url.ts';
import { isSigningSecret } from '../../../src/domain/secret.ts';
import { createAccount, listSubscriptions } from '../../../src/emulator/account.ts';
import { readSeed } from '../../../src/emulator/documents.ts';
import { exampleSeed, plant } from '../../../src/emulator/seed.ts';
import type { Seed } from '../../../src/emulator/seed.ts';
import { DEFAULT_SWITCHES } from '../../../src/emulator/switches.ts';

const MINIMAL = { target_url: 'https://a.example/', subscribed_events: ['chat.created'] };

function planted(seed: Seed) {
  const account = createAccount({ switches: DEFAULT_SWITCHES, apiKeys: [], now: () => 1_700_000_000_000 });
  plant(account, seed);
  return { lines: account.lines, subscriptions: listSubscriptions(account) };
}

function problemsOf(text: string): readonly string[] {
  try {
    readSeed(text, 'seed.json');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.message);
    throw error;
  }
  return [];
}

test('a seed that was read is the seed that was written', () => {
  const seed: Seed = {
    lines: ['+1', { phone_number: '+2', id: 'two', forwarding_number: null }],
    subscriptions: [
      {
        ...MINIMAL,
        id: 'x',
        is_active: false,
        phone_numbers: null,
        routing_key_header: 'K',
        created_at: '2026-01-01T00:00:00Z',
        signing_secret: 'whsec_eA==',
      },
    ],
  };
  expect(readSeed(JSON.stringify(seed))).toEqual(seed);
});

test('a planted subscription has what the seed says, and the rest as after a create', () => {
  const seed = readSeed(
    JSON.stringify({
      lines: [],
      subscriptions: [
        MINIMAL,
        { ...MINIMAL, id: 'old', created_at: '2020-01-01T00:00:00Z', signing_secret: 'whsec_eA==' },
      ],
    }),
  );
  const [old, fresh] = planted(seed).subscriptions;
  expect(old).toMatchObject({ id: 'old', created_at: Date.UTC(2020, 0, 1) });
  expect(old?.signing_secret.reveal()).toBe('whsec_eA==');
  expect(fresh).toMatchObject({
    ...MINIMAL,
    is_active: true,
    phone_numbers: null,
    created_at: 1_700_000_000_000,
  });
  expect(isSigningSecret(fresh!.signing_secret.reveal())).toBe(true);
});

test('a line keeps a given id, and gets the same one from its number every time', () => {
  const [first] = planted({ subscriptions: [], lines: ['+12025550101'] }).lines;
  const lines = planted({
    subscriptions: [],
    lines: ['+12025550101', { phone_number: '+12025550102' }, { phone_number: '+12025550103', id: 'given' }],
  }).lines;
  expect(lines[0]).toEqual(first);
  expect(lines.map(({ id }) => id).at(2)).toBe('given');
  expect(new Set(lines.map(({ id }) => id)).size).toBe(3);
});

test.each([
  ['{', ['not valid JSON']],
  ['[]', ['the document must be object']],
  ['{"subscriptions":[]}', ["the document must have required property 'lines'"]],
  [
    JSON.stringify({ lines: [1], subscriptions: [{ ...MINIMAL, url: 'x' }, { target_url: 'nowhere' }] }),
    [
      '/subscriptions/0 must NOT have additional properties: "url"',
      "/subscriptions/1 must have required property 'subscribed_events'",
      '/subscriptions/1/target_url must match format "url"',
      '/lines/0 must be object',
    ],
  ],
  [
    JSON.stringify({ lines: [], subscriptions: [{ ...MINIMAL, created_at: 'yesterday' }] }),
    ['/subscriptions/0/created_at must match format "time"'],
  ],
])('every problem of the seed %s is named with its place', (text, expected) => {
  expect([...problemsOf(text)].toSorted()).toEqual(expected.toSorted());
});

test('a secret in a seed that cannot be read is not repeated in the error', () => {
  const secret = 'whsec_c2VjcmV0';
  for (const text of [
    `{"signing_secret": "${secret}" x`,
    JSON.stringify({ lines: [], subscriptions: [{ ...MINIMAL, signing_secret: secret, is_active: secret }] }),
  ]) {
    const problems = problemsOf(text);
    expect(problems).not.toEqual([]);
    expect(JSON.stringify(problems)).not.toContain('c2VjcmV0');
  }
});

test("the example holds two subscriptions of Linq's own, one made by hand, and three lines", () => {
  const { subscriptions, lines } = planted(readSeed(JSON.stringify(exampleSeed())));
  expect(lines).toHaveLength(3);
  expect(subscriptions).toHaveLength(3);
  expect(subscriptions.filter(({ target_url }) => isIgnored(target_url, []))).toHaveLength(2);
});
