import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmulator, type Emulator } from '../../src/emulator/emulator.ts';
import type { FakeVault } from '../support/fake-vault/fake-vault.ts';
import { startFakeVault } from '../support/fake-vault/fake-vault.ts';
import { measure, type NodeCommand, type Usage } from './measure.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const EVENTS = ['message.received', 'message.failed', 'message.delivered'];

/** An account of its own, a folder with a file of so many entries, and the program run in it. */
export interface Scene {
  readonly emulator: Emulator;
  readonly vault: FakeVault | undefined;
  readonly file: string;
  /** Writes the file; the events of the first entry change with `edition`. */
  declare(count: number, edition?: number): void;
  command(argv: readonly string[], env?: NodeCommand['env']): NodeCommand;
  /** The program, to its end. */
  run(argv: readonly string[], env?: NodeCommand['env']): Promise<Usage>;
  /** The program, as a command. */
  program(argv: readonly string[], env?: NodeCommand['env']): NodeCommand;
  close(): Promise<void>;
}

export interface SceneOptions {
  /** Before every answer of Linq. */
  readonly linqMs?: number;
  /** Before every answer of Vault, which is the sink then. */
  readonly vaultMs?: number;
}

export async function openScene({ linqMs, vaultMs }: SceneOptions = {}): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'linq-gitops-bench-'));
  const file = join(folder, 'subscriptions.yaml');
  const emulator = await startEmulator({ seed: { subscriptions: [], lines: ['+12025550101'] } });
  if (linqMs !== undefined) emulator.addFault({ times: 'always', action: { kind: 'delay', ms: linqMs } });
  const vault = vaultMs === undefined ? undefined : await startFakeVault();
  if (vaultMs !== undefined) {
    vault?.faults.inject(() => true, { kind: 'delay', ms: vaultMs }, Number.POSITIVE_INFINITY);
  }
  const env = {
    LINQ_API_V3_BASE_URL: emulator.url,
    LINQ_API_V3_API_KEY: emulator.apiKey,
    LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
    LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0',
    ...(vault && {
      LINQ_GITOPS_SECRETS_SINK: 'vault',
      LINQ_GITOPS_OWNER: 'bench',
      VAULT_ADDR: vault.url,
      VAULT_TOKEN: vault.rootToken,
    }),
  };
  const command: Scene['command'] = (argv, more) => ({ argv, cwd: folder, env: { ...env, ...more } });
  return {
    emulator,
    vault,
    file,
    declare(count, edition = 0) {
      writeFileSync(file, fileOf(count, edition));
    },
    command,
    program: (argv, more) => command([MAIN, ...argv], more),
    run: (argv, more) => measure(command([MAIN, ...argv], more)),
    async close() {
      await emulator.close();
      await vault?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One whose account is as its file says. */
export async function sceneInSync(count: number): Promise<Scene> {
  const scene = await openScene();
  scene.declare(count);
  await scene.run(['sync'], { LINQ_GITOPS_API_CONCURRENCY: '16' });
  expectLive(scene, count);
  return scene;
}

/** A benchmark of what did not happen says nothing. */
export function expectLive({ emulator }: Scene, count: number): void {
  const { length } = emulator.subscriptions();
  if (length !== count) throw new Error(`${length} subscriptions are live, and not ${count}`);
}

/** As people write it: block style, a comment now and then. */
function fileOf(count: number, edition: number): string {
  const lines = ['version: 1', 'subscriptions:'];
  for (let index = 0; index < count; index += 1) {
    if (index % 10 === 0) lines.push(`  # team ${index / 10}`);
    const events = index === 0 && edition % 2 === 1 ? EVENTS.slice(1) : EVENTS;
    lines.push(
      `  service-${index}:`,
      `    target_url: https://hooks.example.com/services/${index}?version=2026-02-03`,
      '    subscribed_events:',
      ...events.map((event) => `      - ${event}`),
    );
  }
  return `${lines.join('\n')}\n`;
}
