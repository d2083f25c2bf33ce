import { afterAll, beforeAll } from 'vitest';
import { startFakeVault, type FakeVault } from '../../support/fake-vault/fake-vault.ts';
import { describeContract } from './contract.ts';

let vault: FakeVault;

beforeAll(async () => {
  vault = await startFakeVault();
});
afterAll(() => vault.close());

describeContract('the sink and the fake server', () =>
  Promise.resolve({ address: vault.url, rootToken: vault.rootToken, mount: 'secret', kv1: 'kv1' }),
);
