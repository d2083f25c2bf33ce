import { placeOf, sortLive, writeSubscriptions, type SortedLive } from '../../config/write-subscriptions.ts';
import { ownedIds } from '../../domain/record.ts';
import type { LiveSubscription } from '../../domain/subscription.ts';
import type { Json } from '../../plan/render-json.ts';
import { readAll } from '../../secrets/read-all.ts';
import type { SecretReader } from '../../secrets/sink.ts';
import { printDocument, type Content } from '../document.ts';
import type { ExitCode } from '../exit.ts';
import { command, hint, type Io } from '../io.ts';
import { openApi, openReader } from '../open.ts';
import { openSession, type CommonOptions } from '../session.ts';

export interface ImportOptions extends CommonOptions {
  readonly format: 'text' | 'json';
}

/** Prints a subscriptions file of what is live; writes nothing anywhere. */
export async function importLive(options: ImportOptions, io: Io): Promise<ExitCode> {
  const nothing = { subscriptions_file: null, entries: null, not_declared: null };
  return printDocument(options.format, io, nothing, async () => {
    const session = await openSession(io, options);
    const api = openApi(session, io);
    try {
      const { subscriptions } = await api.reader.listSubscriptions();
      const recorded = await recordedNames(openReader(session, io), session.settings.owner);
      const found = sortLive(subscriptions, recorded, session.settings.policy.ignore);
      if (options.format === 'text') {
        io.stdout.write(writeSubscriptions(found));
        hint(io, 'once it is saved as the subscriptions file', command(['sync', '--dry-run'], options));
      }
      return { code: 0, content: contentOf(found) };
    } finally {
      await api.close();
    }
  });
}

function contentOf({ entries, others }: SortedLive): Content['content'] {
  return {
    subscriptions_file:
      entries.length === 0
        ? null
        : {
            version: 1,
            subscriptions: Object.fromEntries(entries.map((one) => [one.name, fieldsOf(one.subscription)])),
          },
    entries: entries.map(({ name, subscription, isRecorded }) => ({
      name,
      subscription_id: subscription.id,
      is_active: subscription.is_active,
      is_managed: isRecorded,
    })),
    not_declared: others.map(({ id, target_url }) => ({ subscription_id: id, place: placeOf(target_url) })),
  };
}

/** As a subscriptions file has them: what is not written there is not in here. */
function fieldsOf(live: LiveSubscription): { readonly [key: string]: Json } {
  const { target_url, subscribed_events, phone_numbers, routing_key_header, routing_id_header } = live;
  return {
    target_url,
    subscribed_events,
    ...(phone_numbers !== null && { phone_numbers }),
    ...(routing_key_header !== null && { routing_key_header }),
    ...(routing_id_header !== null && { routing_id_header }),
  };
}

/** Names of our records, by the id of their subscription. */
async function recordedNames(secrets: SecretReader, owner: string): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  for (const [name, entry] of await readAll(secrets)) {
    if (entry.kind !== 'intact' || entry.record.owner !== owner) continue;
    for (const id of ownedIds(entry.record)) names.set(id, name);
  }
  return names;
}
