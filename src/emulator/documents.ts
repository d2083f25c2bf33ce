import { Ajv } from 'ajv';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { ConfigError } from '../domain/errors.ts';
import type { Problem } from '../domain/errors.ts';
import type { DeliveryOptions } from './deliver.ts';
import type { Fault } from './faults.ts';
import type { Seed, SeedLine, SeedSubscription } from './seed.ts';
import type { Switches } from './switches.ts';

/** The JSON documents that come from outside: the seed, and the bodies of the control endpoint. */
export interface Documents {
  readonly seed: Seed;
  readonly subscription: SeedSubscription;
  readonly subscriptionPatch: Partial<SeedSubscription>;
  readonly lines: readonly SeedLine[];
  readonly switches: Partial<Switches>;
  readonly fault: Fault;
  readonly delivery: DeliveryOptions & { readonly id: string };
  readonly clock: { readonly shift_ms: number };
  readonly apiKeys: readonly string[];
}

const text = { type: 'string' };
const texts = { type: 'array', items: { type: 'string' } };
const boolean = { type: 'boolean' };
const count = { type: 'integer', minimum: 0 };
const side = { enum: ['before', 'after'] };
const nullable = (schema: { type: string }) => ({ ...schema, type: [schema.type, 'null'] });

const subscriptionFields = {
  id: { type: 'string', pattern: '^[A-Za-z0-9._-]+$' },
  target_url: { type: 'string', format: 'url' },
  subscribed_events: texts,
  phone_numbers: nullable(texts),
  is_active: boolean,
  routing_key_header: nullable(text),
  routing_id_header: nullable(text),
  created_at: { type: 'string', format: 'time' },
  signing_secret: { type: 'string', pattern: '^whsec_.+' },
};
const subscription = closed(subscriptionFields, ['target_url', 'subscribed_events']);
const line = closed({ id: text, phone_number: text, forwarding_number: nullable(text) }, ['phone_number']);
const lines = { type: 'array', items: { if: { type: 'string' }, else: line } };

const actions = [
  action('delay', { ms: count, at: side }, ['ms']),
  action('hold', { at: side }),
  action('refuse', {}),
  action('reset', {}),
  action('truncate', {}),
  action('shape', { body: { enum: ['data', 'array', 'null', 'html', 'empty', 'no-secret'] } }, ['body']),
  action(
    'status',
    {
      status: { type: 'integer', minimum: 200, maximum: 599 },
      code: count,
      commit: boolean,
      retryAfter: { type: ['integer', 'string'], minimum: 0 },
    },
    ['status'],
  ),
  action('hang', { commit: boolean }),
  action('late', { landAfter: count, client: { enum: ['reset', 'hang'] } }),
  action('partial', { drop: { type: ['array', 'integer'], minimum: 0, items: text } }, ['drop']),
  action('stale', { writes: count }, ['writes']),
];

const SCHEMAS: { readonly [K in keyof Documents]: object } = {
  seed: closed({ subscriptions: { type: 'array', items: subscription }, lines }, ['subscriptions', 'lines']),
  subscription,
  subscriptionPatch: closed(subscriptionFields),
  lines,
  switches: closed({
    duplicate: { enum: ['409/2015', '400/1005'] },
    notFound: { enum: [2010, 2001] },
    clearedFilter: { enum: ['null', 'empty', 'absent'] },
    listOrder: { enum: ['created', 'shuffled'] },
    shuffleSeed: { type: 'integer' },
    extraFields: boolean,
    inactiveHoldsUrl: boolean,
    normalisesUrls: boolean,
    routingFields: { enum: ['present', 'absent'] },
    timestampPrecision: { enum: ['s', 'ms', 'ns'] },
    allowDuplicates: boolean,
    createdAt: { enum: ['present', 'absent'] },
    arrays: { enum: ['kept', 'sorted'] },
  }),
  fault: closed(
    {
      match: closed({
        method: text,
        path: { enum: ['list', 'create', 'get', 'update', 'delete', 'events', 'lines', 'any'] },
        id: text,
        nth: { type: 'integer', minimum: 1 },
      }),
      times: { if: { type: 'string' }, then: { const: 'always' }, else: { type: 'integer', minimum: 1 } },
      action: { type: 'object', required: ['kind'], discriminator: { propertyName: 'kind' }, oneOf: actions },
    },
    ['action'],
  ),
  delivery: closed({ id: text, event: text, url: text }, ['id']),
  clock: closed({ shift_ms: { type: 'integer' } }, ['shift_ms']),
  apiKeys: texts,
};

const compiled = new Map<keyof Documents, ValidateFunction>();

/**
 * The JSON document in `source`. Anything else than what its type says is a `ConfigError` that names every
 * problem with its place in the document; `file` is what the document is called there.
 */
export function readDocument<K extends keyof Documents>(kind: K, source: string, file: string): Documents[K] {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser's own words would quote the content, where a secret may stand.
    throw new ConfigError(`cannot read ${file}: not valid JSON`, [{ file, message: 'not valid JSON' }]);
  }
  const validate = compile(kind);
  if (validate(value)) return value;
  const problems = (validate.errors ?? []).flatMap((error) => problemOf(file, error));
  const words = problems.map((problem) => problem.message).join('; ');
  throw new ConfigError(`cannot read ${file}: ${words}`, problems);
}

/** Compiled on first use: most runs of the program never need a schema. */
function compile<K extends keyof Documents>(kind: K): ValidateFunction<Documents[K]> {
  const known = compiled.get(kind);
  const validate = known ?? createAjv().compile(SCHEMAS[kind]);
  compiled.set(kind, validate);
  return validate as ValidateFunction<Documents[K]>;
}

function createAjv(): Ajv {
  return new Ajv({
    allErrors: true,
    discriminator: true,
    allowUnionTypes: true,
    strictTypes: false,
    formats: {
      url: (value: string) => URL.canParse(value),
      time: (value: string) => !Number.isNaN(Date.parse(value)),
    },
  });
}

function problemOf(file: string, error: ErrorObject): Problem[] {
  if (error.keyword === 'if') return [];
  const place = error.instancePath === '' ? 'the document' : error.instancePath;
  const detail: unknown = error.params['additionalProperty'] ?? error.params['allowedValues'];
  const words = detail === undefined ? '' : `: ${JSON.stringify(detail)}`;
  return [{ file, message: `${place} ${error.message ?? 'is not valid'}${words}` }];
}

function closed(properties: object, required: readonly string[] = []): object {
  return { type: 'object', additionalProperties: false, required, properties };
}

function action(kind: string, properties: object, required: readonly string[] = []): object {
  return closed({ kind: { const: kind }, ...properties }, ['kind', ...required]);
}

/** Reads a seed from JSON; `file` is its name in messages. Fails with a `ConfigError` that names every problem. */
export function readSeed(text: string, file = 'seed'): Seed {
  return readDocument('seed', text, file);
}
