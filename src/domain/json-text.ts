/**
 * The version of every JSON document that the program prints or serves. A reader ignores properties that it does not
 * know, and refuses a major version that it does not know.
 */
export const FORMAT_VERSION = '1.0';

/**
 * `value` as JSON text in which characters that could drive a terminal, or hide in it, are escaped; that
 * changes no value. `indent` in spaces.
 */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    // By UTF-16 units: JSON knows no escape for a whole code point.
    character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
