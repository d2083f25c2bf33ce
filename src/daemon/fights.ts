import type { FieldChange } from '../domain/operation.ts';
import { fightKey } from '../domain/plan.ts';
import type { Report } from '../domain/report.ts';

const WINDOW_MS = 10 * 60_000;
const MOST_REVERTS = 3;
const LONGEST_HOLD_MS = 6 * 3_600_000;

/** A field that somebody changes back again and again: who wants what. */
export interface Fight {
  readonly name: string;
  readonly field: FieldChange['field'];
  readonly wanted: FieldChange['after'];
  readonly found: FieldChange['before'];
  readonly heldUntil: number;
}

/**
 * Remembers which fields were put back and how often. More than three times in ten minutes is a fight: the field
 * is held for ten minutes, then put back once more; and where that does not last, held for twice as long.
 */
export interface Fights {
  /** Notes what a pass has put back; returns the fights that began with it. Times in ms since the epoch. */
  note(report: Report, now: number): readonly Fight[];
  /** The fields that are held, as `fightKey` gives them. */
  held(now: number): ReadonlySet<string>;
}

interface Memory {
  readonly reverts: readonly number[];
  readonly holdMs: number;
  readonly heldUntil: number;
}

const PEACE: Memory = { reverts: [], holdMs: 0, heldUntil: 0 };

export function openFights(): Fights {
  const memories = new Map<string, Memory>();
  return {
    note(report, now) {
      for (const [key, memory] of memories) if (isForgotten(memory, now)) memories.delete(key);
      return revertsIn(report).flatMap(({ name, change }) => {
        const key = fightKey(name, change.field);
        const before = memories.get(key) ?? PEACE;
        const reverts = [...before.reverts.filter((time) => now - time < WINDOW_MS), now];
        const wasHeld = before.holdMs > 0;
        const isHarmless = !wasHeld && reverts.length <= MOST_REVERTS;
        const holdMs = Math.min(LONGEST_HOLD_MS, Math.max(WINDOW_MS, before.holdMs * 2));
        const after = isHarmless ? { ...before, reverts } : { reverts: [], holdMs, heldUntil: now + holdMs };
        memories.set(key, after);
        // Put back after a hold, it may last this time; where it does not, the plan says that it is held.
        if (isHarmless || wasHeld) return [];
        return [
          {
            name,
            field: change.field,
            wanted: change.after,
            found: change.before,
            heldUntil: after.heldUntil,
          },
        ];
      });
    },
    held: (now) => new Set([...memories].flatMap(([key, { heldUntil }]) => (heldUntil > now ? [key] : []))),
  };
}

/** Left in peace for as long again as it was held. */
function isForgotten({ reverts, holdMs, heldUntil }: Memory, now: number): boolean {
  const last = reverts.at(-1) ?? Number.NEGATIVE_INFINITY;
  return now - last >= WINDOW_MS && now >= heldUntil + holdMs;
}

function revertsIn({ items }: Report): readonly { readonly name: string; readonly change: FieldChange }[] {
  return items.flatMap(({ operation, result }) =>
    operation.kind === 'update' && result.status === 'done'
      ? operation.changes
          .filter(({ reason }) => reason === 'drifted')
          .map((change) => ({ name: operation.name, change }))
      : [],
  );
}
