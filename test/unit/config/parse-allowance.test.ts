import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/domain/errors.ts';
import { FIRM_GUARDS, GUARDS, PLAN_GUARDS } from '../../../src/domain/plan.ts';
import { parseAllowance } from '../../../src/config/parse-allowance.ts';

const open = GUARDS.filter((guard) => !FIRM_GUARDS.includes(guard));

function failureOf(text: string): UsageError {
  try {
    parseAllowance(text);
  } catch (error) {
    if (error instanceof UsageError) return error;
  }
  throw new Error(`${text} was accepted`);
}

describe('parseAllowance', () => {
  it.each(open)('lets the guard %s through for all', (guard) => {
    expect(parseAllowance(guard)).toEqual({ guard, name: null });
  });

  it.each(open.filter((guard) => !PLAN_GUARDS.includes(guard)))('lets %s through for one entry', (guard) => {
    expect(parseAllowance(`${guard}:billing.eu-1`)).toEqual({ guard, name: 'billing.eu-1' });
  });

  it.each(PLAN_GUARDS)('takes no name for %s, which is over the whole plan', (guard) => {
    expect(failureOf(`${guard}:billing`).hint).toContain(guard);
  });

  it.each(FIRM_GUARDS)('refuses %s with the reason why nothing lets it through', (guard) => {
    expect(failureOf(guard).message).toMatch(/cannot be let through: .{15}/);
    expect(failureOf(`${guard}:billing`).message).toMatch(/cannot be let through/);
  });

  it.each([
    ['widden', 'did you mean `widen`?'],
    ['Protected:billing', 'did you mean `protected:billing`?'],
    ['secretloss', 'did you mean `secret-loss`?'],
    ['everything', undefined],
    ['', undefined],
  ])('suggests the nearest guard for %j', (text, hint) => {
    expect(failureOf(text).hint).toBe(hint);
  });

  it.each(['widen:', 'widen:../x', 'widen:Billing', 'widen:a:b'])(
    'refuses a name that cannot be: %s',
    (text) => {
      expect(failureOf(text).message).toMatch(/cannot be the name of an entry/);
    },
  );
});
