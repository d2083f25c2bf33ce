import { SinkError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import type { Plain } from '../record-fields.ts';
import { environmentToken, fileCredential, fileStamp } from './credentials.ts';
import { objectAt } from './plain.ts';
import type { VaultClient } from './vault-client.ts';
import type { VaultAuthSettings, VaultSettings } from '../../domain/settings.ts';
import { encodePath } from './vault-paths.ts';

/** A token as it was handed out. */
export interface IssuedToken {
  readonly token: Secret;
  /** Null: it does not expire, or nobody would say when. */
  readonly ttlMs: number | null;
  readonly isRenewable: boolean;
}

/** Where tokens come from. */
export interface TokenSource {
  /** Whether `acquire` is a login: it costs the server something, and can give a new token at any time. */
  readonly isLogin: boolean;
  /** Of the token itself, for renewing it. */
  readonly namespace: string | null;
  /** Changes where the token that `acquire` would give is another one. */
  stamp(): Promise<string | undefined>;
  /** Fails with `SinkError`. */
  acquire(): Promise<IssuedToken>;
}

/** The source that the settings name. Fails with `ConfigError` where the environment should have a token and has none. */
export function openTokenSource(
  client: VaultClient,
  options: Pick<VaultSettings, 'auth' | 'namespace'>,
  env: NodeJS.ProcessEnv,
): TokenSource {
  const { auth } = options;
  if (auth.method === 'token') return tokenSource(client, auth.token_file, options.namespace, env);
  const namespace = auth.namespace ?? options.namespace;
  const path = `auth/${encodePath(auth.mount, 'secrets.vault.auth.mount')}/login`;
  return {
    isLogin: true,
    namespace,
    stamp: () => Promise.resolve(undefined),
    async acquire() {
      const { body, credential } = await loginBody(auth);
      client.hide(credential);
      const action = `log in to Vault by ${auth.method}`;
      const call = { action, method: 'POST', path, body, token: null, namespace } as const;
      const reply = await client.call(call);
      if (reply.kind === 'refused') throw new SinkError(reply.error.message, loginFailure(reply.error, auth));
      return readAuth(reply.body, action);
    },
  };
}

/** The `auth` of a login's or a renewal's answer. Fails with `SinkError` where it has no token. */
export function readAuth(body: Plain, action: string): IssuedToken {
  const auth = objectAt(body, 'auth');
  const token = auth['client_token'];
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new SinkError(`cannot ${action}: the answer has no token`);
  }
  return {
    token: new Secret(token),
    ttlMs: ttlOf(auth['lease_duration']),
    isRenewable: auth['renewable'] === true,
  };
}

/** A token that somebody else obtained. What it may live for is asked once; it works without an answer to that too. */
function tokenSource(
  client: VaultClient,
  file: string | null,
  namespace: string | null,
  env: NodeJS.ProcessEnv,
): TokenSource {
  const fixed = file === null ? environmentToken(env) : undefined;
  return {
    isLogin: false,
    namespace,
    stamp: () => (file === null ? Promise.resolve('') : fileStamp(file)),
    async acquire() {
      const token = fixed ?? (await fileCredential(file ?? '', 'Vault token'));
      client.hide(token);
      const action = 'look up the Vault token';
      const path = 'auth/token/lookup-self';
      const reply = await client.call({ action, method: 'GET', path, token, namespace });
      // A policy may not allow even this; then the token is used as it is, until it is refused.
      if (reply.kind === 'refused') return { token, ttlMs: null, isRenewable: false };
      const data = objectAt(reply.body, 'data');
      return { token, ttlMs: ttlOf(data['ttl']), isRenewable: data['renewable'] === true };
    },
  };
}

/** Whether a login was answered with a refusal; whatever else failed may work in a moment. */
export function isRefusedLogin(error: unknown): error is SinkError {
  return error instanceof SinkError && error.cause instanceof SinkError;
}

type LoginAuth = Exclude<VaultAuthSettings, { readonly method: 'token' }>;

async function loginBody(auth: LoginAuth): Promise<{ body: object; credential: Secret }> {
  switch (auth.method) {
    case 'approle': {
      const credential = await fileCredential(auth.secret_id_file, 'AppRole secret id');
      return { body: { role_id: auth.role_id, secret_id: credential.reveal() }, credential };
    }
    case 'kubernetes': {
      const credential = await fileCredential(auth.token_file, 'service account token');
      return { body: { role: auth.role, jwt: credential.reveal() }, credential };
    }
    case 'jwt': {
      const credential = await fileCredential(auth.token_file, 'JWT');
      const role = auth.role === null ? {} : { role: auth.role };
      return { body: { ...role, jwt: credential.reveal() }, credential };
    }
  }
}

/** A mount that does not exist is refused as a bad credential is, so the words cannot say which it was. */
function loginFailure(cause: SinkError, auth: LoginAuth): { cause: SinkError; hint: string } {
  const namespace = auth.namespace === null ? '' : ` in the namespace "${auth.namespace}"`;
  const hint = `either the credentials are not valid for the role, or there is no ${auth.method} login at "auth/${auth.mount}"${namespace}; after several failed logins Vault locks a role for a while`;
  return { cause, hint };
}

/** Zero is how a server says never. */
function ttlOf(seconds: unknown): number | null {
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null;
}
