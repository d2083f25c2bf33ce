import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { loadSubscriptions } from '../../../src/config/load-subscriptions.ts';
import type { Settings } from '../../../src/domain/settings.ts';
import { ROOT, listFiles, readYaml } from '../../support/manifests/example-files.ts';
import {
  configMap,
  containerOf,
  readSets,
  volumesOf,
  type ManifestSet,
} from '../../support/manifests/kubernetes-set.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const sets = readSets();

it.each(listFiles('config.example').filter((path) => /\.ya?ml$/.test(path)))('%s is YAML', (path) => {
  expect(readYaml(path)).toHaveLength(1);
});

async function loadText(text: string, env: Readonly<Record<string, string>> = {}): Promise<Settings> {
  const folder = await makeTempDir();
  await writeFile(join(folder, 'linq-gitops.yaml'), text);
  const { settings } = await loadSettings({ file: 'linq-gitops.yaml', cwd: folder, env, flags: {} });
  return settings;
}

/** The mount of the container through which it sees a path, with the volume behind it. */
function mountAt(set: ManifestSet, container: string, path: string) {
  const mounts = containerOf(set, container).volumeMounts ?? [];
  const mount = mounts.find(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
  const volume = volumesOf(set).find(({ name }) => name === mount?.name);
  return mount && volume ? { ...mount, volume } : undefined;
}

describe.each(sets)('the settings of the set $name', (set) => {
  const text = configMap(set, 'linq-gitops-settings')['linq-gitops.yaml'] ?? '';

  it('are what the program takes', async () => {
    const { owner, daemon } = await loadText(text);
    expect(owner).toBe('production');
    // Where the kubelet can reach it, at the port that the container names.
    expect(daemon.listen.host).toBe('0.0.0.0');
    expect(containerOf(set, 'linq-gitops').ports).toEqual([
      { name: 'metrics', containerPort: daemon.listen.port },
    ]);
  });

  it('name files that the container has, to read', async () => {
    const { subscriptions, api, secrets } = await loadText(text);
    const { vault } = secrets as {
      vault?: { auth: { token_file?: string }; tls: { ca_file: string | null } };
    };
    const paths = [subscriptions, api.key_file, vault?.auth.token_file, vault?.tls.ca_file].filter(
      (path): path is string => typeof path === 'string',
    );
    expect(paths.length).toBe(vault ? 4 : 2);
    for (const path of paths) expect(mountAt(set, 'linq-gitops', path)?.readOnly, path).toBe(true);
    const args = containerOf(set, 'linq-gitops').args ?? [];
    const file = args[args.indexOf('--config') + 1] ?? '';
    expect(args[0]).toBe('run');
    expect(mountAt(set, 'linq-gitops', file)?.volume.configMap?.name).toBe('linq-gitops-settings');
  });

  it('name folders inside volumes that can be written, and not the volumes themselves', async () => {
    const { secrets } = await loadText(text);
    const { file } = secrets as { file?: { directory: string } };
    const isFile = text.includes('sink: file');
    for (const [path, kind] of [
      [isFile ? file?.directory : undefined, 'persistentVolumeClaim'],
      [secrets.export?.directory, 'emptyDir'],
    ] as const) {
      if (path === undefined) continue;
      const mount = mountAt(set, 'linq-gitops', path);
      expect(mount?.mountPath).not.toBe(path);
      expect(mount?.readOnly ?? false).toBe(false);
      expect(mount?.volume).toHaveProperty(kind);
    }
  });

  it('export to where the application can read, in memory, and change nothing', async () => {
    const { secrets } = await loadText(text);
    if (set.name === 'deployment') {
      expect(secrets.export).toBeNull();
      return;
    }
    const directory = secrets.export?.directory ?? '';
    expect(secrets.export?.mode).toBe('0640');
    const mount = mountAt(set, 'receiver', directory);
    expect(mount).toMatchObject({ readOnly: true, volume: { emptyDir: { medium: 'Memory' } } });
    expect(containerOf(set, 'receiver').env).toContainEqual({ name: 'LINQ_SECRETS_DIR', value: directory });
    const users = ['receiver', 'linq-gitops'].map(
      (name) => containerOf(set, name).securityContext?.runAsUser,
    );
    expect(new Set(users).size).toBe(2);
  });
});

it.each(sets.filter(({ name }) => name !== 'sidecar'))(
  'the subscriptions of the set $name are a valid file without a warning',
  async (set) => {
    const folder = join(await makeTempDir(), 'linq');
    await mkdir(folder);
    const path = join(folder, 'subscriptions.yaml');
    await writeFile(path, configMap(set, 'linq-subscriptions')['subscriptions.yaml'] ?? '');
    const { desired, warnings } = await loadSubscriptions(path);
    expect(desired.entries.map(({ name }) => name).sort()).toEqual(['billing', 'support']);
    expect(warnings).toEqual([]);
  },
);

it("the settings of the sidecar follow git-sync's link", async () => {
  const set = sets.find(({ name }) => name === 'sidecar')!;
  const { subscriptions } = await loadText(configMap(set, 'linq-gitops-settings')['linq-gitops.yaml'] ?? '');
  const args = containerOf(set, 'git-sync').args ?? [];
  const value = (flag: string) => args.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1);
  expect(subscriptions).toBe(`${value('--root') ?? ''}/${value('--link') ?? ''}/subscriptions.yaml`);
  const own = mountAt(set, 'git-sync', value('--root') ?? '');
  expect(mountAt(set, 'linq-gitops', subscriptions)).toMatchObject({
    name: own?.name,
    mountPath: own?.mountPath,
  });
});

it('a mistake in a ConfigMap would be noticed', async () => {
  const text = configMap(sets[0]!, 'linq-gitops-settings')['linq-gitops.yaml'] ?? '';
  await expect(loadText(text.replace('interval:', 'intervall:'))).rejects.toThrow('there is a problem');
  await expect(loadText(text.replace('method: kubernetes', 'method: kube'))).rejects.toThrow('cannot use');
});

it('the settings of the systemd unit are what the program takes', async () => {
  const { settings } = await loadSettings({
    file: join(ROOT, 'config.example/systemd/linq-gitops.yaml'),
    cwd: ROOT,
    env: { LINQ_GITOPS_API_KEY_FILE: '/run/credentials/linq-gitops.service/api-key' },
    flags: {},
  });
  expect(settings.secrets).toMatchObject({
    file: { directory: '/var/lib/linq-gitops/secrets' },
    export: { directory: '/run/linq-gitops/secrets', mode: '0640', group: null },
  });
});
