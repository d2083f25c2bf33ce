import { describe, expect, it, test } from 'vitest';
import type { ChangeReason, FieldChange } from '../../../src/domain/operation.ts';
import type { LiveSubscription, SubscriptionFields } from '../../../src/domain/subscription.ts';
import { compareFields, patchFor, reasonOf } from '../../../src/plan/diff.ts';
import { fields, live, markedUrl, urlOf } from '../../support/world.ts';

const LINES = ['+12025550101', '+12025550102'];

describe('comparing fields', () => {
  const same: readonly {
    reason: string;
    desired?: Partial<SubscriptionFields>;
    live?: Partial<LiveSubscription>;
  }[] = [
    { reason: 'equal fields' },
    {
      reason: 'events in another order',
      desired: { subscribed_events: ['b', 'a'] },
      live: { subscribed_events: ['a', 'b'] },
    },
    {
      reason: 'events that stand twice',
      desired: { subscribed_events: ['a', 'a'] },
      live: { subscribed_events: ['a'] },
    },
    {
      reason: 'lines in another order',
      desired: { phone_numbers: LINES },
      live: { phone_numbers: [...LINES].reverse() },
    },
    {
      reason: 'URLs whose normalised forms are equal',
      desired: { target_url: 'https://HOOKS.example.com:443/o' },
      live: { target_url: 'https://hooks.example.com/o' },
    },
    { reason: 'an activity that the file does not write', live: { is_active: false } },
    {
      reason: 'routing headers that the file does not write',
      live: { routing_key_header: 'X-Key', routing_id_header: 'X-Id' },
    },
    {
      reason: 'an empty routing header and none',
      desired: { routing_key_header: '' },
      live: { routing_key_header: null },
    },
  ];

  test.each(same)('finds no difference in $reason', ({ desired, live: found }) => {
    expect(compareFields(fields('o', desired), live('o', found), fields('o', desired))).toEqual([]);
  });

  const different: readonly {
    reason: string;
    desired: Partial<SubscriptionFields>;
    live: Partial<LiveSubscription>;
    change: Pick<FieldChange, 'field' | 'before' | 'after'>;
  }[] = [
    {
      reason: 'a URL that still carries a mark',
      desired: { target_url: 'https://h.example/o' },
      live: { target_url: 'https://h.example/o?linq_gitops=ours.1' },
      change: {
        field: 'target_url',
        before: 'https://h.example/o?linq_gitops=ours.1',
        after: 'https://h.example/o',
      },
    },
    {
      reason: 'an event more',
      desired: { subscribed_events: ['b', 'a'] },
      live: { subscribed_events: ['a'] },
      change: { field: 'subscribed_events', before: ['a'], after: ['a', 'b'] },
    },
    {
      reason: 'a filter that is dropped',
      desired: { phone_numbers: null },
      live: { phone_numbers: LINES },
      change: { field: 'phone_numbers', before: LINES, after: null },
    },
    {
      reason: 'a filter that is new',
      desired: { phone_numbers: LINES },
      live: { phone_numbers: null },
      change: { field: 'phone_numbers', before: null, after: LINES },
    },
    {
      reason: 'an activity that the file writes',
      desired: { is_active: false },
      live: { is_active: true },
      change: { field: 'is_active', before: true, after: false },
    },
    {
      reason: 'a routing header that the file takes away',
      desired: { routing_key_header: null },
      live: { routing_key_header: 'X-Key' },
      change: { field: 'routing_key_header', before: 'X-Key', after: null },
    },
    {
      reason: 'a routing header that the file sets',
      desired: { routing_id_header: 'X-Id' },
      live: { routing_id_header: null },
      change: { field: 'routing_id_header', before: null, after: 'X-Id' },
    },
  ];

  test.each(different)('finds $reason', ({ desired, live: found, change }) => {
    expect(compareFields(fields('o', desired), live('o', found), null)).toEqual([
      { ...change, reason: 'differs' },
    ]);
  });

  const reasons: readonly {
    reason: string;
    applied: SubscriptionFields | null;
    expected: ChangeReason;
  }[] = [
    { reason: 'nothing was ever applied', applied: null, expected: 'differs' },
    {
      reason: 'the file says what was applied',
      applied: fields('o', { is_active: true }),
      expected: 'drifted',
    },
    {
      reason: 'the file says another thing than was applied',
      applied: fields('o', { is_active: false }),
      expected: 'changed-in-file',
    },
    { reason: 'the field is new in the file', applied: fields('o'), expected: 'changed-in-file' },
  ];

  test.each(reasons)('says "$expected" where $reason', ({ applied, expected }) => {
    const changes = compareFields(fields('o', { is_active: true }), live('o', { is_active: false }), applied);
    expect(changes.map(({ reason }) => reason)).toEqual([expected]);
  });

  it('shows the fields in the order in which the plan prints them', () => {
    const desired = fields('o', {
      target_url: urlOf('p'),
      subscribed_events: [],
      phone_numbers: LINES,
      is_active: false,
      routing_key_header: 'K',
      routing_id_header: 'I',
    });
    expect(compareFields(desired, live('o'), null).map(({ field }) => field)).toEqual([
      'target_url',
      'subscribed_events',
      'phone_numbers',
      'is_active',
      'routing_key_header',
      'routing_id_header',
    ]);
  });
});

describe('the body of a PUT', () => {
  it('has the changed fields, as declared', () => {
    const desired = fields('o', {
      target_url: 'https://HOOKS.example.com/o',
      is_active: true,
      routing_key_header: '',
    });
    const changes = compareFields(desired, live('p', { is_active: false, routing_key_header: 'K' }), null);
    expect(patchFor(desired, changes)).toEqual({
      target_url: 'https://HOOKS.example.com/o',
      is_active: true,
      routing_key_header: '',
    });
  });

  it('is empty for a change of the record alone', () => {
    const change: FieldChange = {
      field: 'prevent_destroy',
      reason: 'changed-in-file',
      before: false,
      after: true,
    };
    expect(patchFor(fields('o'), [change])).toEqual({});
  });
});

describe('the reason of an update', () => {
  const change = (reason: ChangeReason): FieldChange => ({
    field: 'is_active',
    reason,
    before: false,
    after: true,
  });

  test.each<{ reasons: ChangeReason[]; expected: ChangeReason }>([
    { reasons: ['differs', 'drifted', 'changed-in-file'], expected: 'changed-in-file' },
    { reasons: ['differs', 'drifted'], expected: 'drifted' },
    { reasons: ['differs'], expected: 'differs' },
    { reasons: [], expected: 'changed-in-file' },
  ])('is "$expected" among $reasons', ({ reasons, expected }) => {
    expect(reasonOf(reasons.map(change))).toBe(expected);
  });
});

describe('a subscription that is still at a marked URL', () => {
  it('has not been changed by anybody: what differs was not applied yet', () => {
    const unfinished = live('o', { target_url: markedUrl('o'), is_active: true });
    const desired = fields('o', { is_active: false });
    expect(compareFields(desired, unfinished, desired).map(({ field, reason }) => [field, reason])).toEqual([
      ['target_url', 'differs'],
      ['is_active', 'differs'],
    ]);
  });
});
