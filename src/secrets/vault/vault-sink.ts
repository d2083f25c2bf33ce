import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { SinkError } from '../../domain/errors.ts';
import { INSTALLATION_NAME } from '../../domain/record.ts';
import { createHttpClient } from '../../http/http-client.ts';
import { assertSecureUrl } from '../../http/secure-url.ts';
import { requireEntryName } from '../entry-name.ts';
import { createLimit } from '../../domain/limit.ts';
import type { SecretReader, SecretSink, Version } from '../sink.ts';
import { createKvStore } from './kv-store.ts';
import { openTokenSource } from './login.ts';
import {
  inspectAccess,
  requireCapabilities,
  requireKeeping,
  requireUnsealed,
  requireVersion2,
  type PreflightContext,
} from './preflight.ts';
import { entryToMap, installationToMap, mapToEntry, mapToInstallation, type DataMap } from './record-map.ts';
import { createTokenKeeper } from './token-keeper.ts';
import { createAccess } from './vault-access.ts';
import { createVaultClient } from './vault-client.ts';
import type { VaultSettings } from '../../domain/settings.ts';
import { loadTls } from './tls-files.ts';
import { createPaths } from './vault-paths.ts';
import { createVaultReader, type VaultReader } from './vault-reader.ts';
import { putMap, removeMap, sweepOlder, type DecodeMap, type RecordContext } from './versioned-records.ts';

/** Requests are repeated for at most this many times `timeout`. */
const BUDGET_FACTOR = 2;

export type VaultSinkOptions = VaultSettings & {
  /** Noted beside the records, for people; the record has it too, and that one counts. */
  readonly owner: string;
  /** May hold the token. */
  readonly env: NodeJS.ProcessEnv;
  /** When it aborts, every request fails at once. */
  readonly giveUp?: AbortSignal | undefined;
  /** Instead of waiting between attempts; ends early when the signal aborts. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
};

/** Opens the reading half: it logs in and reads, and writes nothing. Fails as `openVaultSink` does. */
export function openVaultReader(options: VaultSinkOptions): SecretReader {
  return openParts(options).reading.reader;
}

/**
 * Opens the sink in a KV engine, version 2, of Vault or OpenBao. No request yet. Fails with `ConfigError` for an
 * address that is neither https nor loopback, a path that is none, a TLS file that cannot be read, a missing token.
 */
export function openVaultSink(options: VaultSinkOptions): SecretSink {
  const { reading, records, preflight, ready, close } = openParts(options);
  const { reader } = reading;

  async function put(name: string, map: DataMap, expected: Version, decode: DecodeMap): Promise<Version> {
    // A record that could not be read back would be a lost secret.
    if (decode(map).kind !== 'intact') {
      throw new SinkError(`cannot write ${name}: the record has a field that is not valid`);
    }
    await ready();
    reading.forget(name);
    return (await putMap(records, name, map, expected, decode)).version;
  }

  async function sweepSeen(): Promise<void> {
    for (const [name, number] of [...reading.unswept()]) await sweepOlder(records, name, number);
  }

  /** Whoever may write finishes interrupted removals here: no `check` comes where there is nothing else to do. */
  async function tidied<T>(reading: Promise<T>): Promise<T> {
    const found = await reading;
    try {
      await sweepSeen();
    } catch (error) {
      // What was read is right without it; the next one tries again, and `check` insists.
      if (!(error instanceof SinkError)) throw error;
    }
    return found;
  }

  return {
    ...reader,
    list: () => tidied(reader.list()),
    readAll: (more) => tidied(reader.readAll(more)),
    async check() {
      await requireUnsealed(preflight);
      await ready();
      await requireCapabilities(preflight);
      await requireKeeping(preflight);
      await reader.list();
      await sweepSeen();
      return inspectAccess(preflight);
    },
    async write(record, expected) {
      const { name } = record;
      requireEntryName(name);
      return put(name, entryToMap(record), expected, (map) => mapToEntry(map, name));
    },
    writeInstallation: (record, expected) =>
      put(INSTALLATION_NAME, installationToMap(record), expected, mapToInstallation),
    async remove(name, expected) {
      requireEntryName(name);
      await ready();
      reading.forget(name);
      return removeMap(records, name, expected, (map) => mapToEntry(map, name));
    },
    close,
  };
}

interface Parts {
  readonly reading: VaultReader;
  readonly records: RecordContext;
  readonly preflight: PreflightContext;
  readonly ready: () => Promise<void>;
  readonly close: () => Promise<void>;
}

function openParts(options: VaultSinkOptions): Parts {
  const { timeout, namespace, now = Date.now, random = Math.random, sleep } = options;
  const base = `${assertSecureUrl(options.address, 'secrets.vault.address').href.replace(/\/+$/, '')}/v1/`;
  const paths = createPaths(options);
  const http = createHttpClient({
    timeoutMs: timeout,
    budgetMs: timeout * BUDGET_FACTOR,
    userAgent: 'linq-gitops',
    tls: loadTls(options.tls),
    now,
    random,
    ...(sleep && { sleep }),
  });
  options.giveUp?.addEventListener('abort', () => void http.abort(), { once: true });
  const client = createVaultClient(base, http);
  const keeper = createTokenKeeper({
    client,
    source: openTokenSource(client, options, options.env),
    now,
    random,
  });
  const access = createAccess(client, keeper, { namespace, limit: createLimit(options.concurrency) });
  const preflight: PreflightContext = { client, keeper, access, paths, options };
  const ready = onceSucceeded(() => requireVersion2(preflight));
  const records: RecordContext = {
    kv: createKvStore(access, paths, options),
    owner: options.owner,
    locate: (name) => paths.locate(name),
    known: new Map(),
    sleep: sleep ?? ((ms) => wait(ms)),
    nonce: () => randomBytes(8).toString('hex'),
  };
  return {
    reading: createVaultReader(records, ready, now),
    records,
    preflight,
    ready,
    close: () => client.close(),
  };
}

/** Runs the operation until it has succeeded once; callers meanwhile share one attempt. */
function onceSucceeded(operation: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  return () => {
    underWay ??= operation().catch((error: unknown) => {
      underWay = undefined;
      throw error;
    });
    return underWay;
  };
}
