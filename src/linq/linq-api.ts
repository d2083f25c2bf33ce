import type {
  LiveSubscription,
  PhoneLine,
  SubscriptionFields,
  SubscriptionPatch,
} from '../domain/subscription.ts';
import type { Secret } from '../domain/secret.ts';
import type { RequestCount } from '../domain/report.ts';

/** An answer together with the server's time, where it sent a `Date` header (milliseconds since the epoch). */
export interface Listing {
  readonly subscriptions: readonly LiveSubscription[];
  readonly serverTime: number | undefined;
}

/**
 * The reading half of Linq's API; a dry run is handed nothing else. Every method retries what is safe to
 * retry, and fails with `RequestError`; a body of the wrong shape is a failure, never an empty answer.
 */
export interface LinqReader {
  /** All subscriptions, active or not (`GET /v3/webhook-subscriptions`; the API has no pages). */
  listSubscriptions(): Promise<Listing>;
  /** One subscription; undefined only where the API answers 404. */
  getSubscription(id: string): Promise<LiveSubscription | undefined>;
  /** The catalogue of event names (`GET /v3/webhook-events`). */
  listEvents(): Promise<readonly string[]>;
  /** The account's lines (`GET /v3/phone_numbers`). */
  listPhoneLines(): Promise<readonly PhoneLine[]>;
  /** Requests sent so far, by this reader and the writer that shares its connection. */
  requests(): RequestCount;
}

export interface CreatedSubscription {
  readonly subscription: LiveSubscription;
  /** Shown by the API this once. */
  readonly signing_secret: Secret;
}

/** The writing half of Linq's API. */
export interface LinqWriter {
  /**
   * One POST, never repeated in here: the caller marks every attempt. Fails with `RequestError`, whose
   * `outcome` says what may have happened; a 2xx that cannot be read, or has no secret, is `unknown`.
   * `is_active` cannot be given at creation; the API makes every subscription active.
   */
  createSubscription(fields: Omit<SubscriptionFields, 'is_active'>): Promise<CreatedSubscription>;
  /** PUT of the given fields only; repeated while that is safe, since it is idempotent. */
  updateSubscription(id: string, patch: SubscriptionPatch): Promise<LiveSubscription>;
  /** DELETE; a 404 counts as done (`gone`). Repeated while that is safe. */
  deleteSubscription(id: string): Promise<'deleted' | 'gone'>;
}
