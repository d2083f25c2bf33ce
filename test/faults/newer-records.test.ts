import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkForeign, checkPromises, recordsOf } from '../support/account-checks.ts';
import type { RunningCli } from '../support/run-cli.ts';
import { documentOf, openStage, runUntilDone, truthOf, type Entries, type Stage } from '../support/stage.ts';
import type { SinkKind } from '../support/stage-sinks/stage-sink.ts';

const NEWER = fileURLToPath(new URL('../support/newer-release.mjs', import.meta.url));
const OVERLAP_MS = 600_000;

function entryAt(name: string, event = 'message.received'): Entries[string] {
  return {
    target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
    subscribed_events: [event],
  };
}

const NAMES = ['edited', 'leaver', 'plain', 'rotating', 'still', 'twin'] as const;
/** What the newer release has written: all but two, one of which changes and one of which goes. */
const RAISED = ['edited', 'leaver', 'rotating', 'still'] as const;
const BEFORE: Entries = Object.fromEntries(NAMES.map((name) => [name, entryAt(name)]));
const AFTER: Entries = {
  edited: entryAt('edited', 'message.sent'),
  plain: entryAt('plain', 'message.sent'),
  rotating: entryAt('rotating'),
  still: entryAt('still'),
};
const HELD = ['edited', 'leaver', 'rotating', 'still'];

