import type { Desired } from '../domain/desired.ts';
import type { ObservedRecord } from '../domain/observation.ts';
import type { Operation, OperationKind } from '../domain/operation.ts';
import type { Guard, Plan } from '../domain/plan.ts';
import { ownedIds, type EntryRecord, type LastChange, type Pause } from '../domain/record.ts';
import type { PlanInput } from './candidate.ts';
import { takeInventory, type Inventory } from './inventory.ts';
import { pauseOf } from './pauses.ts';
import { secretFacts, type SecretFacts } from './record-facts.ts';
import { operationReason, operationWords } from './status-words.ts';
import { waysOut, type WayOut } from './way-out.ts';
import { waitingFor } from './words.ts';

/** What was seen at one moment, and what a pass would make of it. Nothing here can write. */
export interface View {
  /** `null` where the file cannot be used; then `input` and `plan` are those of an empty file, and nothing is pruned. */
  readonly desired: Desired | null;
  readonly input: PlanInput;
  readonly plan: Plan;
  readonly owner: string;
  /** What a command needs to use the same files, with a space before: ` --config FILE`. */
  readonly flags: string;
}

/**
 * How an entry stands; the daemon's `/status` has the same words for the same things. `pending`: the next pass
 * changes it · `drifted`: somebody changed it outside (under the guard `drift` it is left so) · `missing`: nothing
 * of ours is live · `replacing`: its secret is being replaced · `retired`: deactivated until it is deleted · `held`:
 * by a guard · `unknown`: it cannot be compared, since the file cannot be used.
 */
const STATUS_STATES = [
  'in_sync',
  'pending',
  'drifted',
  'missing',
  'replacing',
  'retired',
  'held',
  'unknown',
] as const;
export type StatusState = (typeof STATUS_STATES)[number];

export interface StatusEntry {
  readonly name: string;
  readonly state: StatusState;
  /** The guard that holds it. */
  readonly guard: Guard | null;
  /** Why it is not in sync, in words. */
  readonly reason: string | null;
  /** The most important operation of the next pass, unless it is held. */
  readonly operation: OperationKind | null;
  /** What it waits for ends then; ISO 8601. */
  readonly until: string | null;
  /** No pass writes to it. */
  readonly pause: Pick<Pause, 'until' | 'reason'> | null;
  readonly is_in_file: boolean;
  readonly is_live: boolean;
  readonly subscription_id: string | null;
  /** As it is live; where it is not, as the file has it, or else as it was applied. */
  readonly target_url: string | null;
  readonly subscribed_events: readonly string[] | null;
  /** `null`: every line. */
  readonly phone_numbers: readonly string[] | null;
  readonly is_active: boolean | null;
  /** `null` where the record names no subscription. */
  readonly secret: SecretFacts | null;
  readonly last_change: LastChange | null;
  /** Of the file that it was last applied from. */
  readonly revision: string | null;
}

/** Something held, with the names of all that are held for the same reason; none where no entry is concerned. */
export interface HeldNote {
  readonly names: readonly string[];
  readonly guard: Guard;
  readonly reason: string;
  readonly ways_out: readonly WayOut[];
}

/** What `status` says; there is no secret in it. Entries are sorted by name. */
export interface Overview {
  /** `null` where the file cannot be used. */
  readonly plan_id: string | null;
  readonly owner: string;
  /** ISO 8601, the API server's time. */
  readonly server_time: string;
  readonly file: {
    readonly content_hash: string;
    readonly revision: string | null;
    readonly entries: number;
  } | null;
  readonly entries: readonly StatusEntry[];
  readonly held: readonly HeldNote[];
  readonly foreign: readonly {
    readonly id: string;
    readonly target_url: string;
    readonly is_active: boolean;
    readonly is_exempt: boolean;
  }[];
  readonly warnings: readonly string[];
  readonly summary: {
    readonly live: number;
    readonly owned: number;
    readonly foreign: number;
    /** How many of the entries above are in each state. */
    readonly states: Readonly<Record<StatusState, number>>;
  };
}

/** What can be known of the account without the file; the rest would be made up. */
const GUARDS_WITHOUT_FILE: readonly Guard[] = ['account', 'in-flight', 'record'];

