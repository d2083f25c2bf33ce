import { join, resolve } from 'node:path';
import type { Desired } from '../../domain/desired.ts';
import { ConfigError, RefusedError, UsageError } from '../../domain/errors.ts';
import type { Settings } from '../../domain/settings.ts';
import { nearest } from '../../domain/nearest.ts';
import { releaseEntries, type ReleaseResult } from '../../reconcile/release.ts';
import { isEntryName } from '../../secrets/entry-name.ts';
import { keepSecretFiles } from '../../secrets/secret-files.ts';
import type { SecretSink } from '../../secrets/sink.ts';
import { answer, type Answer } from '../answer.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openSink } from '../open.ts';
import { withExport } from '../publish.ts';
import { loadDesired, openSession, shortPath, type CommonOptions, type Session } from '../session.ts';

export interface ReleaseOptions extends CommonOptions {
  readonly format: 'text' | 'json';
  readonly secretDir?: string;
  readonly discardSecret: boolean;
}

/** Forgets entries: the records go, the subscriptions stay, no request goes to Linq. All or nothing. */
export async function release(names: readonly string[], options: ReleaseOptions, io: Io): Promise<ExitCode> {
  requireFate(options);
  return answer(options.format, io, async () => {
    const session = await openSession(io, options);
    const directory = secretFolder(options, session.settings, io);
    const sink = openSink(session, io);
    try {
      const desired = await declaredOrNull(session, io);
      const results = await withExport(session, io, sink, () =>
        releaseAll([...new Set(names)], directory, { session, sink }),
      );
      return answerOf(results, { directory, io, desired, settings: session.settings });
    } finally {
      await sink.close();
    }
  });
}

async function releaseAll(
  names: readonly string[],
  directory: string | null,
  { session, sink }: { readonly session: Session; readonly sink: SecretSink },
): Promise<readonly ReleaseResult[]> {
  const stranger = names.find((name) => !isEntryName(name));
  if (stranger !== undefined) {
    const near = nearest(stranger, await sink.list());
    throw new RefusedError(`cannot release ${JSON.stringify(stranger)}: there is no record of it`, {
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    });
  }
  return releaseEntries(names, {
    sink,
    owner: session.settings.owner,
    keep: directory === null ? null : (secrets) => keepSecretFiles(directory, secrets),
  });
}

function requireFate({ secretDir, discardSecret }: ReleaseOptions): void {
  if ((secretDir === undefined) === discardSecret) return;
  throw new UsageError(
    'cannot release without knowing what becomes of the secret, of which the record is the only copy: give either --secret-dir DIR or --discard-secret',
    { hint: 'for example: linq-gitops release NAME --secret-dir ./released' },
  );
}

/** Null where the secrets are to be discarded. */
function secretFolder({ secretDir }: ReleaseOptions, settings: Settings, io: Io): string | null {
  if (secretDir === undefined) return null;
  const directory = resolve(io.cwd, secretDir);
  const { secrets } = settings;
  if (secrets.sink === 'file' && resolve(secrets.file.directory) === directory) {
    throw new UsageError(`cannot write secrets into ${secretDir}: it is the folder of the sink itself`);
  }
  return directory;
}

/** It is only looked at to say what comes next; a bad one forbids nothing. */
async function declaredOrNull(session: Session, io: Io): Promise<Desired | null> {
  try {
    return await loadDesired(session, io);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return null;
  }
}

interface Facts {
  readonly directory: string | null;
  readonly io: Io;
  readonly desired: Desired | null;
  readonly settings: Settings;
}

type Released = Extract<ReleaseResult, { kind: 'released' }>;

function answerOf(results: readonly ReleaseResult[], facts: Facts): Answer {
  const refused = results.flatMap((result) => (result.kind === 'refused' ? [result] : []));
  // Before anything is done one refusal refuses all; afterwards only a record that changed meanwhile is left.
  const isDone = refused.every(({ isLate }) => isLate === true);
  const released = isDone ? results.flatMap((result) => (result.kind === 'released' ? [result] : [])) : [];
  return {
    exitCode: refused.length > 0 ? 3 : 0,
    lines: released.flatMap((result) => [releasedLine(result, facts), `  ${nextLine(result.name, facts)}`]),
    remarks: [
      ...refused.flatMap(({ name, reason, hint }) => [
        `${name}: refused: ${reason}`,
        ...(hint === undefined ? [] : [`  ${hint}`]),
      ]),
      ...(isDone ? [] : ['nothing was released']),
    ],
    document: {
      released: released.map(({ name, subscriptionId, secret }) => ({
        name,
        subscription_id: subscriptionId,
        secret,
        secret_file: secret === 'kept' ? join(facts.directory ?? '', name) : null,
        is_in_file: isDeclared(name, facts),
      })),
      refused: refused.map(({ name, reason, hint }) => ({ name, reason, hint: hint ?? null })),
    },
  };
}

function releasedLine({ name, subscriptionId, secret }: Released, { directory, io }: Facts): string {
  const stays = subscriptionId === null ? 'no subscription is known' : `${subscriptionId} stays as it is`;
  const file = shortPath(join(directory ?? '', name), io);
  const fate = { kept: `→ ${file}`, discarded: 'discarded', none: 'none was known' }[secret];
  return `${name}: released, ${stays}, secret: ${fate}`;
}

/** What the next pass does about it. */
function nextLine(name: string, facts: Facts): string {
  const { unowned, prune } = facts.settings.policy;
  const gone =
    prune === 'all'
      ? 'policy.prune is all: once it is not in the file, the next pass deletes the subscription'
      : 'the next pass leaves the subscription alone';
  switch (isDeclared(name, facts)) {
    case false:
      return gone;
    case true:
      return unowned === 'replace'
        ? 'it is still in the file, and policy.unowned is replace: the next pass replaces the subscription, unless you remove the entry first'
        : `it is still in the file: the next pass holds it (unowned) until you remove the entry, or adopt it: linq-gitops adopt ${name} --secret-file FILE`;
    case null:
      return `the file cannot be read; where it has the entry, the next pass ${unowned === 'replace' ? 'replaces the subscription (policy.unowned)' : 'holds it (unowned)'}`;
  }
}

/** Null where the file cannot be read. */
function isDeclared(name: string, { desired }: Facts): boolean | null {
  return desired === null ? null : desired.entries.some((entry) => entry.name === name);
}
