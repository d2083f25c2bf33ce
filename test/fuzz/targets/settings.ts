import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { ConfigError } from '../../../src/domain/errors.ts';
import { isIgnored } from '../../../src/domain/target-url.ts';
import type { Settings } from '../../../src/domain/settings.ts';
import { fileAt, filesIn } from '../corpus.ts';
import { nearTo } from '../near.ts';
import { canonical, demand, reported, type Target, type Verdict } from '../target.ts';

const FILE = 'linq-gitops.yaml';
const COMMON = {
  owner: 'team-a',
  subscriptions: './subscriptions.yaml',
  api: { base_url: 'https://api.linqapp.com/api/partner', key_file: './key', timeout: '15s', concurrency: 4 },
  policy: {
    prune: 'owned',
    unowned: 'hold',
    drift: 'revert',
    retire: '1d',
    max_deletes: '25%',
    allow: ['deletes'],
    ignore: ['https://elsewhere.example/**', '**e**e*e**e**e*e**e**e*b'],
  },
  replace: { overlap: '10m', keep_previous: '0s', at_once: 5 },
  daemon: { interval: '5m', jitter: '10%', listen: '127.0.0.1:9653' },
};
const FILE_SINK = {
  sink: 'file',
  store_timeout: '60s',
  file: { directory: './secrets', ephemeral: false },
  export: { directory: './export', mode: '0640', group: 1000, notify: 'http://127.0.0.1:8080/reload' },
};
const VAULT_SINK = {
  sink: 'vault',
  vault: {
    address: 'https://vault.example.com:8200',
    mount: 'secret',
    path: 'linq',
    namespace: 'admin/team',
    auth: { method: 'approle', role_id: 'r', secret_id_file: './id', mount: 'approle', namespace: 'admin' },
    tls: { ca_file: './ca.pem', server_name: 'vault.internal' },
    timeout: '15s',
    concurrency: 8,
  },
};

const tree = nearTo({ ...COMMON, secrets: FILE_SINK }, { ...COMMON, secrets: VAULT_SINK });

/** A settings file: what is accepted means what plain YAML and the published schema make of it. */
export const settings: Target = {
  name: 'settings',
  corpus: [
    ...filesIn('.yaml', 'test/fixtures/settings/good', 'test/fixtures/settings/bad'),
    fileAt('config.example/linq-gitops.yaml'),
    fileAt('config.example/github/linq-gitops.yaml'),
    fileAt('config.example/systemd/linq-gitops.yaml'),
  ],
  near: fc.oneof(
    tree.map((value) => JSON.stringify(value, null, 1)),
    tree.map((value) => stringify(JSON.parse(JSON.stringify(value)))),
  ),
  async open() {
    const folder = await mkdtemp(join(tmpdir(), 'linq-gitops-test-'));
    return {
      check: (input) => check(folder, input),
      close: () => rm(folder, { recursive: true }),
    };
  },
};

async function check(folder: string, input: Buffer): Promise<Verdict> {
  await writeFile(join(folder, FILE), input);
  let loaded: Settings;
  try {
    loaded = (await loadSettings({ file: FILE, cwd: folder, env: {}, flags: {} })).settings;
  } catch (error) {
    const text = reported(error);
    demand(error instanceof ConfigError && error.problems.length > 0, 'an error without a problem', text);
    return 'refused';
  }
  checkMeaning(loaded, plainOf(input), folder);
  // Whatever the account holds, it is looked at in bounded time.
  for (const letter of ['a', '/', 'e'])
    isIgnored(`https://elsewhere.example/${letter.repeat(2_000)}`, loaded.policy.ignore);
  return 'accepted';
}

type Plain = Readonly<Record<string, unknown>>;

const isValid = new Ajv2020({ strict: false, validateSchema: false }).compile(
  JSON.parse(fileAt('schema/settings.schema.json').toString('utf8')) as object,
);

