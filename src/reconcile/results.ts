import { RequestError, SinkError, type AppError } from '../domain/errors.ts';
import { describeHolder, type Holder } from '../domain/record.ts';
import type { OperationResult } from '../domain/report.ts';
import type { ApplyContext } from './context.ts';

/** A failed operation as data. `unknown` where a request may have happened all the same. */
export function failure(error: AppError): Extract<OperationResult, { error: string }> {
  const status = error instanceof RequestError && error.outcome === 'unknown' ? 'unknown' : 'failed';
  const retryAfterMs = error instanceof RequestError ? error.retryAfterMs : undefined;
  return {
    status,
    error: error.message,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Another process wrote the record first: the entry is its, for now. Names it as far as the record tells. */
export async function conflictResult(name: string, context: ApplyContext): Promise<OperationResult> {
  const holder = await readHolder(name, context);
  const who = holder ? describeHolder(holder) : 'another process';
  return { status: 'held', guard: 'in-flight', reason: `${who} is working on it` };
}

async function readHolder(name: string, context: ApplyContext): Promise<Holder | undefined> {
  try {
    const entry = await context.sink.read(name);
    return entry.kind === 'intact' ? (entry.record.intent ?? entry.record.applied_from)?.holder : undefined;
  } catch (error) {
    if (error instanceof SinkError) return undefined;
    throw error;
  }
}
