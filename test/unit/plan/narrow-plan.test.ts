import { describe, expect, it } from 'vitest';
import { narrowPlan } from '../../../src/plan/narrow-plan.ts';
import { planId } from '../../../src/plan/plan-id.ts';
import {
  makeCollect,
  makeCreate,
  makeDelete,
  makeHeld,
  makePlan,
  makeRecover,
  makeReplace,
  makeUpdate,
  makeWaiting,
} from '../../support/plan-builders.ts';

const alerts = new Set(['alerts']);

describe('narrowPlan', () => {
  it('keeps what is about the names, held and waiting alike', () => {
    const about = makeReplace();
    const held = [
      makeHeld({ name: 'alerts' }),
      makeHeld({ name: null, guard: 'account', operation: null }),
      makeHeld({ name: 'support' }),
    ];
    const plan = makePlan({
      operations: [makeCollect(), about, makeCreate(), makeDelete({ name: null })],
      held,
      waiting: [makeWaiting({ name: 'alerts' }), makeWaiting()],
    });

    const narrow = narrowPlan(plan, alerts);

    expect(narrow.operations).toEqual([about]);
    expect(narrow.held.map(({ name }) => name)).toEqual(['alerts', null]);
    expect(narrow.waiting.map(({ name }) => name)).toEqual(['alerts']);
    expect(narrow.id).toBe(planId(narrow.operations, narrow.held));
    expect(narrow.id).not.toBe(plan.id);
  });

  it('keeps what these wait for, and what that waits for, in the order of the plan', () => {
    const first = makeRecover({ name: 'sales' });
    const second = makeUpdate({ name: 'sales', after: [first.key] });
    const last = makeReplace({ after: [second.key, first.key] });
    const plan = makePlan({ operations: [first, makeUpdate(), last, second] });

    expect(narrowPlan(plan, alerts).operations).toEqual([first, last, second]);
  });

  it('does not ask for an operation that is not in the plan', () => {
    const only = makeReplace({ after: ['update gone'] });

    expect(narrowPlan(makePlan({ operations: [only] }), alerts).operations).toEqual([only]);
  });

  it('is the plan itself where all of it is about the names', () => {
    const plan = makePlan({ operations: [makeReplace()] });

    expect(narrowPlan(plan, alerts)).toEqual(plan);
  });
});
