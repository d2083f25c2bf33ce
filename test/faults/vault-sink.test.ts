import { inspect } from 'node:util';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, SinkConflictError, SinkError } from '../../src/domain/errors.ts';
import { ABSENT, type SecretSink } from '../../src/secrets/sink.ts';
import type { VaultAuthSettings } from '../../src/domain/settings.ts';
import { openVaultSink, type VaultSinkOptions } from '../../src/secrets/vault/vault-sink.ts';
import { createCertificate } from '../support/certificate.ts';
import { startFakeVault, type FakeVault } from '../support/fake-vault/fake-vault.ts';
import type { Fault } from '../support/fake-vault/faults.ts';
import { refuse } from '../support/fake-vault/reply.ts';
import { someSecret, storedRecord } from '../support/record-builders.ts';
import { closedPort } from '../support/scripted-server.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const DATA = 'POST secret/data/linq/orders';
const POLICY = `
path "secret/data/linq/*" { capabilities = ["create", "read", "update"] }
path "secret/metadata/linq/*" { capabilities = ["list", "patch", "read", "update"] }
path "secret/destroy/linq/*" { capabilities = ["update"] }
path "secret/config" { capabilities = ["read"] }`;

let vault: FakeVault;
let sinks: SecretSink[];
let waits: number[];

beforeEach(async () => {
  vault = await startFakeVault();
  sinks = [];
  waits = [];
});
afterEach(async () => {
  await Promise.all(sinks.map((sink) => sink.close()));
  await vault.close();
});

/** A sink whose waits pass at once, on the clock of the server. */
function open(other: Partial<VaultSinkOptions> = {}): SecretSink {
  const sink = openVaultSink({
    address: vault.url,
    mount: 'secret',
    path: 'linq',
    namespace: null,
    auth: { method: 'token', token_file: null },
    tls: { ca_file: null, cert_file: null, key_file: null, server_name: null },
    timeout: 2_000,
    concurrency: 8,
    owner: 'default',
    env: { VAULT_TOKEN: vault.rootToken },
    now: () => vault.clock.now(),
    random: () => 0.5,
    sleep(ms) {
      waits.push(ms);
      vault.clock.advance(ms);
      return Promise.resolve();
    },
    ...other,
  });
  sinks.push(sink);
  return sink;
}

/** AppRole at the fake, with the policy that the sink needs. */
async function approle(role: Parameters<FakeVault['logins']['role']>[2] = {}): Promise<VaultAuthSettings> {
  vault.policies.put('linq', POLICY);
  vault.logins.mounts.set('approle', 'approle');
  const { roleId } = vault.logins.role('approle', 'gitops', { policies: ['linq'], ...role });
  const secret_id_file = join(await makeTempDir(), 'secret-id');
  await writeFile(secret_id_file, vault.logins.addSecretId('approle', 'gitops'));
  return { method: 'approle', mount: 'approle', role_id: roleId, secret_id_file, namespace: null };
}

