import { resolve } from 'node:path';
import { isLoopback } from '../domain/loopback.ts';
import type { Problem } from '../domain/errors.ts';
import type { ExportMode, ExportSettings } from '../domain/settings.ts';
import { isInside } from '../domain/is-inside.ts';
import type { Choice, Resolved, Tell } from './choose-settings.ts';
import { quote } from './quote.ts';
import { checkServiceUrl } from './service-url.ts';
import { SETTING_KEYS, variableOf } from './settings-keys.ts';
import type { Words } from './words.ts';

/** What is wrong with the settings of the export, beyond what each of them says by itself. */
export function exportProblems(chosen: Choice, tell: Tell): readonly Problem[] {
  const directory = chosen.get('secrets.export.directory');
  if (directory?.value === null) {
    const lonely = SETTING_KEYS.find(
      (key) => key.startsWith('secrets.export.') && chosen.get(key)?.origin === 'environment',
    );
    return lonely === undefined
      ? []
      : [
          tell(lonely, {
            message: `there is no export without its folder: give \`secrets.export.directory\` too (${variableOf('secrets.export.directory')})`,
          }),
        ];
  }
  const sink = chosen.get('secrets.file.directory');
  const isFile = chosen.get('secrets.sink')?.value === 'file';
  if (!isFile || typeof directory?.value !== 'string' || typeof sink?.value !== 'string') return [];
  const [own, sinks] = [directory, sink].map(({ folder, value }) => resolve(folder, String(value))) as [
    string,
    string,
  ];
  if (!isInside(own, sinks) && !isInside(sinks, own)) return [];
  return [
    tell('secrets.export.directory', {
      message: `the export wants a folder of its own, neither inside that of the sink (${quote(sink.value)}) nor around it`,
    }),
  ];
}

/** Why a notification cannot be sent to `url`; undefined where it can. The words never repeat the URL. */
export function checkNotifyUrl(name: string, url: string): Words | undefined {
  const isUrl = /^https?:\/\//i.test(url) && URL.canParse(url);
  return isUrl && isLoopback(url)
    ? checkServiceUrl(name, url)
    : {
        message: `\`${name}\` must be a URL on this machine, such as http://127.0.0.1:8080/reload: notifications go nowhere else`,
      };
}

/** The settings of the export; null where there is none. All values have been checked. */
export function decodeExport({ raw, path }: Resolved): ExportSettings | null {
  if (raw('secrets.export.directory') === null) return null;
  const [group, notify] = [raw('secrets.export.group'), raw('secrets.export.notify')];
  return {
    directory: path('secrets.export.directory'),
    mode: raw('secrets.export.mode') as ExportMode,
    group: group === null ? null : Number(group),
    notify: typeof notify === 'string' ? new URL(notify).href : null,
  };
}
