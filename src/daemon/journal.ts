import type { Logger } from 'pino';
import type { AppError } from '../domain/errors.ts';
import type { Operation } from '../domain/operation.ts';
import type { Held, Plan } from '../domain/plan.ts';
import type { OperationResult } from '../domain/report.ts';
import type { Look } from './desired-file.ts';
import type { Fight } from './fights.ts';

/** Every event that the daemon logs; `docs/operations.md` says what each means and what to do. */
export const EVENTS = [
  'started',
  'stopping',
  'stopped',
  'config_loaded',
  'config_bad',
  'watch_failed',
  'plan',
  'operation_done',
  'operation_failed',
  'operation_skipped',
  'held',
  'released',
  'fight',
  'warning',
  'notice',
  'secret_unstored',
  'secret_settled',
  'exported',
  'export_failed',
  'export_recovered',
  'pass_failed',
  'pass_recovered',
  'pass_ended',
] as const;
export type Event = (typeof EVENTS)[number];

type Level = 'debug' | 'info' | 'warn' | 'error';

/** What publishing has done to the exported files: names that changed, and that went. */
export interface Published {
  readonly wrote: boolean;
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * What the daemon logs. Whatever stays as it is is said once, and from then on at debug, until it changes; a pass
 * with nothing to do says nothing at info.
 */
export interface Journal {
  say(level: Level, event: Event, fields: object, words: string): void;
  looked(look: Look): void;
  planned(plan: Plan): void;
  ended(operation: Operation, result: OperationResult): void;
  fought(fights: readonly Fight[]): void;
  /** `refusal`: why the sink did not take the secret; `null` when it was only just received. */
  unstored(name: string, refusal: AppError | null): void;
  settled(name: string): void;
  exported(published: Published): void;
  exportFailed(error: AppError): void;
  /** `error` is why the pass failed, `null` where it did not. */
  passEnded(
    error: { readonly message: string; readonly hint?: string | undefined } | null,
    facts: object,
  ): void;
}

export function openJournal(logger: Logger): Journal {
  /** What stands, by topic, in the words in which it was said. */
  const standing = new Map<string, string>();
  let heldBefore = new Map<string, Held>();
  let warnedBefore = new Set<string>();

  function say(level: Level, event: Event, fields: object, words: string): void {
    logger[level]({ event, ...fields }, words);
  }

  /** Says it at `level` where it is news, else at debug. */
  function sayOnce(topic: string, level: Level, event: Event, fields: object, words: string): void {
    const isNews = standing.get(topic) !== words;
    standing.set(topic, words);
    say(isNews ? level : 'debug', event, fields, words);
  }

  /** Whether the topic stood until now. */
  function end(topic: string): boolean {
    return standing.delete(topic);
  }

  return {
    say,
    looked({ loaded, problem, warnings }) {
      if (problem !== null) {
        const fields = { problems: problem.problems, keeps: loaded?.contentHash ?? null };
        sayOnce('config', 'error', 'config_bad', fields, wordsOf(problem));
      } else if (loaded !== null) {
        const words = `using ${loaded.entries} ${loaded.entries === 1 ? 'entry' : 'entries'}${loaded.revision === null ? '' : ` of ${loaded.revision}`}`;
        const fields = {
          content_hash: loaded.contentHash,
          revision: loaded.revision,
          entries: loaded.entries,
        };
        const topic = `${words} ${loaded.contentHash}`;
        const isNews = standing.get('config') !== topic;
        standing.set('config', topic);
        say(isNews ? 'info' : 'debug', 'config_loaded', fields, words);
        if (isNews) for (const { message } of warnings) say('warn', 'warning', {}, message);
      }
    },
    planned(plan) {
      const held = new Map(plan.held.map((one) => [heldKey(one), one]));
      for (const [key, { name, guard, reason, letThrough }] of held) {
        const fields = { name, guard, let_through: letThrough };
        if (heldBefore.get(key)?.reason !== reason) say('warn', 'held', fields, reason);
      }
      for (const [key, { name, guard }] of heldBefore) {
        if (!held.has(key)) say('info', 'released', { name, guard }, 'it is held no more');
      }
      heldBefore = held;
      for (const warning of plan.warnings)
        if (!warnedBefore.has(warning)) say('warn', 'warning', {}, warning);
      warnedBefore = new Set(plan.warnings);
      if (plan.operations.length > 0) {
        const fields = { plan_id: plan.id.slice(0, 12), operations: plan.operations.length };
        say('info', 'plan', fields, plan.operations.map(({ key }) => key).join(', '));
      }
    },
    ended(operation, result) {
      const fields = { operation: operation.key, status: result.status };
      if (result.status === 'done')
        say('info', 'operation_done', { ...fields, ...reasonOf(operation) }, operation.key);
      else if ('error' in result) {
        const more = result.hint === undefined ? {} : { hint: result.hint };
        sayOnce(
          `operation ${operation.key}`,
          'error',
          'operation_failed',
          { ...fields, ...more },
          result.error,
        );
        return;
      } else say('info', 'operation_skipped', fields, result.reason);
      end(`operation ${operation.key}`);
    },
    fought(fights) {
      for (const { name, field, wanted, found, heldUntil } of fights) {
        const fields = { name, field, wanted, found, held_until: new Date(heldUntil).toISOString() };
        say(
          'warn',
          'fight',
          fields,
          `somebody changes ${field} of ${name} again and again; it is left so for now`,
        );
      }
    },
    unstored(name, refusal) {
      if (refusal === null) return;
      const words = `the secret of ${name} is in memory only: ${refusal.message}; trying again`;
      sayOnce(`secret ${name}`, 'error', 'secret_unstored', { name }, words);
    },
    settled(name) {
      if (end(`secret ${name}`))
        say('info', 'secret_settled', { name }, `the secret of ${name} is in memory no more`);
    },
    exported({ wrote, changed, removed, warnings }) {
      if (end('export')) say('info', 'export_recovered', {}, 'the secrets are exported again');
      if (wrote) say('info', 'exported', { changed, removed }, 'the exported files have changed');
      for (const warning of warnings) sayOnce(`export ${warning}`, 'warn', 'warning', {}, warning);
    },
    exportFailed(error) {
      sayOnce('export', 'error', 'export_failed', hintOf(error), error.message);
    },
    passEnded(error, facts) {
      if (error !== null)
        sayOnce('pass', 'error', 'pass_failed', { ...facts, ...hintOf(error) }, error.message);
      else if (end('pass')) say('info', 'pass_recovered', facts, 'passes succeed again');
      else say('debug', 'pass_ended', facts, 'a pass has ended');
    },
  };
}

function heldKey({ name, guard, operation }: Held): string {
  return `${name ?? ''} ${guard} ${operation?.key ?? ''}`;
}

function hintOf({ hint }: { readonly hint?: string | undefined }): object {
  return hint === undefined ? {} : { hint };
}

function reasonOf(operation: Operation): object {
  return 'reason' in operation ? { reason: operation.reason } : {};
}

function wordsOf({ message, problems }: NonNullable<Look['problem']>): string {
  const [first] = problems;
  if (first === undefined) return message;
  const { file, position } = first;
  const place = position === undefined ? file : `${file}:${position.line}:${position.column}`;
  return `${message}; ${place}: ${first.message}`;
}
