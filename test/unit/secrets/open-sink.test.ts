import { describe, expect, it } from 'vitest';
import type { VaultSettings } from '../../../src/domain/settings.ts';
import { openSecretReader, openSecretSink } from '../../../src/secrets/open-sink.ts';

const vault: VaultSettings = {
  address: 'https://127.0.0.1:8200',
  mount: 'kv',
  path: 'production/linq',
  namespace: null,
  auth: { method: 'token', token_file: null },
  tls: { ca_file: null, cert_file: null, key_file: null, server_name: null },
  timeout: 1_000,
  concurrency: 2,
};
const env = { VAULT_TOKEN: 'a-token' };

describe('the sink', () => {
  it.each([
    {
      secrets: { sink: 'file', file: { directory: '/srv/secrets', ephemeral: false } } as const,
      place: 'file:/srv/secrets/orders.json',
    },
    { secrets: { sink: 'vault', vault } as const, place: 'vault:kv/production/linq/orders' },
  ])('is the one that the settings name: $secrets.sink', async ({ secrets, place }) => {
    const settings = { owner: 'default', secrets };
    const sink = openSecretSink(settings, env);
    const reader = openSecretReader(settings, env);
    expect([sink.locate('orders'), reader.locate('orders')]).toEqual([place, place]);
    // I6: what a dry run is handed has no way to write.
    for (const method of ['check', 'write', 'writeInstallation', 'remove']) {
      expect(sink).toHaveProperty(method);
      expect(reader).not.toHaveProperty(method);
    }
    await sink.close();
  });
});
