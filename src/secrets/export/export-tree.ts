import type { EntryRecord, StoredSubscription } from '../../domain/record.ts';
import type { Secret } from '../../domain/secret.ts';

/** The exported files: `orders/signing_secret` and the like with their bytes, secrets in the clear. */
export type ExportTree = ReadonlyMap<string, Buffer>;

/** The file that lists every secret under the id of its subscription. */
export const LIST_FILE = 'subscriptions.json';

/** What the list says of one subscription. */
interface Listed {
  readonly name: string;
  readonly signing_secret?: string;
  readonly next_signing_secret?: string;
  readonly previous_signing_secret?: string;
}

/**
 * The files of `records`: those that have a current secret, or the one to come. Entries of `kept` stay as they
 * are in `standing`.
 */
export function treeOf(
  records: readonly EntryRecord[],
  kept: readonly string[],
  standing: ExportTree,
): ExportTree {
  const tree = new Map<string, Buffer>();
  const list = new Map<string, Listed>();
  for (const [path, bytes] of standing) if (kept.includes(nameOf(path))) tree.set(path, bytes);
  for (const [id, listed] of readList(standing)) if (kept.includes(listed.name)) list.set(id, listed);
  for (const record of records) {
    const { current, next, previous } = record;
    if (!secretOf(current) && !secretOf(next)) continue;
    const files: Readonly<Record<string, string | undefined>> = {
      signing_secret: secretOf(current),
      next_signing_secret: secretOf(next),
      previous_signing_secret: secretOf(previous),
      subscription_id: current?.subscription_id,
    };
    for (const [file, text] of Object.entries(files)) {
      if (text !== undefined) tree.set(`${record.name}/${file}`, Buffer.from(text));
    }
    for (const [id, listed] of listedOf(record)) list.set(id, listed);
  }
  const sorted = Object.fromEntries([...list].sort(([a], [b]) => (a < b ? -1 : 1)));
  tree.set(LIST_FILE, Buffer.from(`${JSON.stringify(sorted, null, 2)}\n`));
  return tree;
}

/** The part of a path that shows beside `..data`: an entry's name, or the list. */
function nameOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** All of them, sorted. */
export function namesOf(tree: ExportTree): readonly string[] {
  return [...new Set([...tree.keys()].map(nameOf))].sort();
}

/** Names of entries whose files differ, and of those that only `before` has; both sorted. */
export function compareTrees(
  before: ExportTree,
  after: ExportTree,
): { readonly changed: readonly string[]; readonly removed: readonly string[] } {
  const differs = (path: string): boolean => {
    const [a, b] = [before.get(path), after.get(path)];
    return a === undefined || b === undefined || !a.equals(b);
  };
  const touched = new Set([...before.keys(), ...after.keys()].filter(differs).map(nameOf));
  const names = namesOf(after);
  return {
    changed: names.filter((name) => touched.has(name)),
    removed: namesOf(before).filter((name) => !names.includes(name)),
  };
}

/**
 * While a replacement overlaps, deliveries come from both subscriptions, and late ones from the one before:
 * each is listed under its own id with its own secret.
 */
function listedOf({ name, current, next, previous }: EntryRecord): readonly (readonly [string, Listed])[] {
  const others = [previous, next].flatMap((other): [string, Listed][] => {
    const signing_secret = secretOf(other);
    return other && signing_secret !== undefined ? [[other.subscription_id, { name, signing_secret }]] : [];
  });
  if (current === null) return others;
  const [own, coming, former] = [secretOf(current), secretOf(next), secretOf(previous)];
  const listed = {
    name,
    ...(own !== undefined && { signing_secret: own }),
    ...(coming !== undefined && { next_signing_secret: coming }),
    ...(former !== undefined && { previous_signing_secret: former }),
  };
  return [...others, [current.subscription_id, listed]];
}

function secretOf(
  stored: Pick<StoredSubscription, 'signing_secret'> | { readonly signing_secret: Secret | null } | null,
): string | undefined {
  return stored?.signing_secret?.reveal();
}

/** The list of a tree that we wrote; one that somebody has damaged lists nothing, and is written anew. */
function readList(tree: ExportTree): readonly (readonly [string, Listed])[] {
  const bytes = tree.get(LIST_FILE);
  if (bytes === undefined) return [];
  try {
    const list: unknown = JSON.parse(bytes.toString());
    return typeof list === 'object' && list !== null ? Object.entries(list).filter(isListing) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function isListing(item: [string, unknown]): item is [string, Listed] {
  const listed = item[1];
  return typeof listed === 'object' && listed !== null && 'name' in listed && typeof listed.name === 'string';
}
