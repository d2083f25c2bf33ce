import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { startEmulator, type Emulator } from '../../../src/emulator/emulator.ts';
import {
  openProjectedVolume,
  openVolume,
  runContainer,
  startContainer,
  whyNoContainer,
  type ContainerSpec,
  type Mount,
  type ProjectedVolume,
} from '../../support/container.ts';
import { makeImage, type Image } from '../../support/container-image.ts';
import { execForm, lastOf } from '../../support/manifests/dockerfile.ts';
import {
  configMap,
  containerOf,
  podOf,
  readSet,
  volumesOf,
  type ManifestSet,
} from '../../support/manifests/kubernetes-set.ts';

/**
 * The set `persistent-volume` and the Dockerfile, taken at their word: the same files, mounts, users, groups,
 * environment, arguments and folders, in a root that is read-only, without capabilities. Only the address of the API and
 * the port are the test's.
 */
const refusal = whyNoContainer();
const title = refusal === undefined ? '' : ` (skipped: ${refusal})`;
const containerTest = test.skipIf(refusal !== undefined && process.env['REQUIRE_CONTAINER'] !== '1');

let image: Image | undefined;
beforeAll(async () => {
  if (refusal === undefined) image = await makeImage();
});
afterAll(() => image?.remove());

/** The image; fails where there is none because no container can be made. */
function theImage(): Image {
  if (image === undefined) throw new Error(`no container can be made: ${refusal ?? ''}`);
  return image;
}

