import {
  CHANGES,
  ENDINGS,
  INSTALLATION_NAME,
  RECORD_SCHEMA,
  type EntryRecord,
  type Holder,
  type InstallationRecord,
  type LastChange,
  type Pause,
  type StoredSubscription,
} from '../domain/record.ts';
import type { SubscriptionFields } from '../domain/subscription.ts';
import {
  isObject,
  wrong,
  allowOnly,
  object,
  objects,
  oneOf,
  orNull,
  text,
  texts,
  truth,
  time,
  secret,
  Damage,
  type Fields,
  type Plain,
} from './record-fields.ts';

/** What stored data turned out to be; the reason for damage names fields, never content. */
export type Decoded<R> =
  | { readonly kind: 'intact'; readonly record: R }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'newer'; readonly schema: number };

/** The record as plain data, its secrets in the clear: for a sink's own storage and nothing else. */
export function encodeEntry(record: EntryRecord): Plain {
  const {
    current,
    next,
    retire,
    previous,
    intent,
    applied,
    retired,
    applied_from: from,
    last_change,
  } = record;
  return {
    schema: record.schema,
    name: record.name,
    owner: record.owner,
    current: current && encodeStored(current),
    next: next && {
      ...encodeStored(next),
      deactivated: next.deactivated,
      ready_at: next.ready_at,
      compromised: next.compromised,
      ending: next.ending,
    },
    retire: retire && { subscription_id: retire.subscription_id },
    previous: previous && {
      subscription_id: previous.subscription_id,
      signing_secret: previous.signing_secret?.reveal() ?? null,
      retired_at: previous.retired_at,
    },
    intent: intent && {
      marked_url: intent.marked_url,
      deadline: intent.deadline,
      holder: encodeHolder(intent.holder),
    },
    applied: applied && encodeFields(applied),
    prevent_destroy: record.prevent_destroy,
    retired: retired && { at: retired.at, deactivated: retired.deactivated },
    applied_from: from && {
      content_hash: from.content_hash,
      revision: from.revision,
      holder: encodeHolder(from.holder),
      server_time: from.server_time,
    },
    last_change: last_change && {
      what: last_change.what,
      at: last_change.at,
      revision: last_change.revision,
    },
  };
}

/** The installation's record as plain data. */
export function encodeInstallation(record: InstallationRecord): Plain {
  return {
    schema: record.schema,
    name: record.name,
    id: record.id,
    line_ids: [...record.line_ids],
    pauses: record.pauses.map(({ owner, name, until, reason }) => ({ owner, name, until, reason })),
  };
}

/** Reads an entry's record back. Every field is checked; one that is missing, wrong or unknown is damage. */
export function decodeEntry(data: unknown, name: string): Decoded<EntryRecord> {
  return decode(data, name, readEntry);
}

/** Reads the installation's record back, as strictly. */
export function decodeInstallation(data: unknown): Decoded<InstallationRecord> {
  return decode(data, INSTALLATION_NAME, readInstallation);
}

function encodeStored(stored: StoredSubscription): Plain {
  return {
    subscription_id: stored.subscription_id,
    target_url: stored.target_url,
    signing_secret: stored.signing_secret?.reveal() ?? null,
    created_at: stored.created_at,
  };
}

function encodeHolder(holder: Holder): Plain {
  const { host, boot, pid, started, mode } = holder;
  return { host, boot, pid, started, mode };
}

function encodeFields(fields: SubscriptionFields): Plain {
  return {
    target_url: fields.target_url,
    subscribed_events: [...fields.subscribed_events],
    phone_numbers: fields.phone_numbers && [...fields.phone_numbers],
    ...(fields.is_active !== undefined && { is_active: fields.is_active }),
    ...(fields.routing_key_header !== undefined && { routing_key_header: fields.routing_key_header }),
    ...(fields.routing_id_header !== undefined && { routing_id_header: fields.routing_id_header }),
  };
}

function decode<R extends { readonly name: string }>(
  data: unknown,
  name: string,
  read: (data: Fields) => R,
): Decoded<R> {
  if (!isObject(data)) return { kind: 'damaged', reason: 'is not a JSON object' };
  const schema = data['schema'];
  if (typeof schema !== 'number' || !Number.isSafeInteger(schema) || schema < 1) {
    return { kind: 'damaged', reason: 'has no schema number' };
  }
  // Before anything else: what a newer program wrote is not to be judged by our rules.
  if (schema > RECORD_SCHEMA) return { kind: 'newer', schema };
  try {
    const record = read({ data, place: '' });
    if (record.name !== name) return { kind: 'damaged', reason: 'carries another name than its own' };
    return { kind: 'intact', record };
  } catch (error) {
    if (error instanceof Damage) return { kind: 'damaged', reason: error.message };
    throw error;
  }
}

