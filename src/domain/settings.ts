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
  readonly secrets: SinkChoice & {
    /** How long a secret that the sink refuses is kept in memory and tried again, before its subscription is deleted. */
    readonly store_timeout: number;
    /** `null`: no files for a receiver. */
    readonly export: ExportSettings | null;
  };
  readonly policy: Policy;
  readonly replace: ReplaceSettings;
  readonly daemon: DaemonSettings;
}

/** How a subscription is replaced; times in milliseconds. */
export interface ReplaceSettings {
  /** How long old and new exist side by side, so that receivers can learn the new secret. */
  readonly overlap: number;
  /** How long the old secret stays in the record afterwards. */
  readonly keep_previous: number;
  /** How many replacements run together. */
  readonly at_once: number;
}

/** How `run` goes about it. */
export interface DaemonSettings {
  readonly interval: number;
  /** By which part of the interval a pass may come earlier or later; a share between 0 and 1. */
  readonly jitter: number;
  /** Where the probes, the metrics and the status are to be had; port 0 is a free one. */
  readonly listen: { readonly host: string; readonly port: number };
}

/** The sink, with what it needs. */
export type SinkChoice =
  | {
      readonly sink: 'file';
      readonly file: { readonly directory: string; readonly ephemeral: boolean };
    }
  | { readonly sink: 'vault'; readonly vault: VaultSettings };

/** Where the records are kept in Vault or OpenBao, and how to get there. */
export interface VaultSettings {
  /** Without a trailing slash. */
  readonly address: string;
  /** Of a KV engine, version 2; no slash at either end, as in `path`. */
  readonly mount: string;
  readonly path: string;
  /** `null`: none is asked for. */
  readonly namespace: string | null;
  readonly auth: VaultAuthSettings;
  readonly tls: {
    readonly ca_file: string | null;
    readonly cert_file: string | null;
    readonly key_file: string | null;
    readonly server_name: string | null;
  };
  readonly timeout: number;
  readonly concurrency: number;
}

/** How a token is come by. A `namespace` of null is that of the records. */
export type VaultAuthSettings =
  | {
      readonly method: 'token';
      /** `null`: the token is in the environment. */
      readonly token_file: string | null;
    }
  | {
      readonly method: 'approle';
      readonly mount: string;
      readonly role_id: string;
      readonly secret_id_file: string;
      readonly namespace: string | null;
    }
  | {
      readonly method: 'kubernetes';
      readonly mount: string;
      readonly role: string;
      readonly token_file: string;
      readonly namespace: string | null;
    }
  | {
      readonly method: 'jwt';
      readonly mount: string;
      /** `null`: the mount's default role. */
      readonly role: string | null;
      readonly token_file: string;
      readonly namespace: string | null;
    };

/** The files for a receiver that shares a volume. */
export interface ExportSettings {
  readonly directory: string;
  /** Of the files; a folder can be entered by whoever can read the files in it. */
  readonly mode: ExportMode;
  /** A group id; `null`: the group that new files get by themselves. */
  readonly group: number | null;
  /** A URL on loopback that is told of every change. */
  readonly notify: string | null;
}

/** Nobody but the owner can write, and others than owner and group cannot read. */
export const EXPORT_MODES = ['0400', '0440', '0600', '0640'] as const;
export type ExportMode = (typeof EXPORT_MODES)[number];

export interface Policy {
  readonly prune: 'owned' | 'all' | 'never';
  readonly unowned: 'hold' | 'replace';
  readonly drift: 'revert' | 'report';
  /** Of what we own; a share between 0 and 1, or a count. */
  readonly max_deletes: { readonly share: number } | { readonly count: number };
  readonly allow: readonly Allowance[];
  /** How long what left the file stays deactivated before it is deleted, in milliseconds. */
  readonly retire: number;
  readonly ignore: readonly string[];
}
