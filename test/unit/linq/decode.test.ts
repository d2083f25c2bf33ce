import { describe, expect, it } from 'vitest';
import {
  decodeCreated,
  decodeEvents,
  decodePhoneLines,
  decodeSubscription,
  decodeSubscriptions,
  isPathId,
  ShapeError,
} from '../../../src/linq/decode.ts';

const URL_A = 'https://hooks.example.com/a';

function item(overrides: object = {}): object {
  return { id: 'a1', target_url: URL_A, subscribed_events: ['message.received'], ...overrides };
}

describe('a subscription', () => {
  it('keeps every documented field', () => {
    const body = item({
      phone_numbers: ['+12025551234'],
      is_active: false,
      routing_key_header: 'X-Route',
      routing_id_header: 'X-Chat',
      created_at: '2024-01-15T10:30:00Z',
      updated_at: '2024-01-15T10:30:00Z',
    });
    expect(decodeSubscription(body)).toEqual({
      id: 'a1',
      target_url: URL_A,
      subscribed_events: ['message.received'],
      phone_numbers: ['+12025551234'],
      is_active: false,
      routing_key_header: 'X-Route',
      routing_id_header: 'X-Chat',
      created_at: Date.UTC(2024, 0, 15, 10, 30),
    });
  });

  it('reads what is left out as the default, and drops what it does not know', () => {
    expect(decodeSubscription(item({ environment_id: null, colour: 'red' }))).toEqual({
      id: 'a1',
      target_url: URL_A,
      subscribed_events: ['message.received'],
      phone_numbers: null,
      is_active: true,
      routing_key_header: null,
      routing_id_header: null,
    });
  });

  it.each([[null], [[]], [undefined]])('reads phone_numbers %j as every line', (phone_numbers) => {
    expect(decodeSubscription(item({ phone_numbers })).phone_numbers).toBeNull();
  });

  it('reads empty routing headers as none', () => {
    const subscription = decodeSubscription(item({ routing_key_header: '', routing_id_header: '' }));
    expect(subscription.routing_key_header).toBeNull();
    expect(subscription.routing_id_header).toBeNull();
  });

  it('keeps no secret that a list, a read or an update should ever carry', () => {
    const body = item({ signing_secret: 'whsec_stray' });
    expect(JSON.stringify(decodeSubscription(body))).not.toContain('stray');
    expect(JSON.stringify(decodeSubscriptions({ subscriptions: [body] }))).not.toContain('stray');
  });

  it.each([
    ['2024-01-15T10:30:00Z', Date.UTC(2024, 0, 15, 10, 30)],
    ['2024-01-15T10:30:00.5Z', Date.UTC(2024, 0, 15, 10, 30, 0, 500)],
    ['2024-01-15T10:30:00.123456789Z', Date.UTC(2024, 0, 15, 10, 30, 0, 123)],
    ['2024-01-15t12:30:00.25+02:00', Date.UTC(2024, 0, 15, 10, 30, 0, 250)],
    ['2024-13-15T10:30:00Z', undefined],
    ['yesterday', undefined],
    ['2024', undefined],
    ['', undefined],
    [1705314600, undefined],
    [null, undefined],
  ])('reads created_at %j as %s', (created_at, time) => {
    expect(decodeSubscription(item({ created_at })).created_at).toBe(time);
  });

  it.each<[unknown, string]>([
    [null, 'null'],
    ['<html>', 'text'],
    [[item()], 'an array'],
    [{ data: item() }, 'wrapped'],
    [item({ id: undefined }), 'no id'],
    [item({ id: '' }), 'an empty id'],
    [item({ id: 7 }), 'a number for an id'],
    [item({ id: '..' }), 'an id that leaves the path'],
    [item({ id: 'a\nb' }), 'an id with a line break'],
    [item({ target_url: undefined }), 'no URL'],
    [item({ target_url: '' }), 'an empty URL'],
    [item({ subscribed_events: undefined }), 'no events'],
    [item({ subscribed_events: 'message.received' }), 'a string for events'],
    [item({ subscribed_events: ['message.received', 5] }), 'a number for an event'],
    [item({ phone_numbers: '+12025551234' }), 'a string for phone numbers'],
    [item({ phone_numbers: [null] }), 'null for a phone number'],
    [item({ is_active: 'false' }), 'a string for is_active'],
    [item({ routing_key_header: ['X'] }), 'an array for a header'],
  ])('refuses %j: %s', (body) => {
    expect(() => decodeSubscription(body)).toThrow(ShapeError);
    expect(() => decodeSubscriptions({ subscriptions: [item({ id: 'ok' }), body] })).toThrow(ShapeError);
  });

  it('refuses another subscription than the one that was asked for', () => {
    expect(() => decodeSubscription(item(), 'b2')).toThrow(ShapeError);
    expect(decodeSubscription(item(), 'a1').id).toBe('a1');
  });
});

