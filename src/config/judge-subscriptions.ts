import { createHash } from 'node:crypto';
import type { Desired, DesiredEntry } from '../domain/desired.ts';
import type { Problem } from '../domain/errors.ts';
import { checkSubscriptions } from './check-subscriptions.ts';
import { parseAge } from './duration.ts';
import { toProblems, withoutEchoes, type Finding } from './findings.ts';
import type { Located } from './located.ts';
import { checkSchema } from './schema-check.ts';
import { secretSpans } from './secret-spans.ts';
import type { SourceText } from './source-text.ts';
import { explainSubscriptions } from './subscriptions-words.ts';

/** What a subscriptions file says, or what is wrong with it. */
export interface ParsedSubscriptions {
  /** `null` where there are problems. */
  readonly desired: Desired | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Checks what a file says; `structural` is what was found wrong with it as YAML, and `input` the file as it is. */
export function judgeSubscriptions(
  tree: Located,
  source: SourceText,
  structural: readonly Finding[],
  input: Uint8Array | string,
): ParsedSubscriptions {
  const { findings, warnings } = checkSubscriptions(tree, source);
  const hidden = secretSpans(tree);
  const checked = [...checkSchema('subscriptions', tree, explainSubscriptions), ...findings];
  const problems = toProblems(source, [...structural, ...withoutEchoes(checked, structural)], hidden);
  return {
    desired: problems.length > 0 ? null : toDesired(tree, createHash('sha256').update(input).digest('hex')),
    problems,
    warnings: toProblems(source, warnings, hidden),
  };
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

function toDesired(tree: Located, contentHash: string): Desired {
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
    content_hash: contentHash,
    revision: null,
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
