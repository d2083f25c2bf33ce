import type { Operation, OperationKind } from '../domain/operation.ts';
import type { Foreign, Held, Plan, Waiting } from '../domain/plan.ts';
import { ownedIds } from '../domain/record.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import type { DesiredEntry } from '../domain/desired.ts';
import { nearest } from '../domain/nearest.ts';
import { isAllowed, type Draft, type PlanInput } from './candidate.ts';
import { holdBack } from './guards.ts';
import { claimantsOf, takeInventory, type Inventory } from './inventory.ts';
import { matchEntry, type Match } from './match-entry.ts';
import { matchLeftover, matchUnrecordedLive } from './match-leftover.ts';
import { finishRenamesFirst, orderByUrl } from './order.ts';
import { planId } from './plan-id.ts';

/** In the order in which a plan is read. */
const KINDS: readonly OperationKind[] = [
  'recover',
  'collect',
  'rename',
  'create',
  'make-way',
  'update',
  'replace',
  'retire',
  'delete',
  'forget',
];

/**
 * Everything that a pass would do: matching, order, guards. Pure and total; equal inputs give an equal
 * plan, whatever the order of the file, of the list or of the records.
 */
export function planChanges(input: PlanInput): Plan {
  const inventory = takeInventory(input.desired, input.observation, input.policy.ignore);
  const draft = match(inventory, input);
  const candidates = orderByUrl(finishRenamesFirst(draft.candidates), inventory);
  const sifted = holdBack(candidates, inventory, input);
  const { operations, late } = limitReplacements(
    [...sifted.operations].sort(byKindAndName),
    draft.waiting,
    input,
  );
  const held = [...draft.held, ...sifted.held].sort(byNameAndGuard);
  return {
    id: planId(operations, held),
    operations,
    held,
    waiting: [...draft.waiting, ...late].sort((a, b) => compare(a.name, b.name)),
    foreign: draft.foreign,
    warnings: [...input.observation.warnings, ...draft.warnings],
    summary: {
      entries: input.desired.entries.length,
      live: inventory.live.size,
      owned: [...inventory.live.keys()].filter((id) => claimantsOf(id, inventory).length > 0).length,
      foreign: draft.foreign.length,
      inactive: draft.inactive,
    },
  };
}

function match(inventory: Inventory, input: PlanInput): Draft {
  const entries = [...inventory.entries.values()].sort((a, b) => compare(a.name, b.name));
  const matched = entries.map((entry) => [entry, matchEntry(entry, inventory, input)] as const);
  const matches = matched.map(([, match]) => match);
  const spoken = new Set([
    ...inventory.entries.keys(),
    ...matches.flatMap(({ renamedFrom }) => renamedFrom ?? []),
  ]);
  const heirs = new Map(matched.flatMap(([entry, match]) => inheritances(entry, match, inventory, input)));
  const leftovers = [...inventory.records]
    .filter(([name]) => !spoken.has(name))
    .sort(([a], [b]) => compare(a, b))
    .map(([name, observed]) => matchLeftover(name, observed, heirs.get(name), inventory, input));
  const unrecorded = matchUnrecordedLive(inventory, input);
  const named = [...matches, ...leftovers];
  return {
    candidates: [...named, unrecorded].flatMap(({ candidates }) => candidates),
    held: named.flatMap(({ held }) => held),
    waiting: named.flatMap(({ waiting }) => waiting ?? []),
    foreign: [...unrecorded.foreign].sort(byUrl),
    warnings: [
      ...leftovers.flatMap(({ warning }) => warning ?? []),
      ...catalogueWarnings(entries, input),
      ...lineWarnings(entries, input),
    ],
    inactive: entries
      .filter(({ name, fields }) => fields.is_active === undefined && isInactive(name, inventory))
      .map(({ name }) => name),
  };
}

/**
 * No more replacements at once than the settings say: the others begin when one has ended. What is held takes no place.
 */
function limitReplacements(
  operations: readonly Operation[],
  overlapping: readonly Waiting[],
  { replace }: PlanInput,
): { readonly operations: readonly Operation[]; readonly late: readonly Waiting[] } {
  const steps = operations.flatMap((operation) => (operation.kind === 'replace' ? [operation] : []));
  const beginning = steps.filter(({ step }) => step === 'begin');
  const goingOn = steps.filter(({ step }) => step !== 'begin' && step !== 'drop');
  const underWay = goingOn.length + overlapping.filter(({ kind }) => kind === 'replace').length;
  const late = beginning.slice(Math.max(0, replace.at_once - underWay));
  const keys = new Set(late.map(({ key }) => key));
  const reason = `no more than ${replace.at_once} replacements at once`;
  return {
    operations: operations.filter(({ key }) => !keys.has(key)),
    late: late.map(({ name }) => ({ name, kind: 'replace', reason, until: null })),
  };
}

/**
 * An entry that has no subscription of its own and is held may inherit one by a rename, once it goes on:
 * pairs of the name whose record that is, and the entry's.
 */
function inheritances(
  { name, fields, previously }: DesiredEntry,
  match: Match,
  inventory: Inventory,
  input: PlanInput,
): readonly (readonly [string, string])[] {
  const hits = match.candidates.flatMap((candidate) => candidate.hits);
  const isHeld = match.held.length > 0 || hits.some(({ guard }) => !isAllowed(guard, name, input));
  if (!isHeld || inventory.ours.get(name)?.record.current) return [];
  const leavers = inventory.leaversAt(fields.target_url).map(({ record }) => record.name);
  return [...previously, ...leavers]
    .filter((leaver) => isLive(leaver, inventory))
    .map((leaver) => [leaver, name]);
}

function isLive(name: string, inventory: Inventory): boolean {
  const record = inventory.ours.get(name)?.record;
  return record !== undefined && ownedIds(record).some((id) => inventory.live.has(id));
}

function isInactive(name: string, inventory: Inventory): boolean {
  return liveOf(name, inventory)?.is_active === false;
}

function liveOf(name: string, inventory: Inventory): LiveSubscription | undefined {
  const id = inventory.ours.get(name)?.record.current?.subscription_id;
  return id === undefined ? undefined : inventory.live.get(id);
}

/** Event names that the live catalogue does not know: a warning, since the catalogue grows and shrinks. */
function catalogueWarnings(
  entries: readonly DesiredEntry[],
  { observation: { events } }: PlanInput,
): readonly string[] {
  if (events === null) return [];
  const catalogue = new Set([...events].sort());
  return entries.flatMap(({ name, fields }) =>
    fields.subscribed_events
      .filter((event) => !catalogue.has(event))
      .map((event) => {
        const suggestion = nearest(event, catalogue);
        const question = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
        return `${name}: Linq's catalogue has no event "${event}"${question}`;
      }),
  );
}

function lineWarnings(
  entries: readonly DesiredEntry[],
  { observation: { lines } }: PlanInput,
): readonly string[] {
  if (lines === null) return [];
  const owned = new Set(lines.map(({ phone_number }) => phone_number));
  return entries.flatMap(({ name, fields }) =>
    (fields.phone_numbers ?? [])
      .filter((line) => !owned.has(line))
      .map((line) => `${name}: the account has no line ${line}`),
  );
}

function byKindAndName(a: Operation, b: Operation): number {
  return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || compare(a.key, b.key);
}

function byNameAndGuard(a: Held, b: Held): number {
  return compare(a.name ?? '', b.name ?? '') || compare(a.guard, b.guard) || compare(a.reason, b.reason);
}

function byUrl(a: Foreign, b: Foreign): number {
  return compare(a.target_url, b.target_url) || compare(a.id, b.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
