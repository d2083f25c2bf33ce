import { pino } from 'pino';
import { openBoard, type Board } from '../../src/daemon/board.ts';
import { countSinkWrites } from '../../src/daemon/counted-sink.ts';
import { createPass, type Memory, type PassParts } from '../../src/daemon/daemon-pass.ts';
import { openDesiredFile } from '../../src/daemon/desired-file.ts';
import { openFights } from '../../src/daemon/fights.ts';
import { openJournal, type Journal } from '../../src/daemon/journal.ts';
import { startLoop, type Loop, type PassEnd } from '../../src/daemon/loop.ts';
import { openMetrics, type Metrics } from '../../src/daemon/metrics.ts';
import type { Desired } from '../../src/domain/desired.ts';
import type { Holder } from '../../src/domain/record.ts';
import type { Settings } from '../../src/domain/settings.ts';
import type { LinqReader, LinqWriter } from '../../src/linq/linq-api.ts';
import type { Clock } from '../../src/reconcile/context.ts';
import type { SecretSink } from '../../src/secrets/sink.ts';
import { SETTINGS } from '../simulation/model-settings.ts';

/** What a daemon on the model is made of; everything else is the program's own. */
export interface ModelDaemonParts {
  readonly linq: LinqReader & LinqWriter;
  readonly sink: SecretSink;
  readonly holder: Holder;
  readonly isGone: (holder: Holder) => boolean;
  /** Of the passes, and of the waiting between them. */
  readonly clock: Clock;
  readonly loopClock?: Clock;
  readonly unique: () => string;
  readonly random: () => number;
  readonly stop: AbortSignal;
  readonly load: () => Desired;
  readonly memory?: Memory;
  readonly publish?: PassParts['publish'];
  /** What is told of the journal as well. */
  readonly listen?: (journal: Journal) => Journal;
  readonly onPassEnd: (end: PassEnd) => void;
}

export interface ModelDaemon extends Loop {
  readonly board: Board;
  readonly metrics: Metrics;
}

/** Consent of persons is no matter here. */
const ALLOWED = ['widen', 'deletes', 'suspicious-list'] as const;

/** With an interval of a minute: a pass of the model lasts seconds. */
export const DAEMON_SETTINGS: Settings = {
  ...SETTINGS,
  policy: { ...SETTINGS.policy, allow: ALLOWED.map((guard) => ({ guard, name: null })) },
  daemon: { ...SETTINGS.daemon, interval: 60_000 },
};

/** The daemon's real loop and pass, with its journal, board, metrics and fights; the log goes nowhere. */
export function startModelDaemon(parts: ModelDaemonParts): ModelDaemon {
  const { clock, holder, linq, stop } = parts;
  const board = openBoard(clock.now());
  const metrics = openMetrics({ version: '0.0.0', sink: 'vault', status: () => board.status() });
  const journal = openJournal(pino({ level: 'debug' }, { write: () => undefined }));
  const pass = createPass({
    file: openDesiredFile(() => Promise.resolve({ desired: parts.load(), warnings: [] })),
    base: {
      reader: linq,
      writer: linq,
      sink: countSinkWrites(parts.sink, (result) => metrics.sinkWrite(result)),
      settings: DAEMON_SETTINGS,
      allowances: [],
      rotate: new Map(),
      adopt: new Map(),
      holder,
      isGone: (other) => Promise.resolve(parts.isGone(other)),
      clock,
      unique: parts.unique,
      stop: { signal: stop, graceMs: 2_000 },
    },
    memory: parts.memory ?? null,
    publish: parts.publish ?? null,
    board,
    journal: parts.listen?.(journal) ?? journal,
    fights: openFights(),
    passEnded: (result, seconds) => metrics.passEnded(result, seconds),
  });
  const { interval, jitter } = DAEMON_SETTINGS.daemon;
  const loop = startLoop({
    pass: async (triggers) => {
      const end = await pass(triggers);
      parts.onPassEnd(end);
      return end;
    },
    intervalMs: interval,
    jitter,
    clock: parts.loopClock ?? clock,
    random: parts.random,
    stop,
    onWait: (nextAt) => board.updatePass({ nextAt }),
  });
  return { ...loop, board, metrics };
}
