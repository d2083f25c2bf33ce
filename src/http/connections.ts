import { Agent, EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';
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
  /** Each carries one request at a time; 16 unless told. */
  readonly most?: number | undefined;
  readonly tls?: TlsOptions | undefined;
}

/** Kept-alive connections, direct or through the proxy that the environment names. */
export interface Connections {
  dispatcherFor(url: URL): Dispatcher;
  /** Cuts every connection. */
  close(): Promise<void>;
}

const MOST_CONNECTIONS = 16;
const PROXY_VARIABLES = [
  ['http_proxy', 'HTTP_PROXY'],
  ['https_proxy', 'HTTPS_PROXY'],
] as const;

/**
 * Opens nothing yet. Honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, except for loopback, which no
 * proxy can mean. Time limits other than that for connecting are the caller's. Refuses a proxy that is no URL.
 */
export function openConnections(options: ConnectionOptions): Connections {
  assertProxyVariables();
  const connect = { ...options.tls, timeout: options.timeoutMs };
  const { most = MOST_CONNECTIONS } = options;
  const limits = { connections: most, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 };
  const direct = new Agent({ ...limits, connect });
  const proxied = new EnvHttpProxyAgent({
    ...limits,
    connect,
    // `connect` reaches only what is not proxied.
    requestTls: connect,
    proxyTls: { timeout: options.timeoutMs },
    clientFactory: (origin, settings) =>
      openProxyPool(origin, { ...settings, connections: most }, options.timeoutMs),
  });
  return {
    dispatcherFor: (url) => (isLoopback(url) ? direct : proxied),
    async close() {
      await Promise.all([direct.destroy(), proxied.destroy()]);
    },
  };
}

/**
 * The connections to the proxy itself. Where a proxy ends one instead of answering, undici would take the
 * error for a passing one and connect again without pause for as long as the request waits.
 */
function openProxyPool(origin: URL, settings: object, timeoutMs: number): Dispatcher {
  const pool = new Pool(origin, { ...settings, headersTimeout: timeoutMs });
  const connect = pool.connect.bind(pool);
  async function connectOnce(options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> {
    try {
      return await connect(options);
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'UND_ERR_SOCKET') throw error;
      throw Object.assign(new Error('the proxy closed the connection'), { code: 'ECONNRESET' });
    }
  }
  return Object.assign(pool, { connect: connectOnce });
}

function assertProxyVariables(): void {
  for (const names of PROXY_VARIABLES) {
    const name = names.find((candidate) => process.env[candidate] !== undefined);
    const value = name === undefined ? undefined : process.env[name];
    if (name === undefined || value === undefined || value === '') continue;
    if (!/^(https?|socks5?):\/\//.test(value) || !URL.canParse(value)) {
      // Without the value: it may hold the proxy's password.
      throw new ConfigError(`cannot use the proxy in ${name}: it is not an http, https or socks5 URL`);
    }
  }
}
