import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { recordsOf } from '../../support/account-checks.ts';
import { openBench, textOf, type Daemon, type DaemonBench } from '../../support/daemon-bench.ts';

const ENTRIES = {
  orders: {
    target_url: 'https://hooks.example.com/orders?version=2026-02-03',
    subscribed_events: ['message.received'],
  },
  support: {
    target_url: 'https://hooks.example.com/support?version=2026-02-03',
    subscribed_events: ['message.received'],
  },
};
const FRESH = {
  target_url: 'https://hooks.example.com/fresh?version=2026-02-03',
  subscribed_events: ['message.received'],
};
/** The requests of the first pass, and no second pass: a request is repeated once, soon. */
const FIRST_PASS = 500;
/** A poll, and the longest backoff, which is the interval. */
const AT_LATEST = 310_000;

/** A bench whose sink is full, whose export is gone, and whose Linq refuses every connection. */
async function openOutage(): Promise<DaemonBench & { readonly exported: string }> {
  const bench = await openBench({
    entries: ENTRIES,
    env: { LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY: 'exported' },
  });
  const daemon = await bench.start();
  await bench.time.rest();
  await daemon.stop();
  const exported = join(bench.stage.folder, 'exported');
  await rm(exported, { recursive: true });
  bench.stage.emulator.addFault({ times: 'always', action: { kind: 'refuse' } });
  return { ...bench, exported };
}

async function expectExported({ stage, exported }: Awaited<ReturnType<typeof openOutage>>): Promise<void> {
  for (const [name, record] of await recordsOf(stage)) {
    const text = await readFile(join(exported, name, 'signing_secret'), 'utf8');
    expect(text.trim() === record.current?.signing_secret?.reveal(), `the exported secret of ${name}`).toBe(
      true,
    );
  }
}

async function probes(daemon: Daemon): Promise<readonly number[]> {
  const answers = await Promise.all(['/livez', '/readyz', '/startupz'].map((path) => daemon.get(path)));
  return answers.map(({ status }) => status);
}

it('lets a receiver start during an outage of Linq, with every secret exported, once they are stored', async () => {
  const bench = await openOutage();
  const daemon = await bench.start();
  await bench.time.pass(FIRST_PASS);
  expect(await probes(daemon)).toEqual([200, 503, 200]);
  const { awaited, pass } = await daemon.status();
  expect([awaited, pass.last?.result]).toEqual([[], 'failed']);
  await expectExported(bench);

  bench.stage.emulator.clearFaults();
  await bench.time.pass(AT_LATEST);
  expect(await probes(daemon)).toEqual([200, 200, 200]);
  await daemon.stop();
  await bench.check();
});

it('waits for the secret of an entry that was never made, and names it', async () => {
  const bench = await openOutage();
  await bench.stage.declare({ ...ENTRIES, fresh: FRESH });
  const daemon = await bench.start();
  await bench.time.pass(FIRST_PASS);
  expect(await probes(daemon)).toEqual([200, 503, 503]);
  const answer = await daemon.get('/startupz');
  expect(answer.text).toContain('fresh');
  expect(answer.text).not.toContain('orders');

  bench.stage.emulator.clearFaults();
  await bench.time.pass(AT_LATEST);
  expect(await probes(daemon)).toEqual([200, 200, 200]);
  await expectExported(bench);
});

it('waits for nothing but the records where the file is bad', async () => {
  const bench = await openOutage();
  await writeFile(bench.stage.file, textOf({ ...ENTRIES, fresh: FRESH }).slice(0, -10));
  bench.stage.emulator.clearRequests();
  const daemon = await bench.start();
  await bench.time.pass(FIRST_PASS);
  expect(await probes(daemon)).toEqual([200, 503, 200]);
  await expectExported(bench);
  expect(bench.stage.emulator.requests).toEqual([]);
});

it('is not started while the secrets cannot be exported', async () => {
  const bench = await openOutage();
  await writeFile(bench.exported, 'a file where the folder should be');
  const daemon = await bench.start();
  await bench.time.pass(FIRST_PASS);
  expect(await probes(daemon)).toEqual([200, 503, 503]);

  await rm(bench.exported);
  await bench.time.pass(AT_LATEST);
  expect(await probes(daemon), 'Linq is still away').toEqual([200, 503, 200]);
  await expectExported(bench);
});
