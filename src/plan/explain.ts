import { nearest } from '../domain/nearest.ts';
import type { ChangeReason, FieldValue } from '../domain/operation.ts';
import type { Guard, Held } from '../domain/plan.ts';
import { FIELD_NAMES, type FieldName, type LiveSubscription } from '../domain/subscription.ts';
import { hasMarkOf, markOf, normaliseUrl } from '../domain/target-url.ts';
import { compareFields } from './diff.ts';
import { claimantsOf, type Inventory } from './inventory.ts';
import { recordFacts, type RecordFacts } from './record-facts.ts';
import {
  heldOf,
  inventoryOf,
  knownNames,
  operationsOf,
  statusEntry,
  type StatusEntry,
  type View,
} from './status.ts';
import { operationWords } from './status-words.ts';
import { shellWord, waysThrough, type WayOut } from './way-out.ts';
import { waitingFor } from './words.ts';

/** One field in three places. A value is absent where the field is not managed, was never applied, or nothing is live. */
export interface FieldView {
  readonly field: FieldName | 'prevent_destroy';
  readonly declared?: FieldValue;
  readonly recorded?: FieldValue;
  readonly live?: FieldValue;
  /** Why the live one is not as declared; `null` where it is, or where that cannot be known. */
  readonly difference: ChangeReason | null;
}

export interface HeldView {
  readonly guard: Guard;
  readonly reason: string;
  /** What would be done, in words; `null` where that cannot be known. */
  readonly operation: string | null;
  readonly ways_out: readonly WayOut[];
}

/** What the next pass does, in the words of the plan. */
interface NextStep {
  readonly key: string;
  readonly words: string;
}

/** An entry of the file, or a name that only has a record. */
export interface EntryExplanation {
  readonly kind: 'entry';
  /** False: nothing is declared, and nobody knows what the next pass does. */
  readonly is_file_usable: boolean;
  readonly status: StatusEntry;
  readonly fields: readonly FieldView[];
  readonly record: RecordFacts | null;
  /** Why there is a record that cannot be used; `null` where there is none, or it can. */
  readonly record_problem: string | null;
  readonly held: readonly HeldView[];
  /** Empty where there is nothing to do, or where the file cannot be used. */
  readonly next: readonly NextStep[];
  /** What it waits for; `null` where it waits for nothing. */
  readonly waiting: { readonly reason: string; readonly until: string | null } | null;
  readonly warnings: readonly string[];
}

/** A live subscription that is in no record of ours. `unfinished`: it carries our mark. */
export interface ForeignExplanation {
  readonly kind: 'foreign' | 'unfinished';
  readonly subscription_id: string;
  readonly fields: readonly FieldView[];
  /** ISO 8601; `null` where the API does not say. */
  readonly created_at: string | null;
  /** Why it is left alone, or what it is. */
  readonly reason: string;
  readonly held: readonly HeldView[];
  readonly next: readonly NextStep[];
  /** How to take it over; empty where that is not to be done. */
  readonly adoption: readonly WayOut[];
}

export type Explanation = EntryExplanation | ForeignExplanation;

/** What is meant by the argument of `explain`: a name, or the id of a subscription, with or without `id:` before. */
export type Subject =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'live'; readonly live: LiveSubscription }
  | { readonly kind: 'none'; readonly nearest: string | undefined };

/** Finds the subject; an id in a record of ours is that of its entry. A name wins over an id. */
export function findSubject(text: string, view: View): Subject {
  const inventory = inventoryOf(view);
  const names = [...new Set([...knownNames(view), ...inventory.records.keys()])].filter(
    (name) => inventory.entries.has(name) || inventory.records.get(name)?.kind !== 'absent',
  );
  if (names.includes(text)) return { kind: 'name', name: text };
  const id = text.startsWith('id:') ? text.slice('id:'.length) : text;
  const claimants = claimantsOf(id, inventory);
  const [owner] = [...claimants.filter((name) => inventory.entries.has(name)), ...claimants];
  if (owner !== undefined) return { kind: 'name', name: owner };
  const live = inventory.live.get(id);
  if (live !== undefined) return { kind: 'live', live };
  return { kind: 'none', nearest: nearest(text, names) ?? nearest(id, inventory.live.keys()) };
}

