import type { Problem } from '../domain/errors.ts';
import { isLoopback } from '../domain/loopback.ts';
import type { VaultAuthSettings, VaultSettings } from '../domain/settings.ts';
import type { Choice, Chosen, Resolved, Tell } from './choose-settings.ts';
import { quote } from './quote.ts';
import { serviceUrl } from './service-url.ts';
import { variableOf, type SettingKey } from './settings-keys.ts';
import { skipVerifyProblems, tokenVariable } from './vault-environment.ts';
import {
  isVaultMethod,
  SERVICE_ACCOUNT_TOKEN,
  VAULT_METHODS,
  type AuthKey,
  type VaultMethod,
} from './vault-methods.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const OWNER_MISSING = {
  message:
    'a Vault is shared, so say whose records these are: give an `owner`, another one for each repository and each of staging and production',
  suggestion: 'owner: production',
};
const ADDRESS_MISSING = {
  message:
    '`sink: vault` needs the address of the server: `secrets.vault.address`, or VAULT_ADDR in the environment',
};
const AUTH_KEYS = ['mount', 'role', 'role_id', 'secret_id_file', 'token_file', 'namespace'] as const;

/**
 * The choice with what depends on the method of logging in: a token of the environment wins over a token file of
 * the settings file, as any variable does; and what the file says of another method than the environment's is moot.
 */
export function chooseAuth(chosen: Choice, methodOfFile: unknown, env: Environment): Choice {
  const choice = new Map(chosen);
  const method = chosen.get('secrets.vault.auth.method');
  if (method?.origin === 'environment' && methodOfFile !== method.value) {
    for (const key of AUTH_KEYS) {
      const own = authOf(chosen, key);
      if (own.origin === 'file') choice.set(pathOf(key), { ...own, value: null, origin: 'default' });
    }
  }
  const variable = tokenVariable(env);
  const file = authOf(choice, 'token_file');
  if (variable !== undefined && method?.value === 'token' && file.origin === 'file') {
    choice.set(pathOf('token_file'), { ...file, value: null, origin: 'environment', variable });
  }
  return choice;
}

/** What is wrong with the settings of a Vault that is used, beyond what each of them says by itself. */
export function vaultProblems(chosen: Choice, env: Environment, tell: Tell): readonly Problem[] {
  const { value, origin } = chosen.get('secrets.vault.address') ?? { value: null, origin: 'default' };
  const address = typeof value === 'string' && URL.canParse(value) ? value : undefined;
  return [
    ...(chosen.get('owner')?.origin === 'default' ? [tell('secrets.sink', OWNER_MISSING)] : []),
    ...(value === null ? [tell('secrets.sink', ADDRESS_MISSING)] : []),
    ...(address !== undefined && origin === 'file' ? strangerProblems(address, chosen, env, tell) : []),
    ...(address !== undefined ? skipVerifyProblems(env, address) : []),
    ...methodProblems(chosen, tell),
    ...pairProblems(chosen, tell),
  ];
}

/** The settings of Vault. All values have been checked. */
export function decodeVault({ raw, path, duration }: Resolved): VaultSettings {
  const text = (key: SettingKey): string | null => (raw(key) === null ? null : String(raw(key)));
  const pathOrNull = (key: SettingKey): string | null => (raw(key) === null ? null : path(key));
  return {
    address: serviceUrl(String(raw('secrets.vault.address'))),
    mount: String(raw('secrets.vault.mount')),
    path: String(raw('secrets.vault.path')),
    namespace: text('secrets.vault.namespace'),
    auth: decodeAuth(raw('secrets.vault.auth.method') as VaultMethod, text, pathOrNull),
    tls: {
      ca_file: pathOrNull('secrets.vault.tls.ca_file'),
      cert_file: pathOrNull('secrets.vault.tls.cert_file'),
      key_file: pathOrNull('secrets.vault.tls.key_file'),
      server_name: text('secrets.vault.tls.server_name'),
    },
    timeout: duration('secrets.vault.timeout'),
    concurrency: Number(raw('secrets.vault.concurrency')),
  };
}

