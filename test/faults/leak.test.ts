import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkForeign } from '../support/account-checks.ts';
import { startGossip, type Gossip } from '../support/gossip.ts';
import { refuse } from '../support/fake-vault/reply.ts';
import { openStage, type Entries, type Stage } from '../support/stage.ts';
import { vaultOf } from '../support/stage-sinks/vault-stage-sink.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});
const CRM = { ...AT('crm'), target_url: 'https://crm.example.net/hooks/linq?version=2025-01-01' };

const FORMATS = ['text', 'json', 'markdown'] as const;

/** A stage whose API, and Vault where it has one, tell everything to everyone, and all that the program has said so far. */
interface LeakStage {
  readonly stage: Stage;
  readonly gossip: Gossip;
  /** A folder that is not the program's: what we give it to read. */
  readonly given: string;
  /** Runs a command with the most talkative log, and keeps every byte of its output. */
  readonly say: (argv: readonly string[], env?: Readonly<Record<string, string>>) => Promise<number | null>;
  readonly heard: string[];
}

/** `formats` are taken in turn. */
async function openLeakStage(
  sink: 'file' | 'vault',
  formats: readonly string[],
  entries: Entries,
): Promise<LeakStage> {
  const stage = await openStage({ sink, entries });
  if (sink === 'vault') vaultOf(stage).state.echoes = true;
  const gossip = await startGossip(stage.emulator);
  onTestFinished(() => gossip.close());
  const heard: string[] = [];
  let runs = 0;
  return {
    stage,
    gossip,
    heard,
    given: await makeTempDir(),
    async say(argv, env = {}) {
      const format = formats[(runs += 1) % formats.length] ?? 'text';
      const isOffered = ['sync', 'plan'].includes(argv[0] ?? '') || (isData(argv) && format === 'json');
      const options = isOffered ? ['--format', format] : [];
      const running = stage.start([...argv, ...options, '--log-level', 'trace'], {
        env: { LINQ_API_V3_BASE_URL: gossip.url, LINQ_GITOPS_API_TIMEOUT: '2s', ...env },
      });
      heard.push(await commandLineOf(running.pid));
      const { code, stdout, stderr } = await running.done;
      heard.push(stdout, stderr);
      return code;
    },
  };
}

/** Whether the command can print its result as JSON, beside text. */
function isData([command = '']: readonly string[]): boolean {
  return ['validate', 'events'].includes(command);
}

/** The arguments of a process that runs; empty where the system does not show them. */
async function commandLineOf(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}

/** The whole, its halves, and the forms in which it travels. */
function tracesOf(secret: string): readonly string[] {
  const core = secret.replace(/^whsec_/, '');
  const half = Math.floor(core.length / 2);
  const bytes = Buffer.from(core, 'base64');
  return [
    core,
    core.slice(0, half),
    core.slice(half, -1),
    encodeURIComponent(core.slice(0, half)),
    bytes.toString('hex'),
    Buffer.from(secret).toString('base64').slice(0, 40),
  ];
}

/** I5: no trace of a secret, of the key or of a token in what was said, nor in a file outside the sink. */
async function expectNoLeak({ stage, gossip, heard }: LeakStage): Promise<void> {
  const texts = heard.map((text, index) => [`output ${index}`, text] as const);
  const files: (readonly [string, string])[] = [];
  for (const item of await readdir(stage.folder, { recursive: true, withFileTypes: true })) {
    const path = join(item.parentPath, item.name);
    if (!item.isFile() || path.startsWith(`${stage.sinkDir}/`)) continue;
    files.push([path, await readFile(path, 'latin1')]);
  }
  expect(gossip.secrets.size).toBeGreaterThan(stage.foreign.length);
  const token = stage.env['VAULT_TOKEN'] ?? [];
  const wanted = [...gossip.secrets, stage.emulator.apiKey].concat(token).flatMap(tracesOf);
  const leaks = [...texts, ...files].filter(([, text]) => wanted.some((trace) => text.includes(trace)));
  expect(leaks.map(([place]) => place)).toEqual([]);
}

/** All that a Vault can answer, to writes and to reads, with everything that it was given in the texts. */
async function hearVault({ stage, say }: LeakStage): Promise<void> {
  const { faults } = vaultOf(stage);
  const env = {
    LINQ_GITOPS_SECRETS_VAULT_TIMEOUT: '200ms',
    LINQ_GITOPS_SECRETS_STORE_TIMEOUT: '200ms',
  };
  for (const [index, status] of [400, 403, 404, 429, 500, 503].entries()) {
    const reply = refuse(status, 'sealed or not, this server tells');
    await stage.declare({ crm: CRM, purchases: AT(`purchases-${index}`), [`new-${index}`]: AT(`${index}`) });
    faults.inject('GET secret/data', { kind: 'reply', reply }, 1_000);
    expect(await say(['sync'], env), `reading meets a ${status}`).toBe(1);
    faults.clear();
    // An intent goes through: it has no secret to tell.
    const isTelling = ({ body }: { body: string }): boolean => body.includes('whsec_');
    faults.inject(isTelling, { kind: 'reply', reply }, 1_000);
    expect(await say(['sync'], env), `writing meets a ${status}`).toBe(1);
    faults.clear();
  }
}

