import type { Account, EmulatedLine, EmulatedSubscription } from './account.ts';
import type { Switches } from './switches.ts';

/** A JSON object of an answer. */
export type Body = Readonly<Record<string, unknown>>;

/** A subscription as the API shows it: never with its secret. */
export function renderSubscription(subscription: EmulatedSubscription, switches: Switches): Body {
  const { id, target_url, subscribed_events, is_active } = subscription;
  const time = (ms: number) => renderTime(ms, switches.timestampPrecision, id);
  return {
    id,
    target_url,
    subscribed_events,
    ...renderFilter(subscription.phone_numbers, switches),
    is_active,
    ...renderRouting('routing_key_header', subscription.routing_key_header, switches),
    ...renderRouting('routing_id_header', subscription.routing_id_header, switches),
    ...(switches.createdAt === 'present' ? { created_at: time(subscription.created_at) } : {}),
    updated_at: time(subscription.updated_at),
    ...renderExtra(switches),
  };
}

/** The whole list; shuffled lists differ from call to call. */
export function renderList(account: Account, subscriptions: readonly EmulatedSubscription[]): Body {
  const { switches } = account;
  const shown =
    switches.listOrder === 'shuffled'
      ? shuffle(subscriptions, switches.shuffleSeed + account.shuffles++)
      : subscriptions;
  return {
    subscriptions: shown.map((subscription) => renderSubscription(subscription, switches)),
    ...renderExtra(switches),
  };
}

/** The lines (`GET /v3/phone_numbers`); every one is healthy. */
export function renderLines(lines: readonly EmulatedLine[], switches: Switches): Body {
  const health = { status: 'HEALTHY', doc_url: 'https://docs.linqapp.com/guides/phone-numbers/reputation' };
  return {
    phone_numbers: lines.map((line) => ({
      ...line,
      health_status: health,
      reputation: health,
      ...renderExtra(switches),
    })),
    ...renderExtra(switches),
  };
}

/** An error in Linq's shape; `doc_url` sits inside `error`, where Linq put it in mid-2026. */
export function renderError(
  status: number,
  code: number,
  message: string,
  options: { switches: Switches; traceId: string; retryAfter?: number | undefined },
): Body {
  const series = `${String(code).slice(0, 1)}xxx`;
  return {
    success: false,
    error: {
      status,
      code,
      message,
      doc_url: `https://docs.linqapp.com/error/codes/${series}/${code}/`,
      ...(options.retryAfter === undefined ? {} : { retry_after: options.retryAfter }),
    },
    trace_id: options.traceId,
    ...renderExtra(options.switches),
  };
}

/** Fields that no client knows, where the switch asks for them: one that Linq once had, and one that it never had. */
export function renderExtra(switches: Switches): Body {
  return switches.extraFields
    ? { environment_id: null, not_in_any_documentation: { since: 2027, tags: ['new'] } }
    : {};
}

/** RFC 3339 in UTC. Nanoseconds come from the id, so that they stay the same from reading to reading. */
export function renderTime(ms: number, precision: Switches['timestampPrecision'], id: string): string {
  const text = new Date(ms).toISOString();
  if (precision === 'ms') return text;
  if (precision === 's') return `${text.slice(0, 19)}Z`;
  const fraction = String(parseInt(id.slice(0, 8), 16) % 1_000_000 || 1).padStart(6, '0');
  return `${text.slice(0, 23)}${fraction}Z`;
}

function renderFilter(phoneNumbers: readonly string[] | null, switches: Switches): Body {
  if (phoneNumbers !== null) return { phone_numbers: phoneNumbers };
  if (switches.clearedFilter === 'absent') return {};
  return { phone_numbers: switches.clearedFilter === 'null' ? null : [] };
}

function renderRouting(name: string, value: string | null, switches: Switches): Body {
  return value === null && switches.routingFields === 'absent' ? {} : { [name]: value };
}

function shuffle<T>(items: readonly T[], seed: number): T[] {
  const random = randomFrom(seed);
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
