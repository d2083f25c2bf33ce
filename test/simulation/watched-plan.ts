import type { Operation } from '../../src/domain/operation.ts';
import type { Plan } from '../../src/domain/plan.ts';
import type { Pause } from '../../src/domain/record.ts';
import type { World } from './model-world.ts';

/** A pause that ends so soon need not be seen: the server's time is known to the second. */
const NEARLY_OVER_MS = 5_000;

/** What the rules need to know of a process. */
interface Planner {
  readonly name: string;
  readonly isFileBad: boolean;
}

/** Call before a pass, and the function with its plan: nothing is planned against a pause or from a file that is bad. */
export function watchPlan(process: Planner, world: World): (plan: Plan) => void {
  const before = lasting(world);
  return ({ operations }) => {
    const now = new Set(lasting(world).map(({ name }) => name));
    const paused = new Set(before.map(({ name }) => name).filter((name) => now.has(name)));
    for (const operation of operations) {
      const isPaused = paused.has(null) || touchedBy(operation).some((name) => paused.has(name));
      if (isPaused) world.violate('pause', `${process.name} plans "${operation.key}", which is paused`);
      if (process.isFileBad && isLoss(operation))
        world.violate('I7', `${process.name} plans "${operation.key}" from a file that is bad`);
    }
  };
}

function lasting(world: World): readonly Pause[] {
  const pauses = world.sink.installation?.record?.pauses ?? [];
  const soon = world.now() + NEARLY_OVER_MS;
  return pauses.filter(({ until }) => until === null || Date.parse(until) > soon);
}

function touchedBy(operation: Operation): readonly (string | null)[] {
  if (operation.kind === 'collect') return [];
  return operation.kind === 'rename' ? [operation.name, operation.from] : [operation.name];
}

function isLoss({ kind }: Operation): boolean {
  return kind === 'delete' || kind === 'retire' || kind === 'replace';
}
