import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { API_BASE_PATH } from '../../src/emulator/routes.ts';
import type { Emulator } from '../../src/emulator/emulator.ts';

/** An API in front of the emulator that repeats what it should keep to itself. */
export interface Gossip {
  /** What `LINQ_API_V3_BASE_URL` is to be. */
  readonly url: string;
  /** Every signing secret that went through, or that the account held at the start. */
  readonly secrets: ReadonlySet<string>;
  /** The next request with this method is answered with `status` and an error full of secrets. */
  failNext(method: string, status: number, options?: { readonly commit: boolean }): void;
  close(): Promise<void>;
}

/**
 * Passes requests on to the emulator. Every answer has the secrets in fields that nobody knows; errors have
 * the key and the secrets in their message, their trace and their headers.
 */
export async function startGossip(emulator: Emulator): Promise<Gossip> {
  const secrets = new Set<string>();
  const failures: { method: string; status: number; commit: boolean }[] = [];
  const remember = (): void => {
    for (const { signing_secret } of emulator.subscriptions()) secrets.add(signing_secret.reveal());
  };
  remember();
  const server = createServer((request, response) => {
    void (async () => {
      const body = await readAll(request);
      const index = failures.findIndex(({ method }) => method === request.method);
      const [failure] = index < 0 ? [] : failures.splice(index, 1);
      const answer = failure?.commit === false ? undefined : await passOn(emulator, request, body);
      remember();
      const rumours = [request.headers.authorization, ...secrets].join(' ');
      if (failure) {
        response.writeHead(failure.status, { 'content-type': 'application/json', 'x-trace-id': rumours });
        response.end(
          JSON.stringify({
            error: { status: failure.status, code: 1005, message: `${rumours} ${answer?.text ?? ''}` },
            success: false,
            trace_id: rumours,
            rumours,
          }),
        );
      } else {
        response.writeHead(answer?.status ?? 500, {
          'content-type': 'application/json',
          'x-rumours': rumours,
        });
        response.end(answer && withRumours(answer.text, rumours));
      }
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${API_BASE_PATH}`,
    secrets,
    failNext: (method, status, { commit } = { commit: false }) =>
      void failures.push({ method, status, commit }),
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

async function passOn(
  emulator: Emulator,
  request: IncomingMessage,
  body: string,
): Promise<{ status: number; text: string }> {
  const response = await fetch(new URL(request.url ?? '/', emulator.url), {
    method: request.method ?? 'GET',
    headers: { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' },
    ...(body !== '' && { body }),
  });
  return { status: response.status, text: await response.text() };
}

/** Objects of the answer, and those in its lists, get fields that no client knows. */
function withRumours(text: string, rumours: string): string {
  if (text === '') return text;
  return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value, rumours } : value,
  );
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
