import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EntryRecord } from '../../../src/domain/record.ts';
import { Secret } from '../../../src/domain/secret.ts';
import type { VaultAuthSettings } from '../../../src/domain/settings.ts';
import { encodeEntry } from '../../../src/secrets/record-codec.ts';
import { ABSENT, type SecretSink } from '../../../src/secrets/sink.ts';
import { entryToMap } from '../../../src/secrets/vault/record-map.ts';
import { openVaultSink } from '../../../src/secrets/vault/vault-sink.ts';
import { fullRecord, storedRecord } from '../../support/record-builders.ts';
import { jsonTexts } from '../corpus.ts';
import { nearTo } from '../near.ts';
import { CANARY, canonical, demand, reported, SECRETS, type Target } from '../target.ts';
import { answerOf, startAnswering, type Answer, type Asked } from './answering-server.ts';

const NAME = 'orders';
const STORED = storedRecord(NAME);
const RECORD = { ...STORED, current: { ...STORED.current!, signing_secret: new Secret(SECRETS.signing) } };
const CREATED = '2026-09-01T12:00:00.000000001Z';
const METADATA = {
  created_time: CREATED,
  deletion_time: '',
  destroyed: false,
  custom_metadata: { 'managed-by': 'linq-gitops' },
};
const READ = { data: { data: entryToMap(RECORD), metadata: { ...METADATA, version: 3 } } };
const LOGIN = {
  auth: { client_token: SECRETS.vaultToken, lease_duration: 3600, renewable: true, policies: ['linq'] },
  warnings: null,
};
const WRITTEN = { data: { ...METADATA, version: 1 } };
const VERSIONS = {
  data: {
    current_version: 4,
    custom_metadata: { 'managed-by': 'linq-gitops' },
    versions: Object.fromEntries(
      [1, 2, 3, 4].map((number) => [number, { ...METADATA, destroyed: number === 1 }]),
    ),
  },
};
const REFUSAL = {
  errors: [`permission denied ${SECRETS.vaultToken} ${SECRETS.jwt} ${SECRETS.signing}`],
  warnings: ['x'],
};

type Json = Readonly<Record<string, unknown>>;
type Route = 'login' | 'lookup' | 'mount' | 'list' | 'read' | 'write' | 'metadata' | 'mark' | 'destroy';

function routeOf({ method, path }: Asked): Route | undefined {
  if (path.includes('/login')) return 'login';
  if (path.includes('lookup-self')) return 'lookup';
  if (path.includes('sys/internal')) return 'mount';
  if (path.endsWith('?list=true')) return 'list';
  if (path.includes('/data/')) return method === 'GET' ? 'read' : 'write';
  if (path.includes('/metadata/')) return method === 'GET' ? 'metadata' : 'mark';
  return path.includes('/destroy/') ? 'destroy' : undefined;
}

/** Everything that is asked while one input is checked. */
interface Run {
  readonly sink: SecretSink;
  readonly asked: readonly Asked[];
  /** The fuzzed answer, as JSON. */
  readonly body: () => Json;
}

interface Plan {
  /** The route that answers with the input. */
  readonly route: Route;
  readonly good: readonly Json[];
  readonly auth?: VaultAuthSettings['method'];
  /** What the other routes answer, where it is not what everybody gets. */
  readonly others?: Partial<Record<Route, Json | number>>;
  /** What is done; what must be true where it is done. */
  run(run: Run): Promise<void>;
}