/**
 * What is managed, how it stands, and what is not ours. Pure; equal views give an equal overview. With `names`,
 * only of these; each has to be one of `knownNames`.
 */
export function overviewOf(view: View, names: ReadonlySet<string> | null = null): Overview {
  const { desired, input, plan, owner } = view;
  const inventory = inventoryOf(view);
  const listed = knownNames(view).filter((name) => names === null || names.has(name));
  const entries = listed.map((name) => statusEntry(name, view, inventory));
  const count = (state: StatusState): number => entries.filter((entry) => entry.state === state).length;
  const states = STATUS_STATES.map((state) => [state, count(state)] as const);
  return {
    plan_id: desired && plan.id,
    owner,
    server_time: new Date(input.observation.serverTime).toISOString(),
    file: desired && {
      content_hash: desired.content_hash,
      revision: desired.revision,
      entries: desired.entries.length,
    },
    entries,
    held: heldNotes(view, names),
    foreign:
      names === null ? plan.foreign.map(({ isExempt, ...one }) => ({ ...one, is_exempt: isExempt })) : [],
    warnings: desired === null ? input.observation.warnings : plan.warnings,
    summary: {
      live: plan.summary.live,
      owned: plan.summary.owned,
      foreign: plan.summary.foreign,
      states: Object.fromEntries(states) as Record<StatusState, number>,
    },
  };
}

/** Names of the file, and of records that are ours or cannot be read, sorted. */
export function knownNames({ desired, input }: Pick<View, 'desired' | 'input'>): readonly string[] {
  const recorded = [...input.observation.records].flatMap(([name, { kind }]) =>
    kind === 'absent' || kind === 'other-owner' ? [] : [name],
  );
  return [...new Set([...(desired?.entries ?? []).map(({ name }) => name), ...recorded])].sort();
}

export function inventoryOf({ input }: Pick<View, 'input'>): Inventory {
  return takeInventory(input.desired, input.observation, input.policy.ignore);
}

/** What is held, as far as it can be known. */
export function heldOf({ desired, plan }: Pick<View, 'desired' | 'plan'>): Plan['held'] {
  return desired === null ? plan.held.filter(({ guard }) => GUARDS_WITHOUT_FILE.includes(guard)) : plan.held;
}

/** What the next pass does for the name; nothing where the file cannot be used, since then there is none. */
export function operationsOf(name: string, { desired, plan }: View): readonly Operation[] {
  if (desired === null) return [];
  return plan.operations.filter(
    (operation) =>
      operation.kind !== 'collect' &&
      (operation.name === name || (operation.kind === 'rename' && operation.from === name)),
  );
}

/** How one name stands. */
export function statusEntry(name: string, view: View, inventory: Inventory): StatusEntry {
  const { observation } = view.input;
  const observed = inventory.records.get(name) ?? { kind: 'absent' };
  const record = observed.kind === 'intact' ? observed.record : null;
  const declared = inventory.entries.get(name);
  const id = record?.current?.subscription_id ?? record?.next?.subscription_id ?? null;
  const live = id === null ? undefined : inventory.live.get(id);
  const stored = record?.current ?? record?.next ?? null;
  const fields = live ?? declared?.fields ?? record?.applied ?? undefined;
  return {
    name,
    ...verdictOf(name, view, observed, inventory),
    pause: pauseOfEntry(name, view),
    is_in_file: declared !== undefined,
    is_live: live !== undefined,
    subscription_id: id,
    target_url: fields?.target_url ?? stored?.target_url ?? null,
    subscribed_events: fields?.subscribed_events ?? null,
    phone_numbers: fields?.phone_numbers ?? null,
    is_active: live?.is_active ?? null,
    secret: stored && secretFacts(stored, observation.serverTime),
    last_change: record?.last_change ?? null,
    revision: record?.applied_from?.revision ?? null,
  };
}

type Verdict = Pick<StatusEntry, 'state' | 'guard' | 'reason' | 'operation' | 'until'>;

