import { setMaxListeners } from 'node:events';
import type { Stop } from '../reconcile/context.ts';
import { SIGNAL_CODES, type ExitCode } from './exit.ts';
import { say, type Io } from './io.ts';

/** How long creates in hand may go on after a signal; below the 30 s after which Kubernetes kills. */
const GRACE_MS = 20_000;

/**
 * Runs `work` so that the first SIGINT or SIGTERM asks it to stop (finish what is in hand, take nothing
 * new) and a second one ends the process at once. `signalCode` is the exit code of the signal, if one came; a daemon,
 * whose log says it, announces nothing. `over` aborts when the grace has passed: from then on only what undoes.
 */
export async function withSignals<T>(
  io: Io,
  work: (stop: Stop, over: AbortSignal) => Promise<T>,
  announce: (io: Io) => void = sayStopping,
): Promise<{ readonly value: T; readonly signalCode: ExitCode | undefined }> {
  const controller = new AbortController();
  const over = new AbortController();
  // As many operations may listen as there are; the default takes the eleventh for a leak, on stderr.
  setMaxListeners(0, controller.signal, over.signal);
  let grace: NodeJS.Timeout | undefined;
  let signalCode: ExitCode | undefined;
  const release = io.onSignal((signal) => {
    if (signalCode !== undefined) io.exitNow(SIGNAL_CODES[signal]);
    signalCode = SIGNAL_CODES[signal];
    announce(io);
    grace = setTimeout(() => over.abort(), GRACE_MS);
    controller.abort();
  });
  try {
    const value = await work({ signal: controller.signal, graceMs: GRACE_MS }, over.signal);
    return { value, signalCode };
  } finally {
    clearTimeout(grace);
    release();
  }
}

function sayStopping(io: Io): void {
  say(io, 'stopping: finishing what is in hand; once more to stop at once');
}
