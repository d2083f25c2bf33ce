import { EnvHttpProxyAgent, Pool, type Agent, type Dispatcher } from 'undici';

/** Kept-alive connections through the proxy that the environment names, and past it to where it is not wanted. */
export function openProxied(limits: Agent.Options, timeoutMs: number): Dispatcher {
  const { connect, connections } = limits;
  return new EnvHttpProxyAgent({
    ...limits,
    // `connect` reaches only what is not proxied.
    ...(typeof connect === 'object' && { requestTls: connect }),
    proxyTls: { timeout: timeoutMs },
    clientFactory: (origin, settings) => openProxyPool(origin, { ...settings, connections }, timeoutMs),
  });
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
