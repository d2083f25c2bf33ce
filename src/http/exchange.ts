import type { Dispatcher } from 'undici';

/** Header names in lower case; a repeated header is joined with `, `. */
export type Headers = Readonly<Record<string, string>>;

/** The whole answer came, whatever its status. */
export interface AnsweredExchange {
  readonly kind: 'answered';
  readonly wasSent: true;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface BrokenExchange {
  readonly kind: 'broken';
  /** False is certain: not a byte of the request was written. True only says that it may have arrived. */
  readonly wasSent: boolean;
  /** Where at least the head of the answer came. */
  readonly status: number | undefined;
  readonly headers: Headers;
  /** The same again would fail the same way. */
  readonly isPermanent: boolean;
  /** The transport's own code, such as `ECONNREFUSED`. */
  readonly code: string | undefined;
  readonly reason: string;
}

/** What became of sending a request once. */
export type Exchange = AnsweredExchange | BrokenExchange;

export interface ExchangeOptions {
  readonly dispatcher: Dispatcher;
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string | undefined;
  /** For all of it: waiting for a connection, sending, and the last byte of the answer. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly signal: AbortSignal | undefined;
}

interface Progress {
  isSettled: boolean;
  wasSent: boolean;
  status: number | undefined;
  headers: Headers;
  readonly chunks: Buffer[];
  size: number;
  abort: (() => void) | undefined;
}

interface Break {
  readonly reason: string;
  readonly isPermanent: boolean;
  readonly code?: string | undefined;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Sends one request once and reads the whole answer, whatever its status. Never rejects; redirects are not
 * followed. Uses the dispatcher's handler instead of `undici.request`, because only the handler learns
 * whether the request had begun to leave, and can refuse to let it leave a second time.
 */
export function exchange(options: ExchangeOptions): Promise<Exchange> {
  return new Promise((resolve) => {
    const progress = emptyProgress();
    function settle(result: Exchange): void {
      if (progress.isSettled) return;
      progress.isSettled = true;
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      resolve(result);
      // What is still under way is cut off; after a complete answer there is nothing left to cut.
      if (result.kind === 'broken') progress.abort?.();
    }
    function stop(): void {
      settle(brokenExchange(progress, { reason: 'it was stopped', isPermanent: true }));
    }
    const timer = setTimeout(() => {
      const reason = `no whole answer within ${options.timeoutMs} ms`;
      settle(brokenExchange(progress, { reason, isPermanent: false, code: 'ETIMEDOUT' }));
    }, options.timeoutMs);
    options.signal?.addEventListener('abort', stop);
    if (options.signal?.aborted === true) {
      stop();
      return;
    }
    const { method, url, headers, body = null } = options;
    options.dispatcher.dispatch(
      { origin: url.origin, path: url.pathname + url.search, method, headers: { ...headers }, body },
      exchangeHandler(progress, options.maxResponseBytes, settle),
    );
  });
}

function exchangeHandler(
  progress: Progress,
  maxResponseBytes: number,
  settle: (result: Exchange) => void,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      // Given up while it waited for a connection; or undici is about to repeat it on another one.
      if (progress.isSettled || progress.wasSent) {
        controller.abort(new Error('the connection was lost'));
        return;
      }
      progress.wasSent = true;
      progress.abort = () => {
        controller.abort(new Error('the request was given up'));
      };
    },
    onResponseStart(_controller, status, headers) {
      // 1xx: the answer itself is still to come.
      if (status < 200) return;
      progress.status = status;
      progress.headers = flattenHeaders(headers);
    },
    onResponseData(_controller, chunk) {
      progress.size += chunk.length;
      if (progress.size <= maxResponseBytes) {
        progress.chunks.push(chunk);
      } else {
        const reason = `it is larger than ${maxResponseBytes} bytes`;
        settle(brokenExchange(progress, { reason, isPermanent: true }));
      }
    },
    onResponseEnd() {
      settle(completeExchange(progress));
    },
    onResponseError(_controller, error) {
      settle(brokenExchange(progress, describeFault(error)));
    },
  };
}

function emptyProgress(): Progress {
  return {
    isSettled: false,
    wasSent: false,
    status: undefined,
    headers: {},
    chunks: [],
    size: 0,
    abort: undefined,
  };
}

function completeExchange(progress: Progress): Exchange {
  const { status, headers, chunks } = progress;
  if (status === undefined) {
    return brokenExchange(progress, { reason: 'it has no status', isPermanent: true });
  }
  try {
    const text = UTF8.decode(Buffer.concat(chunks));
    return { kind: 'answered', wasSent: true, status, headers, text };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return brokenExchange(progress, { reason: 'it is not UTF-8', isPermanent: true });
  }
}

function brokenExchange(progress: Progress, cause: Break): Exchange {
  const { wasSent, status, headers } = progress;
  return { kind: 'broken', wasSent, status, headers, code: undefined, ...cause };
}

function flattenHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

/** Only code and message of a transport's error are kept: others of its fields hold headers and body. */
function describeFault(error: Error): Break {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  // Several addresses were tried: the message of the whole is empty.
  const members: unknown[] = error instanceof AggregateError ? error.errors : [];
  const first = members.find((member) => member instanceof Error);
  const message = error.message === '' ? (first?.message ?? 'the connection failed') : error.message;
  const reason = code === undefined || message.includes(code) ? message : `${message} (${code})`;
  return { reason, code, isPermanent: isPermanentFault(code, message) };
}

function isPermanentFault(code: string | undefined, message: string): boolean {
  if (code === undefined) return false;
  // The proxy answered the CONNECT: trying again helps where it is the proxy that has a problem.
  if (code === 'UND_ERR_ABORTED') return !/\(5\d\d\)/.test(message);
  return /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|UND_ERR_(INVALID_ARG|PRX_TLS|CLOSED|DESTROYED)$)/.test(
    code,
  );
}
