import { SinkError } from '../../domain/errors.ts';
import { asObject, objectAt, textsAt } from './plain.ts';
import { missingGrants, policyLine, requiredGrants } from './policy.ts';
import type { TokenKeeper } from './token-keeper.ts';
import { isForbidden, type VaultAccess } from './vault-access.ts';
import type { VaultClient } from './vault-client.ts';
import type { VaultSettings } from '../../domain/settings.ts';
import type { VaultPaths } from './vault-paths.ts';

export interface PreflightContext {
  readonly client: VaultClient;
  readonly keeper: TokenKeeper;
  readonly access: VaultAccess;
  readonly paths: VaultPaths;
  readonly options: VaultSettings;
}

/**
 * Fails with `SinkError` unless the mount is a KV engine of version 2. Needed before anything else: version 1 would
 * take a conditional write for an ordinary one, and would call every record absent.
 */
export async function requireVersion2({ access, paths, options }: PreflightContext): Promise<void> {
  const action = `use the mount "${paths.mount}"`;
  const reply = await access({ action, method: 'GET', path: paths.mountInfo });
  if (reply.kind === 'refused') {
    const { message, cause } = reply.error;
    const hint = isForbidden(reply)
      ? `the mount does not exist, the token is not valid, or its policy lacks: ${requiredGrants(options).map(policyLine).join('  ')}`
      : 'the server does not tell which version the engine has; Vault 1.9 or newer, or OpenBao, does';
    throw new SinkError(message, { cause, hint });
  }
  const data = objectAt(reply.body, 'data');
  const { path, type } = data as { path?: unknown; type?: unknown };
  if (typeof path === 'string' && path !== `${paths.mount}/` && `${paths.mount}/`.startsWith(path)) {
    const mount = path.slice(0, -1);
    throw new SinkError(
      `cannot ${action}: the mount is "${mount}"; the rest belongs into secrets.vault.path`,
    );
  }
  if (type !== 'kv' && type !== 'generic') {
    throw new SinkError(`cannot ${action}: it is not a KV secrets engine`);
  }
  if (objectAt(data, 'options')['version'] === '2') return;
  throw new SinkError(
    `cannot ${action}: it is a KV engine of version 1, which has no conditional writes, so two processes could overwrite each other's secrets`,
    { hint: `name a mount of version 2, or upgrade it: kv enable-versioning ${paths.mount}` },
  );
}

/** Fails with `SinkError` where the server is sealed or not set up; needs no token. */
export async function requireUnsealed({ client }: PreflightContext): Promise<void> {
  const action = 'use Vault';
  // Only the root namespace has it.
  const call = { action, method: 'GET', path: 'sys/seal-status', token: null, namespace: null } as const;
  const reply = await client.call(call);
  // Something in front of the server may not let it through; whatever comes next will tell.
  if (reply.kind === 'refused') return;
  if (reply.body['initialized'] === false)
    throw new SinkError(`cannot ${action}: the server is not initialised`);
  if (reply.body['sealed'] === true) {
    throw new SinkError(`cannot ${action}: the server is sealed`, {
      hint: 'unseal it, and this goes on by itself',
    });
  }
}

/** Fails with `SinkError` that names every line which the token's policy lacks. */
export async function requireCapabilities({ access, options }: PreflightContext): Promise<void> {
  const action = 'ask Vault what the token may do';
  const grants = requiredGrants(options);
  const body = { paths: grants.map(({ sample }) => sample) };
  const reply = await access({ action, method: 'POST', path: 'sys/capabilities-self', body });
  if (reply.kind === 'refused') throw reply.error;
  const data = asObject(reply.body['data']) ?? reply.body;
  const missing = missingGrants(grants, (sample) => textsAt(data, sample));
  if (missing.length === 0) return;
  const lines = missing.map(policyLine).join('  ');
  throw new SinkError(`cannot use ${options.mount}/${options.path}: the token's policy lacks ${lines}`, {
    hint: 'docs/vault.md has the whole policy',
  });
}

/** Fails with `SinkError` where the mount deletes versions by itself: a secret would vanish after a while. */
export async function requireKeeping({ access, paths }: PreflightContext): Promise<void> {
  const action = `read the configuration of the mount "${paths.mount}"`;
  const reply = await access({ action, method: 'GET', path: paths.config });
  if (reply.kind === 'refused') throw reply.error;
  const after = objectAt(reply.body, 'data')['delete_version_after'];
  if (typeof after !== 'string' || !/[1-9]/.test(after) || after.startsWith('-')) return;
  throw new SinkError(
    `cannot use the mount "${paths.mount}": it deletes every version ${after} after it was written, and a signing secret with it`,
    { hint: 'set delete_version_after of the mount to 0s, or name another mount' },
  );
}

/** What a person should know, and need not change. */
export async function inspectAccess(context: PreflightContext): Promise<readonly string[]> {
  return [...(await inspectToken(context)), ...(await inspectNamespace(context))];
}

async function inspectToken({ access, options }: PreflightContext): Promise<readonly string[]> {
  const action = 'look up the Vault token';
  const reply = await access({ action, method: 'GET', path: 'auth/token/lookup-self' });
  if (reply.kind === 'refused') return [];
  const policies = textsAt(objectAt(reply.body, 'data'), 'policies');
  if (!policies.includes('root')) return [];
  const where = `${options.mount}/${options.path}`;
  return [`the Vault token is a root token; one with the policy of docs/vault.md is enough for ${where}`];
}

/** A server without namespaces ignores the header: then one that cannot exist is as good as the right one. */
async function inspectNamespace(context: PreflightContext): Promise<readonly string[]> {
  const { namespace } = context.options;
  if (namespace === null || namespace === '') return [];
  const { client, keeper, paths } = context;
  const action = 'see whether Vault has namespaces';
  const reply = await client.call({
    action,
    method: 'GET',
    path: paths.mountInfo,
    token: await keeper.current(),
    namespace: `${namespace}/linq-gitops-no-such-namespace`,
  });
  if (reply.kind === 'refused') return [];
  return [
    `the server ignores namespaces: the records are not in "${namespace}", but in the only one there is`,
  ];
}
