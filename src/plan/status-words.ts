import type { Operation, OperationKind } from '../domain/operation.ts';
import type { LastChange } from '../domain/record.ts';
import type { SecretFacts } from './record-facts.ts';
import type { StatusEntry, StatusState } from './status.ts';
import { KIND_WORDS, plural, reasonFor, type Paint } from './words.ts';

const STATE_WORDS: Readonly<Record<StatusState, string>> = {
  in_sync: 'in sync',
  pending: 'pending',
  drifted: 'drifted',
  missing: 'missing',
  replacing: 'replacing',
  retired: 'retired',
  held: 'held',
  unknown: 'not compared',
};

const LAST_CHANGES: Readonly<Record<LastChange['what'], string>> = {
  created: 'created',
  'created-again': 'created again',
  'changed-in-file': 'changed in the file',
  'drift-reverted': 'drift put back',
  replaced: 'replaced',
  renamed: 'renamed',
  adopted: 'adopted',
  retired: 'retired',
  revived: 'revived',
};

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** `update, drifted: subscribed_events`: what a pass does, in the words of the plan. Not yet safe to print. */
export function operationWords(operation: Operation): string {
  return [KIND_WORDS[operation.kind].verb, operationReason(operation)].filter(Boolean).join(', ');
}

/** `drifted: subscribed_events`; empty where the kind says it all. Not yet safe to print. */
export function operationReason(operation: Operation): string {
  const fields = operation.kind === 'update' ? operation.changes.map(({ field }) => field).join(', ') : '';
  return [reasonFor(operation), fields].filter(Boolean).join(': ');
}

/** `held: widen`, `pending: update`, `in sync, inactive`. */
export function stateWords({ state, guard, operation, pause, is_active }: StatusEntry): string {
  const word = STATE_WORDS[state];
  const about =
    state === 'held' && guard !== null
      ? `${word}: ${guard}`
      : state === 'pending' && operation !== null
        ? `${word}: ${KIND_WORDS[operation].verb}`
        : word;
  return [
    ...(pause === null || guard !== null ? [] : ['paused']),
    ...(pause === null || state !== 'in_sync' ? [about] : []),
    ...(is_active === false && (state === 'in_sync' || state === 'unknown') ? ['inactive'] : []),
  ].join(', ');
}

/** How the entries stand, as a count of each state that there is: `3 in sync, 1 held`. */
export function countStates(states: Readonly<Record<StatusState, number>>): string {
  const counts = (Object.keys(STATE_WORDS) as StatusState[]).flatMap((state) =>
    states[state] === 0 ? [] : [`${states[state]} ${STATE_WORDS[state]}`],
  );
  return counts.join(', ') || 'nothing is managed';
}

/** The sign before an entry; blank where there is nothing to see. */
export function signOf(entry: StatusEntry): { readonly symbol: string; readonly colour: keyof Paint } {
  const { state, operation, secret, pause } = entry;
  if (state === 'held' || secret?.is_stored === false) return { symbol: '!', colour: 'yellow' };
  if (pause !== null) return { symbol: '=', colour: 'cyan' };
  const kind = SIGNS[state] ?? operation;
  if (kind !== null) return KIND_WORDS[kind];
  return { symbol: state === 'unknown' ? '?' : '', colour: 'dim' };
}

const SIGNS: Partial<Record<StatusState, OperationKind>> = {
  missing: 'create',
  drifted: 'update',
  replacing: 'replace',
  retired: 'delete',
};

/** `12d`, `5h`, `<1h`. */
export function ageWords(seconds: number): string {
  if (seconds < HOUR) return '<1h';
  return seconds < 2 * DAY ? `${Math.floor(seconds / HOUR)}h` : `${Math.floor(seconds / DAY)}d`;
}

/** The age of a secret, or that there is none. */
export function secretWords(secret: SecretFacts | null): string {
  if (secret === null) return '-';
  if (!secret.is_stored) return 'lost';
  return secret.age_seconds === null ? 'stored' : ageWords(secret.age_seconds);
}

/** `changed in the file 3d ago`. */
export function changeWords({ what, at }: LastChange, serverTime: string): string {
  const seconds = (Date.parse(serverTime) - Date.parse(at)) / 1000;
  return `${LAST_CHANGES[what]} ${Number.isNaN(seconds) ? `at ${at}` : `${ageWords(seconds)} ago`}`;
}

/** `every line`, `2 lines`. */
export function lineWords({ subscribed_events, phone_numbers }: StatusEntry): string {
  if (subscribed_events === null) return '-';
  return phone_numbers === null || phone_numbers.length === 0
    ? 'every line'
    : plural(phone_numbers.length, 'line');
}

export function eventWords({ subscribed_events }: StatusEntry): string {
  return subscribed_events === null ? '-' : plural(subscribed_events.length, 'event');
}

/** A time for people, who need no fractions. */
export function inSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}
