import {
  REPLACE_STEPS,
  type ChangeReason,
  type CreateOperation,
  type Operation,
  type OperationKind,
  type Remembered,
  type ReplaceOperation,
} from '../domain/operation.ts';
import type { Foreign, Held, Plan, Waiting } from '../domain/plan.ts';
import type { RequestCount } from '../domain/report.ts';

/** Colours as functions from text to text; picocolors fits, and `plain` is for pipes and tests. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

/** No colour. */
export const plain: Paint = {
  bold: asItIs,
  dim: asItIs,
  red: asItIs,
  green: asItIs,
  yellow: asItIs,
  cyan: asItIs,
};

function asItIs(text: string): string {
  return text;
}

interface KindWords {
  readonly symbol: string;
  readonly colour: keyof Paint;
  readonly verb: string;
  readonly past: string;
}

/** What every kind of operation is called; in the order in which summaries count them. */
export const KIND_WORDS: Readonly<Record<OperationKind, KindWords>> = {
  create: { symbol: '+', colour: 'green', verb: 'create', past: 'created' },
  update: { symbol: '~', colour: 'yellow', verb: 'update', past: 'updated' },
  delete: { symbol: '-', colour: 'red', verb: 'delete', past: 'deleted' },
  retire: { symbol: 'z', colour: 'red', verb: 'retire', past: 'retired' },
  replace: { symbol: '-/+', colour: 'yellow', verb: 'replace', past: 'replaced' },
  rename: { symbol: '>', colour: 'cyan', verb: 'rename', past: 'renamed' },
  'make-way': { symbol: '^', colour: 'cyan', verb: 'move aside', past: 'moved aside' },
  recover: { symbol: '*', colour: 'cyan', verb: 'recover', past: 'recovered' },
  collect: { symbol: 'x', colour: 'red', verb: 'collect', past: 'collected' },
  forget: { symbol: '.', colour: 'dim', verb: 'forget', past: 'forgotten' },
};

/** Why a field is written, in words. */
export const CHANGE_REASONS: Readonly<Record<ChangeReason, string>> = {
  'changed-in-file': 'changed in the file',
  drifted: 'drifted',
  differs: 'differs from the file',
  revived: 'back in the file',
};

const CREATED_FOR: Readonly<Record<CreateOperation['reason'], string>> = {
  new: '',
  'deleted-outside': 'deleted outside',
  'record-lost': 'its record is lost',
};

const FORGOTTEN: Readonly<Record<Remembered, string>> = {
  previous: 'its previous secret has had its time',
  retired: 'it is back for good',
};

const MOST_NAMES = 10;

/** What an operation is shown under: its entry, or in brackets what it is about. Not yet safe to print. */
export function labelOf(operation: Operation): string {
  return operation.kind === 'collect' ? '(unfinished)' : (operation.name ?? '(foreign)');
}

/** The same for something held, which may have neither entry nor operation. */
export function labelOfHeld(held: Held): string {
  return held.name ?? (held.operation === null ? '(all)' : labelOf(held.operation));
}

/** The guard, and what it holds where the changed fields do not already say so. */
export function guardOf(held: Held): string {
  const kind = held.operation?.kind ?? 'update';
  return kind === 'update' ? held.guard : `${held.guard} (${KIND_WORDS[kind].verb})`;
}

/** Why an operation is in the plan; empty where its kind says it all. Not yet safe to print. */
export function reasonFor(operation: Operation): string {
  switch (operation.kind) {
    case 'create':
      return CREATED_FOR[operation.reason];
    case 'update':
      return `${CHANGE_REASONS[operation.reason]}${Object.keys(operation.patch).length === 0 ? ', record only' : ''}`;
    case 'make-way':
      return 'another entry needs its URL';
    case 'delete':
      if (operation.reason === 'foreign') return 'not ours, prune: all';
      if (operation.reason === 'retired') return 'retired for long enough, or its URL is wanted';
      return `no longer in the file${operation.before === null ? ', already gone' : ''}`;
    case 'retire':
      return 'no longer in the file, deleted later';
    case 'rename':
      return `was ${operation.from}${operation.isInterrupted ? ', finishes an interrupted rename' : ''}`;
    case 'recover':
      return `an interrupted create${operation.subscription_id === null ? ', nothing is live' : ''}`;
    case 'collect':
      return 'left by an interrupted request';
    case 'replace':
      return replaceReason(operation);
    case 'forget':
      return operation.forgets.map((what) => FORGOTTEN[what]).join(', ');
  }
}

