import type { EmulatedSubscription } from '../../src/emulator/account.ts';
import { ownedIds } from '../../src/domain/record.ts';
import { SinkError } from '../../src/domain/errors.ts';
import type { Random } from '../simulation/model-random.ts';
import { imageOf, type ChaosWorld } from './chaos-world.ts';
import { pickAny, type Deed } from './deed.ts';
import { URLS } from './file-deeds.ts';

const READ = { subscribed_events: ['message.read'] };

/** What somebody else with the same account does, past the program. */
export const outsiderDeeds: readonly Deed[] = [
  onOurs('changes ours', 4, (world, id) => void world.emulator.external.patch(id, READ)),
  onOurs('deletes ours', 3, (world, id) => void world.emulator.external.delete(id)),
  onOurs('deactivates ours', 1, (world, id) => {
    world.excuses.deactivated = true;
    world.emulator.external.patch(id, { is_active: false });
  }),
  onOurs('moves ours', 2, (world, id) => {
    world.emulator.external.patch(id, { target_url: `https://moved.example.net/${(world.names += 1)}` });
  }),
  {
    name: 'outsider: comes',
    weight: 2,
    act: (world) => addForeign(world, `https://elsewhere.example.net/${(world.names += 1)}`),
  },
  { name: 'outsider: takes a URL of the file', weight: 3, act: takeUrl },
  onTheirs('changes its own', 2, (world, id) => {
    world.emulator.external.patch(id, READ);
    noteForeign(world, id);
  }),
  onTheirs('leaves', 2, leave),
];

/** A subscription that some record names, so that nobody can mistake what happens to it for what we did. */
function onOurs(name: string, weight: number, act: (world: ChaosWorld, id: string) => void): Deed {
  return {
    name: `outsider: ${name}`,
    weight,
    async act(world, random) {
      const ids = await recordedIds(world);
      const theirs = world.foreign;
      const ours = world.emulator.subscriptions().filter(({ id }) => ids.has(id) && !theirs.has(id));
      const one = pickAny(ours, random);
      if (one === undefined) return null;
      act(world, one.id);
      return `${one.id}, which was at ${one.target_url}`;
    },
  };
}

function onTheirs(name: string, weight: number, act: (world: ChaosWorld, id: string) => void): Deed {
  return {
    name: `outsider: ${name}`,
    weight,
    act(world, random) {
      const id = pickAny([...world.foreign.keys()], random);
      if (id === undefined) return null;
      act(world, id);
      return id;
    },
  };
}

function takeUrl(world: ChaosWorld, random: Random): string | null {
  const { declared, emulator } = world;
  const wanted = [...declared.entries.values()].map(({ target_url }) => target_url);
  const taken = emulator.subscriptions().map(({ target_url }) => target_url);
  const from = random.chance(0.7) ? wanted : URLS;
  const url = pickAny(
    from.filter((one) => !taken.includes(one)),
    random,
  );
  return url === undefined ? null : addForeign(world, url);
}

function addForeign(world: ChaosWorld, target_url: string): string {
  const id = world.emulator.external.add({ target_url, subscribed_events: ['message.sent'] });
  noteForeign(world, id);
  return `${id} at ${target_url}`;
}

/** It is gone, and nobody is to blame. */
export function leave({ emulator, foreign }: ChaosWorld, id: string): void {
  foreign.delete(id);
  emulator.external.delete(id);
}

function noteForeign({ emulator, foreign }: ChaosWorld, id: string): void {
  const one = emulator.subscriptions().find((each) => each.id === id);
  if (one !== undefined) foreign.set(id, imageOf(one));
}

/** Foreign ones at a URL that the file wants. */
export function inTheWay({ emulator, foreign, declared }: ChaosWorld): readonly EmulatedSubscription[] {
  const wanted = new Set([...declared.entries.values()].map(({ target_url }) => target_url));
  return emulator.subscriptions().filter(({ id, target_url }) => foreign.has(id) && wanted.has(target_url));
}

/** Ids in the records; none where the sink cannot be read at the moment. */
async function recordedIds(world: ChaosWorld): Promise<ReadonlySet<string>> {
  const reader = world.reader();
  const ids = new Set<string>();
  try {
    for (const name of await reader.list()) {
      const entry = await reader.read(name);
      if (entry.kind === 'intact') for (const id of ownedIds(entry.record)) ids.add(id);
    }
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
  }
  return ids;
}
