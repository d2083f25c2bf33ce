import type { DesiredEntry } from '../domain/desired.ts';
import { nearest } from '../domain/nearest.ts';
import type { Plan } from '../domain/plan.ts';
import type { EntryRecord } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import type { Hit } from './candidate.ts';
import { compareFields } from './diff.ts';
import { widenHits } from './hits.ts';
import { claimantsOf, replacedFor, type Inventory } from './inventory.ts';
import { takenHits, type Entry } from './match-fields.ts';

/** Why something is not taken over, and what to do instead. */
export interface Refusal {
  readonly reason: string;
  readonly hint?: string;
}

/** Names of entries and the id of the subscription that each takes over; `null`: the one at its URL. */
export type Adoptions = ReadonlyMap<string, string | null>;

/** Whether there is consent, by command, to replace this subscription for the entry. */
export function isConsentedTo(id: string, name: string, adopt: Adoptions): boolean {
  const asked = adopt.get(name);
  return asked === null || asked === id;
}

/** The subscription that a command takes over for the entry by replacing it; never one that is exempt or managed. */
export function adoptable({ desired, inventory, input }: Entry): LiveSubscription | undefined {
  const id = input.adopt.get(desired.name);
  if (id === undefined) return undefined;
  const chosen = chooseToAdopt(desired, id, inventory);
  return 'live' in chosen ? chosen.live : undefined;
}

/** What still covers the adoption by replacement of `live`, once there is consent to it. */
export function adoptionHits({ desired, inventory }: Entry, live: LiveSubscription): readonly Hit[] {
  const { name, fields } = desired;
  return [
    ...takenHits(fields.target_url, inventory, live.id),
    ...widenHits(name, compareFields(fields, live, null)),
  ];
}

/** The subscription that an entry can take over: the one with the id, else the only one at its URL. */
export function chooseToAdopt(
  { name, fields }: DesiredEntry,
  id: string | null,
  inventory: Inventory,
): { readonly live: LiveSubscription } | Refusal {
  const found = id === null ? onlyOneAt(name, fields.target_url, inventory) : withId(id, inventory);
  if (!('live' in found)) return found;
  const { live } = found;
  if (inventory.isExempt(live)) return { reason: `${live.id} belongs to somebody else, or is ignored` };
  const other = replacedFor(live.id, name, inventory);
  return other === undefined ? found : { reason: `${live.id} is being replaced already, for ${other}` };
}

function onlyOneAt(
  name: string,
  url: string,
  inventory: Inventory,
): { readonly live: LiveSubscription } | Refusal {
  const [live, ...others] = inventory.unownedAt(url);
  if (live === undefined)
    return {
      reason: 'nothing that is not managed is live at its URL',
      hint: 'what is not live is created by: linq-gitops sync',
    };
  if (others.length === 0) return { live };
  const ids = [live, ...others].map(({ id }) => id);
  return {
    reason: `several subscriptions have its URL: ${ids.join(', ')}`,
    hint: `say which one: linq-gitops adopt ${name} --id ID --secret-file FILE`,
  };
}

function withId(id: string, inventory: Inventory): { readonly live: LiveSubscription } | Refusal {
  const live = inventory.live.get(id);
  if (!live) return { reason: `no subscription ${id} is live` };
  const claimants = claimantsOf(id, inventory);
  return claimants.length === 0
    ? { live }
    : { reason: `${id} is managed already, as ${claimants.join(', ')}` };
}

/** Why the entry of this name cannot take over a subscription by replacing it; undefined where it can. */
export function refuseAdoption(
  name: string,
  id: string | null,
  inventory: Inventory,
  plan: Plan,
): Refusal | undefined {
  const entry = inventory.entries.get(name);
  if (!entry) return notAnEntry(name, inventory);
  const record = inventory.ours.get(name)?.record;
  if (record !== undefined) {
    const refusal = ownRefusal(record, id, inventory);
    if (refusal !== undefined || isUnderWay(record)) return refusal;
  }
  const from = plan.operations.flatMap((operation) =>
    operation.kind === 'rename' && operation.name === name ? operation.from : [],
  )[0];
  if (from !== undefined)
    return { reason: `it takes over the record of ${from}`, hint: 'first: linq-gitops sync' };
  const chosen = chooseToAdopt(entry, id, inventory);
  return 'live' in chosen ? undefined : chosen;
}

/** An entry that is not in the file, with the one that may be meant. */
export function notAnEntry(name: string, { entries }: Pick<Inventory, 'entries'>): Refusal {
  const near = nearest(name, entries.keys());
  return {
    reason: 'it is not an entry of the file',
    ...(near !== undefined && { hint: `did you mean ${near}?` }),
  };
}

function isUnderWay({ next, retire }: EntryRecord): boolean {
  return next !== null || retire !== null;
}

function ownRefusal(
  { name, current, retire }: EntryRecord,
  id: string | null,
  inventory: Inventory,
): Refusal | undefined {
  if (current !== null && inventory.live.has(current.subscription_id)) {
    const reason = `it has a subscription of its own, ${current.subscription_id}`;
    return { reason, hint: `a new secret for it: linq-gitops rotate ${name}` };
  }
  if (retire === null || id === null || retire.subscription_id === id) return undefined;
  return {
    reason: `it is replacing ${retire.subscription_id} already`,
    hint: `give that up first: linq-gitops rotate ${name} --abort`,
  };
}
