import type { Operation } from '../../src/domain/operation.ts';
import type { OperationResult } from '../../src/domain/report.ts';
import type { SubscriptionPatch } from '../../src/domain/subscription.ts';
import type { Watch } from '../simulation/invariants.ts';
import type { Effect } from '../simulation/model-effect.ts';
import { recordIn, recordsIn } from '../simulation/model-sink.ts';
import type { World } from '../simulation/model-world.ts';
import type { EditedFile } from './daemon-model-file.ts';

/** What must hold while two daemons work from different versions of one file. */
export interface PairWatch extends Watch {
  /** The same effect, seen by this watch when it takes place. */
  over<T>(effect: Effect<T>, author: string): Effect<T>;
  /** The daemon begins a pass with this version of the file. */
  looked(author: string, version: number): void;
  ended(author: string, operation: Operation, result: OperationResult): void;
  /** The file has just been edited. */
  edited(): void;
  /** A daemon ends, and another comes in its place. */
  replaced(): void;
  /** Both daemons have found that there is nothing to do. */
  rested(): void;
}

/** So often per edit, daemons may take turns at a record: the older one, the newer one, and once more. */
const MOST_TURNS = 2;
/** A request that lands late can put a field back, and then it is put right again. */
const MOST_RETURNS = 2;

/**
 * I2 to I4 by `worldWatch`, and beyond them: nothing that the newest file wants is deleted, by whomever; an entry
 * keeps its subscription, and so its secret, over edits and renames; and no record or field goes back and forth.
 */
export function watchPair(world: World, file: EditedFile, worldWatch: Watch): PairWatch {
  const { api, sink } = world;
  const versions = new Map<string, number>();
  /** Subscriptions of entries at the last rest, by name, and the version of that time. */
  let kept = new Map<string, string>();
  let keptVersion = 0;
  /** Edits since the last rest, and daemons that came in the place of others: each may take its turn. */
  let edits = 1;
  let newcomers = 0;
  /** Since the last rest: who wrote a record, in turns; what a field was, and how often it was so again. */
  let turns = new Map<string, string[]>();
  let values = new Map<string, string[]>();
  let returns = new Map<string, number>();

  const onWrite = api.onWrite;
  api.onWrite = (write) => {
    onWrite(write);
    const { method, id, author, wasLive } = write;
    if (method !== 'DELETE' || !wasLive || !isWanted(id)) return;
    const newest = file.versions.length - 1;
    world.violate('I2', `${author} deletes ${id} with file ${versions.get(author)}; file ${newest} wants it`);
  };

  function isWanted(id: string): boolean {
    const { entries } = file.newest().desired;
    return entries.some(
      ({ name }) => keptIdOf(name) === id || recordIn(sink, name)?.current?.subscription_id === id,
    );
  }

  /** The subscription that the entry of the newest file had at the last rest, under whatever name. */
  function keptIdOf(name: string): string | undefined {
    let former = name;
    for (const { renamed } of file.versions.slice(keptVersion + 1).reverse()) {
      former = renamed.get(former) ?? former;
    }
    return kept.get(former);
  }

  function wrote(name: string, author: string): void {
    const authors = turns.get(name) ?? [];
    if (authors.at(-1) === author) return;
    turns.set(name, [...authors, author]);
    if (authors.length > MOST_TURNS * edits + newcomers)
      world.violate(
        'back and forth',
        `the record of ${name} was written by ${[...authors, author].join(', ')}`,
      );
  }

  function put(id: string, patch: SubscriptionPatch, author: string): void {
    const live = api.live.get(id);
    if (live === undefined) return;
    for (const field of Object.keys(patch) as (keyof SubscriptionPatch)[]) {
      const key = `${id} ${field}`;
      const before = JSON.stringify(live[field]);
      const after = JSON.stringify(patch[field]);
      const seen = values.get(key) ?? [before];
      values.set(key, [...seen, after]);
      if (after === before || !seen.includes(after)) continue;
      const isOlder = versions.get(author) !== file.versions.length - 1;
      returns.set(key, (returns.get(key) ?? 0) + 1);
      if (isOlder || (returns.get(key) ?? 0) > MOST_RETURNS * edits)
        world.violate('back and forth', `${author} sets ${field} of ${id} back to ${after}`);
    }
  }

  return {
    check: () => worldWatch.check(),
    over: (effect, author) => ({
      ...effect,
      take() {
        const [, subject = '', json = ''] = /^\S+ (\S+) ?(.*)$/.exec(effect.label) ?? [];
        if (effect.kind === 'put') put(subject, JSON.parse(json) as SubscriptionPatch, author);
        const answer = effect.take();
        if (effect.kind === 'sink-write' && subject !== 'the') wrote(subject, author);
        return answer;
      },
    }),
    looked: (author, version) => void versions.set(author, version),
    ended(author, operation, result) {
      const isRevert = operation.kind === 'update' && operation.reason === 'drifted';
      if (isRevert && result.status === 'done')
        world.violate('fight', `${author} puts back what the other one changed: ${operation.key}`);
    },
    edited: () => void (edits += 1),
    replaced: () => void (newcomers += 1),
    rested() {
      const { entries } = file.newest().desired;
      for (const { name } of entries) {
        const before = keptIdOf(name);
        const now = recordIn(sink, name)?.current?.subscription_id;
        if (before !== undefined && now !== before)
          world.violate(
            'I2',
            `${name} has ${now ?? 'nothing'} in the place of ${before}: its secret is lost`,
          );
      }
      kept = new Map(
        recordsIn(sink).flatMap(({ name, current }) => (current ? [[name, current.subscription_id]] : [])),
      );
      keptVersion = file.versions.length - 1;
      [edits, newcomers] = [0, 0];
      turns = new Map();
      values = new Map();
      returns = new Map();
    },
  };
}
