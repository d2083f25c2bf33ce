import type { DesiredEntry } from '../../src/domain/desired.ts';
import type { ObservedRecord } from '../../src/domain/observation.ts';
import type { Guard, Plan } from '../../src/domain/plan.ts';
import type { EntryRecord, Holder, InstallationRecord, StoredSubscription } from '../../src/domain/record.ts';
import { emptyRecord, RECORD_SCHEMA, INSTALLATION_NAME } from '../../src/domain/record.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { Policy } from '../../src/domain/settings.ts';
import type { LiveSubscription, SubscriptionFields } from '../../src/domain/subscription.ts';
import { markUrl } from '../../src/domain/target-url.ts';
import type { PlanInput, Rotation } from '../../src/plan/candidate.ts';
import { planChanges } from '../../src/plan/plan-changes.ts';

/*
 * Worlds for the planner: file, records and account, from as few words as a test is about. By default an
 * entry `x` has the URL `urlOf('x')`, its record names the subscription `id-x`, and all three agree.
 */

export const OWNER = 'default';
export const INSTALLATION = 'ours';
export const NOW = Date.parse('2026-11-22T12:00:00Z');
export const LANDING_TIME = 60_000;
export const INTERVAL = 300_000;

/** The process that plans, unless a test says otherwise. */
export const ME: Holder = { host: 'here', boot: 'b1', pid: 1, started: '1', mode: 'run' };
/** A process elsewhere. */
export const OTHER: Holder = { host: 'there', boot: 'b2', pid: 2, started: '2', mode: 'run' };

export function urlOf(name: string): string {
  return `https://hooks.example.com/${name}?version=2026-02-03`;
}

export function idOf(name: string): string {
  return `id-${name}`;
}

/** The URL of an unfinished subscription. */
export function markedUrl(name: string, installation = INSTALLATION): string {
  return markUrl(urlOf(name), `${installation}.${name}`);
}

/** ISO 8601, `ms` before the moment of the plan. */
export function ago(ms: number): string {
  return new Date(NOW - ms).toISOString();
}

export function fields(name: string, overrides: Partial<SubscriptionFields> = {}): SubscriptionFields {
  return {
    target_url: urlOf(name),
    subscribed_events: ['message.received'],
    phone_numbers: null,
    ...overrides,
  };
}

type EntrySpec = Partial<SubscriptionFields> & {
  readonly previously?: readonly string[];
  readonly prevent_destroy?: boolean;
  readonly rotate_after?: number | null;
};

export function entry(name: string, spec: EntrySpec = {}): DesiredEntry {
  const { previously = [], prevent_destroy = false, rotate_after = null, ...overrides } = spec;
  return { name, fields: fields(name, overrides), previously, prevent_destroy, rotate_after };
}

/** A live subscription at the URL of `name`, with the id that the record of `name` would name. */
export function live(name: string, overrides: Partial<LiveSubscription> = {}): LiveSubscription {
  return {
    id: idOf(name),
    target_url: urlOf(name),
    subscribed_events: ['message.received'],
    phone_numbers: null,
    is_active: true,
    routing_key_header: null,
    routing_id_header: null,
    ...overrides,
  };
}

/** One that is not ours, at the URL of `name`. */
export function foreign(name: string, overrides: Partial<LiveSubscription> = {}): LiveSubscription {
  return live(name, { id: `foreign-${name}`, ...overrides });
}

export function stored(name: string, overrides: Partial<StoredSubscription> = {}): StoredSubscription {
  return {
    subscription_id: idOf(name),
    target_url: urlOf(name),
    signing_secret: new Secret(`secret of ${name}`),
    created_at: ago(86_400_000),
    ...overrides,
  };
}

type Intact = Extract<ObservedRecord, { kind: 'intact' }>;
type RecordSpec = Partial<EntryRecord> & Partial<Omit<Intact, 'kind' | 'record'>>;

/** An intact record of ours, applied as the defaults say. */
export function record(name: string, spec: RecordSpec = {}): Intact {
  const { isIntentAbandoned = false, isApplierGone = false, ...overrides } = spec;
  const own = { current: stored(name), applied: fields(name) };
  return {
    kind: 'intact',
    record: { ...emptyRecord(name, OWNER), ...own, ...overrides },
    isIntentAbandoned,
    isApplierGone,
  };
}

