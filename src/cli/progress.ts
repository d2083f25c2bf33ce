import type { Operation } from '../domain/operation.ts';
import type { Progress } from '../reconcile/apply.ts';
import type { Io } from './io.ts';

const BAR_FROM = 11;
const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\x1b[2K';

/**
 * Progress on a terminal: a bar with count and current name when there are more than ten operations,
 * a line each otherwise. Elsewhere silence: the report says it all.
 */
export function createProgress(io: Io, total: number): Progress & { clear(): void } {
  if (io.stderr.isTTY !== true) return { started: nothing, ended: nothing, clear: nothing };
  return total >= BAR_FROM ? createBar(io, total) : createLines(io);
}

function nothing(): void {
  // There is no terminal to show it on.
}

function createLines(io: Io): Progress & { clear(): void } {
  return {
    started: nothing,
    ended: (operation, { status }) => void io.stderr.write(`  ${operation.key}: ${status}\n`),
    clear: nothing,
  };
}

function createBar(io: Io, total: number): Progress & { clear(): void } {
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
