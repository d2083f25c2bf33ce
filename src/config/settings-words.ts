import { nearest } from '../domain/nearest.ts';
import { EXPORT_MODES } from '../domain/settings.ts';
import { checkNotifyUrl } from './export-settings.ts';
import { isSecretKey, quote } from './quote.ts';
import type { Violation } from './schema-check.ts';
import { checkServiceUrl } from './service-url.ts';
import { isVaultMethod, VAULT_METHODS } from './vault-methods.ts';
import { asList, flagWords, joinOr, kindOf, type Words } from './words.ts';

/** The words for what is wrong with a setting, where the general ones would not help. */
export function explainSettings(violation: Violation): Words | undefined {
  const { rule, value, key } = violation;
  const name = violation.path.at(-1) ?? '';
  if (key !== undefined && rule.endsWith('/additionalProperties')) {
    return explainKey(key, violation.path) ?? explainAuthKey(key, violation);
  }
  switch (rule) {
    case 'owner/pattern':
      return {
        message: `${quote(String(value))} cannot be an owner: lower-case letters, digits, \`.\`, \`_\` and \`-\`, a letter or digit first and last, 63 at most`,
      };
    case 'base_url/pattern':
    case 'address/pattern':
      return checkServiceUrl(name, String(value));
    case 'notify/pattern':
      return checkNotifyUrl(name, String(value));
    case 'mode/type':
    case 'mode/enum':
      return explainMode(violation);
    case 'vault_path/pattern':
      return explainVaultPath(name, String(value));
    case 'word/pattern':
      return { message: `\`${name}\` must be one word, and is ${kindOf(value)}` };
    case 'then/required':
      return { message: `the method ${quote(methodOf(value))} needs \`${key ?? ''}\`` };
    case 'duration/type':
    case 'duration/pattern':
      return explainDuration(name, value);
    case 'duration_or_none/type':
    case 'duration_or_none/pattern':
      return explainDuration(name, value, true);
    case 'max_deletes/type':
    case 'max_deletes/pattern':
    case 'max_deletes/minimum':
      return explainLimit(value);
    case 'jitter/type':
    case 'jitter/pattern':
      return explainJitter(value);
    case 'listen/type':
      return {
        message: `\`listen\` must be a host and a port, such as \`127.0.0.1:9653\`, and is ${kindOf(value)}`,
      };
    case 'ephemeral/type':
      return flagWords(name, value);
    case 'allow/type':
    case 'ignore/type':
      return { message: `\`${name}\` must be a list, and is ${kindOf(value)}`, suggestion: asList(value) };
    case 'items/pattern':
      return {
        message: `${quote(String(value))} is not a pattern for URLs: it begins with \`https://\`, \`http://\` or a star`,
        suggestion: /^[\w-]+(\.[\w-]+)+/.test(String(value)) ? `https://${String(value)}` : undefined,
      };
    case 'path/type':
    case 'path/minLength':
    case 'path/pattern':
      return { message: `\`${name}\` must be a path, and is ${kindOf(value)}` };
    default:
      return undefined;
  }
}

/** Words for what is no duration, or too long, or, unless it `mayBeNone`, nothing. */
export function explainDuration(name: string, value: unknown, mayBeNone = false): Words {
  const rule = `\`${name}\` must be a duration such as \`500ms\`, \`30s\`, \`5m\` or \`2h\``;
  const number = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  if (/^[1-9]\d{0,9}$/.test(number) || (mayBeNone && number === '0')) {
    return { message: `${rule}, and ${number} has no unit`, suggestion: `${number}s` };
  }
  const [, count = '', unit = ''] =
    /^([1-9]\d*)\s*([a-z]+)$/i.exec(typeof value === 'string' ? value.trim() : '') ?? [];
  const short = /^(ms|millis.*)$/i.test(unit) ? 'ms' : unit.charAt(0).toLowerCase();
  const isRepairable = /^(ms|millis|s|sec|m|min|h|hour|hr|d|day)/i.test(unit) && `${count}${short}` !== value;
  return {
    message: `${rule}, ${mayBeNone ? 'at most 24d, or `0s` for none' : 'more than nothing and at most 24d'}, and is ${kindOf(value)}`,
    suggestion: isRepairable ? `${count}${short}` : undefined,
  };
}

