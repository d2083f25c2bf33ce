import type { Pause } from '../domain/record.ts';

/**
 * The pause that covers an entry of `owner` at `serverTime` (milliseconds since the epoch), or with `name` null
 * everything of it; null for none. Of two, the one that lasts longer. One whose time has come counts as none.
 */
export function pauseOf(
  pauses: readonly Pause[],
  owner: string,
  name: string | null,
  serverTime: number,
): Pause | null {
  const [longest = null] = livePauses(pauses, serverTime)
    .filter((pause) => pause.owner === owner && (pause.name === null || pause.name === name))
    .sort((a, b) => endOf(b) - endOf(a) || Number(a.name !== null) - Number(b.name !== null));
  return longest;
}

/** Those whose time has not come. */
export function livePauses(pauses: readonly Pause[], serverTime: number): readonly Pause[] {
  return pauses.filter((pause) => endOf(pause) > serverTime);
}

/** `paused until 2026-11-22T12:00:00Z`, or only `paused`; and why, where that is known. Not yet safe to print. */
export function describePause({ until, reason }: Pick<Pause, 'until' | 'reason'>): string {
  const end = until === null ? '' : ` until ${until.replace(/\.\d+Z$/, 'Z')}`;
  return `paused${end}${reason === null ? '' : `: ${reason}`}`;
}

/** The pauses with these in place of those of the same owner and name; sorted as a record holds them. */
export function withPauses(pauses: readonly Pause[], added: readonly Pause[]): readonly Pause[] {
  const others = pauses.filter((pause) => !added.some((one) => isOfSame(one, pause)));
  return [...others, ...added].sort(
    (a, b) => compare(a.owner, b.owner) || compare(a.name ?? '', b.name ?? ''),
  );
}

/** Whether both are about the same entry, or both about everything of the same owner. */
export function isOfSame(a: Pick<Pause, 'owner' | 'name'>, b: Pick<Pause, 'owner' | 'name'>): boolean {
  return a.owner === b.owner && a.name === b.name;
}

/** Infinity where only a person ends it. A time that is none (nobody writes one) never comes. */
function endOf({ until }: Pause): number {
  const end = until === null ? Number.NaN : Date.parse(until);
  return Number.isNaN(end) ? Number.MAX_VALUE : end;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
