import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/domain/errors.ts';
import type { SinkChoice, VaultAuthSettings, VaultSettings } from '../../../src/domain/settings.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'linq-gitops-settings-'));
});
afterEach(() => rm(cwd, { recursive: true }));

interface Given {
  readonly content?: string;
  readonly env?: Record<string, string>;
}

const ELSEWHERE = 'https://vault.example.com';

/** A file that names a Vault; `vault` is what it says of it. */
function fileWith(vault: string): string {
  return `owner: production\nsecrets:\n  sink: vault\n  vault: ${vault}\n`;
}

async function load({ content, env = {} }: Given): Promise<VaultSettings> {
  if (content !== undefined) await writeFile(join(cwd, 'linq-gitops.yaml'), content);
  const { settings } = await loadSettings({ file: undefined, cwd, env, flags: {} });
  const choice: SinkChoice = settings.secrets;
  if (choice.sink === 'vault') return choice.vault;
  throw new Error('the sink is not a Vault');
}

async function problemsOf(given: Given): Promise<ConfigError['problems']> {
  const error: unknown = await load(given).catch((reason: unknown) => reason);
  if (error instanceof ConfigError) return error.problems;
  throw new Error('the settings were accepted', { cause: error });
}

describe('the settings of Vault', () => {
  it('have defaults', async () => {
    const vault = await load({
      content: fileWith(`{ address: "${ELSEWHERE}/", auth: { method: token, token_file: t } }`),
    });
    expect(vault).toEqual({
      address: ELSEWHERE,
      mount: 'secret',
      path: 'linq',
      namespace: null,
      auth: { method: 'token', token_file: join(cwd, 't') },
      tls: { ca_file: null, cert_file: null, key_file: null, server_name: null },
      timeout: 15_000,
      concurrency: 8,
    });
  });

  it.each<{ auth: string; expected: () => VaultAuthSettings }>([
    {
      auth: '{ method: kubernetes, role: linq }',
      expected: () => ({
        method: 'kubernetes',
        mount: 'kubernetes',
        role: 'linq',
        token_file: '/var/run/secrets/kubernetes.io/serviceaccount/token',
        namespace: null,
      }),
    },
    {
      auth: '{ method: approle, role_id: r, secret_id_file: ./s, mount: roles/ci, namespace: admin }',
      expected: () => ({
        method: 'approle',
        mount: 'roles/ci',
        role_id: 'r',
        secret_id_file: join(cwd, 's'),
        namespace: 'admin',
      }),
    },
    {
      auth: '{ method: jwt, token_file: /run/jwt }',
      expected: () => ({ method: 'jwt', mount: 'jwt', role: null, token_file: '/run/jwt', namespace: null }),
    },
  ])('have exactly the keys of their method: $auth', async ({ auth, expected }) => {
    expect((await load({ content: fileWith(`{ address: "${ELSEWHERE}", auth: ${auth} }`) })).auth).toEqual(
      expected(),
    );
  });

  it('are not looked at while the sink is another one', async () => {
    const env = { VAULT_ADDR: 'http://vault.example.com', VAULT_SKIP_VERIFY: '1', VAULT_CLIENT_CERT: 'c' };
    const { settings } = await loadSettings({ file: undefined, cwd, env, flags: {} });
    expect(settings.secrets.sink).toBe('file');
  });

  it('can come from the environment alone', async () => {
    const env = {
      LINQ_GITOPS_OWNER: 'ci',
      LINQ_GITOPS_SECRETS_SINK: 'vault',
      VAULT_ADDR: ELSEWHERE,
      VAULT_TOKEN: 't',
    };
    const vault = await load({ env });
    expect([vault.address, vault.auth]).toEqual([ELSEWHERE, { method: 'token', token_file: null }]);
  });

  it('want an owner that is written down, be it the default one', async () => {
    const env = { LINQ_GITOPS_SECRETS_SINK: 'vault', VAULT_ADDR: ELSEWHERE };
    expect(await problemsOf({ env })).toMatchObject([
      { file: 'LINQ_GITOPS_SECRETS_SINK', suggestion: 'owner: production' },
    ]);
    await expect(load({ env: { ...env, LINQ_GITOPS_OWNER: 'default' } })).resolves.toBeDefined();
  });
});

