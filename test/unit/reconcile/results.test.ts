import { describe, expect, it } from 'vitest';
import { RequestError, SinkError } from '../../../src/domain/errors.ts';
import { conflictResult, failure } from '../../../src/reconcile/results.ts';
import { makeBench } from './bench.ts';

describe('a failure as data', () => {
  const request = { outcome: 'refused', method: 'PUT', url: 'https://api.example.com' } as const;

  it('has what helps, and how long the API asks to wait', () => {
    const error = new RequestError('cannot update: busy', { ...request, retryAfterMs: 2_000, hint: 'wait' });
    const expected = { status: 'failed', error: 'cannot update: busy', hint: 'wait', retryAfterMs: 2_000 };
    expect(failure(error)).toEqual(expected);
  });

  it('has neither where there is none', () => {
    expect(Object.keys(failure(new RequestError('cannot update', request)))).toEqual(['status', 'error']);
    expect(Object.keys(failure(new SinkError('cannot write')))).toEqual(['status', 'error']);
  });

  it('is unknown where the request may have happened', () => {
    expect(failure(new RequestError('cannot update', { ...request, outcome: 'unknown' })).status).toBe(
      'unknown',
    );
  });
});

describe('a conflict as data', () => {
  it('names nobody where the sink cannot be read', async () => {
    const bench = makeBench();
    bench.script('sink-read', { fail: 'lost' });
    expect(await conflictResult('orders', bench.context())).toEqual({
      status: 'held',
      guard: 'in-flight',
      reason: 'another process is working on it',
    });
  });

  it('throws a bug', async () => {
    const bench = makeBench();
    bench.script('sink-read', { bug: new TypeError('a bug') });
    await expect(conflictResult('orders', bench.context())).rejects.toThrow(TypeError);
  });
});