/** Everything that is known of one entry. Pure, and without any secret. */
export function explainEntry(name: string, view: View): EntryExplanation {
  const { desired, input, plan } = view;
  const inventory = inventoryOf(view);
  const observed = inventory.records.get(name) ?? { kind: 'absent' };
  const waiting = desired === null ? undefined : plan.waiting.find((one) => one.name === name);
  const about = [`${name}: `, `${name} is `];
  return {
    kind: 'entry',
    is_file_usable: desired !== null,
    status: statusEntry(name, view, inventory),
    fields: entryFields(name, inventory),
    record:
      observed.kind === 'intact'
        ? recordFacts(observed, input.observation.serverTime, input.replace.keep_previous)
        : null,
    record_problem: problemOf(observed),
    held: heldViews(
      heldOf(view).filter((held) => held.name === name),
      view,
    ),
    next: operationsOf(name, view).map((operation) => ({
      key: operation.key,
      words: operationWords(operation),
    })),
    waiting: waiting === undefined ? null : { reason: waitingFor(waiting), until: waiting.until },
    warnings:
      desired === null
        ? []
        : plan.warnings.filter((warning) => about.some((start) => warning.startsWith(start))),
  };
}

/** Why a live subscription is not ours, and how it could be. */
export function explainLive(live: LiveSubscription, view: View): ForeignExplanation {
  const { desired, input, plan } = view;
  const inventory = inventoryOf(view);
  const isOurMark =
    input.observation.installation !== null &&
    hasMarkOf(live.target_url, input.observation.installation.id) &&
    !inventory.isOthers(live);
  const isAbout = (operation: Held['operation']): boolean =>
    operation !== null && 'subscription_id' in operation && operation.subscription_id === live.id;
  const next = desired === null ? [] : plan.operations.filter(isAbout);
  // What holds the entry that has its URL is that entry's matter.
  const held = heldOf(view).filter(
    ({ operation }) => isAbout(operation) && (operation?.kind === 'delete' || operation?.kind === 'collect'),
  );
  return {
    kind: isOurMark ? 'unfinished' : 'foreign',
    subscription_id: live.id,
    fields: FIELD_NAMES.map((field) => ({ field, live: live[field], difference: null })),
    created_at: live.created_at === undefined ? null : new Date(live.created_at).toISOString(),
    reason: isOurMark ? unfinishedReason(live, inventory) : foreignReason(live, inventory),
    held: heldViews(held, view),
    next: next.map((operation) => ({ key: operation.key, words: operationWords(operation) })),
    adoption: isOurMark || inventory.isExempt(live) ? [] : adoptionOf(live, view, inventory),
  };
}

function entryFields(name: string, inventory: Inventory): readonly FieldView[] {
  const entry = inventory.entries.get(name);
  const record = inventory.ours.get(name)?.record;
  const id = record?.current?.subscription_id ?? record?.next?.subscription_id;
  const live = id === undefined ? undefined : inventory.live.get(id);
  const changes = entry && live ? compareFields(entry.fields, live, record?.applied ?? null) : [];
  const views = FIELD_NAMES.map((field): FieldView => {
    const declared = entry?.fields[field];
    const recorded = inOrder(record?.applied?.[field]);
    return {
      field,
      ...(declared !== undefined && { declared }),
      ...(recorded !== undefined && { recorded }),
      ...(live !== undefined && { live: live[field] }),
      difference: changes.find((change) => change.field === field)?.reason ?? null,
    };
  });
  const isMoved =
    entry !== undefined && record !== undefined && entry.prevent_destroy !== record.prevent_destroy;
  return [
    ...views,
    {
      field: 'prevent_destroy',
      ...(entry !== undefined && { declared: entry.prevent_destroy }),
      ...(record !== undefined && { recorded: record.prevent_destroy }),
      difference: isMoved ? 'changed-in-file' : null,
    },
  ];
}

