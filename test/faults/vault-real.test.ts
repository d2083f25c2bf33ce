import { expect, it } from 'vitest';
import { describeKills } from './kills.ts';
import { describeProcessPairs } from './process-pairs.ts';
import { describeQuietSyncs } from './quiet-syncs.ts';
import { describeReplacementKills } from './replacement-kills.ts';

const { TEST_VAULT_ADDR: address, TEST_VAULT_TOKEN: rootToken } = process.env;

if (address !== undefined && rootToken !== undefined) {
  describeQuietSyncs('real vault');
  describeProcessPairs('real vault', [1, 2]);
  describeKills('real vault', 'core');
  describeReplacementKills('real vault', 'core');
} else {
  it('says that there is no real server to test', () => {
    process.stderr.write(
      'the main job was not run on a real Vault or OpenBao: TEST_VAULT_ADDR and TEST_VAULT_TOKEN are not set\n',
    );
    expect(address === undefined || rootToken === undefined).toBe(true);
  });
}
