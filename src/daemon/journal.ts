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
type Event = (typeof EVENTS)[number];

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
  /** What a person should know about the sink and the account. */
  noticed(notice: string): void;
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
  /** What stands, by topic: the gist of what was said. */
  const standing = new Map<string, string>();
  let heldBefore = new Map<string, Held>();

  function say(level: Level, event: Event, fields: object, words: string): void {
    logger[level]({ event, ...fields }, words);
  }

  /** Says it at `level` where it is news, else at debug. */
  function sayOnce(
    topic: string,
    level: Level,
    event: Event,
    fields: object,
    words: string,
    gist = gistOf(words),
  ): void {
    const isNews = standing.get(topic) !== gist;
    standing.set(topic, gist);
    say(isNews ? level : 'debug', event, fields, words);
  }

  /** Whether the topic stood until now. */
  function end(topic: string): boolean {
    return standing.delete(topic);
  }

  /** Of the topics of a group only these still stand: what comes back later is news. */
  function endOthers(group: string, topics: readonly string[]): void {
    const kept = new Set(topics);
    for (const topic of standing.keys()) if (topic.startsWith(`${group} `) && !kept.has(topic)) end(topic);
  }

  function warn(group: string, warnings: readonly string[]): void {
    const topics = warnings.map((warning) => `${group} ${gistOf(warning)}`);
    endOthers(group, topics);
    for (const [index, warning] of warnings.entries())
      sayOnce(topics[index] ?? group, 'warn', 'warning', {}, warning);
  }

  function sayHeld(plan: Plan): void {
    const held = new Map(plan.held.map((one) => [heldTopic(one), one]));
    for (const [topic, { name, guard, reason, letThrough }] of held)
      sayOnce(topic, 'warn', 'held', { name, guard, let_through: letThrough }, reason);
    for (const [topic, { name, guard }] of heldBefore) {
      if (!held.has(topic) && end(topic))
        say('info', 'released', { name, guard }, 'the guard holds it no more');
    }
    heldBefore = held;
  }

  return {
    say,
    looked({ loaded, problem, warnings }) {
      if (problem !== null) {
        const fields = { problems: problem.problems, keeps: loaded?.contentHash ?? null };
        sayOnce('config', 'error', 'config_bad', fields, wordsOf(problem));
      } else if (loaded !== null) {
        const { contentHash, revision, entries } = loaded;
        const words = `using ${entries} ${entries === 1 ? 'entry' : 'entries'}${revision === null ? '' : ` of ${revision}`}`;
        const fields = { content_hash: contentHash, revision, entries };
        sayOnce('config', 'info', 'config_loaded', fields, words, `${words} ${contentHash}`);
        warn(
          'file-warning',
          warnings.map(({ message }) => message),
        );
      }
    },
    planned(plan) {
      sayHeld(plan);
      warn('plan-warning', plan.warnings);
      const keys = plan.operations.map(({ key }) => key);
      endOthers(
        'operation',
        keys.map((key) => `operation ${key}`),
      );
      const fields = { plan_id: plan.id.slice(0, 12), operations: keys.length };
      if (keys.length > 0) sayOnce('plan', 'info', 'plan', fields, keys.join(', '), plan.id);
      else end('plan');
    },
    ended(operation, result) {
      const topic = `operation ${operation.key}`;
      const fields = { operation: operation.key, status: result.status };
      if (result.status === 'done') {
        say('info', 'operation_done', { ...fields, ...reasonOf(operation) }, operation.key);
        end(topic);
      } else if ('error' in result)
        sayOnce(topic, 'error', 'operation_failed', { ...fields, ...hintOf(result) }, result.error);
      else sayOnce(topic, 'info', 'operation_skipped', fields, result.reason);
    },
    fought(fights) {
      for (const { name, field, wanted, found, heldUntil } of fights) {
        const fields = { name, field, wanted, found, held_until: new Date(heldUntil).toISOString() };
        const words = `somebody changes ${field} of ${name} again and again; it is left so for now`;
        say('warn', 'fight', fields, words);
      }
    },
    noticed(notice) {
      sayOnce(`notice ${notice}`, 'info', 'notice', {}, notice);
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
      warn('export-warning', warnings);
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

/** A failed request names its trace and its attempt: another one of those does not make it another failure. */
function gistOf(words: string): string {
  return words.replace(/, (?:trace [\w.-]+|attempt \d+)(?=[,;]|$)/g, '');
}

function heldTopic({ name, guard, operation }: Held): string {
  return `held ${name ?? ''} ${guard} ${operation?.key ?? ''}`;
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
