import { pino, type Logger } from 'pino';
import type { Io } from './io.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * JSON lines on stderr. Values are whitelisted where they are logged (method, path, status, …); bodies,
 * headers and errors as objects never are, so there is nothing to redact.
 */
export function createLogger(io: Io, level: LogLevel): Logger {
  return pino({ level, base: null }, { write: (line: string) => void io.stderr.write(line) });
}