const stored = (name: string) => vault.kv.secrets.get(`linq/${name}`);
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a write whose answer is lost', () => {
  it.each<[string, Fault, number]>([
    ['is reset after the commit', { kind: 'reset', after: true }, 1],
    ['is reset before the commit', { kind: 'reset', after: false }, 1],
    ['is cut off after the commit', { kind: 'truncate' }, 1],
    ['is reset three times after the commit', { kind: 'reset', after: true }, 3],
    ['meets an error of the server', { kind: 'reply', reply: refuse(500, 'internal error') }, 2],
    [
      'meets a page of a proxy',
      { kind: 'reply', reply: { status: 502, text: '<html>bad gateway</html>' } },
      2,
    ],
    [
      'meets a page that claims success',
      { kind: 'reply', reply: { status: 200, text: '<html>hello</html>' } },
      1,
    ],
    ['meets an answer without a version', { kind: 'reply', reply: { status: 204 } }, 1],
  ])('makes exactly one version where it %s', async (_title, fault, times) => {
    const sink = open();
    vault.faults.inject(DATA, fault, times);
    const version = await sink.write(storedRecord('orders'), ABSENT);
    expect(stored('orders')?.current).toBe(1);
    expect(await open().read('orders')).toMatchObject({ kind: 'intact', version });
    const next = await sink.write(storedRecord('orders', { prevent_destroy: true }), version);
    expect(stored('orders')?.current).toBe(2);
    expect(await open().read('orders')).toMatchObject({ kind: 'intact', version: next });
  });

  it('is a conflict where another process wrote next, after our own version had been committed', async () => {
    const sink = open();
    const other = open();
    const base = await sink.write(storedRecord('orders'), ABSENT);
    let release: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    vault.faults.inject(DATA, { kind: 'reset', after: true });
    vault.faults.inject(DATA, { kind: 'hold', until });
    const writing = failureOf(sink.write(storedRecord('orders', { owner: 'a' }), base));
    await expect.poll(() => stored('orders')?.current).toBe(2);
    const seen = await other.read('orders');
    await expect
      .poll(() => vault.seen.filter(({ method, path }) => method === 'POST' && path.includes('data')).length)
      .toBe(3);
    await other.write(storedRecord('orders', { owner: 'b' }), seen.version);
    release();
    expect(await writing).toBeInstanceOf(SinkConflictError);
    expect(await open().read('orders')).toMatchObject({ record: { owner: 'b' } });
  });

  it('says that it may have been written where nothing can be read back', async () => {
    const sink = open();
    await sink.list();
    vault.faults.inject(DATA, { kind: 'reset', after: true });
    vault.faults.inject(() => vault.kv.secrets.size > 0, { kind: 'reset', after: false }, 1_000);
    const error = await failureOf(sink.write(storedRecord('orders'), ABSENT));
    expect(error).toBeInstanceOf(SinkError);
    expect((error as SinkError).message).toContain('may have been written');
  });

  it('asks again where the node that answers lags behind', async () => {
    const sink = open();
    const first = await sink.write(storedRecord('orders'), ABSENT);
    const old = { data: { data: { record: '{}' }, metadata: { version: 1, created_time: first.slice(2) } } };
    const second = await sink.write(storedRecord('orders', { prevent_destroy: true }), first);
    vault.faults.inject(
      'GET secret/data/linq/orders',
      { kind: 'reply', reply: { status: 200, body: old } },
      2,
    );
    expect(await sink.read('orders')).toMatchObject({ kind: 'intact', version: second });
    vault.state.laggingFor = 3;
    expect(await sink.read('orders')).toMatchObject({ kind: 'intact', version: second });
    expect(vault.state.laggingFor).toBe(0);
  });
});

describe('reading', () => {
  it.each<[string, Fault]>([
    ['a missing page of a proxy', { kind: 'reply', reply: { status: 404, text: '<html>not found</html>' } }],
    [
      'a missing route',
      { kind: 'reply', reply: refuse(404, 'no handler for route "secret/data/linq/orders"') },
    ],
    [
      'a wrong path',
      {
        kind: 'reply',
        reply: {
          status: 404,
          body: { data: null, warnings: ['Invalid path for a versioned K/V secrets engine.'] },
        },
      },
    ],
    ['an answer in half', { kind: 'truncate' }],
    ['an answer without a version', { kind: 'reply', reply: { status: 200, body: { data: { data: {} } } } }],
  ])('never takes %s for an absent record', async (_title, fault) => {
    const sink = open();
    await sink.write(storedRecord('orders'), ABSENT);
    vault.faults.inject('GET secret/data/linq/orders', fault, 100);
    await expect(sink.read('orders')).rejects.toThrow(SinkError);
    await expect(sink.read('orders')).rejects.toThrow(/read vault:secret\/linq\/orders/);
  });

  it('takes no list without keys for an empty one', async () => {
    const sink = open();
    vault.faults.inject('GET secret/metadata/linq?', {
      kind: 'reply',
      reply: { status: 200, body: { data: {} } },
    });
    await expect(sink.list()).rejects.toThrow(/no keys/);
  });

  it('lists a name once that the server lists twice', async () => {
    const sink = open();
    await sink.write(storedRecord('orders'), ABSENT);
    vault.faults.inject('GET secret/metadata/linq?', {
      kind: 'reply',
      reply: { status: 200, body: { data: { keys: ['orders', 'orders'] } } },
    });
    expect(await sink.list()).toEqual(['orders']);
  });

  it('lists 1,000 records with one request once it knows them', async () => {
    const record = JSON.stringify({ schema: 99 });
    for (let index = 0; index < 1_000; index += 1) {
      const path = `linq/e${index}`;
      vault.kv.handle({
        operation: 'write',
        path: `data/${path}`,
        query: new URLSearchParams(),
        body: { data: { record } },
        contentType: '',
      });
    }
    const sink = open();
    expect(await sink.list()).toHaveLength(1_000);
    const before = vault.seen.length;
    expect((await sink.read('e7')).kind).toBe('newer');
    expect(vault.seen.length).toBe(before);
    expect(await sink.list()).toHaveLength(1_000);
    expect(vault.seen.length).toBe(before + 1);
  });
});

