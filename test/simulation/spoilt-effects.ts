import { RequestError } from '../../src/domain/errors.ts';
import type { EntryRecord } from '../../src/domain/record.ts';
import { Secret } from '../../src/domain/secret.ts';
import { markOf } from '../../src/domain/target-url.ts';
import type { LinqReader, LinqWriter } from '../../src/linq/linq-api.ts';
import { OUTSIDER } from './model-api.ts';
import type { Bug } from './model-process.ts';

type Linq = LinqReader & LinqWriter;

/** Bugs that the invariants must notice, by what they do to a request on its way. */
export const SPOILT_REQUESTS: readonly Bug[] = [
  {
    name: 'a URL that is in use counts as made by us',
    spoilClients: ({ linq, sink }, { api }) => ({
      linq: {
        ...linq,
        createSubscription: async (fields) => {
          const url = withoutMark(fields.target_url);
          const there = [...api.live.values()].find(({ target_url }) => target_url === url);
          if (there === undefined) return linq.createSubscription(fields);
          return {
            subscription: there,
            signing_secret: new Secret(api.issued.get(there.id)?.secret ?? 'none'),
          };
        },
      },
      sink,
    }),
  },
  spoilLinq('a DELETE is never sent', () => ({
    deleteSubscription: () => Promise.resolve('deleted' as const),
  })),
  spoilLinq('a PUT leaves the URL out', (linq) => ({
    updateSubscription: (id, { target_url: _, ...patch }) => linq.updateSubscription(id, patch),
  })),
  spoilLinq('a PUT never deactivates', (linq) => ({
    updateSubscription: (id, { is_active, ...patch }) =>
      linq.updateSubscription(id, is_active === true ? { ...patch, is_active } : patch),
  })),
  spoilLinq('a list that fails counts as empty', (linq) => ({
    listSubscriptions: async () => {
      try {
        return await linq.listSubscriptions();
      } catch (error) {
        if (error instanceof RequestError) return { subscriptions: [], serverTime: undefined };
        throw error;
      }
    },
    getSubscription: () => Promise.resolve(undefined),
  })),
];

/** And by what they do to a record on its way. */
export const SPOILT_RECORDS: readonly Bug[] = [
  spoilRecord('a secret is stored without the subscription that it belongs to', (record) =>
    record.current === null || record.next !== null ? record : { ...record, current: null },
  ),
  spoilRecord('a secret is not stored with its subscription', (record) => ({
    ...record,
    current: record.current && { ...record.current, signing_secret: null },
  })),
  spoilRecord('the secret of the old one is stored for the new one', (record) => ({
    ...record,
    next: record.next && { ...record.next, signing_secret: record.current?.signing_secret ?? null },
  })),
  spoilRecord('what was applied is not noted', (record) => ({
    ...record,
    applied: record.applied && { ...record.applied, target_url: 'https://hooks.example.com/elsewhere' },
  })),
  spoilRecord('a retirement forgets that it deactivated', (record) => ({
    ...record,
    retired: record.retired && { ...record.retired, deactivated: false },
  })),
  spoilRecord('a replacement never comes to rest', (record) => ({
    ...record,
    next: record.next && { ...record.next, ready_at: null },
  })),
  spoilRecord('it is not noted that the new one was deactivated by us', (record) => ({
    ...record,
    next: record.next && { ...record.next, deactivated: false },
  })),
  {
    name: 'a record names what is foreign',
    spoilClients: ({ linq, sink }, { api }) => ({
      linq,
      sink: {
        ...sink,
        write: (record, expected) => {
          const foreign = [...api.live.keys()].find((id) => api.issued.get(id)?.author === OUTSIDER);
          const { current } = record;
          const isSpoilt = foreign !== undefined && current !== null;
          return sink.write(
            isSpoilt ? { ...record, current: { ...current, subscription_id: foreign } } : record,
            expected,
          );
        },
      },
    }),
  },
  {
    name: 'the installation has another id at every look',
    spoilClients: ({ linq, sink }) => {
      let looks = 0;
      return {
        linq,
        sink: {
          ...sink,
          readInstallation: async () => {
            const entry = await sink.readInstallation();
            if (entry.kind !== 'intact') return entry;
            return { ...entry, record: { ...entry.record, id: `other${(looks += 1)}` } };
          },
        },
      };
    },
  },
  {
    name: 'a record is never removed',
    spoilClients: ({ linq, sink }) => ({
      linq,
      sink: { ...sink, remove: (_name, expected) => Promise.resolve(expected) },
    }),
  },
];

/** A bug in some requests. */
export function spoilLinq(name: string, spoil: (linq: Linq) => Partial<Linq>): Bug {
  return { name, spoilClients: ({ linq, sink }) => ({ linq: { ...linq, ...spoil(linq) }, sink }) };
}

/** A bug in every record that is written. */
export function spoilRecord(name: string, spoil: (record: EntryRecord) => EntryRecord): Bug {
  return {
    name,
    spoilClients: ({ linq, sink }) => ({
      linq,
      sink: { ...sink, write: (record, expected) => sink.write(spoil(record), expected) },
    }),
  };
}

/** The declared URL. */
export function withoutMark(url: string): string {
  return url.replace(`&linq_gitops=${markOf(url) ?? ''}`, '');
}
