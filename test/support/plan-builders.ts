import type {
  CollectOperation,
  CreateOperation,
  DeleteOperation,
  FieldChange,
  ForgetOperation,
  MakeWayOperation,
  Operation,
  RecoverOperation,
  RenameOperation,
  ReplaceOperation,
  RetireOperation,
  UpdateOperation,
} from '../../src/domain/operation.ts';
import type { Foreign, Held, Plan, PlanSummary, Waiting } from '../../src/domain/plan.ts';
import type { OperationResult, Report, ReportItem } from '../../src/domain/report.ts';
import type { LiveSubscription, SubscriptionFields } from '../../src/domain/subscription.ts';
import { planId } from '../../src/plan/plan-id.ts';

/** Plans and their parts with defaults: a test names only what it is about. */

export function makeFields(overrides: Partial<SubscriptionFields> = {}): SubscriptionFields {
  return {
    target_url: 'https://hooks.example.com/orders?version=2026-02-03',
    subscribed_events: ['message.received', 'message.failed'],
    phone_numbers: null,
    ...overrides,
  };
}

export function makeLive(overrides: Partial<LiveSubscription> = {}): LiveSubscription {
  return {
    id: 'sub-live',
    target_url: 'https://hooks.example.com/orders?version=2026-02-03',
    subscribed_events: ['message.received', 'message.failed'],
    phone_numbers: null,
    is_active: true,
    routing_key_header: null,
    routing_id_header: null,
    ...overrides,
  };
}

export function makeChange(overrides: Partial<FieldChange> = {}): FieldChange {
  return {
    field: 'subscribed_events',
    reason: 'changed-in-file',
    before: ['message.read'],
    after: ['message.failed'],
    ...overrides,
  };
}

export function makeCreate(overrides: Partial<CreateOperation> = {}): CreateOperation {
  const name = overrides.name ?? 'orders';
  return {
    kind: 'create',
    key: `create ${name}`,
    after: [],
    secret: 'new',
    name,
    reason: 'new',
    fields: makeFields(),
    prevent_destroy: false,
    ...overrides,
  };
}

/** An update of events, unless `changes` and `patch` say otherwise. */
export function makeUpdate(overrides: Partial<UpdateOperation> = {}): UpdateOperation {
  const name = overrides.name ?? 'billing';
  return {
    kind: 'update',
    key: `update ${name}`,
    after: [],
    secret: 'kept',
    name,
    subscription_id: `sub-${name}`,
    reason: 'changed-in-file',
    changes: [makeChange()],
    patch: { subscribed_events: ['message.failed'] },
    fields: makeFields({ subscribed_events: ['message.failed'] }),
    prevent_destroy: false,
    ...overrides,
  };
}

export function makeMakeWay(overrides: Partial<MakeWayOperation> = {}): MakeWayOperation {
  const name = overrides.name ?? 'swap';
  return {
    kind: 'make-way',
    key: `make-way for update ${name}`,
    before: `update ${name}`,
    after: [],
    secret: 'kept',
    name,
    subscription_id: `sub-${name}`,
    target_url: 'https://hooks.example.com/swap',
    ...overrides,
  };
}

export function makeDelete(overrides: Partial<DeleteOperation> = {}): DeleteOperation {
  const name = overrides.name === undefined ? 'legacy' : overrides.name;
  const id = `sub-${name ?? 'foreign'}`;
  return {
    kind: 'delete',
    key: `delete ${name ?? id}`,
    after: [],
    secret: name === null ? 'none' : 'discarded',
    name,
    subscription_id: id,
    replacement_id: null,
    before: makeLive({ id, target_url: `https://hooks.example.com/${name ?? 'foreign'}` }),
    reason: name === null ? 'foreign' : 'left-the-file',
    ...overrides,
  };
}

export function makeRename(overrides: Partial<RenameOperation> = {}): RenameOperation {
  const name = overrides.name ?? 'invoices';
  return {
    kind: 'rename',
    key: `rename ${name}`,
    after: [],
    secret: 'moved',
    name,
    from: 'bills',
    isInterrupted: false,
    replacement_id: null,
    ...overrides,
  };
}

export function makeRecover(overrides: Partial<RecoverOperation> = {}): RecoverOperation {
  const name = overrides.name ?? 'crm';
  return {
    kind: 'recover',
    key: `recover ${name}`,
    after: [],
    secret: 'none',
    name,
    subscription_id: 'sub-crm-unfinished',
    ...overrides,
  };
}