describe('a list', () => {
  it('may be empty, and keeps its order', () => {
    expect(decodeSubscriptions({ subscriptions: [] })).toEqual([]);
    const ids = decodeSubscriptions({ subscriptions: [item({ id: 'b' }), item({ id: 'a' })] }).map(
      ({ id }) => id,
    );
    expect(ids).toEqual(['b', 'a']);
  });

  it.each<[unknown, string]>([
    [{}, 'nothing in it'],
    [{ data: [] }, 'the shape that others guess'],
    [{ subscriptions: null }, 'null'],
    [{ subscriptions: {} }, 'an object'],
    [[], 'a bare array'],
    [null, 'null'],
    [{ subscriptions: [item(), item({ target_url: 'https://b.example.com' })] }, 'one id twice'],
    [{ subscriptions: [item(), 'x'] }, 'an item that is no object'],
  ])('refuses %j: %s', (body) => {
    expect(() => decodeSubscriptions(body)).toThrow(ShapeError);
  });

  it('names the place of what is wrong, and quotes none of it', () => {
    const body = { subscriptions: [item(), item({ id: 'b', subscribed_events: ['ok', { whsec: 1 }] })] };
    expect(() => decodeSubscriptions(body)).toThrow(
      new ShapeError('subscriptions[1].subscribed_events[1]', 'a non-empty string'),
    );
  });
});

describe('a creation', () => {
  it('gives the secret wrapped, and the subscription without it', () => {
    const created = decodeCreated(item({ signing_secret: 'whsec_abc' }));
    expect(created.signing_secret.reveal()).toBe('whsec_abc');
    expect(JSON.stringify(created)).not.toContain('whsec_abc');
  });

  it.each([[undefined], [null], [''], [5], ['whsec_a\nb'], ['whsec_a\u0000'], [['whsec_abc']]])(
    'refuses the secret %j',
    (signing_secret) => {
      expect(() => decodeCreated(item({ signing_secret }))).toThrow(ShapeError);
    },
  );
});

describe('the catalogue and the lines', () => {
  it('are read', () => {
    expect(decodeEvents({ events: ['a', 'b'], doc_url: 'https://docs.example.com' })).toEqual(['a', 'b']);
    const line = { id: 'p1', phone_number: '+12025551234', forwarding_number: null, reputation: {} };
    expect(decodePhoneLines({ phone_numbers: [line] })).toEqual([{ id: 'p1', phone_number: '+12025551234' }]);
  });

  it.each([[{}], [{ events: {} }], [{ events: [1] }], [[]], [null]])('refuses the events %j', (body) => {
    expect(() => decodeEvents(body)).toThrow(ShapeError);
  });

  it.each([
    [{}],
    [{ phone_numbers: ['+1'] }],
    [{ phone_numbers: [{ id: 'p1' }] }],
    [{ phone_numbers: [{ phone_number: '+1' }] }],
  ])('refuses the lines %j', (body) => {
    expect(() => decodePhoneLines(body)).toThrow(ShapeError);
  });
});

it.each([
  ['3f1c', true],
  ['a/b', true],
  ['a b', true],
  ['', false],
  ['.', false],
  ['..', false],
  ['a\u0000', false],
  ['\ud800', false],
])('says whether %j can be an id in a path: %s', (id, isOne) => {
  expect(isPathId(id)).toBe(isOne);
});