describe('states of the server', () => {
  it('says that it is sealed, at once, and goes on after unsealing', async () => {
    const sink = open();
    await sink.list();
    vault.state.isSealed = true;
    for (const attempt of [
      () => sink.check(),
      () => sink.write(storedRecord('orders'), ABSENT),
      () => sink.list(),
    ]) {
      const error = await failureOf(attempt());
      expect(error).toBeInstanceOf(SinkError);
      expect((error as SinkError).hint).toContain('unseal');
    }
    expect(waits).toEqual([]);
    vault.state.isSealed = false;
    await sink.write(storedRecord('orders'), ABSENT);
    expect(stored('orders')?.current).toBe(1);
  });

  it('waits as long as a quota asks for', async () => {
    const reply = { ...refuse(429, 'rate limit quota exceeded'), headers: { 'retry-after': '3' } };
    vault.faults.inject(DATA, { kind: 'reply', reply });
    await open().write(storedRecord('orders'), ABSENT);
    expect(waits).toEqual([3_000]);
    expect(stored('orders')?.current).toBe(1);
  });

  it.each([412, 472, 473, 474, 500, 501, 502, 503, 504, 530])('tries again after %i', async (status) => {
    vault.faults.inject(DATA, { kind: 'reply', reply: refuse(status, 'for a moment') }, 2);
    await open().write(storedRecord('orders'), ABSENT);
    expect(waits).toHaveLength(2);
    expect(stored('orders')?.current).toBe(1);
  });

  it('waits while the engine is made one of version 2', async () => {
    const text =
      'Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period';
    vault.faults.inject(DATA, { kind: 'reply', reply: refuse(400, text) }, 2);
    await open().write(storedRecord('orders'), ABSENT);
    expect(stored('orders')?.current).toBe(1);
  });

  it('marks by reading and writing where the server has no PATCH', async () => {
    vault.state.hasPatch = false;
    await open().write(storedRecord('orders'), ABSENT);
    expect(stored('orders')?.custom).toEqual({ 'managed-by': 'linq-gitops', owner: 'default' });
  });

  it('stores the record where the mark fails, and marks it at the next write', async () => {
    const sink = open();
    vault.faults.inject('PATCH', { kind: 'reply', reply: refuse(400, 'no') });
    const version = await sink.write(storedRecord('orders'), ABSENT);
    expect(stored('orders')?.custom).toBeNull();
    await sink.write(storedRecord('orders', { prevent_destroy: true }), version);
    expect(stored('orders')?.custom).toMatchObject({ 'managed-by': 'linq-gitops' });
  });

  it('says that older versions are left where they cannot be destroyed, and destroys them later', async () => {
    const sink = open();
    const version = await sink.write(storedRecord('orders'), ABSENT);
    vault.faults.inject('PUT secret/destroy', { kind: 'reply', reply: refuse(400, 'no') });
    await expect(sink.remove('orders', version)).rejects.toThrow(/older versions are not/);
    expect((await sink.read('orders')).kind).toBe('absent');
    await sink.check();
    expect(stored('orders')?.versions.get(1)).toMatchObject({ destroyed: true, data: null });
  });

  it('lists its records where older versions of a removed one still cannot be destroyed', async () => {
    const sink = open();
    await sink.write(storedRecord('support'), ABSENT);
    const version = await sink.write(storedRecord('orders'), ABSENT);
    vault.faults.inject('PUT secret/destroy', { kind: 'reply', reply: refuse(400, 'no') }, 3);
    await expect(sink.remove('orders', version)).rejects.toThrow(/older versions are not/);
    expect(await sink.list()).toEqual(['support']);
    await expect(sink.check(), 'before anything is written it must be possible').rejects.toThrow(/destroy/);
    expect(await sink.list()).toEqual(['support']);
    expect(stored('orders')?.versions.get(1)).toMatchObject({ destroyed: true, data: null });
  });
});

