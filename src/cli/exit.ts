import type { Plan } from '../domain/plan.ts';
import type { Report } from '../domain/report.ts';

/** The same in every format; where several apply, the first of 1, 3, 2 wins. */
export type ExitCode = 0 | 1 | 2 | 3 | 64 | 70 | 78 | 130 | 143;

export const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** The exit code of a pass that came to its end. `report` is null for a dry run. */
export function codeOfPass(plan: Plan, report: Report | null, options: { detailed: boolean }): ExitCode {
  const statuses = report?.items.map(({ result }) => result.status) ?? [];
  if (statuses.some((status) => status === 'failed' || status === 'unknown')) return 1;
  if (plan.held.length > 0 || statuses.includes('held')) return 3;
  if (report === null && options.detailed && plan.operations.length > 0) return 2;
  return 0;
}
