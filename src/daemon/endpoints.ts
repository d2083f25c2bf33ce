import { isIP } from 'node:net';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { jsonText } from '../domain/json-text.ts';
import { listen, urlOf } from './listen.ts';
import type { Metrics } from './metrics.ts';
import { whyNotReady, whyNotStarted } from './probes.ts';
import { statusDocument } from './status-document.ts';
import type { DaemonStatus } from './status.ts';

export interface EndpointOptions {
  /** A name or an address; IPv6 with brackets or without. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly status: () => DaemonStatus;
  readonly metrics: Pick<Metrics, 'render'>;
  /** Asks for a pass; it must return at once. */
  readonly reconcile: () => void;
  /** In milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a client may take to send its request, and to take its answer. */
  readonly patienceMs?: number;
}

export interface Endpoints {
  /** Of the address that is listened on, without a trailing slash. */
  readonly url: string;
  /** Ends every connection at once; a request that is complete is still answered. May be called twice. */
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly body: string;
  /** Plain text unless given. */
  readonly contentType?: string;
  readonly allow?: string;
}

interface Route {
  readonly methods: readonly string[];
  readonly answer: (request: IncomingMessage) => Reply | Promise<Reply>;
}
type Routes = ReadonlyMap<string, Route>;

const MAX_BODY_BYTES = 16 * 1024;
const READ = ['GET', 'HEAD'];
const LIVENESS = '/livez';

/**
 * Serves `/livez`, `/readyz`, `/startupz`, `/metrics`, `/status` and `POST /-/reconcile` over plain HTTP. Fails
 * with `ConfigError` where the address cannot be had. No answer repeats anything of its request.
 */
export async function openEndpoints(options: EndpointOptions): Promise<Endpoints> {
  const routes = createRoutes(options);
  const host = options.host.replace(/^\[(.*)\]$/, '$1');
  const server = await listen(host, options.port, options.patienceMs ?? 5000);
  const answering = new Set<Promise<void>>();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    onceComplete(request, () => {
      const answer = sendReply(routes, request, response);
      answering.add(answer);
      // A failure here is a bug and must not pass unseen: `answer` itself stays rejected.
      void answer.finally(() => answering.delete(answer));
    });
  });
  return {
    url: urlOf(server),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.allSettled(answering);
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Whether an address that a connection comes from is this machine's own loopback. */
export function isLoopbackPeer(address: string | undefined): boolean {
  return address !== undefined && (address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address));
}

function createRoutes({ status, metrics, reconcile, now }: EndpointOptions): Routes {
  return new Map<string, Route>([
    [LIVENESS, { methods: READ, answer: () => probe([]) }],
    [
      '/readyz',
      {
        methods: READ,
        answer: () => probe(whyNotReady(status())),
      },
    ],
    ['/startupz', { methods: READ, answer: () => probe(whyNotStarted(status())) }],
    [
      '/metrics',
      {
        methods: READ,
        answer: async () => ({ status: 200, ...(await metrics.render()) }),
      },
    ],
    [
      '/status',
      {
        methods: READ,
        answer: () => ({
          status: 200,
          contentType: 'application/json; charset=utf-8',
          body: `${jsonText(statusDocument(status(), now()), 2)}\n`,
        }),
      },
    ],
    [
      '/-/reconcile',
      {
        methods: ['POST'],
        answer(request) {
          const refusal = whyNotReconcile(request.socket.remoteAddress, request.headers);
          if (refusal !== null) return { status: 403, body: `refused: ${refusal}\n` };
          reconcile();
          return { status: 202, body: 'accepted\n' };
        },
      },
    ],
  ]);
}

function probe(reasons: readonly string[]): Reply {
  return reasons.length === 0
    ? { status: 200, body: 'ok\n' }
    : { status: 503, body: `${reasons.join('\n')}\n` };
}

/** A page in a browser on this machine, and a proxy on it, are loopback peers too, and speak for strangers. */
function whyNotReconcile(peer: string | undefined, headers: IncomingHttpHeaders): string | null {
  if (!isLoopbackPeer(peer)) return 'only from this machine, over loopback';
  if ('origin' in headers || 'sec-fetch-site' in headers) return 'not from a web page';
  if ('forwarded' in headers || 'x-forwarded-for' in headers) return 'not through a proxy';
  return null;
}

/**
 * Over loopback the host is an address or a name of this machine. Another name is one of the network's that was made to
 * point here (DNS rebinding), by which a page in a browser of this machine could read what only this machine may.
 */
function isRebound(peer: string | undefined, host: string | undefined): boolean {
  if (!isLoopbackPeer(peer) || host === undefined) return false;
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return isIP(name) === 0 && name.includes('.') && !/\.localhost$/i.test(name);
}

/** Bodies mean nothing here: they are read and dropped, and a long one ends the connection. */
function onceComplete(request: IncomingMessage, proceed: () => void): void {
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) request.destroy();
  });
  request.once('end', proceed);
}

async function sendReply(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = await replyTo(routes, request);
  const headers = {
    'content-type': reply.contentType ?? 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(reply.body)),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // Connections are few and bounded: none is kept for a client that may come back.
    connection: 'close',
    ...(reply.allow !== undefined && { allow: reply.allow }),
  };
  response.writeHead(reply.status, headers).end(reply.body);
}

function replyTo(routes: Routes, request: IncomingMessage): Reply | Promise<Reply> {
  const path = (request.url ?? '').replace(/[?#].*$/s, '');
  // Whether the process lives is no secret, and a doubt about it would end it.
  if (path !== LIVENESS && isRebound(request.socket.remoteAddress, request.headers.host)) {
    return { status: 403, body: 'refused: not by a name that is not of this machine\n' };
  }
  const route = routes.get(path);
  if (route === undefined) {
    return { status: 404, body: `not found; there are:\n${Array.from(routes.keys()).join('\n')}\n` };
  }
  if (!route.methods.includes(request.method ?? '')) {
    const allow = route.methods.join(', ');
    return { status: 405, body: `this answers ${allow}\n`, allow };
  }
  return route.answer(request);
}
