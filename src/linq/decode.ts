import { Secret } from '../domain/secret.ts';
import type { LiveSubscription, PhoneLine } from '../domain/subscription.ts';
import type { CreatedSubscription } from './linq-api.ts';

/** A body is not of the documented shape. The message names the place and never quotes the body. */
export class ShapeError extends Error {
  constructor(place: string, expected: string) {
    super(`${place} is not ${expected}`);
    this.name = 'ShapeError';
  }
}

const BODY = 'the body';

/*
 * Every function here is pure: unknown fields are tolerated, since the API grows weekly, missing optional
 * ones too; anything else that is not as documented is a `ShapeError`, never an empty answer.
 */

/** `{"subscriptions": […]}`; an id that stands there twice makes the whole list doubtful. */
export function decodeSubscriptions(body: unknown): readonly LiveSubscription[] {
  const items = arrayIn(objectAt(body, BODY), 'subscriptions', BODY);
  const subscriptions = items.map((item, index) => decodeAt(item, `subscriptions[${index}]`));
  const ids = new Set<string>();
  for (const [index, { id }] of subscriptions.entries()) {
    if (ids.has(id)) throw new ShapeError(`subscriptions[${index}].id`, 'unique in the list');
    ids.add(id);
  }
  return subscriptions;
}

/** One bare subscription; with `id`, that of exactly this one. A secret in it is not looked at. */
export function decodeSubscription(body: unknown, id?: string): LiveSubscription {
  const subscription = decodeAt(body, BODY);
  if (id !== undefined && subscription.id !== id) throw new ShapeError('id', 'the one that was asked for');
  return subscription;
}

/** The answer to a creation: a subscription with its secret, which is shown this once. */
export function decodeCreated(body: unknown): CreatedSubscription {
  const subscription = decodeAt(body, BODY);
  const secret = objectAt(body, BODY)['signing_secret'];
  if (typeof secret !== 'string' || !/^[^\p{Cc}\p{Cs}]+$/u.test(secret)) {
    throw new ShapeError('signing_secret', 'a non-empty string without control characters');
  }
  return { subscription, signing_secret: new Secret(secret) };
}

/** `{"events": [name, …]}`. */
export function decodeEvents(body: unknown): readonly string[] {
  return stringsIn(objectAt(body, BODY), 'events', BODY);
}

/** `{"phone_numbers": [{"id": …, "phone_number": …}, …]}`. */
export function decodePhoneLines(body: unknown): readonly PhoneLine[] {
  return arrayIn(objectAt(body, BODY), 'phone_numbers', BODY).map((item, index) => {
    const place = `phone_numbers[${index}]`;
    const object = objectAt(item, place);
    return { id: textIn(object, 'id', place), phone_number: textIn(object, 'phone_number', place) };
  });
}

/** Whether `id` can be one path segment of a URL, and stays that one. */
export function isPathId(id: string): boolean {
  return id !== '.' && id !== '..' && /^[^\p{Cc}\p{Cs}]+$/u.test(id);
}

function decodeAt(value: unknown, place: string): LiveSubscription {
  const object = objectAt(value, place);
  const id = textIn(object, 'id', place);
  if (!isPathId(id)) throw new ShapeError(pathOf('id', place), 'usable in a path');
  const isActive = object['is_active'] ?? true;
  if (typeof isActive !== 'boolean') throw new ShapeError(pathOf('is_active', place), 'true or false');
  const phones = (object['phone_numbers'] ?? null) === null ? [] : stringsIn(object, 'phone_numbers', place);
  const createdAt = parseTimestamp(object['created_at']);
  return {
    id,
    target_url: textIn(object, 'target_url', place),
    subscribed_events: stringsIn(object, 'subscribed_events', place),
    phone_numbers: phones.length === 0 ? null : phones,
    is_active: isActive,
    routing_key_header: headerIn(object, 'routing_key_header', place),
    routing_id_header: headerIn(object, 'routing_id_header', place),
    ...(createdAt === undefined ? {} : { created_at: createdAt }),
  };
}

/** RFC 3339 with any number of fraction digits (nanoseconds were seen), in milliseconds since the epoch. */
function parseTimestamp(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const parts = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.exec(value);
  if (parts === null) return undefined;
  const [, date = '', clock = '', fraction = '', zone = ''] = parts;
  const time = Date.parse(`${date}T${clock}${fraction.slice(0, 4)}${zone.toUpperCase()}`);
  return Number.isNaN(time) ? undefined : time;
}

type Members = Readonly<Record<string, unknown>>;

function objectAt(value: unknown, place: string): Members {
  if (!isObject(value)) throw new ShapeError(place, 'an object');
  return value;
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function arrayIn(object: Members, field: string, place: string): readonly unknown[] {
  const value = object[field];
  if (!Array.isArray(value)) throw new ShapeError(pathOf(field, place), 'an array');
  return value;
}

function textIn(object: Members, field: string, place: string): string {
  const value = object[field];
  if (!isText(value)) throw new ShapeError(pathOf(field, place), 'a non-empty string');
  return value;
}

function stringsIn(object: Members, field: string, place: string): readonly string[] {
  const items = arrayIn(object, field, place);
  const wrong = items.findIndex((item) => !isText(item));
  if (wrong !== -1) throw new ShapeError(`${pathOf(field, place)}[${wrong}]`, 'a non-empty string');
  return items as readonly string[];
}

function headerIn(object: Members, field: string, place: string): string | null {
  const value = object[field];
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'string') throw new ShapeError(pathOf(field, place), 'a string');
  return value;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Put together only where something is wrong there: a list has thousands of places. */
function pathOf(field: string, place: string): string {
  return place === BODY ? field : `${place}.${field}`;
}
