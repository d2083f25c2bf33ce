import { describeHolder } from '../domain/record.ts';
import type { Candidate, PlanInput } from './candidate.ts';
import type { IntactRecord, Inventory } from './inventory.ts';

/**
 * The operation that a record's intent calls for, if it has one. While another live process may still be
 * at work, the guard `in-flight` covers it, and with it all that follows for the entry.
 */
export function recoverIntent(
  observed: IntactRecord,
  inventory: Inventory,
  input: PlanInput,
): Candidate | undefined {
  const { name, intent, current } = observed.record;
  if (intent === null) return undefined;
  const operation = {
    kind: 'recover',
    key: `recover ${name}`,
    after: [],
    name,
    subscription_id: inventory.markedAs(intent.marked_url)?.id ?? null,
    secret: current === null ? 'none' : 'kept',
  } as const;
  const isOver = observed.isIntentAbandoned || input.observation.serverTime > Date.parse(intent.deadline);
  if (isOver) return { operation, hits: [] };
  const reason = `${describeHolder(intent.holder)} is creating it, until ${intent.deadline} at the latest`;
  return { operation, hits: [{ guard: 'in-flight', reason, letThrough: null }] };
}
