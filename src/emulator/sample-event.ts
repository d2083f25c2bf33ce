import { randomBytes, randomUUID } from 'node:crypto';
import type { EmulatedSubscription } from './account.ts';
import { renderTime } from './render.ts';

/** An event as Linq sends it (reference 5): the envelope, and what is in it. */
export interface SampleEvent {
  readonly api_version: 'v3';
  readonly webhook_version: string;
  readonly event_type: string;
  readonly event_id: string;
  readonly created_at: string;
  readonly trace_id: string;
  readonly partner_id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const NEWEST_VERSION = '2026-02-03';

/** Every new event has its own id; `now` is milliseconds since the epoch. The payload's version comes from the URL. */
export function sampleEvent(subscription: EmulatedSubscription, type: string, now: number): SampleEvent {
  const version = new URL(subscription.target_url).searchParams.get('version') ?? NEWEST_VERSION;
  const eventId = randomUUID();
  return {
    api_version: 'v3',
    webhook_version: version,
    event_type: type,
    event_id: eventId,
    created_at: renderTime(now, 'ns', eventId),
    trace_id: randomBytes(16).toString('hex'),
    partner_id: 'partner_emulated',
    data: sampleData(subscription, type, version, now),
  };
}

function sampleData(
  subscription: EmulatedSubscription,
  type: string,
  version: string,
  now: number,
): SampleEvent['data'] {
  const at = renderTime(now, 'ms', subscription.id);
  const line = subscription.phone_numbers?.[0] ?? '+12025550100';
  if (type.startsWith('webhook_subscription.')) return accountEvent(subscription, type, at);
  if (!type.startsWith('message.')) return { chat_id: randomUUID(), occurred_at: at };
  const message = {
    id: randomUUID(),
    parts: [{ type: 'text', value: 'Hello from the emulator' }],
    sent_at: at,
    delivered_at: null,
    read_at: null,
  };
  const sender = { ...handle('+12025550177', at), is_me: false };
  if (version < NEWEST_VERSION) {
    const chat = { chat_id: randomUUID(), from: sender.handle, recipient_phone: line, service: 'iMessage' };
    return { ...chat, is_from_me: false, message: { ...message, created_at: at, updated_at: at } };
  }
  return {
    ...message,
    direction: 'inbound',
    service: 'iMessage',
    sender_handle: sender,
    chat: { id: randomUUID(), is_group: false, owner_handle: { ...handle(line, at), is_me: true } },
  };
}

function handle(number: string, at: string) {
  return { id: randomUUID(), handle: number, service: 'iMessage', joined_at: at, status: 'active' };
}

/** Events of the account name the subscription without the query of its URL, as Linq documents. */
function accountEvent(subscription: EmulatedSubscription, type: string, at: string): SampleEvent['data'] {
  const { id, target_url, subscribed_events } = subscription;
  const url = new URL(target_url);
  return {
    summary: type.replaceAll(/[._]/g, ' '),
    occurred_at: at,
    actor: { type: 'api' },
    origin: 'api',
    webhook_subscription: { id, target_url: `${url.origin}${url.pathname}`, events: subscribed_events },
  };
}
