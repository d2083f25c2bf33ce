import type { SecretReader } from '../secrets/sink.ts';
import { inParallel } from './in-parallel.ts';

/** What a record of ours says of its entry's current subscription. */
export interface StoredSecret {
  readonly subscriptionId: string | null;
  /** ISO 8601, the API server's time. */
  readonly createdAt: string | null;
  readonly hasSecret: boolean;
}

const READ_WIDTH = 32;

/** The records of `owner` that can be read, by name, without their secrets. Fails with `SinkError`. */
export async function readStoredSecrets(
  secrets: SecretReader,
  owner: string,
): Promise<ReadonlyMap<string, StoredSecret>> {
  const names = await secrets.list();
  const entries = await inParallel(names, READ_WIDTH, (name) => secrets.read(name));
  const stored = new Map<string, StoredSecret>();
  for (const [index, name] of names.entries()) {
    const entry = entries[index];
    if (entry?.kind !== 'intact' || entry.record.owner !== owner) continue;
    const { current } = entry.record;
    stored.set(name, {
      subscriptionId: current?.subscription_id ?? null,
      createdAt: current?.created_at ?? null,
      hasSecret: (current?.signing_secret ?? null) !== null,
    });
  }
  return stored;
}
