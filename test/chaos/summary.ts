import type { ChaosWorld } from './chaos-world.ts';
import type { Tally } from './tally.ts';

/** What a run came to, as text. */
export function renderSummary(
  tally: Tally,
  {
    seed,
    minutes,
    violations,
    hasDisk,
  }: { seed: number; minutes: number; violations: number; hasDisk: boolean },
): string {
  const group = (name: string): string =>
    tally
      .group(name)
      .map(([what, count]) => `    ${String(count).padStart(6)}  ${what}`)
      .join('\n');
  return [
    `chaos: seed ${seed}; ${minutes.toFixed(1)} minutes, ${tally.of('epochs')} epochs, ${tally.of('rounds')} rounds`,
    ...(hasDisk ? [] : ['  no small file system could be mounted: no disk was filled']),
    `  deeds\n${group('deed')}`,
    `  requests that a fault of the API has hit\n${group('API fault')}`,
    `  circumstances of processes\n${group('fault')}`,
    `  ${tally.of('process: started')} processes, by their end\n${group('end')}`,
    `  done in the account, lists and reads included\n${group('account')}`,
    `  checked\n${group('check')}`,
    `  ${violations} violations`,
  ].join('\n');
}

/** What was broken, when, and after what. */
export function renderViolations(world: ChaosWorld, seed: number, epoch: number): string {
  return [
    ...world.history,
    '',
    ...world.violations.map(({ invariant, what }) => `${invariant}: ${what}`),
    `seed ${seed}, epoch ${epoch}; the folder is kept: ${world.folder}`,
  ].join('\n');
}
