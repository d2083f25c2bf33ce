import { writeSubscriptions } from '../../config/write-subscriptions.ts';
import { ownedIds } from '../../domain/record.ts';
import type { SecretReader } from '../../secrets/sink.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openApi, openReader, openSession, type CommonOptions } from '../open.ts';

/** Prints a subscriptions file of what is live; writes nothing anywhere. */
export async function importLive(options: CommonOptions, io: Io): Promise<ExitCode> {
  const session = await openSession(io, options);
  const api = openApi(session, io);
  try {
    const { subscriptions } = await api.reader.listSubscriptions();
    const recorded = await recordedNames(openReader(session, io), session.settings.owner);
    io.stdout.write(writeSubscriptions(subscriptions, recorded, session.settings.policy.ignore));
    return 0;
  } finally {
    await api.close();
  }
}

/** Names of our records, by the id of their subscription. */
async function recordedNames(secrets: SecretReader, owner: string): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  for (const name of await secrets.list()) {
    const entry = await secrets.read(name);
    if (entry.kind !== 'intact' || entry.record.owner !== owner) continue;
    for (const id of ownedIds(entry.record)) names.set(id, name);
  }
  return names;
}
