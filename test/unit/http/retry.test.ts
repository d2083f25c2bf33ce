import { describe, expect, it } from 'vitest';
import { decideRetry, retryAfterMs, type AttemptFailure } from '../../../src/http/retry.ts';

const limits = { baseMs: 500, capMs: 10_000, budgetMs: 60_000 };
const connection: AttemptFailure = { kind: 'connection' };

function status(code: number, wait?: number): AttemptFailure {
  return { kind: 'status', status: code, retryAfterMs: wait };
}

function decide(overrides: Partial<Parameters<typeof decideRetry>[0]>): ReturnType<typeof decideRetry> {
  const facts = { method: 'GET', failure: connection, attempt: 1, elapsedMs: 0, random: 0.5, limits };
  return decideRetry({ ...facts, ...overrides });
}

describe('decideRetry', () => {
  it.each<[string, boolean | undefined, string, string]>([
    ['GET', undefined, 'wait', 'a read changes nothing'],
    ['PUT', undefined, 'wait', 'the same fields again are the same'],
    ['DELETE', undefined, 'wait', 'gone stays gone'],
    ['POST', undefined, 'give-up', 'a second creation is a second subscription'],
    ['PATCH', undefined, 'give-up', 'nothing is known about it'],
    ['POST', true, 'wait', 'the caller says that it may be repeated'],
    ['PUT', false, 'give-up', 'the caller says that it must not be repeated'],
  ])('decides for %s with isIdempotent %s: %s, as %s', (method, isIdempotent, kind) => {
    expect(decide({ method, isIdempotent }).kind).toBe(kind);
  });

  it.each([408, 429, 500, 502, 503, 504])('tries again after %i', (code) => {
    expect(decide({ failure: status(code) }).kind).toBe('wait');
  });

  it.each([302, 400, 401, 403, 404, 409, 422, 501, 505])('gives up after %i', (code) => {
    expect(decide({ failure: status(code) })).toEqual({ kind: 'give-up' });
  });

  it.each([
    [412, true, 'wait'],
    [503, false, 'give-up'],
  ])('believes the service itself: %i with isPassing %s is %s', (code, isPassing, kind) => {
    expect(
      decide({ failure: { kind: 'status', status: code, retryAfterMs: undefined, isPassing } }).kind,
    ).toBe(kind);
  });

  it('gives up where the same would fail again', () => {
    expect(decide({ failure: { kind: 'permanent' } })).toEqual({ kind: 'give-up' });
  });

  it.each([
    [1, 'wait'],
    [2, 'give-up'],
    [3, 'give-up'],
  ])('with two attempts allowed, after attempt %i it is %s', (attempt, kind) => {
    expect(decide({ attempt, limits: { ...limits, maxAttempts: 2 } }).kind).toBe(kind);
  });

  it.each([
    [1, 0, 0],
    [1, 0.5, 250],
    [1, 0.999, 499],
    [2, 0.5, 500],
    [3, 0.5, 1000],
    [5, 0.5, 4000],
    [6, 0.5, 5000],
    [40, 0.5, 5000],
  ])('after attempt %i and with %f of the jitter waits %i ms', (attempt, random, ms) => {
    expect(decide({ attempt, random })).toEqual({ kind: 'wait', ms });
  });

  it('never comes back before the service wants it', () => {
    expect(decide({ failure: status(429, 30_000) })).toEqual({ kind: 'wait', ms: 30_000 });
  });

  it('waits the jitter where the service wants less', () => {
    expect(decide({ failure: status(503, 1) })).toEqual({ kind: 'wait', ms: 250 });
  });

  it('waits up to the last millisecond of the budget', () => {
    expect(decide({ elapsedMs: 59_750 })).toEqual({ kind: 'wait', ms: 250 });
  });

  it('gives up where the wait would end after the budget', () => {
    expect(decide({ elapsedMs: 59_751 })).toEqual({ kind: 'give-up' });
    expect(decide({ failure: status(429, 60_001) })).toEqual({ kind: 'give-up' });
  });
});

describe('retryAfterMs', () => {
  const now = Date.parse('2026-09-01T12:00:00Z');

  it.each<[string | undefined, string | undefined, number | undefined, string]>([
    [undefined, undefined, undefined, 'there is none'],
    ['0', undefined, 0, 'seconds'],
    ['45', undefined, 45_000, 'seconds'],
    ['99999999999', undefined, 86_400_000, 'no more than a day'],
    ['1.5', undefined, undefined, 'only whole seconds are documented'],
    ['-5', undefined, undefined, 'neither seconds nor a date'],
    ['soon', undefined, undefined, 'neither seconds nor a date'],
    ['Tue, 01 Sep 2026 12:00:20 GMT', undefined, 20_000, 'a date, by our clock'],
    [
      'Tue, 01 Sep 2026 12:00:20 GMT',
      'Tue, 01 Sep 2026 12:00:15 GMT',
      5_000,
      'a date, by the clock of the service',
    ],
    ['Tue, 01 Sep 2026 12:00:20 GMT', 'nonsense', 20_000, 'a date, and a Date that is none'],
    ['Tue, 01 Sep 2026 11:00:00 GMT', undefined, 0, 'a date in the past'],
    ['Thu, 01 Oct 2026 12:00:00 GMT', undefined, 86_400_000, 'no more than a day'],
  ])('reads %s with Date %s as %s: %s', (header, date, ms) => {
    expect(retryAfterMs(header, date, now)).toBe(ms);
  });
});
