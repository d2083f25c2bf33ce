import fc from 'fast-check';
import type { DesiredEntry } from '../../src/domain/desired.ts';
import type { ObservedRecord } from '../../src/domain/observation.ts';
import { GUARDS, type Allowance } from '../../src/domain/plan.ts';
import type { EntryRecord } from '../../src/domain/record.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { Policy } from '../../src/domain/settings.ts';
import type { LiveSubscription, SubscriptionFields } from '../../src/domain/subscription.ts';
import { markUrl, normaliseUrl } from '../../src/domain/target-url.ts';
import type { PlanInput } from '../../src/plan/candidate.ts';
import {
  ago,
  entry,
  installation,
  INSTALLATION,
  INTERVAL,
  LANDING_TIME,
  live,
  markedUrl,
  ME,
  NOW,
  OTHER,
  record,
  stored,
  urlOf,
  world,
} from './world.ts';

/*
 * Worlds at random, from small pools, so that things meet: entries that want taken URLs, records that name
 * the same or a vanished subscription, unfinished work of ours and of others, guards let through or not.
 * What the rest of the program rules out is left out: two entries with one URL or one former name, a record that
 * names what another record's intent marks, and one in which a subscription is to take over from itself.
 */

const ENTRIES = ['e1', 'e2', 'e3', 'e4', 'e5'];
const FORMER = ['f1', 'f2', 'f3'];
const NAMES = [...ENTRIES, ...FORMER];
const URLS = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8'].map((name) => urlOf(name));
/** The first ones are those that the records of `NAMES` name, if nothing odd happened. */
const IDS = ['i1', 'i2', 'i3', 'i4', 'i5', 'i6', 'i7', 'i8', 'x1'];
const EVENTS = ['message.received', 'message.failed', 'reaction.added'];
const LINES = ['+12025550101', '+12025550102', '+12025550103'];

/** What is older than this may be rotated; nothing made in a model gets so old. */
const AGE = 86_400_000;

const url = fc.constantFrom(...URLS);
const urlsInAnyOrder = fc.shuffledSubarray(URLS, { minLength: URLS.length });

/** Most of `list`, in its order. */
function most<T>(list: readonly T[]): fc.Arbitrary<readonly T[]> {
  return fc
    .tuple(...list.map((one) => fc.option(fc.constant([one]), { freq: 4, nil: [] })))
    .map((kept) => kept.flat());
}

const events = fc.subarray(EVENTS, { minLength: 1 });
const lines = fc.option(fc.subarray(LINES, { minLength: 1 }), { freq: 2 });
const header = fc.constantFrom(null, '', 'X-Key');

const fields: fc.Arbitrary<SubscriptionFields> = fc.record(
  {
    target_url: url,
    subscribed_events: events,
    phone_numbers: lines,
    is_active: fc.boolean(),
    routing_key_header: header,
    routing_id_header: header,
  },
  { requiredKeys: ['target_url', 'subscribed_events', 'phone_numbers'] },
);

const createdAt = fc.option(fc.constantFrom(0, NOW - LANDING_TIME, NOW), { nil: undefined });

const liveAt = (id: string, at: fc.Arbitrary<string>): fc.Arbitrary<LiveSubscription> =>
  fc
    .record({
      target_url: at,
      subscribed_events: events,
      phone_numbers: lines,
      is_active: fc.boolean(),
      routing_key_header: fc.constantFrom(null, 'X-Key'),
      created_at: createdAt,
    })
    .map(({ created_at, ...own }) =>
      live(id, { id, ...own, ...(created_at !== undefined && { created_at }) }),
    );

const anyUrl = fc.oneof(
  { weight: 6, arbitrary: url },
  { weight: 1, arbitrary: url.map((one) => one.replace('hooks', 'HOOKS')) },
  { weight: 1, arbitrary: url.map((one) => markUrl(one, `${INSTALLATION}.stray`)) },
  { weight: 1, arbitrary: url.map((one) => markUrl(one, 'theirs.1')) },
  { weight: 1, arbitrary: fc.constant('https://webhook.linqapp.com/relay') },
);

