import { nearest } from '../domain/nearest.ts';
import { FIELD_NAMES } from '../domain/subscription.ts';
import { explainAge } from './check-age.ts';
import { checkTargetUrl } from './check-target-url.ts';
import { isSecretKey, printable, quote } from './quote.ts';
import type { Violation } from './schema-check.ts';
import { asList, flagWords, kindOf, type Words } from './words.ts';

const NAME_RULE =
  'lower-case letters, digits, `.`, `_` and `-`, a letter or digit first and last, 63 at most';
const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
const EVENT = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$/;
const PHONE_NUMBER = /^\+[1-9][0-9]{1,14}$/;

/** Keys that people write for ours and that no spelling distance finds. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ...['url', 'uri', 'endpoint', 'webhook_url', 'callback_url', 'target'].map(
    (key) => [key, 'target_url'] as const,
  ),
  ...['events', 'event', 'event_types', 'topics'].map((key) => [key, 'subscribed_events'] as const),
  ...['phones', 'phone', 'numbers', 'lines', 'line'].map((key) => [key, 'phone_numbers'] as const),
  ...['active', 'enabled'].map((key) => [key, 'is_active'] as const),
  ...['prevent_destroy', 'protected', 'protect'].map(
    (key) => [key, 'lifecycle: { prevent_destroy: true }'] as const,
  ),
  ...['rotate_after', 'rotate', 'max_age'].map((key) => [key, 'lifecycle: { rotate_after: 90d }'] as const),
  ...['renamed_from', 'old_name', 'moved_from', 'aliases'].map((key) => [key, 'previously'] as const),
]);

const FIELDS: readonly string[] = [...FIELD_NAMES, 'lifecycle', 'previously'];

/** The field of an entry that a key stands for, also where it is misspelt or a common other word for it. */
export function meantField(key: string): string | undefined {
  return SYNONYMS.get(key.toLowerCase()) ?? nearest(key, FIELDS);
}

/** The words for what is wrong with a value of `subscriptions.yaml`, where the general ones would not help. */
export function explainSubscriptions(violation: Violation): Words | undefined {
  const { rule, value, source, key, path } = violation;
  switch (rule) {
    case 'version/const':
    case 'version/type':
      return value === '1'
        ? { message: '`version` must be the number 1, without quotes', suggestion: 'version: 1' }
        : {
            message: `\`version\` is ${kindOf(value)}, and this program reads version 1`,
            suggestion: 'version: 1',
          };
    case '#/required':
      return key === 'version'
        ? { message: '`version` is missing at the top of the file', suggestion: 'version: 1' }
        : {
            message: '`subscriptions` is missing: the map of everything that should exist',
            suggestion: 'subscriptions:',
          };
    case 'subscriptions/type':
      return explainSubscriptionsType(value);
    case 'name/pattern':
      return explainName(key ?? (typeof value === 'string' ? value : ''));
    case 'name/type':
      return {
        message: `a former name must be text, and this is ${kindOf(value)}`,
        suggestion: `"${printable(source)}"`,
      };
    case 'entry/type':
      return {
        message: `the entry ${quote(path.at(-1) ?? '')} must be a map with at least \`target_url\`, and is ${kindOf(value)}`,
      };
    case 'entry/required':
      return { message: `\`target_url\` is missing in the entry ${quote(path.at(-1) ?? '')}` };
    case 'target_url/pattern':
      return checkTargetUrl(String(value));
    case 'entry/additionalProperties':
    case 'defaults/additionalProperties':
      return explainKey(key ?? '', rule.startsWith('defaults'));
    case 'subscribed_events/type':
      return {
        message: `\`subscribed_events\` must be a list, and is ${kindOf(value)}`,
        suggestion: asList(value),
      };
    case 'subscribed_events/minItems':
      return { message: '`subscribed_events` is an empty list: Linq wants at least one event' };
    case 'event/type':
      return { message: `an event name must be text, and this is ${kindOf(value)}` };
    case 'event/pattern':
      return explainEvent(String(value));
    default:
      return explainField(violation);
  }
}

