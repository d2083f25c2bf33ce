import type { Dispatcher } from 'undici';
import Agent from 'undici/lib/dispatcher/agent.js';
import { ConfigError } from '../domain/errors.ts';
import { isLoopback } from '../domain/loopback.ts';

/** PEM texts; `ca` replaces the system's authorities. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

export interface ConnectionOptions {
  readonly timeoutMs: number;
  /** Each carries one request at a time. */
  readonly most: number;
  readonly tls?: TlsOptions | undefined;
}

/** Kept-alive connections, direct or through the proxy that the environment names. */
export interface Connections {
  dispatcherFor(url: URL): Dispatcher | Promise<Dispatcher>;
  /** Cuts every connection. */
  close(): Promise<void>;
}

const PROXY_VARIABLES = [
  ['http_proxy', 'HTTP_PROXY'],
  ['https_proxy', 'HTTPS_PROXY'],
] as const;

/**
 * Opens nothing yet. Honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, except for loopback, which no
 * proxy can mean. Time limits other than that for connecting are the caller's. Refuses a proxy that is no URL.
 */
export function openConnections(options: ConnectionOptions): Connections {
  const hasProxy = readProxyVariables();
  const connect = { ...options.tls, timeout: options.timeoutMs };
  const { most: connections, timeoutMs } = options;
  const limits = { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connect };
  const direct = new Agent(limits);
  let proxied: Promise<Dispatcher> | undefined;

  async function loadProxied(): Promise<Dispatcher> {
    const { openProxied } = await import('./proxied.ts');
    return openProxied(limits, timeoutMs);
  }

  return {
    dispatcherFor(url) {
      if (!hasProxy || isLoopback(url)) return direct;
      proxied ??= loadProxied();
      return proxied;
    },
    async close() {
      await Promise.all([direct.destroy(), proxied?.then((dispatcher) => dispatcher.destroy())]);
    },
  };
}

/** Whether the environment names a proxy. */
function readProxyVariables(): boolean {
  let isNamed = false;
  for (const names of PROXY_VARIABLES) {
    const name = names.find((candidate) => process.env[candidate] !== undefined);
    const value = name === undefined ? undefined : process.env[name];
    if (name === undefined || value === undefined || value === '') continue;
    isNamed = true;
    if (!/^(https?|socks5?):\/\//.test(value) || !URL.canParse(value)) {
      // Without the value: it may hold the proxy's password.
      throw new ConfigError(`cannot use the proxy in ${name}: it is not an http, https or socks5 URL`);
    }
  }
  return isNamed;
}
