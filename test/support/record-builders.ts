import { emptyRecord, type EntryRecord, type Holder } from '../../src/domain/record.ts';
import { Secret } from '../../src/domain/secret.ts';

/** A process, for records that name one. */
const someHolder: Holder = {
  host: 'build-1',
  boot: '7c1b/4026531836',
  pid: 4711,
  started: '88123',
  mode: 'sync',
};

/** A signing secret of the form that Linq hands out; `letter` makes it another one. */
export function someSecret(letter = 'a'): Secret {
  return new Secret(`whsec_${Buffer.alloc(32, letter).toString('base64')}`);
}

/** A record of an entry that exists and has its secret. */
export function storedRecord(name: string, fields: Partial<EntryRecord> = {}): EntryRecord {
  return {
    ...emptyRecord(name, 'default'),
    current: {
      subscription_id: `sub-${name}`,
      target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
      signing_secret: someSecret(),
      created_at: '2026-03-01T10:00:00.000Z',
    },
    ...fields,
  };
}

/** A record in which every field that can hold something does. */
export function fullRecord(name: string): EntryRecord {
  const stored = storedRecord(name).current!;
  return {
    ...storedRecord(name),
    next: {
      ...stored,
      subscription_id: 'sub-next',
      signing_secret: someSecret('b'),
      deactivated: true,
      ready_at: null,
      compromised: false,
      ending: null,
    },
    retire: { subscription_id: 'sub-foreign' },
    previous: {
      subscription_id: 'sub-before',
      signing_secret: someSecret('c'),
      retired_at: '2026-02-01T10:00:00Z',
    },
    intent: {
      marked_url: `${stored.target_url}&linq_gitops=abc.def`,
      deadline: '2026-03-01T10:01:00Z',
      holder: someHolder,
    },
    applied: {
      target_url: stored.target_url,
      subscribed_events: ['message.received'],
      phone_numbers: ['+12025551234'],
      is_active: false,
      routing_key_header: 'X-Key',
      routing_id_header: null,
    },
    prevent_destroy: true,
    retired: { at: '2026-03-01T10:00:00Z', deactivated: true },
    applied_from: {
      content_hash: 'f'.repeat(64),
      revision: 'abc123',
      holder: { ...someHolder, mode: 'run' },
      server_time: '2026-03-01T10:00:01Z',
    },
    last_change: { what: 'created', at: '2026-03-01T10:00:01Z', revision: 'abc123' },
  };
}