function explainField({ rule, value, source }: Violation): Words | undefined {
  switch (rule) {
    case 'else/type':
    case 'else/const':
      return explainPhoneNumbers(value, source);
    case 'then/minItems':
      return {
        message: '`phone_numbers` is an empty list, which to Linq means every line; to mean that, say so',
        suggestion: 'phone_numbers: all',
      };
    case 'phone_number/type':
    case 'phone_number/pattern':
      return explainPhoneNumber(value, source);
    case 'is_active/type':
    case 'prevent_destroy/type':
    case 'allow_empty/type':
      return flagWords(rule.split('/')[0] ?? '', value);
    case 'age/type':
    case 'age/pattern':
      return explainAge(value);
    case 'routing_key_header/pattern':
    case 'routing_id_header/pattern':
      return value === ''
        ? { message: 'a header name cannot be empty; `null` clears it', suggestion: 'null' }
        : { message: `${quote(String(value))} cannot be the name of an HTTP header` };
    case 'previously/type':
      return {
        message: `\`previously\` must be a list of former names, and is ${kindOf(value)}`,
        suggestion: asList(value),
      };
    case 'previously/minItems':
      return { message: '`previously` is an empty list; leave it out' };
    default:
      return undefined;
  }
}

function explainSubscriptionsType(value: unknown): Words {
  if (value === null) {
    return {
      message:
        '`subscriptions` has nothing under it; to delete everything that is ours, write `subscriptions: {}` and `allow_empty: true`',
    };
  }
  return Array.isArray(value)
    ? {
        message:
          '`subscriptions` must be a map from names to entries, not a list: write `support:` instead of `- name: support`',
      }
    : { message: `\`subscriptions\` must be a map from names to entries, and is ${kindOf(value)}` };
}

/** Why `name` cannot be the name of an entry, with a name near to it that can. */
function explainName(name: string): Words {
  const repaired = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .slice(0, 63)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return {
    message: `${quote(name)} cannot be the name of an entry: ${NAME_RULE}`,
    suggestion: NAME.test(repaired) ? repaired : undefined,
  };
}

function explainKey(key: string, isDefaults: boolean): Words | undefined {
  if (isDefaults && (key === 'target_url' || key === 'previously')) {
    return { message: `\`${key}\` belongs to one entry and cannot be a default` };
  }
  if (key === 'signing_secret' || isSecretKey(key)) {
    return {
      message: `${quote(key)} cannot stand here: secrets are kept in the sink and never written into this file`,
    };
  }
  if (key === 'name' || key === 'id') {
    return { message: `\`${key}\` is not a field: the key above the entry is its name` };
  }
  const synonym = SYNONYMS.get(key.toLowerCase());
  return synonym === undefined || (isDefaults && (synonym === 'target_url' || synonym === 'previously'))
    ? undefined
    : { message: `the key ${quote(key)} is not known in an entry`, suggestion: synonym };
}

function explainEvent(event: string): Words {
  if (/[*?]/.test(event) || event.toLowerCase() === 'all') {
    return {
      message: `${quote(event)} is not an event name, and there are no patterns: \`linq-gitops events\` prints the catalogue`,
    };
  }
  const repaired = event
    .trim()
    .toLowerCase()
    .replace(/[\s:/-]+/g, '.');
  return {
    message: `${quote(event)} is not an event name: those are lower-case words joined by dots, like \`message.received\``,
    suggestion: EVENT.test(repaired) ? repaired : undefined,
  };
}

function explainPhoneNumbers(value: unknown, source: string): Words {
  if (value === null) {
    return {
      message: '`phone_numbers` is empty; write `all` for every line, or leave it out',
      suggestion: 'phone_numbers: all',
    };
  }
  const number = repairPhoneNumber(source.replace(/^["']|["']$/g, ''));
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  return {
    message: `\`phone_numbers\` must be a list of numbers or the word \`all\`, and is ${kindOf(value)}`,
    suggestion:
      number === undefined ? (/^(all|any|every|\*)/.test(word) ? 'all' : undefined) : `["${number}"]`,
  };
}

function explainPhoneNumber(value: unknown, source: string): Words {
  const number = repairPhoneNumber(typeof value === 'string' ? value : source);
  const suggestion = number === undefined ? undefined : `"${number}"`;
  if (typeof value === 'number') {
    return {
      message: 'a phone number must be quoted: without quotes YAML reads a number, and its plus sign is lost',
      suggestion,
    };
  }
  if (value === 'all') {
    return { message: '`all` stands instead of the list, not in it', suggestion: 'phone_numbers: all' };
  }
  return {
    message:
      typeof value === 'string'
        ? `${quote(value)} is not a phone number in E.164: a plus sign, country code and number, digits only`
        : `a phone number must be text, and this is ${kindOf(value)}`,
    suggestion,
  };
}

/** A phone number without the punctuation that people put into it; undefined where the country is not given. */
function repairPhoneNumber(text: string): string | undefined {
  const number = text
    .replace(/^tel:/i, '')
    .replace(/[\s().\-/]/g, '')
    .replace(/^00/, '+');
  return PHONE_NUMBER.test(number) ? number : undefined;
}
