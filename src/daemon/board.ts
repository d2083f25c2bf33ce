import type { DaemonStatus } from './status.ts';

/** Where the daemon's status hangs: one writes, everybody may read. */
export interface Board {
  status(): DaemonStatus;
  update(change: Partial<DaemonStatus>): void;
  updatePass(change: Partial<DaemonStatus['pass']>): void;
}

/** The status of a daemon that has just begun, at `startedAt` in milliseconds since the epoch. */
export function openBoard(startedAt: number): Board {
  let status: DaemonStatus = {
    startedAt,
    config: { loaded: null, problem: null },
    pass: { isRunning: false, last: null, lastPlanAt: null, lastSuccessAt: null, failures: 0, nextAt: null },
    entries: [],
    foreign: 0,
    held: [],
    unstored: [],
    awaited: null,
  };
  const update = (change: Partial<DaemonStatus>): void => {
    status = { ...status, ...change };
  };
  return {
    status: () => status,
    update,
    updatePass: (change) => update({ pass: { ...status.pass, ...change } }),
  };
}
