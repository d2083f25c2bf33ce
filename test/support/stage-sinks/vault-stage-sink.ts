import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { startFakeVault, type FakeVault } from '../fake-vault/fake-vault.ts';
import { askVault } from '../vault-admin.ts';
import type { StageSink } from './stage-sink.ts';
import { namesAt, sinkAt } from './vault-sink-at.ts';

/** A fake server that goes when the test ends. Call it inside a test. */
export async function fakeVaultStageSink(): Promise<StageSink> {
  const vault = await startFakeVault();
  onTestFinished(() => vault.close());
  const server = { address: vault.url, rootToken: vault.rootToken, mount: 'secret' };
  return { ...(await sinkAt(server, 'linq')), kind: 'vault', vault };
}

/** A path of its own at the server that TEST_VAULT_ADDR names, emptied when the test ends. Call it inside a test. */
export async function realVaultStageSink(): Promise<StageSink> {
  const { TEST_VAULT_ADDR: address, TEST_VAULT_TOKEN: rootToken } = process.env;
  if (address === undefined || rootToken === undefined) throw new Error('there is no server to use');
  const server = { address, rootToken, mount: 'secret' };
  const path = `stage-${randomBytes(6).toString('hex')}`;
  onTestFinished(async () => {
    for (const name of await namesAt(server, path)) {
      await askVault(server, 'DELETE', `secret/metadata/${path}/${name}`);
    }
  });
  return sinkAt(server, path);
}

/** The fake server of a stage whose sink is one. */
export function vaultOf({ sink }: { readonly sink: StageSink }): FakeVault {
  if (sink.vault === undefined) throw new Error(`the stage's sink is a ${sink.kind}`);
  return sink.vault;
}

/** The numbers of all versions of a secret that is there, current ones and older. */
export function versionsIn(vault: FakeVault, name: string): readonly number[] {
  return [...(vault.kv.secrets.get(`linq/${name}`)?.versions.keys() ?? [])];
}
