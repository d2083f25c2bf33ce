import { readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkForeign, checkPromises } from '../support/account-checks.ts';
import type { CliOptions, CliResult, RunningCli } from '../support/run-cli.ts';
import { openStage, truthOf, type Stage } from '../support/stage.ts';

const ORDERS = {
  target_url: 'https://hooks.example.com/orders?version=2026-02-03',
  subscribed_events: ['message.received'],
};
const ENTRIES = { orders: ORDERS };
const ENV = { LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0' };

interface RunningDaemon extends RunningCli {
  /** Of its endpoints. */
  readonly url: string;
}

/** Starts `run`; the log says everything. */
async function startRun(
  stage: Stage,
  env: Readonly<Record<string, string>> = {},
  effects?: CliOptions['effects'],
): Promise<RunningDaemon> {
  const running = stage.start(['run', '--log-level', 'debug'], {
    env: { ...ENV, ...env },
    ...(effects && { effects }),
  });
  onTestFinished(async () => {
    running.kill('SIGKILL');
    await running.done;
  });
  await running.said('"event":"started"');
  const url = /"endpoints":"([^"]+)"/.exec(running.output().stderr)?.[1] ?? '';
  return { ...running, url };
}

function eventsOf({ stderr }: Pick<CliResult, 'stderr'>): readonly string[] {
  return [...stderr.matchAll(/"event":"(\w+)"/g)].map(([, event]) => event ?? '');
}

function changesOf({ emulator }: Stage): readonly string[] {
  return emulator.requests.map(({ method }) => method).filter((method) => method !== 'GET');
}

function ownOf(stage: Stage): readonly string[] {
  return truthOf(stage.emulator)
    .slice(stage.foreign.length)
    .map(({ target_url }) => target_url);
}

/** It has ended as it was asked to, and said so last. */
function expectCleanStop(result: CliResult): void {
  expect([result.code, result.signal], result.stderr).toEqual([0, null]);
  const events = eventsOf(result);
  expect(events).toContain('stopping');
  expect(events.at(-1)).toBe('stopped');
  expect(result.stdout).toBe('');
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends a daemon at rest at once, with exit 0', async (signal) => {
  const stage = await openStage({ entries: ENTRIES });
  const daemon = await startRun(stage);
  await daemon.said('"event":"pass_ended"');
  expect((await fetch(`${daemon.url}/readyz`)).status).toBe(200);
  daemon.kill(signal);
  expectCleanStop(await daemon.done);
  await expect(fetch(`${daemon.url}/livez`)).rejects.toThrow();
  await checkPromises(stage);
});

test('SIGTERM while Linq holds the answer to a POST: the secret is stored before the end', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const held = stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at: 'after' } });
  const daemon = await startRun(stage);
  await held.reached();
  daemon.kill('SIGTERM');
  await daemon.said('"event":"stopping"');
  held.remove();
  expectCleanStop(await daemon.done);
  expect(changesOf(stage)).toEqual(['POST', 'PUT']);
  await checkPromises(stage);
});

test('SIGTERM while Linq never answers a POST: what it may have left is deleted before the end', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const held = stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at: 'after' } });
  const daemon = await startRun(stage, { LINQ_GITOPS_API_TIMEOUT: '1s' });
  await held.reached();
  daemon.kill('SIGTERM');
  expectCleanStop(await daemon.done);
  expect(changesOf(stage)).toEqual(['POST', 'DELETE']);
  expect(ownOf(stage)).toEqual([]);
  checkForeign(stage);
});

test('SIGTERM while the sink refuses the secret, which it takes again soon: it is stored before the end', async () => {
  const stage = await openStage({ entries: ENTRIES });
  // The installation's record and the intent are written.
  const daemon = await startRun(stage, {}, { failStores: { after: 2, until: 3 } });
  await daemon.said('"event":"secret_unstored"');
  const status = (await (await fetch(`${daemon.url}/status`)).json()) as { unstored: unknown };
  expect(status.unstored).toEqual(['orders']);
  daemon.kill('SIGTERM');
  expectCleanStop(await daemon.done);
  expect(changesOf(stage)).toEqual(['POST', 'PUT']);
  await checkPromises(stage);
});

test('SIGTERM while the sink refuses the secret for good: the subscription is deleted within the grace', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const daemon = await startRun(stage, {}, { failStores: { after: 2, until: 1_000 } });
  await daemon.said('"event":"secret_unstored"');
  daemon.kill('SIGTERM');
  expectCleanStop(await daemon.done);
  expect(changesOf(stage)).toEqual(['POST', 'DELETE']);
  expect(ownOf(stage)).toEqual([]);
  checkForeign(stage);

  const next = await startRun(stage);
  await next.said('"event":"pass_ended"');
  next.kill('SIGTERM');
  expectCleanStop(await next.done);
  await checkPromises(stage);
});

