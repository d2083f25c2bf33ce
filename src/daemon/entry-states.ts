import type { Desired } from '../domain/desired.ts';
import type { Plan } from '../domain/plan.ts';
import type { Report } from '../domain/report.ts';
import type { StoredSecret } from '../reconcile/stored-secrets.ts';
import type { EntryStatus, HeldStatus } from './status.ts';

type Verdict = Pick<EntryStatus, 'state' | 'guard' | 'reason'>;

const IN_SYNC: Verdict = { state: 'in_sync', guard: null, reason: null };

/** How every entry of the file, and every record of ours that the file does not name, stands after a pass; by name. */
export function entryStates(
  desired: Desired,
  plan: Plan,
  report: Report,
  stored: ReadonlyMap<string, StoredSecret>,
): readonly EntryStatus[] {
  const verdicts = verdictsOf(plan, report);
  const names = new Set([
    ...desired.entries.map(({ name }) => name),
    ...stored.keys(),
    ...plan.held.flatMap(({ name }) => name ?? []),
  ]);
  return [...names].sort().map((name) => ({
    name,
    ...(verdicts.get(name) ?? IN_SYNC),
    ...secretOf(name, stored),
  }));
}

/** The same entries with what is stored now; what a pass that failed leaves to be said. */
export function withStored(
  entries: readonly EntryStatus[],
  stored: ReadonlyMap<string, StoredSecret>,
): readonly EntryStatus[] {
  return entries.map((entry) => ({ ...entry, ...secretOf(entry.name, stored) }));
}

/** What is held and belongs to no entry. */
export function heldOfNoEntry(plan: Plan): readonly HeldStatus[] {
  return plan.held.flatMap(({ name, guard, reason }) => (name === null ? [{ guard, reason }] : []));
}

function secretOf(
  name: string,
  stored: ReadonlyMap<string, StoredSecret>,
): Pick<EntryStatus, 'subscriptionId' | 'secretCreatedAt'> {
  const own = stored.get(name);
  return { subscriptionId: own?.subscriptionId ?? null, secretCreatedAt: own?.createdAt ?? null };
}

/** A failure says more than a hold, and a hold of an operation more than drift that is left so. */
function verdictsOf(plan: Plan, report: Report): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const { name, guard, reason } of plan.held) {
    if (name === null || verdicts.get(name)?.state === 'held') continue;
    verdicts.set(name, { state: guard === 'drift' ? 'drifted' : 'held', guard, reason });
  }
  for (const { operation, result } of report.items) {
    if (operation.kind === 'collect' || operation.name === null || result.status === 'done') continue;
    if (verdicts.get(operation.name)?.state === 'failed') continue;
    const verdict: Verdict =
      result.status === 'held'
        ? { state: 'held', guard: result.guard, reason: result.reason }
        : { state: 'failed', guard: null, reason: 'error' in result ? result.error : result.reason };
    verdicts.set(operation.name, verdict);
  }
  return verdicts;
}