describe('redirects', () => {
  it('never sends the token to another origin', async () => {
    const foreign = await startFakeVault();
    const sink = open();
    vault.state.redirectTo = foreign.url;
    const error = await failureOf(sink.write(storedRecord('orders'), ABSENT));
    expect(error).toBeInstanceOf(SinkError);
    expect((error as SinkError).hint).toContain('secrets.vault.address');
    expect(foreign.seen).toEqual([]);
    await foreign.close();
  });

  it('never sends the credential of a login to another origin, nor the token of a renewal', async () => {
    const foreign = await startFakeVault();
    const sink = open({ auth: await approle({ ttlMs: 60_000 }) });
    vault.state.redirectTo = foreign.url;
    await expect(sink.list()).rejects.toThrow(/log in to Vault by approle/);
    vault.state.redirectTo = undefined;
    expect(await sink.list()).toEqual([]);
    vault.clock.advance(45_000);
    vault.state.redirectTo = foreign.url;
    await expect(sink.list()).rejects.toThrow(/307/);
    expect(vault.seen.map(({ path }) => path)).toContain('auth/token/renew-self');
    expect(foreign.seen).toEqual([]);
    await foreign.close();
  });

  it('goes on at its own address when a standby that pointed to a dead leader has a new one', async () => {
    const sink = open();
    await sink.list();
    const location = `http://127.0.0.1:${await closedPort()}/v1/secret/data/linq/orders`;
    vault.faults.inject(DATA, { kind: 'reply', reply: { status: 307, headers: { location }, text: '' } }, 3);
    await sink.write(storedRecord('orders'), ABSENT);
    expect(stored('orders')?.current).toBe(1);
  });

  it('does not follow a node that points to itself, and gives up in the end', async () => {
    const sink = open();
    vault.state.redirectTo = vault.url;
    await expect(sink.list()).rejects.toThrow(/307/);
    expect(vault.seen.length).toBeLessThan(20);
  });

  it('follows one redirect within the origin', async () => {
    const sink = open();
    await sink.list();
    const location = `${vault.url}/v1/secret/data/linq/orders?again`;
    vault.faults.inject(DATA, { kind: 'reply', reply: { status: 307, headers: { location }, text: '' } });
    await sink.write(storedRecord('orders'), ABSENT);
    expect(stored('orders')?.current).toBe(1);
    vault.faults.inject(
      () => true,
      { kind: 'reply', reply: { status: 307, headers: { location }, text: '' } },
      2,
    );
    await expect(sink.read('other')).rejects.toThrow(/307/);
  });

  it('never goes from https to http', async () => {
    const certificate = createCertificate('vault.test');
    const secure = await startFakeVault({ tls: certificate });
    const ca_file = join(await makeTempDir(), 'ca.pem');
    await writeFile(ca_file, certificate.cert);
    const tls = { ca_file, cert_file: null, key_file: null, server_name: 'vault.test' };
    const sink = open({ address: secure.url, tls });
    expect(await sink.list()).toEqual([]);
    const location = `${secure.url.replace('https', 'http')}/v1/secret/metadata/linq?list=true`;
    secure.faults.inject(
      () => true,
      { kind: 'reply', reply: { status: 307, headers: { location }, text: '' } },
      100,
    );
    await expect(sink.list()).rejects.toThrow(/307/);
    await secure.close();
  });
});

