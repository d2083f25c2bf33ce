import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/domain/errors.ts';
import { loadSubscriptions, openSubscriptions } from '../../../src/config/load-subscriptions.ts';

const COMMIT = '1f0e9c8b7a6d5e4f3c2b1a09f8e7d6c5b4a39281';
const GOOD = `version: 1
subscriptions:
  support:
    target_url: https://hooks.example.com/linq?version=2026-02-03
    subscribed_events: [message.received]
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'linq-gitops-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function failureOf(path: string): Promise<ConfigError> {
  const error: unknown = await loadSubscriptions(path).catch((reason: unknown) => reason);
  if (error instanceof ConfigError) return error;
  throw new Error('the file was accepted', { cause: error });
}

describe('openSubscriptions', () => {
  it('checks nothing anew while the content is the same, and whatever has changed', async () => {
    const path = join(folder, 'subscriptions.yaml');
    const load = openSubscriptions(path);
    await writeFile(path, GOOD);
    const { desired: first } = await load();
    await writeFile(path, GOOD);
    expect((await load()).desired.entries).toBe(first.entries);
    await writeFile(path, GOOD.replace('support', 'billing'));
    expect((await load()).desired.entries).toMatchObject([{ name: 'billing' }]);
    await writeFile(path, 'version: 2\n');
    await expect(load()).rejects.toThrow(ConfigError);
    await expect(load()).rejects.toThrow('it has 2 problems');
    await rm(path);
    await expect(load()).rejects.toThrow('there is no such file');
    await writeFile(path, GOOD);
    expect((await load()).desired).toEqual(first);
  });

  it('takes the revision anew although the content is the same', async () => {
    const next = COMMIT.replace('1', '2');
    for (const commit of [COMMIT, next]) {
      await mkdir(join(folder, commit));
      await writeFile(join(folder, commit, 'subscriptions.yaml'), GOOD);
    }
    await symlink(COMMIT, join(folder, 'current'));
    const load = openSubscriptions(join(folder, 'current/subscriptions.yaml'));
    expect((await load()).desired.revision).toBe(COMMIT);
    await symlink(next, join(folder, 'new'));
    await rename(join(folder, 'new'), join(folder, 'current'));
    expect((await load()).desired.revision).toBe(next);
  });
});

describe('loadSubscriptions', () => {
  it('reads a plain file without a revision', async () => {
    const path = join(folder, 'subscriptions.yaml');
    await writeFile(path, GOOD);
    const { desired, warnings } = await loadSubscriptions(path);
    expect(desired).toMatchObject({ revision: null, entries: [{ name: 'support' }] });
    expect(warnings).toEqual([]);
  });

  it('bears the hash of the bytes of the file', async () => {
    const path = join(folder, 'subscriptions.yaml');
    const plain = Buffer.from(GOOD);
    const hashes: string[] = [];
    for (const bytes of [plain, Buffer.concat([Buffer.from('\uFEFF'), plain])]) {
      await writeFile(path, bytes);
      const { desired } = await loadSubscriptions(path);
      expect(desired.content_hash).toBe(createHash('sha256').update(bytes).digest('hex'));
      hashes.push(desired.content_hash);
    }
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  it("takes the revision from git-sync's link, and follows it to the next commit", async () => {
    const next = COMMIT.replace('1', '2');
    for (const commit of [COMMIT, next]) {
      await mkdir(join(folder, '.worktrees', commit, 'linq'), { recursive: true });
      await writeFile(join(folder, '.worktrees', commit, 'linq/subscriptions.yaml'), GOOD + `# ${commit}\n`);
    }
    await symlink(join('.worktrees', COMMIT), join(folder, 'current'));
    const path = join(folder, 'current/linq/subscriptions.yaml');
    const before = await loadSubscriptions(path);
    await symlink(join('.worktrees', next), join(folder, 'new'));
    await rename(join(folder, 'new'), join(folder, 'current'));
    const after = await loadSubscriptions(path);
    expect(before.desired.revision).toBe(COMMIT);
    expect(after.desired.revision).toBe(next);
    expect(after.desired.content_hash).not.toBe(before.desired.content_hash);
  });

  it('finds the revision where another link leads to the one of git-sync', async () => {
    await mkdir(join(folder, COMMIT));
    await writeFile(join(folder, COMMIT, 'subscriptions.yaml'), GOOD);
    await symlink(join(folder, COMMIT), join(folder, 'current'));
    await symlink('current/subscriptions.yaml', join(folder, 'subscriptions.yaml'));
    const { desired } = await loadSubscriptions(join(folder, 'subscriptions.yaml'));
    expect(desired.revision).toBe(COMMIT);
  });

  it('takes the folder of a ConfigMap for no revision', async () => {
    await mkdir(join(folder, '..2026_02_03_10_00_00.123456'));
    await writeFile(join(folder, '..2026_02_03_10_00_00.123456/subscriptions.yaml'), GOOD);
    await symlink('..2026_02_03_10_00_00.123456', join(folder, '..data'));
    await symlink('..data/subscriptions.yaml', join(folder, 'subscriptions.yaml'));
    const { desired } = await loadSubscriptions(join(folder, 'subscriptions.yaml'));
    expect(desired).toMatchObject({ revision: null, entries: [{ name: 'support' }] });
  });

  it('carries every problem of a bad file', async () => {
    const path = join(folder, 'subscriptions.yaml');
    await writeFile(path, GOOD.replace('https', 'http').replace('message.received', 'message.*'));
    const error = await failureOf(path);
    expect(error.exitCode).toBe(78);
    expect(error.problems.map(({ file, position }) => ({ file, ...position }))).toEqual([
      { file: path, line: 4, column: 17 },
      { file: path, line: 5, column: 25 },
    ]);
  });

  it('says what to do about a missing file', async () => {
    const error = await failureOf(join(folder, 'nowhere.yaml'));
    expect(error.message).toMatch(/there is no such file$/);
    expect(error.hint).toMatch(/--file/);
    expect(error.problems).toHaveLength(1);
  });

  it('refuses a link that leads nowhere, and links in a circle', async () => {
    await symlink('gone.yaml', join(folder, 'broken.yaml'));
    await symlink('b.yaml', join(folder, 'a.yaml'));
    await symlink('a.yaml', join(folder, 'b.yaml'));
    expect((await failureOf(join(folder, 'broken.yaml'))).message).toMatch(/no such file/);
    expect((await failureOf(join(folder, 'a.yaml'))).message).toMatch(/round in a circle/);
  });

  it('refuses a folder, and a file used as a folder', async () => {
    await writeFile(join(folder, 'file'), GOOD);
    expect((await failureOf(folder)).message).toMatch(/it is a folder/);
    expect((await failureOf(join(folder, 'file/x.yaml'))).message).toMatch(/is a file, not a folder/);
  });

  it('refuses a pipe at once, instead of waiting for a writer', async () => {
    execFileSync('sh', ['-c', 'mkfifo "$0"', join(folder, 'pipe')]);
    expect((await failureOf(join(folder, 'pipe'))).message).toMatch(/not a regular file/);
  });

  it('refuses 10 GB without reading them', async () => {
    const path = join(folder, 'huge.yaml');
    await writeFile(path, '');
    await truncate(path, 10 * 1024 ** 3);
    expect((await failureOf(path)).message).toMatch(/larger than 8 MiB/);
  });

  it('refuses a file that may not be read', async () => {
    // Root may read everything, except in a file system that has no such thing as reading.
    const path = process.getuid?.() === 0 ? '/proc/self/mem' : join(folder, 'closed.yaml');
    if (path.startsWith(folder)) await writeFile(path, GOOD, { mode: 0o000 });
    expect((await failureOf(path)).problems[0]?.message).toMatch(/^cannot be read: /);
  });
});
