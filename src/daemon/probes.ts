import { publicText } from './public-text.ts';
import type { DaemonStatus } from './status.ts';

const MAX_NAMES = 20;

/**
 * What is missing until a good file has been loaded and a pass has come to a plan, one reason a line; empty
 * once it is so, for good: a bad file or a sealed Vault later does not take the daemon out of service.
 */
export function whyNotReady(status: DaemonStatus): readonly string[] {
  const { config, pass } = status;
  const reasons: string[] = [];
  if (config.loaded === null) {
    reasons.push(withCause('no good subscriptions file has been loaded yet', config.problem?.message));
  }
  if (pass.lastPlanAt === null) {
    reasons.push(withCause('no pass has come to a plan yet', pass.last?.error));
  }
  return reasons;
}

/** The names whose secret is not stored and exported yet, at most twenty, one a line; empty when there is none. */
export function whyNotStarted(status: DaemonStatus): readonly string[] {
  const { awaited } = status;
  if (awaited === null) return ['it is not known yet which secrets are awaited'];
  if (awaited.length === 0) return [];
  const more = awaited.length - MAX_NAMES;
  const names = awaited.slice(0, MAX_NAMES).map((name) => publicText(name));
  return ['no secret is stored and exported yet for:', ...names, ...(more > 0 ? [`and ${more} more`] : [])];
}

function withCause(reason: string, cause: string | null | undefined): string {
  return cause === null || cause === undefined ? reason : `${reason}: ${publicText(cause)}`;
}