const BEGINNINGS: Readonly<Record<ReplaceOperation['reason'], string>> = {
  unowned: 'the live one is not ours',
  'secret-lost': 'its secret is lost',
  asked: 'rotation',
  age: 'its secret is old',
  'under-way': '',
};

function replaceReason({ reason, step }: ReplaceOperation): string {
  if (step === 'drop') return 'the new one is given up';
  const number = REPLACE_STEPS.indexOf(step) + (step === 'begin' || step === 'rest' ? 1 : 2);
  return [BEGINNINGS[reason], `step ${number} of 5`].filter(Boolean).join(', ');
}

/** What something waits for, and until when. Not yet safe to print. */
export function waitingFor({ reason, until }: Waiting): string {
  return until === null ? reason : `${reason} until ${until.replace(/\.\d+Z$/, 'Z')}`;
}

/** `Plan: 1 to create, 1 to update; 1 held. …`, or that there is nothing to do. Not yet safe to print. */
export function summarisePlan(plan: Plan): string {
  const todo = countKinds(plan.operations, 'verb', 'to ');
  const { operations, held, waiting } = plan;
  const rest = [
    ...(held.length > 0 ? [`; ${held.length} held`] : []),
    ...(waiting.length > 0 ? [`; ${waiting.length} waiting`] : []),
  ].join('');
  const sentences =
    operations.length + held.length + waiting.length === 0
      ? ['No changes. The account matches the file.']
      : [`Plan: ${todo || 'nothing to do'}${rest}.`];
  const foreign = foreignLeftAlone(plan).length;
  if (foreign > 0) sentences.push(`${foreign} foreign left alone.`);
  const { inactive } = plan.summary;
  if (inactive.length > 0) {
    const more = inactive.length > MOST_NAMES ? `, and ${inactive.length - MOST_NAMES} more` : '';
    const names = `${inactive.slice(0, MOST_NAMES).join(', ')}${more}`;
    sentences.push(`${inactive.length} inactive and not managed: ${names}.`);
  }
  return sentences.join(' ');
}

/** `1 created, 2 updated`, or with `verb` and `to `: `1 to create, 2 to update`; empty for no operations. */
export function countKinds(operations: readonly Operation[], form: 'verb' | 'past', lead = ''): string {
  const counts = new Map<OperationKind, number>();
  for (const { kind } of operations) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return (Object.keys(KIND_WORDS) as OperationKind[])
    .flatMap((kind) => {
      const count = counts.get(kind);
      return count === undefined ? [] : [`${count} ${lead}${KIND_WORDS[kind][form]}`];
    })
    .join(', ');
}

/** The foreign subscriptions that no operation of the plan touches. */
export function foreignLeftAlone(plan: Plan): readonly Foreign[] {
  const touched = new Set<string | null>();
  for (const operation of plan.operations) {
    const isGivenUp = operation.kind === 'replace' && operation.step === 'drop';
    if ('subscription_id' in operation && !isGivenUp) touched.add(operation.subscription_id);
  }
  return plan.foreign.filter((foreign) => !touched.has(foreign.id));
}

/** `4 reads, 0 writes`. */
export function countRequests(requests: RequestCount): string {
  return `${plural(requests.reads, 'read')}, ${plural(requests.writes, 'write')}`;
}

/** `1 line`, `2 lines`; `many` where the plural is irregular. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The twelve digits of a plan id that are shown to people. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

/**
 * Text that cannot drive a terminal or hide in a line: control characters, line separators, invisible and
 * direction-changing characters become `\u{…}`. Values come from a live API, so none is printed without.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${Number(character.codePointAt(0)).toString(16)}}`,
  );
}
