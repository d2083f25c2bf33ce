import { RequestError } from '../../src/domain/errors.ts';
import type { SecretSink } from '../../src/secrets/sink.ts';
import { recordIn, recordsIn } from './model-sink.ts';
import type { Bug } from './model-process.ts';
import { SPOILT_RECORDS, SPOILT_REQUESTS, spoilLinq, spoilRecord, withoutMark } from './spoilt-effects.ts';

/** Bugs that the invariants must notice. Each takes one of the protocol's supports away, and nothing else. */
const SUPPORTS: readonly Bug[] = [
  {
    name: 'the sink heeds no expected version',
    spoilWorld: ({ sink }) => (sink.ignoresExpected = true),
  },
  {
    name: 'a POST goes to the declared URL, without a mark',
    spoilClients: ({ linq, sink }) => ({
      linq: {
        ...linq,
        createSubscription: (fields) =>
          linq.createSubscription({ ...fields, target_url: withoutMark(fields.target_url) }),
      },
      sink,
    }),
  },
  {
    name: 'a DELETE that may not have happened counts as done',
    spoilClients: ({ linq, sink }) => ({
      linq: { ...linq, deleteSubscription: (id) => orElse(linq.deleteSubscription(id), 'deleted' as const) },
      sink,
    }),
  },
  {
    name: 'a write that the sink lost counts as stored',
    spoilClients: ({ linq, sink }, world) => ({
      linq,
      sink: {
        ...sink,
        write: async (record, expected) => {
          if (world.faults === null || !world.random.chance(0.1)) return sink.write(record, expected);
          const entry = await sink.read(record.name);
          return entry.version;
        },
      },
    }),
  },
  {
    name: 'an id that the list lacks counts as gone',
    spoilClients: ({ linq, sink }) => ({
      linq: { ...linq, getSubscription: () => Promise.resolve(undefined) },
      sink,
    }),
  },
  {
    name: 'nothing is claimed before it is deleted',
    faults: {
      pause: 0.1,
      jump: 0.05,
      slow: 0.1,
      sinkFull: 0,
      readFails: 0,
      crash: 0.01,
      stop: 0,
      outsider: 0,
    },
    spoilClients: ({ linq, sink }, { sink: truth }) => ({
      linq,
      sink: {
        ...sink,
        write: (record, expected) => {
          const mark = recordIn(truth, record.name)?.intent?.marked_url;
          const isClaim = mark !== undefined && record.intent?.marked_url === mark;
          return isClaim ? Promise.resolve(expected) : sink.write(record, expected);
        },
      },
    }),
  },
  readEarly('the records are read before the list, and not again before a collection', false),
  {
    name: 'the old one is deleted before the new one is active',
    spoilClients: ({ linq, sink }) => ({
      linq: {
        ...linq,
        updateSubscription: (id, { is_active, ...patch }) =>
          linq.updateSubscription(
            id,
            is_active === true ? patch : { ...patch, ...(is_active === false && { is_active }) },
          ),
        getSubscription: async (id) => {
          const live = await linq.getSubscription(id);
          return live && { ...live, is_active: true };
        },
      },
      sink,
    }),
  },
  {
    name: 'the new secret is not stored before the switch',
    spoilClients: ({ linq, sink }) => ({
      linq,
      sink: {
        ...sink,
        write: (record, expected) =>
          sink.write(record.current && record.next ? { ...record, next: null } : record, expected),
      },
    }),
  },
  {
    name: 'the overlap counts from nothing',
    spoilClients: ({ linq, sink }) => ({
      linq,
      sink: {
        ...sink,
        read: async (name) => {
          const entry = await sink.read(name);
          if (entry.kind !== 'intact' || !entry.record.next?.ready_at) return entry;
          const next = { ...entry.record.next, ready_at: '1970-01-01T00:00:00.000Z' };
          return { ...entry, record: { ...entry.record, next } };
        },
      },
    }),
  },
  {
    name: 'both subscriptions of a replacement are kept',
    spoilClients: ({ linq, sink }, { sink: truth }) => ({
      linq: {
        ...linq,
        deleteSubscription: (id) =>
          recordsIn(truth).some(({ current, next }) => next !== null && current?.subscription_id === id)
            ? Promise.resolve('deleted')
            : linq.deleteSubscription(id),
      },
      sink,
    }),
  },
  {
    name: 'a name that was removed starts again with its first version',
    spoilWorld: ({ sink }) => {
      const counts = new Map<string, number>();
      sink.nextVersion = (name) => {
        const count = recordIn(sink, name) === null ? 1 : (counts.get(name) ?? 0) + 1;
        counts.set(name, count);
        return `v${count}`;
      };
    },
  },
];

/** Every bug that the invariants must notice. */
export const BUGS: readonly Bug[] = [...SUPPORTS, ...SPOILT_REQUESTS, ...SPOILT_RECORDS];

/**
 * Bugs that the protocol bears, because what they break is not the only support: no invariant may break.
 * Marks and collection do not depend on what a POST's error says, nor on an intent; a collection reads the records once
 * more; and what a PUT did not do is a difference for the next pass.
 */
export const BORNE: readonly Bug[] = [
  spoilLinq('a PUT that failed counts as done', (linq) => ({
    updateSubscription: async (id, patch) => {
      try {
        return await linq.updateSubscription(id, patch);
      } catch (error) {
        const live = error instanceof RequestError ? await linq.getSubscription(id) : undefined;
        if (live === undefined) throw error;
        return live;
      }
    },
  })),
  spoilRecord('an intent is not written', (record) => ({ ...record, intent: null })),
  readEarly('the records are read before the list', true),
  {
    name: 'a POST that may have happened is reported as not sent',
    spoilClients: ({ linq, sink }) => ({
      linq: {
        ...linq,
        createSubscription: async (fields) => {
          try {
            return await linq.createSubscription(fields);
          } catch (error) {
            if (!(error instanceof RequestError)) throw error;
            const { message, method, url } = error;
            throw new RequestError(message, { outcome: 'not-sent', method, url });
          }
        },
      },
      sink,
    }),
  },
];

/** A pass sees the records as they were before its list; `isReadAgain`: while it applies, as they are. */
function readEarly(name: string, isReadAgain: boolean): Bug {
  return {
    name,
    faults: {
      ...{ pause: 0.1, jump: 0.1, lostBefore: 0.1 },
      ...{ sinkFull: 0, readFails: 0, crash: 0, stop: 0, outsider: 0 },
    },
    spoilClients: ({ linq, sink }) => {
      let early: Promise<Snapshot> | undefined;
      return {
        linq: {
          ...linq,
          listSubscriptions: async () => {
            early ??= takeSnapshot(sink);
            await early;
            return linq.listSubscriptions();
          },
        },
        sink: {
          ...sink,
          list: async () => (await early)?.names ?? sink.list(),
          read: async (name) => (await early)?.entries.get(name) ?? sink.read(name),
          check: () => {
            early = Promise.resolve({ names: isReadAgain ? undefined : [], entries: new Map() });
            return sink.check();
          },
        },
      };
    },
  };
}

interface Snapshot {
  readonly names: readonly string[] | undefined;
  readonly entries: ReadonlyMap<string, Awaited<ReturnType<SecretSink['read']>>>;
}

async function takeSnapshot(sink: SecretSink): Promise<Snapshot> {
  const names = await sink.list();
  const entries = new Map<string, Awaited<ReturnType<SecretSink['read']>>>();
  for (const name of new Set([...names, 'orders', 'billing', 'shop']))
    entries.set(name, await sink.read(name));
  return { names, entries };
}

async function orElse<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RequestError) return otherwise;
    throw error;
  }
}
