import { inspect } from 'node:util';

const REDACTED = '[secret]';

/**
 * What looks like a signing secret of Linq, or like a token of Vault or OpenBao (`hvs.`, `hvb.`, `hvr.`; issued ones are
 * longer than 20 characters, and are known in the middle of other text, too). For `replace`.
 */
export const SECRET_SHAPE = /whsec_[\w+/=-]*|hv[sbr]\.[\w-]{20,}|\bhv[sbr]\.[\w-]{8,}/gi;

/**
 * A value that must not be printed. Every ordinary way of turning it into text (string, JSON, inspection)
 * gives `[secret]`; `reveal()` is called only where the value leaves for a sink, a service or `secret NAME`.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/**
 * Whether `text` looks like a signing secret of Linq: `whsec_` and base64 of 32 bytes
 * (seen in Linq's own adapter; the format is not documented).
 */
export function isSigningSecret(text: string): boolean {
  const encoded = /^whsec_([A-Za-z0-9+/]{43}=)$/.exec(text)?.[1];
  return encoded !== undefined && Buffer.from(encoded, 'base64').length === 32;
}
