import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, UsageError } from '../../../src/domain/errors.ts';
import type { Settings } from '../../../src/domain/settings.ts';
import { loadSettings, type SettingFlags } from '../../../src/config/load-settings.ts';
import { SETTING_KEYS, variableOf } from '../../../src/config/settings-keys.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'linq-gitops-settings-'));
});
afterEach(() => rm(cwd, { recursive: true }));

interface Given {
  readonly file?: string;
  readonly content?: string;
  readonly env?: Record<string, string>;
  readonly flags?: SettingFlags;
}

async function load({ file, content, env = {}, flags = {} }: Given): Promise<Settings> {
  if (content !== undefined) await writeFile(join(cwd, file ?? 'linq-gitops.yaml'), content);
  return (await loadSettings({ file, cwd, env, flags })).settings;
}

async function problemsOf(given: Given): Promise<ConfigError['problems']> {
  const error: unknown = await load(given).catch((reason: unknown) => reason);
  if (error instanceof ConfigError) return error.problems;
  throw new Error('the settings were accepted', { cause: error });
}

const VAULT_VALUES = {
  'secrets.vault.address': 'https://vault.example.com/prefix/',
  'secrets.vault.mount': 'kv/team',
  'secrets.vault.path': 'a/b',
  'secrets.vault.namespace': 'ns',
  'secrets.vault.auth.method': 'approle',
  'secrets.vault.auth.mount': 'roles',
  'secrets.vault.auth.role': 'linq',
  'secrets.vault.auth.role_id': 'r1',
  'secrets.vault.auth.secret_id_file': 'sid',
  'secrets.vault.auth.token_file': 't',
  'secrets.vault.auth.namespace': 'other',
  'secrets.vault.tls.ca_file': 'ca.pem',
  'secrets.vault.tls.cert_file': 'cert.pem',
  'secrets.vault.tls.key_file': 'key.pem',
  'secrets.vault.tls.server_name': 'vault.internal',
  'secrets.vault.timeout': '3s',
  'secrets.vault.concurrency': '16',
};

