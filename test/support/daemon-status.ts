import type { DaemonStatus, EntryStatus } from '../../src/daemon/status.ts';

/** The moment of these tests. */
export const NOON = Date.parse('2026-03-01T12:00:00.000Z');

/** A daemon that has just started and knows nothing yet. */
export function freshStatus(changes: Partial<DaemonStatus> = {}): DaemonStatus {
  return {
    startedAt: NOON - 3_600_000,
    config: { loaded: null, problem: null },
    pass: { isRunning: false, last: null, lastPlanAt: null, lastSuccessAt: null, failures: 0, nextAt: null },
    entries: [],
    foreign: 0,
    held: [],
    unstored: [],
    awaited: null,
    ...changes,
  };
}

/** A daemon at rest after a pass that found nothing to do. */
export function quietStatus(changes: Partial<DaemonStatus> = {}): DaemonStatus {
  return freshStatus({
    config: {
      loaded: { contentHash: 'c0ffee', revision: null, entries: 1, at: NOON - 1_800_000 },
      problem: null,
    },
    pass: {
      isRunning: false,
      last: { result: 'unchanged', startedAt: NOON - 61_500, endedAt: NOON - 60_000, error: null },
      lastPlanAt: NOON - 60_000,
      lastSuccessAt: NOON - 60_000,
      failures: 0,
      nextAt: NOON + 240_000,
    },
    entries: [entryStatus('orders')],
    awaited: [],
    ...changes,
  });
}

/** An entry in sync. */
export function entryStatus(name: string, changes: Partial<EntryStatus> = {}): EntryStatus {
  return {
    name,
    state: 'in_sync',
    guard: null,
    reason: null,
    subscriptionId: `id-of-${name}`,
    secretCreatedAt: '2026-02-01T00:00:00.000Z',
    ...changes,
  };
}
