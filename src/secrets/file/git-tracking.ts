import { execFile } from 'node:child_process';
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SinkError } from '../../domain/errors.ts';
import { unless } from '../system-error.ts';

const TIMEOUT_MS = 5000;
const MAX_OUTPUT_BYTES = 1024 * 1024;

/**
 * Refuses a folder in which git tracks anything but `.gitignore`. Where git cannot tell, that is a warning;
 * without a repository around the folder, or without git on this machine, there is nothing to say.
 */
export async function inspectTracking(directory: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  if (!(await isInRepository(directory))) return [];
  const answer = await listTracked(directory, env);
  if (answer.kind === 'no-git') return [];
  if (answer.kind === 'failed') return [`cannot find out whether git tracks anything in ${directory}`];
  const tracked = answer.files.filter((file) => file !== '.gitignore');
  if (tracked[0] === undefined) return [];
  throw new SinkError(
    `cannot keep secrets in ${directory}: git tracks ${JSON.stringify(tracked[0])} in it` +
      (tracked.length > 1 ? ` and ${tracked.length - 1} more` : ''),
    {
      hint: `run: git rm -r --cached '${directory}', and commit; what was pushed is known to others, so rotate those secrets`,
    },
  );
}

async function isInRepository(directory: string): Promise<boolean> {
  for (let path = directory; ; path = dirname(path)) {
    const found = await unless(['ENOENT', 'ENOTDIR', 'EACCES'], () => lstat(join(path, '.git')));
    if (found !== undefined) return true;
    if (path === dirname(path)) return false;
  }
}

type Answer =
  | { readonly kind: 'no-git' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'listed'; readonly files: readonly string[] };

function listTracked(directory: string, env: NodeJS.ProcessEnv): Promise<Answer> {
  // Little is handed on: our own secrets are no business of git's, and GIT_DIR of a surrounding hook misleads.
  const passed = ['PATH', 'HOME', 'XDG_CONFIG_HOME'];
  const few = Object.entries(env).filter(([key]) => passed.includes(key) || key.startsWith('GIT_CONFIG'));
  return new Promise((resolve) => {
    execFile(
      'git',
      // fsmonitor: a repository's own settings must not run a program of their choice.
      ['-c', 'core.fsmonitor=false', 'ls-files', '-z', '--', '.'],
      {
        cwd: directory,
        env: { ...Object.fromEntries(few), GIT_OPTIONAL_LOCKS: '0' },
        timeout: TIMEOUT_MS,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT_BYTES,
      },
      (error, stdout) => {
        const files = stdout.split('\0').filter((file) => file !== '');
        // A list that was cut short has still named what is tracked.
        if (error === null || files.length > 0) resolve({ kind: 'listed', files });
        else resolve({ kind: error.code === 'ENOENT' ? 'no-git' : 'failed' });
      },
    );
  });
}
