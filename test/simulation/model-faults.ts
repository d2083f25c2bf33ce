import type { EffectKind } from './model-effect.ts';
import type { Random } from './model-random.ts';

/** How an effect fares. `slow`: it takes place later, and the client waits · `late`: it takes place after the client gave up. */
export type Fate =
  | 'answered'
  | 'slow'
  | 'not-sent'
  | 'lost-before'
  | 'lost-after'
  | 'late'
  | 'broken-after'
  | 'busy'
  | 'refused';

/** Probabilities: of fates for each effect, of events for each step of the scheduler. */
export interface Faults {
  readonly slow: number;
  readonly notSent: number;
  readonly lostBefore: number;
  readonly lostAfter: number;
  readonly late: number;
  readonly brokenAfter: number;
  readonly busy: number;
  readonly refused: number;
  readonly readFails: number;
  readonly listLacks: number;
  readonly crash: number;
  readonly stop: number;
  readonly pause: number;
  readonly jump: number;
  readonly sinkFull: number;
  readonly outsider: number;
}

/** Each kind of fault is absent from half of the histories, so that no kind hides behind another. */
export function drawFaults(random: Random): Faults {
  const ofEffects = (): number => (random.chance(0.5) ? 0 : random.pick([0.02, 0.08, 0.25]));
  const ofSteps = (): number => (random.chance(0.5) ? 0 : random.pick([0.005, 0.02, 0.05]));
  return {
    slow: ofEffects(),
    notSent: ofEffects(),
    lostBefore: ofEffects(),
    lostAfter: ofEffects(),
    late: ofEffects(),
    brokenAfter: ofEffects(),
    busy: ofEffects(),
    refused: ofEffects() / 2,
    readFails: ofEffects() / 4,
    listLacks: ofEffects() / 4,
    crash: ofSteps(),
    stop: ofSteps() / 2,
    pause: ofSteps() * 2,
    jump: ofSteps(),
    sinkFull: ofSteps() / 2,
    outsider: ofSteps() / 2,
  };
}

/** How one effect fares. */
export function drawFate(kind: EffectKind, faults: Faults, random: Random): Fate {
  if (kind === 'list' || kind === 'get' || kind === 'sink-read') {
    if (random.chance(faults.readFails)) return 'lost-before';
    return 'answered';
  }
  if (random.chance(faults.slow)) return 'slow';
  if (random.chance(faults.lostBefore)) return 'lost-before';
  if (random.chance(faults.lostAfter)) return 'lost-after';
  if (random.chance(faults.late)) return 'late';
  if (kind === 'sink-write') return 'answered';
  if (random.chance(faults.notSent)) return 'not-sent';
  if (random.chance(faults.brokenAfter)) return 'broken-after';
  if (random.chance(faults.busy)) return 'busy';
  if (random.chance(faults.refused)) return 'refused';
  return 'answered';
}
