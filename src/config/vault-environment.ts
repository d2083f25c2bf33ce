import type { Problem } from '../domain/errors.ts';
import { isLoopback } from '../domain/loopback.ts';
import type { SettingKey } from './settings-keys.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What Vault's and OpenBao's own clients read, by the part of the name behind VAULT_ or BAO_. */
const VARIABLES: readonly (readonly [string, SettingKey])[] = [
  ['ADDR', 'secrets.vault.address'],
  ['NAMESPACE', 'secrets.vault.namespace'],
  ['CACERT', 'secrets.vault.tls.ca_file'],
  ['CLIENT_CERT', 'secrets.vault.tls.cert_file'],
  ['CLIENT_KEY', 'secrets.vault.tls.key_file'],
  ['TLS_SERVER_NAME', 'secrets.vault.tls.server_name'],
];

/** The settings that variables of Vault and OpenBao give, each with the variable's name. Nothing is checked yet. */
export function readVaultEnvironment(
  env: Environment,
): readonly { readonly key: SettingKey; readonly variable: string; readonly text: string }[] {
  return VARIABLES.flatMap(([name, key]) => {
    const found = lookUp(env, name);
    return found === undefined ? [] : [{ key, ...found }];
  });
}

/** The variable that holds a token of Vault, or undefined; the token itself is read where it is used. */
export function tokenVariable(env: Environment): string | undefined {
  return lookUp(env, 'TOKEN')?.variable;
}

/** Refuses VAULT_SKIP_VERIFY, which leaves the token to whoever answers; on loopback it changes nothing. */
export function skipVerifyProblems(env: Environment, address: string): readonly Problem[] {
  const found = lookUp(env, 'SKIP_VERIFY');
  // What the clients of Vault take for true (Go's strconv.ParseBool).
  if (found === undefined || !/^(1|t|T|TRUE|true|True)$/.test(found.text) || isLoopback(address)) return [];
  return [
    {
      file: found.variable,
      message:
        'certificates are always checked, or the token would go to whoever answers; name the file of the certificate authority instead, as VAULT_CACERT or `secrets.vault.tls.ca_file`',
    },
  ];
}

/** BAO_X wins over VAULT_X wherever it is set, even empty, as in OpenBao's own client; empty means not given. */
function lookUp(env: Environment, name: string): { variable: string; text: string } | undefined {
  const variable = env[`BAO_${name}`] === undefined ? `VAULT_${name}` : `BAO_${name}`;
  const text = env[variable] ?? '';
  return text === '' ? undefined : { variable, text };
}
