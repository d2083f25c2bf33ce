import { expect } from 'vitest';
import type { Stage } from '../support/stage.ts';
import type { SinkKind } from '../support/stage-sinks/stage-sink.ts';
import { CREATE, describeScenarios, ORDERS, SUPPORT, SYNC, type Scenario } from './kills.ts';

/** As short as it may be: what a request takes to land. */
const OVERLAP = { LINQ_GITOPS_REPLACE_OVERLAP: '1ms' };
const NO_OVERLAP = { LINQ_GITOPS_REPLACE_OVERLAP: '0s' };
const OVERLAP_MS = 4 * 15_000;
const LATER = OVERLAP_MS + 5_000;
const ROTATE: readonly string[] = ['rotate', 'orders'];
const ABORT: readonly string[] = ['rotate', '--abort', 'orders'];
const COMPROMISED: readonly string[] = ['rotate', '--compromised', 'orders'];
const REPLACE = ['createSubscription', 'updateSubscription', 'deleteSubscription', 'updateSubscription'];

async function rotated(stage: Stage): Promise<void> {
  expect(await stage.run(ROTATE, { env: OVERLAP })).toMatchObject({ code: 0 });
}

async function checkNoPrevious(stage: Stage): Promise<void> {
  const entry = await stage.sink.openReader().read('orders');
  expect(entry).toMatchObject({ kind: 'intact', record: { previous: null } });
}

/** Replacing the secret of `orders`, which delivers all the while. */
const REPLACEMENTS: readonly Scenario[] = [
  {
    title: 'beginning to replace a secret',
    isCore: true,
    argv: ROTATE,
    goOn: SYNC,
    env: OVERLAP,
    goesOnAt: [0, LATER, 2 * LATER],
    calls: CREATE,
  },
  {
    title: 'ending the overlap of a replacement',
    prepare: rotated,
    env: OVERLAP,
    startsAt: LATER,
    goesOnAt: [LATER, 2 * LATER],
    calls: ['updateSubscription', 'deleteSubscription', 'updateSubscription'],
    isCore: true,
  },
  {
    title: 'replacing a secret without an overlap',
    argv: ROTATE,
    goOn: SYNC,
    env: NO_OVERLAP,
    calls: REPLACE,
  },
  {
    title: 'replacing a compromised secret',
    argv: COMPROMISED,
    env: OVERLAP,
    calls: REPLACE,
    check: checkNoPrevious,
    isCore: true,
  },
  {
    title: 'hastening a replacement whose secret turns out to be compromised',
    prepare: rotated,
    argv: COMPROMISED,
    env: OVERLAP,
    goesOnAt: [0, LATER],
    calls: [],
  },
  {
    title: 'giving up a replacement',
    prepare: rotated,
    argv: ABORT,
    env: OVERLAP,
    calls: ['deleteSubscription'],
  },
  {
    title: 'beginning to replace a secret, which is then given up',
    argv: ROTATE,
    goOn: ABORT,
    env: OVERLAP,
    calls: CREATE,
  },
  {
    title: 'replacing a secret without an overlap, which is then given up',
    argv: ROTATE,
    goOn: ABORT,
    env: NO_OVERLAP,
    calls: REPLACE,
  },
  {
    title: 'beginning to replace a secret that turns out to be compromised',
    argv: ROTATE,
    goOn: COMPROMISED,
    env: OVERLAP,
    goesOnAt: [0, LATER, 2 * LATER],
    calls: CREATE,
  },
  ...[
    { what: 'beginning to replace a secret', env: OVERLAP, goesOnAt: [0, LATER, 2 * LATER], calls: CREATE },
    { what: 'replacing a secret without an overlap', env: NO_OVERLAP, goesOnAt: [0, 0], calls: REPLACE },
  ].flatMap(({ what, ...rest }) => [
    {
      ...rest,
      title: `${what}, whose entry is then removed`,
      argv: ROTATE,
      goOn: SYNC,
      then: { support: SUPPORT },
    },
    {
      ...rest,
      title: `${what}, whose entry is then changed`,
      argv: ROTATE,
      goOn: SYNC,
      then: {
        support: SUPPORT,
        orders: {
          ...ORDERS,
          target_url: 'https://b.example/orders?version=1',
          phone_numbers: ['+12025550101'],
        },
      },
    },
  ]),
].map((scenario) => ({
  before: { orders: ORDERS, support: SUPPORT },
  after: { orders: ORDERS, support: SUPPORT },
  isDelivering: true,
  ...scenario,
}));

/** I10 on a sink, for replacing a secret: at every moment of it the entry delivers. */
export function describeReplacementKills(sink: SinkKind, extent: 'all' | 'core' = 'all'): void {
  describeScenarios(REPLACEMENTS, sink, extent);
}
