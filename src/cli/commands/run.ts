import { setFlagsFromString } from 'node:v8';
import { openSubscriptions } from '../../config/load-subscriptions.ts';
import { openBoard } from '../../daemon/board.ts';
import { runDaemon } from '../../daemon/daemon.ts';
import { openMetrics } from '../../daemon/metrics.ts';
import type { Stop } from '../../reconcile/context.ts';
import { rememberSink } from '../../secrets/open-sink.ts';
import { systemClock } from '../clock.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { createLogger } from '../logger.ts';
import { openApi, openSink, planContext, unique } from '../open.ts';
import { openPublisher } from '../publish.ts';
import { openSession, shortPath, type CommonOptions } from '../session.ts';
import { withSignals } from '../signals.ts';
import { version } from '../version.ts';

export interface RunOptions extends CommonOptions {
  /** False: the file is only read again and again. */
  readonly watch: boolean;
}

const POLL_MS = 10_000;
/** Records are read anew at least so often. */
const FULL_CHECK_MS = 3_600_000;
/** A pass that fails is made again anyway. */
const MOST_ATTEMPTS = 2;

/** The daemon: passes until it is told to stop; then exit code 0. */
export async function run(options: RunOptions, io: Io): Promise<ExitCode> {
  // It rests nearly all of the time: what a pass leaves is collected at once, and does not make the heap grow.
  setFlagsFromString('--semi-space-growth-factor=1');
  const session = await openSession(io, options);
  const { settings } = session;
  const board = openBoard(systemClock.now());
  const metrics = openMetrics({
    version: version(),
    sink: settings.secrets.sink,
    status: () => board.status(),
  });
  const work = async (stop: Stop, over: AbortSignal): Promise<void> => {
    const api = openApi(session, io, {
      maxAttempts: MOST_ATTEMPTS,
      onRequest: (method, status) => metrics.apiRequest(method, status),
    });
    const sink = openSink(session, io, over);
    const publisher = openPublisher(session, io);
    try {
      const shown = shortPath(settings.subscriptions, io);
      await runDaemon({
        base: {
          ...(await planContext(session, api.reader, sink, 'run')),
          observer: api.readerUntil(stop.signal),
          writer: api.writer,
          sink,
          unique,
          stop,
          ...(publisher && { showSecrets: () => publisher.show(sink) }),
        },
        load: openSubscriptions(settings.subscriptions, shown),
        memory: rememberSink(settings, sink, { maxAgeMs: FULL_CHECK_MS, now: () => systemClock.now() }),
        publish: publisher && ((secrets) => publisher.publish(secrets)),
        board,
        metrics,
        logger: createLogger(io, options.logLevel),
        onHangup: (listener) => io.onHangup(listener),
        follow: { pollMs: POLL_MS, watches: options.watch },
      });
    } finally {
      await Promise.all([api.close(), sink.close()]);
    }
  };
  // The log says that it stops.
  await withSignals(io, work, () => undefined);
  return 0;
}
