import { readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkDelivering, checkForeign, checkPromises } from '../support/account-checks.ts';
import { documentOf, openStage, runUntilDone, truthOf, type Entries, type Stage } from '../support/stage.ts';
import type { SinkKind } from '../support/stage-sinks/stage-sink.ts';
import { vaultOf, versionsIn } from '../support/stage-sinks/vault-stage-sink.ts';
import { askVault } from '../support/vault-admin.ts';

const ENTRIES: Entries = Object.fromEntries(
  ['orders', 'support'].map((name) => [
    name,
    {
      target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
      subscribed_events: ['message.received'],
    },
  ]),
);
/** What a request takes to land, and a little more: the shortest overlap. */
const OVERLAP_MS = 65_000;

interface Loss {
  readonly title: string;
  readonly sink: SinkKind;
  readonly guard: 'secret-loss' | 'unowned';
  readonly damage: (stage: Stage) => Promise<unknown>;
}

const recordOf = (stage: Stage): string => join(stage.sinkDir, 'orders.json');

async function askAsAdmin(stage: Stage, method: string, area: string, body?: object): Promise<void> {
  const { url: address, rootToken } = vaultOf(stage);
  const { status } = await askVault({ address, rootToken }, method, `secret/${area}/linq/orders`, body);
  expect(status).toBeLessThan(300);
}

function lastVersion(stage: Stage): number {
  return Math.max(...versionsIn(vaultOf(stage), 'orders'));
}

const LOSSES: readonly Loss[] = [
  {
    title: 'a file that was deleted',
    sink: 'file',
    guard: 'unowned',
    damage: (stage) => rm(recordOf(stage)),
  },
  {
    title: 'a file that was cut off',
    sink: 'file',
    guard: 'secret-loss',
    damage: async (stage) => truncate(recordOf(stage), (await readFile(recordOf(stage))).length / 2),
  },
  {
    title: 'a version that was destroyed in Vault',
    sink: 'vault',
    guard: 'secret-loss',
    damage: (stage) => askAsAdmin(stage, 'PUT', 'destroy', { versions: [lastVersion(stage)] }),
  },
  {
    title: 'a version that was deleted in Vault',
    sink: 'vault',
    guard: 'secret-loss',
    damage: (stage) => askAsAdmin(stage, 'POST', 'delete', { versions: [lastVersion(stage)] }),
  },
  {
    title: 'a key that was taken out in Vault',
    sink: 'vault',
    guard: 'secret-loss',
    async damage(stage) {
      const secret = vaultOf(stage).kv.secrets.get('linq/orders');
      const data = { ...(secret?.versions.get(secret.current)?.data as Record<string, string>) };
      delete data['signing_secret'];
      await askAsAdmin(stage, 'POST', 'data', { data });
    },
  },
];

async function openSynced(sink: SinkKind): Promise<Stage> {
  const stage = await openStage({
    sink,
    entries: ENTRIES,
    env: { LINQ_GITOPS_REPLACE_OVERLAP: '1ms', LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0' },
  });
  await runUntilDone(stage, ['sync']);
  return stage;
}

function ownIn(stage: Stage): readonly unknown[] {
  return truthOf(stage.emulator).slice(stage.foreign.length);
}

test.each(LOSSES)(
  'I2: $title in the sink is reported and touched by nothing, until it is let through and replaced without a gap',
  async ({ sink, guard, damage }) => {
    const stage = await openSynced(sink);
    const before = truthOf(stage.emulator);
    await damage(stage);
    const found = await stage.run(['sync', '--format', 'json']);
    expect(found.code, found.stdout).toBe(3);
    const { plan, requests } = documentOf(found);
    expect(plan?.held).toMatchObject([{ name: 'orders', guard }]);
    expect(plan?.operations).toEqual([]);
    expect(requests.writes).toBe(0);
    expect(truthOf(stage.emulator)).toEqual(before);

    const replaced = await stage.run(['sync', '--allow', `${guard}:orders`]);
    expect(replaced.code, replaced.stdout).toBe(0);
    expect(ownIn(stage), 'the old one delivers until receivers know the new secret').toHaveLength(3);
    expect(truthOf(stage.emulator)).toEqual(expect.arrayContaining([...before]));
    stage.emulator.shiftClock(OVERLAP_MS);
    await runUntilDone(stage, ['sync']);
    await checkDelivering(stage, 'orders', '/orders');
    expect(ownIn(stage)).toHaveLength(2);
    await checkPromises(stage, { hasHistory: true });
  },
);

test.each(LOSSES)(
  'I2: a daemon that was there before finds $title when it looks, and says so once',
  async ({ sink, guard, damage }) => {
    const stage = await openSynced(sink);
    const daemon = stage.start(['run', '--log-level', 'debug']);
    onTestFinished(async () => {
      daemon.kill('SIGKILL');
      await daemon.done;
    });
    await daemon.said('"event":"pass_ended"');
    const url = /"endpoints":"([^"]+)"/.exec(daemon.output().stderr)?.[1] ?? '';
    const before = ownIn(stage);
    await damage(stage);
    const countOf = (text: string): number => daemon.output().stderr.split(text).length - 1;
    for (let look = 1; look <= 3; look += 1) {
      const passes = countOf('"event":"pass_ended"');
      await fetch(`${url}/-/reconcile`, { method: 'POST' });
      while (countOf('"event":"pass_ended"') === passes) await (await fetch(`${url}/status`)).text();
    }
    const told = daemon
      .output()
      .stderr.split('\n')
      .filter((line) => line.includes('"event":"held"') && line.includes('"level":"warn"'));
    expect(told).toHaveLength(1);
    expect(JSON.parse(told[0] ?? '{}')).toMatchObject({ name: 'orders', guard });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(`linq_gitops_held{guard="${guard}"} 1`);
    expect(ownIn(stage)).toEqual(before);
    checkForeign(stage);
    daemon.kill('SIGTERM');
    expect(await daemon.done).toMatchObject({ code: 0 });
  },
);
