import { isSecretKey } from './quote.ts';
import type { Span } from './source-text.ts';
import { visitKeys, type Located } from './located.ts';

/** Where values stand whose key says that they are secret: a code frame must not repeat them. */
export function secretSpans(tree: Located): readonly Span[] {
  const spans: Span[] = [];
  visitKeys(tree, (key, node) => {
    if (isSecretKey(key) && !node.entries && !node.items) spans.push(node.span);
  });
  return spans;
}