/** What an interrupted POST may have left at the marked URL of a name; only an intent knows it. */
const halves = fc
  .subarray(NAMES, { maxLength: 3 })
  .chain((names) => fc.tuple(...names.map((name) => liveAt(`half-${name}`, fc.constant(markedUrl(name))))));

/** Replacements amid their overlap, at the marked URL that they were made at. */
const nexts = fc
  .subarray(NAMES, { maxLength: 4 })
  .chain((names) =>
    fc.tuple(...names.map((name) => liveAt(nextId(name), fc.constant(markedUrl(nextId(name)))))),
  );

function nextId(name: string): string {
  return `next-${name}`;
}

function mostly<T>(usual: T | undefined, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return usual === undefined
    ? other
    : fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
}

const account: fc.Arbitrary<readonly LiveSubscription[]> = fc
  .tuple(
    fc
      .tuple(most(IDS), urlsInAnyOrder)
      .chain(([ids, urls]) => fc.tuple(...ids.map((id, index) => liveAt(id, mostly(urls[index], anyUrl))))),
    halves,
    nexts,
  )
  .map(([whole, unfinished, overlapping]) => [...whole, ...unfinished, ...overlapping]);

const holder = fc.constantFrom(ME, OTHER, { ...OTHER, mode: 'sync' } as const);
const moment = fc.constantFrom(ago(-1), ago(1), ago(INTERVAL), ago(4 * INTERVAL));

const currentOf = (name: string) =>
  fc.option(
    fc.record({
      subscription_id: mostly(IDS[NAMES.indexOf(name)], fc.constantFrom(...IDS, 'gone-1', 'gone-2')),
      target_url: url,
      signing_secret: fc.option(fc.constant(new Secret('s')), { freq: 9 }),
      created_at: fc.constantFrom(ago(1), ago(10 * AGE)),
    }),
    { freq: 6 },
  );

const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

const intact = (name: string): fc.Arbitrary<ObservedRecord> =>
  fc
    .record({
      current: currentOf(name),
      next: rarely(
        fc.record({
          // An id of `IDS` is another record's: what a sink that was put together by hand can hold.
          subscription_id: mostly(nextId(name), fc.constantFrom('x1', 'gone-3')),
          target_url: url,
          signing_secret: fc.constant(new Secret('n')),
          created_at: moment,
          deactivated: fc.boolean(),
          ready_at: fc.option(moment),
          compromised: fc.boolean(),
          ending: fc.constantFrom('switch' as const, 'drop' as const, null),
        }),
      ),
      retire: rarely(fc.record({ subscription_id: fc.constantFrom(...IDS) })),
      previous: rarely(
        fc.record({
          subscription_id: fc.constant('before'),
          signing_secret: fc.constant(new Secret('p')),
          retired_at: moment,
        }),
      ),
      intent: rarely(fc.record({ marked_url: fc.constant(markedUrl(name)), deadline: moment, holder })),
      applied: fc.option(fields, { freq: 5 }),
      prevent_destroy: fc.boolean(),
      applied_from: fc.option(
        fc.record({
          content_hash: fc.constantFrom('hash of this file', 'another'),
          revision: fc.constant(null),
          holder,
          server_time: moment,
        }),
      ),
      isIntentAbandoned: fc.boolean(),
      isApplierGone: fc.boolean(),
    } satisfies { [K in keyof Partial<EntryRecord>]: fc.Arbitrary<EntryRecord[K]> } & Record<string, unknown>)
    .map(({ next, ...own }) => {
      const isItself = next?.subscription_id === own.current?.subscription_id;
      return record(name, { ...own, next: isItself ? null : next });
    });