/** A hold says more than what is done beside it, and a hold of an operation more than drift that is left so. */
function verdictOf(name: string, view: View, observed: ObservedRecord, inventory: Inventory): Verdict {
  const own = heldOf(view).filter((held) => held.name === name);
  const held = own.find(({ guard }) => guard !== 'drift') ?? own[0];
  if (held !== undefined) {
    const state = held.guard === 'drift' ? 'drifted' : 'held';
    return verdict(state, { guard: held.guard, reason: held.reason });
  }
  const record = observed.kind === 'intact' ? observed.record : null;
  if (view.desired === null) return verdictWithoutFile(record, inventory);
  const waiting = view.plan.waiting.find((one) => one.name === name);
  if (waiting !== undefined) {
    const { until } = waiting;
    const state = waiting.kind === 'delete' ? 'retired' : 'replacing';
    return verdict(state, { reason: waitingFor(waiting), until });
  }
  const operations = operationsOf(name, view);
  if (operations.length > 0) return verdictOfOperations(operations);
  if (observed.kind === 'other-owner')
    return verdict('unknown', { reason: `its record belongs to the owner "${observed.owner}"` });
  if (inventory.entries.has(name)) return verdict('in_sync');
  if (record !== null && record.retired !== null)
    return verdict('retired', { reason: `deactivated since ${record.retired.at}` });
  return verdict('in_sync', { reason: 'no longer in the file, and left as it is' });
}

/** The kinds by which an entry is said to stand, the one that says most first. */
const WEIGHT: readonly OperationKind[] = [
  'create',
  'replace',
  'delete',
  'retire',
  'update',
  'rename',
  'make-way',
  'recover',
  'forget',
];

function verdictOfOperations(operations: readonly Operation[]): Verdict {
  const byWeight = [...operations].sort((a, b) => WEIGHT.indexOf(a.kind) - WEIGHT.indexOf(b.kind));
  const [main] = byWeight as [Operation, ...Operation[]];
  const drifted = operations.flatMap((one) =>
    one.kind === 'update' && one.reason === 'drifted' ? one.changes : [],
  );
  if (drifted.length > 0 && operations.every((one) => one.kind === 'update' && one.reason === 'drifted')) {
    const what = drifted.map(({ field }) => field).join(', ');
    return verdict('drifted', { reason: `the next pass puts back: ${what}`, operation: main.kind });
  }
  // The state names the operation where there is but one.
  const reason = operations.length === 1 ? operationReason(main) : operations.map(operationWords).join('; ');
  const state = main.kind === 'create' ? 'missing' : main.kind === 'replace' ? 'replacing' : 'pending';
  return verdict(state, { reason: reason === '' ? null : reason, operation: main.kind });
}

function verdictWithoutFile(record: EntryRecord | null, { live }: Inventory): Verdict {
  if (record === null) return verdict('unknown');
  const ids = ownedIds(record);
  if (ids.length > 0 && !ids.some((id) => live.has(id)))
    return verdict('missing', { reason: 'its subscription is gone from the account' });
  if (record.next !== null) return verdict('replacing', { reason: 'a replacement is under way' });
  if (record.retired !== null)
    return verdict('retired', { reason: `deactivated since ${record.retired.at}` });
  return verdict('unknown', { reason: 'not compared, since the file cannot be used' });
}

function verdict(state: StatusState, rest: Partial<Omit<Verdict, 'state'>> = {}): Verdict {
  return { state, guard: null, reason: null, operation: null, until: null, ...rest };
}

function pauseOfEntry(name: string, { owner, input: { observation } }: View): StatusEntry['pause'] {
  const pause = pauseOf(observation.installation?.pauses ?? [], owner, name, observation.serverTime);
  return pause && { until: pause.until, reason: pause.reason };
}

/** What is held for one reason, and let through by one command, is said once. */
function heldNotes(view: View, names: ReadonlySet<string> | null): readonly HeldNote[] {
  const notes = new Map<string, HeldNote>();
  for (const held of heldOf(view)) {
    const { name, guard, reason } = held;
    if (name !== null && names !== null && !names.has(name)) continue;
    const ways_out = waysOut(held, view);
    const key = JSON.stringify([guard, reason, ways_out]);
    const others = notes.get(key)?.names ?? [];
    const all = name === null || others.includes(name) ? others : [...others, name];
    notes.set(key, { names: all, guard, reason, ways_out });
  }
  return [...notes.values()];
}
