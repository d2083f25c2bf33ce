import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A file that was laid out, and how its next version is delivered. */
interface DeliveredFile {
  /** Under which the program finds it; the same for every version. */
  readonly path: string;
  /** Resolves when the new version is in place and what the old one leaves behind is as the deliverer leaves it. */
  readonly update: (text: string) => Promise<void>;
}

export interface Delivery {
  readonly title: string;
  /** Lays the file out in a folder that is empty, as often as wanted in different folders. */
  readonly prepare: (folder: string, text: string) => Promise<DeliveredFile>;
}

const FILE = 'subscriptions.yaml';

/** The ways in which a file reaches a daemon: by hand, by Kubernetes, by git-sync, by a deployment. */
export const deliveries: readonly Delivery[] = [
  { title: 'an edit in place', prepare: prepareEdited((path, text) => writeFile(path, text)) },
  { title: 'a file renamed over the old one', prepare: prepareEdited(renameOver) },
  { title: 'an editor that sets the old one aside', prepare: prepareEdited(setAside) },
  { title: 'a ConfigMap, the old folder removed', prepare: prepareConfigMap({ keepsOld: false }) },
  { title: 'a ConfigMap, the old folder kept', prepare: prepareConfigMap({ keepsOld: true }) },
  { title: 'git-sync, the old worktree removed', prepare: prepareGitSync({ keepsOld: false }) },
  { title: 'git-sync, the old worktree kept', prepare: prepareGitSync({ keepsOld: true }) },
  { title: 'an absolute link from file to file', prepare: prepareAbsoluteLink },
  { title: 'a folder put in the place of the old one', prepare: prepareExchangedFolder },
];

function prepareEdited(edit: (path: string, text: string) => Promise<void>): Delivery['prepare'] {
  return async (folder, text) => {
    const path = join(folder, FILE);
    await writeFile(path, text);
    return { path, update: (next) => edit(path, next) };
  };
}

async function renameOver(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

/** As vim does with `backupcopy=no`. */
async function setAside(path: string, text: string): Promise<void> {
  await rename(path, `${path}~`);
  await writeFile(path, text);
  await unlink(`${path}~`);
}

/** As the kubelet does: file → ..data/file, ..data → ..<time>, and `..data` is renamed over. */
function prepareConfigMap(options: { readonly keepsOld: boolean }): Delivery['prepare'] {
  return async (folder, text) => {
    await symlink(join('..data', FILE), join(folder, FILE));
    const update = swapsLink(
      folder,
      '..data',
      options,
      (n) => `..2026_01_01_00_00_00.${(1000 + n).toString()}`,
    );
    await update(text);
    return { path: join(folder, FILE), update };
  };
}

/** As git-sync does: current → .worktrees/<commit>, renamed over. */
function prepareGitSync(options: { readonly keepsOld: boolean }): Delivery['prepare'] {
  return async (folder, text) => {
    const commitOf = (n: number): string => (n + 1).toString(16).padStart(40, 'a');
    const update = swapsLink(folder, 'current', options, (n) => join('.worktrees', commitOf(n)));
    await update(text);
    return { path: join(folder, 'current', FILE), update };
  };
}

/** A version is a new folder; then the link that leads to the old one is replaced in one rename. */
function swapsLink(
  folder: string,
  link: string,
  options: { readonly keepsOld: boolean },
  nameOf: (version: number) => string,
): (text: string) => Promise<void> {
  let version = 0;
  return async (text) => {
    const name = nameOf(version);
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, FILE), text);
    await symlink(name, join(folder, `${link}_tmp`));
    await rename(join(folder, `${link}_tmp`), join(folder, link));
    if (version > 0 && !options.keepsOld) await rm(join(folder, nameOf(version - 1)), { recursive: true });
    version += 1;
  };
}

async function prepareAbsoluteLink(folder: string, text: string): Promise<DeliveredFile> {
  const path = join(folder, 'etc', FILE);
  await mkdir(join(folder, 'etc'));
  let version = 0;
  async function update(next: string): Promise<void> {
    const release = join(folder, 'releases', version.toString());
    await mkdir(release, { recursive: true });
    await writeFile(join(release, 'linq.yaml'), next);
    await symlink(join(release, 'linq.yaml'), `${path}.new`);
    await rename(`${path}.new`, path);
    version += 1;
  }
  await update(text);
  return { path, update };
}

async function prepareExchangedFolder(folder: string, text: string): Promise<DeliveredFile> {
  const [live, next, old] = [join(folder, 'live'), join(folder, 'next'), join(folder, 'old')];
  await mkdir(live);
  await writeFile(join(live, FILE), text);
  return {
    path: join(live, FILE),
    async update(text) {
      await mkdir(next);
      await writeFile(join(next, FILE), text);
      await rename(live, old);
      await rename(next, live);
      await rm(old, { recursive: true });
    },
  };
}
