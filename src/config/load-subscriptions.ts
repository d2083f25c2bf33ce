import type { Desired } from '../domain/desired.ts';
import { ConfigError, type Problem } from '../domain/errors.ts';
import { decodeText } from './decode-text.ts';
import { judgeSubscriptions, type ParsedSubscriptions } from './judge-subscriptions.ts';
import { readPlain } from './plain-yaml.ts';
import { linkProblem, readConfigFile, type ConfigFile } from './read-config-file.ts';

/** A valid subscriptions file; the warnings are for its author and stop nothing. */
export interface LoadedSubscriptions {
  readonly desired: Desired;
  readonly warnings: readonly Problem[];
}

/**
 * Reads and checks a subscriptions file, with the revision that git-sync's link gives. Fails with a
 * `ConfigError` that carries every problem, under the name `shown`; there is no desired state from a
 * file that has one.
 */
export async function loadSubscriptions(path: string, shown = path): Promise<LoadedSubscriptions> {
  return openSubscriptions(path, shown)();
}

/** The same for who loads the file again and again: what has the same content is not parsed and checked anew. */
export function openSubscriptions(path: string, shown = path): () => Promise<LoadedSubscriptions> {
  let last: { readonly bytes: Buffer; readonly parsed: ParsedSubscriptions } | undefined;
  return async () => {
    const hint = 'name the file with --file, or as `subscriptions` in the settings';
    const file = await readConfigFile(path, hint, shown);
    const { bytes } = file;
    if (last === undefined || !last.bytes.equals(bytes)) {
      last = { bytes, parsed: await parse(bytes, shown) };
    }
    return judge(last.parsed, file, shown);
  };
}

/** Most files are plain and good. For every other one the library is loaded, which says what is wrong. */
async function parse(bytes: Uint8Array, shown: string): Promise<ParsedSubscriptions> {
  const { source, findings } = decodeText(bytes, shown);
  const tree = findings.length > 0 ? undefined : readPlain(source.text);
  const plain = tree && judgeSubscriptions(tree, source, [], bytes);
  if (plain?.problems.length === 0 && plain.warnings.length === 0) return plain;
  const { parseSubscriptions } = await import('./parse-subscriptions.ts');
  return parseSubscriptions(bytes, shown);
}

function judge(
  { desired, problems, warnings }: ParsedSubscriptions,
  { revision, isLink }: ConfigFile,
  shown: string,
): LoadedSubscriptions {
  if (!desired) {
    if (isLink) throw new ConfigError(`cannot use ${shown}: it has a problem`, [linkProblem(shown)]);
    throw new ConfigError(
      `cannot use ${shown}: ${problems.length === 1 ? 'it has a problem' : `it has ${problems.length} problems`}`,
      problems,
    );
  }
  return { desired: { ...desired, revision }, warnings };
}
