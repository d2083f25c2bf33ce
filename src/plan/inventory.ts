import type { Desired, DesiredEntry } from '../domain/desired.ts';
import type { Observation, ObservedRecord } from '../domain/observation.ts';
import { ownedIds, type EntryRecord } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { isIgnored, markOf, normaliseUrl } from '../domain/target-url.ts';

export type IntactRecord = Extract<ObservedRecord, { kind: 'intact' }>;

/** The observation and the file, indexed for matching: who owns which id, and what is live at which URL. */
export interface Inventory {
  readonly entries: ReadonlyMap<string, DesiredEntry>;
  readonly records: ReadonlyMap<string, ObservedRecord>;
  /** Our records that can be read, by name. */
  readonly ours: ReadonlyMap<string, IntactRecord>;
  /** In the order of the ids, whatever that of the list. */
  readonly live: ReadonlyMap<string, LiveSubscription>;
  /** Names of our records that claim the id, sorted; more than one after an interrupted rename. */
  readonly claims: ReadonlyMap<string, readonly string[]>;
  /** Subscriptions of ours that are live at the URL. */
  readonly ownedAt: (url: string) => readonly LiveSubscription[];
  /** What is live at the URL and not in a record of ours. */
  readonly unownedAt: (url: string) => readonly LiveSubscription[];
  /** Records that left the file, whose subscription was declared at the URL, and that no entry claims by `previously`. */
  readonly leaversAt: (url: string) => readonly IntactRecord[];
  /** What is live with this mark, if anything. */
  readonly markedAs: (url: string) => LiveSubscription | undefined;
  /** It is in a record of another owner. */
  readonly isOthers: (subscription: LiveSubscription) => boolean;
  /** Not even `prune: all` or `unowned: replace` may touch it. */
  readonly isExempt: (subscription: LiveSubscription) => boolean;
}

export function takeInventory(
  desired: Desired,
  observation: Observation,
  ignore: readonly string[],
): Inventory {
  const entries = new Map(desired.entries.map((entry) => [entry.name, inOrder(entry)]));
  const byName = [...observation.records].sort(([a], [b]) => (a < b ? -1 : 1));
  const claimedNames = new Set(desired.entries.flatMap(({ previously }) => previously));
  const ours = new Map<string, IntactRecord>();
  const claims = new Map<string, string[]>();
  const othersIds = new Set<string>();
  const leavers = new Map<string, IntactRecord[]>();
  for (const [name, observed] of byName) {
    if (observed.kind === 'other-owner') for (const id of observed.ids) othersIds.add(id);
    if (observed.kind !== 'intact') continue;
    ours.set(name, observed);
    for (const id of ownedIds(observed.record)) append(claims, id, name);
    if (observed.record.current && !entries.has(name) && !claimedNames.has(name)) {
      append(
        leavers,
        normaliseUrl(declaredUrl(observed.record.current.target_url, observed.record)),
        observed,
      );
    }
  }

  const live = new Map([...observation.subscriptions].sort(byId).map((one) => [one.id, withSets(one)]));
  const owned = new Map<string, LiveSubscription[]>();
  const unowned = new Map<string, LiveSubscription[]>();
  const marked = new Map<string, LiveSubscription>();
  for (const subscription of live.values()) {
    const url = normaliseUrl(subscription.target_url);
    const mark = markOf(url);
    if (mark !== undefined) marked.set(mark, subscription);
    append(claims.has(subscription.id) ? owned : unowned, url, subscription);
  }

  return {
    entries,
    records: observation.records,
    ours,
    live,
    claims,
    ownedAt: (url) => owned.get(normaliseUrl(url)) ?? [],
    unownedAt: (url) => unowned.get(normaliseUrl(url)) ?? [],
    leaversAt: (url) => leavers.get(normaliseUrl(url)) ?? [],
    markedAs: (url) => marked.get(markOf(url) ?? ''),
    isOthers: ({ id }) => othersIds.has(id),
    isExempt: (subscription) =>
      othersIds.has(subscription.id) ||
      markOf(subscription.target_url) !== undefined ||
      isIgnored(subscription.target_url, ignore),
  };
}

/** Names of our records that claim the id, sorted; none for what is not ours. */
export function claimantsOf(id: string, { claims }: Pick<Inventory, 'claims'>): readonly string[] {
  return claims.get(id) ?? [];
}

/** The name of the other record of ours that is replacing this subscription, which is not ours; undefined for none. */
export function replacedFor(id: string, name: string, { ours }: Pick<Inventory, 'ours'>): string | undefined {
  return [...ours.values()].find(
    ({ record }) => record.retire?.subscription_id === id && record.name !== name,
  )?.record.name;
}

/** The URL that the entry had in the file; a subscription's own may still carry the mark of its creation. */
function declaredUrl(recorded: string, record: EntryRecord): string {
  return record.applied?.target_url ?? recorded;
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

/** Lists are sets: sorted, each value once, so that equal inputs give equal plans. */
function withSets<T extends Pick<LiveSubscription, 'subscribed_events' | 'phone_numbers'>>(fields: T): T {
  const subscribed_events = asSet(fields.subscribed_events);
  const phone_numbers = fields.phone_numbers && asSet(fields.phone_numbers);
  // Nearly all are so already, and there may be thousands.
  const isSo = subscribed_events === fields.subscribed_events && phone_numbers === fields.phone_numbers;
  return isSo ? fields : { ...fields, subscribed_events, phone_numbers };
}

function asSet(list: readonly string[]): readonly string[] {
  let last: string | undefined;
  for (const value of list) {
    if (last !== undefined && value <= last) return [...new Set(list)].sort();
    last = value;
  }
  return list;
}

function inOrder(entry: DesiredEntry): DesiredEntry {
  return { ...entry, fields: withSets(entry.fields), previously: [...entry.previously].sort() };
}
