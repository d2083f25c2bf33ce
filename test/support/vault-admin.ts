import { readFileSync } from 'node:fs';

/** A server with a KV engine of version 2 at `mount`, and whoever may do everything there. */
export interface VaultServer {
  readonly address: string;
  readonly rootToken: string;
  readonly mount: string;
}

interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What an administrator does, past the program. `below` is what follows `/v1/`. */
export async function askVault(
  { address, rootToken }: Pick<VaultServer, 'address' | 'rootToken'>,
  method: string,
  below: string,
  body?: object,
): Promise<Answered> {
  const response = await fetch(`${address}/v1/${below}`, {
    method,
    headers: { 'x-vault-token': rootToken, 'x-vault-request': 'true' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Answered['body']) };
}

/** A new token with the policy of docs/vault.md for `path`; `without` leaves out the lines that contain it. */
export async function issueToken(server: VaultServer, path: string, without?: string): Promise<string> {
  const name = `linq-${path}`;
  const lines = documentedPolicy(server.mount, path).filter(
    (line) => without === undefined || !line.includes(without),
  );
  const policy = { policy: lines.join('\n') };
  const written = await askVault(server, 'PUT', `sys/policies/acl/${name}`, policy);
  if (written.status > 299) throw new Error(`cannot write the policy: ${written.status}`);
  const { body } = await askVault(server, 'POST', 'auth/token/create', { policies: [name], ttl: '30m' });
  return (body['auth'] as { client_token: string }).client_token;
}

/** The lines of the policy in docs/vault.md, for another mount and path. */
export function documentedPolicy(mount: string, path: string): readonly string[] {
  const text = readFileSync(new URL('../../docs/vault.md', import.meta.url), 'utf8');
  const block = /```hcl\n([^`]*)```/.exec(text)?.[1] ?? '';
  return block
    .trim()
    .split('\n')
    .map((line) => line.replace('"secret/', `"${mount}/`).replace('/linq/', `/${path}/`).replace(/ +/g, ' '));
}