export function makeCollect(overrides: Partial<CollectOperation> = {}): CollectOperation {
  const id = overrides.subscription_id ?? 'sub-late';
  return {
    kind: 'collect',
    key: `collect ${id}`,
    after: [],
    secret: 'none',
    subscription_id: id,
    target_url: 'https://hooks.example.com/late?linq_gitops=abc.2',
    ...overrides,
  };
}

export function makeReplace(overrides: Partial<ReplaceOperation> = {}): ReplaceOperation {
  const name = overrides.name ?? 'alerts';
  return {
    kind: 'replace',
    key: `replace ${name}`,
    after: [],
    secret: 'new',
    name,
    subscription_id: `sub-${name}`,
    replacement_id: null,
    reason: 'secret-lost',
    step: 'begin',
    fields: makeFields({ target_url: 'https://hooks.example.com/alerts' }),
    is_active: true,
    overlap: 600_000,
    keeps_previous: true,
    prevent_destroy: false,
    ...overrides,
  };
}

export function makeForget(overrides: Partial<ForgetOperation> = {}): ForgetOperation {
  const name = overrides.name ?? 'orders';
  return {
    kind: 'forget',
    key: `forget ${name}`,
    after: [],
    secret: 'kept',
    name,
    forgets: ['previous'],
    ...overrides,
  };
}

export function makeRetire(overrides: Partial<RetireOperation> = {}): RetireOperation {
  const name = overrides.name ?? 'orders';
  return {
    kind: 'retire',
    key: `retire ${name}`,
    after: [],
    secret: 'kept',
    name,
    subscription_id: 'sub-1',
    before: makeLive(),
    replacement_id: null,
    ...overrides,
  };
}

export function makeWaiting(overrides: Partial<Waiting> = {}): Waiting {
  return {
    name: 'support',
    kind: 'replace',
    reason: 'step 3 of 5: overlap',
    until: '2026-11-22T12:30:05.000Z',
    ...overrides,
  };
}

/** One operation of each kind, in the order of their names. */
export function makeEveryOperation(): readonly Operation[] {
  return [
    makeCollect(),
    makeCreate(),
    makeDelete(),
    makeForget(),
    makeMakeWay(),
    makeRecover(),
    makeRename(),
    makeReplace(),
    makeRetire(),
    makeUpdate(),
  ];
}

/** An update that drops a phone filter, under the guard `widen`. */
export function makeHeld(overrides: Partial<Held> = {}): Held {
  const name = overrides.name === undefined ? 'support' : overrides.name;
  return {
    name,
    guard: 'widen',
    reason: '',
    letThrough: `--allow widen:${name ?? ''}`,
    operation: makeUpdate({
      name: name ?? 'support',
      changes: [
        makeChange({ field: 'phone_numbers', before: ['+12025550100', '+12025550101'], after: null }),
      ],
      patch: { phone_numbers: null },
      fields: makeFields(),
    }),
    ...overrides,
  };
}

export function makeForeign(overrides: Partial<Foreign> = {}): Foreign {
  return {
    id: 'sub-foreign',
    target_url: 'https://elsewhere.example.net/hook',
    is_active: true,
    isExempt: false,
    ...overrides,
  };
}

/** A plan of the given parts; empty by default. The id is the true one unless given. */
export function makePlan(
  overrides: Partial<Omit<Plan, 'summary'>> & { summary?: Partial<PlanSummary> } = {},
): Plan {
  const { summary, ...parts } = overrides;
  const { operations = [], held = [], foreign = [] } = parts;
  return {
    id: planId(operations, held),
    operations,
    held,
    waiting: [],
    foreign,
    warnings: [],
    ...parts,
    summary: { entries: 3, live: 4, owned: 3, foreign: foreign.length, inactive: [], ...summary },
  };
}

export function makeItem(operation: Operation, result: OperationResult = { status: 'done' }): ReportItem {
  return { operation, result };
}

export function makeReport(items: readonly ReportItem[], wasInterrupted = false): Report {
  return { items, wasInterrupted };
}

/** The plan of the design's section 6, as far as values are given there. */
export function makeSamplePlan(): Plan {
  return makePlan({
    id: '7f3a91c2d40e'.padEnd(64, '0'),
    operations: [
      makeCreate(),
      makeUpdate({
        changes: [
          makeChange(),
          makeChange({
            field: 'phone_numbers',
            reason: 'drifted',
            before: ['+12025550100', '+12025550199'],
            after: ['+12025550100'],
          }),
        ],
      }),
      makeDelete(),
    ],
    held: [makeHeld()],
    foreign: [makeForeign()],
    summary: { inactive: ['billing'] },
  });
}
