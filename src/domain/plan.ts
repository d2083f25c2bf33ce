import type { Operation } from './operation.ts';

/** The guards of the design, 4.3 and 7, and others for pauses, records, drift and dependence. */
export const GUARDS = [
  'account',
  'paused',
  'in-flight',
  'record',
  'suspicious-list',
  'bad-file',
  'stale-file',
  'deletes',
  'protected',
  'widen',
  'drift',
  'fight',
  'unowned',
  'ambiguous',
  'secret-loss',
  'url-taken',
  'depends',
] as const;
export type Guard = (typeof GUARDS)[number];

/** Guards over the whole plan: let through by `--allow GUARD`. The others take `--allow GUARD:NAME`. */
export const PLAN_GUARDS: readonly Guard[] = ['account', 'suspicious-list', 'deletes'];

/** Guards that no flag lets through; the reason says what does. */
export const FIRM_GUARDS: readonly Guard[] = [
  'paused',
  'in-flight',
  'record',
  'bad-file',
  'fight',
  'ambiguous',
  'url-taken',
  'depends',
];

/** Consent to let a guard through: for one entry, or (name `null`) for the plan or for every entry. */
export interface Allowance {
  readonly guard: Guard;
  readonly name: string | null;
}

/** A field of an entry, among those that are fought over. */
export function fightKey(name: string, field: string): string {
  return `${name} ${field}`;
}

/** Something that the pass leaves undone on purpose. */
export interface Held {
  /** The entry; `null` for what has no entry. */
  readonly name: string | null;
  readonly guard: Guard;
  readonly reason: string;
  /** What to do or to run so that it goes on; `null` where waiting is all. */
  readonly letThrough: string | null;
  /** What would have been done; `null` where that cannot be known. */
  readonly operation: Operation | null;
}

/** Something that is under way and goes on by itself. */
export interface Waiting {
  readonly name: string;
  /** What goes on then. */
  readonly kind: 'replace' | 'delete';
  /** What it waits for. */
  readonly reason: string;
  /** ISO 8601, the API server's time; `null` where another replacement has to end first. */
  readonly until: string | null;
}

/** A live subscription that is not ours. */
export interface Foreign {
  readonly id: string;
  readonly target_url: string;
  readonly is_active: boolean;
  /** Fits `policy.ignore`, is Linq's own, or belongs to another owner: not even `prune: all` touches it. */
  readonly isExempt: boolean;
}

export interface PlanSummary {
  readonly entries: number;
  readonly live: number;
  readonly owned: number;
  readonly foreign: number;
  /** Names of owned entries that are inactive although the file does not say so. */
  readonly inactive: readonly string[];
}

/** Everything that a pass would do, and what it leaves alone. A pure function of file, records and list. */
export interface Plan {
  /** SHA-256 (64 hexadecimal digits) of the operations, held ones included. */
  readonly id: string;
  /** Sorted by kind and name; `after` gives the order of execution. */
  readonly operations: readonly Operation[];
  /** Sorted by name and guard. */
  readonly held: readonly Held[];
  /** Sorted by name. */
  readonly waiting: readonly Waiting[];
  /** Sorted by URL and id. */
  readonly foreign: readonly Foreign[];
  readonly warnings: readonly string[];
  readonly summary: PlanSummary;
}
