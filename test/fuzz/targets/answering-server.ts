import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** A request as the server saw it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An input as an answer: its first line is the status where it is three digits; else that is 200. */
export function answerOf(input: Buffer): Answer {
  const [head] = /^[1-9]\d\d\n/.exec(input.subarray(0, 4).toString('latin1')) ?? [];
  // What is below 200 is no answer, and Node refuses to send it as one.
  const status = Math.max(200, Number(head ?? 200));
  return { status, body: head === undefined ? input : input.subarray(4) };
}

export interface AnsweringServer {
  readonly url: string;
  close(): Promise<void>;
}

/** A server on loopback that answers by a function, with JSON that need not be any. */
export async function startAnswering(answer: (asked: Asked) => Answer): Promise<AnsweringServer> {
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const { status, body } = answer({
      method,
      path,
      headers,
      body: (await buffer(request)).toString('utf8'),
    });
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
