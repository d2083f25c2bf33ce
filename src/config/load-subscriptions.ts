import type { Desired } from '../domain/desired.ts';
import { ConfigError, type Problem } from '../domain/errors.ts';
import { parseSubscriptions } from './parse-subscriptions.ts';
import { linkProblem, readConfigFile } from './read-config-file.ts';

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
  const { bytes, revision, isLink } = await readConfigFile(
    path,
    'name the file with --file, or as `subscriptions` in the settings',
    shown,
  );
  const { desired, problems, warnings } = parseSubscriptions(bytes, shown);
  if (!desired) {
    if (isLink) throw new ConfigError(`cannot use ${shown}: it has a problem`, [linkProblem(shown)]);
    throw new ConfigError(
      `cannot use ${shown}: ${problems.length === 1 ? 'it has a problem' : `it has ${problems.length} problems`}`,
      problems,
    );
  }
  return { desired: { ...desired, revision }, warnings };
}