function decodeAuth(
  method: VaultMethod,
  text: (key: SettingKey) => string | null,
  path: (key: SettingKey) => string | null,
): VaultAuthSettings {
  const role = text('secrets.vault.auth.role');
  const token_file = path('secrets.vault.auth.token_file');
  const mount = text('secrets.vault.auth.mount') ?? method;
  const namespace = text('secrets.vault.auth.namespace');
  switch (method) {
    case 'token':
      return { method, token_file };
    case 'approle': {
      const role_id = text('secrets.vault.auth.role_id') ?? '';
      return {
        method,
        mount,
        role_id,
        secret_id_file: path('secrets.vault.auth.secret_id_file') ?? '',
        namespace,
      };
    }
    case 'kubernetes':
      return {
        method,
        mount,
        role: role ?? '',
        token_file: token_file ?? SERVICE_ACCOUNT_TOKEN,
        namespace,
      };
    case 'jwt':
      return { method, mount, role, token_file: token_file ?? '', namespace };
  }
}

/**
 * The credentials follow their address: who may edit the settings file must not be able to send a credential
 * that does not come from that file to an address of their choice.
 */
function strangerProblems(address: string, chosen: Choice, env: Environment, tell: Tell): readonly Problem[] {
  const method = chosen.get('secrets.vault.auth.method');
  if (isLoopback(address) || !isVaultMethod(method?.value)) return [];
  const key = method.value === 'approle' ? 'secret_id_file' : 'token_file';
  const credential = authOf(chosen, key);
  // The place of a pod's token needs no writing down: `method: kubernetes` is what names it.
  const namer = method.value === 'kubernetes' && credential.origin === 'default' ? method : credential;
  if (namer.origin === 'file') return [];
  const from = namer.variable ?? tokenVariable(env) ?? 'VAULT_TOKEN';
  // Missing altogether, which is told elsewhere.
  if (method.value !== 'token' && namer.origin === 'default') return [];
  return [
    tell('secrets.vault.address', {
      message: `the credential for this address comes from the environment (${from}), so whoever edits this file could have it sent elsewhere: name the credential's file here too, as \`secrets.vault.auth.${key}\`, or give the address in the environment, as VAULT_ADDR`,
    }),
  ];
}

/** The schema has checked what the file says of a method; variables come one by one, and are checked here. */
function methodProblems(chosen: Choice, tell: Tell): readonly Problem[] {
  const method = chosen.get('secrets.vault.auth.method');
  if (!isVaultMethod(method?.value)) return [];
  const { keys, needs }: { keys: readonly AuthKey[]; needs: readonly AuthKey[] } =
    VAULT_METHODS[method.value];
  const name = method.value;
  const stray = AUTH_KEYS.filter(
    (key) => authOf(chosen, key).origin === 'environment' && !keys.includes(key),
  ).filter((key) => authOf(chosen, key).value !== null);
  const missing = method.origin === 'file' ? [] : needs.filter((key) => authOf(chosen, key).value === null);
  return [
    ...stray.map((key) =>
      tell(pathOf(key), {
        message: `the method ${quote(name)} has no \`${key}\`; it has ${keys.map((one) => `\`${one}\``).join(', ')}`,
      }),
    ),
    ...missing.map((key) =>
      tell('secrets.vault.auth.method', {
        message: `the method ${quote(name)} needs \`${key}\` (${variableOf(pathOf(key))})`,
      }),
    ),
  ];
}

function pairProblems(chosen: Choice, tell: Tell): readonly Problem[] {
  const pair = ['secrets.vault.tls.cert_file', 'secrets.vault.tls.key_file'] as const;
  const [given, ...more] = pair.filter((key) => (chosen.get(key)?.value ?? null) !== null);
  const other = pair.find((key) => key !== given);
  if (given === undefined || more.length > 0 || other === undefined) return [];
  const name = (key: string): string => `\`${key.split('.').at(-1) ?? ''}\``;
  return [
    tell(given, {
      message: `${name(given)} is of no use without ${name(other)}: a client certificate needs both`,
    }),
  ];
}

function pathOf(key: AuthKey): SettingKey {
  return `secrets.vault.auth.${key}`;
}

function authOf(chosen: Choice, key: AuthKey): Chosen {
  return chosen.get(pathOf(key)) ?? { value: null, origin: 'default', folder: '' };
}
