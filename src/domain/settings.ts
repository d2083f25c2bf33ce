import type { Allowance } from './plan.ts';

/** The settings, complete: file, environment and flags over the defaults. Paths are absolute; durations in ms. */
export interface Settings {
  readonly owner: string;
  /** Path of the subscriptions file. */
  readonly subscriptions: string;
  readonly api: {
    /** Without a trailing slash. */
    readonly base_url: string;
    readonly key_file: string | null;
    readonly timeout: number;
    readonly concurrency: number;
  };
  readonly secrets: {
    readonly sink: 'file';
    /** How long a secret that the sink refuses is kept in memory and tried again, before its subscription is deleted. */
    readonly store_timeout: number;
    readonly file: { readonly directory: string; readonly ephemeral: boolean };
  };
  readonly policy: Policy;
  readonly daemon: { readonly interval: number };
}

export interface Policy {
  readonly prune: 'owned' | 'all' | 'never';
  readonly unowned: 'hold' | 'replace';
  readonly drift: 'revert' | 'report';
  /** Of what we own; a share between 0 and 1, or a count. */
  readonly max_deletes: { readonly share: number } | { readonly count: number };
  readonly allow: readonly Allowance[];
  readonly ignore: readonly string[];
}
