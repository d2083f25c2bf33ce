import { RequestError, type RequestOutcome } from '../domain/errors.ts';
import type { Secret } from '../domain/secret.ts';
import { cleanText } from './clean-text.ts';
import type { AnsweredExchange, BrokenExchange, Exchange, Headers } from './exchange.ts';
import { LONGEST_RETRY_AFTER_MS, retryAfterMs, type AttemptFailure } from './retry.ts';
import { describeUrl } from './secure-url.ts';

/** What a service's own error body says; every part is optional, the text need not be clean. */
export interface Explanation {
  readonly code?: number | undefined;
  readonly message?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Where the service's own words tell whether the same request may succeed later; else the status does. */
  readonly isPassing?: boolean | undefined;
  /** What the reader can do about it; our words, not the service's. */
  readonly hint?: string | undefined;
}

/** What an error may say about the request that failed. */
export interface RequestFacts {
  /** `Linq`. */
  readonly service: string;
  /** Completes "cannot …": `create a subscription`. */
  readonly action: string;
  readonly method: string;
  readonly url: URL;
  /** Blotted out of whatever the service or the transport says. */
  readonly secrets: readonly Secret[];
  /** Reads the service's error body. */
  readonly explain: ((status: number, text: string, headers: Headers) => Explanation) | undefined;
}

/** A failed attempt: the error to throw, and what the retry decision needs to know. */
export interface Failure {
  readonly error: RequestError;
  readonly attempt: AttemptFailure;
}

/** Whether the service answered 2xx, and the answer came in full. */
export function isSuccess(result: Exchange): result is AnsweredExchange {
  return result.kind === 'answered' && isSuccessStatus(result.status);
}

/** The failure that an exchange which is no success is; `attempt` counts from 1. */
export function failureOf(facts: RequestFacts, result: Exchange, attempt: number, now: number): Failure {
  if (result.kind === 'broken' && (result.status === undefined || isSuccessStatus(result.status))) {
    return brokenFailure(facts, result, attempt);
  }
  return statusFailure(facts, result, result.status ?? 0, attempt, now);
}

/** The error for a 2xx whose body is not what it should be: whether a write happened is not known. */
export function unreadableAnswer(
  facts: RequestFacts,
  status: number,
  headers: Headers,
  reason: string,
): RequestError {
  const what = `${facts.service} answered ${status}, but ${cleanText(reason, facts.secrets)}`;
  return requestError(facts, headers, 1, what, { outcome: 'unknown', status });
}

function statusFailure(
  facts: RequestFacts,
  result: Exchange,
  status: number,
  attempt: number,
  now: number,
): Failure {
  const { headers } = result;
  const explanation = result.kind === 'answered' ? (facts.explain?.(status, result.text, headers) ?? {}) : {};
  const asked = retryAfterMs(headers['retry-after'], headers['date'], now) ?? explanation.retryAfterMs;
  const wait = asked === undefined ? undefined : Math.min(asked, LONGEST_RETRY_AFTER_MS);
  const words = [explanation.code?.toString(), cleanText(explanation.message ?? '', facts.secrets)];
  const said = words.filter((word) => word !== undefined && word !== '').join(' ');
  const isRedirect = status >= 300 && status <= 399;
  const detail = isRedirect ? redirectDetail(facts, headers) : said === '' ? '' : ` (${said})`;
  const error = requestError(facts, headers, attempt, `${facts.service} answered ${status}${detail}`, {
    outcome: outcomeOfStatus(status),
    status,
    serviceCode: explanation.code,
    retryAfterMs: wait,
    hint: explanation.hint,
  });
  const { isPassing } = explanation;
  return { error, attempt: { kind: 'status', status, retryAfterMs: wait, isPassing } };
}

function brokenFailure(facts: RequestFacts, result: BrokenExchange, attempt: number): Failure {
  const { status, wasSent, code } = result;
  const reason = cleanText(result.reason, facts.secrets);
  const what =
    status !== undefined
      ? `the answer of ${facts.service} (${status}) cannot be read: ${reason}`
      : wasSent
        ? `${facts.service} did not answer: ${reason}`
        : `${facts.service} was not reached at ${facts.url.origin}: ${reason}`;
  const error = requestError(facts, result.headers, attempt, what, {
    outcome: wasSent ? 'unknown' : 'not-sent',
    status,
    cause: code === undefined ? undefined : Object.assign(new Error(reason), { code }),
    hint: isUnknownAuthority(code)
      ? 'NODE_EXTRA_CA_CERTS names a file with further certificate authorities'
      : undefined,
  });
  return { error, attempt: { kind: result.isPermanent ? 'permanent' : 'connection' } };
}

function isSuccessStatus(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** 408 and 5xx may come from something in front of a service that went on working. */
function outcomeOfStatus(status: number): RequestOutcome {
  return status === 408 || status < 200 || status >= 500 ? 'unknown' : 'refused';
}

/** The host alone, since path and query may hold a token; not even that where something had to be blotted out. */
function redirectDetail(facts: RequestFacts, headers: Headers): string {
  const location = headers['location'] ?? '';
  const isPlain = location !== '' && cleanText(location, facts.secrets) === location;
  const isUrl = isPlain && URL.canParse(location, facts.url.href);
  const target = isUrl ? ` to ${new URL(location, facts.url).host}` : '';
  return `, a redirect${target}, which is not followed`;
}

function isUnknownAuthority(code: string | undefined): boolean {
  return code !== undefined && /^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code);
}

function requestError(
  facts: RequestFacts,
  headers: Headers,
  attempt: number,
  what: string,
  details: Omit<ConstructorParameters<typeof RequestError>[1], 'method' | 'url' | 'traceId'>,
): RequestError {
  const trace = cleanText(headers['x-trace-id'] ?? '', facts.secrets);
  const traceId = /^[\w.-]{1,64}$/.test(trace) ? trace : undefined;
  const message = [
    `cannot ${facts.action}: ${what}`,
    ...(traceId === undefined ? [] : [`trace ${traceId}`]),
    ...(attempt === 1 ? [] : [`attempt ${attempt}`]),
  ].join(', ');
  return new RequestError(message, {
    ...details,
    method: facts.method,
    url: describeUrl(facts.url),
    traceId,
  });
}
