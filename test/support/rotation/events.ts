import { setTimeout as rest } from 'node:timers/promises';
import type { EmulatedSubscription } from '../../../src/emulator/account.ts';
import type { Emulator } from '../../../src/emulator/emulator.ts';
import { markOf } from '../../../src/domain/target-url.ts';
import { HABITS, type Habit, type VerifyingReceiver } from './verifying-receiver.ts';

/** What became of the events so far. */
export interface Tally {
  /** Events of the account; each goes to every active subscription of its entry, and so to both receivers. */
  events: number;
  deliveries: number;
  /** Deliveries with a signature that the receiver does not know (yet): the other subscription's is what counts. */
  refused: number;
  /** Accepted twice while the new one is active and the old one is not deleted yet. */
  whileSwitching: number;
  /** Accepted twice before the new one was deactivated for the first time: Linq makes none inactive. */
  beforeResting: number;
  /** Accepted twice at any other time. */
  elsewhere: string[];
  /** Accepted by nobody. */
  lost: string[];
  /** More than two subscriptions of one entry at once, or none. */
  miscounted: string[];
}

/** Events all the time, one after the other, for as long as it runs. */
export interface EventStream {
  readonly tally: Tally;
  /** Resolves when the condition holds; it is looked at after every event. */
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export interface EventStreamOptions {
  readonly emulator: Emulator;
  readonly receiver: VerifyingReceiver;
  readonly names: readonly string[];
  /** Which entry a subscription is of, by its URL; `undefined` for what is no matter of ours. */
  readonly nameOf: (targetUrl: string) => string | undefined;
}

/** Between events, so that there is something left of the processor for those whose work is watched. */
const PACE_MS = 4;

/** Starts with the first event. What something was just done to comes next; else it is the entries' turn one by one. */
export function startEvents({ emulator, receiver, names, nameOf }: EventStreamOptions): EventStream {
  const tally: Tally = {
    ...{ events: 0, deliveries: 0, refused: 0, whileSwitching: 0, beforeResting: 0 },
    ...{ elsewhere: [], lost: [], miscounted: [] },
  };
  const rested = new Set<string>();
  const watchers = new Set<() => void>();
  let isOver = false;
  let seen = emulator.requests.length;
  let turn = 0;

  /** By entry. Whoever looks at what is live learns what has come to rest. */
  function liveOnes(): ReadonlyMap<string, readonly EmulatedSubscription[]> {
    const live = new Map<string, EmulatedSubscription[]>(names.map((name) => [name, []]));
    for (const subscription of emulator.subscriptions()) {
      live.get(nameOf(subscription.target_url) ?? '')?.push(subscription);
      if (!subscription.is_active) rested.add(subscription.id);
    }
    return live;
  }

  function nextNames(live: ReadonlyMap<string, readonly EmulatedSubscription[]>): readonly string[] {
    const ids = new Set(emulator.requests.slice(seen).flatMap(({ id }) => id ?? []));
    seen = emulator.requests.length;
    const touched = [...live].flatMap(([name, ones]) => (ones.some(({ id }) => ids.has(id)) ? [name] : []));
    turn += 1;
    return touched.length > 0 ? touched : [names[turn % names.length] as string];
  }

  async function fanOut(name: string, habit: Habit): Promise<void> {
    const ones = liveOnes().get(name) ?? [];
    const active = ones.filter(({ is_active }) => is_active);
    if (ones.length > 2 || active.length === 0) {
      tally.miscounted.push(`${name}: ${ones.length} live, ${active.length} of them active`);
    }
    const incoming = active.find(({ target_url }) => markOf(target_url) !== undefined);
    const isResting = incoming !== undefined && !rested.has(incoming.id);
    tally.events += 1;
    tally.deliveries += active.length;
    // All are signed before anything else can happen.
    const sent = active.map(({ id }) => emulator.deliver(id, { url: receiver.urlOf(name, habit) }));
    const accepted = (await Promise.all(sent)).filter(({ status }) => status === 200).length;
    tally.refused += active.length - accepted;
    const words = `event ${tally.events} of ${name} (${habit}): ${active.map(({ id }) => id).join(', ')}`;
    if (accepted === 0) tally.lost.push(words);
    if (accepted < 2) return;
    if (incoming === undefined) tally.elsewhere.push(words);
    else if (isResting) tally.beforeResting += 1;
    else tally.whileSwitching += 1;
  }

  async function run(): Promise<void> {
    while (!isOver) {
      for (const name of nextNames(liveOnes())) for (const habit of HABITS) await fanOut(name, habit);
      for (const watcher of [...watchers]) watcher();
      await rest(PACE_MS);
    }
  }
  const running = run();

  return {
    tally,
    async until(condition) {
      const held = new Promise<void>((resolve) => {
        function check(): void {
          if (!condition()) return;
          watchers.delete(check);
          resolve();
        }
        watchers.add(check);
      });
      await Promise.race([held, running.then(() => Promise.reject(new Error('the events have ended')))]);
    },
    async stop() {
      isOver = true;
      await running;
    },
  };
}