/** Lets the newer release write. */
async function release(stage: Stage, direction: 'up' | 'down', names: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [NEWER, direction, ...names], {
    cwd: stage.folder,
    env: { PATH: process.env['PATH'], ...stage.env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  expect(await once(child, 'close')).toEqual([0, null]);
}

/** A stage with an export, six entries in sync, one of them half-way through a rotation. */
async function openRolling(sink: SinkKind): Promise<{ stage: Stage; exported: string }> {
  const plain = await openStage({ sink, entries: BEFORE });
  const exported = join(plain.folder, 'receiver');
  const ours = { LINQ_GITOPS_SECRETS_EXPORT_DIRECTORY: exported, LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0' };
  const stage: Stage = {
    ...plain,
    env: { ...plain.env, ...ours },
    start: (argv, { env, ...rest } = {}) => plain.start(argv, { env: { ...ours, ...env }, ...rest }),
    run: (argv, { env, ...rest } = {}) => plain.run(argv, { env: { ...ours, ...env }, ...rest }),
  };
  await runUntilDone(stage, ['sync']);
  expect(await stage.run(['rotate', 'rotating'])).toMatchObject({ code: 0 });
  return { stage, exported };
}

/** Every byte of what the newer release keeps: in the sink, in the account, and in the exported files. */
async function keptBy(stage: Stage, exported: string): Promise<unknown> {
  const isTheirs = (url: string): boolean => RAISED.some((name) => new URL(url).pathname === `/${name}`);
  const files = await Promise.all(
    RAISED.map(async (name) => {
      const folder = join(exported, name);
      const names = (await readdir(folder)).sort();
      return [
        name,
        await Promise.all(names.map(async (file) => [file, await readFile(join(folder, file), 'utf8')])),
      ];
    }),
  );
  const listed = JSON.parse(await readFile(join(exported, 'subscriptions.json'), 'utf8')) as Record<
    string,
    { name: string }
  >;
  const texts = (await stage.sink.texts()).filter(({ name }) => HELD.includes(name));
  return {
    live: truthOf(stage.emulator).filter(({ target_url }) => isTheirs(target_url)),
    texts,
    files,
    listed: Object.entries(listed).filter(([, { name }]) => HELD.includes(name)),
  };
}

/** Leaves a subscription with the installation's mark that no record knows, long ago. */
async function leaveOrphan(stage: Stage): Promise<string> {
  const installation = await stage.sink.openReader().readInstallation();
  if (installation.kind !== 'intact') throw new Error('the installation has no record');
  return stage.emulator.external.add({
    target_url: `https://hooks.example.com/orphan?version=2026-02-03&linq_gitops=${installation.record.id}.0000000000`,
    subscribed_events: ['message.received'],
    created_at: '2026-01-01T00:00:00.000Z',
  });
}

function heldIn(result: { stdout: string }): readonly string[] {
  const { plan } = documentOf(result);
  expect([...new Set(plan?.held.map(({ guard }) => guard))]).toEqual(['record']);
  return (plan?.held ?? []).flatMap(({ name }) => name ?? []);
}

async function startRun(stage: Stage): Promise<{ daemon: RunningCli; url: string }> {
  const daemon = stage.start(['run', '--log-level', 'debug']);
  onTestFinished(async () => {
    daemon.kill('SIGKILL');
    await daemon.done;
  });
  await daemon.said('"event":"pass_ended"');
  return { daemon, url: /"endpoints":"([^"]+)"/.exec(daemon.output().stderr)?.[1] ?? '' };
}

function linesOf(text: string, event: string): readonly Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe.each(['file', 'vault'] as const)(
  'while another release takes turns, with records in a %s',
  (sink) => {
    test('I2, I3: what it has written is held and untouched, the rest goes on, and a rollback loses nothing', async () => {
      const { stage, exported } = await openRolling(sink);
      const before = await recordsOf(stage);
      await release(stage, 'up', RAISED);
      const orphan = await leaveOrphan(stage);
      await stage.declare(AFTER);
      stage.emulator.shiftClock(OVERLAP_MS + 60_000);
      const kept = await keptBy(stage, exported);

      const first = await stage.run(['sync', '--format', 'json']);
      expect(first.code, first.stderr).toBe(3);
      expect(heldIn(first)).toEqual(HELD);
      expect(documentOf(first).report?.items.map(({ key, result }) => [key, result.status])).toEqual([
        ['update plain', 'done'],
        ['delete twin', 'done'],
      ]);
      expect(
        truthOf(stage.emulator).map(({ id }) => id),
        'it may be theirs',
      ).toContain(orphan);
      expect(await keptBy(stage, exported)).toEqual(kept);

      // The daemon says so once, however often it looks.
      const { daemon, url } = await startRun(stage);
      for (let passes = 2; passes <= 4; passes += 1) {
        await fetch(`${url}/-/reconcile`, { method: 'POST' });
        while (linesOf(daemon.output().stderr, 'pass_ended').length < passes)
          await fetch(`${url}/status`).then((answer) => answer.text());
      }
      const said = linesOf(daemon.output().stderr, 'held').filter(({ level }) => level === 'warn');
      expect(said.flatMap(({ name }) => (typeof name === 'string' ? [name] : [])).sort()).toEqual(HELD);
      // The four, the orphan, and the new subscription of the rotation, which only its record tells from an orphan.
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics.match(/linq_gitops_held.*record.*/)?.[0]).toBe('linq_gitops_held{guard="record"} 6');
      expect(await keptBy(stage, exported)).toEqual(kept);

      // Rolled back while it runs: it goes on where it was.
      await release(stage, 'down', RAISED);
      await fetch(`${url}/-/reconcile`, { method: 'POST' });
      while (truthOf(stage.emulator).length > stage.foreign.length + Object.keys(AFTER).length)
        await fetch(`${url}/status`).then((answer) => answer.text());
      daemon.kill('SIGTERM');
      expect(await daemon.done).toMatchObject({ code: 0 });
      await runUntilDone(stage, ['sync']);
      const after = await recordsOf(stage);
      for (const name of ['edited', 'plain', 'still']) {
        expect(after.get(name)?.current?.subscription_id, name).toBe(
          before.get(name)?.current?.subscription_id,
        );
      }
      expect(after.get('rotating')?.current?.subscription_id).toBe(
        before.get('rotating')?.next?.subscription_id,
      );
      stage.emulator.shiftClock(0);
      await checkPromises(stage, { hasHistory: true });
    });

    test('I2: a record that it raises in the middle of an update is not written over', async () => {
      const { stage } = await openRolling(sink);
      const before = await recordsOf(stage);
      await stage.declare({ ...BEFORE, edited: entryAt('edited', 'message.sent') });
      const held = stage.emulator.addFault({
        match: { path: 'update' },
        action: { kind: 'hold', at: 'after' },
      });
      const running = stage.start(['sync']);
      await held.reached();
      await release(stage, 'up', ['edited']);
      held.remove();
      const result = await running.done;
      expect([1, 3], result.stdout).toContain(result.code);
      expect((await stage.sink.openReader().read('edited')).kind).toBe('newer');
      await release(stage, 'down', ['edited']);
      await runUntilDone(stage, ['sync']);
      expect((await recordsOf(stage)).get('edited')?.current?.subscription_id).toBe(
        before.get('edited')?.current?.subscription_id,
      );
      stage.emulator.shiftClock(OVERLAP_MS + 60_000);
      await runUntilDone(stage, ['sync']);
      stage.emulator.shiftClock(0);
      await checkPromises(stage, { hasHistory: true });
    });

    test('I3: with prune: all and unowned: replace, what a newer record may name is not touched', async () => {
      const { stage, exported } = await openRolling(sink);
      const consent = {
        LINQ_GITOPS_POLICY_PRUNE: 'all',
        LINQ_GITOPS_POLICY_UNOWNED: 'replace',
        LINQ_GITOPS_POLICY_IGNORE: stage.foreign.map(({ target_url }) => target_url).join(','),
      };
      await release(stage, 'up', RAISED);
      // Under another name, at the very same URL; and the old name is gone.
      await stage.declare({
        ...AFTER,
        still: entryAt('edited'),
        edited: entryAt('still'),
        heir: entryAt('leaver'),
      });
      const kept = await keptBy(stage, exported);
      for (let pass = 1; pass <= 2; pass += 1) {
        const result = await stage.run(['sync', '--format', 'json'], { env: consent });
        expect(result.code, result.stdout).toBe(3);
        stage.emulator.shiftClock(OVERLAP_MS + 60_000);
      }
      expect(await keptBy(stage, exported)).toEqual(kept);
      checkForeign(stage);
      stage.emulator.shiftClock(0);
      await release(stage, 'down', RAISED);
      stage.emulator.shiftClock(2 * OVERLAP_MS);
      await runUntilDone(stage, ['sync']);
      stage.emulator.shiftClock(0);
      await checkPromises(stage, { hasHistory: true });
    });
  },
);
