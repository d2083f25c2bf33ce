import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom, type Random } from '../simulation/model-random.ts';
import { calmDown } from './calm.ts';
import type { ChaosWorld } from './chaos-world.ts';
import { checkAtRest } from './checks.ts';
import { pickDeed, type Deed } from './deed.ts';
import { faultDeeds } from './fault-deeds.ts';
import { fileDeeds } from './file-deeds.ts';
import { outsiderDeeds } from './outsider-deeds.ts';
import { processDeeds } from './process-deeds.ts';

const DEEDS: readonly Deed[] = [...fileDeeds, ...processDeeds, ...outsiderDeeds, ...faultDeeds];
const MOST_DEEDS_PER_ROUND = 4;
const MOST_DRAWS = 20;
const MOST_REQUESTS = 14;
const MOST_PAUSE_MS = 3_000;
const LOOKS_MS = 40;

/** When rounds are to end, and when everything is. */
export interface Limits {
  /** Asked before each round. */
  readonly isOver: () => boolean;
  readonly isInterrupted: () => boolean;
}

/** The choices of one round: the same whatever happened before. */
export function randomOf(seed: number, epoch: number, round: number): Random {
  return randomFrom(Math.imul(seed, 1_000_003) + Math.imul(epoch, 1_009) + round);
}

/** Rounds of deeds, then rest, then the checks. What is violated is in the world. */
export async function runEpoch(
  world: ChaosWorld,
  seed: number,
  epoch: number,
  limits: Limits,
): Promise<void> {
  const own = randomOf(seed, epoch, 0);
  await world.beginEpoch(own);
  const rounds = 20 + own.below(25);
  const mood = weighDeeds(own);
  if (own.chance(0.7)) world.programs.start(['run']);
  for (let round = 1; round <= rounds && !limits.isOver(); round += 1) {
    if (world.violations.length > 0 || limits.isInterrupted()) return;
    await runRound(world, randomOf(seed, epoch, round), mood);
  }
  if (limits.isInterrupted() || world.violations.length > 0) return;
  const isCalm = await calmDown(world, own);
  if (isCalm && !limits.isInterrupted()) await checkAtRest(world);
  world.tally.count('epochs');
}

/** Every epoch has deeds that it is fond of, and others that it shuns. */
function weighDeeds(random: Random): readonly Deed[] {
  return DEEDS.map((deed) => ({ ...deed, weight: deed.weight * random.pick([1, 2, 2, 2, 4]) }));
}

async function runRound(world: ChaosWorld, random: Random, deeds: readonly Deed[]): Promise<void> {
  const count = 1 + random.below(MOST_DEEDS_PER_ROUND);
  for (let index = 0; index < count; index += 1)
    await runDeed(world, randomFrom(random.below(2 ** 31)), deeds);
  world.tally.count('rounds');
  await letWork(world, random);
}

/** Until the processes have come so far, by what they ask of the API: how fast they are depends on the machine. */
async function letWork({ emulator, programs }: ChaosWorld, random: Random): Promise<void> {
  const isEnough = emulator.requests.length + random.below(MOST_REQUESTS);
  const looks = random.below(MOST_PAUSE_MS / LOOKS_MS);
  for (let look = 0; look <= looks; look += 1) {
    await sleep(LOOKS_MS);
    if (emulator.requests.length >= isEnough || programs.running().length === 0) return;
  }
}

/** One that has something to do it to. */
async function runDeed(world: ChaosWorld, random: Random, deeds: readonly Deed[]): Promise<void> {
  for (let draw = 0; draw < MOST_DRAWS; draw += 1) {
    const deed = pickDeed(deeds, random);
    const said = await deed.act(world, random);
    if (said === null) continue;
    world.note(`${deed.name} ${said}`);
    world.tally.count(`deed: ${deed.name}`);
    return;
  }
}
