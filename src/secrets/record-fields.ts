import { Secret } from '../domain/secret.ts';

/** Plain data for JSON. */
export type Plain = Readonly<Record<string, unknown>>;

/** Stored data is not what it should be: says the place of the field, never its content. */
export class Damage extends Error {}

/** An object under inspection, with the place of its fields for messages. */
export interface Fields {
  readonly data: Plain;
  readonly place: string;
}

/** A plain object, and no list. */
export function isObject(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The damage of a field that is missing or not what it should be. */
export function wrong(fields: Fields, key: string): Damage {
  return new Damage(`has no valid ${fields.place}${key}`);
}

/** Refuses what would be lost at the next write. */
export function allowOnly(fields: Fields, known: readonly string[]): void {
  // An unknown field would be lost at the next write. Its name is content, so it is not quoted.
  if (Object.keys(fields.data).some((key) => !known.includes(key))) {
    throw new Damage(
      fields.place === '' ? 'has an unknown field' : `has an unknown field in ${fields.place.slice(0, -1)}`,
    );
  }
}

/** The object under the key. */
export function object(fields: Fields, key: string): Fields {
  const value = fields.data[key];
  if (!isObject(value)) throw wrong(fields, key);
  return { data: value, place: `${fields.place}${key}.` };
}

/** The objects of the list under the key. */
export function objects(fields: Fields, key: string): readonly Fields[] {
  const value = fields.data[key];
  if (!Array.isArray(value)) throw wrong(fields, key);
  return value.map((data: unknown, index) => {
    if (!isObject(data)) throw wrong(fields, key);
    return { data, place: `${fields.place}${key}.${index}.` };
  });
}

/** What `read` makes of the object under the key, or null where that is what stands there. */
export function orNull<T>(fields: Fields, key: string, read: (inner: Fields) => T): T | null {
  return fields.data[key] === null ? null : read(object(fields, key));
}

/** The text under the key, not shorter than `atLeast`. */
export function text(fields: Fields, key: string, atLeast = 1): string {
  const value = fields.data[key];
  if (typeof value !== 'string' || value.length < atLeast) throw wrong(fields, key);
  return value;
}

/** The list of texts under the key, none of them empty. */
export function texts(fields: Fields, key: string): readonly string[] {
  const value = fields.data[key];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string' && item !== '')) {
    throw wrong(fields, key);
  }
  return value as readonly string[];
}

/** One of these words. */
export function oneOf<T extends string>(fields: Fields, key: string, words: readonly T[]): T {
  const found = words.find((word) => word === fields.data[key]);
  if (found === undefined) throw wrong(fields, key);
  return found;
}

/** The boolean under the key. */
export function truth(fields: Fields, key: string): boolean {
  const value = fields.data[key];
  if (typeof value !== 'boolean') throw wrong(fields, key);
  return value;
}

/** The time under the key, in ISO 8601. */
export function time(fields: Fields, key: string): string {
  const value = text(fields, key);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value) || Number.isNaN(Date.parse(value))) {
    throw wrong(fields, key);
  }
  return value;
}

/** The secret under the key, or null. */
export function secret(fields: Fields, key: string): Secret | null {
  return fields.data[key] === null ? null : new Secret(text(fields, key));
}
