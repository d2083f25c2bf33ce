import type { SubscriptionPatch } from '../../src/domain/subscription.ts';

export type EffectKind = 'list' | 'get' | 'post' | 'put' | 'delete' | 'sink-read' | 'sink-write';

/**
 * How an effect fails for the client: `not-sent` · `lost`: no answer · `broken`: a 5xx · `busy`: a 429 ·
 * `refused`: another definite 4xx. A sink knows one failure only.
 */
export type Failure = 'not-sent' | 'lost' | 'broken' | 'busy' | 'refused';

/** One request to the API or the sink, before it is known how it fares. */
export interface Effect<T> {
  readonly kind: EffectKind;
  /** For traces: no secret in it. */
  readonly label: string;
  /** The subscription that it is about, where it has an id already. */
  readonly subscription?: string;
  /** The record that it writes or removes. */
  readonly record?: string;
  /** What a PUT changes. */
  readonly patch?: SubscriptionPatch;
  /** Takes place on the model's state: gives the answer, or throws the definite refusal. Synchronous. */
  readonly take: () => T;
  /** The error that a client sees when no such answer reaches it. */
  readonly fail: (how: Failure) => Error;
}

/** What lies between a client and a model: it decides whether and when an effect takes place and is answered. */
export type Link = <T>(effect: Effect<T>) => Promise<T>;
