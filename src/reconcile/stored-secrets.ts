import { readAll } from '../secrets/read-all.ts';
import type { SecretReader } from '../secrets/sink.ts';

/** What a record of ours says of its entry's current subscription. */
export interface StoredSecret {
  readonly subscriptionId: string | null;
  /** ISO 8601, the API server's time. */
  readonly createdAt: string | null;
  readonly hasSecret: boolean;
}

/** The records of `owner` that can be read, by name, without their secrets. Fails with `SinkError`. */
export async function readStoredSecrets(
  secrets: SecretReader,
  owner: string,
): Promise<ReadonlyMap<string, StoredSecret>> {
  const stored = new Map<string, StoredSecret>();
  for (const [name, entry] of await readAll(secrets)) {
    if (entry.kind !== 'intact' || entry.record.owner !== owner) continue;
    const { current } = entry.record;
    stored.set(name, {
      subscriptionId: current?.subscription_id ?? null,
      createdAt: current?.created_at ?? null,
      hasSecret: (current?.signing_secret ?? null) !== null,
    });
  }
  return stored;
}
