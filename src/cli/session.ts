import { isAbsolute, relative } from 'node:path';
import { loadSettings } from '../config/load-settings.ts';
import { checkSubscriptionsFile, loadSubscriptions } from '../config/load-subscriptions.ts';
import { parseAllowance } from '../config/parse-allowance.ts';
import { renderProblems } from '../config/render-problems.ts';
import type { Declared, Desired } from '../domain/desired.ts';
import type { Problem } from '../domain/errors.ts';
import type { Allowance } from '../domain/plan.ts';
import type { Settings } from '../domain/settings.ts';
import type { Io } from './io.ts';
import type { LogLevel } from './log-level.ts';

/** Options that every command shares, as the command line gives them. */
export interface CommonOptions {
  readonly config?: string;
  readonly file?: string;
  readonly logLevel: LogLevel;
  readonly allow?: readonly string[];
}

export interface Session {
  readonly settings: Settings;
  readonly allowances: readonly Allowance[];
  readonly log: Log;
}

/** The settings of a command; fails with `ConfigError` and `UsageError`. */
export async function openSession(io: Io, options: CommonOptions): Promise<Session> {
  const allowances = (options.allow ?? []).map(parseAllowance);
  const { settings } = await loadSettings({
    file: options.config,
    cwd: io.cwd,
    env: io.env,
    flags: { subscriptions: options.file },
  });
  return { settings, allowances, log: await openLog(io, options.logLevel) };
}

/** The desired state; what is worth a warning is said on stderr. Fails with `ConfigError`. */
export async function loadDesired({ settings }: Session, io: Io): Promise<Desired> {
  const { subscriptions: path } = settings;
  const { desired, warnings } = await loadSubscriptions(path, shortPath(path, io));
  warn(warnings, io);
  return desired;
}

/** What a file says, by its absolute path; else the same. */
export async function checkFile(path: string, io: Io): Promise<Declared> {
  const { declared, warnings } = await checkSubscriptionsFile(path, shortPath(path, io));
  warn(warnings, io);
  return declared;
}

function warn(warnings: readonly Problem[], io: Io): void {
  const words = warnings.map((warning) => ({ ...warning, message: `warning: ${warning.message}` }));
  if (words.length > 0) io.stderr.write(`${renderProblems(words)}\n`);
}

/** As a person in the working directory would write it. */
export function shortPath(path: string, { cwd }: Io): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}

/** What is told on the way to those who asked for it with `--log-level`. */
interface Log {
  info(fields: object, words: string): void;
  debug(fields: object, words: string): void;
}

const SILENT: Log = { info: () => undefined, debug: () => undefined };

async function openLog(io: Io, level: LogLevel): Promise<Log> {
  if (level === 'warn' || level === 'error' || level === 'silent') return SILENT;
  // Only now: the library takes longer to load than a small file to check.
  const { createLogger } = await import('./logger.ts');
  return createLogger(io, level);
}
