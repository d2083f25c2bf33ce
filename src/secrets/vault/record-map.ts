import { decodeEntry, decodeInstallation, encodeEntry, encodeInstallation } from '../record-codec.ts';
import type { Decoded } from '../record-codec.ts';
import type { Plain } from '../record-fields.ts';
import { asObject, parseObject } from './plain.ts';
import { INSTALLATION_NAME } from '../../domain/record.ts';
import type { EntryRecord, InstallationRecord } from '../../domain/record.ts';

/** The data map of a secret of ours: what consumers read, and `record`, JSON of the rest. */
export type DataMap = Readonly<Record<string, string>>;

/** Fields of the record that stand under keys of their own, so that Vault Agent, ESO and VSO can use them as they are. */
const OWN_KEYS = [
  { part: 'current', field: 'signing_secret', key: 'signing_secret' },
  { part: 'next', field: 'signing_secret', key: 'next_signing_secret' },
  { part: 'previous', field: 'signing_secret', key: 'previous_signing_secret' },
  { part: 'current', field: 'subscription_id', key: 'subscription_id' },
  { part: 'current', field: 'target_url', key: 'target_url' },
] as const;

const SECRET_KEYS: readonly string[] = ['signing_secret', 'next_signing_secret', 'previous_signing_secret'];

/** An entry's record as a data map, its secrets in the clear. */
export function entryToMap(record: EntryRecord): DataMap {
  const rest: Record<string, unknown> = { ...encodeEntry(record) };
  const map: Record<string, string> = {};
  for (const { part, field, key } of OWN_KEYS) {
    const whole = asObject(rest[part]);
    const value = whole?.[field];
    if (whole === undefined || typeof value !== 'string') continue;
    map[key] = value;
    rest[part] = Object.fromEntries(Object.entries(whole).filter(([name]) => name !== field));
  }
  return { ...map, record: JSON.stringify(rest) };
}

/** The installation's record as a data map. */
export function installationToMap(record: InstallationRecord): DataMap {
  return { record: JSON.stringify(encodeInstallation(record)) };
}

/** What a removal leaves. `nonce` tells one removal from another process's. */
export function tombstoneMap(name: string, nonce: string): DataMap {
  return { record: JSON.stringify({ removed: true, name, nonce }) };
}

/** What a data map turned out to be; `foreign` carries nothing that we ever wrote. */
export type DecodedMap<R> = Decoded<R> | { readonly kind: 'removed' } | { readonly kind: 'foreign' };

/** Reads an entry's data map back, as strictly as the record's own codec. */
export function mapToEntry(map: Plain, name: string): DecodedMap<EntryRecord> {
  return decodeMap(map, name, (rest) => decodeEntry(rest, name));
}

/** Reads the installation's data map back. */
export function mapToInstallation(map: Plain): DecodedMap<InstallationRecord> {
  return decodeMap(map, INSTALLATION_NAME, decodeInstallation);
}

/** The values of a data map that no message may show. */
export function secretsOf(map: DataMap): readonly string[] {
  return SECRET_KEYS.flatMap((key) => map[key] ?? []);
}

/** Whether two data maps hold the same. */
export function isSameMap(a: Plain, b: Plain): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && a[key] === b[key]);
}

function decodeMap<R>(map: Plain, name: string, decode: (rest: Plain) => Decoded<R>): DecodedMap<R> {
  const text = map['record'];
  if (typeof text !== 'string') return { kind: 'foreign' };
  const rest = parseObject(text);
  if (rest === undefined) return { kind: 'damaged', reason: 'has no JSON object under its key "record"' };
  if (rest['removed'] === true && rest['name'] === name) return { kind: 'removed' };
  const whole: Record<string, unknown> = { ...rest };
  let used = 1;
  for (const { part, field, key } of OWN_KEYS) {
    const partial = asObject(whole[part]);
    if (partial === undefined || field in partial || !(key in map)) continue;
    whole[part] = { ...partial, [field]: map[key] };
    used += 1;
  }
  const decoded = decode(whole);
  // What a newer program wrote is not to be judged; another key would be lost at our next write.
  if (decoded.kind !== 'intact' || used === Object.keys(map).length) return decoded;
  return { kind: 'damaged', reason: 'has a key that is not part of its record' };
}
