import type { Declared, Desired } from '../domain/desired.ts';
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
  let last:
    { readonly file: ConfigFile; readonly parsed: ParsedSubscriptions; readonly hash: string } | undefined;
  return async () => {
    const file = await read(path, shown);
    if (last === undefined || !last.file.bytes.equals(file.bytes)) {
      // Only now: what computes it takes longer to load than a small file to check.
      const { contentHash } = await import('./content-hash.ts');
      last = { file, parsed: await parse(file.bytes, shown), hash: contentHash(file.bytes) };
    }
    const { declared, warnings } = judge(last.parsed, file, shown);
    return { desired: { ...declared, content_hash: last.hash, revision: file.revision }, warnings };
  };
}

/** The same for who only wants to know what the file says. */
export async function checkSubscriptionsFile(path: string, shown: string): Promise<ValidSubscriptions> {
  const file = await read(path, shown);
  return judge(await parse(file.bytes, shown), file, shown);
}

/** What a good file says. */
interface ValidSubscriptions {
  readonly declared: Declared;
  readonly warnings: readonly Problem[];
}

function read(path: string, shown: string): Promise<ConfigFile> {
  return readConfigFile(path, 'name the file with --file, or as `subscriptions` in the settings', shown);
}

/** Most files are plain and good. For every other one the library is loaded, which says what is wrong. */
async function parse(bytes: Uint8Array, shown: string): Promise<ParsedSubscriptions> {
  const { source, findings } = decodeText(bytes, shown);
  const tree = findings.length > 0 ? undefined : readPlain(source.text);
  const plain = tree && judgeSubscriptions(tree, source, []);
  if (plain?.problems.length === 0 && plain.warnings.length === 0) return plain;
  const { parseSubscriptions } = await import('./parse-subscriptions.ts');
  return parseSubscriptions(bytes, shown);
}

function judge(
  { declared, problems, warnings }: ParsedSubscriptions,
  { isLink }: ConfigFile,
  shown: string,
): ValidSubscriptions {
  if (declared) return { declared, warnings };
  if (isLink) throw new ConfigError(`cannot use ${shown}: it has a problem`, [linkProblem(shown)]);
  throw new ConfigError(
    `cannot use ${shown}: ${problems.length === 1 ? 'it has a problem' : `it has ${problems.length} problems`}`,
    problems,
  );
}
