/** How the value of a setting is written, here and in an environment variable. */
export type SettingKind =
  'text' | 'path' | 'duration' | 'duration-or-none' | 'integer' | 'flag' | 'list' | 'limit';

/** Every setting by its path in the file, with its kind; `default` has the form of the file. */
export const SETTINGS = {
  owner: { kind: 'text', default: 'default' },
  subscriptions: { kind: 'path', default: './subscriptions.yaml' },
  'api.base_url': { kind: 'text', default: 'https://api.linqapp.com/api/partner' },
  'api.key_file': { kind: 'path', default: null },
  'api.timeout': { kind: 'duration', default: '15s' },
  'api.concurrency': { kind: 'integer', default: 4 },
  'secrets.sink': { kind: 'text', default: 'file' },
  'secrets.store_timeout': { kind: 'duration', default: '60s' },
  'secrets.file.directory': { kind: 'path', default: './secrets' },
  'secrets.file.ephemeral': { kind: 'flag', default: false },
  'secrets.vault.address': { kind: 'text', default: null },
  'secrets.vault.mount': { kind: 'text', default: 'secret' },
  'secrets.vault.path': { kind: 'text', default: 'linq' },
  'secrets.vault.namespace': { kind: 'text', default: null },
  'secrets.vault.auth.method': { kind: 'text', default: 'token' },
  'secrets.vault.auth.mount': { kind: 'text', default: null },
  'secrets.vault.auth.role': { kind: 'text', default: null },
  'secrets.vault.auth.role_id': { kind: 'text', default: null },
  'secrets.vault.auth.secret_id_file': { kind: 'path', default: null },
  'secrets.vault.auth.token_file': { kind: 'path', default: null },
  'secrets.vault.auth.namespace': { kind: 'text', default: null },
  'secrets.vault.tls.ca_file': { kind: 'path', default: null },
  'secrets.vault.tls.cert_file': { kind: 'path', default: null },
  'secrets.vault.tls.key_file': { kind: 'path', default: null },
  'secrets.vault.tls.server_name': { kind: 'text', default: null },
  'secrets.vault.timeout': { kind: 'duration', default: '15s' },
  'secrets.vault.concurrency': { kind: 'integer', default: 8 },
  'secrets.export.directory': { kind: 'path', default: null },
  'secrets.export.mode': { kind: 'text', default: '0600' },
  'secrets.export.group': { kind: 'integer', default: null },
  'secrets.export.notify': { kind: 'text', default: null },
  'policy.prune': { kind: 'text', default: 'owned' },
  'policy.unowned': { kind: 'text', default: 'hold' },
  'policy.drift': { kind: 'text', default: 'revert' },
  'policy.retire': { kind: 'duration-or-none', default: '0s' },
  'policy.max_deletes': { kind: 'limit', default: '25%' },
  'policy.allow': { kind: 'list', default: [] },
  'policy.ignore': { kind: 'list', default: [] },
  'replace.overlap': { kind: 'duration-or-none', default: '10m' },
  'replace.keep_previous': { kind: 'duration-or-none', default: '1h' },
  'replace.at_once': { kind: 'integer', default: 5 },
  'daemon.interval': { kind: 'duration', default: '5m' },
  'daemon.jitter': { kind: 'text', default: '10%' },
  'daemon.listen': { kind: 'text', default: '127.0.0.1:9653' },
} as const satisfies Record<string, { kind: SettingKind; default: unknown }>;

/** The path of a setting in the file. */
export type SettingKey = keyof typeof SETTINGS;

/** All of them, in the order of the file. */
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The environment variable of a setting: `LINQ_GITOPS_API_TIMEOUT` for `api.timeout`. */
export function variableOf(key: SettingKey): string {
  return `LINQ_GITOPS_${key.toUpperCase().replaceAll('.', '_')}`;
}
