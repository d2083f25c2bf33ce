import { describe, expect, it } from 'vitest';
import { planId } from '../../../src/plan/plan-id.ts';
import {
  makeChange,
  makeCreate,
  makeDelete,
  makeEveryOperation,
  makeFields,
  makeHeld,
  makeLive,
  makeRename,
  makeUpdate,
} from '../../support/plan-builders.ts';

const operations = makeEveryOperation();
const held = [makeHeld(), makeHeld({ name: 'sales' })];
const id = planId(operations, held);

describe('planId (I9)', () => {
  it('is a SHA-256 in hexadecimal, the same in every process', () => {
    // printf '{"held":[],"operations":[]}' | sha256sum
    expect(planId([], [])).toBe('4078e7268e42577ef590cba23fac28aeba1fe78c9ff3a88d7af0ec5be3339139');
    expect(id).toMatch(/^[0-9a-f]{64}$/);
  });

  it('does not depend on the order of operations, held ones, keys, events or numbers', () => {
    const fields = { subscribed_events: ['a.b', 'c.d'], phone_numbers: ['+1', '+2'] };
    const turned = { subscribed_events: ['c.d', 'a.b'], phone_numbers: ['+2', '+1'] };
    const backwards = Object.fromEntries(Object.entries(makeFields(turned)).reverse());

    expect(planId([...operations].reverse(), [...held].reverse())).toBe(id);
    expect(planId([makeCreate({ fields: { ...makeFields(), ...backwards } })], [])).toBe(
      planId([makeCreate({ fields: makeFields(fields) })], []),
    );
  });

  it('does not depend on reasons, hints or times', () => {
    const update = makeUpdate({ reason: 'drifted', changes: [makeChange({ reason: 'drifted' })] });
    const late = makeDelete({ before: makeLive({ created_at: 1 }) });
    const early = makeDelete({ before: makeLive({ created_at: 2 }) });

    expect(planId([update], [])).toBe(planId([makeUpdate()], []));
    expect(planId([makeCreate({ reason: 'deleted-outside' })], [])).toBe(planId([makeCreate()], []));
    expect(planId([late], [])).toBe(planId([early], []));
    expect(planId([], [makeHeld({ reason: 'other words', letThrough: null })])).toBe(
      planId([], [makeHeld()]),
    );
  });

  it('takes a member that is undefined for one that is absent', () => {
    const withUndefined = Object.assign(makeFields(), { is_active: undefined });

    expect(planId([makeCreate({ fields: withUndefined })], [])).toBe(planId([makeCreate()], []));
  });

  it.each([
    { reason: 'another name', operation: makeCreate({ name: 'other', key: 'create orders' }) },
    {
      reason: 'another URL',
      operation: makeCreate({ fields: makeFields({ target_url: 'https://b.example' }) }),
    },
    {
      reason: 'another event',
      operation: makeCreate({ fields: makeFields({ subscribed_events: ['a.b'] }) }),
    },
    { reason: 'a filter', operation: makeCreate({ fields: makeFields({ phone_numbers: ['+1'] }) }) },
    { reason: 'a field more', operation: makeCreate({ fields: makeFields({ is_active: true }) }) },
    { reason: 'protection', operation: makeCreate({ prevent_destroy: true }) },
    { reason: 'another order of execution', operation: makeCreate({ after: ['delete legacy'] }) },
    { reason: 'another kind', operation: makeRename({ name: 'orders', key: 'create orders' }) },
  ])('changes with what is done: $reason', ({ operation }) => {
    expect(planId([operation], [])).not.toBe(planId([makeCreate()], []));
  });

  it('changes with what is live now, not only with what will be', () => {
    expect(planId([makeUpdate({ changes: [makeChange({ before: ['a.b'] })] })], [])).not.toBe(
      planId([makeUpdate()], []),
    );
  });

  it('tells a held operation from one that goes on, and one guard from another', () => {
    const operation = makeUpdate({ name: 'support' });
    const one = makeHeld({ operation });

    expect(planId([operation], [])).not.toBe(planId([], [one]));
    expect(planId([], [one])).not.toBe(planId([], [{ ...one, guard: 'stale-file' }]));
    expect(planId([], [one])).not.toBe(planId([], [{ ...one, operation: null }]));
  });
});