describe('the token', () => {
  /** 100 writes of which `meanwhile` is told; every one that fails is tried again as the create protocol does. */
  async function hundredWrites(sink: SecretSink, meanwhile: (index: number) => void): Promise<void> {
    for (let index = 0; index < 100; index += 1) {
      meanwhile(index);
      const record = storedRecord(`e${index}`, { owner: 'default' });
      for (let attempt = 1; ; attempt += 1) {
        const error = await failureOf(sink.write(record, ABSENT));
        if (error === undefined) break;
        expect(error).toBeInstanceOf(SinkError);
        expect(attempt).toBeLessThan(60);
        vault.clock.advance(1_000);
      }
    }
    for (let index = 0; index < 100; index += 1) expect(stored(`e${index}`)?.current).toBe(1);
  }

  it('is renewed at two thirds of its life and replaced near its limit: 100 writes, 3 logins', async () => {
    const sink = open({ auth: await approle({ ttlMs: 60_000, maxTtlMs: 300_000 }) });
    await hundredWrites(sink, () => vault.clock.advance(6_000));
    expect(vault.logins.count).toBe(3);
    expect(vault.seen.filter(({ path }) => path === 'auth/token/renew-self').length).toBeGreaterThan(5);
  });

  it('is got anew by one login where it was revoked: 100 writes, 3 logins', async () => {
    const sink = open({ auth: await approle() });
    await hundredWrites(sink, (index) => {
      if (index === 30 || index === 60) vault.tokens.revokeAll();
    });
    expect(vault.logins.count).toBe(3);
  });

  it('is got anew where the policies of the role changed, though it is still valid', async () => {
    const sink = open({ auth: await approle({ policies: [] }) });
    vault.policies.put('linq', POLICY);
    await expect(sink.list()).rejects.toThrow(/403/);
    vault.logins.role('approle', 'gitops', { policies: ['linq'] });
    vault.clock.advance(31_000);
    await hundredWrites(sink, () => undefined);
    expect(vault.logins.count).toBeLessThanOrEqual(3);
  });

  it('is asked for once, however many requests want it', async () => {
    const sink = open({ auth: await approle() });
    await Promise.all(Array.from({ length: 50 }, (_, index) => sink.read(`e${index}`)));
    expect(vault.logins.count).toBe(1);
    vault.tokens.revokeAll();
    await Promise.all(Array.from({ length: 50 }, (_, index) => sink.read(`e${index}`)));
    expect(vault.logins.count).toBe(2);
  });

  it('costs at most one login in 30 s where every request is refused', async () => {
    const sink = open({ auth: await approle() });
    await sink.list();
    vault.policies.remove('linq');
    for (let second = 0; second < 90; second += 1) {
      const error = await failureOf(sink.read('orders'));
      expect((error as SinkError).hint).toContain('path "secret/data/linq/*"');
      vault.clock.advance(1_000);
    }
    expect(vault.logins.count).toBe(4);
  });

  it('is not asked for again and again where the login is refused', async () => {
    const auth = await approle();
    vault.logins.mounts.delete('approle');
    const sink = open({ auth });
    for (let second = 0; second < 60; second += 1) {
      await expect(sink.list()).rejects.toThrow(/log in to Vault by approle/);
      vault.clock.advance(1_000);
    }
    expect(vault.seen.filter(({ path }) => path.endsWith('/login')).length).toBeLessThan(10);
  });

  it('goes on being used while it is valid, where the server cannot renew it for a moment', async () => {
    const sink = open({ auth: await approle({ ttlMs: 600_000 }) });
    await sink.list();
    vault.clock.advance(410_000);
    vault.faults.inject('POST auth/', { kind: 'reset', after: false }, 20);
    expect(await sink.list()).toEqual([]);
    expect(vault.logins.count).toBe(1);
  });

  it('is replaced where it can be neither renewed nor used any longer', async () => {
    const sink = open({ auth: await approle({ ttlMs: 60_000, isBatch: true }) });
    await hundredWrites(sink, () => vault.clock.advance(3_000));
    // 300 s of tokens that are used for 40 s each, and no request in between that is refused.
    expect(vault.logins.count).toBe(8);
  });

  it('names the whole policy where it has none', async () => {
    const sink = open({ auth: await approle({ policies: [] }) });
    const error = await failureOf(sink.check());
    expect((error as SinkError).hint).toContain(
      'path "secret/data/linq/*" { capabilities = ["create", "read", "update"] }',
    );
    expect((error as SinkError).hint).toContain('path "secret/config"');
  });

  it('is read again from its file when that changes', async () => {
    vault.policies.put('linq', POLICY);
    const issue = (): string => vault.tokens.issue({ policies: ['default', 'linq'], ttlMs: 600_000 }).id;
    const token_file = join(await makeTempDir(), 'token');
    await writeFile(token_file, `${issue()}\n`);
    const sink = open({ auth: { method: 'token', token_file }, env: {} });
    await sink.list();
    vault.tokens.revokeAll();
    await writeFile(`${token_file}.new`, issue());
    await rename(`${token_file}.new`, token_file);
    expect(await sink.list()).toEqual([]);
  });

  it.each(['kubernetes', 'jwt'] as const)(
    'is got by %s with whatever the file holds at the login',
    async (method) => {
      vault.policies.put('linq', POLICY);
      vault.logins.mounts.set('k', method);
      vault.logins.role('k', 'gitops', { policies: ['linq'], jwts: ['jwt-1'], ttlMs: 60_000 });
      const token_file = join(await makeTempDir(), 'jwt');
      await writeFile(token_file, 'jwt-1');
      const sink = open({ auth: { method, mount: 'k', role: 'gitops', token_file, namespace: null } });
      await sink.list();
      await writeFile(token_file, 'jwt-2');
      vault.logins.role('k', 'gitops', { jwts: ['jwt-2'] });
      vault.clock.advance(120_000);
      expect(await sink.list()).toEqual([]);
      expect(vault.logins.count).toBe(2);
    },
  );

  it('comes from BAO_TOKEN wherever that is set, even empty', () => {
    expect(() => open({ env: { BAO_TOKEN: '', VAULT_TOKEN: vault.rootToken } })).toThrow(
      /BAO_TOKEN is empty/,
    );
    expect(() => open({ env: {} })).toThrow(/none is set/);
  });
});