/** Lists are sets, and shown as what is compared. */
function inOrder(value: FieldValue | undefined): FieldValue | undefined {
  return Array.isArray(value) ? [...new Set<string>(value as readonly string[])].sort() : value;
}

function problemOf(observed: NonNullable<ReturnType<Inventory['records']['get']>>): string | null {
  switch (observed.kind) {
    case 'absent':
    case 'intact':
      return null;
    case 'damaged':
      return `it is damaged: ${observed.reason}`;
    case 'foreign':
      return `what stands in its place ${observed.reason}`;
    case 'newer':
      return `it has schema ${observed.schema}, of a newer version`;
    case 'other-owner':
      return `it belongs to the owner "${observed.owner}"`;
  }
}

function heldViews(held: readonly Held[], view: View): readonly HeldView[] {
  return held.map((one) => ({
    guard: one.guard,
    reason: one.reason,
    operation: one.operation && operationWords(one.operation),
    ways_out: waysThrough(one, view),
  }));
}

function unfinishedReason({ target_url }: LiveSubscription, { ours }: Inventory): string {
  const mark = markOf(target_url);
  const maker = [...ours].find(([, { record }]) => {
    const marked = record.intent?.marked_url;
    return marked !== undefined && markOf(marked) === mark;
  })?.[0];
  return maker === undefined
    ? 'it carries the mark of this installation, and no record has it: an interrupted or late request left it'
    : `it carries the mark under which ${maker} is being created`;
}

function foreignReason(live: LiveSubscription, inventory: Inventory): string {
  const owner = [...inventory.records.values()].find(
    (observed) => observed.kind === 'other-owner' && observed.ids.includes(live.id),
  );
  if (owner?.kind === 'other-owner') return `a record of the owner "${owner.owner}" names it`;
  const retiring = [...inventory.ours].find(([, { record }]) => record.retire?.subscription_id === live.id);
  if (retiring) return `${retiring[0]} is replacing it, with consent; it goes when its replacement delivers`;
  if (markOf(live.target_url) !== undefined) return 'its URL carries the mark of another installation';
  if (inventory.isExempt(live)) return 'its URL fits policy.ignore, or is that of Linq itself';
  const url = normaliseUrl(live.target_url);
  const entry = [...inventory.entries.values()].find(({ fields }) => normaliseUrl(fields.target_url) === url);
  const wanted = entry === undefined ? '' : `; the entry ${entry.name} has its URL`;
  return `no record here names it: somebody else made it, and its secret is not known here${wanted}`;
}

/** By the entry that has its URL; where there is none, one has to be written first. */
function adoptionOf(live: LiveSubscription, view: View, inventory: Inventory): readonly WayOut[] {
  const url = normaliseUrl(live.target_url);
  const entry = [...inventory.entries.values()].find(({ fields }) => normaliseUrl(fields.target_url) === url);
  const command = (rest: string): string => `linq-gitops ${rest}${view.flags}`;
  if (entry === undefined) {
    const note =
      'write an entry with its URL into the file (the first command prints one), then adopt it with its signing secret in FILE';
    return [
      { command: command('import'), note },
      { command: command('adopt NAME --secret-file FILE'), note: '' },
    ];
  }
  const held = heldOf(view).find(
    ({ name, guard }) => name === entry.name && (guard === 'unowned' || guard === 'ambiguous'),
  );
  if (held !== undefined) return waysThrough(held, view).filter((way) => isFor(way, live));
  const way = `adopt ${entry.name} --id ${shellWord(live.id)} --secret-file FILE`;
  return inventory.ours.get(entry.name)?.record.current
    ? []
    : [{ command: command(way), note: 'with its signing secret in FILE' }];
}

/** Of several at one URL, each is adopted by its own id. */
function isFor({ command }: WayOut, { id }: LiveSubscription): boolean {
  return command === null || !command.includes(' --id ') || command.includes(` --id ${shellWord(id)} `);
}
