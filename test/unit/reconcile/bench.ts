import type { Desired, DesiredEntry } from '../../../src/domain/desired.ts';
import type { CreateOperation } from '../../../src/domain/operation.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import type { Report } from '../../../src/domain/report.ts';
import { emptyRecord, INSTALLATION_NAME, RECORD_SCHEMA } from '../../../src/domain/record.ts';
import type { EntryRecord, Holder, Intent } from '../../../src/domain/record.ts';
import { Secret } from '../../../src/domain/secret.ts';
import type { SubscriptionFields } from '../../../src/domain/subscription.ts';
import type { LinqReader, LinqWriter } from '../../../src/linq/linq-api.ts';
import type { ApplyContext, Clock } from '../../../src/reconcile/context.ts';
import type { ObserveContext } from '../../../src/reconcile/observe.ts';
import { reconcileOnce, type PassContext } from '../../../src/reconcile/reconcile-once.ts';
import { openRecords, type VersionedRecord } from '../../../src/reconcile/records.ts';
import type { SecretSink } from '../../../src/secrets/sink.ts';
import { connectApi, createIn, makeApi, OUTSIDER, type ModelApi } from '../../simulation/model-api.ts';
import type { Effect, EffectKind, Failure, Link } from '../../simulation/model-effect.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { connectSink, makeSink, placeRecord, type ModelSink } from '../../simulation/model-sink.ts';
import { QUIET } from '../../support/quiet-progress.ts';

/** The account, the sink and one process, with a script of what goes wrong. */

export const URL = 'https://hooks.example.com/orders?version=2026-02-03';
export const ME: Holder = { host: 'a', boot: 'boot', pid: 1, started: '1', mode: 'run' };
export const OTHER: Holder = { host: 'b', boot: 'boot', pid: 2, started: '2', mode: 'run' };
const LATER: Holder = { host: 'c', boot: 'boot', pid: 3, started: '3', mode: 'run' };
export const LANDING_TIME = 60_000;

/** What becomes of one effect: `before` it takes place, and `after`; `fail`ed before it, or `lost` after it. */
export interface Step {
  readonly before?: () => void;
  readonly after?: () => void;
  readonly fail?: Failure;
  readonly lost?: Failure;
  /** Thrown instead: not an error that the client knows. */
  readonly bug?: Error;
}

export interface Bench {
  readonly api: ModelApi;
  readonly sink: ModelSink;
  readonly linq: LinqReader & LinqWriter;
  readonly secrets: SecretSink;
  /** What all its clients are connected by, for whatever else has effects. */
  readonly link: Link;
  readonly clock: Clock;
  readonly stop: AbortController;
  /** How long was slept, and what is done at each sleep. */
  readonly sleeps: number[];
  onSleep: (sleep: number) => void;
  /** What becomes of the next effects of this kind; those after them are answered. */
  script(kind: EffectKind, ...steps: readonly Step[]): void;
  /** Every effect of this kind fares so from now on. */
  always(kind: EffectKind, step: Step | null): void;
  /** Asked for every effect that has no script: what becomes of it. */
  onEffect: (kind: EffectKind) => Step;
  /** Called whenever something has changed, or may have. */
  watch: () => void;
  /** The context of a pass that has seen the sink as it is now. */
  context(overrides?: Partial<ApplyContext>): ApplyContext;
  observer(overrides?: Partial<ObserveContext>): ObserveContext;
  /** What a later process on another host has for a pass. */
  passContext(overrides?: Partial<PassContext>): PassContext;
  /** A whole pass, as a later process on another host makes it; time enough has passed for it to act. */
  laterPass(desired: Desired, overrides?: Partial<PassContext>): Promise<{ plan: Plan; report: Report }>;
}