test('a second SIGTERM ends it at once, and the next start makes up for it', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const held = stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at: 'after' } });
  const daemon = await startRun(stage);
  await held.reached();
  daemon.kill('SIGTERM');
  await daemon.said('"event":"stopping"');
  daemon.kill('SIGTERM');
  const result = await daemon.done;
  expect([result.code, result.signal]).toEqual([143, null]);
  expect(eventsOf(result)).not.toContain('stopped');
  expect(held.waiting, 'Linq still holds the answer').toBe(1);
  held.remove();

  const next = await startRun(stage);
  await next.said('"event":"pass_ended"');
  next.kill('SIGTERM');
  expectCleanStop(await next.done);
  await checkPromises(stage);
});

test.each([
  { phase: 'before', match: { path: 'create' } },
  { phase: 'after', match: { path: 'create' } },
  { phase: 'before', match: { path: 'update' } },
  { phase: 'after', match: { path: 'update' } },
] as const)(
  'I10: after SIGKILL $phase the commit of the request to $match.path, the next start makes up for it',
  async ({ phase, match }) => {
    const stage = await openStage({ entries: ENTRIES });
    const held = stage.emulator.addFault({ match, action: { kind: 'hold', at: phase } });
    const daemon = await startRun(stage);
    await held.reached();
    daemon.kill('SIGKILL');
    expect((await daemon.done).signal).toBe('SIGKILL');
    // What was sent before the kill is done, whoever is there to hear of it.
    held.remove();

    const next = await startRun(stage);
    await next.said('"event":"pass_ended"');
    expect((await fetch(`${next.url}/startupz`)).status).toBe(200);
    next.kill('SIGTERM');
    expectCleanStop(await next.done);
    await checkPromises(stage);
  },
);

test('SIGHUP makes a pass', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const daemon = await startRun(stage);
  await daemon.said('"event":"pass_ended"');
  const [own] = truthOf(stage.emulator).slice(stage.foreign.length);
  stage.emulator.external.patch(own?.id ?? '', { subscribed_events: ['message.sent'] });
  daemon.kill('SIGHUP');
  await daemon.said('"operation":"update orders"');
  await daemon.said('"triggers":["signal"]');
  daemon.kill('SIGTERM');
  expectCleanStop(await daemon.done);
  await checkPromises(stage);
});

test('a POST to /-/reconcile makes a pass', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const daemon = await startRun(stage);
  await daemon.said('"event":"pass_ended"');
  const [own] = truthOf(stage.emulator).slice(stage.foreign.length);
  stage.emulator.external.patch(own?.id ?? '', { subscribed_events: ['message.sent'] });
  expect((await fetch(`${daemon.url}/-/reconcile`, { method: 'POST' })).status).toBe(202);
  await daemon.said('"triggers":["request"]');
  daemon.kill('SIGTERM');
  expectCleanStop(await daemon.done);
  await checkPromises(stage);
});

test('I5: SIGUSR1 opens no debugger, through which others on the machine could read its memory', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const daemon = await startRun(stage);
  await daemon.said('"event":"pass_ended"');
  daemon.kill('SIGUSR1');
  // Answered after the signal was: it is still the same process, and goes on.
  daemon.kill('SIGHUP');
  await daemon.said('"triggers":["signal"]');
  daemon.kill('SIGTERM');
  const result = await daemon.done;
  expectCleanStop(result);
  expect(result.stderr).not.toContain('Debugger');
});

test('a port that is taken is exit 78, in words, before anything is done', async () => {
  const stage = await openStage({ entries: ENTRIES });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const result = await stage.run(['run'], { env: { LINQ_GITOPS_DAEMON_LISTEN: `127.0.0.1:${port}` } });
  expect([result.code, result.stdout]).toEqual([78, '']);
  expect(result.stderr).toContain(
    `error: cannot listen on 127.0.0.1:${port} (daemon.listen): something else listens there`,
  );
  expect(stage.emulator.requests).toEqual([]);
  expect(await readdir(stage.folder)).toEqual(['subscriptions.yaml']);
});

test('SIGTERM ends a daemon whose file is bad, or whose Linq is away, with exit 0', async () => {
  const stage = await openStage({ entries: ENTRIES });
  await writeFile(join(stage.folder, 'bad.yaml'), 'version: 1\nsubscriptions:\n');
  const bad = stage.start(['run', '--file', 'bad.yaml'], { env: ENV });
  await bad.said('"event":"pass_failed"');
  bad.kill('SIGTERM');
  expectCleanStop(await bad.done);

  stage.emulator.addFault({ times: 'always', action: { kind: 'refuse' } });
  const away = await startRun(stage);
  await away.said('"event":"pass_failed"');
  away.kill('SIGTERM');
  expectCleanStop(await away.done);
  expect(changesOf(stage)).toEqual([]);
});