describe('the variables of Vault and OpenBao', () => {
  const settled = { LINQ_GITOPS_OWNER: 'ci', LINQ_GITOPS_SECRETS_SINK: 'vault' };

  it('give what they give to their own clients, and BAO_ wins', async () => {
    const names = ['ADDR', 'NAMESPACE', 'CACERT', 'CLIENT_CERT', 'CLIENT_KEY', 'TLS_SERVER_NAME'];
    const valued = (prefix: string, value: (name: string) => string) =>
      Object.fromEntries(names.map((name) => [`${prefix}_${name}`, value(name)]));
    const vault = valued('VAULT', (name) => (name === 'ADDR' ? ELSEWHERE : `v-${name}`));
    const bao = valued('BAO', (name) => (name === 'ADDR' ? 'https://bao.example.com' : `b-${name}`));
    expect(await load({ env: { ...settled, ...vault } })).toMatchObject({
      address: ELSEWHERE,
      namespace: 'v-NAMESPACE',
      tls: {
        ca_file: join(cwd, 'v-CACERT'),
        cert_file: join(cwd, 'v-CLIENT_CERT'),
        key_file: join(cwd, 'v-CLIENT_KEY'),
        server_name: 'v-TLS_SERVER_NAME',
      },
    });
    expect(await load({ env: { ...settled, ...vault, ...bao } })).toMatchObject({
      address: 'https://bao.example.com',
      namespace: 'b-NAMESPACE',
      tls: { ca_file: join(cwd, 'b-CACERT'), server_name: 'b-TLS_SERVER_NAME' },
    });
  });

  it('are hidden by an empty one of OpenBao', async () => {
    const env = { ...settled, VAULT_ADDR: ELSEWHERE, VAULT_NAMESPACE: 'ns', BAO_NAMESPACE: '' };
    expect((await load({ env })).namespace).toBeNull();
  });

  it('win over the file, and ours over them', async () => {
    const content = fileWith(
      '{ address: "https://file.example.com", auth: { method: token, token_file: ./t } }',
    );
    const env = { BAO_ADDR: 'https://bao.example.com' };
    expect((await load({ content })).address).toBe('https://file.example.com');
    expect((await load({ content, env })).address).toBe('https://bao.example.com');
    const own = { ...env, LINQ_GITOPS_SECRETS_VAULT_ADDRESS: 'https://own.example.com' };
    expect((await load({ content, env: own })).address).toBe('https://own.example.com');
  });

  it('are named where their value is wrong, if it counts', async () => {
    const env = { ...settled, VAULT_ADDR: 'http://vault.example.com', VAULT_CACERT: 'ca' };
    expect(await problemsOf({ env })).toMatchObject([
      { file: 'VAULT_ADDR', suggestion: 'https://vault.example.com' },
    ]);
    const own = { ...env, LINQ_GITOPS_SECRETS_VAULT_ADDRESS: 'https://own.example.com' };
    await expect(load({ env: own })).resolves.toBeDefined();
  });

  it.each(['1', 't', 'true', 'TRUE'])('cannot switch the check of certificates off: %s', async (value) => {
    const env = { ...settled, VAULT_ADDR: ELSEWHERE, VAULT_SKIP_VERIFY: value };
    const problems = await problemsOf({ env });
    expect(problems).toMatchObject([{ file: 'VAULT_SKIP_VERIFY' }]);
    expect(problems[0]?.message).toContain('VAULT_CACERT');
    expect(await problemsOf({ env: { ...env, BAO_SKIP_VERIFY: 'true' } })).toMatchObject([
      { file: 'BAO_SKIP_VERIFY' },
    ]);
    for (const fine of [
      { BAO_SKIP_VERIFY: '' },
      { BAO_SKIP_VERIFY: 'false' },
      { VAULT_ADDR: 'https://127.0.0.1' },
    ]) {
      await expect(load({ env: { ...env, ...fine } })).resolves.toBeDefined();
    }
  });

  it('point to VAULT_TOKEN who looks for a setting of a token', async () => {
    const env = { LINQ_GITOPS_SECRETS_VAULT_TOKEN: 'hunter2' };
    const problems = await problemsOf({ env });
    expect(problems).toMatchObject([{ suggestion: 'VAULT_TOKEN' }]);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});

describe('a method of logging in from the environment', () => {
  const base = { LINQ_GITOPS_OWNER: 'ci', LINQ_GITOPS_SECRETS_SINK: 'vault', VAULT_ADDR: ELSEWHERE };
  const auth = (values: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [`LINQ_GITOPS_SECRETS_VAULT_AUTH_${key}`, value]),
    );

  it('leaves nothing of the method that the file has', async () => {
    const content = fileWith('{ auth: { method: kubernetes, role: pod, mount: k8s, token_file: ./pod } }');
    const env = { ...base, ...auth({ METHOD: 'jwt', TOKEN_FILE: './jwt' }) };
    expect((await load({ content, env })).auth).toEqual({
      method: 'jwt',
      mount: 'jwt',
      role: null,
      token_file: join(cwd, 'jwt'),
      namespace: null,
    });
  });

  it('goes together with what the file says of the same one', async () => {
    const content = fileWith('{ auth: { method: kubernetes, role: pod, mount: k8s } }');
    const env = { ...base, ...auth({ METHOD: 'kubernetes', ROLE: 'other' }) };
    expect((await load({ content, env })).auth).toMatchObject({ mount: 'k8s', role: 'other' });
  });

  it('needs its keys, and has no others', async () => {
    expect(
      await problemsOf({ env: { ...base, ...auth({ METHOD: 'approle', ROLE: 'x', ROLE_ID: 'r' }) } }),
    ).toEqual([
      {
        file: 'LINQ_GITOPS_SECRETS_VAULT_AUTH_ROLE',
        message:
          'the method "approle" has no `role`; it has `mount`, `role_id`, `secret_id_file`, `namespace`',
      },
      {
        file: 'LINQ_GITOPS_SECRETS_VAULT_AUTH_METHOD',
        message:
          'the method "approle" needs `secret_id_file` (LINQ_GITOPS_SECRETS_VAULT_AUTH_SECRET_ID_FILE)',
      },
    ]);
  });

  it('does not repeat what the file lacks', async () => {
    const content = fileWith('{ auth: { method: approle, role_id: r } }');
    expect(await problemsOf({ content, env: base })).toHaveLength(1);
  });
});

describe('the credential of Vault and the address it is sent to', () => {
  const address = `address: "${ELSEWHERE}"`;
  const tokenFile = 'LINQ_GITOPS_SECRETS_VAULT_AUTH_TOKEN_FILE';

  it('lets a token of the environment win over a token file of the settings', async () => {
    const content = fileWith(
      '{ address: "http://127.0.0.1:8200", auth: { method: token, token_file: ./t } }',
    );
    expect((await load({ content })).auth).toMatchObject({ token_file: join(cwd, 't') });
    for (const env of [{ VAULT_TOKEN: 'x' }, { BAO_TOKEN: 'x' }]) {
      expect((await load({ content, env })).auth).toMatchObject({ token_file: null });
    }
    expect((await load({ content, env: { VAULT_TOKEN: 'x', BAO_TOKEN: '' } })).auth).toMatchObject({
      token_file: join(cwd, 't'),
    });
    expect((await load({ content, env: { VAULT_TOKEN: 'x', [tokenFile]: './e' } })).auth).toMatchObject({
      token_file: join(cwd, 'e'),
    });
  });

  it.each([
    {
      reason: 'both from the file',
      vault: `{ ${address}, auth: { method: token, token_file: ./t } }`,
      env: {},
    },
    {
      reason: "a pod's own token, which the method names",
      vault: `{ ${address}, auth: { method: kubernetes, role: r } }`,
      env: { VAULT_TOKEN: 'x' },
    },
    {
      reason: 'a secret id of the file, and a role id of the environment',
      vault: `{ ${address}, auth: { method: approle, role_id: r, secret_id_file: ./s } }`,
      env: { LINQ_GITOPS_SECRETS_VAULT_AUTH_ROLE_ID: 'other', VAULT_TOKEN: 'x' },
    },
    {
      reason: 'both from the environment',
      vault: '{ mount: kv }',
      env: { VAULT_ADDR: ELSEWHERE, VAULT_TOKEN: 'x' },
    },
    {
      reason: 'the address of the file is not used',
      vault: `{ address: "https://stranger.example.com" }`,
      env: { BAO_ADDR: ELSEWHERE, VAULT_TOKEN: 'x' },
    },
    { reason: 'loopback', vault: '{ address: "http://127.0.0.1:8200" }', env: { VAULT_TOKEN: 'x' } },
  ])('go together: $reason', async ({ vault, env }) => {
    await expect(load({ content: fileWith(vault), env })).resolves.toBeDefined();
  });

  it.each([
    {
      reason: 'a token of the environment',
      vault: `{ ${address} }`,
      env: { VAULT_TOKEN: 'x' },
      from: 'VAULT_TOKEN',
    },
    { reason: 'no token at all', vault: `{ ${address} }`, env: {}, from: 'VAULT_TOKEN' },
    {
      reason: 'a token of the environment beside a token file',
      vault: `{ ${address}, auth: { method: token, token_file: ./t } }`,
      env: { BAO_TOKEN: 'x' },
      from: 'BAO_TOKEN',
    },
    {
      reason: 'a token file that the environment names',
      vault: `{ ${address}, auth: { method: token, token_file: ./t } }`,
      env: { [tokenFile]: '/run/token' },
      from: tokenFile,
    },
    {
      reason: 'a secret id that the environment names',
      vault: `{ ${address}, auth: { method: approle, role_id: r, secret_id_file: ./s } }`,
      env: { LINQ_GITOPS_SECRETS_VAULT_AUTH_SECRET_ID_FILE: '/run/s' },
      from: 'LINQ_GITOPS_SECRETS_VAULT_AUTH_SECRET_ID_FILE',
    },
    {
      reason: 'a method of the environment with a pod’s own token',
      vault: `{ ${address} }`,
      env: {
        LINQ_GITOPS_SECRETS_VAULT_AUTH_METHOD: 'kubernetes',
        LINQ_GITOPS_SECRETS_VAULT_AUTH_ROLE: 'r',
      },
      from: 'LINQ_GITOPS_SECRETS_VAULT_AUTH_METHOD',
    },
    {
      reason: 'a host that only looks like loopback',
      vault: '{ address: "https://127.0.0.1.example.com" }',
      env: { VAULT_TOKEN: 'x' },
      from: 'VAULT_TOKEN',
    },
  ])('do not go together: $reason', async ({ vault, env, from }) => {
    const problems = await problemsOf({ content: fileWith(vault), env });
    expect(problems).toMatchObject([{ file: 'linq-gitops.yaml', position: { line: 4 } }]);
    expect(problems[0]?.message).toContain(`comes from the environment (${from})`);
  });
});

describe('the settings of the export', () => {
  it('are of no use without a folder', async () => {
    const env = { LINQ_GITOPS_SECRETS_EXPORT_MODE: '0640' };
    expect(await problemsOf({ env })).toMatchObject([{ file: 'LINQ_GITOPS_SECRETS_EXPORT_MODE' }]);
  });

  it('may not share a folder with the file sink, wherever both come from', async () => {
    const content = 'secrets: { file: { directory: ./a/secrets } }\n';
    const env = { LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY: './a' };
    expect(await problemsOf({ content, env })).toMatchObject([
      { file: 'LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY' },
    ]);
    const beside = { LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY: './a/secrets-2' };
    const { settings } = await loadSettings({ file: undefined, cwd, env: beside, flags: {} });
    expect(settings.secrets.export).toEqual({
      directory: join(cwd, 'a/secrets-2'),
      mode: '0600',
      group: null,
      notify: null,
    });
  });
});
