import { openVaultReader } from '../../../src/secrets/vault/vault-sink.ts';
import { askVault, issueToken, type VaultServer } from '../vault-admin.ts';
import type { KeptText, SinkContent, StageSink } from './stage-sink.ts';

type Data = Readonly<Record<string, string>>;

/** The sink at `path` of a server, with a token that may do there what the documented policy allows. */
export async function sinkAt(server: VaultServer, path: string): Promise<StageSink> {
  const token = await issueToken(server, path);
  const take = (): Promise<SinkContent> => takeAll(server, path);
  return {
    kind: 'real vault',
    env: {
      LINQ_GITOPS_SECRETS_SINK: 'vault',
      LINQ_GITOPS_OWNER: 'default',
      LINQ_GITOPS_SECRETS_VAULT_PATH: path,
      VAULT_ADDR: server.address,
      VAULT_TOKEN: token,
    },
    openReader: () =>
      openVaultReader({
        address: server.address,
        mount: server.mount,
        path,
        namespace: null,
        auth: { method: 'token', token_file: null },
        tls: { ca_file: null, cert_file: null, key_file: null, server_name: null },
        timeout: 10_000,
        concurrency: 8,
        owner: 'default',
        env: { VAULT_TOKEN: token },
      }),
    take,
    async texts() {
      const texts: KeptText[] = [];
      for (const [name, { versions }] of await take()) {
        for (const [index, data] of versions.entries()) {
          const isPast = index + 1 < versions.length;
          const place = `${name}, version ${index + 1}`;
          if (data !== null) texts.push({ name, place, text: textOf(data), isPast });
        }
      }
      return texts;
    },
    put: (content) => putAll(server, path, content),
  };
}

async function takeAll(server: VaultServer, path: string): Promise<SinkContent> {
  const content = new Map<string, SinkContent extends ReadonlyMap<string, infer S> ? S : never>();
  for (const name of await namesAt(server, path)) {
    const at = (area: string): string => `${server.mount}/${area}/${path}/${name}`;
    const { data } = (await askVault(server, 'GET', at('metadata'))).body as {
      data: { current_version: number; custom_metadata: Data | null };
    };
    const versions: (Data | null)[] = [];
    for (let number = 1; number <= data.current_version; number += 1) {
      const { body } = await askVault(server, 'GET', `${at('data')}?version=${number}`);
      versions.push((body['data'] as { data: Data | null } | undefined)?.data ?? null);
    }
    content.set(name, { marks: data.custom_metadata, versions });
  }
  return content;
}

/** Plays the versions again, one after the other, so that they bear the numbers that they had. */
async function putAll(server: VaultServer, path: string, content: SinkContent): Promise<void> {
  for (const [name, { marks, versions }] of content) {
    const at = (area: string): string => `${server.mount}/${area}/${path}/${name}`;
    for (const data of versions) await askVault(server, 'POST', at('data'), { data: data ?? {} });
    const destroyed = versions.flatMap((data, index) => (data === null ? [index + 1] : []));
    if (destroyed.length > 0) await askVault(server, 'PUT', at('destroy'), { versions: destroyed });
    if (marks !== null) await askVault(server, 'POST', at('metadata'), { custom_metadata: marks });
  }
}

/** The names of all secrets at `path`. */
export async function namesAt(server: VaultServer, path: string): Promise<readonly string[]> {
  const { body } = await askVault(server, 'GET', `${server.mount}/metadata/${path}?list=true`);
  return (body['data'] as { keys: readonly string[] } | undefined)?.keys ?? [];
}

/** Values one under the other, unquoted, so that a secret is found as it is. */
function textOf(data: Data): string {
  return Object.values(data).join('\n');
}
