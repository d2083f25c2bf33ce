/**
 * The fields of a webhook subscription that a person may declare, under the API's own names.
 * `phone_numbers: null` means every line of the account. A field that is absent is not managed.
 */
export interface SubscriptionFields {
  readonly target_url: string;
  readonly subscribed_events: readonly string[];
  readonly phone_numbers: readonly string[] | null;
  readonly is_active?: boolean;
  readonly routing_key_header?: string | null;
  readonly routing_id_header?: string | null;
}

export type FieldName = keyof SubscriptionFields;

/** All of them, in the order in which they are shown. */
export const FIELD_NAMES = [
  'target_url',
  'subscribed_events',
  'phone_numbers',
  'is_active',
  'routing_key_header',
  'routing_id_header',
] as const satisfies readonly FieldName[];

/** The body of a PUT: only the fields that it names change (Linq's update is partial). */
export type SubscriptionPatch = Partial<SubscriptionFields>;

/** A subscription as the API lists it. It never carries its secret. */
export interface LiveSubscription {
  readonly id: string;
  readonly target_url: string;
  readonly subscribed_events: readonly string[];
  /** `null` where the API says null, [] or nothing: every line. */
  readonly phone_numbers: readonly string[] | null;
  readonly is_active: boolean;
  readonly routing_key_header: string | null;
  readonly routing_id_header: string | null;
  /** Milliseconds since the epoch, in the API server's time; absent where the API does not say. */
  readonly created_at?: number;
}

/** A line of the account (`GET /v3/phone_numbers`). */
export interface PhoneLine {
  readonly id: string;
  readonly phone_number: string;
}
