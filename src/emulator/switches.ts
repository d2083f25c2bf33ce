/**
 * What Linq's documentation leaves open, each as a switch: a client must work in every position.
 * They may be changed while the emulator runs and hold from the next request on.
 */
export interface Switches {
  /** The answer to a `target_url` that is taken. */
  readonly duplicate: '409/2015' | '400/1005';
  /** The error code beside a 404: the guide says 2010, the OpenAPI files say 2001. */
  readonly notFound: 2010 | 2001;
  /** How a filter for "every line" reads. */
  readonly clearedFilter: 'null' | 'empty' | 'absent';
  readonly listOrder: 'created' | 'shuffled';
  /** Every shuffled list has another order; the same seed gives the same sequence of orders. */
  readonly shuffleSeed: number;
  /** Fields that no client knows, in every answer. */
  readonly extraFields: boolean;
  readonly inactiveHoldsUrl: boolean;
  /** URLs are stored, and compared, in WHATWG-normalised form. */
  readonly normalisesUrls: boolean;
  /** Whether `routing_*` that were never set read as null or not at all. */
  readonly routingFields: 'present' | 'absent';
  readonly timestampPrecision: 's' | 'ms' | 'ns';
  /** As accounts older than March 2026 could: several subscriptions with one URL. */
  readonly allowDuplicates: boolean;
  readonly createdAt: 'present' | 'absent';
  /** Events and lines are stored as they were sent, or sorted and without repetitions. */
  readonly arrays: 'kept' | 'sorted';
}

/** The positions that the documentation makes most likely. */
export const DEFAULT_SWITCHES: Switches = {
  duplicate: '409/2015',
  notFound: 2010,
  clearedFilter: 'null',
  listOrder: 'created',
  shuffleSeed: 1,
  extraFields: false,
  inactiveHoldsUrl: true,
  normalisesUrls: false,
  routingFields: 'present',
  timestampPrecision: 's',
  allowDuplicates: false,
  createdAt: 'present',
  arrays: 'kept',
};
