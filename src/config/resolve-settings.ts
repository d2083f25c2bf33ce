import { resolve } from 'node:path';
import type { Policy, Settings } from '../domain/settings.ts';
import { parseDuration } from './duration.ts';
import { parseAllowance } from './parse-allowance.ts';
import { serviceUrl } from './service-url.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey } from './settings-keys.ts';

/** Where a setting may come from. */
type Origin = 'flag' | 'environment' | 'file' | 'default';

/** What one origin gives, in the form of the file, and the folder that its relative paths start from. */
export interface Layer {
  readonly origin: Origin;
  readonly folder: string;
  readonly values: ReadonlyMap<SettingKey, unknown>;
}

/** A setting's value, still in the form of the file, with where it came from. */
export interface Chosen {
  readonly value: unknown;
  readonly origin: Origin;
  readonly folder: string;
}

/** For every setting its value by the first layer that has it, else the default, taken as if it stood in the file. */
export function chooseSettings(
  layers: readonly Layer[],
  defaultFolder: string,
): ReadonlyMap<SettingKey, Chosen> {
  return new Map(
    SETTING_KEYS.map((key): [SettingKey, Chosen] => {
      const layer = layers.find(({ values }) => values.has(key));
      return [
        key,
        layer
          ? { value: layer.values.get(key), origin: layer.origin, folder: layer.folder }
          : { value: SETTINGS[key].default, origin: 'default', folder: defaultFolder },
      ];
    }),
  );
}

/** The settings in the form in which they are used. All values have been checked. */
export function decodeSettings(chosen: ReadonlyMap<SettingKey, Chosen>, allow: readonly string[]): Settings {
  const raw = (key: SettingKey): unknown => chosen.get(key)?.value;
  const path = (key: SettingKey): string => resolve(chosen.get(key)?.folder ?? '', String(raw(key)));
  const duration = (key: SettingKey): number => parseDuration(String(raw(key))) ?? Number.NaN;
  const allowed = [...new Set([...(raw('policy.allow') as readonly string[]), ...allow])];
  return {
    owner: String(raw('owner')),
    subscriptions: path('subscriptions'),
    api: {
      base_url: serviceUrl(String(raw('api.base_url'))),
      key_file: raw('api.key_file') === null ? null : path('api.key_file'),
      timeout: duration('api.timeout'),
      concurrency: Number(raw('api.concurrency')),
    },
    secrets: {
      sink: 'file',
      store_timeout: duration('secrets.store_timeout'),
      file: { directory: path('secrets.file.directory'), ephemeral: raw('secrets.file.ephemeral') === true },
    },
    policy: {
      prune: raw('policy.prune') as Policy['prune'],
      unowned: raw('policy.unowned') as Policy['unowned'],
      drift: raw('policy.drift') as Policy['drift'],
      max_deletes: decodeLimit(raw('policy.max_deletes')),
      allow: allowed.map((text) => parseAllowance(text)),
      ignore: raw('policy.ignore') as readonly string[],
    },
    daemon: { interval: duration('daemon.interval') },
  };
}

function decodeLimit(value: unknown): Policy['max_deletes'] {
  return typeof value === 'number' ? { count: value } : { share: Number(String(value).slice(0, -1)) / 100 };
}
