const FIRST_MS = 15_000;
const SHORTEST_MS = 1_000;

/**
 * How long to wait after so many passes in a row that failed, in ms: full jitter, so that daemons that failed
 * together do not come back together, and never longer than `capMs`. `random` lies in [0, 1).
 */
export function backoff(failures: number, capMs: number, random: number): number {
  const ceiling = Math.min(capMs, FIRST_MS * 2 ** Math.min(failures - 1, 30));
  return Math.max(Math.min(SHORTEST_MS, ceiling), Math.floor(random * ceiling));
}

/** The interval, moved by at most the share `jitter` of it, in ms. */
export function jittered(intervalMs: number, jitter: number, random: number): number {
  return Math.round(intervalMs * (1 + jitter * (2 * random - 1)));
}
