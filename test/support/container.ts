import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmod, chown, mkdir, readFile, readdir, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { makeTempDir } from './temp-dir.ts';

/** A folder of this machine, as a container sees it. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** What a container runtime is told. */
export interface ContainerSpec {
  /** The image: a folder of this machine for each path in it. */
  readonly image: readonly { readonly source: string; readonly target: string }[];
  readonly mounts: readonly Mount[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly user: number;
  readonly group: number;
  /** Groups that the user is in as well, such as the pod's fsGroup. */
  readonly groups: readonly number[];
}

/** A container that runs; its program is process 1 of a process space of its own. */
export interface RunningContainer {
  /** The program's process id on this machine. */
  pid(): Promise<number>;
  kill(signal: NodeJS.Signals): Promise<void>;
  readonly done: Promise<ContainerResult>;
  output(): { readonly stdout: string; readonly stderr: string };
}

export interface ContainerResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of util-linux. */
const UNSHARE = 'unshare';
/** What containers are made with here, from util-linux and coreutils. */
const TOOLS = [UNSHARE, 'mount', 'chroot', 'setpriv', 'env', 'sh'];

/** Why no container can be made on this system; undefined where one can. */
export function whyNoContainer(): string | undefined {
  if (process.platform !== 'linux') return 'it is not Linux';
  if (process.geteuid?.() !== 0) return 'only root can give a process another user';
  const missing = TOOLS.find((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  if (missing !== undefined) return `there is no ${missing}`;
  const line = 'mount -t tmpfs tmpfs /mnt && mount -t proc proc /mnt';
  const { status, stderr } = spawnSync(UNSHARE, ['-m', '-p', '-f', 'sh', '-c', line]);
  return status === 0 ? undefined : `the system refuses it: ${String(stderr).trim()}`;
}

/**
 * Starts a program as a container runtime would: in a root of its own that is read-only, with the image, the mounts,
 * /proc and /dev in it and nothing else, without capabilities, as the user. It shares the network with the test.
 */
export async function startContainer(spec: ContainerSpec): Promise<RunningContainer> {
  const root = await makeTempDir();
  const script = join(await makeTempDir(), 'start.sh');
  await writeFile(script, await startScript(root, spec));
  // Only the parent of the program's process space; it ends with the program's own exit code.
  const child = spawn(UNSHARE, ['-m', '-p', '-f', 'sh', '-eu', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => void (output[name] += text));
  }
  const done = new Promise<ContainerResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await done;
  });
  return {
    pid: () => firstChild(child),
    kill: async (signal) => void process.kill(await firstChild(child), signal),
    done,
    output: () => ({ ...output }),
  };
}

/** Runs a program in a container to its end. */
export async function runContainer(spec: ContainerSpec): Promise<ContainerResult> {
  return (await startContainer(spec)).done;
}

async function firstChild(child: ChildProcess): Promise<number> {
  const pid = String(child.pid);
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const first = Number(children.trim().split(' ')[0]);
  if (!(first > 0)) throw new Error('the container does not run');
  return first;
}

async function startScript(root: string, spec: ContainerSpec): Promise<string> {
  const setpriv = await whereIs('setpriv');
  const env = await whereIs('env');
  const binds: readonly Mount[] = [
    ...['/lib', '/lib64', '/usr/lib'].map((path) => ({ source: path, target: path, readOnly: true })),
    ...['/dev/null', '/dev/zero', '/dev/urandom'].map((path) => ({
      source: path,
      target: path,
      readOnly: false,
    })),
    { source: setpriv, target: '/.runtime/setpriv', readOnly: true },
    { source: env, target: '/.runtime/env', readOnly: true },
    ...spec.image.map((part) => ({ ...part, readOnly: true })),
    ...spec.mounts,
  ];
  const settings = Object.entries(spec.env).map(([key, value]) => `${key}=${value}`);
  const run = [
    ...['chroot', root, '/.runtime/setpriv', `--reuid=${spec.user}`, `--regid=${spec.group}`],
    spec.groups.length > 0 ? `--groups=${spec.groups.join(',')}` : '--clear-groups',
    // It ends with unshare, so nothing outlives the test.
    ...['--inh-caps=-all', '--bounding-set=-all', '--no-new-privs', '--pdeathsig=KILL'],
    ...['/.runtime/env', '-i', '-C', spec.workingDir, ...settings, ...spec.command],
  ];
  return [
    // What happens in here stays in here.
    'mount --make-rprivate /',
    `mount -t tmpfs -o mode=0755 tmpfs ${quote(root)}`,
    ...binds.flatMap(({ source, target, readOnly }) => bindLines(source, join(root, target), readOnly)),
    ...['proc', 'tmp', spec.workingDir].map((path) => `mkdir -p ${quote(join(root, path))}`),
    `mount -t proc proc ${quote(join(root, 'proc'))}`,
    `mount -o remount,bind,ro ${quote(root)}`,
    `exec ${run.map(quote).join(' ')}`,
  ].join('\n');
}

/** Mounts a folder or a file, where there is one. */
function bindLines(source: string, target: string, readOnly: boolean): readonly string[] {
  const [from, to] = [quote(source), quote(target)];
  return [
    `if [ -d ${from} ]; then mkdir -p ${to}; elif [ -e ${from} ]; then mkdir -p ${quote(dirname(target))}; : > ${to}; fi`,
    `if [ -e ${from} ]; then mount --bind ${from} ${to}`,
    ...(readOnly ? [`mount -o remount,bind,ro ${to}`] : []),
    'fi',
  ];
}

async function whereIs(tool: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', `command -v ${tool}`]);
  return stdout.trim();
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A volume with files of a ConfigMap, a Secret or a token, laid out as a kubelet does. */
export interface ProjectedVolume {
  readonly directory: string;
  /** Replaces all files at once, by a swap of the link `..data`, and removes the old ones. */
  update(files: Readonly<Record<string, string>>): Promise<void>;
}

/** Lays a volume out, owned by root, with the mode and, for a pod with an fsGroup, the group. */
export async function openProjectedVolume(
  files: Readonly<Record<string, string>>,
  { mode, group }: { readonly mode: number; readonly group: number },
): Promise<ProjectedVolume> {
  const directory = await makeTempDir();
  await chown(directory, 0, group);
  await chmod(directory, 0o2777);
  let generation = 0;
  const update: ProjectedVolume['update'] = async (next) => {
    generation += 1;
    const name = `..2026_11_22_16_33_${String(generation).padStart(2, '0')}.1`;
    const old = (await readdir(directory)).find((entry) => entry.startsWith('..2'));
    await mkdir(join(directory, name));
    await chmod(join(directory, name), 0o2755);
    for (const [key, text] of Object.entries(next)) {
      const path = join(directory, name, key);
      await writeFile(path, text);
      await chown(path, 0, group);
      await chmod(path, mode);
      if (generation === 1) await symlink(`..data/${key}`, join(directory, key));
    }
    await symlink(name, join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
    if (old === undefined) return;
    for (const key of await readdir(join(directory, old))) await unlink(join(directory, old, key));
    await promisify(execFile)('rmdir', [join(directory, old)]);
  };
  await update(files);
  return { directory, update };
}

/** An empty volume, as a kubelet hands it to a pod with an fsGroup. */
export async function openVolume(group: number): Promise<string> {
  const directory = await makeTempDir();
  await chown(directory, 0, group);
  await chmod(directory, 0o2777);
  return directory;
}
