import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { ConfigError } from '../domain/errors.ts';

const MAX_CONNECTIONS = 128;
const MAX_HEADER_BYTES = 8 * 1024;
const HINT = 'write a free address and port of this machine, e.g. daemon.listen: 127.0.0.1:9653';

/**
 * A server that listens, and on which no client can sit: one that takes longer than `patienceMs` to send its
 * request, or to take its answer, is cut off. Fails with `ConfigError` where the address cannot be had.
 */
export async function listen(host: string, port: number, patienceMs: number): Promise<Server> {
  const server = createServer({
    headersTimeout: patienceMs,
    requestTimeout: patienceMs,
    connectionsCheckingInterval: patienceMs / 5,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  server.timeout = patienceMs;
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    function fail(error: NodeJS.ErrnoException): void {
      reject(listenError(error, `${bracketed(host)}:${port}`));
    }
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      server.on('error', ignoreFailedAccept);
      resolve();
    });
  });
  return server;
}

/** Where a server listens, as a URL without a trailing slash. */
export function urlOf(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the server does not listen on a port');
  return `http://${bracketed(bound.address)}:${bound.port}`;
}

/** A connection that could not be accepted (no file descriptors left) is that client's loss, not the daemon's end. */
function ignoreFailedAccept(error: NodeJS.ErrnoException): void {
  if (error.syscall !== 'accept') throw error;
}

function listenError(error: NodeJS.ErrnoException, place: string): ConfigError {
  return new ConfigError(`cannot listen on ${place} (daemon.listen): ${causeOf(error)}`, [], HINT);
}

function causeOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'something else listens there';
    case 'EACCES':
      return 'not permitted; ports below 1024 need a privilege';
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return 'this machine has no such address';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name of the host is not known';
    default:
      return error.message;
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
