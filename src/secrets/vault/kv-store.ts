import { SinkError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import type { Plain } from '../record-fields.ts';
import { ABSENT, type Version } from '../sink.ts';
import { asObject, objectAt, textsAt } from './plain.ts';
import { requiredGrants } from './policy.ts';
import { secretsOf, type DataMap } from './record-map.ts';
import { isCasMismatch, meaningOf404 } from './server-answer.ts';
import type { VaultAccess } from './vault-access.ts';
import type { VaultReply } from './vault-client.ts';
import type { VaultSettings } from '../../domain/settings.ts';
import type { VaultPaths } from './vault-paths.ts';

/** A version of a secret, as the server counts them. */
export interface KvVersion {
  /** From 1; 0 where there is none. Deleting the metadata, which we never do, makes the server count anew. */
  readonly number: number;
  /** The number and when it was made, so that it is never the same again, however the server counts. */
  readonly version: Version;
}

/** What the current version of a secret holds, and the marks in its `custom_metadata`. */
export type KvFound =
  | ({ readonly kind: 'absent' } & KvVersion)
  /** Deleted or destroyed; the version still counts. */
  | ({ readonly kind: 'no-data'; readonly isDestroyed: boolean; readonly marks: Plain } & KvVersion)
  | ({ readonly kind: 'data'; readonly map: Plain; readonly marks: Plain } & KvVersion);

/** `unknown`: no definite answer; `wasSent` false is certain. */
type KvWritten =
  | ({ readonly kind: 'written' } & KvVersion)
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'refused'; readonly error: SinkError }
  | { readonly kind: 'unknown'; readonly error: SinkError; readonly wasSent: boolean };

/** The calls of a KV engine, version 2, that the sink is made of. Every one fails with `SinkError`. */
export interface KvStore {
  /** Names right below the path, folders not among them; sorted. */
  list(): Promise<readonly string[]>;
  read(name: string): Promise<KvFound>;
  /** Replaces the whole map if `expected` is the current number; 0 where there must be none. */
  write(name: string, map: DataMap, expected: number): Promise<KvWritten>;
  /** Merges into `custom_metadata`; what others put there stays. */
  mark(name: string, marks: Readonly<Record<string, string>>): Promise<void>;
  /** Numbers below `number` whose data still exists, deleted or not. */
  olderThan(name: string, number: number): Promise<readonly number[]>;
  destroy(name: string, numbers: readonly number[]): Promise<void>;
}

/** A name that was never written. */
export const NOTHING = { kind: 'absent', number: 0, version: ABSENT } as const satisfies KvFound;

