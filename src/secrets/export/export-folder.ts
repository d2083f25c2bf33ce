import { mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SinkError } from '../../domain/errors.ts';
import { isInside } from '../../domain/is-inside.ts';
import { inspectFolder } from '../file/folder.ts';
import { inspectTracking } from '../file/git-tracking.ts';
import { createDurably, syncFolder } from '../file/safe-file.ts';
import { unless } from '../system-error.ts';
import { makeClosedFolder, openFolderTo, type ExportAccess } from './export-access.ts';
import { readExport, type ExportState } from './export-state.ts';

/**
 * What stands in the folder; nothing where there is none. Refuses, and changes nothing: a link, a folder of another
 * user, one that others can change, and one that holds other things but nothing of ours.
 */
export async function inspectExportFolder(directory: string, access: ExportAccess): Promise<ExportState> {
  if (!inspectOwn(directory)) return NOTHING;
  const state = await readExport(directory, access);
  const stranger = state.foreign[0];
  const isNew = state.current === undefined && state.leftovers.size === 0;
  // A mistyped path must not mix secrets into somebody's folder.
  if (isNew && stranger !== undefined) {
    throw new SinkError(
      `cannot use ${directory}: it holds other things (${JSON.stringify(stranger)}), and the export wants a folder of its own`,
      { hint: 'name a folder that does not exist yet (secrets.export.directory)' },
    );
  }
  return state;
}

/** Makes the folder where it is missing, and gives it its bits and group. Refuses what `inspectExportFolder` does. */
export async function makeExportFolder(directory: string, access: ExportAccess): Promise<void> {
  if (!inspectOwn(directory)) {
    // The ways to it hold no secret, and readers must be able to pass.
    await mkdir(dirname(directory), { recursive: true });
    await unless(['EEXIST'], () => makeClosedFolder(directory));
    await syncFolder(dirname(directory));
    inspectOwn(directory);
  }
  await openFolderTo(directory, access);
}

/** Hides the folder from git; refuses it where git tracks something in it. Returns warnings. */
export async function hideFromGit(directory: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const warnings = await inspectTracking(directory, env);
  await unless(['EEXIST'], () => createDurably(join(directory, '.gitignore'), Buffer.from('*\n')));
  return warnings;
}

/** Refuses a folder that is inside the file sink's or around it, on whatever way the two are named. */
export async function refuseShared(directory: string, sinkDirectory: string): Promise<void> {
  const [own, sinks] = await Promise.all([realPath(directory), realPath(resolve(sinkDirectory))]);
  if (!isInside(own, sinks) && !isInside(sinks, own)) return;
  throw new SinkError(
    `cannot use ${directory}: the export wants a folder of its own, neither inside that of the sink (${sinkDirectory}) nor around it`,
  );
}

const NOTHING: ExportState = {
  current: undefined,
  tree: new Map(),
  isSound: false,
  links: new Map(),
  leftovers: new Map(),
  foreign: [],
};

function inspectOwn(directory: string): boolean {
  try {
    return inspectFolder(directory);
  } catch (error) {
    if (!(error instanceof SinkError) || error.hint === undefined) throw error;
    throw new SinkError(error.message, {
      cause: error,
      hint: 'name a folder that does not exist yet, for instance inside this one: it is made so that only linq-gitops can change it',
    });
  }
}

/** The real path of what may not exist yet. */
async function realPath(path: string): Promise<string> {
  const real = await unless(['ENOENT', 'ENOTDIR'], () => realpath(path));
  return real ?? join(await realPath(dirname(path)), basename(path));
}
