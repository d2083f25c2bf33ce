import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectTracking } from '../../../../src/secrets/file/git-tracking.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

function git(cwd: string, ...args: readonly string[]): void {
  execFileSync('git', args, { cwd, stdio: 'ignore' });
}

async function makeRepository(): Promise<{ root: string; directory: string }> {
  const root = await makeTempDir();
  const directory = join(root, 'deploy', 'secrets');
  await mkdir(directory, { recursive: true });
  git(root, 'init', '-q');
  return { root, directory };
}

describe('a folder that git tracks', () => {
  it('is refused, with the way out', async () => {
    const { root, directory } = await makeRepository();
    await writeFile(join(directory, 'orders.json'), '{}');
    await writeFile(join(directory, 'billing.json'), '{}');
    git(root, 'add', '-f', '.');
    await expect(inspectTracking(directory, process.env)).rejects.toMatchObject({
      name: 'SinkError',
      message: expect.stringContaining('git tracks "billing.json" in it and 1 more') as string,
      hint: expect.stringContaining('git rm -r --cached') as string,
    });
  });

  it('is fine as long as nothing in it is tracked', async () => {
    const { root, directory } = await makeRepository();
    await writeFile(join(root, 'subscriptions.yaml'), '');
    await writeFile(join(directory, 'orders.json'), '{}');
    await writeFile(join(directory, '.gitignore'), '*\n');
    git(root, 'add', '-f', 'subscriptions.yaml', 'deploy/secrets/.gitignore');
    expect(await inspectTracking(directory, process.env)).toEqual([]);
  });

  it('is found although a surrounding hook points git elsewhere', async () => {
    const { root, directory } = await makeRepository();
    await writeFile(join(directory, 'orders.json'), '{}');
    git(root, 'add', '-f', '.');
    const other = await makeRepository();
    const env = { ...process.env, GIT_DIR: join(other.root, '.git'), GIT_WORK_TREE: other.root };
    await expect(inspectTracking(directory, env)).rejects.toThrow('git tracks');
  });

  it('is no matter where there is no repository', async () => {
    expect(await inspectTracking(await makeTempDir(), process.env)).toEqual([]);
  });

  it('is no matter without git', async () => {
    const { directory } = await makeRepository();
    expect(await inspectTracking(directory, { PATH: join(directory, 'nothing') })).toEqual([]);
  });

  it('gives a warning where git fails', async () => {
    const { root, directory } = await makeRepository();
    await mkdir(join(root, 'bin'));
    await writeFile(join(root, 'bin', 'git'), '#!/bin/sh\nexit 128\n');
    await chmod(join(root, 'bin', 'git'), 0o755);
    const env = { PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}` };
    expect(await inspectTracking(directory, env)).toEqual([expect.stringContaining('cannot find out')]);
  });

  it('does not let the repository run a program of its choice', async () => {
    const { root, directory } = await makeRepository();
    const proof = join(root, 'ran');
    await writeFile(join(root, 'monitor'), `#!/bin/sh\ntouch ${proof}\n`);
    await chmod(join(root, 'monitor'), 0o755);
    git(root, 'config', 'core.fsmonitor', join(root, 'monitor'));
    await inspectTracking(directory, process.env);
    await expect(chmod(proof, 0o600)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is looked for without handing our credentials to git', async () => {
    const { root, directory } = await makeRepository();
    await mkdir(join(root, 'bin'));
    await writeFile(join(root, 'bin', 'git'), `#!/bin/sh\nenv > ${join(root, 'seen')}\n`, { mode: 0o755 });
    const PATH = `${join(root, 'bin')}:${process.env['PATH'] ?? ''}`;
    await inspectTracking(directory, { PATH, LINQ_API_V3_API_KEY: 'hunter2', VAULT_TOKEN: 'hunter2' });
    const seen = await readFile(join(root, 'seen'), 'utf8');
    expect(seen).toContain('GIT_OPTIONAL_LOCKS=0');
    expect(seen).not.toContain('hunter2');
  });
});