const recordOf = (name: string): fc.Arbitrary<ObservedRecord> =>
  fc.oneof(
    { weight: 20, arbitrary: intact(name) },
    { weight: 4, arbitrary: fc.constant<ObservedRecord>({ kind: 'absent' }) },
    { weight: 1, arbitrary: fc.constant<ObservedRecord>({ kind: 'damaged', reason: 'not JSON' }) },
    { weight: 1, arbitrary: fc.constant<ObservedRecord>({ kind: 'newer', schema: 2 }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('other-owner' as const),
        owner: fc.constant('staging'),
        ids: fc.subarray(IDS, { maxLength: 2 }),
        marked_url: fc.constantFrom(null, markedUrl(name)),
      }),
    },
  );

const records: fc.Arbitrary<ReadonlyMap<string, ObservedRecord>> = most(NAMES)
  .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), recordOf(name)))))
  .map((pairs) => new Map(pairs));

const rotateAfter = fc.constantFrom(null, null, AGE);

const file: fc.Arbitrary<readonly DesiredEntry[]> = fc
  .tuple(
    most(ENTRIES),
    urlsInAnyOrder,
    fc.array(fc.tuple(fields, fc.boolean(), rotateAfter), { minLength: 5, maxLength: 5 }),
    fc.tuple(...FORMER.map(() => fc.option(fc.nat(ENTRIES.length - 1), { freq: 1 }))),
  )
  .map(([names, urls, own, heirs]) =>
    names.map((name, index) => {
      const [declared, prevent_destroy, rotate_after] = own[index]!;
      return {
        name,
        fields: { ...declared, target_url: urls[index]! },
        previously: FORMER.filter((_, former) => heirs[former] === index),
        prevent_destroy,
        rotate_after,
      };
    }),
  );

const policy: fc.Arbitrary<Policy> = fc.record({
  prune: fc.constantFrom('owned', 'owned', 'all', 'never'),
  unowned: fc.constantFrom('hold', 'replace'),
  drift: fc.constantFrom('revert', 'revert', 'report'),
  max_deletes: fc.oneof(fc.record({ share: fc.constantFrom(0, 0.25, 1) }), fc.record({ count: fc.nat(6) })),
  allow: fc.constant([]),
  retire: fc.constantFrom(0, 0, 3_600_000),
  ignore: fc.constantFrom([], [`${urlOf('u1').slice(0, -5)}*`]),
});

const everyGuard: readonly Allowance[] = GUARDS.map((guard) => ({ guard, name: null }));
const allowances = fc.oneof(
  fc.constant([]),
  fc.constant(everyGuard),
  fc.subarray(everyGuard as Allowance[]),
  fc.array(fc.record({ guard: fc.constantFrom(...GUARDS), name: fc.constantFrom(...NAMES) }), {
    maxLength: 3,
  }),
);

const replace = fc.record({
  overlap: fc.constantFrom(0, 1, 600_000),
  keep_previous: fc.constantFrom(0, 3_600_000),
  at_once: fc.constantFrom(1, 5),
});
const rotate = fc.array(
  fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom('rotate', 'compromised', 'abort')),
  { maxLength: 2 },
);

/** A command with an id is about one entry. */
const adopt = fc.array(
  fc.tuple(fc.constantFrom(...ENTRIES), fc.option(fc.constantFrom(...IDS), { freq: 1 })),
  {
    maxLength: 1,
  },
);

const troubledWorld: fc.Arbitrary<PlanInput> = fc
  .record({
    file,
    records,
    account,
    policy,
    allowances,
    installation: fc.constantFrom(installation(), installation(), installation(['line-1']), null),
    lines: fc.constantFrom(
      null,
      LINES.map((phone_number, index) => ({ id: `line-${index + 1}`, phone_number })),
      [{ id: 'line-9', phone_number: '+12025550109' }],
    ),
    events: fc.constantFrom(null, EVENTS, ['message.received', 'message.sent', 'message.read']),
    allow_empty: fc.boolean(),
    replace,
    adopt,
    rotate,
  })
  .map((parts) => {
    const base = world({
      allow_empty: parts.allow_empty,
      policy: parts.policy,
      observation: { installation: parts.installation, lines: parts.lines, events: parts.events },
    });
    return {
      ...base,
      desired: { ...base.desired, entries: parts.file },
      allowances: parts.allowances,
      replace: parts.replace,
      rotate: new Map(parts.rotate),
      adopt: new Map(parts.adopt),
      observation: { ...base.observation, subscriptions: parts.account, records: parts.records },
    };
  });

