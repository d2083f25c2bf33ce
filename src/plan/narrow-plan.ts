import type { Operation } from '../domain/operation.ts';
import type { Plan } from '../domain/plan.ts';
import { planId } from './plan-id.ts';

/** The part of a plan that is about these names, and what it has to wait for, whatever that is about. */
export function narrowPlan(plan: Plan, names: ReadonlySet<string>): Plan {
  const byKey = new Map(plan.operations.map((operation) => [operation.key, operation]));
  const needed = new Set<Operation>();
  const queue = plan.operations.filter((operation) => isAbout(operation, names));
  for (const operation of queue) {
    needed.add(operation);
    for (const key of operation.after) {
      const before = byKey.get(key);
      if (before !== undefined && !needed.has(before)) queue.push(before);
    }
  }
  const operations = plan.operations.filter((operation) => needed.has(operation));
  const held = plan.held.filter(({ name }) => name === null || names.has(name));
  return {
    ...plan,
    id: planId(operations, held),
    operations,
    held,
    waiting: plan.waiting.filter(({ name }) => names.has(name)),
  };
}

function isAbout(operation: Operation, names: ReadonlySet<string>): boolean {
  return operation.kind !== 'collect' && operation.name !== null && names.has(operation.name);
}
