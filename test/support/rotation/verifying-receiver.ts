import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Shelf } from './shelves.ts';

/** How a receiver learns of new secrets: at every delivery, or only when `tick` says that its time has come. */
export const HABITS = ['eager', 'lagging'] as const;
export type Habit = (typeof HABITS)[number];

/** A webhook receiver on loopback: 200 for a signature that it accepts, 401 for any other. */
export interface VerifyingReceiver {
  urlOf(name: string, habit: Habit): string;
  /** The lagging one reads again what it has read `lag` ago, in the server's milliseconds; not a moment earlier. */
  tick(now: number, lag: number): void;
  close(): Promise<void>;
}

export interface ReceiverOptions {
  readonly shelf: Shelf;
  readonly names: readonly string[];
  /** When the lagging one read each entry for the first time. */
  readonly readAt: (name: string) => number;
}

/** Starts both receivers of all entries, on one port. */
export async function startVerifyingReceiver(options: ReceiverOptions): Promise<VerifyingReceiver> {
  const { shelf, names, readAt } = options;
  const remembered = new Map(names.map((name) => [name, { secrets: shelf(name), at: readAt(name) }]));
  const server = createServer((request, response) => {
    const [, habit, name = ''] = (request.url ?? '').split('/');
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const secrets = habit === 'eager' ? shelf(name) : (remembered.get(name)?.secrets ?? []);
      response.writeHead(secrets.some((secret) => isSigned(request.headers, body, secret)) ? 200 : 401).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    urlOf: (name, habit) => `http://127.0.0.1:${port}/${habit}/${name}`,
    tick(now, lag) {
      for (const [name, { at }] of remembered) {
        if (now - at >= lag) remembered.set(name, { secrets: shelf(name), at: now });
      }
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Standard Webhooks, but for the age of the timestamp: the server's time is not the receiver's here. */
function isSigned(headers: IncomingHttpHeaders, body: string, secret: string): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  return String(headers['webhook-signature']).split(' ').includes(expected);
}
