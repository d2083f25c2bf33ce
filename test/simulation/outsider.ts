import type { Desired } from '../../src/domain/desired.ts';
import type { LiveSubscription } from '../../src/domain/subscription.ts';
import { ownedIds } from '../../src/domain/record.ts';
import { createIn, deleteIn, liveAt, OUTSIDER, updateIn } from './model-api.ts';
import { isForeign, liveOfOurs } from './invariants.ts';
import { recordsIn } from './model-sink.ts';
import type { World } from './model-world.ts';

/** A person with the same API key does something in the account: comes, goes, takes a URL, changes or deletes ours. */
export function meddle(world: World, files: readonly Desired[]): void {
  const { api, random } = world;
  const named = new Set(recordsIn(world.sink).flatMap(ownedIds));
  const ours = liveOfOurs(world).filter(({ id }) => named.has(id));
  const theirs = [...api.live.values()].filter(({ id }) => isForeign(id, world));
  const urls = files.flatMap(({ entries }) => entries.map(({ fields }) => fields.target_url));
  const deeds = [
    () => take('https://elsewhere.example.net/hook'),
    () => take(random.pick(urls)),
    ...theirs.map((one) => () => leave(one)),
    ...ours.flatMap(({ id }) => [
      () => remove(id),
      () => void updateIn(api, id, { subscribed_events: ['message.read'] }, OUTSIDER),
      () => deactivate(id),
      () => move(id, 'https://moved.example.net/hook'),
    ]),
  ];
  random.pick(deeds)();

  function take(target_url: string): void {
    if (liveAt(api, target_url)) return;
    world.note(`outsider takes ${target_url}`);
    createIn(api, { target_url, subscribed_events: ['message.read'], phone_numbers: null }, OUTSIDER);
  }

  function leave({ id, target_url }: LiveSubscription): void {
    world.note(`outsider deletes ${id}, which is foreign`);
    // Where it was to be replaced, nothing active was left for a while.
    if (world.consents.has(target_url)) world.meddledWith.add(id);
    deleteIn(api, id, OUTSIDER);
  }

  function remove(id: string): void {
    world.note(`outsider deletes ${id}`);
    world.meddledWith.add(id);
    deleteIn(api, id, OUTSIDER);
  }

  function deactivate(id: string): void {
    world.note(`outsider deactivates ${id}`);
    world.meddledWith.add(id);
    updateIn(api, id, { is_active: false }, OUTSIDER);
  }

  function move(id: string, target_url: string): void {
    if (liveAt(api, target_url)) return;
    world.note(`outsider moves ${id}`);
    updateIn(api, id, { target_url }, OUTSIDER);
  }
}
