import { SinkConflictError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { ownedIds, type EntryRecord } from '../domain/record.ts';
import type { Secret } from '../domain/secret.ts';
import type { SecretSink, SinkEntry, Version } from '../secrets/sink.ts';

/** What becomes of the secrets: somebody keeps them, and is done when the promise resolves; or nobody does. */
type KeepSecrets = ((secrets: ReadonlyMap<string, Secret>) => Promise<unknown>) | null;

export type ReleaseResult =
  | {
      readonly kind: 'released';
      readonly name: string;
      /** Of the subscription that stays; null where there is none, or none can be read. */
      readonly subscriptionId: string | null;
      readonly secret: 'kept' | 'discarded' | 'none';
    }
  | {
      readonly kind: 'refused';
      readonly name: string;
      readonly reason: string;
      readonly hint?: string;
      /** Found when the others were on their way, so that it refuses none of them. */
      readonly isLate?: true;
    };

/**
 * Forgets entries: their records go, their subscriptions stay, and nothing is called. All or nothing: when one name is
 * refused, no record goes. Secrets are kept before any record goes, so that a run that is killed can be repeated.
 */
export async function releaseEntries(
  names: readonly string[],
  { sink, owner, keep }: { readonly sink: SecretSink; readonly owner: string; readonly keep: KeepSecrets },
): Promise<readonly ReleaseResult[]> {
  const decisions: Decision[] = [];
  for (const name of names) decisions.push(await decide(name, await sink.read(name), sink, owner, keep));
  const results = decisions.map(({ result }) => result);
  if (results.some(({ kind }) => kind === 'refused')) return results;
  const secrets = decisions.flatMap(({ result, secret }) =>
    secret === null ? [] : [[result.name, secret] as const],
  );
  await sink.check();
  if (keep !== null && secrets.length > 0) await keep(new Map(secrets));
  const ends: ReleaseResult[] = [];
  for (const { result, version } of decisions) ends.push(await removeOne(result, version, sink));
  return ends;
}

interface Decision {
  readonly result: ReleaseResult;
  readonly secret: Secret | null;
  readonly version: Version;
}

async function decide(
  name: string,
  entry: SinkEntry<EntryRecord>,
  sink: SecretSink,
  owner: string,
  keep: KeepSecrets,
): Promise<Decision> {
  const { version } = entry;
  const refuse = (reason: string, hint?: string): Decision => ({
    result: { kind: 'refused', name, reason, ...(hint !== undefined && { hint }) },
    secret: null,
    version,
  });
  switch (entry.kind) {
    case 'absent':
      return refuse('there is no record of it', await suggest(name, sink));
    case 'foreign':
      return refuse(`what stands in the place of its record ${entry.reason}`);
    case 'newer':
      return refuse(`its record has schema ${entry.schema}, of a newer version`, 'run the newer version');
    case 'damaged':
      return keep === null
        ? {
            result: { kind: 'released', name, subscriptionId: null, secret: 'discarded' },
            secret: null,
            version,
          }
        : refuse(
            `its record is damaged: ${entry.reason}`,
            `no secret can be read from it: linq-gitops release ${name} --discard-secret`,
          );
    case 'intact': {
      const { record } = entry;
      if (record.owner !== owner) return refuse(`its record belongs to the owner "${record.owner}"`);
      const unfinished = unfinishedReason(record);
      if (unfinished !== null) return refuse(...unfinished);
      const subscriptionId = ownedIds(record)[0] ?? null;
      const secret = record.current?.signing_secret ?? null;
      const fate = secret === null ? 'none' : keep === null ? 'discarded' : 'kept';
      return { result: { kind: 'released', name, subscriptionId, secret: fate }, secret, version };
    }
  }
}

/** Why an entry cannot be left in the middle of what is under way, and what ends it. */
function unfinishedReason({ name, intent, next, retire }: EntryRecord): readonly [string, string] | null {
  if (intent !== null) return ['it is being created', 'linq-gitops sync finishes that, or cleans it up'];
  if (next === null && retire === null) return null;
  return ['its replacement is under way', `linq-gitops rotate ${name} --abort, or linq-gitops sync --wait`];
}

async function suggest(name: string, sink: SecretSink): Promise<string | undefined> {
  const near = nearest(name, await sink.list());
  return near === undefined ? undefined : `did you mean ${near}?`;
}

/** Nobody was told of a version that is not current any more, so nothing of it may go. */
async function removeOne(result: ReleaseResult, version: Version, sink: SecretSink): Promise<ReleaseResult> {
  try {
    await sink.remove(result.name, version);
    return result;
  } catch (error) {
    if (!(error instanceof SinkConflictError)) throw error;
    const reason = 'another process changed its record meanwhile';
    const hint = 'its record stays; run it again';
    return { kind: 'refused', name: result.name, reason, hint, isLate: true };
  }
}
