import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigError, UsageError } from '../../domain/errors.ts';
import { isSigningSecret, Secret } from '../../domain/secret.ts';
import { adoptEntries, type AdoptResult } from '../../reconcile/adopt.ts';
import type { ExitCode } from '../exit.ts';
import { say, type Io } from '../io.ts';
import {
  loadDesired,
  openApi,
  openSession,
  openSink,
  planContext,
  unique,
  type CommonOptions,
} from '../open.ts';
import { withExport } from '../publish.ts';

export interface AdoptOptions extends CommonOptions {
  readonly secretFile?: string;
  readonly secretDir?: string;
  readonly id?: string;
}

/** Takes over live subscriptions with the secrets that one has. No request but GET is sent. */
export async function adopt(names: readonly string[], options: AdoptOptions, io: Io): Promise<ExitCode> {
  const session = await openSession(io, options);
  const requests = await Promise.all(
    secretPaths(names, options, io).map(async ({ name, path }) => ({
      name,
      secret: await readSecret(path),
      id: options.id ?? null,
    })),
  );
  const desired = await loadDesired(session, io);
  const api = openApi(session, io);
  const sink = openSink(session, io);
  try {
    const context = { ...(await planContext(session, api.reader, sink)), secrets: sink, unique };
    return await withExport(session, io, sink, async () => {
      const results = await adoptEntries(requests, desired, context);
      const isRefused = results.some(({ kind }) => kind === 'refused');
      for (const result of results) tell(result, isRefused, sink.locate(result.name), io);
      return isRefused ? 3 : 0;
    });
  } finally {
    await Promise.all([api.close(), sink.close()]);
  }
}

function secretPaths(
  names: readonly string[],
  { secretFile, secretDir, id }: AdoptOptions,
  io: Io,
): readonly { name: string; path: string }[] {
  if ((secretFile === undefined) === (secretDir === undefined)) {
    throw new UsageError(
      'cannot adopt without the secret: give either --secret-file FILE or --secret-dir DIR',
    );
  }
  if (names.length > 1 && (secretFile !== undefined || id !== undefined)) {
    throw new UsageError('cannot adopt several entries with one secret or one id', {
      hint: 'give --secret-dir DIR, with a file for each name in it',
    });
  }
  return names.map((name) => ({ name, path: resolve(io.cwd, secretFile ?? join(secretDir ?? '', name)) }));
}

async function readSecret(path: string): Promise<Secret> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new ConfigError(
      `cannot read the secret ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (isSigningSecret(text)) return new Secret(text);
  throw new ConfigError(
    `cannot use ${path}: it does not hold a signing secret of Linq`,
    [],
    'one is whsec_ and 44 characters of base64, and nothing else',
  );
}

function tell(result: AdoptResult, isAnyRefused: boolean, place: string, io: Io): void {
  switch (result.kind) {
    case 'refused':
      say(io, `${result.name}: refused: ${result.reason}`);
      if (result.hint !== undefined) say(io, `  ${result.hint}`);
      break;
    case 'known':
      io.stdout.write(`${result.name}: managed already, with this secret (${result.id})\n`);
      break;
    case 'adopted':
      if (!isAnyRefused) io.stdout.write(`${result.name}: adopted ${result.id}, secret: given → ${place}\n`);
  }
}