export function makeBench(): Bench {
  let now = Date.parse('2026-03-01T00:00:00Z');
  let uniques = 0;
  const api = makeApi(() => now);
  const sink = makeSink();
  const queues = new Map<EffectKind, Step[]>();
  const standing = new Map<EffectKind, Step>();
  const link: Link = (effect) =>
    fare(
      effect,
      queues.get(effect.kind)?.shift() ?? standing.get(effect.kind) ?? bench.onEffect(effect.kind),
      () => bench.watch(),
    );
  const linq = connectApi(api, 'p1', link);
  const secrets = connectSink(sink, link);
  const stop = new AbortController();
  const bench: Bench = {
    api,
    sink,
    linq,
    secrets,
    link,
    stop,
    sleeps: [],
    onSleep: () => undefined,
    onEffect: () => ({}),
    watch: () => undefined,
    clock: {
      now: () => now,
      sleep: (ms) => {
        now += ms;
        bench.sleeps.push(ms);
        bench.onSleep(bench.sleeps.length);
        return Promise.resolve();
      },
    },
    script: (kind, ...steps) => void queues.set(kind, [...steps]),
    always(kind, step) {
      if (step === null) standing.delete(kind);
      else standing.set(kind, step);
    },
    context: (overrides = {}) => ({
      reader: linq,
      writer: linq,
      sink: secrets,
      records: openRecords(secrets, versionsIn(sink)),
      desired: makeDesired([]),
      clock: bench.clock,
      serverNow: () => now,
      unique: () => `u${(uniques += 1)}`,
      holder: ME,
      owner: 'default',
      installation: 'inst',
      landingTime: LANDING_TIME,
      storeTimeout: 5_000,
      progress: QUIET,
      stop: { signal: stop.signal, graceMs: 2_000 },
      ...overrides,
    }),
    observer: (overrides = {}) => ({
      reader: linq,
      secrets,
      clock: bench.clock,
      owner: 'default',
      holder: ME,
      isGone: () => Promise.resolve(false),
      concurrency: 2,
      ...overrides,
    }),
    passContext: (overrides = {}) => ({
      reader: linq,
      writer: linq,
      secrets,
      sink: secrets,
      settings: SETTINGS,
      allowances: [],
      holder: LATER,
      isGone: () => Promise.resolve(false),
      clock: bench.clock,
      unique: () => `u${(uniques += 1)}`,
      stop: { signal: new AbortController().signal, graceMs: 2_000 },
      progress: QUIET,
      storeTimeout: SETTINGS.secrets.store_timeout,
      isFileBad: false,
      fights: new Set(),
      rotate: new Map(),
      adopt: new Map(),
      only: null,
      expectedPlan: null,
      onPlan: () => undefined,
      onNotice: () => undefined,
      ...overrides,
    }),
    laterPass: (desired, overrides = {}) => {
      now += 2 * LANDING_TIME;
      return reconcileOnce(desired, bench.passContext(overrides));
    },
  };
  return bench;
}

async function fare<T>(effect: Effect<T>, step: Step, watch: () => void): Promise<T> {
  step.before?.();
  if (step.bug) throw step.bug;
  if (step.fail) throw effect.fail(step.fail);
  const answer = effect.take();
  watch();
  step.after?.();
  if (step.lost) throw effect.fail(step.lost);
  return Promise.resolve(answer);
}

function versionsIn(sink: ModelSink): ReadonlyMap<string, VersionedRecord> {
  return new Map([...sink.slots].map(([name, { version, record }]) => [name, { version, record }]));
}

export function makeDesired(entries: readonly DesiredEntry[], content_hash = 'file'): Desired {
  return { entries, allow_empty: entries.length === 0, content_hash, revision: null };
}

export function fieldsAt(
  target_url: string,
  overrides: Partial<SubscriptionFields> = {},
): SubscriptionFields {
  return { target_url, subscribed_events: ['message.received'], phone_numbers: null, ...overrides };
}

export function createOperation(overrides: Partial<SubscriptionFields> = {}): CreateOperation {
  return {
    kind: 'create',
    key: 'create orders',
    after: [],
    secret: 'new',
    name: 'orders',
    reason: 'new',
    fields: fieldsAt(URL, overrides),
    prevent_destroy: false,
  };
}

/** Makes a subscription as this program would have, at `url`, with its record; gives its id. */
export function placeOwned(bench: Bench, name = 'orders', url = URL, recordedUrl = url): string {
  const { id, secret } = placeLive(bench, url, 'p0');
  placeRecord(bench.sink, {
    ...emptyRecord(name, 'default'),
    current: {
      subscription_id: id,
      target_url: recordedUrl,
      signing_secret: new Secret(secret),
      created_at: new Date(bench.clock.now()).toISOString(),
    },
    applied: fieldsAt(recordedUrl),
  });
  return id;
}

/** Makes a subscription that no record names. */
export function placeLive(bench: Bench, url: string, author = OUTSIDER): { id: string; secret: string } {
  const { subscription, signing_secret } = createIn(bench.api, fieldsAt(url), author);
  return { id: subscription.id, secret: signing_secret.reveal() };
}

export function intentOf(marked_url: string, bench: Bench, holder: Holder = OTHER): Intent {
  return { marked_url, deadline: new Date(bench.clock.now() + LANDING_TIME).toISOString(), holder };
}

/** Writes `record` as another process would: the version that this process expects is no longer the one. */
export function overtake(bench: Bench, name: string, changes: Partial<EntryRecord>): void {
  const before = bench.sink.slots.get(name)?.record ?? emptyRecord(name, 'default');
  placeRecord(bench.sink, { ...before, ...changes });
}

export function placeInstallation(bench: Bench, line_ids: readonly string[] = ['line-1']): void {
  bench.sink.installation = {
    version: bench.sink.nextVersion(INSTALLATION_NAME),
    record: { schema: RECORD_SCHEMA, name: INSTALLATION_NAME, id: 'inst', line_ids, pauses: [] },
  };
}

/** A file that declares one entry, active at `url`. */
export function fileOf(url = URL, name = 'orders', overrides: Partial<DesiredEntry> = {}): Desired {
  return makeDesired([
    { name, fields: fieldsAt(url), previously: [], prevent_destroy: false, rotate_after: null, ...overrides },
  ]);
}