/** One pod of the set, with its volumes, in front of an account of its own. */
interface Pod {
  readonly emulator: Emulator;
  readonly subscriptions: ProjectedVolume;
  /** Folders behind the volumes of the pod, by name. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly port: number;
  spec(container: string, command?: readonly string[]): ContainerSpec;
}

async function openPod(): Promise<Pod> {
  theImage();
  const set = readSet('persistent-volume');
  const group = podOf(set).securityContext?.fsGroup ?? 0;
  // The line of the set's example.
  const emulator = await startEmulator({ seed: { subscriptions: [], lines: ['+12025551234'] } });
  onTestFinished(() => emulator.close());
  const port = await freePort();
  const secret = { 'api-key': emulator.apiKey };
  const subscriptions = await openProjectedVolume(configMap(set, 'linq-subscriptions'), {
    mode: 0o644,
    group,
  });
  const settings = await openProjectedVolume(configMap(set, 'linq-gitops-settings'), { mode: 0o644, group });
  const volumes = new Map([
    ['settings', settings.directory],
    ['subscriptions', subscriptions.directory],
    ['api-key', (await openProjectedVolume(secret, { mode: modeOf(set, 'api-key'), group })).directory],
    ['sink', await openVolume(group)],
    ['exported', await openVolume(group)],
  ]);
  const env = {
    LINQ_API_V3_BASE_URL: emulator.url,
    LINQ_GITOPS_DAEMON_LISTEN: `127.0.0.1:${port}`,
    // Where this machine has its temporary folder in memory, the volume is there too.
    LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
  };
  return {
    emulator,
    subscriptions,
    volumes,
    port,
    spec: (container, command) => specOf(set, container, { volumes, env, command }),
  };
}

/** What a kubelet makes of a container of the set. */
function specOf(
  set: ManifestSet,
  name: string,
  given: {
    readonly volumes: ReadonlyMap<string, string>;
    readonly env: Readonly<Record<string, string>>;
    readonly command: readonly string[] | undefined;
  },
): ContainerSpec {
  const { args = [], env = [], securityContext = {}, volumeMounts = [] } = containerOf(set, name);
  const fromImage = lastOf(theImage().stage, 'ENV').split(' ');
  return {
    image: theImage().parts,
    mounts: volumeMounts.map(({ name: volume, mountPath, readOnly = false }): Mount => {
      const source = given.volumes.get(volume);
      if (source === undefined) throw new Error(`no volume ${volume}`);
      return { source, target: mountPath, readOnly };
    }),
    command: given.command ?? [...execForm(lastOf(theImage().stage, 'ENTRYPOINT')), ...args],
    env: {
      ...Object.fromEntries(fromImage.map((line) => line.split('=') as [string, string])),
      ...Object.fromEntries(env.map(({ name: key, value = '' }) => [key, value])),
      ...given.env,
    },
    workingDir: lastOf(theImage().stage, 'WORKDIR'),
    user: securityContext.runAsUser ?? 0,
    group: securityContext.runAsGroup ?? 0,
    groups: [podOf(set).securityContext?.fsGroup ?? 0],
  };
}

function modeOf(set: ManifestSet, volume: string): number {
  return volumesOf(set).find(({ name }) => name === volume)?.secret?.defaultMode ?? 0;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits as the kubelet does before it starts the application. */
async function started(pod: Pod): Promise<void> {
  await vi.waitFor(
    async () => expect((await fetch(`http://127.0.0.1:${pod.port}/startupz`)).status).toBe(200),
    { timeout: 50_000, interval: 50 },
  );
}

/** What is live at the hosts of the set's file, by URL. */
function liveUrls({ emulator }: Pod): readonly string[] {
  const urls = emulator.subscriptions().map(({ target_url }) => target_url);
  return urls.filter((url) => url.startsWith('https://hooks.example.com/linq?line=')).sort();
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  return (await readdir(directory, { recursive: true })).sort();
}

/** The image's own probe, run as it is written, in a container of its own beside the daemon's. */
async function probe(pod: Pod): Promise<number | null> {
  return (await runContainer(pod.spec('linq-gitops', execForm(lastOf(theImage().stage, 'HEALTHCHECK')))))
    .code;
}

containerTest(`the daemon does its work as the set says, and leaves nothing elsewhere${title}`, async () => {
  const pod = await openPod();
  expect(await probe(pod)).toBe(1);
  const daemon = await startContainer(pod.spec('linq-gitops'));
  await started(pod);
  expect(await probe(pod)).toBe(0);

  const pid = await daemon.pid();
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const line = (key: string) => new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim().split(/\s+/);
  expect(line('Uid')).toEqual(['65532', '65532', '65532', '65532']);
  expect(line('Groups')).toEqual(['2000']);
  expect(line('NSpid')?.at(-1)).toBe('1');
  expect(line('NoNewPrivs')).toEqual(['1']);
  for (const key of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    expect(line(key), key).toEqual(['0000000000000000']);
  }
  const mounts = (await readFile(`/proc/${pid}/mounts`, 'utf8')).trim().split('\n');
  const writable = mounts.flatMap((mount) => {
    const [, target = '', , options = ''] = mount.split(' ');
    return options.split(',').includes('rw') && !/^\/(dev|proc)(\/|$)/.test(target) ? [target] : [];
  });
  expect(writable.sort()).toEqual(['/var/lib/linq-gitops', '/var/run/linq']);

  // In the volumes there is the sink's folder and the export's, and nothing beside them.
  const [sink = '', exported = ''] = ['sink', 'exported'].map((name) => pod.volumes.get(name));
  expect(await readdir(sink)).toEqual(['secrets']);
  expect(await readdir(exported)).toEqual(['secrets']);
  expect((await stat(join(sink, 'secrets'))).mode & 0o777).toBe(0o700);
  const files = (await filesBelow(join(sink, 'secrets'))).filter((name) => name.endsWith('.json'));
  expect(files).toEqual(expect.arrayContaining(['billing.json', 'support.json']));
  for (const name of files) {
    const { mode, uid } = await stat(join(sink, 'secrets', name));
    expect({ name, mode: mode & 0o777, uid }).toEqual({ name, mode: 0o600, uid: 65532 });
  }

  // A change of the ConfigMap is followed, through the kubelet's links.
  const text = configMap(readSet('persistent-volume'), 'linq-subscriptions')['subscriptions.yaml'] ?? '';
  const more =
    'chat:\n    target_url: https://hooks.example.com/linq?line=chat&version=2026-02-03\n  support:';
  await pod.subscriptions.update({ 'subscriptions.yaml': text.replace('support:', more) });
  await vi.waitFor(() => expect(liveUrls(pod)).toHaveLength(3), { timeout: 50_000, interval: 50 });

  await daemon.kill('SIGTERM');
  const { code, stdout, stderr } = await daemon.done;
  expect(code, stdout + stderr).toBe(0);
  for (const { signing_secret } of pod.emulator.subscriptions()) {
    expect(stdout + stderr).not.toContain(signing_secret.reveal());
  }
  expect(stdout + stderr).not.toContain(pod.emulator.apiKey);
});

containerTest(
  `the application reads the secrets as a member of the group, and changes nothing${title}`,
  async () => {
    const pod = await openPod();
    const daemon = await startContainer(pod.spec('linq-gitops'));
    await started(pod);
    const node = execForm(lastOf(theImage().stage, 'ENTRYPOINT'))[0] ?? '';
    const script = (body: string) => [node, '-e', `const fs = require('node:fs'); ${body}`];
    const read = script(
      `process.stdout.write(fs.readFileSync('/var/run/linq/secrets/support/signing_secret'))`,
    );
    const receiver = pod.spec('receiver', read);
    const live = pod.emulator.subscriptions().find(({ target_url }) => target_url.includes('line=support'));
    expect(await runContainer(receiver)).toMatchObject({ code: 0, stdout: live?.signing_secret.reveal() });

    // It is the group that lets it.
    expect((await runContainer({ ...receiver, groups: [] })).stderr).toContain('EACCES');
    const write = script(`fs.writeFileSync('/var/run/linq/secrets/support/signing_secret', 'x')`);
    expect((await runContainer(pod.spec('receiver', write))).stderr).toMatch(/EROFS|EACCES/);
    const elsewhere = script(`fs.writeFileSync('/tmp/x', 'x')`);
    expect((await runContainer(pod.spec('linq-gitops', elsewhere))).stderr).toContain('EROFS');
    const itself = script(`fs.writeFileSync('/app/dist/cli/main.js', '')`);
    expect((await runContainer(pod.spec('linq-gitops', itself))).stderr).toMatch(/EROFS|EACCES/);
    await daemon.kill('SIGTERM');
    expect((await daemon.done).code).toBe(0);
  },
);

containerTest(`I10: killed and begun again on the same volume, it makes nothing anew${title}`, async () => {
  const pod = await openPod();
  const first = await startContainer(pod.spec('linq-gitops'));
  await started(pod);
  await first.kill('SIGKILL');
  await first.done;
  const ids = () => pod.emulator.subscriptions().map(({ id }) => id);
  const before = ids();
  const sink = pod.volumes.get('sink') ?? '';
  // As the kubelet leaves a volume whose root is right already (fsGroupChangePolicy: OnRootMismatch).
  expect((await stat(sink)).mode & 0o7777).toBe(0o2777);
  const second = await startContainer(pod.spec('linq-gitops'));
  await started(pod);
  await second.kill('SIGTERM');
  const { code, stderr } = await second.done;
  expect(code, stderr).toBe(0);
  expect(ids()).toEqual(before);
});

containerTest(
  `without -c it takes the settings of the working directory, as the image says${title}`,
  async () => {
    const pod = await openPod();
    const [node = '', program = ''] = execForm(lastOf(theImage().stage, 'ENTRYPOINT'));
    const command = [node, program, 'plan', '--format', 'json'];
    const { code, stdout, stderr } = await runContainer(pod.spec('linq-gitops', command));
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ plan: { summary: expect.anything() as unknown } });
    expect(
      await promisify(execFile)('find', [pod.volumes.get('sink') ?? '', '-mindepth', '1']),
    ).toMatchObject({
      stdout: '',
    });
  },
);