/** Bodies of Vault, each read by the operation of the sink that asks for it. */
export const vaultTargets: readonly Target[] = [
  vaultTarget('vault-login', {
    route: 'login',
    auth: 'jwt',
    good: [LOGIN],
    async run({ sink, asked, body }) {
      await sink.list();
      const token = (body()['auth'] as Json)['client_token'];
      demand(typeof token === 'string' && token !== '', 'a login without a token');
      for (const { headers } of asked.filter((one) => routeOf(one) !== 'login')) {
        demand(headers['x-vault-token'] === token, 'another token than the one that was handed out');
      }
    },
  }),
  vaultTarget('vault-lookup', {
    route: 'lookup',
    good: [{ data: { ttl: 3600, renewable: true, policies: ['linq'], id: SECRETS.vaultToken } }],
    async run({ sink }) {
      await sink.list();
    },
  }),
  vaultTarget('vault-list', {
    route: 'list',
    good: [{ data: { keys: [NAME, 'orders-2', 'folder/', '_installation'] } }, { errors: [] }],
    async run({ sink, body }) {
      const names = await sink.list();
      const keys = (body()['data'] as Json | undefined)?.['keys'] ?? [];
      demand(
        names.every((name) => name === NAME && (keys as readonly unknown[]).includes(name)),
        'other names',
        names,
      );
      demand(new Set(names).size === names.length, 'a name twice', names);
    },
  }),
  vaultTarget('vault-read', {
    route: 'read',
    good: [
      READ,
      { data: { ...READ.data, data: entryToMap(fullRecord(NAME)) } },
      { data: { data: null, metadata: METADATA } },
    ],
    async run({ sink, body }) {
      const entry = await sink.read(NAME);
      const said = body();
      const { data: map, metadata } = (said['data'] ?? {}) as { data?: Json | null; metadata?: Json };
      if (entry.kind === 'absent') {
        const isRemoved = /"removed\\*":\s*true/.test(JSON.stringify(map ?? {}));
        demand(isRemoved || canonical(said['errors']) === '[]', 'a record is gone', said);
        return;
      }
      demand(
        entry.version === `${String(metadata?.['version'])}-${String(metadata?.['created_time'])}`,
        'another version',
      );
      if (entry.kind === 'damaged') {
        demand(
          !entry.reason.includes(CANARY) && /^[\w ,".-]+$/.test(entry.reason),
          'a reason quotes the record',
          entry,
        );
      }
      if (entry.kind !== 'intact') return;
      demand(entry.record.name === NAME, "another entry's record");
      const own = entryToMap(entry.record);
      const plain = ({ record, ...rest }: Json): Json => ({
        ...rest,
        record: JSON.parse(String(record)) as unknown,
      });
      demand(
        canonical(plain(own)) === canonical(plain(map ?? {})) || isOwnForm(map ?? {}, entry.record),
        'another record',
        {
          own,
          map,
        },
      );
    },
  }),
  vaultTarget('vault-write', {
    route: 'write',
    good: [WRITTEN],
    others: { read: 404 },
    async run({ sink, body }) {
      const version = await sink.write(RECORD, ABSENT);
      const data = body()['data'] as Json;
      demand(
        data['version'] === 1 && version === `1-${String(data['created_time'])}`,
        'stored by an answer that is none',
        body(),
      );
    },
  }),
  vaultTarget('vault-metadata', {
    route: 'metadata',
    good: [VERSIONS],
    others: { write: { data: { ...METADATA, version: 4 } } },
    async run({ sink, asked }) {
      await sink.remove(NAME, `3-${CREATED}`);
      for (const { body } of asked.filter((one) => routeOf(one) === 'destroy')) {
        const { versions } = JSON.parse(body) as { readonly versions: readonly number[] };
        demand(
          versions.every((one) => Number.isInteger(one) && one > 0 && one < 4),
          'it destroys what counts',
          versions,
        );
        demand(new Set(versions).size === versions.length, 'it destroys one twice', versions);
      }
    },
  }),
];

/** Where a consumer's key was written into `record` too, or the other way round, the meaning counts. */
function isOwnForm(map: Json, record: EntryRecord): boolean {
  const rest = JSON.parse(String(map['record'])) as Json;
  const whole = encodeEntry(record);
  return Object.entries(rest).every(([key, value]) => {
    const own = whole[key];
    if (typeof own !== 'object' || own === null || Array.isArray(own))
      return canonical(own) === canonical(value);
    return Object.entries(value as Json).every(
      ([part, inner]) => canonical((own as Json)[part]) === canonical(inner),
    );
  });
}

function vaultTarget(name: string, plan: Plan): Target {
  const refusals = jsonTexts(REFUSAL, { errors: [] }).flatMap((body) =>
    [400, 403, 404, 412, 500, 503].map((status) => Buffer.concat([Buffer.from(`${status}\n`), body])),
  );
  return {
    name,
    corpus: [...jsonTexts(...plan.good), ...refusals, Buffer.from('204\n'), Buffer.from('<html>')],
    near: nearTo(...plan.good, ...plan.good, REFUSAL).map((value) => JSON.stringify(value)),
    async open() {
      const folder = await mkdtemp(join(tmpdir(), 'linq-gitops-test-'));
      await writeFile(join(folder, 'jwt'), SECRETS.jwt);
      let answer: Answer = { status: 200, body: Buffer.alloc(0) };
      let asked: Asked[] = [];
      const server = await startAnswering((request) => {
        asked.push(request);
        const route = routeOf(request);
        return route === plan.route ? answer : answerFor(request, route, plan);
      });
      return {
        async check(input) {
          answer = answerOf(input);
          asked = [];
          const sink = openSink(server.url, plan.auth, folder);
          const body = (): Json => {
            // As whoever decodes it: without a byte order mark.
            const text = new TextDecoder().decode(answer.body);
            return text === '' ? {} : (JSON.parse(text) as Json);
          };
          try {
            await plan.run({ sink, asked, body });
            return 'accepted';
          } catch (error) {
            reported(error, plan.auth === 'jwt' ? ['jwt'] : []);
            return 'refused';
          } finally {
            await sink.close();
          }
        },
        async close() {
          await server.close();
          await rm(folder, { recursive: true });
        },
      };
    },
  };
}

function answerFor({ path }: Asked, route: Route | undefined, { others }: Plan): Answer {
  const bodies: Partial<Record<Route, Json | number>> = {
    login: LOGIN,
    lookup: { data: { ttl: 3600, renewable: true, policies: ['linq'] } },
    mount: { data: { type: 'kv', path: 'secret/', options: { version: '2' } } },
    list: { data: { keys: [NAME] } },
    read: path.endsWith(`/${NAME}`) ? READ : 404,
    mark: {},
    destroy: {},
    ...others,
  };
  const body = route === undefined ? 404 : (bodies[route] ?? 404);
  return typeof body === 'number'
    ? { status: body, body: Buffer.from('{"errors":[]}') }
    : { status: 200, body: Buffer.from(JSON.stringify(body)) };
}

function openSink(
  address: string,
  method: VaultAuthSettings['method'] | undefined,
  folder: string,
): SecretSink {
  const auth: VaultAuthSettings =
    method === 'jwt'
      ? { method, mount: 'jwt', role: null, token_file: join(folder, 'jwt'), namespace: null }
      : { method: 'token', token_file: null };
  let time = 0;
  return openVaultSink({
    address,
    mount: 'secret',
    path: 'linq',
    namespace: null,
    auth,
    tls: { ca_file: null, cert_file: null, key_file: null, server_name: null },
    timeout: 10_000,
    concurrency: 8,
    owner: 'default',
    env: { VAULT_TOKEN: SECRETS.vaultToken },
    // Waits are not waited for; the clock moves by them.
    sleep(ms) {
      time += ms;
      return Promise.resolve();
    },
    now: () => time,
    random: () => 0.5,
  });
}
