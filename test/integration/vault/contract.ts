import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SinkConflictError, SinkError } from '../../../src/domain/errors.ts';
import { INSTALLATION_NAME, RECORD_SCHEMA } from '../../../src/domain/record.ts';
import { ABSENT, type SecretSink, type Version } from '../../../src/secrets/sink.ts';
import type { VaultAuthSettings, VaultSettings } from '../../../src/domain/settings.ts';
import { openVaultReader, openVaultSink } from '../../../src/secrets/vault/vault-sink.ts';
import type { someSecret } from '../../support/record-builders.ts';
import { fullRecord, storedRecord } from '../../support/record-builders.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { askVault, documentedPolicy, issueToken, type VaultServer } from '../../support/vault-admin.ts';

/** A server to hold to the contract: KV version 2 at `mount`, version 1 at `kv1`. */
export interface ContractTarget extends VaultServer {
  readonly kv1: string;
}

/** What every server has to do, and the sink with it. `target` is asked once for each test. */
export function describeContract(title: string, target: () => Promise<ContractTarget>): void {
  let server: ContractTarget;
  let path: string;
  let sinks: SecretSink[];

  beforeEach(async () => {
    server = await target();
    path = `test-${randomBytes(6).toString('hex')}`;
    sinks = [];
  });
  afterEach(async () => {
    await Promise.all(sinks.map((sink) => sink.close()));
  });

  function optionsFor(
    token: string,
    other: Partial<VaultSettings> = {},
  ): Parameters<typeof openVaultSink>[0] {
    return {
      address: server.address,
      mount: server.mount,
      path,
      namespace: null,
      auth: { method: 'token', token_file: null },
      tls: { ca_file: null, cert_file: null, key_file: null, server_name: null },
      timeout: 10_000,
      concurrency: 8,
      owner: 'default',
      env: { VAULT_TOKEN: token },
      ...other,
    };
  }

  function open(token = server.rootToken, other: Partial<VaultSettings> = {}): SecretSink {
    const sink = openVaultSink(optionsFor(token, other));
    sinks.push(sink);
    return sink;
  }

  const admin = (method: string, below: string, body?: object): ReturnType<typeof askVault> =>
    askVault(server, method, below, body);
  const at = (area: string, name: string): string => `${server.mount}/${area}/${path}/${name}`;

  async function dataOf(name: string, version?: number): Promise<Record<string, string> | null> {
    const { body } = await admin(
      'GET',
      `${at('data', name)}${version === undefined ? '' : `?version=${version}`}`,
    );
    return (body['data'] as { data: Record<string, string> | null } | null)?.data ?? null;
  }

  async function metadataOf(name: string): Promise<{
    current_version: number;
    custom_metadata: Record<string, string> | null;
    versions: Record<string, { destroyed: boolean }>;
  }> {
    const { body } = await admin('GET', at('metadata', name));
    return body['data'] as never;
  }

  const limitedToken = (without?: string): Promise<string> => issueToken(server, path, without);

  describe(title, () => {
    it('reads back what it wrote, every field of it', async () => {
      const sink = open();
      const record = fullRecord('orders');
      const version = await sink.write(record, ABSENT);
      for (const reader of [sink, openVaultReader(optionsFor(server.rootToken))]) {
        const entry = await reader.read('orders');
        expect(entry).toMatchObject({ kind: 'intact', version });
        expect(entry.kind === 'intact' && plain(entry.record)).toEqual(plain(record));
      }
    });

    it('keeps the secrets under keys that consumers can use', async () => {
      const record = fullRecord('orders');
      await open().write(record, ABSENT);
      const data = await dataOf('orders');
      expect(data).toMatchObject({
        signing_secret: record.current?.signing_secret?.reveal(),
        next_signing_secret: record.next?.signing_secret?.reveal(),
        previous_signing_secret: record.previous?.signing_secret?.reveal(),
        subscription_id: record.current?.subscription_id,
        target_url: record.current?.target_url,
      });
      expect(data?.['record']).not.toContain('whsec_');
      expect((await metadataOf('orders')).custom_metadata).toEqual({
        'managed-by': 'linq-gitops',
        owner: 'default',
      });
    });

    it('keeps the record of the installation apart from entries', async () => {
      const sink = open();
      const record = {
        schema: RECORD_SCHEMA,
        name: INSTALLATION_NAME,
        id: 'abc123',
        line_ids: ['l1'],
        pauses: [],
      } as const;
      expect(await sink.readInstallation()).toEqual({ kind: 'absent', version: ABSENT });
      const version = await sink.writeInstallation(record, ABSENT);
      expect(await sink.readInstallation()).toEqual({ kind: 'intact', version, record });
      expect(await sink.list()).toEqual([]);
    });

    it('lists nothing where nothing was written, and names in order afterwards', async () => {
      const sink = open();
      expect(await sink.list()).toEqual([]);
      for (const name of ['b', 'a.1', 'c']) await sink.write(storedRecord(name), ABSENT);
      await admin('POST', at('data', 'folder/below'), { data: { a: 'b' } });
      expect(await sink.list()).toEqual(['a.1', 'b', 'c']);
      expect(await open().list()).toEqual(['a.1', 'b', 'c']);
    });

    it('refuses a write that expects another version, and changes nothing', async () => {
      const sink = open();
      const first = await sink.write(storedRecord('orders'), ABSENT);
      const second = await sink.write(storedRecord('orders', { prevent_destroy: true }), first);
      const loser = storedRecord('orders', { owner: 'loser' });
      for (const other of [sink, open()]) {
        for (const stale of [first, ABSENT]) {
          await expect(other.write(loser, stale)).rejects.toThrow(SinkConflictError);
          await expect(other.remove('orders', stale)).rejects.toThrow(SinkConflictError);
        }
      }
      expect(await sink.read('orders')).toMatchObject({ kind: 'intact', version: second });
      expect((await metadataOf('orders')).current_version).toBe(2);
    });

    it('lets one of two writers win', async () => {
      const base = await open().write(storedRecord('orders'), ABSENT);
      const writers = ['a', 'b', 'c', 'd'].map((owner) =>
        open().write(storedRecord('orders', { owner }), base),
      );
      const results = await Promise.allSettled(writers);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await metadataOf('orders')).current_version).toBe(2);
    });

    it('leaves a tombstone and no older secret where it removed', async () => {
      const sink = open();
      const first = await sink.write(storedRecord('orders'), ABSENT);
      const second = await sink.write(storedRecord('orders', { prevent_destroy: true }), first);
      const third = await sink.remove('orders', second);
      for (const reader of [sink, open()]) {
        expect(await reader.read('orders')).toEqual({ kind: 'absent', version: third });
        expect(await reader.list()).toEqual([]);
      }
      const { versions } = await metadataOf('orders');
      expect(Object.entries(versions).map(([number, { destroyed }]) => [number, destroyed])).toEqual([
        ['1', true],
        ['2', true],
        ['3', false],
      ]);
      expect(await dataOf('orders', 1)).toBeNull();
      expect(Object.keys((await dataOf('orders')) ?? {})).toEqual(['record']);
      expect(await sink.remove('orders', third)).toBe(third);
      expect((await metadataOf('orders')).current_version).toBe(3);
    });

    it('never repeats a version, whatever is removed and written again', async () => {
      const sink = open();
      const seen: Version[] = [ABSENT];
      for (let round = 0; round < 3; round += 1) {
        seen.push(await sink.write(storedRecord('orders'), seen.at(-1)!));
        seen.push(await sink.remove('orders', seen.at(-1)!));
      }
      await admin('DELETE', at('metadata', 'orders'));
      seen.push(await open().write(storedRecord('orders'), ABSENT));
      expect(new Set(seen).size).toBe(seen.length);
    });

    it('lists and reads again what another process wrote over a tombstone', async () => {
      const [sink, other] = [open(), open()];
      const tombstone = await sink.remove('orders', await sink.write(storedRecord('orders'), ABSENT));
      expect(await sink.list()).toEqual([]);
      const version = await other.write(storedRecord('orders', { owner: 'x' }), tombstone);
      expect(await sink.list()).toEqual(['orders']);
      expect(await sink.read('orders')).toMatchObject({ kind: 'intact', version });
    });

    it('has nothing to remove where there was never anything', async () => {
      expect(await open().remove('orders', ABSENT)).toBe(ABSENT);
      expect((await admin('GET', at('metadata', 'orders'))).status).toBe(404);
    });

    it('never overwrites a secret that it did not write, until a person marks it', async () => {
      await admin('POST', at('data', 'orders'), { data: { password: 'p' } });
      const sink = open();
      const entry = await sink.read('orders');
      expect(entry).toMatchObject({
        kind: 'foreign',
        reason: expect.stringContaining('did not write') as string,
      });
      expect(await sink.list()).toEqual([]);
      const refused: unknown = await sink
        .write(storedRecord('orders'), entry.version)
        .catch((e: unknown) => e);
      expect(refused).toBeInstanceOf(SinkError);
      expect((refused as SinkError).hint).toContain('managed-by=linq-gitops');
      await expect(sink.remove('orders', entry.version)).rejects.toThrow(SinkError);
      expect(await dataOf('orders')).toEqual({ password: 'p' });
      await admin('POST', at('metadata', 'orders'), {
        custom_metadata: { 'managed-by': 'linq-gitops', team: 'x' },
      });
      await sink.write(storedRecord('orders'), entry.version);
      expect((await dataOf('orders'))?.['subscription_id']).toBe('sub-orders');
    });

    it('marks a record whose mark was never written, and keeps custom metadata of others', async () => {
      const first = await open().write(storedRecord('orders'), ABSENT);
      await admin('POST', at('metadata', 'orders'), { custom_metadata: { team: 'x' } });
      await open().write(storedRecord('orders', { prevent_destroy: true }), first);
      expect((await metadataOf('orders')).custom_metadata).toEqual({
        team: 'x',
        'managed-by': 'linq-gitops',
        owner: 'default',
      });
    });

    it.each([
      ['deleted', 'DELETE', 'data', undefined],
      ['destroyed', 'PUT', 'destroy', { versions: [1] }],
    ])(
      'takes a record whose version was %s by hand for damaged, and can write over it',
      async (state, method, area, body) => {
        const sink = open();
        const version = await sink.write(storedRecord('orders'), ABSENT);
        await admin(method, at(area, 'orders'), body);
        for (const reader of [sink, open()]) {
          const entry = await reader.read('orders');
          expect(entry).toMatchObject({
            kind: 'damaged',
            version,
            reason: expect.stringContaining(state) as string,
          });
          expect(await reader.list()).toEqual(['orders']);
        }
        const next = await open().write(storedRecord('orders', { prevent_destroy: true }), version);
        expect(await sink.read('orders')).toMatchObject({ kind: 'intact', version: next });
      },
    );

    it('takes a record with a key of somebody else for damaged, and one of a newer schema for newer', async () => {
      await open().write(storedRecord('orders'), ABSENT);
      const data = await dataOf('orders');
      await admin('POST', at('data', 'orders'), { data: { ...data, note: 'mine' } });
      expect(await open().read('orders')).toMatchObject({ kind: 'damaged' });
      await admin('POST', at('data', 'orders'), { data: { ...data, record: '{"schema":2}', note: 'new' } });
      const newer = await open().read('orders');
      expect(newer).toMatchObject({ kind: 'newer', schema: 2 });
      await expect(open().write(storedRecord('orders'), newer.version)).rejects.toThrow(/newer/);
    });

    it.each<[string, (sink: SecretSink) => Promise<unknown>]>([
      ['check', (sink) => sink.check()],
      ['list', (sink) => sink.list()],
    ])(
      'finishes at the next %s what a crash between tombstone and destruction left',
      async (_title, look) => {
        const sink = open();
        const first = await sink.write(storedRecord('orders'), ABSENT);
        const record = JSON.stringify({ removed: true, name: 'orders', nonce: 'n' });
        await admin('POST', at('data', 'orders'), { options: { cas: 1 }, data: { record } });
        const reader = openVaultReader(optionsFor(server.rootToken));
        expect(await reader.list()).toEqual([]);
        expect(await dataOf('orders', 1), 'who only reads leaves it').not.toBeNull();
        await look(open());
        expect(await dataOf('orders', 1)).toBeNull();
        expect(await open().read('orders')).toMatchObject({ kind: 'absent' });
        await expect(sink.write(storedRecord('orders'), first)).rejects.toThrow(SinkConflictError);
      },
    );

    it('needs no more than the policy of the documentation', async () => {
      const sink = open(await limitedToken());
      expect(await sink.check()).toEqual([]);
      expect(await sink.list()).toEqual([]);
      const first = await sink.write(storedRecord('orders'), ABSENT);
      const second = await sink.write(storedRecord('orders', { prevent_destroy: true }), first);
      expect(await sink.list()).toEqual(['orders']);
      await sink.remove('orders', second);
      expect((await metadataOf('orders')).custom_metadata).toMatchObject({ 'managed-by': 'linq-gitops' });
      expect(await dataOf('orders', 2)).toBeNull();
    });

    it.each(['/data/', '/metadata/', '/destroy/', '/config'])(
      'names the line for %s that a policy lacks',
      async (part) => {
        const error: unknown = await open(await limitedToken(part))
          .check()
          .catch((e: unknown) => e);
        expect(error).toBeInstanceOf(SinkError);
        const line = documentedPolicy(server.mount, path).find((one) => one.includes(part));
        expect((error as SinkError).message).toContain(line?.replace(/ +/g, ' '));
      },
    );

    it('says that a root token is more than is needed', async () => {
      expect(await open().check()).toEqual([expect.stringContaining('root token')]);
    });

    it('refuses version 1 of the engine, to read as well as to write', async () => {
      const sink = open(server.rootToken, { mount: server.kv1 });
      await expect(sink.check()).rejects.toThrow(/version 1.*conditional/);
      await expect(sink.list()).rejects.toThrow(/version 1/);
      await expect(sink.read('orders')).rejects.toThrow(/version 1/);
      await expect(sink.write(storedRecord('orders'), ABSENT)).rejects.toThrow(/version 1/);
      expect((await admin('GET', `${server.kv1}/data/${path}/orders`)).status).toBe(404);
    });

    it('refuses a mount that is not there, and says so instead of finding nothing', async () => {
      const sink = open(server.rootToken, { mount: 'no-such-mount' });
      await expect(sink.list()).rejects.toThrow(SinkError);
      await expect(sink.read('orders')).rejects.toThrow(SinkError);
    });

    it('refuses a token that is none', async () => {
      await expect(open('hvs.nonsense').list()).rejects.toThrow(/403/);
    });

    it('logs in by AppRole, and says where a login is refused what may be wrong', async () => {
      const mount = `approle-${path}`;
      await limitedToken();
      await admin('POST', `sys/auth/${mount}`, { type: 'approle' });
      await admin('POST', `auth/${mount}/role/gitops`, {
        token_policies: [`linq-${path}`],
        token_ttl: '10m',
      });
      const role = (await admin('GET', `auth/${mount}/role/gitops/role-id`)).body['data'] as {
        role_id: string;
      };
      const made = (await admin('POST', `auth/${mount}/role/gitops/secret-id`)).body['data'] as {
        secret_id: string;
      };
      const secret_id_file = join(await makeTempDir(), 'secret-id');
      await writeFile(secret_id_file, `${made.secret_id}\n`);
      const auth: VaultAuthSettings = {
        method: 'approle',
        mount,
        role_id: role.role_id,
        secret_id_file,
        namespace: null,
      };
      const sink = open('unused', { auth });
      expect(await sink.check()).toEqual([]);
      await sink.write(storedRecord('orders'), ABSENT);
      await writeFile(secret_id_file, '00000000-1111-2222-3333-444444444444');
      const error: unknown = await open('unused', { auth })
        .list()
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(SinkError);
      expect((error as SinkError).hint).toContain(`auth/${mount}`);
      expect((error as SinkError).message).not.toContain('44444444');
      await admin('DELETE', `sys/auth/${mount}`);
    });

    it('refuses a mount that deletes versions by itself', async () => {
      await admin('POST', `${server.mount}/config`, { delete_version_after: '24h0m0s' });
      try {
        await expect(open().check()).rejects.toThrow(/deletes every version/);
      } finally {
        await admin('POST', `${server.mount}/config`, { delete_version_after: '0s' });
      }
    });

    it('takes 200 records in one listing, and reads each of them once', async () => {
      const names = Array.from({ length: 200 }, (_, index) => `entry-${String(index).padStart(3, '0')}`);
      const sink = open();
      await Promise.all(names.map((name) => sink.write(storedRecord(name), ABSENT)));
      const other = open();
      expect(await other.list()).toEqual(names);
      const entries = await Promise.all(names.map((name) => other.read(name)));
      expect(entries.every(({ kind }) => kind === 'intact')).toBe(true);
    });
  });
}

/** With its secrets in the clear, to compare. */
function plain(record: object): unknown {
  return JSON.parse(
    JSON.stringify(record, (_, value: unknown) =>
      typeof value === 'object' && value !== null && 'reveal' in value
        ? (value as ReturnType<typeof someSecret>).reveal()
        : value,
    ),
  );
}
