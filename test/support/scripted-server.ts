import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';

/** A request as the server saw it. */
interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What the server does with one request, once it has read all of it. */
export type Answer = (response: ServerResponse, request: ReceivedRequest) => void | Promise<void>;

export interface ScriptedServer {
  /** Without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Every request that arrived, in order. */
  readonly received: readonly ReceivedRequest[];
  /** Answers for the requests to come, in order; the last one stays. */
  script(...answers: Answer[]): void;
  /** Resolves when a request has arrived (again: the nth). */
  arrived(count: number): Promise<void>;
  /** Resolves when the server holds no connection. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** A real server on a loopback port that does to each request what the script says; https with `tls`. */
export async function startScriptedServer(
  options: { tls?: { cert: string; key: string } } = {},
): Promise<ScriptedServer> {
  const received: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const watchers = new Set<() => void>();
  let answers: readonly Answer[] = [respond(404, {})];

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(message);
    received.push(request);
    notify();
    const [answer, ...rest] = answers;
    if (rest.length > 0) answers = rest;
    await answer?.(response, request);
  }
  function notify(): void {
    for (const watcher of watchers) watcher();
  }
  function until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      function check(): void {
        if (!isTrue()) return;
        watchers.delete(check);
        resolve();
      }
      watchers.add(check);
      check();
    });
  }

  const listener = (message: IncomingMessage, response: ServerResponse): void =>
    void handle(message, response);
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      notify();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    received,
    script(...next) {
      answers = next;
    },
    arrived: (count) => until(() => received.length >= count),
    idle: () => until(() => sockets.size === 0),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A whole answer; an object is sent as JSON, a string as it is. */
export function respond(status: number, body: object | string, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** The connection is reset instead of an answer. */
export const reset: Answer = (response) => {
  response.socket?.resetAndDestroy();
};

/** No answer, and the connection stays open. */
export const hang: Answer = () => undefined;

/** The head and half of the body, then the connection ends. */
export function truncate(status: number, body: string): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
    response.write(body.slice(0, body.length / 2), () => response.socket?.end());
  };
}

/** The head and the first bytes, and then nothing more. */
export function stall(status: number): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.write('{"subscriptions":');
  };
}

/** A loopback port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function readRequest(message: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const { method = '', url: path = '', headers } = message;
  return { method, path, headers, body: Buffer.concat(chunks).toString('utf8') };
}
