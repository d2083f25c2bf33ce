import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ConfigError } from '../domain/errors.ts';

/** Answers one request. A failure of it is a bug: it ends the process, as every unhandled rejection does. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** An HTTP server that listens. */
export interface LocalServer {
  readonly port: number;
  /** Ends every connection, and returns when no handler runs any more. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 1024 * 1024;

/** Listens on `host`; port 0 takes a free one. Fails with `ConfigError` where the address cannot be had. */
export async function listen(
  handler: Handler,
  address: { host: string; port: number },
): Promise<LocalServer> {
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    response.sendDate = false;
    const handling = handler(request, response);
    running.add(handling);
    // A handler that fails is a bug of the emulator, and must not pass unseen: `handling` itself stays rejected.
    void handling.finally(() => running.delete(handling));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const place = `${address.host}:${address.port}`;
      reject(new ConfigError(`cannot listen on ${place}: ${error.message}`));
    });
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await Promise.all([closed, Promise.allSettled(running)]);
    },
  };
}

/** The body as text; undefined where the client went away before its end, or sent more than 1 MiB. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      const bytes = Buffer.from(chunk as Uint8Array);
      size += bytes.length;
      if (size > MAX_BODY_BYTES) {
        request.socket.destroy();
        return undefined;
      }
      chunks.push(bytes);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error;
    return undefined;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Answers with JSON, or with nothing where `body` is undefined. */
export function sendJson(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): void {
  if (body === undefined) return void response.writeHead(status, headers).end();
  sendText(response, status, { ...headers, 'content-type': 'application/json' }, JSON.stringify(body));
}

/** Answers with a text; the content type is among the headers. */
export function sendText(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): void {
  response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(text)) }).end(text);
}

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').replace(/[?#].*$/s, '');
}
