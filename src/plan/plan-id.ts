import { createHash } from 'node:crypto';
import type { Operation } from '../domain/operation.ts';
import type { Held } from '../domain/plan.ts';

/** Why something is done, and when something was: neither changes what is done. */
const NOT_HASHED: ReadonlySet<string> = new Set(['reason', 'letThrough', 'created_at']);

/**
 * The id of a plan: SHA-256 (64 hexadecimal digits) of what it would do, held operations included. Reasons,
 * times, and the order of operations, events and numbers do not count. By type there is no secret in it.
 */
export function planId(operations: readonly Operation[], held: readonly Held[]): string {
  return createHash('sha256').update(canonical({ operations, held })).digest('hex');
}

/** JSON with sorted keys. Every list of a plan is a set, so lists are sorted, too. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([key, member]) => member !== undefined && !NOT_HASHED.has(key))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`);
  return `{${members.sort().join(',')}}`;
}
