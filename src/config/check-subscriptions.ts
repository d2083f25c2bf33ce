import { normaliseUrl } from '../domain/target-url.ts';
import { checkAge } from './check-age.ts';
import { checkTargetUrl, pinnedUrl } from './check-target-url.ts';
import type { Finding } from './findings.ts';
import { quote } from './quote.ts';
import { positionOf, type SourceText, type Span } from './source-text.ts';
import { meantField } from './subscriptions-words.ts';
import type { Located } from './located.ts';

interface Entry {
  readonly name: string;
  readonly key: Span;
  readonly node: Located;
}

/** What no schema can say about a subscriptions file. Looks only at parts that have the right shape. */
export function checkSubscriptions(
  tree: Located,
  source: SourceText,
): { readonly findings: readonly Finding[]; readonly warnings: readonly Finding[] } {
  const warnings: Finding[] = [];
  const defaults = field(tree, 'defaults');
  const entries = [...(field(tree, 'subscriptions')?.entries ?? [])].map(([name, { key, node }]) => ({
    name,
    key,
    node,
  }));

  const nodes = [...(defaults ? [defaults] : []), ...entries.map(({ node }) => node)];
  const findings: Finding[] = [
    checkEmptiness(tree, entries, source),
    nodes.flatMap((node) => [...checkRepetitions(node), ...checkAges(node)]),
  ].flat();
  for (const entry of entries) {
    if (entry.node.entries && !meansEvents(entry.node) && !meansEvents(defaults)) {
      findings.push({
        at: entry.key,
        message: `the entry ${quote(entry.name)} has no \`subscribed_events\`, and neither have the \`defaults\``,
        suggestion: 'subscribed_events: [message.received]',
      });
    }
  }
  checkUrls(entries, source, findings, warnings);
  checkFormerNames(entries, source, findings);
  return { findings, warnings };
}

function checkEmptiness(tree: Located, entries: readonly Entry[], source: SourceText): Finding[] {
  const subscriptions = tree.entries?.get('subscriptions');
  const consent = field(tree, 'allow_empty')?.value;
  // An empty map is written with braces; another one lost its entries to what is reported already.
  const isEmpty = entries.length === 0 && subscriptions?.node.entries && isFlow(subscriptions.node, source);
  if (!isEmpty || (consent !== undefined && consent !== false)) return [];
  return [
    {
      at: subscriptions.key,
      message:
        '`subscriptions` is empty, which would delete everything that is ours; if that is meant, say so at the top of the file',
      suggestion: 'allow_empty: true',
    },
  ];
}

function checkAges(node: Located): Finding[] {
  const age = node.entries?.get('lifecycle')?.node.entries?.get('rotate_after')?.node;
  const words = typeof age?.value === 'string' ? checkAge(age.value) : undefined;
  return age && words ? [{ at: age.span, ...words }] : [];
}

function checkRepetitions(node: Located): Finding[] {
  return ['subscribed_events', 'phone_numbers', 'previously'].flatMap((name) => {
    const seen = new Set<unknown>();
    return (field(node, name)?.items ?? []).flatMap((item) => {
      if (typeof item.value !== 'string') return [];
      if (seen.has(item.value)) {
        return [{ at: item.span, message: `${quote(item.value)} stands twice in \`${name}\`` }];
      }
      seen.add(item.value);
      return [];
    });
  });
}

/** Each URL by itself, and that no two entries share one: Linq allows each only once per account. */
function checkUrls(
  entries: readonly Entry[],
  source: SourceText,
  findings: Finding[],
  warnings: Finding[],
): void {
  const first = new Map<string, Entry>();
  for (const entry of entries) {
    const node = field(entry.node, 'target_url');
    if (typeof node?.value !== 'string') continue;
    const wrong = checkTargetUrl(node.value);
    if (wrong) {
      findings.push({ at: node.span, ...wrong });
      continue;
    }
    const normalised = normaliseUrl(node.value);
    const other = first.get(normalised);
    if (other) {
      findings.push({
        at: node.span,
        message: `the entries ${quote(other.name)} (line ${lineOf(other, source)}) and ${quote(entry.name)} have the same \`target_url\`; Linq allows each only once, so let them differ, for instance by \`?line=${entry.name}\``,
      });
    } else {
      first.set(normalised, entry);
    }
    const pinned = pinnedUrl(node.value);
    if (pinned !== undefined) {
      warnings.push({
        at: node.span,
        message: `the entry ${quote(entry.name)} does not pin the payload's format with \`version=\`; when it is created again, the format may change`,
        suggestion: pinned,
      });
    }
  }
}

function checkFormerNames(entries: readonly Entry[], source: SourceText, findings: Finding[]): void {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const claims = new Map<string, Entry>();
  for (const entry of entries) {
    for (const { value, span } of field(entry.node, 'previously')?.items ?? []) {
      if (typeof value !== 'string') continue;
      const living = byName.get(value);
      const rival = claims.get(value);
      if (value === entry.name) {
        findings.push({
          at: span,
          message: `${quote(value)} is what the entry is called now, so it is no former name`,
        });
      } else if (living) {
        findings.push({
          at: span,
          message: `${quote(value)} is still an entry of this file (line ${lineOf(living, source)}), so it is no former name`,
        });
      } else if (rival && rival !== entry) {
        findings.push({
          at: span,
          message: `${quote(value)} is a former name of ${quote(rival.name)} already (line ${lineOf(rival, source)}); only one entry can take its secret over`,
        });
      }
      claims.set(value, rival ?? entry);
    }
  }
}

/** Whether a map has `subscribed_events`, if only misspelt or merged: that is reported at its own place. */
function meansEvents(node: Located | undefined): boolean {
  if (node?.entries === undefined) return false;
  // Looking for what is meant takes a while, and mostly it stands there.
  if (node.entries.has('subscribed_events')) return true;
  return [...node.entries.keys()].some((key) => key === '<<' || meantField(key) === 'subscribed_events');
}

function isFlow(node: Located, source: SourceText): boolean {
  return source.text[node.span.start] === '{';
}

function lineOf(entry: Entry, source: SourceText): number {
  return positionOf(source, entry.key.start).line;
}

function field(node: Located, name: string): Located | undefined {
  return node.entries?.get(name)?.node;
}
