import type { Span } from './source-text.ts';

/** A value of the file together with where it stands. What an alias gives stands where its anchor does. */
export interface Located {
  /** Plain data; maps have no prototype, so that no key is special. */
  readonly value: unknown;
  readonly span: Span;
  /** For a scalar: its text as it stands in the file. */
  readonly source: string;
  /** For a map: its keys, in the order of the file, with the place of each. */
  readonly entries?: ReadonlyMap<string, { readonly key: Span; readonly node: Located }>;
  /** For a list. */
  readonly items?: readonly Located[];
}

/** Calls `visit` with every key of every map in `tree`, and with the value under it. */
export function visitKeys(tree: Located, visit: (key: string, node: Located) => void): void {
  for (const [key, { node }] of tree.entries ?? []) {
    visit(key, node);
    visitKeys(node, visit);
  }
  for (const item of tree.items ?? []) visitKeys(item, visit);
}
