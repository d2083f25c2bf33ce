import { run } from '../../src/cli/run.ts';
import type { Stage } from './stage.ts';

/** What a command line came to. */
export interface HereResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command line in this process, which is much quicker than one of its own; on a terminal of that many columns. */
export async function runHere(
  argv: readonly string[],
  { file, sinkDir, env, folder }: Pick<Stage, 'file' | 'sinkDir' | 'env' | 'folder'>,
  columns?: number,
): Promise<HereResult> {
  const output = { stdout: '', stderr: '' };
  const width = columns === undefined ? {} : { columns };
  const code = await run(argv, {
    env: {
      LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
      LINQ_GITOPS_SUBSCRIPTIONS: file,
      LINQ_GITOPS_SECRETS_FILE_DIRECTORY: sinkDir,
      ...env,
    },
    cwd: folder,
    main: '',
    stdout: { ...width, write: (text) => (output.stdout += text) },
    stderr: { ...width, write: (text) => (output.stderr += text) },
    onSignal: () => () => undefined,
    onHangup: () => () => undefined,
    exitNow: () => {
      throw new Error('nobody sends signals here');
    },
  });
  return { code, ...output };
}
