import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSubscriptions } from '../../src/config/load-subscriptions.ts';
import type { Report } from '../../src/domain/report.ts';
import type { VaultAuthSettings } from '../../src/domain/settings.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { openApiKey } from '../../src/linq/api-key.ts';
import type { LinqWriter } from '../../src/linq/linq-api.ts';
import { openLinq } from '../../src/linq/rest-linq.ts';
import { reconcileOnce } from '../../src/reconcile/reconcile-once.ts';
import { openVaultSink } from '../../src/secrets/vault/vault-sink.ts';
import { SETTINGS } from '../simulation/model-settings.ts';
import { checkPromises } from '../support/account-checks.ts';
import type { FakeVault } from '../support/fake-vault/fake-vault.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { vaultOf } from '../support/stage-sinks/vault-stage-sink.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { documentedPolicy } from '../support/vault-admin.ts';
import { QUIET } from '../support/quiet-progress.ts';

const COUNT = 100;
const ENTRIES = Object.fromEntries(
  Array.from({ length: COUNT }, (_, index) => [
    `entry-${String(index).padStart(3, '0')}`,
    { target_url: `https://hooks.example.com/${index}?version=1`, subscribed_events: ['message.received'] },
  ]),
);
/** What docs/vault.md says of logins while requests are refused. */
const LOGIN_PAUSE_MS = 30_000;

type Role = Parameters<FakeVault['logins']['role']>[2];

/** 100 entries to create with records in a Vault that is logged in to by AppRole, on the clock of the Vault. */
interface Run {
  readonly stage: Stage;
  readonly vault: FakeVault;
  /** One pass. `meanwhile` is told of each create that is about to be sent, from 1, and of each second that is waited. */
  pass(meanwhile: { create?: (nth: number) => void; wait?: () => void }): Promise<Report>;
}

async function openRun(role: Role): Promise<Run> {
  const stage = await openStage({ sink: 'vault', entries: ENTRIES });
  const vault = vaultOf(stage);
  const auth = await appRole(vault, role);
  const pass: Run['pass'] = async ({ create, wait }) => {
    const sleep = (ms: number): Promise<void> => {
      vault.clock.advance(ms);
      wait?.();
      return Promise.resolve();
    };
    const sink = openVaultSink({
      address: vault.url,
      mount: 'secret',
      path: 'linq',
      namespace: null,
      auth,
      tls: { ca_file: null, cert_file: null, key_file: null, server_name: null },
      timeout: 5_000,
      concurrency: 8,
      owner: 'default',
      env: {},
      now: vault.clock.now,
      sleep,
    });
    const linq = openLinq({
      baseUrl: stage.emulator.url,
      apiKey: openApiKey({ keyFile: null, env: stage.env }),
      http: createHttpClient({ timeoutMs: 5_000, budgetMs: 10_000, userAgent: 'test' }),
    });
    const { desired } = await loadSubscriptions(stage.file);
    let uniques = 0;
    try {
      const { report } = await reconcileOnce(desired, {
        reader: linq.reader,
        writer: told(linq.writer, create),
        secrets: sink,
        sink,
        settings: { ...SETTINGS, secrets: { ...SETTINGS.secrets, store_timeout: 60_000 } },
        allowances: [],
        holder: { host: 'a', boot: 'b', pid: 1, started: '1', mode: 'sync' },
        isGone: () => Promise.resolve(false),
        clock: { now: vault.clock.now, sleep },
        unique: () => `${vault.clock.now()}u${(uniques += 1)}`,
        stop: { signal: new AbortController().signal, graceMs: 1_000 },
        progress: QUIET,
        storeTimeout: 60_000,
        isFileBad: false,
        fights: new Set(),
        rotate: new Map(),
        adopt: new Map(),
        only: null,
        expectedPlan: null,
        onPlan: () => undefined,
        onNotice: () => undefined,
      });
      return report;
    } finally {
      await Promise.all([sink.close(), linq.close()]);
    }
  };
  return { stage, vault, pass };
}

async function appRole(vault: FakeVault, role: Role): Promise<VaultAuthSettings> {
  vault.policies.put('gitops', policy());
  vault.logins.mounts.set('approle', 'approle');
  const { roleId } = vault.logins.role('approle', 'gitops', { policies: ['gitops'], ...role });
  const secret_id_file = join(await makeTempDir(), 'secret-id');
  await writeFile(secret_id_file, vault.logins.addSecretId('approle', 'gitops'));
  return { method: 'approle', mount: 'approle', role_id: roleId, secret_id_file, namespace: null };
}

const policy = (): string => documentedPolicy('secret', 'linq').join('\n');

