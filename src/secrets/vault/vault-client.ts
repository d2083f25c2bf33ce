import { RequestError, SinkError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import type { Explanation } from '../../http/failure.ts';
import type { HttpAnswer, HttpClient } from '../../http/http-client.ts';
import type { Plain } from '../record-fields.ts';
import { asObject, parseObject, textsAt } from './plain.ts';
import { hintOf, isPassingAnswer, type ServerAnswer } from './server-answer.ts';

/** One call of the API. Every call is repeatable: a write is conditional, or the same twice. */
export interface VaultCall {
  /** Completes "cannot …" in messages. */
  readonly action: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Below `/v1/`, encoded, with its query. */
  readonly path: string;
  readonly body?: object;
  readonly contentType?: string;
  readonly token: Secret | null;
  readonly namespace: string | null;
  /** Called for every request that was really sent, repetitions too. */
  readonly onSent?: () => void;
  /** Values in the body that no message may show. */
  readonly secrets?: readonly Secret[];
}

/**
 * What the server said. `refused` is a definite answer that nothing happened: 4xx, read in full; `error` is ready
 * to be thrown where the caller has no better idea.
 */
export type VaultReply =
  | { readonly kind: 'ok'; readonly body: Plain }
  | { readonly kind: 'refused'; readonly answer: ServerAnswer; readonly error: SinkError };

/** Sends calls; knows nothing of tokens but that they are secret. */
export interface VaultClient {
  /**
   * Fails with `SinkError` where there is no definite answer, or where the server cannot work (sealed, in an
   * election for too long); the cause is the `RequestError`, whose `outcome` says what may have happened.
   */
  call(call: VaultCall): Promise<VaultReply>;
  /** From now on no message shows the value, whatever the server says. */
  hide(secret: Secret): void;
  close(): Promise<void>;
}

const MOST_HIDDEN = 64;
/** Consistency between nodes: sent back, so that a node that lags behind says so (412) instead of answering. */
const INDEX_HEADER = 'x-vault-index';

/** `base`: address with `/v1/`. Closes the HTTP client that it was given. */
export function createVaultClient(base: string, http: HttpClient): VaultClient {
  const hidden = new Map<string, Secret>();
  let index: string | undefined;

  function hide(secret: Secret): void {
    for (const form of formsOf(secret)) hidden.set(form.reveal(), form);
    for (const oldest of [...hidden.keys()].slice(0, -MOST_HIDDEN)) hidden.delete(oldest);
  }

  function headersOf({ namespace, token, contentType }: VaultCall): Record<string, string> {
    return {
      // Agents and proxies can demand it, as a guard against requests that a browser was tricked into.
      'x-vault-request': 'true',
      ...(token !== null && { 'x-vault-token': token.reveal() }),
      ...(namespace !== null && namespace !== '' && { 'x-vault-namespace': namespace }),
      ...(contentType !== undefined && { 'content-type': contentType }),
      ...(index !== undefined && { [INDEX_HEADER]: index }),
    };
  }

  async function send(call: VaultCall, url: string, mayFollow: boolean): Promise<VaultReply> {
    let last: ServerAnswer | undefined;
    const secrets = [...(call.secrets ?? []), ...(call.token ? [call.token] : [])].flatMap(formsOf);
    try {
      const answer = await http.request({
        service: 'Vault',
        action: call.action,
        method: call.method,
        url,
        headers: headersOf(call),
        // What a redirect led to is not tried again: that begins at our own address.
        retry: mayFollow,
        isIdempotent: true,
        secrets: [...secrets, ...hidden.values()],
        explain: (status, text, headers) => {
          last = readAnswer(status, text, redirectOf(url, status, headers));
          return explain(last, mayFollow);
        },
        ...(call.onSent && { onRequest: call.onSent }),
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
      index = answer.headers[INDEX_HEADER] ?? index;
      return { kind: 'ok', body: readBody(answer) };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // An answer that broke off was not explained; an earlier attempt's explanation is not its own.
      if (last?.status !== error.status) throw sinkError(error);
      if (mayFollow && last?.redirect?.kind === 'elsewhere-here') return send(call, last.redirect.url, false);
      const isDefinite =
        last !== undefined && last.status >= 400 && last.status < 500 && !isPassingAnswer(last);
      if (last === undefined || !isDefinite) throw sinkError(error);
      return { kind: 'refused', answer: last, error: sinkError(error) };
    }
  }

  return {
    call: (call) => send(call, base + call.path, true),
    hide,
    close: () => http.close(),
  };
}

function explain(answer: ServerAnswer, mayFollow: boolean): Explanation {
  const { errors, warnings } = answer;
  const isFollowed = mayFollow && answer.redirect?.kind === 'elsewhere-here';
  return {
    message: [...errors, ...warnings].join('; '),
    isPassing: !isFollowed && isPassingAnswer(answer),
    hint: hintOf(answer),
  };
}

function readAnswer(status: number, text: string, redirect: ServerAnswer['redirect']): ServerAnswer {
  const body = parseObject(text);
  return {
    status,
    body,
    errors: body === undefined ? [] : textsAt(body, 'errors'),
    warnings: body === undefined ? [] : textsAt(body, 'warnings'),
    redirect,
  };
}

/**
 * A standby without its leader redirects: to a dead leader, to itself, or to an origin that a settings file does
 * not name and that must not see the token. Only another place of the same origin is ever followed, once.
 */
function redirectOf(
  url: string,
  status: number,
  headers: Readonly<Record<string, string>>,
): ServerAnswer['redirect'] {
  if (status < 300 || status > 399) return undefined;
  const location = headers['location'] ?? '';
  if (location === '' || !URL.canParse(location, url)) return { kind: 'foreign' };
  const target = new URL(location, url);
  const from = new URL(url);
  if (target.origin !== from.origin || target.username !== '' || target.password !== '') {
    return { kind: 'foreign' };
  }
  const keepsMethod = status === 307 || status === 308;
  if (!keepsMethod || target.href === from.href) return { kind: 'itself' };
  return { kind: 'elsewhere-here', url: target.href };
}

function readBody(answer: HttpAnswer): Plain {
  if (answer.status === 204 || answer.text() === '') return {};
  const body = asObject(answer.json());
  if (body === undefined) throw answer.unreadable('the body is not a JSON object');
  return body;
}

/** As it is, and as the server may quote it. */
function formsOf(secret: Secret): readonly Secret[] {
  const plain = secret.reveal();
  const forms = [plain, JSON.stringify(plain).slice(1, -1), encodeURIComponent(plain)];
  // A text this short would blot out half of every message, and is no secret.
  return [...new Set(forms)].filter((form) => form.length >= 4).map((form) => new Secret(form));
}

function sinkError(error: RequestError): SinkError {
  return new SinkError(error.message, { cause: error, hint: error.hint });
}