test.each([...FORMATS.map((format) => ['file', [format]] as const), ['vault', FORMATS] as const])(
  'I5: the whole story at the log level trace, with a %s, in %j, tells no secret and no key, whatever the API tells',
  { timeout: 120_000 },
  async (sink, formats) => {
    const leaks = await openLeakStage(sink, formats, { orders: AT('orders'), support: AT('support') });
    const { stage, gossip, given, say } = leaks;
    gossip.failNext('POST', 500, { commit: true });
    expect(await say(['sync', '--out', 'plan.json'])).toBe(0);

    await stage.declare({
      orders: { ...AT('orders'), subscribed_events: ['message.sent'] },
      support: AT('help'),
    });
    gossip.failNext('PUT', 400);
    gossip.failNext('PUT', 400);
    expect(await say(['sync'])).toBe(1);
    expect(await say(['sync'])).toBe(0);

    await stage.declare({ purchases: { ...AT('orders'), previously: ['orders'] }, crm: CRM });
    expect(await say(['plan'])).toBe(3);
    gossip.failNext('DELETE', 400);
    expect(await say(['sync'])).toBe(1);
    expect(await say(['sync'])).toBe(3);

    const secret =
      stage.foreign.find(({ target_url }) => target_url === CRM.target_url)?.signing_secret ?? '';
    await writeFile(join(given, 'wrong'), `${secret} and more`);
    await writeFile(join(given, 'crm'), `${secret}\n`);
    expect(await say(['adopt', 'crm', '--secret-file', join(given, 'wrong')])).toBe(78);
    expect(await say(['adopt', 'crm', '--secret-file', join(given, 'crm')])).toBe(0);
    checkForeign(stage);

    for (const status of [401, 403, 429, 500]) {
      gossip.failNext('GET', status);
      gossip.failNext('GET', status);
      gossip.failNext('GET', status);
      await say(['sync'], { LINQ_GITOPS_API_TIMEOUT: '300ms' });
    }
    if (sink === 'vault') await hearVault(leaks);
    for (const argv of [['import'], ['events'], ['validate'], ['plan']]) await say(argv);
    await expectNoLeak(leaks);
    const all = leaks.heard.join('');
    expect(all, 'the API was quoted, without what it told').toContain('[secret]');
    expect(all.includes('this server tells'), 'the Vault was quoted').toBe(sink === 'vault');

    expect(await say(['secret', 'crm'])).toBe(0);
    expect(leaks.heard.at(-2), 'the one command that tells a secret').toBe(`${secret}\n`);
  },
);

test('I5: a key, secret or token in the wrong place is not repeated in the complaint about it', async () => {
  const leaks = await openLeakStage('vault', ['text'], { orders: AT('orders') });
  const { stage, gossip, given, say } = leaks;
  expect(await say(['sync'])).toBe(0);
  const key = stage.emulator.apiKey;
  const token = stage.env['VAULT_TOKEN'] ?? '';
  const secret = [...gossip.secrets].at(-1) ?? '';
  const file = join(given, 'subscriptions.yaml');
  const settings = join(given, 'linq-gitops.yaml');

  const complaints: readonly (readonly [string[], Record<string, string>])[] = [
    [['sync'], { LINQ_API_V3_API_KEY: `${key} \u0007${key}` }],
    [['sync'], { LINQ_GITOPS_API_KEY: key }],
    [['sync'], { LINQ_GITOPS_API_BASE_URL: `https://user:${key}@api.example.com` }],
    [['sync'], { VAULT_TOKEN: `${token} \u0007${token}` }],
    [['sync'], { VAULT_ADDR: `https://user:${token}@vault.example.com` }],
    [['sync'], { LINQ_GITOPS_SECRETS_VAULT_TOKEN: token }],
    [['validate', file], {}],
    [['sync', '-f', file], {}],
    [['sync', '-c', settings], {}],
  ];
  await writeFile(
    file,
    `version: 1\nsubscriptions:\n  orders:\n    target_url: https://u:${key}@a.example/x\n    signing_secret: ${secret}\n    subscribed_events: [${secret}]\n`,
  );
  await writeFile(
    settings,
    `api:\n  key: ${key}\n  api_key: ${key}\nsigning_secret: "${secret}"\nsecrets:\n  vault:\n    token: ${token}\n    auth:\n      secret_id: ${token}\n`,
  );
  for (const [argv, env] of complaints) expect(await say(argv, env), argv.join(' ')).toBe(78);
  await expectNoLeak(leaks);
});

test.each([
  ['file', [3, 4, 5]],
  ['vault', [5, 6, 7]],
] as const)(
  'I5: neither arguments nor a killed process leave a secret outside the sink (a %s)',
  async (sink, kills) => {
    const leaks = await openLeakStage(sink, ['text'], { orders: AT('orders'), support: AT('support') });
    const { stage, gossip, say } = leaks;
    // After the POST, after its secret is stored, after the PUT.
    for (const index of kills) {
      const killed = await stage.run(['sync', '--out', 'plan.json', '--log-level', 'trace'], {
        env: { LINQ_API_V3_BASE_URL: gossip.url },
        effects: { stop: { index, phase: 'after' } },
      });
      expect(killed.signal).toBe('SIGKILL');
      leaks.heard.push(killed.stdout, killed.stderr);
      if (sink === 'file') await rm(stage.sinkDir, { recursive: true });
      else vaultOf(stage).kv.secrets.clear();
      for (const { id } of stage.emulator.subscriptions()) {
        if (!stage.foreign.some((foreign) => foreign.id === id)) stage.emulator.external.delete(id);
      }
    }
    const held = stage.emulator.addFault({
      match: { path: 'create' },
      action: { kind: 'hold', at: 'after' },
    });
    const running = say(['sync']);
    await held.reached();
    held.release();
    expect(await running).toBe(0);
    expect(leaks.heard.some((text) => text.includes('\0sync\0'))).toBe(process.platform === 'linux');
    await expectNoLeak(leaks);
  },
);