function readEntry(fields: Fields): EntryRecord {
  allowOnly(fields, [
    ...['schema', 'name', 'owner', 'current', 'next', 'retire', 'previous', 'intent', 'applied'],
    ...['prevent_destroy', 'retired', 'applied_from', 'last_change'],
  ]);
  return {
    schema: RECORD_SCHEMA,
    name: text(fields, 'name'),
    owner: text(fields, 'owner'),
    current: orNull(fields, 'current', (stored) => {
      allowOnly(stored, ['subscription_id', 'target_url', 'signing_secret', 'created_at']);
      return readStored(stored);
    }),
    next: orNull(fields, 'next', (next) => {
      allowOnly(next, [
        ...['subscription_id', 'target_url', 'signing_secret', 'created_at'],
        ...['deactivated', 'ready_at', 'compromised', 'ending'],
      ]);
      return {
        ...readStored(next),
        deactivated: truth(next, 'deactivated'),
        ready_at: next.data['ready_at'] === null ? null : time(next, 'ready_at'),
        compromised: truth(next, 'compromised'),
        ending: next.data['ending'] === null ? null : oneOf(next, 'ending', ENDINGS),
      };
    }),
    retire: orNull(fields, 'retire', (retire) => {
      allowOnly(retire, ['subscription_id']);
      return { subscription_id: text(retire, 'subscription_id') };
    }),
    previous: orNull(fields, 'previous', (previous) => {
      allowOnly(previous, ['subscription_id', 'signing_secret', 'retired_at']);
      return {
        subscription_id: text(previous, 'subscription_id'),
        signing_secret: secret(previous, 'signing_secret'),
        retired_at: time(previous, 'retired_at'),
      };
    }),
    intent: orNull(fields, 'intent', (intent) => {
      allowOnly(intent, ['marked_url', 'deadline', 'holder']);
      return {
        marked_url: text(intent, 'marked_url'),
        deadline: time(intent, 'deadline'),
        holder: readHolder(object(intent, 'holder')),
      };
    }),
    applied: orNull(fields, 'applied', readApplied),
    prevent_destroy: truth(fields, 'prevent_destroy'),
    retired: orNull(fields, 'retired', (retired) => {
      allowOnly(retired, ['at', 'deactivated']);
      return { at: time(retired, 'at'), deactivated: truth(retired, 'deactivated') };
    }),
    applied_from: orNull(fields, 'applied_from', (from) => {
      allowOnly(from, ['content_hash', 'revision', 'holder', 'server_time']);
      return {
        content_hash: text(from, 'content_hash'),
        revision: from.data['revision'] === null ? null : text(from, 'revision'),
        holder: readHolder(object(from, 'holder')),
        server_time: time(from, 'server_time'),
      };
    }),
    last_change: orNull(fields, 'last_change', readLastChange),
  };
}

function readInstallation(fields: Fields): InstallationRecord {
  allowOnly(fields, ['schema', 'name', 'id', 'line_ids', 'pauses']);
  const id = text(fields, 'id');
  if (!/^[a-z0-9]+$/.test(id)) throw wrong(fields, 'id');
  if (fields.data['name'] !== INSTALLATION_NAME) throw wrong(fields, 'name');
  return {
    schema: RECORD_SCHEMA,
    name: INSTALLATION_NAME,
    id,
    line_ids: texts(fields, 'line_ids'),
    pauses: objects(fields, 'pauses').map(readPause),
  };
}

function readPause(fields: Fields): Pause {
  allowOnly(fields, ['owner', 'name', 'until', 'reason']);
  return {
    owner: text(fields, 'owner'),
    name: fields.data['name'] === null ? null : text(fields, 'name'),
    until: fields.data['until'] === null ? null : time(fields, 'until'),
    reason: fields.data['reason'] === null ? null : text(fields, 'reason'),
  };
}

function readLastChange(fields: Fields): LastChange {
  allowOnly(fields, ['what', 'at', 'revision']);
  const revision = fields.data['revision'] === null ? null : text(fields, 'revision');
  return { what: oneOf(fields, 'what', CHANGES), at: time(fields, 'at'), revision };
}

function readStored(fields: Fields): StoredSubscription {
  return {
    subscription_id: text(fields, 'subscription_id'),
    target_url: text(fields, 'target_url'),
    signing_secret: secret(fields, 'signing_secret'),
    created_at: time(fields, 'created_at'),
  };
}

function readHolder(fields: Fields): Holder {
  allowOnly(fields, ['host', 'boot', 'pid', 'started', 'mode']);
  const { pid } = fields.data;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 0) throw wrong(fields, 'pid');
  return {
    host: text(fields, 'host', 0),
    boot: text(fields, 'boot', 0),
    pid,
    started: text(fields, 'started', 0),
    mode: oneOf(fields, 'mode', ['sync', 'run']),
  };
}

function readApplied(fields: Fields): SubscriptionFields {
  allowOnly(fields, [
    ...['target_url', 'subscribed_events', 'phone_numbers'],
    ...['is_active', 'routing_key_header', 'routing_id_header'],
  ]);
  const { data } = fields;
  const header = (key: string) => (data[key] === null ? null : text(fields, key, 0));
  return {
    target_url: text(fields, 'target_url'),
    subscribed_events: texts(fields, 'subscribed_events'),
    phone_numbers: data['phone_numbers'] === null ? null : texts(fields, 'phone_numbers'),
    ...('is_active' in data && { is_active: truth(fields, 'is_active') }),
    ...('routing_key_header' in data && { routing_key_header: header('routing_key_header') }),
    ...('routing_id_header' in data && { routing_id_header: header('routing_id_header') }),
  };
}
