import { jsonText } from '../domain/json-text.ts';
import type { LiveSubscription } from '../domain/subscription.ts';
import { isIgnored, markOf, normaliseUrl } from '../domain/target-url.ts';
import { checkTargetUrl } from './check-target-url.ts';

/** A live subscription as `import` writes it. */
interface Found {
  readonly name: string;
  readonly subscription: LiveSubscription;
  /** It is managed already. */
  readonly isRecorded: boolean;
}

/** What is live, as a subscriptions file can have it. */
export interface SortedLive {
  readonly entries: readonly Found[];
  /** What the file cannot declare: a URL that is not https, or a second one with the same URL. */
  readonly others: readonly LiveSubscription[];
}

const SCHEMA_LINE =
  '# yaml-language-server: $schema=node_modules/linq-gitops/schema/subscriptions.schema.json';

const TEMPLATE = [
  SCHEMA_LINE,
  '# Nothing that can be declared is live. Say what should be, then run:',
  '# linq-gitops sync --dry-run',
  'version: 1',
  'subscriptions:',
  '  support:',
  '    target_url: https://hooks.example.com/linq?line=support&version=2026-02-03',
  '    subscribed_events:',
  '      - message.received',
];

/**
 * Gives names to what is live, but for Linq's own and what is ignored or unfinished. `recorded` has the names of those
 * that are managed already, by id. Names are stable: they depend on the subscriptions, not on their order.
 */
export function sortLive(
  live: readonly LiveSubscription[],
  recorded: ReadonlyMap<string, string>,
  ignore: readonly string[],
): SortedLive {
  const ours = live.filter(
    ({ target_url }) => !isIgnored(target_url, ignore) && markOf(target_url) === undefined,
  );
  const { declarable, others } = sort(ours);
  return { entries: nameAll(declarable, recorded), others };
}

/** A subscriptions file of what is live, or a template where nothing is. What it cannot declare stands in a comment. */
export function writeSubscriptions({ entries: found, others }: SortedLive): string {
  const entries = found.map(entryText);
  const head = [
    SCHEMA_LINE,
    '# Rename entries as you like before the first sync;',
    '# afterwards say `previously: [OLD-NAME]`.',
    '# How to take over what is not managed yet is said by:',
    '# linq-gitops sync --dry-run',
    'version: 1',
    'subscriptions:',
  ];
  return [
    ...(entries.length > 0 ? [...head, ...entries] : TEMPLATE),
    ...others.map(
      ({ id, target_url }) =>
        `# not declared: ${jsonText(id)} at ${jsonText(placeOf(target_url))} (another entry has its URL, or the file takes no such URL)`,
    ),
    '',
  ].join('\n');
}

/** Without userinfo and query: the file goes to git, and either can hold a secret. */
export function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'a URL that cannot be read';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function sort(live: readonly LiveSubscription[]): {
  declarable: LiveSubscription[];
  others: LiveSubscription[];
} {
  const seen = new Set<string>();
  const declarable: LiveSubscription[] = [];
  const others: LiveSubscription[] = [];
  for (const subscription of [...live].sort(byUrlAndId)) {
    const url = normaliseUrl(subscription.target_url);
    const isDeclarable = checkTargetUrl(subscription.target_url) === undefined && !seen.has(url);
    if (isDeclarable) seen.add(url);
    (isDeclarable ? declarable : others).push(subscription);
  }
  return { declarable, others };
}

function byUrlAndId(a: LiveSubscription, b: LiveSubscription): number {
  const [x, y] = [`${a.target_url} ${a.id}`, `${b.target_url} ${b.id}`];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The recorded name, else the shortest of the candidates that no other subscription has too. */
function nameAll(live: readonly LiveSubscription[], recorded: ReadonlyMap<string, string>): readonly Found[] {
  const unnamed = live.filter(({ id }) => !recorded.has(id));
  const taken = new Set(recorded.values());
  const names = new Map(recorded);
  let left = unnamed;
  for (const level of [0, 1, 2]) {
    const counts = new Map<string, number>();
    for (const subscription of left) {
      const name = candidateNames(subscription)[level] ?? '';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const settled = left.filter((subscription) => {
      const name = candidateNames(subscription)[level] ?? '';
      return counts.get(name) === 1 && !taken.has(name);
    });
    for (const subscription of settled) {
      const name = candidateNames(subscription)[level] ?? '';
      names.set(subscription.id, name);
      taken.add(name);
    }
    left = left.filter(({ id }) => !names.has(id));
  }
  return live
    .map((subscription) => ({
      name: names.get(subscription.id) ?? slug(subscription.id),
      subscription,
      isRecorded: recorded.has(subscription.id),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** From short to certain: the `line=` parameter or the path, with the host, with the id. */
function candidateNames({ target_url, id }: LiveSubscription): readonly string[] {
  const { hostname, pathname, searchParams } = new URL(target_url);
  const short = slug(searchParams.get('line') ?? pathname) || slug(hostname);
  return [short, slug(`${short}-${hostname}`), slug(`${short.slice(0, 50)}-${id.slice(0, 8)}`)];
}

/** Lower-case letters, digits and dashes, as names of entries are; at most 63 characters. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
}

/** Names that YAML may read as a number or a truth value. */
const NOT_TEXT = /^(?:\d.*|true|false|null)$/;

function entryText({ name, subscription, isRecorded }: Found): string {
  const { target_url, subscribed_events, phone_numbers, is_active, routing_key_header, routing_id_header } =
    subscription;
  const secret = isRecorded
    ? '    # managed: its secret is in the sink'
    : '    # its secret is not known here';
  return [
    `  ${NOT_TEXT.test(name) ? jsonText(name) : name}:`,
    secret,
    `    target_url: ${jsonText(target_url)}`,
    `    subscribed_events:`,
    ...subscribed_events.map(
      (event) => `      - ${/^[a-z][a-z0-9_.]*$/.test(event) ? event : jsonText(event)}`,
    ),
    ...(phone_numbers === null
      ? []
      : [`    phone_numbers: [${phone_numbers.map((line) => jsonText(line)).join(', ')}]`]),
    ...(is_active ? [] : ['    # inactive now; is_active is managed only where it is written']),
    ...(routing_key_header === null ? [] : [`    routing_key_header: ${jsonText(routing_key_header)}`]),
    ...(routing_id_header === null ? [] : [`    routing_id_header: ${jsonText(routing_id_header)}`]),
  ].join('\n');
}