function explainLimit(value: unknown): Words {
  const isShare = typeof value === 'number' && value > 0 && value < 1;
  return {
    message: `\`max_deletes\` must be a share such as \`25%\` or a count such as \`3\`, and is ${kindOf(value)}`,
    suggestion: isShare ? `${Math.round(value * 100)}%` : undefined,
  };
}

function explainJitter(value: unknown): Words {
  const isShare = typeof value === 'number' && value >= 0 && value < 1;
  return {
    message: `\`jitter\` must be a share of the interval such as \`10%\`, at most \`50%\`, and is ${kindOf(value)}`,
    suggestion: isShare ? `${Math.min(50, Math.round(value * 100))}%` : undefined,
  };
}

function explainKey(key: string, path: readonly string[]): Words | undefined {
  if (isSecretKey(key)) {
    const place = path.concat(key).join('.');
    if (path.includes('vault') || /vault|bao/i.test(key)) {
      return {
        message: `${quote(place)} cannot stand here, secrets never do: put it into a file and name that under \`secrets.vault.auth\` (\`token_file\`, \`secret_id_file\`), or set VAULT_TOKEN`,
      };
    }
    return {
      message: `${quote(place)} cannot stand here, secrets never do: put the key into a file and name it under \`api.key_file\`, or set LINQ_API_V3_API_KEY`,
    };
  }
  if (path.at(-1) === 'tls' && /verify|insecure/i.test(key)) {
    return {
      message: `${quote(key)} does not exist, certificates are always checked: name the file of the certificate authority as \`ca_file\``,
    };
  }
  const [first, ...rest] = key.split('.');
  if (path.length > 0 || rest.length === 0) return undefined;
  return {
    message: `the key ${quote(key)} is not known: a dot does not nest, so write one map inside the other`,
    suggestion: `${first ?? ''}: { ${rest.join(': { ')}: …${' }'.repeat(rest.length)}`,
  };
}

/** Every method of logging in has its own keys. */
function explainAuthKey(key: string, { path, value }: Violation): Words | undefined {
  const method = methodOf(value);
  if (path.at(-1) !== 'auth' || !isVaultMethod(method)) return undefined;
  const keys = VAULT_METHODS[method].keys;
  return {
    message: `the method ${quote(method)} has no ${quote(key)}; it has ${keys.map((one) => `\`${one}\``).join(', ')}`,
    suggestion: nearest(key, keys),
  };
}

function methodOf(value: unknown): string {
  const method = typeof value === 'object' && value !== null && 'method' in value ? value.method : undefined;
  return typeof method === 'string' ? method : '';
}

/** Unquoted, YAML reads a mode as a number, and loses its leading zero. */
function explainMode({ value, source }: Violation): Words {
  const digits = /^(?:0o?)?([0-7]{3})$/.exec(source.trim())?.[1];
  const meant = EXPORT_MODES.find((mode) => mode === `0${digits ?? ''}`);
  const isNumber = typeof value === 'number';
  const shown = isNumber ? `the number ${quote(source)}; put it in quotes` : kindOf(value);
  return {
    message: `\`mode\` must be ${joinOr(EXPORT_MODES.map((mode) => `\`'${mode}'\``))} (only the owner writes, and others than owner and group read nothing), and is ${shown}`,
    suggestion: meant === undefined ? undefined : `'${meant}'`,
  };
}

function explainVaultPath(name: string, value: string): Words {
  const trimmed = value.replace(/^\/+|\/+$/g, '');
  return {
    message: `\`${name}\` must be a path in Vault (segments with single slashes between them, none at either end, none that ends with a dot), and is ${kindOf(value)}`,
    suggestion:
      trimmed !== '' && trimmed !== value && /^[\w-]+(\/[\w-]+)*$/.test(trimmed) ? trimmed : undefined,
  };
}
