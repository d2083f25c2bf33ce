import { planChanges } from '../../src/plan/plan-changes.ts';
import type { PlanInput } from '../../src/plan/candidate.ts';
import type { View } from '../../src/plan/status.ts';
import { OWNER, world, type WorldSpec } from './world.ts';

/** What a command that only looks sees of a world. */
export function viewOf(spec: WorldSpec, flags = ''): View {
  return viewOfInput(world(spec), flags);
}

export function viewOfInput(input: PlanInput, flags = ''): View {
  return { desired: input.desired, input, plan: planChanges(input), owner: OWNER, flags };
}

/** The same where the file cannot be used. */
export function viewWithoutFile(spec: WorldSpec): View {
  const input = world({ ...spec, file: {}, policy: { prune: 'never' } });
  return { ...viewOfInput({ ...input, desired: { ...input.desired, entries: [] } }), desired: null };
}
