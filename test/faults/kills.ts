import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkDelivering, checkForeign, checkPromises } from '../support/account-checks.ts';
import {
  effectsIn,
  openStage,
  pictureOf,
  putFile,
  runUntilDone,
  stageFrom,
  type Entries,
  type Picture,
  type Stage,
} from '../support/stage.ts';
import type { SinkKind } from '../support/stage-sinks/stage-sink.ts';

const EVENTS = ['message.received', 'message.failed'];
export const ORDERS = {
  target_url: 'https://hooks.example.com/orders?version=2026-02-03',
  subscribed_events: EVENTS,
};
export const SUPPORT = {
  target_url: 'https://hooks.example.com/support?version=2026-02-03',
  subscribed_events: EVENTS,
};

/** As it stands in the account, and is not ours. */
const CRM = {
  target_url: 'https://crm.example.net/hooks/linq?version=2025-01-01',
  subscribed_events: EVENTS,
  phone_numbers: ['+12025550103'],
};

/** How many stages are played at the same time. */
const WIDTH = 2;

export interface Scenario {
  readonly title: string;
  /** What is synced before. */
  readonly before?: Entries;
  readonly after: Entries;
  readonly argv?: readonly string[];
  /** What goes on after the kill, where it is not the same. */
  readonly goOn?: readonly string[];
  /** What is run first after the kill, where its consent was not recorded yet. */
  readonly again?: readonly string[];
  /** The URL of a subscription that is not ours, and is replaced. */
  readonly replaces?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly prepare?: (stage: Stage) => Promise<void>;
  /** What one run sends, in order. It is killed around each of these, and around each write of a record. */
  readonly calls: readonly string[];
  readonly isCore?: boolean;
  /** What the file says after the kill, where it is not the same. */
  readonly then?: Entries;
  /** How far the server's clock is ahead from the beginning, in milliseconds. */
  readonly startsAt?: number;
  /** The same for each time that it is gone on with after the kill. */
  readonly goesOnAt?: readonly number[];
  /** At every point where it is killed, `orders` is to deliver. */
  readonly isDelivering?: boolean;
  /** What else is so in the end. */
  readonly check?: (stage: Stage) => Promise<void>;
}

export const CREATE = ['createSubscription', 'updateSubscription'];

export const SYNC: readonly string[] = ['sync'];

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'creating the first entry',
    isCore: true,
    after: { orders: ORDERS },
    calls: CREATE,
  },
  {
    title: 'creating an inactive entry',
    after: { orders: { ...ORDERS, is_active: false } },
    calls: CREATE,
  },
  {
    title: 'updating fields and the URL',
    isCore: true,
    before: { orders: ORDERS },
    after: { orders: { ...SUPPORT, phone_numbers: ['+12025550101'] } },
    calls: ['updateSubscription'],
  },
  {
    title: 'deleting an entry',
    isCore: true,
    before: { orders: ORDERS, support: SUPPORT },
    after: { orders: ORDERS },
    calls: ['deleteSubscription'],
  },
  {
    title: 'renaming an entry',
    isCore: true,
    before: { orders: ORDERS },
    after: { purchases: { ...ORDERS, previously: ['orders'] } },
    calls: [],
  },
  {
    title: 'renaming an entry that changes as well',
    before: { orders: ORDERS },
    after: { purchases: { ...ORDERS, subscribed_events: ['message.sent'], previously: ['orders'] } },
    calls: ['updateSubscription'],
  },
  {
    title: 'deleting an entry and creating another at an URL that a third one leaves',
    before: {
      orders: ORDERS,
      support: SUPPORT,
      old: { ...ORDERS, target_url: 'https://a.example/old?version=1' },
    },
    after: {
      orders: { ...ORDERS, target_url: 'https://a.example/new?version=1' },
      support: SUPPORT,
      fresh: ORDERS,
    },
    calls: ['updateSubscription', 'deleteSubscription', ...CREATE],
  },
  {
    title: 'two entries that swap their URLs',
    before: { orders: ORDERS, support: SUPPORT },
    after: { orders: SUPPORT, support: ORDERS },
    calls: ['updateSubscription', 'updateSubscription', 'updateSubscription'],
  },
  {
    title: 'recovering from a create that was killed after its POST',
    after: { orders: ORDERS },
    prepare: async (stage) => {
      const killed = await stage.run(['sync'], {
        effects: { stop: { name: 'createSubscription', phase: 'after' } },
      });
      expect(killed.signal).toBe('SIGKILL');
    },
    calls: ['deleteSubscription', ...CREATE],
  },
  {
    title: 'adopting a subscription',
    after: { crm: CRM },
    argv: ['adopt', 'crm', '--secret-file', 'crm.secret'],
    prepare: async (stage) => {
      const crm = stage.foreign.find(({ target_url }) => target_url.includes('crm'));
      await putFile(stage, 'crm.secret', crm?.signing_secret ?? '');
    },
    calls: [],
  },
  {
    title: 'adopting by replacing an entry',
    after: { crm: CRM },
    argv: ['adopt', 'crm', '--replace'],
    goOn: ['sync'],
    again: ['adopt', 'crm', '--replace'],
    replaces: CRM.target_url,
    env: { LINQ_GITOPS_REPLACE_OVERLAP: '0s' },
    calls: ['createSubscription', 'updateSubscription', 'deleteSubscription', 'updateSubscription'],
  },
];

