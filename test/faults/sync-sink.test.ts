import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { checkForeign, checkPromises } from '../support/account-checks.ts';
import { openStage, runUntilDone, truthOf, type Stage } from '../support/stage.ts';

const ENTRIES = {
  orders: {
    target_url: 'https://hooks.example.com/orders?version=2026-02-03',
    subscribed_events: ['message.received'],
  },
};

/** Of util-linux. */
const UNSHARE = 'unshare';

/** A shell line in a mount namespace of its own, as root of it: no privileges are needed, where it is allowed. */
function inNamespace(line: string): readonly string[] {
  return [UNSHARE, '-Urm', 'sh', '-c', `${line} && exec "$@"`, 'sh'];
}

/** Whether this system lets us make mounts of our own. */
const hasNamespaces = spawnSync(UNSHARE, ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0;
const isRoot = process.geteuid?.() === 0;

/** What takes the sink's folder away, by what the system allows; the titles say which it was. */
const READ_ONLY = hasNamespaces
  ? 'a read-only mount'
  : isRoot
    ? 'a file in its place, as root ignores modes here'
    : 'a folder of mode 0500';
const FULL = hasNamespaces ? 'a full file system' : 'a place below /dev/full, as mounts are not allowed here';

async function expectNothingBegan(stage: Stage, wayIn: readonly string[] = []): Promise<void> {
  const result = await stage.run(['sync'], { through: wayIn });
  expect(result.code, result.stdout + result.stderr).toBe(1);
  expect(result.stderr).toMatch(/^error: cannot .*secrets/m);
  expect(stage.emulator.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  checkForeign(stage);
  expect(truthOf(stage.emulator)).toHaveLength(stage.foreign.length);
}

test('I2: with a file where its folder should be, nothing is created', async () => {
  const stage = await openStage({ entries: ENTRIES });
  await writeFile(stage.sinkDir, 'not a folder');
  await expectNothingBegan(stage);
  expect(await readFile(stage.sinkDir, 'utf8')).toBe('not a folder');
});

test(`I2: with a sink that can only be read, nothing is created (${READ_ONLY})`, async () => {
  const stage = await openStage({ entries: ENTRIES });
  if (hasNamespaces) {
    await mkdir(stage.sinkDir, { mode: 0o700 });
    const mount = `mount --bind secrets secrets && mount -o remount,bind,ro secrets`;
    await expectNothingBegan(stage, inNamespace(mount));
  } else if (isRoot) {
    await writeFile(stage.sinkDir, '');
    await expectNothingBegan(stage);
    return;
  } else {
    await mkdir(stage.sinkDir);
    await chmod(stage.sinkDir, 0o500);
    await expectNothingBegan(stage);
    await chmod(stage.sinkDir, 0o700);
  }
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  await checkPromises(stage);
});

test(`I2: with a sink that is full, nothing is created (${FULL})`, async () => {
  const stage = await openStage({ entries: ENTRIES });
  if (hasNamespaces) {
    await mkdir(stage.sinkDir, { mode: 0o700 });
    // One page: the folder's .gitignore takes it.
    const mount = 'mount -t tmpfs -o size=4k,mode=0700 tmpfs secrets';
    await expectNothingBegan(stage, inNamespace(mount));
    expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
    await checkPromises(stage);
  } else {
    await expectNothingBegan({
      ...stage,
      run: (argv) => stage.run(argv, { env: { LINQ_GITOPS_SECRETS_FILE_DIRECTORY: '/dev/full/secrets' } }),
    });
  }
});

test('I2: a sink that fails for good after the POST costs the new subscription, and exit 1 says so', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const result = await stage.run(['sync'], {
    env: { LINQ_GITOPS_SECRETS_STORE_TIMEOUT: '1s' },
    // Of the installation's record, and the intent.
    effects: { failStores: { after: 2, until: 1_000 } },
  });
  expect(result.code, result.stderr).toBe(1);
  expect(result.stdout).toContain('deleted again');
  expect(truthOf(stage.emulator)).toHaveLength(stage.foreign.length);
  checkForeign(stage);
  const methods = stage.emulator.requests.map(({ method }) => method).filter((method) => method !== 'GET');
  expect(methods).toEqual(['POST', 'DELETE']);

  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  await checkPromises(stage);
});

test('I2: a sink that comes back within the store timeout gets the secret', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const result = await stage.run(['sync'], {
    env: { LINQ_GITOPS_SECRETS_STORE_TIMEOUT: '60s' },
    effects: { failStores: { after: 2, until: 3 } },
  });
  expect(result.code, result.stdout + result.stderr).toBe(0);
  const methods = stage.emulator.requests.map(({ method }) => method).filter((method) => method !== 'GET');
  expect(methods).toEqual(['POST', 'PUT']);
  await checkPromises(stage);
});

test('I2: where the secret cannot be stored and the DELETE fails too, the next pass cleans up', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const env = { LINQ_GITOPS_SECRETS_STORE_TIMEOUT: '1s', LINQ_GITOPS_API_TIMEOUT: '500ms' };
  const broken = stage.emulator.addFault({
    match: { path: 'delete' },
    times: 'always',
    action: { kind: 'status', status: 400 },
  });
  const result = await stage.run(['sync'], { env, effects: { failStores: { after: 2, until: 1_000 } } });
  expect(result.code, result.stderr).toBe(1);
  expect(truthOf(stage.emulator)).toHaveLength(stage.foreign.length + 1);
  broken.remove();
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  await checkPromises(stage);
});
