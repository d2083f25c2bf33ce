import type { Declared, DesiredEntry } from '../domain/desired.ts';
import type { Problem } from '../domain/errors.ts';
import { checkSubscriptions } from './check-subscriptions.ts';
import { parseAge } from './duration.ts';
import { toProblems, withoutEchoes, type Finding } from './findings.ts';
import type { Located } from './located.ts';
import { checkSchema } from './schema-check.ts';
import { secretSpans } from './secret-spans.ts';
import type { SourceText } from './source-text.ts';
import { validate } from './subscriptions-validator.ts';
import { explainSubscriptions } from './subscriptions-words.ts';

/** What a subscriptions file says, or what is wrong with it. */
export interface ParsedSubscriptions {
  /** `null` where there are problems. */
  readonly declared: Declared | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Checks what a file says; `structural` is what was found wrong with it as YAML. */
export function judgeSubscriptions(
  tree: Located,
  source: SourceText,
  structural: readonly Finding[],
): ParsedSubscriptions {
  const { findings, warnings } = checkSubscriptions(tree, source);
  const hidden = secretSpans(tree);
  const broken = checkSchema(validate, tree, explainSubscriptions, piecesOf(tree.value));
  const checked = [...broken, ...findings];
  const problems = toProblems(source, [...structural, ...withoutEchoes(checked, structural)], hidden);
  return {
    declared: problems.length > 0 ? null : toDeclared(tree),
    problems,
    warnings: toProblems(source, warnings, hidden),
  };
}

/** A file without its entries, and each entry by itself. */
function* piecesOf(value: unknown): Generator {
  const entries: unknown = isMap(value) ? value['subscriptions'] : undefined;
  if (!isMap(value) || !isMap(entries)) {
    yield value;
    return;
  }
  yield { ...value, subscriptions: {} };
  for (const [key, entry] of Object.entries(entries)) yield { version: 1, subscriptions: { [key]: entry } };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of an entry as the schema has proved them to be. */
interface RawEntry {
  readonly target_url: string;
  readonly subscribed_events: readonly string[];
  readonly phone_numbers?: readonly string[] | 'all';
  readonly is_active?: boolean;
  readonly routing_key_header?: string | null;
  readonly routing_id_header?: string | null;
  readonly lifecycle?: { readonly prevent_destroy?: boolean; readonly rotate_after?: string };
  readonly previously?: readonly string[];
}

function toDeclared(tree: Located): Declared {
  const file = tree.value as {
    readonly allow_empty?: boolean;
    readonly defaults?: Partial<RawEntry>;
    readonly subscriptions: Readonly<Record<string, RawEntry>>;
  };
  const entries = Object.entries(file.subscriptions).map(([name, own]) =>
    toEntry(name, { ...file.defaults, ...own }),
  );
  return {
    entries: entries.sort((a, b) => (a.name < b.name ? -1 : 1)),
    allow_empty: file.allow_empty ?? false,
  };
}

function toEntry(name: string, raw: RawEntry): DesiredEntry {
  const { is_active, routing_key_header, routing_id_header, phone_numbers } = raw;
  return {
    name,
    fields: {
      target_url: raw.target_url,
      // Both are sets to Linq: sorted, so that the order in the file changes nothing.
      subscribed_events: [...raw.subscribed_events].sort(),
      phone_numbers:
        phone_numbers === undefined || phone_numbers === 'all' ? null : [...phone_numbers].sort(),
      ...(is_active !== undefined && { is_active }),
      ...(routing_key_header !== undefined && { routing_key_header }),
      ...(routing_id_header !== undefined && { routing_id_header }),
    },
    previously: [...(raw.previously ?? [])].sort(),
    prevent_destroy: raw.lifecycle?.prevent_destroy ?? false,
    rotate_after: parseAge(raw.lifecycle?.rotate_after ?? '') ?? null,
  };
}
