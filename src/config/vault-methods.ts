/** The methods of logging in to Vault, each with the keys that it has beside `method`, and those that it needs. */
export const VAULT_METHODS = {
  token: { keys: ['token_file'], needs: [] },
  approle: {
    keys: ['mount', 'role_id', 'secret_id_file', 'namespace'],
    needs: ['role_id', 'secret_id_file'],
  },
  kubernetes: { keys: ['mount', 'role', 'token_file', 'namespace'], needs: ['role'] },
  jwt: { keys: ['mount', 'role', 'token_file', 'namespace'], needs: ['token_file'] },
} as const satisfies Record<string, { keys: readonly AuthKey[]; needs: readonly AuthKey[] }>;

/** A key of `secrets.vault.auth` beside `method`. */
export type AuthKey = 'mount' | 'role' | 'role_id' | 'secret_id_file' | 'token_file' | 'namespace';

export type VaultMethod = keyof typeof VAULT_METHODS;

export function isVaultMethod(value: unknown): value is VaultMethod {
  return typeof value === 'string' && Object.hasOwn(VAULT_METHODS, value);
}

/** Where Kubernetes puts a pod's own token. */
export const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
