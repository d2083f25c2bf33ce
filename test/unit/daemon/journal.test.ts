import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Look } from '../../../src/daemon/desired-file.ts';
import { EVENTS, openJournal, type Journal } from '../../../src/daemon/journal.ts';
import { SinkError, type Problem } from '../../../src/domain/errors.ts';
import type { OperationResult } from '../../../src/domain/report.ts';
import { failureOf } from '../../../src/http/failure.ts';
import { makeCollect, makeCreate, makeHeld, makePlan, makeUpdate } from '../../support/plan-builders.ts';

interface Line {
  readonly level: string;
  readonly event: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

interface Log {
  readonly journal: Journal;
  /** The lines since the last call. */
  readonly taken: () => readonly Line[];
  /** Those since the last call, as `level event`. */
  readonly heard: () => readonly string[];
}

function openLog(): Log {
  const lines: Line[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  const logger = pino(
    { level: 'debug', base: null, timestamp: false, formatters },
    { write: (line) => void lines.push(JSON.parse(line) as Line) },
  );
  const taken = (): readonly Line[] => lines.splice(0);
  return {
    journal: openJournal(logger),
    taken,
    heard: () => taken().map(({ level, event }) => `${level} ${event}`),
  };
}

const PROBLEM: Problem = { file: 'subs.yaml', position: { line: 3, column: 5 }, message: 'no such key' };

function goodLook(overrides: Partial<NonNullable<Look['loaded']>> = {}, ...warnings: Problem[]): Look {
  const loaded = { contentHash: 'c0ffee', revision: null, entries: 2, at: 0, ...overrides };
  return { desired: null, loaded, problem: null, warnings };
}

function badLook(message = 'cannot use subs.yaml', ...problems: Problem[]): Look {
  return { desired: null, loaded: null, problem: { message, problems, since: 0 }, warnings: [] };
}

const FAILED: OperationResult = { status: 'failed', error: 'cannot create: no' };
const NOTHING_WRITTEN = { wrote: false, changed: [], removed: [], warnings: [] };

/** What Linq's 503 becomes; every answer carries a trace of its own. */
function unavailable(trace: string, attempt: number): Error {
  const facts = {
    service: 'Linq',
    action: 'list subscriptions',
    method: 'GET',
    url: new URL('https://api.example.com/v3/webhook-subscriptions'),
    secrets: [],
    explain: () => ({ code: 5001, message: 'try later' }),
  };
  const headers = { 'x-trace-id': trace };
  const answer = { kind: 'answered', wasSent: true, status: 503, headers, text: '{}' } as const;
  return failureOf(facts, answer, attempt, 0).error;
}

describe('the file', () => {
  it('is told once while it stays as it is, and again with each new content or commit', () => {
    const { journal, heard, taken } = openLog();
    journal.looked(goodLook());
    expect(taken()).toEqual([
      {
        level: 'info',
        event: 'config_loaded',
        content_hash: 'c0ffee',
        revision: null,
        entries: 2,
        msg: 'using 2 entries',
      },
    ]);
    journal.looked(goodLook());
    expect(heard()).toEqual(['debug config_loaded']);
    journal.looked(goodLook({ contentHash: 'decaf' }));
    journal.looked(goodLook({ contentHash: 'decaf', revision: 'abc' }));
    expect(heard()).toEqual(['info config_loaded', 'info config_loaded']);
  });

  it('names one entry, and the commit', () => {
    const { journal, taken } = openLog();
    journal.looked(goodLook({ entries: 1, revision: 'abc123' }));
    expect(taken()[0]?.msg).toBe('using 1 entry of abc123');
  });

  it('that is bad is told with the place of its first problem, until it is another or good again', () => {
    const { journal, heard, taken } = openLog();
    journal.looked(goodLook());
    taken();
    journal.looked({ ...badLook('cannot use subs.yaml', PROBLEM), loaded: goodLook().loaded });
    expect(taken()).toEqual([
      {
        level: 'error',
        event: 'config_bad',
        keeps: 'c0ffee',
        problems: [PROBLEM],
        msg: 'cannot use subs.yaml; subs.yaml:3:5: no such key',
      },
    ]);
    journal.looked(badLook('cannot use subs.yaml', PROBLEM));
    journal.looked(badLook('cannot read subs.yaml'));
    journal.looked(goodLook());
    expect(heard()).toEqual(['debug config_bad', 'error config_bad', 'info config_loaded']);
  });

  it('as a whole has no place', () => {
    const { journal, taken } = openLog();
    journal.looked(badLook('cannot use subs.yaml', { file: 'subs.yaml', message: 'it is empty' }));
    expect(taken()[0]?.msg).toBe('cannot use subs.yaml; subs.yaml: it is empty');
  });

  it('that was never there says nothing', () => {
    const { journal, taken } = openLog();
    journal.looked({ desired: null, loaded: null, problem: null, warnings: [] });
    expect(taken()).toEqual([]);
  });

  it('has its warnings told once, and again after they were gone', () => {
    const { journal, heard } = openLog();
    const warning = { file: 'subs.yaml', message: 'the URL has no version' };
    journal.looked(goodLook({}, warning));
    expect(heard()).toEqual(['info config_loaded', 'warn warning']);
    journal.looked(goodLook({}, warning));
    expect(heard()).toEqual(['debug config_loaded', 'debug warning']);
    journal.looked(badLook());
    journal.looked(goodLook({ contentHash: 'decaf' }, warning));
    expect(heard()).toEqual(['error config_bad', 'info config_loaded', 'debug warning']);
    journal.looked(goodLook());
    journal.looked(goodLook({}, warning));
    expect(heard()).toEqual(['info config_loaded', 'debug config_loaded', 'warn warning']);
  });
});

describe('a plan', () => {
  it('that has nothing to do says nothing', () => {
    const { journal, taken } = openLog();
    journal.planned(makePlan());
    expect(taken()).toEqual([]);
  });

  it('is told with what it does, and at debug while it is the same one again', () => {
    const { journal, heard, taken } = openLog();
    const plan = makePlan({ operations: [makeCreate(), makeUpdate()] });
    journal.planned(plan);
    expect(taken()).toEqual([
      {
        level: 'info',
        event: 'plan',
        plan_id: plan.id.slice(0, 12),
        operations: 2,
        msg: 'create orders, update billing',
      },
    ]);
    journal.planned(plan);
    journal.planned(makePlan({ operations: [makeCreate()] }));
    expect(heard()).toEqual(['debug plan', 'info plan']);
  });

  it('is news again after one that had nothing to do', () => {
    const { journal, heard } = openLog();
    const plan = makePlan({ operations: [makeUpdate()] });
    for (const each of [plan, makePlan(), plan]) journal.planned(each);
    expect(heard()).toEqual(['info plan', 'info plan']);
  });

  it('has what it holds told once, again when the reason is another, and when it is held no more', () => {
    const { journal, heard, taken } = openLog();
    const held = makeHeld({ reason: '2 lines → every line' });
    journal.planned(makePlan({ held: [held] }));
    expect(taken()).toEqual([
      {
        level: 'warn',
        event: 'held',
        name: 'support',
        guard: 'widen',
        let_through: '--allow widen:support',
        msg: '2 lines → every line',
      },
    ]);
    journal.planned(makePlan({ held: [held] }));
    journal.planned(makePlan({ held: [{ ...held, reason: '3 lines → every line' }] }));
    expect(heard()).toEqual(['debug held', 'warn held']);
    journal.planned(makePlan());
    expect(taken()).toMatchObject([{ level: 'info', event: 'released', name: 'support', guard: 'widen' }]);
    journal.planned(makePlan({ held: [{ ...held, reason: '3 lines → every line' }] }));
    expect(heard()).toEqual(['warn held']);
  });

  it('tells two guards of one entry apart, and what has no entry', () => {
    const { journal, heard } = openLog();
    const account = makeHeld({ name: null, guard: 'account', operation: null });
    const [widen, drift] = [makeHeld(), makeHeld({ guard: 'drift' })];
    journal.planned(makePlan({ held: [account, widen, drift] }));
    expect(heard()).toEqual(['warn held', 'warn held', 'warn held']);
    journal.planned(makePlan({ held: [account, drift] }));
    expect(heard()).toEqual(['debug held', 'debug held', 'info released']);
  });

  it('has its warnings told once, and again after they were gone', () => {
    const { journal, heard } = openLog();
    const warned = makePlan({ warnings: ['orders: the account has no line +1'] });
    for (const plan of [warned, warned, makePlan(), warned]) journal.planned(plan);
    expect(heard()).toEqual(['warn warning', 'debug warning', 'warn warning']);
  });
});

describe('an operation', () => {
  it('that is done is told, with its reason', () => {
    const { journal, taken } = openLog();
    journal.ended(makeUpdate({ reason: 'drifted' }), { status: 'done' });
    journal.ended(makeCollect(), { status: 'done' });
    expect(taken()).toEqual([
      {
        level: 'info',
        event: 'operation_done',
        operation: 'update billing',
        status: 'done',
        reason: 'drifted',
        msg: 'update billing',
      },
      {
        level: 'info',
        event: 'operation_done',
        operation: 'collect sub-late',
        status: 'done',
        msg: 'collect sub-late',
      },
    ]);
  });

  it('that fails is told once, again when it fails in another way, and after it was done', () => {
    const { journal, heard, taken } = openLog();
    journal.ended(makeCreate(), { ...FAILED, hint: 'ask' });
    expect(taken()).toEqual([
      {
        level: 'error',
        event: 'operation_failed',
        operation: 'create orders',
        status: 'failed',
        hint: 'ask',
        msg: 'cannot create: no',
      },
    ]);
    journal.ended(makeCreate(), FAILED);
    journal.ended(makeCreate(), { status: 'unknown', error: 'cannot tell' });
    journal.ended(makeCreate(), { status: 'done' });
    journal.ended(makeCreate(), { status: 'unknown', error: 'cannot tell' });
    expect(heard()).toEqual([
      'debug operation_failed',
      'error operation_failed',
      'info operation_done',
      'error operation_failed',
    ]);
  });

  it('that fails is told again once it was not wanted any more', () => {
    const { journal, heard } = openLog();
    for (const wanted of [[makeCreate()], [], [makeCreate()]]) {
      journal.planned(makePlan({ operations: wanted }));
      for (const operation of wanted) journal.ended(operation, FAILED);
    }
    expect(heard().filter((line) => line.includes('operation'))).toEqual([
      'error operation_failed',
      'error operation_failed',
    ]);
  });

  it.each<OperationResult>([
    { status: 'skipped', reason: '"create orders" did not succeed' },
    { status: 'held', guard: 'in-flight', reason: 'process 7 on b is working on it' },
  ])('that is $status is told once', (result) => {
    const { journal, heard, taken } = openLog();
    journal.ended(makeUpdate(), result);
    expect(taken()).toMatchObject([
      {
        level: 'info',
        event: 'operation_skipped',
        operation: 'update billing',
        status: result.status,
      },
    ]);
    journal.ended(makeUpdate(), result);
    expect(heard()).toEqual(['debug operation_skipped']);
  });
});

describe('a failure that stays', () => {
  it('is the same one although each attempt has another trace', () => {
    const { journal, heard, taken } = openLog();
    journal.passEnded(unavailable('trace-1', 2), {});
    expect(taken()[0]).toMatchObject({
      level: 'error',
      msg: 'cannot list subscriptions: Linq answered 503 (5001 try later), trace trace-1, attempt 2',
    });
    journal.passEnded(unavailable('trace-2', 1), {});
    const result = (trace: string): OperationResult => ({
      status: 'unknown',
      error: unavailable(trace, 1).message,
    });
    journal.ended(makeUpdate(), result('trace-3'));
    journal.ended(makeUpdate(), result('trace-4'));
    expect(heard()).toEqual(['debug pass_failed', 'error operation_failed', 'debug operation_failed']);
  });
});

describe('a pass', () => {
  it('that fails is told once, again when it fails in another way, and when passes succeed again', () => {
    const { journal, heard, taken } = openLog();
    const facts = { result: 'failed', triggers: ['interval'], seconds: 1 };
    journal.passEnded({ message: 'cannot list', hint: 'look' }, facts);
    expect(taken()).toEqual([
      { level: 'error', event: 'pass_failed', ...facts, hint: 'look', msg: 'cannot list' },
    ]);
    journal.passEnded({ message: 'cannot list' }, facts);
    journal.passEnded({ message: 'cannot read' }, facts);
    journal.passEnded(null, facts);
    journal.passEnded(null, facts);
    expect(heard()).toEqual([
      'debug pass_failed',
      'error pass_failed',
      'info pass_recovered',
      'debug pass_ended',
    ]);
  });

  it('that has nothing to do says nothing at info', () => {
    const { journal, taken, heard } = openLog();
    const quietPass = (): void => {
      journal.looked(goodLook());
      journal.planned(makePlan());
      journal.exported(NOTHING_WRITTEN);
      journal.fought([]);
      journal.passEnded(null, {});
    };
    quietPass();
    taken();
    quietPass();
    expect(heard()).toEqual(['debug config_loaded', 'debug pass_ended']);
  });
});

describe('a secret in memory only', () => {
  it('is told when the sink refuses it, again with another refusal, and when it is settled', () => {
    const { journal, heard, taken } = openLog();
    journal.unstored('orders', null);
    expect(taken()).toEqual([]);
    journal.unstored('orders', new SinkError('cannot write orders: full'));
    expect(taken()).toEqual([
      {
        level: 'error',
        event: 'secret_unstored',
        name: 'orders',
        msg: 'the secret of orders is in memory only: cannot write orders: full; trying again',
      },
    ]);
    journal.unstored('orders', new SinkError('cannot write orders: full'));
    journal.unstored('orders', new SinkError('cannot write orders: sealed'));
    journal.settled('orders');
    journal.unstored('orders', new SinkError('cannot write orders: sealed'));
    expect(heard()).toEqual([
      'debug secret_unstored',
      'error secret_unstored',
      'info secret_settled',
      'error secret_unstored',
    ]);
  });

  it('that the sink takes at once says nothing', () => {
    const { journal, taken } = openLog();
    journal.unstored('orders', null);
    journal.settled('orders');
    expect(taken()).toEqual([]);
  });
});

describe('the export', () => {
  it('is told where files changed', () => {
    const { journal, taken } = openLog();
    journal.exported(NOTHING_WRITTEN);
    expect(taken()).toEqual([]);
    journal.exported({ wrote: true, changed: ['orders'], removed: ['legacy'], warnings: [] });
    expect(taken()).toMatchObject([
      { level: 'info', event: 'exported', changed: ['orders'], removed: ['legacy'] },
    ]);
  });

  it('that fails is told once, and when it works again', () => {
    const { journal, heard } = openLog();
    const full = new SinkError('cannot write: full');
    journal.exportFailed(full);
    journal.exportFailed(full);
    journal.exportFailed(new SinkError('cannot write: not a folder', { hint: 'make one' }));
    journal.exported(NOTHING_WRITTEN);
    journal.exported(NOTHING_WRITTEN);
    journal.exportFailed(full);
    expect(heard()).toEqual([
      'error export_failed',
      'debug export_failed',
      'error export_failed',
      'info export_recovered',
      'error export_failed',
    ]);
  });

  it('has its warnings told once, and again after they were gone', () => {
    const { journal, heard } = openLog();
    const warned = { ...NOTHING_WRITTEN, warnings: ['nobody listens', 'on a disk'] };
    for (const published of [warned, warned, NOTHING_WRITTEN, warned]) journal.exported(published);
    const [news, again] = ['warn warning', 'debug warning'];
    expect(heard()).toEqual([news, news, again, again, news, news]);
  });
});

describe('a fight and a notice', () => {
  it('is told with who wants what, and until when it is left so', () => {
    const { journal, taken } = openLog();
    const heldUntil = Date.parse('2026-03-01T12:10:00Z');
    const fight = { name: 'orders', field: 'is_active', wanted: true, found: false, heldUntil } as const;
    journal.fought([fight]);
    expect(taken()).toMatchObject([
      {
        level: 'warn',
        event: 'fight',
        name: 'orders',
        field: 'is_active',
        wanted: true,
        found: false,
        held_until: '2026-03-01T12:10:00.000Z',
      },
    ]);
  });

  it('is told once, though every pass that writes gives notice', () => {
    const { journal, heard, taken } = openLog();
    journal.noticed('the folder is on an overlay');
    expect(taken()).toEqual([{ level: 'info', event: 'notice', msg: 'the folder is on an overlay' }]);
    journal.noticed('first write');
    journal.noticed('the folder is on an overlay');
    expect(heard()).toEqual(['info notice', 'debug notice']);
  });
});

describe('the events', () => {
  it('are all that can be said, and all of them can be', () => {
    const { journal, taken } = openLog();
    const error = new SinkError('cannot');
    const fight = { name: 'a', field: 'is_active', wanted: true, found: false, heldUntil: 0 } as const;
    journal.looked(goodLook({}, { file: 'subs.yaml', message: 'a warning' }));
    journal.looked(badLook());
    journal.planned(makePlan({ operations: [makeCreate()], held: [makeHeld()], warnings: ['a warning'] }));
    journal.planned(makePlan());
    for (const result of [{ status: 'done' }, FAILED, { status: 'skipped', reason: 'no' }] as const)
      journal.ended(makeCreate(), result);
    journal.fought([fight]);
    journal.noticed('first write');
    journal.unstored('orders', error);
    journal.settled('orders');
    journal.exportFailed(error);
    journal.exported({ wrote: true, changed: [], removed: [], warnings: ['a warning'] });
    for (const failure of [error, null, null]) journal.passEnded(failure, {});
    const ofTheJournal = taken().map(({ event }) => event);
    const ofTheDaemon = eventsSaidIn('../../../src/daemon/daemon.ts');
    expect(new Set([...ofTheJournal, ...ofTheDaemon])).toEqual(new Set(EVENTS));
    expect(new Set(EVENTS).size).toBe(EVENTS.length);
  });
});

/** The events that a source file names in `journal.say(level, event, …)`. */
function eventsSaidIn(path: string): readonly string[] {
  const source = readFileSync(new URL(path, import.meta.url), 'utf8');
  return [...source.matchAll(/journal\.say\(\s*'\w+',\s*'(\w+)'/g)].map(([, event]) => event!);
}
