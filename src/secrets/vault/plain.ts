import type { Plain } from '../record-fields.ts';

/** An object out of an answer; empty for anything else. */
export function objectAt(data: Plain, key: string): Plain {
  return asObject(data[key]) ?? {};
}

export function asObject(value: unknown): Plain | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Plain) : undefined;
}

/** A JSON text as an object; undefined for any other text. */
export function parseObject(text: string): Plain | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The texts of a list; whatever else is in it is left out. */
export function textsAt(data: Plain, key: string): readonly string[] {
  const value = data[key];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