/** All records are whole, what they name has its secret, and every guard is let through. */
const wholeWorld: fc.Arbitrary<PlanInput> = troubledWorld.map((input) => {
  const { desired, observation, policy } = input;
  const records = [...observation.records].flatMap(([name, observed]) => {
    if (observed.kind !== 'intact') return [];
    const { current } = observed.record;
    const secret = current && { ...current, signing_secret: new Secret('kept') };
    const whole = { ...observed.record, current: secret, next: null, retire: null, previous: null };
    return [[name, { ...observed, record: whole, isIntentAbandoned: true }] as const];
  });
  const wanted = new Set(desired.entries.map(({ fields }) => normaliseUrl(fields.target_url)));
  const ours = new Set(records.map(([, { record }]) => record.current?.subscription_id));
  const subscriptions = observation.subscriptions.flatMap((one) =>
    wanted.has(normaliseUrl(one.target_url)) && !ours.has(one.id) ? [] : [{ ...one, created_at: 0 }],
  );
  return {
    ...input,
    allowances: everyGuard,
    replace: { overlap: 0, keep_previous: 3_600_000, at_once: 5 },
    rotate: new Map(),
    adopt: new Map(),
    policy: { ...policy, prune: policy.prune === 'never' ? 'owned' : policy.prune },
    observation: { ...observation, records: new Map(records), subscriptions },
  };
});

/** Every entry is live, and they want each other's URLs. */
const movingWorld: fc.Arbitrary<PlanInput> = fc
  .tuple(wholeWorld, fc.shuffledSubarray(URLS.slice(0, 5), { minLength: 5 }))
  .map(([input, wanted]) => {
    const { desired, observation } = input;
    const own = ENTRIES.map((name, index) => live(name, { id: IDS[index]!, target_url: URLS[index]! }));
    const taken = new Set([...own.map(({ id }) => id), ...URLS.slice(0, 5)]);
    const others = observation.subscriptions.filter(
      ({ id, target_url }) => !taken.has(id) && !taken.has(normaliseUrl(target_url)),
    );
    const recorded = own.map(({ id }, index) => {
      const name = ENTRIES[index]!;
      return [name, record(name, { current: stored(name, { subscription_id: id }) })] as const;
    });
    return {
      ...input,
      desired: {
        ...desired,
        entries: ENTRIES.map((name, index) => entry(name, { target_url: wanted[index]! })),
      },
      observation: {
        ...observation,
        subscriptions: [...own, ...others],
        records: new Map([...observation.records, ...recorded]),
      },
    };
  });

/** Worlds in which hardly anything can be held. */
export const calmWorld: fc.Arbitrary<PlanInput> = fc.oneof(wholeWorld, movingWorld);

/** Any world that files, sinks and accounts can be in. */
export const arbitraryWorld: fc.Arbitrary<PlanInput> = fc.oneof(
  { weight: 2, arbitrary: troubledWorld },
  { weight: 1, arbitrary: calmWorld },
);

/** Accounts with subscriptions that nobody would make: any id, any text for a URL, any time. */
export const wildAccount: fc.Arbitrary<readonly LiveSubscription[]> = fc
  .uniqueArray(fc.oneof(fc.string(), fc.constantFrom(...IDS)), { maxLength: 8 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc
          .tuple(
            liveAt(id, fc.oneof(fc.string(), fc.webUrl(), anyUrl)),
            fc.integer({ min: -8.64e15, max: 8.64e15 }),
            fc.array(fc.string()),
          )
          .map(([one, created_at, subscribed_events]) => ({ ...one, created_at, subscribed_events })),
      ),
    ),
  );
