import { ObservationError, type AppError, RequestError } from '../domain/errors.ts';
import type { Observation, ObservedRecord } from '../domain/observation.ts';
import {
  holderKey,
  isSameHolder,
  ownedIds,
  type EntryRecord,
  type Holder,
  type InstallationRecord,
} from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import type { LinqReader, Listing } from '../linq/linq-api.ts';
import { readAll } from '../secrets/read-all.ts';
import type { SecretReader, SinkEntry, Version } from '../secrets/sink.ts';
import type { Clock } from './context.ts';
import { inParallel } from './in-parallel.ts';
import type { VersionedRecord } from './records.ts';

/** What observing needs: readers only, so that it cannot write. */
export interface ObserveContext {
  readonly reader: LinqReader;
  readonly secrets: SecretReader;
  readonly clock: Clock;
  readonly owner: string;
  readonly holder: Holder;
  /** Whether a holder certainly works no more. */
  readonly isGone: (holder: Holder) => Promise<boolean>;
  readonly concurrency: number;
}

/** An observation, and beside it what only applying needs: the versions that writes must expect. */
export interface Seen {
  readonly observation: Observation;
  readonly records: ReadonlyMap<string, VersionedRecord>;
  readonly installationVersion: Version;
  /** How far the API server's clock is ahead of the local one, in milliseconds; 0 where it does not tell. */
  readonly clockOffset: number;
}

/**
 * The whole list first, then the records, then GET by id for what a record names and the list lacks.
 * Fails when any of these does, or when the list is wrong; the catalogue of events and the lines of the
 * account only feed warnings, and so does their failure.
 */
export async function observe(names: readonly string[], context: ObserveContext): Promise<Seen> {
  const seen = await observeTwice(names, context);
  // Only now: an account that cannot be seen is asked as little as possible.
  const [events, lines] = await Promise.all([
    orWarning(() => context.reader.listEvents(), 'event names are not checked'),
    orWarning(() => context.reader.listPhoneLines(), 'the account is not checked by its lines'),
  ]);
  const { listing, sink, subscriptions } = seen;
  const observation = {
    subscriptions,
    records: sink.observed,
    installation: sink.installation,
    events: events.value,
    lines: lines.value,
    serverTime: listing.serverTime ?? context.clock.now(),
    warnings: [events.warning, lines.warning].flatMap((warning) => warning ?? []),
  };
  const { versions: records, installationVersion } = sink;
  return { observation, records, installationVersion, clockOffset: seen.clockOffset };
}

interface Look {
  readonly listing: Listing;
  readonly sink: SinkView;
  /** The list, and what GET by id found beside it. */
  readonly subscriptions: readonly LiveSubscription[];
  /** What GET by id found although the list lacks it. */
  readonly extra: readonly LiveSubscription[];
  readonly clockOffset: number;
}

/**
 * An id that GET finds and the list lacks was made in between, or the list is wrong. After a second look
 * it must be in the list, or have been made after that list, by the server's own clock.
 */
async function observeTwice(names: readonly string[], context: ObserveContext): Promise<Look> {
  const first = await look(names, context, () => true);
  if (first.extra.length === 0) return first;
  const before = new Set(first.extra.map(({ id }) => id));
  const isWrong = ({ id, created_at }: LiveSubscription, listing: Listing): boolean =>
    before.has(id) || !isMadeAfter(created_at, listing);
  const second = await look(names, context, isWrong);
  const wrong = second.extra.find((found) => isWrong(found, second.listing));
  if (wrong === undefined) return second;
  throw new ObservationError(
    `cannot trust the list of subscriptions: it lacks ${wrong.id}, which GET by id finds`,
    {
      hint: 'nothing was planned or changed; run again, and report it to Linq if it stays',
    },
  );
}

/** `Date` headers have whole seconds. */
function isMadeAfter(created_at: number | undefined, { serverTime }: Listing): boolean {
  return created_at !== undefined && serverTime !== undefined && created_at >= serverTime - 1_000;
}

/** Whether what GET by id found, and the list lacks, makes it needless to ask for more. */
type IsEnough = (found: LiveSubscription, listing: Listing) => boolean;

