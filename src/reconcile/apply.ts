import { AppError, SinkConflictError } from '../domain/errors.ts';
import type { Operation } from '../domain/operation.ts';
import type { Plan } from '../domain/plan.ts';
import type { OperationResult, Report } from '../domain/report.ts';
import type { ApplyContext } from './context.ts';
import { createEntry } from './create.ts';
import {
  collectOrphan,
  deleteEntry,
  forgetOf,
  makeWay,
  recoverEntry,
  renameEntry,
  retireEntry,
  updateEntry,
} from './change.ts';
import { replaceEntry } from './replace.ts';
import { conflictResult, failure } from './results.ts';

/**
 * Applies the plan with at most `concurrency` operations at a time, each after those it waits for.
 * How an operation ends is data; what waits for one that did not succeed is skipped. Once `context.stop`
 * is signalled nothing new begins.
 */
export async function applyPlan(plan: Plan, context: ApplyContext, concurrency: number): Promise<Report> {
  const { progress } = context;
  const results = new Map<string, OperationResult>();
  const waiting = new Map<string, number>();
  const dependants = new Map<string, Operation[]>();
  const ready: Operation[] = [];
  for (const operation of plan.operations) {
    const after = new Set(operation.after);
    waiting.set(operation.key, after.size);
    if (after.size === 0) ready.push(operation);
    for (const key of after) dependants.set(key, [...(dependants.get(key) ?? []), operation]);
  }

  const finish = (operation: Operation, result: OperationResult): void => {
    results.set(operation.key, result);
    progress.ended(operation, result);
    for (const dependant of dependants.get(operation.key) ?? []) {
      const left = (waiting.get(dependant.key) ?? 1) - 1;
      waiting.set(dependant.key, left);
      if (left === 0) ready.push(dependant);
    }
  };

  const work = async (operation: Operation): Promise<void> => {
    const failed = operation.after.find((key) => results.get(key)?.status !== 'done');
    if (failed !== undefined) {
      finish(operation, { status: 'skipped', reason: `"${failed}" did not succeed` });
    } else if (context.stop.signal.aborted) {
      finish(operation, { status: 'skipped', reason: 'interrupted' });
    } else {
      progress.started(operation);
      finish(operation, await applyOperation(operation, context));
    }
  };

  await drain(ready, work, concurrency);
  const items = plan.operations.map((operation) => ({
    operation,
    result: results.get(operation.key) ?? NEVER_READY,
  }));
  return { items, wasInterrupted: context.stop.signal.aborted };
}

const NEVER_READY: OperationResult = { status: 'skipped', reason: 'what it waits for is not in the plan' };

/** Runs `work` over a queue that grows while it is worked off. A bug in one lets the others finish first. */
async function drain(
  queue: readonly Operation[],
  work: (operation: Operation) => Promise<void>,
  width: number,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const bugs: unknown[] = [];
  let next = 0;
  for (;;) {
    for (
      let operation = queue[next];
      operation !== undefined && running.size < width;
      operation = queue[next]
    ) {
      next += 1;
      const task = work(operation)
        .catch((error: unknown) => void bugs.push(error))
        .finally(() => running.delete(task));
      running.add(task);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  if (bugs.length > 0) throw bugs[0];
}

async function applyOperation(operation: Operation, context: ApplyContext): Promise<OperationResult> {
  try {
    return await runOperation(operation, context);
  } catch (error) {
    if (error instanceof SinkConflictError && operation.kind !== 'collect' && operation.name !== null) {
      return conflictResult(operation.name, context);
    }
    if (error instanceof AppError) return failure(error);
    throw error;
  }
}

function runOperation(operation: Operation, context: ApplyContext): Promise<OperationResult> {
  switch (operation.kind) {
    case 'create':
      return createEntry(operation, context);
    case 'update':
      return updateEntry(operation, context);
    case 'make-way':
      return makeWay(operation, context);
    case 'delete':
      return deleteEntry(operation, context);
    case 'retire':
      return retireEntry(operation, context);
    case 'rename':
      return renameEntry(operation, context);
    case 'recover':
      return recoverEntry(operation, context);
    case 'collect':
      return collectOrphan(operation, context);
    case 'replace':
      return replaceEntry(operation, context);
    case 'forget':
      return forgetOf(operation, context);
  }
}
