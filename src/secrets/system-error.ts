const WORDS: Readonly<Record<string, string>> = {
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'the system does not permit it',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than the process may write',
  EIO: 'the device reports an input/output error',
  ENOTDIR: 'a part of the path is not a folder',
  ENOENT: 'it does not exist',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files in the system',
  ENAMETOOLONG: 'the name is too long for the file system',
  ESTALE: 'the network file system lost track of the file',
  ELOOP: 'it is a symbolic link',
};

/** The system's error code (`ENOENT`), or undefined for what the system did not say. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** A system error in words; whatever else was thrown is a bug, and is thrown on. */
export function inWords(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) throw error;
  const words = WORDS[code];
  return words === undefined ? `the system says ${code}` : `${words} (${code})`;
}

/** Runs a file operation; undefined where it fails with one of `codes`. */
export async function unless<T>(
  codes: readonly string[],
  operation: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await operation();
  } catch (error) {
    if (codes.includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
