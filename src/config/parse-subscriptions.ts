import { isScalar } from 'yaml';
import { decodeText } from './decode-text.ts';
import { toProblems, type Finding } from './findings.ts';
import { judgeSubscriptions, type ParsedSubscriptions } from './judge-subscriptions.ts';
import { MAX_FILE_BYTES } from './read-config-file.ts';
import { parseSyntax } from './yaml-syntax.ts';
import { locate } from './yaml-tree.ts';

/**
 * Reads the content of a subscriptions file. Pure: `file` is only the name that problems bear. Finds every problem at once; never throws for what stands in the file.
 */
export function parseSubscriptions(input: Uint8Array | string, file: string): ParsedSubscriptions {
  if (input.length > MAX_FILE_BYTES) {
    return {
      declared: null,
      problems: [{ file, message: 'cannot be read: it is larger than 8 MiB' }],
      warnings: [],
    };
  }
  const { source, findings: undecoded } = decodeText(input, file);
  const refuse = (findings: readonly Finding[]): ParsedSubscriptions => ({
    declared: null,
    problems: toProblems(source, findings, []),
    warnings: [],
  });
  if (undecoded.length > 0) return refuse(undecoded);
  const syntax = parseSyntax(source.text);
  if ('findings' in syntax) return refuse(syntax.findings);
  if (syntax.root === null || (isScalar(syntax.root) && syntax.root.value === null)) {
    const message = 'the file is empty: it needs `version: 1` and `subscriptions`';
    return refuse([{ at: null, message }]);
  }

  const { tree, findings: structural } = locate(syntax.root, source);
  if (!tree) return refuse(structural);
  return judgeSubscriptions(tree, source, structural);
}