function plainOf(input: Buffer): Plain {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(input);
  let plain: unknown;
  try {
    plain = parse(text, {
      version: '1.2',
      schema: 'core',
      uniqueKeys: true,
      maxAliasCount: -1,
      logLevel: 'silent',
    });
  } catch (error) {
    demand(false, 'accepted, and plain YAML refuses it', error);
  }
  const file: unknown = JSON.parse(JSON.stringify(plain ?? {}));
  demand(isValid(file), 'accepted, and the schema refuses it', isValid.errors);
  return file as Plain;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

function checkMeaning(loaded: Settings, file: Plain, folder: string): void {
  const { api, secrets, policy, replace, daemon } = loaded;
  const at = (path: string): unknown =>
    path.split('.').reduce<unknown>((node, key) => (node as Plain | undefined)?.[key], file);
  const as = (
    path: string,
    otherwise: unknown,
    read: (value: never) => unknown = (value) => value,
  ): unknown => read((at(path) ?? otherwise) as never);
  const path = (value: string): string => resolve(folder, value);
  const time = (value: string): number => {
    const [, count, unit = ''] = /^(\d+)([a-z]+)$/.exec(value) ?? [];
    return Number(count) * (UNITS[unit] ?? Number.NaN);
  };
  const share = (value: string | number): unknown =>
    typeof value === 'number' ? { count: value } : { share: Number.parseFloat(value) / 100 };
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['owner', loaded.owner, as('owner', 'default')],
    ['subscriptions', loaded.subscriptions, as('subscriptions', './subscriptions.yaml', path)],
    ['api.timeout', api.timeout, as('api.timeout', '15s', time)],
    ['api.concurrency', api.concurrency, as('api.concurrency', 4)],
    ['api.key_file', api.key_file, at('api.key_file') === undefined ? null : as('api.key_file', '', path)],
    ['policy.prune', policy.prune, as('policy.prune', 'owned')],
    ['policy.unowned', policy.unowned, as('policy.unowned', 'hold')],
    ['policy.drift', policy.drift, as('policy.drift', 'revert')],
    ['policy.max_deletes', policy.max_deletes, as('policy.max_deletes', '25%', share)],
    ['policy.retire', policy.retire, as('policy.retire', '0s', time)],
    ['policy.ignore', policy.ignore, as('policy.ignore', [])],
    ['policy.allow', policy.allow.length, as('policy.allow', [], (list: readonly string[]) => list.length)],
    ['replace.overlap', replace.overlap, as('replace.overlap', '10m', time)],
    ['replace.keep_previous', replace.keep_previous, as('replace.keep_previous', '1h', time)],
    ['replace.at_once', replace.at_once, as('replace.at_once', 5)],
    ['daemon.interval', daemon.interval, as('daemon.interval', '5m', time)],
    ['daemon.jitter', { share: daemon.jitter }, as('daemon.jitter', '10%', share)],
    ['secrets.sink', secrets.sink, as('secrets.sink', 'file')],
    ['secrets.store_timeout', secrets.store_timeout, as('secrets.store_timeout', '60s', time)],
  ];
  for (const [key, own, expected] of pairs) {
    demand(canonical(own) === canonical(expected), `${key} means something else`, { own, expected });
  }
  const listen = `${daemon.listen.host.includes(':') && !daemon.listen.host.startsWith('[') ? `[${daemon.listen.host}]` : daemon.listen.host}:${daemon.listen.port}`;
  demand(listen === as('daemon.listen', '127.0.0.1:9653'), 'daemon.listen means something else', listen);
  checkUrl(api.base_url, as('api.base_url', 'https://api.linqapp.com/api/partner'));
  if (secrets.sink === 'vault') checkUrl(secrets.vault.address, at('secrets.vault.address'));
  else {
    demand(secrets.file.directory === as('secrets.file.directory', './secrets', path), 'another folder');
    demand(secrets.file.ephemeral === as('secrets.file.ephemeral', false), 'ephemeral means something else');
  }
  for (const number of numbersIn(loaded))
    demand(Number.isFinite(number) && number >= 0, 'not a number', loaded);
}

function checkUrl(own: string, declared: unknown): void {
  const [a, b] = [new URL(own), new URL(String(declared))];
  demand(a.href.replace(/\/+$/, '') === b.href.replace(/\/+$/, ''), 'another address', { own, declared });
  demand(
    a.protocol === 'https:' || /^(localhost|127\.[\d.]+|\[::1\])$/.test(a.hostname),
    'an address in the clear',
    own,
  );
  demand(a.username + a.password === '', 'an address with credentials');
}

function* numbersIn(value: unknown): Generator<number> {
  if (typeof value === 'number') yield value;
  if (typeof value === 'object' && value !== null)
    for (const part of Object.values(value)) yield* numbersIn(part);
}
