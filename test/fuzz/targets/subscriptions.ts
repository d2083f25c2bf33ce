import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { parseSubscriptions } from '../../../src/config/parse-subscriptions.ts';
import { ConfigError } from '../../../src/domain/errors.ts';
import type { DesiredEntry } from '../../../src/domain/desired.ts';
import { fileAt, filesIn } from '../corpus.ts';
import { nearTo } from '../near.ts';
import { canonical, demand, reported, type Target } from '../target.ts';

const EXAMPLE = {
  version: 1,
  allow_empty: false,
  defaults: { subscribed_events: ['message.received', 'message.failed'], is_active: true },
  subscriptions: {
    support: {
      target_url: 'https://hooks.example.com/linq?line=support&version=2026-02-03',
      phone_numbers: ['+12025551234', '+12025551235'],
      routing_key_header: 'X-Key',
      routing_id_header: null,
      lifecycle: { prevent_destroy: true, rotate_after: '90d' },
      previously: ['help', 'helpdesk'],
    },
    billing: {
      target_url: 'https://hooks.example.com/linq?line=billing&version=2026-02-03',
      subscribed_events: ['message.failed'],
      phone_numbers: 'all',
      is_active: false,
    },
  },
};

const tree = nearTo(EXAMPLE, { version: 1, subscriptions: {}, allow_empty: true });

/** A file of subscriptions: what is accepted means what plain YAML and the published schema make of it. */
export const subscriptions: Target = {
  name: 'subscriptions',
  corpus: [
    ...filesIn('.yaml', 'test/fixtures/subscriptions/good', 'test/fixtures/subscriptions/bad'),
    fileAt('config.example/subscriptions.yaml'),
  ].filter(({ length }) => length < 20_000),
  near: fc.oneof(
    tree.map((value) => JSON.stringify(value, null, 1)),
    tree.map((value) => asYaml(value)),
  ),
  open: () =>
    Promise.resolve({ check: (input) => Promise.resolve(check(input)), close: () => Promise.resolve() }),
};

/** YAML, with anchors for what stands there twice; JSON of what the library cannot write. */
function asYaml(value: unknown): string {
  try {
    return stringify(value);
  } catch {
    return JSON.stringify(value);
  }
}

function check(input: Buffer): 'accepted' | 'refused' {
  const { declared, problems, warnings } = parseSubscriptions(input, 'x.yaml');
  demand((declared === null) === problems.length > 0, 'neither good nor bad');
  const text = new TextDecoder().decode(input);
  for (const list of [problems, warnings]) {
    if (list.length === 0) continue;
    reported(new ConfigError('cannot use x.yaml: it has problems', list));
    for (const { position } of list) {
      if (!position) continue;
      const line = text.split('\n')[position.line - 1];
      demand(line !== undefined, 'a problem is in a line that is not there', position);
      demand(
        position.column >= 1 && position.column <= line.length + 1,
        'a column that is not there',
        position,
      );
    }
  }
  if (declared === null) return 'refused';
  const { entries, allow_empty } = meaningOf(input);
  demand(canonical(declared.entries) === canonical(entries), 'it means something else', {
    declared,
    entries,
  });
  demand(declared.allow_empty === allow_empty, 'allow_empty means something else');
  demand(entries.length > 0 || allow_empty, 'an empty file is accepted without consent');
  return 'accepted';
}

interface Raw {
  readonly target_url: string;
  readonly subscribed_events?: readonly string[];
  readonly phone_numbers?: 'all' | readonly string[];
  readonly lifecycle?: { readonly prevent_destroy?: boolean; readonly rotate_after?: string };
  readonly previously?: readonly string[];
}

const isValid = new Ajv2020({ strict: false, validateSchema: false }).compile(
  JSON.parse(fileAt('schema/subscriptions.schema.json').toString('utf8')) as object,
);

/** What the library and the schema alone make of a file; fails with `Broken` where they would refuse it. */
function meaningOf(input: Buffer): {
  readonly entries: readonly DesiredEntry[];
  readonly allow_empty: boolean;
} {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(input);
  let plain: unknown;
  try {
    plain = parse(text, {
      version: '1.2',
      schema: 'core',
      uniqueKeys: true,
      maxAliasCount: -1,
      logLevel: 'silent',
    });
  } catch (error) {
    demand(false, 'accepted, and plain YAML refuses it', error);
  }
  // As JSON: what the schema is about.
  const file = JSON.parse(JSON.stringify(plain)) as {
    readonly allow_empty?: boolean;
    readonly defaults?: Partial<Raw>;
    readonly subscriptions: Readonly<Record<string, Raw>>;
  };
  demand(isValid(file), 'accepted, and the schema refuses it', isValid.errors);
  const entries = Object.entries(file.subscriptions)
    .map(([name, own]) => entryOf(name, { ...file.defaults, ...own }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const urls = entries.map(({ fields }) => new URL(fields.target_url));
  demand(new Set(urls.map(({ href }) => href)).size === urls.length, 'two entries have one URL');
  for (const { protocol, username, password, host } of urls) {
    demand(protocol === 'https:' && username + password === '', 'a URL with credentials, or not https');
    demand(host !== 'webhook.linqapp.com', "a URL of Linq's own");
  }
  const names = entries.flatMap(({ name, previously }) => [name, ...previously]);
  demand(new Set(names).size === names.length, 'a name stands for two entries');
  return { entries, allow_empty: file.allow_empty ?? false };
}

function entryOf(name: string, raw: Raw): DesiredEntry {
  const { target_url, subscribed_events, phone_numbers, lifecycle, previously, ...others } = raw;
  demand(subscribed_events !== undefined, 'an entry without events');
  return {
    name,
    fields: {
      target_url,
      subscribed_events: subscribed_events.toSorted(),
      phone_numbers: phone_numbers === undefined || phone_numbers === 'all' ? null : phone_numbers.toSorted(),
      ...others,
    },
    previously: (previously ?? []).toSorted(),
    prevent_destroy: lifecycle?.prevent_destroy ?? false,
    rotate_after: lifecycle?.rotate_after === undefined ? null : ageOf(lifecycle.rotate_after),
  };
}

function ageOf(text: string): number {
  const hours = Number.parseInt(text, 10) * (text.endsWith('d') ? 24 : 1);
  demand(hours >= 24 && hours <= 3650 * 24, 'an age out of bounds', text);
  return hours * 3_600_000;
}