async function prepare(scenario: Scenario, sink: SinkKind): Promise<Picture> {
  const stage = await openStage({ sink });
  if (scenario.before) {
    await stage.declare(scenario.before);
    await runUntilDone(stage, ['sync']);
  }
  await stage.declare(scenario.after);
  await scenario.prepare?.(stage);
  return pictureOf(stage);
}

async function countEffects(
  picture: Picture,
  { argv = SYNC, env = {}, startsAt = 0 }: Scenario,
): Promise<readonly string[]> {
  const stage = await stageFrom(picture, { env });
  stage.emulator.shiftClock(startsAt);
  const log = join(stage.folder, 'effects.log');
  const result = await stage.run(argv, { effects: { log } });
  expect(result.code, result.stderr).toBe(0);
  return effectsIn(log);
}

async function killAt(
  picture: Picture,
  scenario: Scenario,
  stop: { index: number; phase: 'before' | 'after' },
): Promise<void> {
  const { argv = SYNC, goOn = argv, env = {}, startsAt = 0, goesOnAt = [startsAt] } = scenario;
  const stage = await stageFrom(picture, { env });
  stage.emulator.shiftClock(startsAt);
  const killed = await stage.run(argv, { effects: { stop } });
  expect(killed.signal, `${stop.phase} effect ${stop.index}: ${killed.stderr}`).toBe('SIGKILL');
  try {
    if (scenario.isDelivering === true) await checkDelivering(stage, 'orders', '/orders');
    if (scenario.then) await stage.declare(scenario.then);
    if (scenario.again !== undefined) await consentAgain(stage, goOn, scenario.again);
    for (const [index, ahead] of goesOnAt.entries()) {
      stage.emulator.shiftClock(ahead);
      await runUntilDone(stage, index === 0 ? goOn : SYNC);
      if (scenario.isDelivering === true && scenario.then === undefined)
        await checkDelivering(stage, 'orders', '/orders');
    }
    await scenario.check?.(stage);
    const foreign = stage.foreign.filter(({ target_url }) => target_url !== scenario.replaces);
    await checkPromises({ ...stage, foreign }, { hasHistory: scenario.isDelivering === true });
  } catch (error) {
    throw new Error(`killed ${stop.phase} effect ${stop.index} of: ${argv.join(' ')}`, { cause: error });
  }
}

/** What has not been consented to before the kill is held; nothing else keeps a pass from going on by itself. */
async function consentAgain(stage: Stage, goOn: readonly string[], again: readonly string[]): Promise<void> {
  const first = await stage.run(goOn);
  if (first.code === 0) return;
  expect(first, first.stderr).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('unowned') as string,
  });
  checkForeign(stage);
  expect(await stage.run(again)).toMatchObject({ code: 0 });
}

/** Between two effects nothing but reading happens, so after one and before the next are the same place. */
function pointsOf(effects: readonly string[]): readonly { index: number; phase: 'before' | 'after' }[] {
  const before = effects.map((_, index) => ({ index: index + 1, phase: 'before' as const }));
  return [...before, { index: effects.length, phase: 'after' }];
}

/** I10 on a sink: every scenario with a kill at every step; `core`: only the scenarios that go through each kind of operation once. */
export function describeKills(sink: SinkKind, extent: 'all' | 'core' = 'all'): void {
  describeScenarios(SCENARIOS, sink, extent);
}

/** Kills one process at every step of each scenario, and goes on. */
export function describeScenarios(all: readonly Scenario[], sink: SinkKind, extent: 'all' | 'core'): void {
  const scenarios = all.filter(({ isCore }) => extent === 'all' || isCore === true);
  describe(`with records in a ${sink}`, () => {
    test.each(scenarios)(
      'I10: kill -9 at every step of $title loses nothing',
      { timeout: 180_000 },
      async (scenario) => {
        const picture = await prepare(scenario, sink);
        const effects = await countEffects(picture, scenario);
        expect(effects.filter((name) => name.endsWith('Subscription'))).toEqual(scenario.calls);
        expect(effects.length, 'records are written as well').toBeGreaterThan(scenario.calls.length);
        const points = [...pointsOf(effects)];
        const play = async (): Promise<void> => {
          for (let point = points.shift(); point; point = points.shift())
            await killAt(picture, scenario, point);
        };
        await Promise.all(Array.from({ length: WIDTH }, play));
      },
    );
  });
}
