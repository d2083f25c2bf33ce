import { parseAge } from '../../config/duration.ts';
import { nearest } from '../../domain/nearest.ts';
import { RefusedError, UsageError } from '../../domain/errors.ts';
import type { Rotation } from '../../plan/candidate.ts';
import { readStoredSecrets } from '../../reconcile/stored-secrets.ts';
import type { ExitCode } from '../exit.ts';
import { command, type Io } from '../io.ts';
import { sync, type Ask, type SyncOptions } from './sync.ts';

export interface RotateOptions extends SyncOptions {
  readonly abort: boolean;
  readonly compromised: boolean;
  readonly olderThan?: string;
}

/**
 * Begins replacements of the entries' secrets, or gives up those that have begun. The passes that follow, of the
 * daemon or of `sync --wait`, go on with them.
 */
export async function rotate(names: readonly string[], options: RotateOptions, io: Io): Promise<ExitCode> {
  const rotation = rotationOf(options);
  const age = ageOf(names, options);
  const ask: Ask = async (sink, { settings }, desired) => {
    const known = desired.entries.map(({ name }) => name);
    const stored = await readStoredSecrets(sink, settings.owner);
    const isOld = (name: string): boolean => {
      const createdAt = stored.get(name)?.createdAt ?? null;
      return age !== null && createdAt !== null && Date.now() - Date.parse(createdAt) >= age;
    };
    for (const name of names) requireEntry(name, known);
    const chosen = age === null ? names : known.filter(isOld);
    return {
      rotate: new Map(chosen.map((name) => [name, rotation])),
      adopt: new Map(),
      only: new Set(chosen),
      again: (late) =>
        command(['rotate', ...late, ...(rotation === 'rotate' ? [] : [`--${rotation}`])], options),
    };
  };
  return sync({ ...options, dryRun: false, detailedExitcode: false }, io, ask);
}

function rotationOf({ abort, compromised }: RotateOptions): Rotation {
  if (abort && compromised) throw new UsageError('cannot both begin and give up: --abort or --compromised');
  return abort ? 'abort' : compromised ? 'compromised' : 'rotate';
}

/** `null` where names say which entries. */
function ageOf(names: readonly string[], { olderThan, abort }: RotateOptions): number | null {
  if ((olderThan === undefined) === (names.length === 0)) {
    throw new UsageError('cannot rotate without knowing what: give either names or --older-than AGE', {
      hint: 'for example: linq-gitops rotate --older-than 90d',
    });
  }
  if (olderThan === undefined) return null;
  const age = parseAge(olderThan);
  if (age === undefined || abort)
    throw new UsageError('cannot use --older-than: it takes an age such as 90d, and no --abort');
  return age;
}

function requireEntry(name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const near = nearest(name, known);
  throw new RefusedError(`cannot rotate ${JSON.stringify(name)}: it is not an entry of the file`, {
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}