describe('namespaces', () => {
  it('logs in where the login is, and works where the mount is', async () => {
    const auth = { ...(await approle()), namespace: 'admin' };
    vault.state.namespace = 'admin/team';
    vault.state.loginNamespace = 'admin';
    const sink = open({ auth: auth as VaultAuthSettings, namespace: 'admin/team' });
    expect(await sink.check()).toEqual([]);
    await sink.write(storedRecord('orders'), ABSENT);
    expect(stored('orders')?.current).toBe(1);
  });

  it('says that the server ignores the namespace', async () => {
    const sink = open({ auth: await approle(), namespace: 'team' });
    expect(await sink.check()).toEqual([expect.stringContaining('ignores namespaces')]);
  });
});

describe('what may be seen', () => {
  it('shows no credential and no secret, whatever the server repeats', async () => {
    const auth = await approle();
    const sink = open({ auth });
    await sink.list();
    vault.state.echoes = true;
    const secret = someSecret('z').reveal();
    const current = { ...storedRecord('orders').current!, signing_secret: someSecret('z') };
    const errors: unknown[] = [];
    for (const status of [400, 403, 404, 405, 500, 503]) {
      vault.faults.inject(() => true, { kind: 'reply', reply: refuse(status, 'no') }, 1_000);
      errors.push(await failureOf(sink.write(storedRecord('orders', { current }), ABSENT)));
      errors.push(await failureOf(sink.check()));
      errors.push(await failureOf(open({ auth }).list()));
      errors.push(await failureOf(open().list()));
      expect(vault.faults.take(vault.seen.at(-1)!)).toMatchObject({ reply: { status } });
      vault.faults.clear();
    }
    const bodies = vault.seen.map(({ body }) => body).join('\n');
    const secretId = /"secret_id":"([^"]+)"/.exec(bodies)?.[1];
    const tokens = new Set(vault.seen.flatMap(({ headers }) => headers['x-vault-token'] ?? []));
    expect(secretId).toBeDefined();
    expect(tokens.size).toBeGreaterThan(1);
    expect(errors.every((error) => error instanceof AppError)).toBe(true);
    const text = inspect(errors, { depth: 12, showHidden: true, maxStringLength: null });
    expect(text).toContain('quoted');
    for (const hidden of [secretId!, secret, ...tokens]) expect(text).not.toContain(hidden.slice(0, 16));
  });
});
