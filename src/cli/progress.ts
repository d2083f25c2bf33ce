import type { Operation } from '../domain/operation.ts';
import type { AppError } from '../domain/errors.ts';
import { printable } from '../plan/words.ts';
import type { Progress } from '../reconcile/context.ts';
import { say, type Io } from './io.ts';

const BAR_FROM = 11;
const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\x1b[2K';

/**
 * Progress on a terminal: a bar with count and current name when there are more than ten operations,
 * a line each otherwise. Elsewhere only what one must know while waiting: that a secret cannot be stored.
 */
export function createProgress(io: Io, total: number): Progress & { clear(): void } {
  const told = new Set<string>();
  const shown =
    io.stderr.isTTY !== true ? SILENT : total >= BAR_FROM ? createBar(io, total) : createLines(io);
  return {
    ...shown,
    unstored(name, refusal) {
      if (refusal === null || told.has(name)) return;
      told.add(name);
      shown.clear();
      say(io, `warning: ${waitingFor(name, refusal)}`);
    },
    settled: nothing,
  };
}

function waitingFor(name: string, refusal: AppError): string {
  return `the secret of ${name} is in memory only: ${printable(refusal.message)}; trying again`;
}

/** What is drawn of operations. */
type Drawing = Pick<Progress, 'started' | 'ended'> & { clear(): void };

function nothing(): void {
  // There is no terminal to show it on.
}

const SILENT: Drawing = { started: nothing, ended: nothing, clear: nothing };

function createLines(io: Io): Drawing {
  return {
    started: nothing,
    ended: (operation, { status }) => void io.stderr.write(`  ${operation.key}: ${status}\n`),
    clear: nothing,
  };
}

function createBar(io: Io, total: number): Drawing {
  let count = 0;
  const draw = (operation: Operation): void => {
    const filled = Math.round((count / total) * BAR_WIDTH);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
    const line = `${bar} ${count}/${total} ${operation.key}`;
    io.stderr.write(`${CLEAR_LINE}${line.slice(0, (io.stderr.columns ?? 80) - 1)}`);
  };
  return {
    started: draw,
    ended: (operation) => {
      count += 1;
      draw(operation);
    },
    clear: () => void io.stderr.write(CLEAR_LINE),
  };
}
