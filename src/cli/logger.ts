import { pino, type Logger } from 'pino';
import { jsonText } from '../domain/json-text.ts';
import { printable } from '../plan/words.ts';
import type { Io } from './io.ts';
import type { LogLevel } from './log-level.ts';
import { paintFor } from './paint.ts';

/**
 * JSON lines on stderr; on a terminal, lines for people. Values are whitelisted where they are logged (method, path,
 * status, …); bodies, headers and errors as objects never are, so there is nothing to redact.
 */
export function createLogger(io: Io, level: LogLevel): Logger {
  const write = io.stderr.isTTY === true ? prettyOn(io) : jsonOn(io);
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ level, base: null, formatters, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}

/** Whoever collects the lines shows them on a terminal, in the end. */
function jsonOn(io: Io): (line: string) => void {
  return (line) => void io.stderr.write(`${jsonText(JSON.parse(line))}\n`);
}

interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly event?: string;
  readonly msg?: string;
}

/** `12:30:05 warn  held  the reason  name=orders guard=widen`. */
function prettyOn(io: Io): (line: string) => void {
  const paint = paintFor(io.stderr, io);
  const colours = { warn: paint.yellow, error: paint.red } as Partial<
    Record<string, (text: string) => string>
  >;
  return (line) => {
    const { level, time, event = '', msg = '', ...fields } = JSON.parse(line) as LogLine;
    const colour = colours[level] ?? ((text: string) => text);
    const rest = Object.entries(fields)
      .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(' ');
    const words = printable([event, msg].filter(Boolean).join('  '));
    io.stderr.write(
      `${paint.dim(time.slice(11, 19))} ${colour(level.padEnd(5))} ${words}${rest === '' ? '' : `  ${paint.dim(printable(rest))}`}\n`,
    );
  };
}
