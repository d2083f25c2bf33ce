import { readFile, stat } from 'node:fs/promises';
import { ConfigError } from '../domain/errors.ts';
import { Secret } from '../domain/secret.ts';

/** The key of Linq's API. It is never kept anywhere but in memory. */
export interface ApiKey {
  /** The key as it is now. The first call fails with `ConfigError` where there is none. */
  current(): Promise<Secret>;
  /** Looks again, whatever the file's times say; true where the key is another one than before. */
  refresh(): Promise<boolean>;
}

const VARIABLE = 'LINQ_API_V3_API_KEY';
const HINT = `set ${VARIABLE}, or api.key_file to a file that holds the key`;
const LARGEST_FILE = 16_384;

/**
 * The key in `keyFile`, else in `LINQ_API_V3_API_KEY`. A key file that is named decides alone, so that an
 * address taken from the settings file is never sent the environment's key. The file is read again when
 * it changes; once there was a key, a file that is missing or half-written for a moment does not take it away.
 */
export function openApiKey(options: {
  readonly keyFile: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}): ApiKey {
  return options.keyFile === null ? variableKey(options.env[VARIABLE]) : fileKey(options.keyFile);
}

function variableKey(value: string | undefined): ApiKey {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- a missing key must reject, as a missing file does
    async current() {
      if (value === undefined) throw new ConfigError('cannot find the API key: none is set', [], HINT);
      return parseKey(value, `in ${VARIABLE}`);
    },
    refresh: () => Promise.resolve(false),
  };
}

function fileKey(path: string): ApiKey {
  let known: { readonly key: Secret; readonly stamp: string } | undefined;

  async function load(isForced: boolean): Promise<Secret> {
    try {
      const { stamp, isRegular } = await stampOf(path);
      // What is not a regular file, such as a pipe, gives its content only once.
      if (known !== undefined && (!isRegular || (!isForced && known.stamp === stamp))) return known.key;
      const key = parseKey(await readFile(path, 'utf8'), `in "${path}"`);
      known = { key, stamp };
      return key;
    } catch (error) {
      const failure = isSystemError(error) ? unreadable(path, error.code) : error;
      if (known === undefined || !(failure instanceof ConfigError)) throw failure;
      return known.key;
    }
  }

  return {
    current: () => load(false),
    async refresh() {
      const before = known?.key;
      const after = await load(true);
      return before !== undefined && !before.equals(after);
    },
  };
}

/** The inode too: a mounted Kubernetes secret is swapped by a link, and times may be equal. */
async function stampOf(path: string): Promise<{ stamp: string; isRegular: boolean }> {
  const found = await stat(path);
  const { ino, size, mtimeMs } = found;
  if (size > LARGEST_FILE) {
    throw new ConfigError(`cannot use the API key in "${path}": the file is too large`, [], HINT);
  }
  return { stamp: `${ino} ${size} ${mtimeMs}`, isRegular: found.isFile() };
}

/** Only what can stand in a header is a key; the text itself is in no message. */
function parseKey(text: string, place: string): Secret {
  const key = text.trim();
  if (key === '') throw new ConfigError(`cannot use the API key ${place}: it is empty`, [], HINT);
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new ConfigError(
      `cannot use the API key ${place}: it contains spaces, line breaks or control characters`,
      [],
      HINT,
    );
  }
  return new Secret(key);
}

function unreadable(path: string, code: string): ConfigError {
  return new ConfigError(`cannot read the API key in "${path}": ${code}`, [], HINT);
}

function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