describe('loadSettings', () => {
  it('has a default for every setting', async () => {
    expect(await loadSettings({ file: undefined, cwd, env: {}, flags: {} })).toEqual({
      file: null,
      settings: {
        owner: 'default',
        subscriptions: join(cwd, 'subscriptions.yaml'),
        api: {
          base_url: 'https://api.linqapp.com/api/partner',
          key_file: null,
          timeout: 15_000,
          concurrency: 4,
        },
        secrets: {
          sink: 'file',
          store_timeout: 60_000,
          file: { directory: join(cwd, 'secrets'), ephemeral: false },
          export: null,
        },
        policy: {
          prune: 'owned',
          unowned: 'hold',
          drift: 'revert',
          retire: 0,
          max_deletes: { share: 0.25 },
          allow: [],
          ignore: [],
        },
        replace: { overlap: 600_000, keep_previous: 3_600_000, at_once: 5 },
        daemon: { interval: 300_000, jitter: 0.1, listen: { host: '127.0.0.1', port: 9653 } },
      },
    });
  });

  it('reads everything from the file, with paths relative to it', async () => {
    await mkdir(join(cwd, 'deploy'));
    const settings = await load({
      file: 'deploy/settings.yaml',
      content: `owner: production
subscriptions: ../linq/subscriptions.yaml
api: { base_url: "https://linq.example.com/api/", key_file: key, timeout: 2m, concurrency: 8 }
secrets:
  sink: file
  store_timeout: 500ms
  file: { directory: /var/lib/secrets, ephemeral: true }
  export: { directory: ../run, mode: '0640', group: 2000, notify: 'http://127.0.0.1:8080' }
policy:
  prune: never
  unowned: replace
  drift: report
  retire: 24h
  max_deletes: 3
  allow: [widen, "protected:billing"]
  ignore: ["https://legacy.example.com/**"]
replace: { overlap: 0s, keep_previous: 0s, at_once: 1 }
daemon: { interval: 2h, jitter: 0%, listen: '[::]:80' }
`,
    });
    expect(settings).toEqual({
      owner: 'production',
      subscriptions: join(cwd, 'linq/subscriptions.yaml'),
      api: {
        base_url: 'https://linq.example.com/api',
        key_file: join(cwd, 'deploy/key'),
        timeout: 120_000,
        concurrency: 8,
      },
      secrets: {
        sink: 'file',
        store_timeout: 500,
        file: { directory: '/var/lib/secrets', ephemeral: true },
        export: { directory: join(cwd, 'run'), mode: '0640', group: 2000, notify: 'http://127.0.0.1:8080/' },
      },
      policy: {
        prune: 'never',
        unowned: 'replace',
        drift: 'report',
        retire: 86_400_000,
        max_deletes: { count: 3 },
        allow: [
          { guard: 'widen', name: null },
          { guard: 'protected', name: 'billing' },
        ],
        ignore: ['https://legacy.example.com/**'],
      },
      replace: { overlap: 0, keep_previous: 0, at_once: 1 },
      daemon: { interval: 7_200_000, jitter: 0, listen: { host: '::', port: 80 } },
    });
  });

  it('takes the defaults as if they stood in the file', async () => {
    await mkdir(join(cwd, 'deploy'));
    const settings = await load({ file: 'deploy/settings.yaml', content: 'owner: a\n' });
    expect(settings.subscriptions).toBe(join(cwd, 'deploy/subscriptions.yaml'));
    expect(settings.secrets).toMatchObject({ file: { directory: join(cwd, 'deploy/secrets') } });
  });

  it('reads every setting from its variable, with paths relative to the working directory', async () => {
    const values: Record<string, string> = {
      owner: 'staging',
      subscriptions: 'x.yaml',
      'api.base_url': 'https://linq.example.com/api',
      'api.key_file': 'key',
      'api.timeout': '1s',
      'api.concurrency': '2',
      'secrets.sink': 'file',
      'secrets.store_timeout': '5s',
      'secrets.file.directory': 'd',
      'secrets.file.ephemeral': 'true',
      ...VAULT_VALUES,
      'secrets.export.directory': 'x',
      'secrets.export.mode': '0440',
      'secrets.export.group': '1000650000',
      'secrets.export.notify': 'http://localhost:1/r',
      'policy.prune': 'all',
      'policy.unowned': 'replace',
      'policy.drift': 'report',
      'policy.retire': '0s',
      'policy.max_deletes': '100%',
      'policy.allow': 'widen, protected:billing',
      'policy.ignore': 'https://a.example/**,https://b.example/*',
      'replace.overlap': '0s',
      'replace.keep_previous': '2m',
      'replace.at_once': '64',
      'daemon.interval': '1m',
      'daemon.jitter': '50%',
      'daemon.listen': 'localhost:0',
    };
    expect(Object.keys(values).sort()).toEqual([...SETTING_KEYS].sort());
    await mkdir(join(cwd, 'deploy'));
    // These belong to another method of logging in than the one given.
    const used = SETTING_KEYS.filter((key) => !/auth\.(role|token_file)$/.test(key));
    const env = Object.fromEntries(used.map((key) => [variableOf(key), values[key]!]));
    const settings = await load({ file: 'deploy/s.yaml', content: 'owner: file\n', env });
    expect(settings).toEqual({
      owner: 'staging',
      subscriptions: join(cwd, 'x.yaml'),
      api: {
        base_url: 'https://linq.example.com/api',
        key_file: join(cwd, 'key'),
        timeout: 1_000,
        concurrency: 2,
      },
      secrets: {
        sink: 'file',
        store_timeout: 5_000,
        file: { directory: join(cwd, 'd'), ephemeral: true },
        export: {
          directory: join(cwd, 'x'),
          mode: '0440',
          group: 1_000_650_000,
          notify: 'http://localhost:1/r',
        },
      },
      policy: {
        prune: 'all',
        unowned: 'replace',
        drift: 'report',
        retire: 0,
        max_deletes: { share: 1 },
        allow: [
          { guard: 'widen', name: null },
          { guard: 'protected', name: 'billing' },
        ],
        ignore: ['https://a.example/**', 'https://b.example/*'],
      },
      replace: { overlap: 0, keep_previous: 120_000, at_once: 64 },
      daemon: { interval: 60_000, jitter: 0.5, listen: { host: 'localhost', port: 0 } },
    });
    const vault = await load({
      file: 'deploy/s.yaml',
      content: 'owner: file\n',
      env: { ...env, LINQ_GITOPS_SECRETS_SINK: 'vault' },
    });
    expect(vault.secrets).toMatchObject({
      sink: 'vault',
      vault: {
        address: 'https://vault.example.com/prefix',
        mount: 'kv/team',
        path: 'a/b',
        namespace: 'ns',
        auth: {
          method: 'approle',
          mount: 'roles',
          role_id: 'r1',
          secret_id_file: join(cwd, 'sid'),
          namespace: 'other',
        },
        tls: {
          ca_file: join(cwd, 'ca.pem'),
          cert_file: join(cwd, 'cert.pem'),
          key_file: join(cwd, 'key.pem'),
          server_name: 'vault.internal',
        },
        timeout: 3_000,
        concurrency: 16,
      },
    });
  });

  it('lets a flag win over the environment, that over the file, that over the default', async () => {
    const content = 'subscriptions: file.yaml\npolicy: { allow: [widen] }\n';
    const env = { LINQ_GITOPS_SUBSCRIPTIONS: 'env.yaml', LINQ_GITOPS_API_TIMEOUT: '' };
    expect((await load({ content })).subscriptions).toBe(join(cwd, 'file.yaml'));
    expect((await load({ content, env })).subscriptions).toBe(join(cwd, 'env.yaml'));
    const settings = await load({ content, env, flags: { subscriptions: 'flag.yaml' } });
    expect(settings.subscriptions).toBe(join(cwd, 'flag.yaml'));
    expect(settings.api.timeout).toBe(15_000);
  });

  it('adds what --allow lets through to what is always let through', async () => {
    const content = 'policy: { allow: [widen] }\n';
    const { policy } = await load({ content, flags: { allow: ['protected:a', 'widen'] } });
    expect(policy.allow).toEqual([
      { guard: 'widen', name: null },
      { guard: 'protected', name: 'a' },
    ]);
  });

  it('reads the address from the variable of the SDK, and prefers its own', async () => {
    const env = { LINQ_API_V3_BASE_URL: 'https://sdk.example.com' };
    expect((await load({ env })).api.base_url).toBe('https://sdk.example.com');
    const both = { ...env, LINQ_GITOPS_API_BASE_URL: 'https://ours.example.com' };
    expect((await load({ env: both })).api.base_url).toBe('https://ours.example.com');
  });

  it('names the variable whose value is wrong', async () => {
    const problems = await problemsOf({
      env: {
        LINQ_API_V3_BASE_URL: 'http://linq.example.com',
        LINQ_GITOPS_API_TIMEOUT: '15',
        LINQ_GITOPS_POLICY_ALLOW: 'widden',
        LINQ_GITOPS_API_CONCURRENCY: 'many',
        LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'yes',
      },
    });
    expect(problems.map(({ file, suggestion }) => [file, suggestion])).toEqual([
      ['LINQ_API_V3_BASE_URL', 'https://linq.example.com'],
      ['LINQ_GITOPS_API_CONCURRENCY', undefined],
      ['LINQ_GITOPS_API_TIMEOUT', '15s'],
      ['LINQ_GITOPS_POLICY_ALLOW', 'widen'],
      ['LINQ_GITOPS_SECRETS_FILE_EPHEMERAL', 'true'],
    ]);
  });

  it('refuses an unknown variable of ours, with the nearest one, and never shows its value', async () => {
    const problems = await problemsOf({
      env: { LINQ_GITOPS_API_TIME_OUT: 'hunter2', LINQ_GITOPS_API_KEY: 'hunter2', OTHER: 'x' },
    });
    expect(problems.map(({ file, suggestion }) => [file, suggestion])).toEqual([
      ['LINQ_GITOPS_API_KEY', 'LINQ_API_V3_API_KEY'],
      ['LINQ_GITOPS_API_TIME_OUT', 'LINQ_GITOPS_API_TIMEOUT'],
    ]);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('does not take the addresses of a Kubernetes service named linq-gitops for settings', async () => {
    const settings = await load({
      env: {
        LINQ_GITOPS_SERVICE_HOST: '10.0.0.1',
        LINQ_GITOPS_SERVICE_PORT: '9653',
        LINQ_GITOPS_SERVICE_PORT_METRICS: '9653',
        LINQ_GITOPS_PORT: 'tcp://10.0.0.1:9653',
        LINQ_GITOPS_PORT_9653_TCP: 'tcp://10.0.0.1:9653',
        LINQ_GITOPS_PORT_9653_TCP_PROTO: 'tcp',
        LINQ_GITOPS_PORT_9653_TCP_ADDR: '10.0.0.1',
        LINQ_GITOPS_METRICS_SERVICE_HOST: '10.0.0.2',
      },
    });
    expect(settings.owner).toBe('default');
  });

  it('reports the problems of file and environment together', async () => {
    const problems = await problemsOf({ content: 'ownr: x\n', env: { LINQ_GITOPS_OWNER: 'X' } });
    expect(problems.map(({ file }) => file)).toEqual(['linq-gitops.yaml', 'LINQ_GITOPS_OWNER']);
  });

  it('needs a file that is named, and not the default one', async () => {
    expect(await problemsOf({ file: 'nowhere.yaml' })).toHaveLength(1);
    expect((await load({})).owner).toBe('default');
  });

  it('refuses a default file that is a folder', async () => {
    await mkdir(join(cwd, 'linq-gitops.yaml'));
    expect((await problemsOf({}))[0]?.message).toMatch(/it is a folder/);
  });

  it.each(['empty', 'only-comments', 'another-address', 'loopback', 'vault'])(
    'accepts a good file: %s',
    async (name) => {
      const content = await readFile(
        new URL(`../../fixtures/settings/good/${name}.yaml`, import.meta.url),
        'utf8',
      );
      expect((await load({ content })).owner).toBe('default');
    },
  );

  it('refuses flags as an error of usage', async () => {
    await expect(load({ flags: { 'api.base_url': 'http://linq.example.com' } })).rejects.toThrow(UsageError);
    await expect(load({ flags: { subscriptions: '' } })).rejects.toThrow(UsageError);
    await expect(load({ flags: { allow: ['nothing'] } })).rejects.toThrow(UsageError);
  });
});

describe('the key and the address it is sent to', () => {
  const address = 'base_url: https://linq.example.com/api';

  it('lets a key of the environment win over a key file of the settings', async () => {
    const content = 'api: { key_file: ./key }\n';
    expect((await load({ content })).api.key_file).toBe(join(cwd, 'key'));
    expect((await load({ content, env: { LINQ_API_V3_API_KEY: 'k' } })).api.key_file).toBeNull();
  });

  it('lets the key file that a variable names win over a key of the environment', async () => {
    const env = { LINQ_API_V3_API_KEY: 'k', LINQ_GITOPS_API_KEY_FILE: './key' };
    expect((await load({ env })).api.key_file).toBe(join(cwd, 'key'));
  });

  it.each([
    { reason: 'both from the file', content: `api: { ${address}, key_file: ./key }`, env: {} },
    {
      reason: 'both from the environment',
      content: 'owner: a',
      env: { LINQ_API_V3_BASE_URL: 'https://linq.example.com/api', LINQ_API_V3_API_KEY: 'k' },
    },
    {
      reason: 'the address of the file is not used',
      content: `api: { ${address} }`,
      env: { LINQ_GITOPS_API_BASE_URL: 'https://linq.example.com/api', LINQ_API_V3_API_KEY: 'k' },
    },
    {
      reason: 'loopback',
      content: 'api: { base_url: "http://[::1]:8080" }',
      env: { LINQ_API_V3_API_KEY: 'k' },
    },
    {
      reason: "Linq's own address, written out",
      content: 'api: { base_url: "https://API.linqapp.com:443/api/partner/" }',
      env: { LINQ_API_V3_API_KEY: 'k' },
    },
  ])('go together: $reason', async ({ content, env }) => {
    await expect(load({ content: `${content}\n`, env })).resolves.toBeDefined();
  });

  it.each([
    { reason: 'key of the environment', content: `api: { ${address} }`, env: { LINQ_API_V3_API_KEY: 'k' } },
    { reason: 'no key at all', content: `api: { ${address} }`, env: {} },
    {
      reason: 'key of the environment beside a key file',
      content: `api: { ${address}, key_file: ./key }`,
      env: { LINQ_API_V3_API_KEY: 'k' },
    },
    {
      reason: 'key file named by the environment',
      content: `api: { ${address}, key_file: ./key }`,
      env: { LINQ_GITOPS_API_KEY_FILE: './key' },
    },
    {
      reason: 'a host that only looks like loopback',
      content: 'api: { base_url: "https://127.0.0.1.example.com" }',
      env: { LINQ_API_V3_API_KEY: 'k' },
    },
  ])('do not go together: $reason', async ({ content, env }) => {
    const problems = await problemsOf({ content: `${content}\n`, env });
    expect(problems).toMatchObject([{ file: 'linq-gitops.yaml', position: { line: 1 } }]);
    expect(problems[0]?.message).toMatch(/not Linq's own address/);
  });
});

describe('secrets in the settings file', () => {
  it.each([
    'api: { key: hunter2 }',
    'api:\n  api_key: >-\n    hunter2\n',
    'api_token: "hunter2" # hunter2',
    'owner: [unclosed\npassword: hunter2',
  ])('are refused and not repeated: %s', async (content) => {
    const problems = await problemsOf({ content: content.replace(' # hunter2', '') });
    expect(problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});
