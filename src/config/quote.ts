import { SECRET_SHAPE } from '../domain/secret.ts';

const MAX_QUOTED = 60;
/**
 * Control characters, and those that hide text or change its direction: none may reach a terminal or a log. The joiners,
 * which scripts and emoji are written with, may.
 */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** `key: value` where the key can only mean a secret; `key_file`, `routing_key_header` and such do not match. */
const SECRET_LINE =
  /(^|[\s{,"'.])((?:[a-z0-9]+[_-])*(?:key|token|secret|secret_id|jwt|password|passphrase|credentials?)["']?\s*[:=]\s*)(?=[^\s{[])([^#,}\]]+)/giu;
const SECRET_KEY =
  /^(?:[a-z0-9]+[_.-])*(?:key|token|secret|secret_id|jwt|password|passphrase|credentials?)$/iu;

/** Whether a key of this name could only hold a secret, as `api_key` or `token` would. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key);
}

/** `text` on one line and harmless to a terminal; as many characters as before. */
export function printable(text: string): string {
  return text.replace(/\t/g, '→').replace(UNPRINTABLE, '\ufffd');
}

/**
 * `text` with what looks like a secret (a signing secret, a token of Vault, the credentials of a URL, the value
 * of a key such as `token`) covered by asterisks; as many characters as before, so that a caret under it stays right.
 */
export function maskSecrets(text: string): string {
  return maskShapes(text)
    .replace(/(:\/\/)([^/@\s"']+)(?=@)/g, (_, start: string, inner: string) => start + stars(inner))
    .replace(
      SECRET_LINE,
      (_, before: string, key: string, value: string) => before + key + stars(value.trimEnd()) + tail(value),
    );
}

/** `text` with what has the shape of a secret covered, and no more: a message of ours may hold `token: …` itself. */
export function maskShapes(text: string): string {
  return text.replace(SECRET_SHAPE, stars);
}

/** A value of the file in double quotes, for a message: one line, cut at 60 characters, secrets covered. */
export function quote(value: string): string {
  const shown = Array.from(printable(maskSecrets(value)));
  return shown.length > MAX_QUOTED ? `"${shown.slice(0, MAX_QUOTED - 1).join('')}…"` : `"${shown.join('')}"`;
}

function stars(text: string): string {
  return '*'.repeat(Array.from(text).length);
}

function tail(text: string): string {
  return text.slice(text.trimEnd().length);
}
