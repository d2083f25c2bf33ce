import type { Stats } from 'node:fs';
import { chmod, chown, lstat, mkdir } from 'node:fs/promises';
import { SinkError } from '../../domain/errors.ts';
import type { ExportSettings } from '../../domain/settings.ts';
import { errorCode } from '../system-error.ts';

/** Who may read the export: the bits of its files and folders, and their group where one is given. */
export interface ExportAccess {
  readonly fileBits: number;
  readonly folderBits: number;
  readonly group: number | null;
}

const SET_GROUP = 0o2000;

/** A folder can be entered by whoever can read the files in it, and changed by the owner only. */
export function accessOf({ mode, group }: Pick<ExportSettings, 'mode' | 'group'>): ExportAccess {
  const fileBits = Number.parseInt(mode, 8);
  return { fileBits, folderBits: (fileBits & 0o040) === 0 ? 0o700 : 0o750, group };
}

export function isFileSound(stats: Stats, { fileBits, group }: ExportAccess): boolean {
  return stats.isFile() && (stats.mode & 0o7777) === fileBits && (group === null || stats.gid === group);
}

export function isFolderSound(stats: Stats, { folderBits, group }: ExportAccess): boolean {
  return (
    stats.isDirectory() && (stats.mode & 0o777) === folderBits && (group === null || stats.gid === group)
  );
}

/** Makes a folder, not yet readable by others. */
export async function makeClosedFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 });
}

/** Gives a folder its group and bits, where it has others. */
export async function openFolderTo(path: string, access: ExportAccess): Promise<void> {
  const stats = await lstat(path);
  if (isFolderSound(stats, access)) return;
  await giveGroup(access, (group) => chown(path, -1, group));
  // In a volume with fsGroup it is this bit that hands the group down to new files.
  await chmod(path, access.folderBits | ((await lstat(path)).mode & SET_GROUP));
}

/** Runs `change` with the group, if there is one; fails with `SinkError` where the process is not in it. */
export async function giveGroup(
  { group }: ExportAccess,
  change: (group: number) => Promise<void>,
): Promise<void> {
  if (group === null) return;
  try {
    await change(group);
  } catch (error) {
    if (errorCode(error) !== 'EPERM') throw error;
    throw new SinkError(`cannot give exported files the group ${group}: this process is not in it`, {
      cause: error,
      hint: 'add the group to the process (in Kubernetes: fsGroup or supplementalGroups), or leave secrets.export.group out',
    });
  }
}