/** An intent to create at the marked URL of `name`; its deadline has passed unless `overrides` says so. */
export function intent(name: string, overrides: Partial<NonNullable<EntryRecord['intent']>> = {}) {
  return { marked_url: markedUrl(name), deadline: ago(1), holder: OTHER, ...overrides };
}

export function installation(line_ids: readonly string[] = []): InstallationRecord {
  return { schema: RECORD_SCHEMA, name: INSTALLATION_NAME, id: INSTALLATION, line_ids, pauses: [] };
}

export interface WorldSpec {
  /** Names that stand in the file, in a record and in the account alike. */
  readonly settled?: readonly string[];
  /** Entries by name; `{}` is the default one. */
  readonly file?: Readonly<Record<string, EntrySpec>>;
  /** Records by name; `{}` is the default one. */
  readonly records?: Readonly<Record<string, RecordSpec | ObservedRecord>>;
  readonly live?: readonly LiveSubscription[];
  readonly policy?: Partial<Policy>;
  /** As on the command line: `widen:orders`, `deletes`. */
  readonly allow?: readonly string[];
  readonly allow_empty?: boolean;
  readonly content_hash?: string;
  readonly holder?: Holder;
  readonly isFileBad?: boolean;
  /** As `fightKey` gives them. */
  readonly fights?: readonly string[];
  readonly rotate?: Readonly<Record<string, Rotation>>;
  /** Ids by name; `null`: the one at its URL. */
  readonly adopt?: Readonly<Record<string, string | null>>;
  readonly replace?: Partial<PlanInput['replace']>;
  readonly observation?: Partial<Omit<PlanInput['observation'], 'subscriptions' | 'records'>>;
}

export function world(spec: WorldSpec = {}): PlanInput {
  const { settled = [], file = {}, records = {}, policy = {}, allow = [] } = spec;
  const same = Object.fromEntries(settled.map((name) => [name, {}]));
  return {
    desired: {
      entries: Object.entries({ ...same, ...file }).map(([name, own]) => entry(name, own)),
      allow_empty: spec.allow_empty ?? false,
      content_hash: spec.content_hash ?? 'hash of this file',
      revision: null,
    },
    observation: {
      subscriptions: [...settled.map((name) => live(name)), ...(spec.live ?? [])],
      records: new Map(
        Object.entries({ ...same, ...records }).map(([name, own]) => [
          name,
          'kind' in own ? own : record(name, own),
        ]),
      ),
      installation: installation(),
      lines: null,
      events: null,
      serverTime: NOW,
      warnings: [],
      ...spec.observation,
    },
    owner: OWNER,
    policy: {
      prune: 'owned',
      unowned: 'hold',
      drift: 'revert',
      max_deletes: { share: 0.25 },
      allow: [],
      retire: 0,
      ignore: [],
      ...policy,
    },
    allowances: allow.map((text) => allowance(text)),
    holder: spec.holder ?? ME,
    landingTime: LANDING_TIME,
    interval: INTERVAL,
    isFileBad: spec.isFileBad ?? false,
    fights: new Set(spec.fights),
    replace: { overlap: 600_000, keep_previous: 3_600_000, at_once: 5, ...spec.replace },
    rotate: new Map(Object.entries(spec.rotate ?? {})),
    adopt: new Map(Object.entries(spec.adopt ?? {})),
  };
}

export function allowance(text: string): { readonly guard: Guard; readonly name: string | null } {
  const [guard, name = null] = text.split(':');
  return { guard: guard as Guard, name };
}

export function plan(spec: WorldSpec = {}): Plan {
  return planChanges(world(spec));
}

/** What a plan does, in short: its operations' keys, and what it holds as `guard: key` or `guard: name`. */
export function outline(plan: Plan): { readonly does: readonly string[]; readonly holds: readonly string[] } {
  return {
    does: plan.operations.map(({ key }) => key),
    holds: plan.held.map(
      ({ guard, name, operation }) => `${guard}: ${operation?.key ?? name ?? 'everything'}`,
    ),
  };
}

/** Names `prefix1` to `prefixN`. */
export function names(count: number, prefix = 'n'): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}

/** The same spec for each name. */
export function each<T>(
  names: readonly string[],
  spec: (name: string, index: number) => T,
): Readonly<Record<string, T>> {
  return Object.fromEntries(names.map((name, index) => [name, spec(name, index)]));
}
