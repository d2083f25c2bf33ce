import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { copiesOf, imageOf, parseDockerfile, type Stage } from './manifests/dockerfile.ts';
import { readText, ROOT } from './manifests/example-files.ts';

/** What the Dockerfile makes, without a builder and without a registry. */
export interface Image {
  /** What is to be seen in a container, and where on this machine it is. */
  readonly parts: readonly { readonly source: string; readonly target: string }[];
  /** The last stage of the Dockerfile. */
  readonly stage: Stage;
  remove(): Promise<void>;
}

/** Carries out the last stage of the Dockerfile: its COPY lines, on what the stages before would have made. */
export async function makeImage(): Promise<Image> {
  const directory = await mkdtemp(join(tmpdir(), 'linq-gitops-image-'));
  const stage = imageOf(parseDockerfile(readText('Dockerfile')));
  for (const { from, sources, target } of copiesOf(stage)) {
    for (const source of sources) {
      const to = join(directory, target.endsWith('/') ? join(target, basename(source)) : target);
      await mkdir(dirname(to), { recursive: true });
      if (from === 'production' && source === '/app/node_modules') await copyProductionPackages(to);
      else
        await cp(join(ROOT, from === 'build' ? relative('/app', source) : source), to, { recursive: true });
    }
  }
  return {
    parts: [
      { source: join(directory, 'app'), target: '/app' },
      // The base has nothing but Node.
      { source: process.execPath, target: '/nodejs/bin/node' },
    ],
    stage,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** What `npm ci --omit=dev` would install, taken from what is installed already. */
async function copyProductionPackages(target: string): Promise<void> {
  const argv = ['ls', '--omit=dev', '--all', '--parseable'];
  const { stdout } = await promisify(execFile)('npm', argv, { cwd: ROOT });
  const own = join(ROOT, 'node_modules');
  const folders = stdout.split('\n').filter((path) => path.startsWith(`${own}/`));
  for (const folder of folders) {
    // What is nested has a line of its own.
    const filter = (path: string): boolean => relative(folder, path).split('/')[0] !== 'node_modules';
    await cp(folder, join(target, relative(own, folder)), { recursive: true, filter });
  }
}
