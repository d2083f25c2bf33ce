import { resolve } from 'node:path';
import type { DaemonSettings, Policy, Settings, SinkChoice } from '../domain/settings.ts';
import type { Choice, Resolved } from './choose-settings.ts';
import { parseDuration, parseDurationOrNone } from './duration.ts';
import { decodeExport } from './export-settings.ts';
import { parseListen } from './listen.ts';
import { parseAllowance } from './parse-allowance.ts';
import { serviceUrl } from './service-url.ts';
import type { SettingKey } from './settings-keys.ts';
import { decodeVault } from './vault-settings.ts';

/** The settings in the form in which they are used. All values have been checked. */
export function decodeSettings(chosen: Choice, allow: readonly string[]): Settings {
  const raw = (key: SettingKey): unknown => chosen.get(key)?.value;
  const path = (key: SettingKey): string => resolve(chosen.get(key)?.folder ?? '', String(raw(key)));
  const duration = (key: SettingKey): number => parseDuration(String(raw(key))) ?? Number.NaN;
  const durationOrNone = (key: SettingKey): number => parseDurationOrNone(String(raw(key))) ?? Number.NaN;
  const resolved: Resolved = { raw, path, duration };
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
      ...decodeSink(resolved),
      store_timeout: duration('secrets.store_timeout'),
      export: decodeExport(resolved),
    },
    policy: {
      prune: raw('policy.prune') as Policy['prune'],
      unowned: raw('policy.unowned') as Policy['unowned'],
      drift: raw('policy.drift') as Policy['drift'],
      max_deletes: decodeLimit(raw('policy.max_deletes')),
      allow: allowed.map((text) => parseAllowance(text)),
      retire: durationOrNone('policy.retire'),
      ignore: raw('policy.ignore') as readonly string[],
    },
    replace: {
      overlap: durationOrNone('replace.overlap'),
      keep_previous: durationOrNone('replace.keep_previous'),
      at_once: Number(raw('replace.at_once')),
    },
    daemon: decodeDaemon(resolved),
  };
}

function decodeDaemon({ raw, duration }: Resolved): DaemonSettings {
  const listen = parseListen(String(raw('daemon.listen')));
  return {
    interval: duration('daemon.interval'),
    jitter: shareOf(String(raw('daemon.jitter'))),
    listen: listen ?? { host: '', port: Number.NaN },
  };
}

function decodeSink(resolved: Resolved): SinkChoice {
  const { raw, path } = resolved;
  return raw('secrets.sink') === 'vault'
    ? { sink: 'vault', vault: decodeVault(resolved) }
    : {
        sink: 'file',
        file: {
          directory: path('secrets.file.directory'),
          ephemeral: raw('secrets.file.ephemeral') === true,
        },
      };
}

function decodeLimit(value: unknown): Policy['max_deletes'] {
  return typeof value === 'number' ? { count: value } : { share: shareOf(String(value)) };
}

/** `25%` as 0.25. */
function shareOf(text: string): number {
  return Number(text.slice(0, -1)) / 100;
}
