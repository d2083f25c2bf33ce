import type { Finding } from './findings.ts';
import { parseDuration, parseDurationOrNone } from './duration.ts';
import { checkNotifyUrl } from './export-settings.ts';
import { checkListen } from './listen.ts';
import { readAllowance } from './parse-allowance.ts';
import { quote } from './quote.ts';
import { checkSchema } from './schema-check.ts';
import { checkServiceUrl } from './service-url.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey } from './settings-keys.ts';
import { validate } from './settings-validator.ts';
import { explainDuration, explainSettings } from './settings-words.ts';
import type { Words } from './words.ts';
import type { Located } from './located.ts';

/** Everything that is wrong with a tree of the settings file's shape, in words. */
export function checkSettings(tree: Located): readonly Finding[] {
  return [
    ...checkSchema(validate, tree, explainSettings),
    ...SETTING_KEYS.flatMap((key) => {
      const node = settingIn(tree, key);
      return node ? checkSetting(key, node) : [];
    }),
  ];
}

/** The node of a setting in a tree of the settings file's shape. */
export function settingIn(tree: Located, key: SettingKey): Located | undefined {
  let node: Located | undefined = tree;
  for (const part of key.split('.')) node = node?.entries?.get(part)?.node;
  return node;
}

/** The settings that such a tree holds, still in the form of the file. */
export function settingsIn(tree: Located): ReadonlyMap<SettingKey, unknown> {
  return new Map(
    SETTING_KEYS.flatMap((key) => {
      const node = settingIn(tree, key);
      return node ? [[key, node.value] as const] : [];
    }),
  );
}

/** What is wrong with one setting, of a variable or flag, by the same rules as for the file. */
export function checkValue(key: SettingKey, value: unknown): readonly Finding[] {
  // The schema and the check of a value may say the same; what the maps around it lack is not this one's fault.
  const findings = checkSettings(treeOf(key, value)).filter(({ at }) => at?.start === OF_VALUE.start);
  return [...new Map(findings.map((finding) => [finding.message, finding])).values()];
}

const OF_VALUE = { start: 1, end: 2 };
const AROUND_IT = { start: 0, end: 1 };

function treeOf(key: SettingKey, value: unknown): Located {
  const span = OF_VALUE;
  const leaf: Located = {
    value,
    span,
    source: typeof value === 'string' ? value : '',
    ...(Array.isArray(value) && {
      items: value.map((item: unknown) => ({ value: item, span, source: String(item) })),
    }),
  };
  return key.split('.').reduceRight<Located>(
    (node, part) => ({
      value: { [part]: node.value },
      span: AROUND_IT,
      source: '',
      entries: new Map([[part, { key: node.span, node }]]),
    }),
    leaf,
  );
}

/** What the schema cannot say. */
function checkSetting(key: SettingKey, node: Located): Finding[] {
  const { value, span } = node;
  if (node.items) return checkList(key, node.items);
  if (typeof value !== 'string') return [];
  const name = key.split('.').at(-1) ?? key;
  const { kind } = SETTINGS[key];
  const parse = kind === 'duration-or-none' ? parseDurationOrNone : parseDuration;
  const isTooLong = kind.startsWith('duration') && value !== '' && parse(value) === undefined;
  if (isTooLong) return [{ at: span, ...explainDuration(name, value, kind === 'duration-or-none') }];
  const wrong = CHECKS[key]?.(name, value);
  return wrong ? [{ at: span, ...wrong }] : [];
}

const CHECKS: Partial<Record<SettingKey, (name: string, value: string) => Words | undefined>> = {
  'api.base_url': checkServiceUrl,
  'secrets.vault.address': checkServiceUrl,
  'secrets.export.notify': checkNotifyUrl,
  'daemon.listen': checkListen,
};

function checkList(key: SettingKey, items: readonly Located[]): Finding[] {
  const seen = new Set<unknown>();
  return items.flatMap(({ value, span }) => {
    if (typeof value !== 'string') return [];
    if (seen.has(value)) return [{ at: span, message: `${quote(value)} stands twice in \`${key}\`` }];
    seen.add(value);
    const read = key === 'policy.allow' ? readAllowance(value) : undefined;
    return read && 'message' in read ? [{ at: span, ...read }] : [];
  });
}