export function createKvStore(
  access: VaultAccess,
  paths: VaultPaths,
  options: Pick<VaultSettings, 'mount' | 'path'>,
): KvStore {
  const [data, metadata, destruction] = requiredGrants(options);

  async function read(name: string): Promise<KvFound> {
    const action = `read ${paths.locate(name)}`;
    const needs = data && { needs: data };
    const reply = await access({ action, method: 'GET', path: paths.data(name), ...needs });
    if (reply.kind === 'ok') return foundOf(objectAt(reply.body, 'data'), action);
    const meaning = meaningOf404(reply.answer);
    if (meaning === 'absent') return NOTHING;
    if (meaning === 'no-data') return foundOf(objectAt(reply.answer.body ?? {}, 'data'), action);
    throw reply.error;
  }

  async function write(name: string, map: DataMap, expected: number): Promise<KvWritten> {
    const action = `write ${paths.locate(name)}`;
    let sent = 0;
    try {
      const reply = await access({
        action,
        method: 'POST',
        path: paths.data(name),
        body: { options: { cas: expected }, data: map },
        secrets: secretsOf(map).map((value) => new Secret(value)),
        onSent: () => (sent += 1),
        ...(data && { needs: data }),
      });
      if (reply.kind === 'ok') {
        return { kind: 'written', ...writtenVersion(objectAt(reply.body, 'data'), expected, action) };
      }
      return isCasMismatch(reply.answer) ? { kind: 'mismatch' } : { kind: 'refused', error: reply.error };
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      return { kind: 'unknown', error, wasSent: sent > 0 };
    }
  }

  async function readMetadata(name: string): Promise<Plain> {
    const action = `read the metadata of ${paths.locate(name)}`;
    const path = paths.metadata(name);
    const reply = await access({ action, method: 'GET', path, ...(metadata && { needs: metadata }) });
    if (reply.kind === 'refused') throw reply.error;
    return objectAt(reply.body, 'data');
  }

  async function mark(name: string, marks: Readonly<Record<string, string>>): Promise<void> {
    const action = `mark ${paths.locate(name)} as managed by linq-gitops`;
    const call = { action, path: paths.metadata(name), ...(metadata && { needs: metadata }) };
    const body = { custom_metadata: marks };
    const contentType = 'application/merge-patch+json';
    const patched = await access({ ...call, method: 'PATCH', body, contentType });
    if (patched.kind === 'ok') return;
    // Servers before 1.9 have no PATCH: read, merge, and replace the whole.
    if (patched.answer.status !== 405) throw patched.error;
    const before = objectAt(await readMetadata(name), 'custom_metadata');
    const merged = { custom_metadata: { ...before, ...marks } };
    const replaced = await access({ ...call, method: 'POST', body: merged });
    if (replaced.kind === 'refused') throw replaced.error;
  }

  return {
    read,
    write,
    mark,
    async list() {
      const action = `list ${paths.mount}/${options.path}`;
      const path = `${paths.folder}?list=true`;
      const reply = await access({ action, method: 'GET', path, ...(metadata && { needs: metadata }) });
      return listedNames(reply, action);
    },
    async olderThan(name, number) {
      const versions = Object.entries(objectAt(await readMetadata(name), 'versions'));
      return versions
        .filter(([, version]) => asObject(version)?.['destroyed'] !== true)
        .map(([key]) => Number(key))
        .filter((one) => Number.isSafeInteger(one) && one > 0 && one < number)
        .sort((a, b) => a - b);
    },
    async destroy(name, numbers) {
      const action = `destroy older versions of ${paths.locate(name)}`;
      const body = { versions: numbers };
      const path = paths.destroy(name);
      const needs = destruction && { needs: destruction };
      const reply = await access({ action, method: 'PUT', path, body, ...needs });
      if (reply.kind === 'refused') throw reply.error;
    },
  };
}

function listedNames(reply: VaultReply, action: string): readonly string[] {
  if (reply.kind === 'refused') {
    if (meaningOf404(reply.answer) === 'absent') return [];
    throw reply.error;
  }
  const data = objectAt(reply.body, 'data');
  // An answer without the list is no empty list: everything would look removed.
  if (!Array.isArray(data['keys'])) throw new SinkError(`cannot ${action}: the answer has no keys`);
  const names = textsAt(data, 'keys').filter((key) => !key.endsWith('/'));
  // Whoever reads them would take a name that stands there twice for two records.
  return [...new Set(names)].sort();
}

function foundOf(data: Plain, action: string): KvFound {
  const metadata = objectAt(data, 'metadata');
  const version = versionOf(metadata, action);
  const marks = objectAt(metadata, 'custom_metadata');
  const map = asObject(data['data']);
  if (map !== undefined) return { kind: 'data', map, marks, ...version };
  return { kind: 'no-data', isDestroyed: metadata['destroyed'] === true, marks, ...version };
}

function writtenVersion(data: Plain, expected: number, action: string): KvVersion {
  const version = versionOf(data, action);
  // Any other number would mean that the server did not compare at all.
  if (version.number === expected + 1) return version;
  throw new SinkError(`cannot ${action}: the answer has another version than the one after ${expected}`);
}

function versionOf(metadata: Plain, action: string): KvVersion {
  const { version: number, created_time: created } = metadata as {
    version?: unknown;
    created_time?: unknown;
  };
  if (
    typeof number !== 'number' ||
    !Number.isSafeInteger(number) ||
    number < 1 ||
    typeof created !== 'string'
  ) {
    throw new SinkError(`cannot ${action}: the answer has no version`);
  }
  return { number, version: `${number}-${created}` };
}
