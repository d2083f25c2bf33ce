import { constants, lstatSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError, SinkError } from '../../domain/errors.ts';
import { parseFileName } from './file-names.ts';
import { createDurably, syncFolder } from './safe-file.ts';
import { errorCode, inWords, unless } from '../system-error.ts';

const IGNORE_FILE = '.gitignore';

/** The coarsest times that file systems keep, and more. */
const SETTLED_MS = 3_000;

/** Magic numbers of statfs(2) on Linux. */
const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;
const OVERLAY = 0x794c7630;

/**
 * Refuses a folder that is a link, belongs to another user, or can be changed by others; false where there is
 * none. Changes nothing.
 */
export function inspectFolder(directory: string): boolean {
  let stats;
  try {
    stats = lstatSync(directory, { throwIfNoEntry: false });
  } catch (error) {
    throw new SinkError(`cannot use ${directory}: ${inWords(error)}`, { cause: error });
  }
  if (stats === undefined) return false;
  if (stats.isSymbolicLink()) throw new SinkError(`cannot use ${directory}: it is a symbolic link`);
  if (!stats.isDirectory()) throw new SinkError(`cannot use ${directory}: it is not a folder`);
  const user = process.geteuid?.();
  if (user !== undefined && stats.uid !== user && stats.uid !== 0) {
    throw new SinkError(`cannot use ${directory}: it belongs to another user`);
  }
  if ((stats.mode & 0o022) !== 0) {
    throw new SinkError(`cannot use ${directory}: others than its owner can change it`, {
      hint: `name a folder that does not exist yet, for instance inside this one: it is made with mode 0700`,
    });
  }
  return true;
}

/**
 * Makes the folder (0700, missing parents too) and the `.gitignore` in it, where they are missing. Refuses an
 * unsafe folder, and one that holds other things: it must be the sink's own. Returns warnings.
 */
export async function makeFolder(directory: string): Promise<readonly string[]> {
  if (!inspectFolder(directory)) {
    try {
      await makeWithParents(directory);
    } catch (error) {
      throw new SinkError(`cannot make the folder ${directory}: ${inWords(error)}`, { cause: error });
    }
    // Another process may have made it, and otherwise.
    if (!inspectFolder(directory)) throw new SinkError(`cannot use ${directory}: it does not exist`);
  }
  return ensureIgnored(directory);
}

/** Not mkdir's own `recursive`: on Node 20 that never ends where the system answers ENOENT to the last (/proc). */
async function makeWithParents(directory: string): Promise<void> {
  const parent = dirname(directory);
  if (parent !== directory && !(await isThere(parent))) await makeWithParents(parent);
  const made = await unless(['EEXIST'], async () => {
    await mkdir(directory, { mode: 0o700 });
    return true;
  });
  if (made) await syncFolder(parent);
}

async function isThere(path: string): Promise<boolean> {
  return (await unless(['ENOENT'], () => lstat(path))) !== undefined;
}

/**
 * What the folder bears since its files were last made, linked, renamed or removed; another one after every such change.
 * Null where that cannot be told: there is no folder, or `now` it was changed so lately that its time may not differ yet.
 */
export function stampOf(directory: string, now = Date.now()): string | null {
  try {
    const stats = lstatSync(directory, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || now - Number(stats.ctimeMs) < SETTLED_MS) return null;
    const { dev, ino, mtimeNs, ctimeNs } = stats;
    return [dev, ino, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    // Whoever reads the folder says what is wrong with it.
    if (errorCode(error) === undefined) throw error;
    return null;
  }
}

/** Names of the files in the folder; none where there is no folder. */
export async function listFolder(directory: string): Promise<readonly string[]> {
  try {
    return (await unless(['ENOENT'], () => readdir(directory))) ?? [];
  } catch (error) {
    throw new SinkError(`cannot list ${directory}: ${inWords(error)}`, { cause: error });
  }
}

/**
 * Refuses, with `ConfigError`, to write where everything vanishes with the machine, unless `isEphemeral` is
 * consent to that. Returns warnings. Looks at the nearest folder that exists.
 */
export async function inspectPermanence(
  directory: string,
  options: { readonly isEphemeral: boolean; readonly isCi: boolean },
): Promise<readonly string[]> {
  const type = process.platform === 'linux' ? await fileSystemType(directory) : undefined;
  const { refusal, warnings } = judgePermanence(type, options);
  if (refusal === undefined) return warnings;
  throw new ConfigError(
    `cannot keep secrets in ${directory}: ${refusal}`,
    [],
    'Linq shows a signing secret once, so what vanishes with the machine is a lost secret: name a lasting folder (secrets.file.directory), or consent with `ephemeral: true` under secrets.file',
  );
}

/** What a file system of this type (statfs magic; undefined where unknown) means for secrets that must last. */
export function judgePermanence(
  type: number | undefined,
  options: { readonly isEphemeral: boolean; readonly isCi: boolean },
): { readonly refusal?: string; readonly warnings: readonly string[] } {
  if (options.isEphemeral) return { warnings: [] };
  if (type === TMPFS || type === RAMFS) {
    return { refusal: 'it is in memory (tmpfs), and gone after a restart', warnings: [] };
  }
  if (options.isCi) {
    return { refusal: 'this is a CI run (CI is set), and its files are gone when it ends', warnings: [] };
  }
  if (type === OVERLAY) {
    const warning =
      "the secrets are kept on a container's own layer (overlay), and are lost with the container: mount a volume there";
    return { warnings: [warning] };
  }
  return { warnings: [] };
}

async function fileSystemType(directory: string): Promise<number> {
  for (let path = directory; ; path = dirname(path)) {
    try {
      const found = await unless(['ENOENT'], () => statfs(path));
      if (found !== undefined) return found.type;
    } catch (error) {
      throw new SinkError(`cannot use ${directory}: ${inWords(error)}`, { cause: error });
    }
  }
}

async function ensureIgnored(directory: string): Promise<readonly string[]> {
  const path = join(directory, IGNORE_FILE);
  const files = await listFolder(directory);
  if (files.includes(IGNORE_FILE)) {
    return (await readLines(path)).includes('*')
      ? []
      : [`${path} does not hold the line \`*\`, so git may pick up the secrets beside it`];
  }
  // Without this a mistyped path would hide somebody's folder from git, and mix secrets into it.
  const foreign = files.filter((file) => parseFileName(file) === undefined).sort()[0];
  if (foreign !== undefined) {
    throw new SinkError(
      `cannot use ${directory}: it holds other things (${JSON.stringify(foreign)}), and the sink wants a folder of its own`,
      { hint: 'name a folder that does not exist yet (secrets.file.directory)' },
    );
  }
  try {
    await unless(['EEXIST'], () => createDurably(path, Buffer.from('*\n')));
  } catch (error) {
    throw new SinkError(`cannot write ${path}: ${inWords(error)}`, { cause: error });
  }
  return [];
}

/** It holds no secret, so it may be readable by others, as a checkout makes it. */
async function readLines(path: string): Promise<readonly string[]> {
  try {
    return (
      await readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NOFOLLOW })
    ).split(/\r?\n/);
  } catch (error) {
    throw new SinkError(`cannot read ${path}: ${inWords(error)}`, { cause: error });
  }
}
