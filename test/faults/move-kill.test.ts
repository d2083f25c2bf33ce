import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileReader } from '../../src/secrets/file/file-sink.ts';
import type { SecretReader } from '../../src/secrets/sink.ts';
import { runCli, type CliResult } from '../support/run-cli.ts';
import { effectsIn, openStage, runUntilDone } from '../support/stage.ts';
import { fakeVaultStageSink } from '../support/stage-sinks/vault-stage-sink.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const ENTRIES = Object.fromEntries(
  ['orders', 'support'].map((name) => [
    name,
    {
      target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
      subscribed_events: ['message.received'],
    },
  ]),
);
const NAMES = Object.keys(ENTRIES);

/** A folder with the records of two entries, and the settings of a place to move them to. */
interface Move {
  readonly folder: string;
  readonly here: SecretReader;
  readonly there: SecretReader;
  run(effects?: Parameters<typeof runCli>[1]['effects']): Promise<CliResult>;
}

/** Records as a sync left them. */
async function prepare(): Promise<string> {
  const stage = await openStage({ entries: ENTRIES });
  await runUntilDone(stage, ['sync']);
  const folder = await makeTempDir();
  await cp(stage.folder, folder, { recursive: true });
  return folder;
}

async function openMove(picture: string, kind: 'file' | 'vault'): Promise<Move> {
  const folder = await makeTempDir();
  await cp(picture, folder, { recursive: true });
  const { settings, env, there } = await (kind === 'file' ? fileThere(folder) : vaultThere());
  await writeFile(join(folder, 'there.yaml'), JSON.stringify({ owner: 'default', secrets: settings }));
  return {
    folder,
    here: fileReader(folder, 'secrets'),
    there,
    run: (effects) =>
      runCli(['move-records', '--to', 'there.yaml'], { cwd: folder, env, ...(effects && { effects }) }),
  };
}

function fileReader(folder: string, name: string): SecretReader {
  return openFileReader({ directory: join(folder, name), isEphemeral: true, env: {}, cwd: folder });
}

function fileThere(folder: string) {
  const settings = { sink: 'file', file: { directory: './there', ephemeral: true } };
  return Promise.resolve({ settings, env: {}, there: fileReader(folder, 'there') });
}

async function vaultThere() {
  const sink = await fakeVaultStageSink();
  const { VAULT_ADDR, VAULT_TOKEN } = sink.env;
  return {
    settings: { sink: 'vault', vault: { path: 'linq' } },
    env: { VAULT_ADDR, VAULT_TOKEN },
    there: sink.openReader(),
  };
}

async function secretsIn(reader: SecretReader): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  for (const name of await reader.list()) {
    const entry = await reader.read(name);
    if (entry.kind === 'intact') secrets.set(name, entry.record.current?.signing_secret?.reveal() ?? '');
  }
  return secrets;
}

async function expectSafe({ here, there }: Move, secrets: ReadonlyMap<string, string>): Promise<void> {
  const found = new Map([...(await secretsIn(here)), ...(await secretsIn(there))]);
  expect([...found].sort()).toEqual([...secrets].sort());
}

async function expectMoved({ here, there }: Move, secrets: ReadonlyMap<string, string>): Promise<void> {
  expect(await secretsIn(here)).toEqual(new Map());
  expect([...(await secretsIn(there))].sort()).toEqual([...secrets].sort());
  const [from, to] = [await here.readInstallation(), await there.readInstallation()];
  expect(from).toMatchObject({ record: { pauses: [{ name: null, until: null }] } });
  expect(to).toMatchObject({ record: { pauses: [] } });
}

describe.each(['file', 'vault'] as const)('from files to a %s', (kind) => {
  test(
    'I2, I10: kill -9 before and after every effect of a move loses no secret, and the next run finishes it',
    { timeout: 300_000 },
    async () => {
      const picture = await prepare();
      const whole = await openMove(picture, kind);
      const secrets = await secretsIn(whole.here);
      expect([...secrets.keys()]).toEqual(NAMES);
      const log = join(whole.folder, 'effects.log');
      const moved = await whole.run({ log });
      expect(moved, moved.stderr).toMatchObject({ code: 0 });
      expect(moved.stdout + moved.stderr).not.toContain('whsec_');
      await expectMoved(whole, secrets);
      const effects = await effectsIn(log);
      expect(effects).toEqual([
        ...['writeInstallation', 'writeInstallation', 'write', 'write', 'remove', 'remove'],
        ...['writeInstallation', 'writeInstallation'],
      ]);
      const points = [
        ...effects.map((_, index) => ({ index: index + 1, phase: 'before' as const })),
        { index: effects.length, phase: 'after' as const },
      ];
      const play = async (): Promise<void> => {
        for (let point = points.shift(); point; point = points.shift()) {
          const move = await openMove(picture, kind);
          const killed = await move.run({ stop: point });
          expect(killed.signal, `${point.phase} ${point.index}: ${killed.stderr}`).toBe('SIGKILL');
          await expectSafe(move, secrets);
          const again = await move.run();
          expect(again, `${point.phase} ${point.index}: ${again.stderr}`).toMatchObject({ code: 0 });
          await expectMoved(move, secrets);
        }
      };
      await Promise.all([play(), play()]);
    },
  );

  test('a sink that refuses writes on the way loses no secret either', { timeout: 300_000 }, async () => {
    const picture = await prepare();
    const secrets = await secretsIn(fileReader(picture, 'secrets'));
    for (const after of [1, 3, 5]) {
      const move = await openMove(picture, kind);
      expect(await move.run({ failStores: { after, until: 99 } })).toMatchObject({ code: 1 });
      await expectSafe(move, secrets);
      expect(await move.run()).toMatchObject({ code: 0 });
      await expectMoved(move, secrets);
    }
  });
});
