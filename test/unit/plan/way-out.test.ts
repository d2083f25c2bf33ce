import { describe, expect, it, test } from 'vitest';
import { parseAllowance } from '../../../src/config/parse-allowance.ts';
import { GUARDS } from '../../../src/domain/plan.ts';
import { explainEntry } from '../../../src/plan/explain.ts';
import { overviewOf } from '../../../src/plan/status.ts';
import { shellWord, waysOut } from '../../../src/plan/way-out.ts';
import { GUARD_WORLDS } from '../../support/guard-worlds.ts';
import { makeHeld } from '../../support/plan-builders.ts';
import { viewOf, viewOfInput } from '../../support/view.ts';
import { fields, foreign, live, stored, urlOf, world, type WorldSpec } from '../../support/world.ts';

const CASES = GUARDS.map((guard) => ({ guard, ...GUARD_WORLDS[guard] }));
const LINE = '+12025550101';

/** Whether the entry is held once what the command allows is allowed. */
function isStillHeld(spec: WorldSpec, name: string, command: string): boolean {
  const allowances = [...command.matchAll(/--allow (\S+)/g)].map(([, text]) => parseAllowance(text ?? ''));
  expect(allowances.length).toBeGreaterThan(0);
  const { plan } = viewOfInput({ ...world(spec), allowances });
  return plan.held.some((held) => held.name === name);
}

function waysFor(spec: WorldSpec, name: string, flags = '') {
  return explainEntry(name, viewOf(spec, flags)).held.flatMap(({ ways_out }) => ways_out);
}

describe('the ways out of a guard', () => {
  test.each(CASES)('$guard: the reason is given, and a way out', ({ guard, spec, name, reason, wayOut }) => {
    const { status, held } = explainEntry(name, viewOf(spec));
    expect(status).toMatchObject({ state: guard === 'drift' ? 'drifted' : 'held', guard });
    const [own] = held.filter((one) => one.guard === guard);
    expect(own?.reason).toContain(reason);
    if ('command' in wayOut) {
      expect(own?.ways_out).toContainEqual(expect.objectContaining({ command: wayOut.command }));
    } else {
      expect(own?.ways_out).toEqual([
        { command: null, note: expect.stringContaining(wayOut.advice) as string },
      ]);
    }
  });

  test.each(CASES.filter(({ wayOut }) => 'command' in wayOut && wayOut.command.includes('--allow')))(
    '$guard: what the command allows lets it through',
    ({ spec, name, wayOut }) => {
      expect(isStillHeld(spec, name, 'command' in wayOut ? wayOut.command : '')).toBe(false);
    },
  );

  test.each(CASES)('$guard: status gives a way out, too', ({ guard, spec, name }) => {
    const { held } = overviewOf(viewOf(spec));
    const own = held.find((one) => one.guard === guard && one.names.includes(name));
    expect(own?.ways_out.length).toBeGreaterThan(0);
  });

  it('name every guard that would hold it next, in one command', () => {
    const spec: WorldSpec = {
      file: { orders: {} },
      records: { orders: { applied: fields('orders') } },
      live: [live('orders', { phone_numbers: [LINE] })],
      policy: { drift: 'report' },
    };
    const [way] = waysFor(spec, 'orders');
    expect(way?.command).toBe('linq-gitops sync --allow drift:orders --allow widen:orders');
    expect(isStillHeld(spec, 'orders', way?.command ?? '')).toBe(false);
  });

  it('say what holds it afterwards where no flag helps', () => {
    const lost = waysFor(
      {
        file: { orders: {}, thief: { target_url: urlOf('other') } },
        records: { orders: { current: stored('orders', { signing_secret: null }) } },
        live: [live('orders'), foreign('orders')],
        replace: { overlap: 0 },
      },
      'orders',
    );
    expect(lost).toEqual([
      {
        command: 'linq-gitops sync --allow secret-loss:orders',
        note: 'replaces the subscription without a gap, with a new secret',
      },
      { command: null, note: 'then url-taken holds it: free the URL, or choose another one for the entry' },
    ]);
  });

  it('use the same files, quoted for a shell', () => {
    const { spec, name } = GUARD_WORLDS.widen;
    const [way] = waysFor(spec, name, ` --config ${shellWord("it's.yaml")}`);
    expect(way?.command).toBe(`linq-gitops sync --allow widen:orders --config 'it'\\''s.yaml'`);
    const hostile = { file: { crm: {} }, live: [foreign('crm'), foreign('crm', { id: '$(rm -rf ~)' })] };
    expect(waysFor(hostile, 'crm').map(({ command }) => command)).toContain(
      "linq-gitops adopt crm --id '$(rm -rf ~)' --secret-file FILE",
    );
  });

  it('are what the guard itself says, where it says a command, and words where nobody foresaw it', () => {
    const { spec } = GUARD_WORLDS.widen;
    const view = viewOf(spec, ' --config a.yaml');
    const held = makeHeld({ name: 'orders', letThrough: 'linq-gitops resume orders' });
    expect(waysOut(held, view)).toEqual([{ command: 'linq-gitops resume orders --config a.yaml', note: '' }]);
    expect(waysOut({ ...held, letThrough: null }, view)).toEqual([
      { command: null, note: 'wait: it goes on by itself' },
    ]);
    const usurped = makeHeld({ name: 'orders', guard: 'unowned', letThrough: '--allow unowned:orders' });
    expect(waysOut(usurped, view).map(({ command }) => command)).toEqual([
      'linq-gitops sync --allow unowned:orders --config a.yaml',
    ]);
    const lonely = makeHeld({ guard: 'depends', letThrough: null, operation: null });
    expect(waysOut(lonely, view)).toEqual([{ command: null, note: 'see to what it waits for' }]);
  });

  it('of what waits for a move are those of the move', () => {
    const spec: WorldSpec = {
      file: { a: { target_url: urlOf('b') }, b: { target_url: urlOf('a') } },
      records: { a: {}, b: { applied: fields('b', { phone_numbers: [LINE] }) } },
      live: [live('a'), live('b', { phone_numbers: [LINE] })],
    };
    for (const { ways_out } of explainEntry('a', viewOf(spec)).held) {
      expect(ways_out).toEqual([{ command: 'linq-gitops sync --allow widen:b', note: 'for b' }]);
    }
  });

  it('of what waits for a record that an heir may inherit are those of the heir', () => {
    const spec: WorldSpec = {
      file: { orders: { previously: ['old'] } },
      records: { orders: { kind: 'newer', schema: 2 }, old: {} },
      live: [live('old')],
    };
    const { status, held } = explainEntry('old', viewOf(spec));
    expect(status).toMatchObject({ state: 'held', guard: 'depends', is_in_file: false });
    expect(held[0]?.ways_out).toEqual([{ command: null, note: 'for orders: run the newer version' }]);
  });
});
