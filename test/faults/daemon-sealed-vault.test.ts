import { describe, expect, it, onTestFinished } from 'vitest';
import { changesOf, linesOf, openBench, type Daemon, type DaemonBench } from '../support/daemon-bench.ts';
import { startFakeVault, type FakeVault } from '../support/fake-vault/fake-vault.ts';
import { truthOf } from '../support/stage.ts';

const MINUTE = 60_000;
/** What Kubernetes gives a process between SIGTERM and SIGKILL. */
const GRACE = 30_000;
const EVENTS = ['message.received'];
const ORDERS = {
  target_url: 'https://hooks.example.com/orders?version=2026-02-03',
  subscribed_events: EVENTS,
};
const BILLING = {
  target_url: 'https://hooks.example.com/billing?version=2026-02-03',
  subscribed_events: EVENTS,
};

interface VaultBench {
  readonly bench: DaemonBench;
  readonly vault: FakeVault;
  readonly daemon: Daemon;
}

/** A daemon whose Vault was sealed after the POST for `billing` was answered, and before its secret was stored. */
async function sealInTheMiddleOfACreate(): Promise<VaultBench> {
  const vault = await startFakeVault();
  onTestFinished(() => vault.close());
  const bench = await openBench({
    entries: { orders: ORDERS },
    env: {
      LINQ_GITOPS_OWNER: 'bench',
      LINQ_GITOPS_SECRETS_SINK: 'vault',
      VAULT_ADDR: vault.url,
      VAULT_TOKEN: vault.rootToken,
    },
  });
  const daemon = await bench.start({ follow: { pollMs: 10_000, watches: false } });
  await bench.time.rest();
  expect((await daemon.get('/readyz')).status).toBe(200);
  const held = bench.stage.emulator.addFault({
    match: { path: 'create' },
    action: { kind: 'hold', at: 'after' },
  });
  await bench.stage.declare({ orders: ORDERS, billing: BILLING });
  const passing = bench.time.pass(10_000);
  await held.reached();
  vault.state.isSealed = true;
  held.remove();
  await passing;
  return { bench, vault, daemon };
}

/** What Vault holds of an entry, for the receiver. */
function storedIn(vault: FakeVault, name: string): Readonly<Record<string, unknown>> | undefined {
  const versions = [...(vault.kv.secrets.get(`linq/${name}`)?.versions.values() ?? [])];
  return versions.at(-1)?.data as Readonly<Record<string, unknown>> | undefined;
}

function liveSecrets({ stage }: DaemonBench): readonly string[] {
  return stage.emulator
    .subscriptions()
    .filter(({ target_url }) => [ORDERS.target_url, BILLING.target_url].includes(target_url))
    .map(({ signing_secret }) => signing_secret.reveal());
}

describe('a Vault that is sealed in the middle of a create', () => {
  it('I2: finds the secret in memory when it is unsealed, and the daemon stays ready', async () => {
    const { bench, vault, daemon } = await sealInTheMiddleOfACreate();
    for (let minute = 1; minute <= 5; minute += 1) {
      await bench.time.pass(MINUTE);
      expect((await daemon.status()).unstored).toEqual(['billing']);
      expect(await daemon.metric('linq_gitops_unstored_secrets')).toBe(1);
      expect((await daemon.get('/readyz')).status).toBe(200);
      expect((await daemon.get('/livez')).status).toBe(200);
    }
    expect(storedIn(vault, 'billing')).not.toHaveProperty('signing_secret');
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'POST']);

    vault.state.isSealed = false;
    await bench.time.pass(MINUTE);
    expect((await daemon.status()).unstored).toEqual([]);
    expect(await daemon.metric('linq_gitops_unstored_secrets')).toBe(0);
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'POST', 'PUT']);
    expectStored(bench, vault);
    const told = ['secret_unstored', 'secret_settled'].flatMap((event) => linesOf(daemon, event));
    expect(told.filter(({ level }) => level !== 'debug').map(({ level }) => level)).toEqual([
      'error',
      'info',
    ]);
    await daemon.stop();
    expect(liveSecrets(bench).filter((secret) => JSON.stringify(daemon.log).includes(secret))).toEqual([]);
  });

  it('I2: costs the new subscription where the daemon is stopped meanwhile, and the next start makes another', async () => {
    const { bench, vault, daemon } = await sealInTheMiddleOfACreate();
    await bench.time.pass(MINUTE);
    const stoppedAt = bench.time.clock.now();
    await daemon.stop();
    expect(bench.time.clock.now() - stoppedAt).toBeLessThanOrEqual(GRACE);
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'POST', 'DELETE']);
    expect(truthOf(bench.stage.emulator)).toHaveLength(bench.stage.foreign.length + 1);

    vault.state.isSealed = false;
    const next = await bench.start();
    await bench.time.rest();
    expect((await next.get('/startupz')).status).toBe(200);
    await next.stop();
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'POST', 'DELETE', 'POST', 'PUT']);
    expectStored(bench, vault);
  });

  it('I10: a Vault that resets every connection does not keep a daemon from stopping within the grace', async () => {
    const { bench, vault, daemon } = await sealInTheMiddleOfACreate();
    vault.state.isSealed = false;
    vault.faults.inject(() => true, { kind: 'reset', after: false }, Number.POSITIVE_INFINITY);
    await bench.time.pass(MINUTE);
    const stoppedAt = bench.time.clock.now();
    await daemon.stop();
    expect(bench.time.clock.now() - stoppedAt).toBeLessThanOrEqual(GRACE);
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'POST', 'DELETE']);
    expect(truthOf(bench.stage.emulator)).toHaveLength(bench.stage.foreign.length + 1);

    vault.faults.clear();
    const next = await bench.start();
    await bench.time.rest();
    await next.stop();
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'POST', 'DELETE', 'POST', 'PUT']);
    expectStored(bench, vault);
  });

  it('does not end a daemon that has nothing to store, nor does it ask Linq for writes', async () => {
    const { bench, vault, daemon } = await sealInTheMiddleOfACreate();
    vault.state.isSealed = false;
    await bench.time.pass(MINUTE);
    vault.state.isSealed = true;
    await bench.stage.declare({ orders: ORDERS });
    await bench.time.pass(30 * MINUTE);
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'POST', 'PUT']);
    expect((await daemon.get('/readyz')).status).toBe(200);
    const failed = linesOf(daemon, 'pass_failed');
    expect(failed.filter(({ level }) => level === 'error').map(({ msg }) => msg)).toEqual([
      expect.stringContaining('sealed'),
    ]);

    vault.state.isSealed = false;
    await bench.time.pass(6 * MINUTE);
    expect(changesOf(bench)).toEqual(['POST', 'PUT', 'POST', 'PUT', 'DELETE']);
    expect(linesOf(daemon, 'pass_recovered')).toHaveLength(1);
  });
});

/** I2: both entries are live at their own URLs, and Vault has their secrets. */
function expectStored({ stage }: DaemonBench, vault: FakeVault): void {
  for (const [name, { target_url }] of Object.entries({ orders: ORDERS, billing: BILLING })) {
    const live = stage.emulator.subscriptions().filter((one) => one.target_url === target_url);
    expect(live).toHaveLength(1);
    const stored = storedIn(vault, name);
    expect(stored?.['subscription_id']).toBe(live[0]?.id);
    const isSame = stored?.['signing_secret'] === live[0]?.signing_secret.reveal();
    expect(isSame, `the secret of ${name}`).toBe(true);
  }
}
