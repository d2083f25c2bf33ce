import { expect, it } from 'vitest';
import { describeContract } from './contract.ts';

const { TEST_VAULT_ADDR: address, TEST_VAULT_TOKEN: rootToken } = process.env;

if (address !== undefined && rootToken !== undefined) {
  describeContract('the sink and a real server', () =>
    Promise.resolve({ address, rootToken, mount: 'secret', kv1: 'kv1' }),
  );
} else {
  it('says that there is no real server to test', () => {
    process.stderr.write(
      'the contract was not run against a real Vault or OpenBao: TEST_VAULT_ADDR and TEST_VAULT_TOKEN are not set\n',
    );
    expect(address === undefined || rootToken === undefined).toBe(true);
  });
}
