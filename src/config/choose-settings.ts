import type { Problem } from '../domain/errors.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey } from './settings-keys.ts';
import type { Words } from './words.ts';

/** Where a setting may come from. */
type Origin = 'flag' | 'environment' | 'file' | 'default';

/** What one origin gives, in the form of the file, and the folder that its relative paths start from. */
export interface Layer {
  readonly origin: Origin;
  readonly folder: string;
  readonly values: ReadonlyMap<SettingKey, unknown>;
  /** For the environment: the variable that gives each. */
  readonly variables?: ReadonlyMap<SettingKey, string>;
}

/** A setting's value, still in the form of the file, with where it came from. */
export interface Chosen {
  readonly value: unknown;
  readonly origin: Origin;
  readonly folder: string;
  /** The variable, where it comes from the environment. */
  readonly variable?: string | undefined;
}

/** A value for every setting. */
export type Choice = ReadonlyMap<SettingKey, Chosen>;

/** Makes a problem at the place that a setting comes from. */
export type Tell = (key: SettingKey, words: Words) => Problem;

/** Reads chosen values, as what they stand for; all have been checked. */
export interface Resolved {
  readonly raw: (key: SettingKey) => unknown;
  readonly path: (key: SettingKey) => string;
  readonly duration: (key: SettingKey) => number;
}

/** For every setting its value by the first layer that has it, else the default, taken as if it stood in the file. */
export function chooseSettings(layers: readonly Layer[], defaultFolder: string): Choice {
  return new Map(
    SETTING_KEYS.map((key): [SettingKey, Chosen] => {
      const layer = layers.find(({ values }) => values.has(key));
      return [
        key,
        layer
          ? {
              value: layer.values.get(key),
              origin: layer.origin,
              folder: layer.folder,
              variable: layer.variables?.get(key),
            }
          : { value: SETTINGS[key].default, origin: 'default', folder: defaultFolder },
      ];
    }),
  );
}
