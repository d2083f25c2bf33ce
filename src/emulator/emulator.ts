import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createAccount } from './account.ts';
import { answerControl, CONTROL_PATH } from './control.ts';
import { createControls } from './controls.ts';
import type { Controls } from './controls.ts';
import { answerApi } from './exchange.ts';
import type { Emulation } from './exchange.ts';
import { createFaultBook } from './faults.ts';
import { API_BASE_PATH } from './routes.ts';
import { exampleSeed, plant } from './seed.ts';
import type { Seed } from './seed.ts';
import { listen } from './server.ts';
import { DEFAULT_SWITCHES } from './switches.ts';
import type { Switches } from './switches.ts';

/** How to start an emulator; everything has a default. */
export interface EmulatorOptions {
  /** 0, a free one, unless given. */
  readonly port?: number;
  /** Loopback unless given. The control endpoint answers loopback clients whatever the host. */
  readonly host?: string;
  /** `exampleSeed()` unless given. */
  readonly seed?: Seed;
  readonly switches?: Partial<Switches>;
  /** The keys that the API accepts; one random key unless given. */
  readonly apiKeys?: readonly string[];
  /** The server's clock, in milliseconds since the epoch. */
  readonly now?: () => number;
}

/** A running emulator, with its strings. */
export interface Emulator extends Controls {
  /** What `LINQ_API_V3_BASE_URL` is to be. */
  readonly url: string;
  readonly controlUrl: string;
  /** The first key that the API accepted at the start. */
  readonly apiKey: string;
  readonly port: number;
  /** Ends every connection; what waits is dropped, uncommitted. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts a local Linq Partner API v3, state in memory, over real HTTP. It resolves once the port is open, and
 * fails with `ConfigError` where it cannot be had.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { host = '127.0.0.1', port = 0, seed = exampleSeed(), now = Date.now } = options;
  const apiKeys = options.apiKeys ?? [randomBytes(16).toString('hex')];
  const switches = { ...DEFAULT_SWITCHES, ...options.switches };
  const stop = new AbortController();
  // Every request that waits listens to it, and there may be any number of those.
  setMaxListeners(0, stop.signal);
  const emulation: Emulation = {
    account: createAccount({ switches, apiKeys, now }),
    faults: createFaultBook(),
    log: { entries: [], received: 0 },
    landings: new Set(),
    stopping: stop.signal,
  };
  plant(emulation.account, seed);
  const controls = createControls(emulation);
  const server = await listen(
    (request, response) =>
      isControl(request.url ?? '')
        ? answerControl(controls, request, response)
        : answerApi(emulation, request, response),
    { host, port },
  );
  const origin = `http://${reachable(host)}:${server.port}`;
  return {
    ...controls,
    url: `${origin}${API_BASE_PATH}`,
    controlUrl: `${origin}${CONTROL_PATH}`,
    apiKey: apiKeys[0] ?? '',
    port: server.port,
    async close() {
      stop.abort();
      await server.close();
    },
  };
}

function isControl(url: string): boolean {
  return url === CONTROL_PATH || url.startsWith(`${CONTROL_PATH}/`);
}

/** The host under which this machine reaches what listens on `host`. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
