import type { Desired, DesiredEntry } from '../domain/desired.ts';
import { emptyRecord, isVacant, type EntryRecord } from '../domain/record.ts';
import type { Secret } from '../domain/secret.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { chooseToAdopt, notAnEntry, type Refusal } from '../plan/adoption.ts';
import { takeInventory, type Inventory } from '../plan/inventory.ts';
import type { SecretSink } from '../secrets/sink.ts';
import { openInstallation } from './installation.ts';
import { observe } from './observe.ts';
import { openRecords } from './records.ts';
import type { PlanContext } from './reconcile-once.ts';

/** An entry to take over, with the secret that somebody kept. */
export interface AdoptRequest {
  readonly name: string;
  readonly secret: Secret;
  /** Which subscription, where several have the URL, or where the URL is to change. */
  readonly id: string | null;
}

export type AdoptResult =
  | { readonly kind: 'adopted'; readonly name: string; readonly id: string }
  | { readonly kind: 'known'; readonly name: string; readonly id: string }
  | { readonly kind: 'refused'; readonly name: string; readonly reason: string; readonly hint?: string };

/**
 * Takes over live subscriptions whose secrets one has: writes their records, and nothing to the API. All or
 * nothing: when one request is refused, none is carried out.
 */
export async function adoptEntries(
  requests: readonly AdoptRequest[],
  desired: Desired,
  context: PlanContext & { readonly secrets: SecretSink; readonly unique: () => string },
): Promise<readonly AdoptResult[]> {
  const { settings, holder, secrets: sink } = context;
  const names = [...desired.entries, ...requests].map(({ name }) => name);
  const seen = await observe(names, {
    ...context,
    owner: settings.owner,
    concurrency: settings.api.concurrency,
  });
  const inventory = takeInventory(desired, seen.observation, settings.policy.ignore);
  const decisions = requests.map((request) => decide(request, inventory, settings.owner));
  const results = decisions.map(({ result }) => result);
  const records = decisions.flatMap(({ record }) => record ?? []);
  if (records.length === 0 || results.some(({ kind }) => kind === 'refused')) return results;
  await sink.check();
  await openInstallation(seen, sink, context.unique);
  const writable = openRecords(sink, seen.records);
  const { content_hash, revision } = desired;
  const server_time = new Date(seen.observation.serverTime).toISOString();
  for (const record of records) {
    await writable.write({
      ...record,
      applied_from: { content_hash, revision, holder, server_time },
      last_change: { what: 'adopted', at: server_time, revision },
    });
  }
  return results;
}

interface Decision {
  readonly result: AdoptResult;
  readonly record?: EntryRecord;
}

function decide(request: AdoptRequest, inventory: Inventory, owner: string): Decision {
  const { name, secret } = request;
  const refuse = (refusal: Refusal): Decision => ({ result: { kind: 'refused', name, ...refusal } });
  const entry = inventory.entries.get(name);
  if (!entry) return refuse(notAnEntry(name, inventory));
  const observed = inventory.records.get(name) ?? { kind: 'absent' };
  if (observed.kind !== 'absent' && observed.kind !== 'intact')
    return refuse({ reason: `its record is not ours to write (${observed.kind})` });
  const record = observed.kind === 'intact' ? observed.record : emptyRecord(name, owner);
  const { current } = record;
  const own = current && inventory.live.get(current.subscription_id);
  if (current?.signing_secret?.equals(secret) === true && own)
    return { result: { kind: 'known', name, id: own.id } };
  const isSecretLost = current !== null && current.signing_secret === null;
  if (!isVacant(record) && !isSecretLost)
    return refuse({ reason: 'it has a record already', hint: 'see: linq-gitops sync --dry-run' });
  const chosen = own && isSecretLost ? { live: own } : chooseToAdopt(entry, request.id, inventory);
  if (!('live' in chosen)) return refuse(chosen);
  const { live } = chosen;
  return { result: { kind: 'adopted', name, id: live.id }, record: adopted(record, live, entry, secret) };
}

function adopted(
  record: EntryRecord,
  live: LiveSubscription,
  entry: DesiredEntry,
  secret: Secret,
): EntryRecord {
  const { target_url, subscribed_events, phone_numbers } = live;
  return {
    ...record,
    current: {
      subscription_id: live.id,
      target_url,
      signing_secret: secret,
      created_at: new Date(live.created_at ?? 0).toISOString(),
    },
    // What is live is what the next change is measured against: the file's, or somebody's behind our back.
    applied: { target_url, subscribed_events, phone_numbers },
    prevent_destroy: entry.prevent_destroy,
  };
}