async function look(names: readonly string[], context: ObserveContext, isEnough: IsEnough): Promise<Look> {
  // Counted from before the request: where it took long, times in records are rather too late than too early.
  const askedAt = context.clock.now();
  const listing = await context.reader.listSubscriptions();
  const { serverTime } = listing;
  const clockOffset = serverTime === undefined ? 0 : serverTime - askedAt;
  const sink = await readSink(names, context);
  const listed = new Set(listing.subscriptions.map(({ id }) => id));
  const missing = [...new Set(sink.ids)].filter((id) => !listed.has(id)).sort();
  const extra = await findMissing(missing, context, (found) => isEnough(found, listing));
  return { listing, sink, subscriptions: [...listing.subscriptions, ...extra], extra, clockOffset };
}

/** What GET by id finds of the missing. One is asked for first, because where the list is wrong it may say enough. */
async function findMissing(
  missing: readonly string[],
  { reader, concurrency }: ObserveContext,
  isEnough: (found: LiveSubscription) => boolean,
): Promise<readonly LiveSubscription[]> {
  const [one, ...others] = missing;
  const first = one === undefined ? undefined : await reader.getSubscription(one);
  if (first !== undefined && isEnough(first)) return [first];
  const rest = await inParallel(others, concurrency, (id) => reader.getSubscription(id));
  return [first, ...rest].flatMap((subscription) => subscription ?? []);
}

interface SinkView {
  readonly observed: ReadonlyMap<string, ObservedRecord>;
  readonly versions: ReadonlyMap<string, VersionedRecord>;
  readonly installation: InstallationRecord | null;
  readonly installationVersion: Version;
  /** Ids that our records name. */
  readonly ids: readonly string[];
}

async function readSink(names: readonly string[], context: ObserveContext): Promise<SinkView> {
  const observed = new Map<string, ObservedRecord>();
  const versions = new Map<string, VersionedRecord>();
  const ids: string[] = [];
  const entries = await readAll(context.secrets, names);
  const isOver = await lookUpHolders(entries.values(), context);
  for (const [name, entry] of entries) {
    const record = classify(entry, context.owner, isOver);
    observed.set(name, record);
    versions.set(name, { version: entry.version, record: record.kind === 'intact' ? record.record : null });
    if (record.kind === 'intact') ids.push(...ownedIds(record.record));
  }
  const installation = await context.secrets.readInstallation();
  if (installation.kind === 'damaged' || installation.kind === 'newer') {
    throw new ObservationError(
      `cannot read ${context.secrets.locate('_installation')}: it is ${installation.kind}`,
      {
        hint: 'restore it from a backup: without it, unfinished subscriptions cannot be told from foreign ones',
      },
    );
  }
  return {
    observed,
    versions,
    installation: installation.kind === 'intact' ? installation.record : null,
    installationVersion: installation.version,
    ids,
  };
}

/** Whether the holder of a record of ours is this process, or certainly works no more. */
type IsOver = (holder: Holder) => boolean;

function classify(entry: SinkEntry<EntryRecord>, owner: string, isOver: IsOver): ObservedRecord {
  if (entry.kind !== 'intact') return entry;
  const { record } = entry;
  if (record.owner !== owner) {
    return {
      kind: 'other-owner',
      owner: record.owner,
      ids: ownedIds(record),
      marked_url: record.intent?.marked_url ?? null,
    };
  }
  return {
    kind: 'intact',
    record,
    isIntentAbandoned: record.intent !== null && isOver(record.intent.holder),
    isApplierGone: record.applied_from !== null && isOver(record.applied_from.holder),
  };
}

/** Thousands of records name the same few holders: each is looked up once per pass. */
async function lookUpHolders(
  entries: Iterable<SinkEntry<EntryRecord>>,
  { owner, holder, isGone }: ObserveContext,
): Promise<IsOver> {
  const known = new Map<string, boolean>();
  for (const entry of entries) {
    if (entry.kind !== 'intact' || entry.record.owner !== owner) continue;
    for (const part of [entry.record.intent, entry.record.applied_from]) {
      if (part === null) continue;
      const key = holderKey(part.holder);
      if (known.has(key)) continue;
      known.set(key, isSameHolder(part.holder, holder) || (await isGone(part.holder)));
    }
  }
  return (other) => known.get(holderKey(other)) === true;
}

async function orWarning<T>(
  read: () => Promise<T>,
  consequence: string,
): Promise<{ value: T | null; warning: string | null }> {
  try {
    return { value: await read(), warning: null };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { value: null, warning: `${(error satisfies AppError).message}; ${consequence}` };
  }
}
