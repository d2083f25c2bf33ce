import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Desired } from '../../domain/desired.ts';
import { ConfigError, UsageError } from '../../domain/errors.ts';
import { isSigningSecret, Secret } from '../../domain/secret.ts';
import { printable } from '../../plan/words.ts';
import { adoptEntries, type AdoptRequest, type AdoptResult } from '../../reconcile/adopt.ts';
import type { ExitCode } from '../exit.ts';
import { command, hint, say, type Io } from '../io.ts';
import { openApi, openSink, planContext, unique } from '../open.ts';
import { printDocument, type Content } from '../document.ts';
import { withExport } from '../publish.ts';
import { sync, type Ask } from './sync.ts';
import { loadDesired, openSession, type CommonOptions } from '../session.ts';

export interface AdoptOptions extends CommonOptions {
  readonly format: 'text' | 'json';
  readonly secretFile?: string;
  readonly secretDir?: string;
  readonly replace: boolean;
  readonly wait: boolean;
  readonly id?: string;
}

/** Takes over live subscriptions: with the secrets that one has, or by replacing them where nobody has. */
export async function adopt(names: readonly string[], options: AdoptOptions, io: Io): Promise<ExitCode> {
  checkUsage(names, options);
  if (options.replace) return adoptByReplacing(names, options, io);
  const nothing = { results: null };
  return printDocument(options.format, io, nothing, () => adoptWithSecrets(names, options, io));
}

function checkUsage(names: readonly string[], options: AdoptOptions): void {
  const { secretFile, secretDir, replace, wait, id } = options;
  const ways = [secretFile !== undefined, secretDir !== undefined, replace].filter(Boolean).length;
  if (ways !== 1) {
    throw new UsageError('cannot adopt: give one of --secret-file FILE, --secret-dir DIR and --replace', {
      hint: '--replace is for who has lost the secret: it makes a new one, without a gap',
    });
  }
  if (names.length === 0 && secretDir === undefined) {
    throw new UsageError('cannot adopt without knowing what: give names of entries', {
      hint: 'or --secret-dir DIR alone: every entry that has a file of its name in it',
    });
  }
  if (names.length !== 1 && (secretFile !== undefined || id !== undefined)) {
    throw new UsageError('cannot adopt several entries with one secret or one id', {
      hint: 'give --secret-dir DIR, with a file for each name in it',
    });
  }
  if ((wait || (options.allow ?? []).length > 0) && !replace)
    throw new UsageError('cannot use --wait or --allow with a secret: nothing is replaced');
}

/** One pass for these names, with consent to replace what is not ours. */
function adoptByReplacing(names: readonly string[], options: AdoptOptions, io: Io): Promise<ExitCode> {
  const id = options.id ?? null;
  const ask: Ask = () =>
    Promise.resolve({
      rotate: new Map(),
      adopt: new Map(names.map((name) => [name, id])),
      only: new Set(names),
      again: (late) => command(['adopt', '--replace', ...late], options),
    });
  return sync({ ...options, dryRun: false, detailedExitcode: false }, io, ask);
}

/** No request but GET is sent. */
async function adoptWithSecrets(names: readonly string[], options: AdoptOptions, io: Io): Promise<Content> {
  const session = await openSession(io, options);
  const desired = await loadDesired(session, io);
  const requests = await readRequests(names, options, desired, io);
  const api = openApi(session, io);
  const sink = openSink(session, io);
  try {
    const context = { ...(await planContext(session, api.reader, sink)), secrets: sink, unique };
    return await withExport(session, io, sink, async () => {
      const results = await adoptEntries(requests, desired, context);
      const isRefused = results.some(({ kind }) => kind === 'refused');
      if (options.format === 'text')
        for (const result of results) tell(result, isRefused, sink.locate(result.name), io);
      if (isRefused) say(io, 'nothing was adopted: all or nothing');
      else hint(io, 'what is left to do', command(['sync', '--dry-run'], options));
      return { code: isRefused ? 3 : 0, content: { results: results.map((one) => part(one, isRefused)) } };
    });
  } finally {
    await Promise.all([api.close(), sink.close()]);
  }
}

async function readRequests(
  names: readonly string[],
  { secretFile, secretDir, id }: AdoptOptions,
  desired: Desired,
  io: Io,
): Promise<readonly AdoptRequest[]> {
  const folder = resolve(io.cwd, secretDir ?? '.');
  const chosen = names.length > 0 ? names : await namesIn(folder, desired, io);
  return Promise.all(
    chosen.map(async (name) => {
      const path = secretFile === undefined ? join(folder, name) : resolve(io.cwd, secretFile);
      return { name, secret: await readSecret(path), id: id ?? null };
    }),
  );
}

/** The entries that have a file in the folder; what is no entry's is said. Fails where there is none. */
async function namesIn(folder: string, { entries }: Desired, io: Io): Promise<readonly string[]> {
  let files: readonly string[];
  try {
    files = (await readdir(folder)).filter((file) => !file.startsWith('.')).sort();
  } catch (error) {
    throw unreadable(`the folder ${folder}`, error);
  }
  const known = new Set(entries.map(({ name }) => name));
  const strangers = files.filter((file) => !known.has(file));
  if (strangers.length > 0) say(io, `note: no entry has the name of: ${printable(strangers.join(', '))}`);
  const names = files.filter((file) => known.has(file));
  if (names.length > 0) return names;
  throw new ConfigError(`cannot adopt from ${folder}: no file in it has the name of an entry`);
}

async function readSecret(path: string): Promise<Secret> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw unreadable(`the secret ${path}`, error);
  }
  if (isSigningSecret(text)) return new Secret(text);
  throw new ConfigError(
    `cannot use ${path}: it does not hold a signing secret of Linq`,
    [],
    'one is whsec_ and 44 characters of base64, and nothing else',
  );
}

function unreadable(what: string, error: unknown): ConfigError {
  return new ConfigError(`cannot read ${what}: ${error instanceof Error ? error.message : String(error)}`);
}

/** All or nothing: what could have been adopted is not, where another one is refused. */
function part(result: AdoptResult, isAnyRefused: boolean): Readonly<Record<string, string | null>> {
  const { name } = result;
  if (result.kind === 'refused')
    return {
      name,
      result: 'refused',
      subscription_id: null,
      reason: result.reason,
      hint: result.hint ?? null,
    };
  const kind = result.kind === 'adopted' && isAnyRefused ? 'left' : result.kind;
  return { name, result: kind, subscription_id: result.id, reason: null, hint: null };
}

function tell(result: AdoptResult, isAnyRefused: boolean, place: string, io: Io): void {
  switch (result.kind) {
    case 'refused':
      say(io, printable(`${result.name}: refused: ${result.reason}`));
      if (result.hint !== undefined) say(io, printable(`  ${result.hint}`));
      break;
    case 'known':
      io.stdout.write(`${result.name}: managed already, with this secret (${printable(result.id)})\n`);
      break;
    case 'adopted':
      if (!isAnyRefused)
        io.stdout.write(
          `${result.name}: adopted ${printable(result.id)}\n  secret: given → ${printable(place)}\n`,
        );
  }
}
