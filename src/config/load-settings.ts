import { dirname, resolve } from 'node:path';
import { isLoopback } from '../domain/loopback.ts';
import { ConfigError, UsageError, type Problem } from '../domain/errors.ts';
import type { Settings } from '../domain/settings.ts';
import { checkValue } from './check-settings.ts';
import { chooseSettings, type Choice, type Layer, type Tell } from './choose-settings.ts';
import { exportProblems } from './export-settings.ts';
import type { ParsedSettings } from './parse-settings.ts';
import { linkProblem, readConfigFile, readOptionalConfigFile } from './read-config-file.ts';
import { decodeSettings } from './resolve-settings.ts';
import { serviceUrl } from './service-url.ts';
import {
  KEY_VARIABLE,
  readEnvironment,
  readForeignEnvironment,
  type EnvironmentSettings,
} from './settings-environment.ts';
import { SETTINGS, variableOf, type SettingKey } from './settings-keys.ts';
import { chooseAuth, vaultProblems } from './vault-settings.ts';

/** The settings that the command line gives; relative paths are relative to the working directory. */
export interface SettingFlags {
  readonly subscriptions?: string | undefined;
  /** Let through in addition to `policy.allow`. */
  readonly allow?: readonly string[] | undefined;
  readonly 'api.base_url'?: string | undefined;
}

/** Complete settings, and the file that they came from. */
export interface LoadedSettings {
  readonly settings: Settings;
  /** The settings file's absolute path; null where there is none. */
  readonly file: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_FILE = 'linq-gitops.yaml';

/**
 * The settings: a flag wins over the environment, that over the file, that over the default. Without `file`,
 * `linq-gitops.yaml` in `cwd` is used if it is there. Fails with `ConfigError`, which carries every problem of
 * file and environment, and with `UsageError` for a flag.
 */
export async function loadSettings(options: {
  readonly file: string | undefined;
  readonly cwd: string;
  readonly env: Environment;
  readonly flags: SettingFlags;
}): Promise<LoadedSettings> {
  const { cwd, env, flags } = options;
  const name = options.file ?? DEFAULT_FILE;
  const path = resolve(cwd, name);
  const content =
    options.file === undefined
      ? await readOptionalConfigFile(path)
      : await readConfigFile(path, 'without -c the settings are optional');
  const parsed = content && (await import('./parse-settings.ts')).parseSettings(content.bytes, name);
  const environment = readEnvironment(env);
  const foreign = readForeignEnvironment(env);
  const layers: Layer[] = [
    { origin: 'flag', folder: cwd, values: readFlags(flags) },
    {
      ...environment,
      origin: 'environment',
      folder: cwd,
      values: withKeyOfEnvironment(environment.values, env),
    },
    { ...foreign, origin: 'environment', folder: cwd },
    ...(parsed ? [{ origin: 'file', folder: dirname(path), values: parsed.values } as const] : []),
  ];
  const methodOfFile = parsed?.values.get('secrets.vault.auth.method');
  const chosen = chooseAuth(chooseSettings(layers, content ? dirname(path) : cwd), methodOfFile, env);
  const problems = [
    ...(parsed?.problems ?? []),
    ...(parsed ? strangerProblems(parsed, chosen, env) : []),
    ...environment.problems,
    ...sinkProblems({ chosen, env, foreign, tell: teller(chosen, parsed) }),
  ];
  if (problems.length > 0) {
    const isQuoted = content?.isLink === true && problems.some(({ file }) => file === name);
    throw refusal(name, isQuoted ? [linkProblem(name)] : problems);
  }
  return { settings: decodeSettings(chosen, flags.allow ?? []), file: content ? path : null };
}

/** What is wrong between settings of the sink and of the export. */
function sinkProblems(facts: {
  readonly chosen: Choice;
  readonly env: Environment;
  readonly foreign: EnvironmentSettings;
  readonly tell: Tell;
}): readonly Problem[] {
  const { chosen, env, foreign, tell } = facts;
  const own = exportProblems(chosen, tell);
  if (chosen.get('secrets.sink')?.value !== 'vault') return own;
  const used = new Set([...chosen.values()].map(({ variable }) => variable));
  return [
    ...foreign.problems.filter(({ file }) => used.has(file)),
    ...vaultProblems(chosen, env, tell),
    ...own,
  ];
}

/** Places a problem where the setting was given: in the file, or at its variable. */
function teller(chosen: Choice, parsed: ParsedSettings | null): Tell {
  return (key, words) => {
    const { origin, variable } = chosen.get(key) ?? {};
    if (origin === 'file' && parsed) return parsed.problemAt(key, words);
    const { message, suggestion } = words;
    return { file: variable ?? variableOf(key), message, ...(suggestion !== undefined && { suggestion }) };
  };
}

function readFlags(flags: SettingFlags): ReadonlyMap<SettingKey, unknown> {
  const values = new Map<SettingKey, unknown>();
  for (const key of ['subscriptions', 'api.base_url'] as const) {
    const value = flags[key];
    if (value === undefined) continue;
    values.set(key, value);
    const wrong = checkValue(key, value)[0];
    if (wrong) throw new UsageError(`cannot use the command line: ${wrong.message}`);
  }
  return values;
}

/** A key in the environment wins over a key file that the settings file names, as any variable does. */
function withKeyOfEnvironment(
  values: ReadonlyMap<SettingKey, unknown>,
  env: Environment,
): ReadonlyMap<SettingKey, unknown> {
  const hasKey = (env[KEY_VARIABLE] ?? '') !== '';
  return hasKey && !values.has('api.key_file') ? new Map([...values, ['api.key_file', null]]) : values;
}

/**
 * The credentials follow their address: who may edit the settings file must not be able to send a key that
 * does not come from that file to an address of their choice.
 */
function strangerProblems(parsed: ParsedSettings, chosen: Choice, env: Environment): readonly Problem[] {
  const address = chosen.get('api.base_url');
  const key = chosen.get('api.key_file');
  if (address?.origin !== 'file' || typeof address.value !== 'string' || !URL.canParse(address.value))
    return [];
  const isOwn = serviceUrl(address.value) === serviceUrl(SETTINGS['api.base_url'].default);
  if (isOwn || isLoopback(address.value) || key?.origin === 'file') return [];
  const variable = variableOf('api.key_file');
  const from = (env[variable] ?? '') === '' ? KEY_VARIABLE : variable;
  return [
    parsed.problemAt('api.base_url', {
      message: `this is not Linq's own address, and the API key comes from the environment (${from}), so whoever edits this file could have the key sent elsewhere: name the key's file here too, as \`api.key_file\`, or give the address in the environment, as ${variableOf('api.base_url')}`,
    }),
  ];
}

function refusal(name: string, problems: readonly Problem[]): ConfigError {
  const count = problems.length === 1 ? 'there is a problem' : `there are ${problems.length} problems`;
  const place = problems.some(({ file }) => file === name) ? name : 'the settings of the environment';
  return new ConfigError(`cannot use ${place}: ${count}`, problems);
}
