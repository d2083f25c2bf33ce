import { SinkError } from '../../domain/errors.ts';
import type { Limit } from '../../domain/limit.ts';
import { policyLine, type Grant } from './policy.ts';
import type { TokenKeeper } from './token-keeper.ts';
import type { VaultCall, VaultClient, VaultReply } from './vault-client.ts';

/** A call with whatever token is the right one. */
type AuthorizedCall = Omit<VaultCall, 'token' | 'namespace'> & {
  /** Instead of that of the secrets. */
  readonly namespace?: string | null;
  /** What a policy must grant for it; named where the server refuses. */
  readonly needs?: Pick<Grant, 'path' | 'capabilities'>;
};

export type VaultAccess = (call: AuthorizedCall) => Promise<VaultReply>;

/**
 * Sends calls with the keeper's token. A 403 says nothing about its reason (an expired token looks like a policy),
 * so it is answered with another token, if there is one, and the same call once more; a second 403 is final.
 */
export function createAccess(
  client: VaultClient,
  keeper: TokenKeeper,
  options: { readonly namespace: string | null; readonly limit: Limit },
): VaultAccess {
  return (call) =>
    options.limit(async () => {
      const { needs, namespace = options.namespace, ...rest } = call;
      const token = await keeper.current();
      const first = await client.call({ ...rest, token, namespace });
      if (!isForbidden(first)) return first;
      const other = await keeper.replace(token);
      const reply = other === undefined ? first : await client.call({ ...rest, token: other, namespace });
      return isForbidden(reply) ? withPolicy(reply, needs) : reply;
    });
}

/** Whether the server refused for want of a valid token or of a policy. */
export function isForbidden(reply: VaultReply): reply is Extract<VaultReply, { readonly kind: 'refused' }> {
  return reply.kind === 'refused' && reply.answer.status === 403;
}

function withPolicy(
  reply: Extract<VaultReply, { readonly kind: 'refused' }>,
  needs: AuthorizedCall['needs'],
): VaultReply {
  const { message, cause } = reply.error;
  const hint =
    needs === undefined
      ? 'the token is not valid any more, or its policy does not allow it'
      : `the token is not valid any more, or its policy lacks: ${policyLine(needs)}`;
  return { ...reply, error: new SinkError(message, { cause, hint }) };
}
