import type { SubscriptionPatch } from '../domain/subscription.ts';
import type { Account } from './account.ts';
import { EVENT_NAMES } from './catalogue.ts';

/** The API says no. Thrown while a request is looked at, and turned into Linq's error body by the routes. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

/** The JSON object in a request's body; anything else is refused with 400/1003. */
export function readObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Refusal(400, 1003, 'Invalid request body: not valid JSON');
  }
  if (!isObject(value)) throw new Refusal(400, 1003, 'Invalid request body: expected a JSON object');
  return value;
}

/** The fields of a POST. `is_active` and unknown fields are ignored, as no version of the API takes them there. */
export function readCreateBody(
  account: Account,
  body: JsonObject,
): SubscriptionPatch & { target_url: string } {
  for (const name of ['target_url', 'subscribed_events']) {
    if (body[name] === undefined || body[name] === null) {
      throw new Refusal(400, 1001, `Missing required field: ${name}`);
    }
  }
  for (const name of ['phone_numbers', 'routing_key_header', 'routing_id_header']) {
    if (body[name] === null) throw invalid(name, 'must not be null when a subscription is created');
  }
  const fields = readUpdateBody(account, { ...body, is_active: undefined });
  return { ...fields, target_url: readUrl(body['target_url']) };
}

/** The fields of a PUT: those that the body names. Unknown fields are ignored. */
export function readUpdateBody(account: Account, body: JsonObject): SubscriptionPatch {
  const { target_url, subscribed_events, phone_numbers, is_active } = body;
  const { routing_key_header: key, routing_id_header: id } = body;
  return {
    ...(target_url === undefined ? {} : { target_url: readUrl(target_url) }),
    ...(subscribed_events === undefined ? {} : { subscribed_events: readEvents(account, subscribed_events) }),
    ...(phone_numbers === undefined ? {} : { phone_numbers: readNumbers(account, phone_numbers) }),
    ...(is_active === undefined ? {} : { is_active: readBoolean('is_active', is_active) }),
    ...(key === undefined ? {} : { routing_key_header: readHeaderName('routing_key_header', key) }),
    ...(id === undefined ? {} : { routing_id_header: readHeaderName('routing_id_header', id) }),
  };
}

function readUrl(value: unknown): string {
  if (typeof value !== 'string' || !URL.canParse(value)) throw invalid('target_url', 'must be a valid URL');
  if (new URL(value).protocol !== 'https:') throw invalid('target_url', 'must be HTTPS');
  return value;
}

function readEvents(account: Account, value: unknown): readonly string[] {
  if (!isTextArray(value)) throw invalid('subscribed_events', 'must be an array of event types');
  if (value.length === 0) throw invalid('subscribed_events', 'must have at least one event type');
  const unknown = value.find((name) => !EVENT_NAMES.includes(name));
  if (unknown !== undefined) throw invalid('subscribed_events', `unknown event type "${unknown}"`);
  return arranged(account, value);
}

function readNumbers(account: Account, value: unknown): readonly string[] | null {
  if (value === null) return null;
  if (!isTextArray(value)) throw invalid('phone_numbers', 'must be an array of phone numbers');
  if (!value.every((number) => /^\+[1-9]\d{1,14}$/.test(number))) {
    throw new Refusal(400, 1002, 'Phone number must be in E.164 format');
  }
  const owned = new Set(account.lines.map((line) => line.phone_number));
  const foreign = value.find((number) => !owned.has(number));
  if (foreign !== undefined) {
    throw new Refusal(403, 2006, `Access denied - phone number ${foreign} is not yours`);
  }
  return value.length === 0 ? null : arranged(account, value);
}

function readBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(name, 'must be true or false');
  return value;
}

function readHeaderName(name: string, value: unknown): string | null {
  if (value === null || value === '') return null;
  if (typeof value !== 'string' || !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(value)) {
    throw invalid(name, 'must be the name of a header');
  }
  return value;
}

function arranged(account: Account, values: readonly string[]): readonly string[] {
  return account.switches.arrays === 'sorted' ? [...new Set(values)].sort() : values;
}

function invalid(name: string, problem: string): Refusal {
  return new Refusal(400, 1005, `Invalid parameter value: ${name} ${problem}`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
