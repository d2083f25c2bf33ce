import type { Problem } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { checkValue } from './check-settings.ts';
import { isSecretKey, printable } from './quote.ts';
import { SETTING_KEYS, SETTINGS, variableOf, type SettingKey } from './settings-keys.ts';
import { readVaultEnvironment } from './vault-environment.ts';

/** The variables of Linq's own SDK that this program reads too. */
export const KEY_VARIABLE = 'LINQ_API_V3_API_KEY';
const ADDRESS_VARIABLE = 'LINQ_API_V3_BASE_URL';
const PREFIX = 'LINQ_GITOPS_';

/**
 * Kubernetes puts the addresses of every service of the namespace into the environment; those of a service
 * that is called linq-gitops, or begins so, look like ours and are not.
 */
const SERVICE_LINK =
  /^LINQ_GITOPS_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/** What the environment gives, in the form of the file. */
export interface EnvironmentSettings {
  readonly values: ReadonlyMap<SettingKey, unknown>;
  /** The variable that gives each. */
  readonly variables: ReadonlyMap<SettingKey, string>;
  readonly problems: readonly Problem[];
}

/**
 * The settings that environment variables give. An empty variable counts as not set; an unknown name that
 * begins with LINQ_GITOPS_ is a problem. Problems bear the variable's name, and never an unknown one's value.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): EnvironmentSettings {
  const values = new Map<SettingKey, unknown>();
  const variables = new Map<SettingKey, string>();
  const problems: Problem[] = [];
  const keys = new Map(SETTING_KEYS.map((key) => [variableOf(key), key]));
  const take = (variable: string, key: SettingKey): void => {
    const text = env[variable];
    if (text === undefined || text === '') return;
    const value = fromText(key, text);
    values.set(key, value);
    variables.set(key, variable);
    problems.push(...problemsOf(variable, key, value));
  };
  // Our own name for the address comes last and wins.
  take(ADDRESS_VARIABLE, 'api.base_url');
  for (const variable of Object.keys(env).sort()) {
    const key = keys.get(variable);
    if (key) take(variable, key);
    else if (variable.startsWith(PREFIX) && !SERVICE_LINK.test(variable))
      problems.push(unknownVariable(variable, keys));
  }
  return { values, variables, problems };
}

/**
 * The settings that the variables of Vault and OpenBao give. They are others' too, so their problems count only
 * where a Vault is used and the variable's value with it.
 */
export function readForeignEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): EnvironmentSettings {
  const found = readVaultEnvironment(env);
  return {
    values: new Map(found.map(({ key, text }) => [key, text])),
    variables: new Map(found.map(({ key, variable }) => [key, variable])),
    problems: found.flatMap(({ key, variable, text }) => problemsOf(variable, key, text)),
  };
}

function problemsOf(variable: string, key: SettingKey, value: unknown): readonly Problem[] {
  return checkValue(key, value).map(({ message, suggestion }) => ({
    file: variable,
    message,
    ...(suggestion !== undefined && { suggestion }),
  }));
}

function unknownVariable(variable: string, keys: ReadonlyMap<string, SettingKey>): Problem {
  const file = printable(variable);
  const name = variable.slice(PREFIX.length);
  if (isSecretKey(name)) {
    return /VAULT|BAO/.test(name)
      ? {
          file,
          message: 'there is no such variable; a token of Vault is given in VAULT_TOKEN or BAO_TOKEN',
          suggestion: 'VAULT_TOKEN',
        }
      : {
          file,
          message: `there is no such variable; the API key is given in ${KEY_VARIABLE}`,
          suggestion: KEY_VARIABLE,
        };
  }
  const known = [...keys.keys()].map((key) => key.slice(PREFIX.length));
  const near = nearest(name, known);
  return {
    file,
    message: 'there is no setting of this name; variables that begin with LINQ_GITOPS_ are settings',
    ...(near !== undefined && { suggestion: `${PREFIX}${near}` }),
  };
}

/** The value that a variable's text stands for; text that does not fit is left for the check to refuse. */
function fromText(key: SettingKey, text: string): unknown {
  const { kind } = SETTINGS[key];
  if (kind === 'list')
    return text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean);
  if ((kind === 'integer' || kind === 'limit') && /^\d{1,10}$/.test(text)) return Number(text);
  if (kind === 'flag' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
