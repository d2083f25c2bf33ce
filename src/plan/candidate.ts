import {
  FIRM_GUARDS,
  type Allowance,
  type Foreign,
  type Guard,
  type Held,
  type Waiting,
} from '../domain/plan.ts';
import type { Operation } from '../domain/operation.ts';
import type { Desired } from '../domain/desired.ts';
import type { Observation } from '../domain/observation.ts';
import type { Holder } from '../domain/record.ts';
import type { Policy, ReplaceSettings } from '../domain/settings.ts';

/** All that a plan depends on. */
export interface PlanInput {
  readonly desired: Desired;
  readonly observation: Observation;
  readonly policy: Policy;
  /** Whose entries these are. */
  readonly owner: string;
  /** From the command line; `policy.allow` is heeded as well. */
  readonly allowances: readonly Allowance[];
  /** The process that plans. */
  readonly holder: Holder;
  /** Milliseconds after which a request that was sent can no longer land (`api.timeout` × 4). */
  readonly landingTime: number;
  /** `daemon.interval` in milliseconds. */
  readonly interval: number;
  /** The file as it stands now cannot be used, and `desired` is the last good one. */
  readonly isFileBad: boolean;
  /** Fields that somebody changes back again and again, as `fightKey` gives them. */
  readonly fights: ReadonlySet<string>;
  readonly replace: ReplaceSettings;
  /** Names whose secret is to be replaced, or whose replacement is to be given up, by command. */
  readonly rotate: ReadonlyMap<string, Rotation>;
  /** Names that take over, by command, what is not ours by replacing it: the one with this id, or (`null`) at the URL. */
  readonly adopt: ReadonlyMap<string, string | null>;
}

/** `compromised`: at once, and the old secret is not kept. */
export type Rotation = 'rotate' | 'compromised' | 'abort';

/** Why a guard covers an operation. */
export interface Hit {
  readonly guard: Guard;
  readonly reason: string;
  readonly letThrough: string | null;
}

/** An operation that matching found, with the guards that the matching itself knows to cover it. */
export interface Candidate {
  readonly operation: Operation;
  readonly hits: readonly Hit[];
}

/** What matching hands to the guards. */
export interface Draft {
  readonly candidates: readonly Candidate[];
  /** Held for reasons that leave no operation to let through. */
  readonly held: readonly Held[];
  readonly waiting: readonly Waiting[];
  readonly foreign: readonly Foreign[];
  readonly warnings: readonly string[];
  /** Names of entries that are live, inactive, and not declared so. */
  readonly inactive: readonly string[];
}

/** The flag that lets one entry through one guard. */
export function allowFlag(guard: Guard, name: string | null): string {
  return name === null ? `--allow ${guard}` : `--allow ${guard}:${name}`;
}

/** Whether the settings or the command line let `name` through `guard`. A firm guard lets nothing through. */
export function isAllowed(guard: Guard, name: string | null, input: PlanInput): boolean {
  if (FIRM_GUARDS.includes(guard)) return false;
  const allowances = [...input.policy.allow, ...input.allowances];
  return allowances.some(
    (allowance) => allowance.guard === guard && (allowance.name === null || allowance.name === name),
  );
}
