import { createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { RefusedError, RequestError } from '../domain/errors.ts';
import { isLoopback } from '../domain/loopback.ts';
import type { Secret } from '../domain/secret.ts';
import type { Account, EmulatedSubscription } from './account.ts';
import { sampleEvent } from './sample-event.ts';

/** What to deliver, and where. */
export interface DeliveryOptions {
  /** One of the subscription's events; its first unless given. */
  readonly event?: string;
  /** Where to send it instead of the `target_url`; a loopback address. */
  readonly url?: string;
}

/** What was sent, and the receiver's answer. */
export interface Delivery {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The raw body, to the byte as it was signed. */
  readonly body: string;
}

/** How long Linq waits for a receiver. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Sends one sample event of an active subscription, signed with its secret as Linq signs. Refuses with
 * `RefusedError` what Linq would not send, and every address that is not loopback. No retries, no redirects.
 */
export async function deliver(
  account: Account,
  id: string,
  options: DeliveryOptions,
  stopping: AbortSignal,
): Promise<Delivery> {
  const subscription = account.subscriptions.get(id);
  if (!subscription) throw refusal(id, 'there is no such subscription');
  if (!subscription.is_active) throw refusal(id, 'the subscription is inactive');
  const type = options.event ?? subscription.subscribed_events[0];
  if (type === undefined || !subscription.subscribed_events.includes(type)) {
    throw refusal(id, `it is not subscribed to "${type ?? ''}"`);
  }
  const target = options.url ?? subscription.target_url;
  if (!/^https?:/i.test(target) || !isLoopback(target)) {
    throw refusal(id, 'the emulator sends to loopback addresses only', 'give a loopback `url` to send it to');
  }
  const now = account.now();
  const event = sampleEvent(subscription, type, now);
  const body = JSON.stringify(event);
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'linq-gitops-emulator',
    ...signatureHeaders(subscription, event, Math.floor(now / 1000), body),
    ...affinityHeaders(subscription, event.data),
  };
  return { status: await post(new URL(target), headers, body, stopping), headers, body };
}

/**
 * Both sets of headers that Linq sends: Standard Webhooks, keyed with the decoded secret, and the older
 * set, keyed with the secret's text, prefix included. `seconds` is Unix time.
 */
function signatureHeaders(
  subscription: EmulatedSubscription,
  event: { readonly event_id: string; readonly event_type: string },
  seconds: number,
  body: string,
): Record<string, string> {
  const secret = subscription.signing_secret;
  const signed = `${event.event_id}.${seconds}.${body}`;
  return {
    'webhook-id': event.event_id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${createHmac('sha256', decoded(secret)).update(signed).digest('base64')}`,
    'X-Webhook-Event': event.event_type,
    'X-Webhook-Subscription-ID': subscription.id,
    'X-Webhook-Timestamp': String(seconds),
    'X-Webhook-Signature': createHmac('sha256', secret.reveal()).update(`${seconds}.${body}`).digest('hex'),
  };
}

/** The chat's id travels in a header where delivery affinity is on (`routing_key_header`). */
function affinityHeaders(
  subscription: EmulatedSubscription,
  data: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const { routing_key_header, routing_id_header } = subscription;
  const chat = data['chat_id'] ?? (data['chat'] as { id?: unknown } | undefined)?.id;
  if (routing_key_header === null || typeof chat !== 'string') return {};
  return { [routing_id_header ?? 'Linq-Chat-Id']: chat };
}

function decoded(secret: Secret): Buffer {
  return Buffer.from(secret.reveal().replace(/^whsec_/, ''), 'base64');
}

/** `localhost` is never looked up: a resolver could name any address. */
const lookupLoopback: LookupFunction = (_hostname, options, callback) => {
  if (options.all === true) {
    callback(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ]);
  } else {
    callback(null, '127.0.0.1', 4);
  }
};

function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  stopping: AbortSignal,
): Promise<number> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    const options = { method: 'POST', headers, lookup: lookupLoopback, agent: false, signal };
    const sending = request(url, options, (response) => {
      response.resume();
      response.on('error', fail);
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    function fail(cause: Error): void {
      const place = `${url.origin}${url.pathname}`;
      const message = `cannot deliver an event to ${place}: ${cause.message || 'no connection'}`;
      reject(new RequestError(message, { outcome: 'unknown', method: 'POST', url: place, cause }));
    }
    sending.on('error', fail);
    sending.end(body);
  });
}

function refusal(id: string, cause: string, hint?: string): RefusedError {
  return new RefusedError(`cannot deliver an event of subscription ${id}: ${cause}`, { hint });
}
