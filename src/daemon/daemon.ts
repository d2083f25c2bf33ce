/*
 * The daemon: triggers around one pass, and endpoints that show how it stands.
 *
 *   file changed ──┐                                   ┌──▶ board ──▶ /livez /readyz /startupz /status /metrics
 *   interval ──────┼──▶ loop ──▶ pass (one at a time) ─┤
 *   SIGHUP ────────┤      ▲                            └──▶ journal (log)
 *   /-/reconcile ──┘      └── failure: backoff, Retry-After
 */
import { randomInt } from 'node:crypto';
import type { Logger } from 'pino';
import type { LoadedSubscriptions } from '../config/load-subscriptions.ts';
import type { Board } from './board.ts';
import { countSinkWrites } from './counted-sink.ts';
import { createPass, type BaseContext, type PassParts } from './daemon-pass.ts';
import { openDesiredFile } from './desired-file.ts';
import { openEndpoints } from './endpoints.ts';
import { openFights } from './fights.ts';
import { followFile } from './follow-file.ts';
import { openJournal } from './journal.ts';
import { startLoop } from './loop.ts';
import type { Metrics } from './metrics.ts';

export interface DaemonParts {
  /** Its `settings` say how; its `stop` ends the daemon. */
  readonly base: BaseContext;
  /** Reads and checks the subscriptions file. */
  readonly load: () => Promise<LoadedSubscriptions>;
  readonly memory: PassParts['memory'];
  readonly publish: PassParts['publish'];
  readonly board: Board;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Calls `listener` at every SIGHUP until the returned function is called. */
  readonly onHangup: (listener: () => void) => () => void;
  /** How often the file is read whatever the watchers say, and whether there are watchers at all. */
  readonly follow: { readonly pollMs: number; readonly watches: boolean };
  /** For jitter and backoff, in [0, 1). */
  readonly random?: () => number;
}

/** Runs until `base.stop` is signalled and what is in hand is done. Rejects with `ConfigError`, or with a bug. */
export async function runDaemon(parts: DaemonParts): Promise<void> {
  const { base, board, metrics, random = randomNumber } = parts;
  const { settings, clock, stop } = base;
  const journal = openJournal(parts.logger);
  const { host, port } = settings.daemon.listen;
  const pass = createPass({
    file: openDesiredFile(parts.load),
    base: { ...base, sink: countSinkWrites(base.sink, (result) => metrics.sinkWrite(result)) },
    memory: parts.memory,
    publish: parts.publish,
    board,
    journal,
    fights: openFights(),
    passEnded: (result, seconds) => metrics.passEnded(result, seconds),
  });
  let trigger: ReturnType<typeof startLoop>['trigger'] = () => undefined;
  const endpoints = await openEndpoints({
    host,
    port,
    status: () => board.status(),
    metrics,
    reconcile: () => trigger('request'),
    now: () => clock.now(),
  });
  const followed = await followFile(settings.subscriptions, {
    ...parts.follow,
    clock,
    onChange: () => trigger('file'),
    onProblem: (message) => journal.say('warn', 'watch_failed', {}, message),
  });
  const ignoreHangups = parts.onHangup(() => trigger('signal'));
  const sayStopping = (): void => journal.say('info', 'stopping', {}, 'finishing what is in hand');
  stop.signal.addEventListener('abort', sayStopping, { once: true });
  try {
    const { owner, subscriptions, secrets, daemon } = settings;
    const facts = { owner, subscriptions, sink: secrets.sink, interval_seconds: daemon.interval / 1000 };
    journal.say('info', 'started', { ...facts, endpoints: endpoints.url }, `reconciling ${subscriptions}`);
    const loop = startLoop({
      pass,
      intervalMs: daemon.interval,
      jitter: daemon.jitter,
      clock,
      random,
      stop: stop.signal,
      onWait: (nextAt) => board.updatePass({ nextAt }),
    });
    trigger = (why) => loop.trigger(why);
    await loop.done;
  } finally {
    trigger = () => undefined;
    stop.signal.removeEventListener('abort', sayStopping);
    ignoreHangups();
    await followed.close();
    await endpoints.close();
  }
  journal.say('info', 'stopped', {}, 'nothing is in hand any more');
}

/** In [0, 1). */
function randomNumber(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}