function told(writer: LinqWriter, onCreate: (nth: number) => void = () => undefined): LinqWriter {
  let creates = 0;
  return {
    ...writer,
    createSubscription(fields) {
      onCreate((creates += 1));
      return writer.createSubscription(fields);
    },
  };
}

/** All is done, without a create that was undone or repeated, and every secret is where it belongs. */
async function expectAllCreated({ stage }: Run, report: Report): Promise<void> {
  expect(report.items.filter(({ result }) => result.status !== 'done')).toEqual([]);
  expect(report.items).toHaveLength(COUNT);
  const methods = stage.emulator.requests.map(({ method }) => method);
  expect(methods.filter((method) => method === 'POST')).toHaveLength(COUNT);
  expect(methods).not.toContain('DELETE');
  await checkPromises(stage);
}

function latestToken({ seen }: FakeVault): string {
  return String(seen.at(-1)?.headers['x-vault-token']);
}

/** The clock moves by so much at each create, as if each took so long. */
const STEP_MS = 6_000;

test('I2: 100 creates with tokens that cannot be renewed take one login for two thirds of a life at most', async () => {
  const ttlMs = 60_000;
  const run = await openRun({ ttlMs, isBatch: true });
  const report = await run.pass({ create: () => run.vault.clock.advance(STEP_MS) });
  await expectAllCreated(run, report);
  expect(run.vault.logins.count).toBeLessThanOrEqual(1 + Math.floor((COUNT * STEP_MS) / ((ttlMs * 2) / 3)));
  expect(run.vault.logins.count, 'tokens did run out').toBeGreaterThanOrEqual((COUNT * STEP_MS) / ttlMs);
});

test('I2: 100 creates with tokens that are renewed up to a maximum take one login for each of these', async () => {
  const [ttlMs, maxTtlMs] = [60_000, 300_000];
  const run = await openRun({ ttlMs, maxTtlMs });
  const report = await run.pass({ create: () => run.vault.clock.advance(STEP_MS) });
  await expectAllCreated(run, report);
  const atMost = 1 + Math.floor((COUNT * STEP_MS) / (maxTtlMs - ttlMs / 2));
  expect(run.vault.logins.count).toBeLessThanOrEqual(atMost);
  expect(run.vault.logins.count, 'tokens did run out').toBeGreaterThanOrEqual((COUNT * STEP_MS) / maxTtlMs);
});

test('I2: 100 creates during which the token is revoked twice take one login for each', async () => {
  const run = await openRun({});
  const report = await run.pass({
    create(nth) {
      run.vault.clock.advance(STEP_MS);
      if (nth === 30 || nth === 60) run.vault.tokens.revoke(latestToken(run.vault));
    },
  });
  await expectAllCreated(run, report);
  expect(run.vault.logins.count).toBe(3);
});

test('I2: 100 creates during which the role gets another policy take one login for it', async () => {
  const run = await openRun({});
  const report = await run.pass({
    create(nth) {
      if (nth !== 50) return;
      run.vault.policies.put('other', policy());
      run.vault.logins.role('approle', 'gitops', { policies: ['other'] });
      run.vault.policies.remove('gitops');
    },
  });
  await expectAllCreated(run, report);
  expect(run.vault.logins.count).toBe(2);
});

test('I2: 100 creates during which the policy is away for a while lose nothing, and take one login in 30 seconds', async () => {
  const run = await openRun({});
  const { vault } = run;
  let [goneAt, refusedMs] = [0, 0];
  const report = await run.pass({
    create(nth) {
      if (nth !== 50) return;
      goneAt = vault.clock.now();
      vault.policies.remove('gitops');
    },
    wait() {
      if (goneAt === 0 || refusedMs > 0 || vault.clock.now() < goneAt + 45_000) return;
      refusedMs = vault.clock.now() - goneAt;
      vault.policies.put('gitops', policy());
    },
  });
  expect(refusedMs, 'it was away, and came back').toBeGreaterThan(0);
  expect(vault.logins.count).toBeLessThanOrEqual(2 + Math.floor(refusedMs / LOGIN_PAUSE_MS));
  // What could not even begin is for the next pass; a secret that was got is never given up.
  expect(report.items.filter(({ result }) => result.status === 'unknown')).toEqual([]);
  expect(run.stage.emulator.requests.filter(({ method }) => method === 'DELETE')).toEqual([]);
  const before = report.items.filter(({ result }) => result.status === 'done').length;
  const second = await run.pass({});
  expect(second.items.filter(({ result }) => result.status !== 'done')).toEqual([]);
  expect(before + second.items.length).toBe(COUNT);
  await checkPromises(run.stage);
});
