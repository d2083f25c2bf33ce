import { describe, expect, it } from 'vitest';
import { renderReportText } from '../../../src/plan/render-report.ts';
import { plain } from '../../../src/plan/words.ts';
import {
  makeCollect,
  makeCreate,
  makeDelete,
  makeEveryOperation,
  makeItem,
  makeRename,
  makeReplace,
  makeReport,
  makeUpdate,
} from '../../support/plan-builders.ts';

const options = { colours: plain, requests: { reads: 6, writes: 4 }, held: 0 };

describe('renderReportText', () => {
  it('says of every operation how it ended, and what can be done about it', () => {
    const report = makeReport([
      makeItem(makeCreate(), { status: 'done' }),
      makeItem(makeCreate({ name: 'sales' }), { status: 'done', note: 'inactive, as declared' }),
      makeItem(makeUpdate(), {
        status: 'failed',
        error: 'cannot update subscription sub-billing: the server answered 422 (code 1001)',
        hint: 'look at the URL',
      }),
      makeItem(makeUpdate({ name: 'crm' }), { status: 'failed', error: '' }),
      makeItem(makeDelete(), { status: 'unknown', error: 'no answer within 15 s' }),
      makeItem(makeDelete({ name: 'old' }), { status: 'unknown', error: 'reset', hint: 'wait' }),
      makeItem(makeRename(), { status: 'skipped', reason: 'what it needs failed' }),
      makeItem(makeReplace(), { status: 'held', guard: 'url-taken', reason: 'sub-9 has the URL' }),
    ]);

    expect(`\n${renderReportText(report, { ...options, held: 1 })}`).toBe(`
  + orders        created
  + sales         created  inactive, as declared
  ! billing       update failed  cannot update subscription sub-billing: the server answered 422 (code 1001)
      hint: look at the URL
  ! crm           update failed
  ? legacy        delete: outcome unknown, the next pass finds out  no answer within 15 s
  ? old           delete: outcome unknown, the next pass finds out  reset
      hint: wait
  . invoices      rename skipped  what it needs failed
  ! alerts        replace held: url-taken  sub-9 has the URL

Done: 2 created; 2 failed; 2 unknown; 1 skipped; 2 held.
6 reads, 4 writes
`);
  });

  it('reads like the sample of the design where all went well', () => {
    const report = makeReport([makeItem(makeCreate()), makeItem(makeUpdate()), makeItem(makeDelete())]);

    expect(renderReportText(report, { ...options, held: 1 })).toMatch(
      /\n\nDone: 1 created, 1 updated, 1 deleted; 0 failed; 1 held\.\n6 reads, 4 writes\n$/,
    );
  });

  it('does not call replaced what is under way, or given up', () => {
    const begun = { status: 'done', note: 'step 3 of 5: overlap until 2026-11-22T12:30:05Z' } as const;
    const report = makeReport([
      makeItem(makeReplace(), begun),
      makeItem(makeReplace({ name: 'crm', step: 'drop' })),
      makeItem(makeReplace({ name: 'sales', step: 'finish' })),
    ]);

    expect(`\n${renderReportText(report, { ...options, waiting: 2 })}`).toBe(`
-/+ alerts        replacement under way  step 3 of 5: overlap until 2026-11-22T12:30:05Z
-/+ crm           given up
-/+ sales         replaced

Done: 1 replaced; 0 failed; 1 given up; 3 waiting.
6 reads, 4 writes
`);
  });

  it('counts every kind by its own word', () => {
    const report = makeReport(makeEveryOperation().map((operation) => makeItem(operation)));

    expect(renderReportText(report, options)).toContain(
      'Done: 1 created, 1 updated, 1 deleted, 1 retired, 1 replaced, 1 renamed, 1 moved aside, 1 recovered, 1 collected, 1 forgotten; 0 failed.',
    );
  });

  it('says that it was interrupted', () => {
    const report = makeReport([makeItem(makeCreate(), { status: 'skipped', reason: 'interrupted' })], true);

    expect(renderReportText(report, options)).toContain('Interrupted: nothing changed; 0 failed; 1 skipped.');
  });

  it('has only its summary where there was nothing to do', () => {
    expect(renderReportText(makeReport([]), options)).toBe(
      'Done: nothing changed; 0 failed.\n6 reads, 4 writes\n',
    );
  });

  it('wraps hints to the width, and lets no message drive the terminal', () => {
    const report = makeReport([
      makeItem(makeCollect(), { status: 'failed', error: 'a\u001b[2J\nb', hint: 'word '.repeat(12) }),
    ]);

    expect(`\n${renderReportText(report, { ...options, width: 40 })}`).toBe(`
  ! (unfinished)  collect failed
      a\\u{1b}[2J\\u{a}b
      hint: word word word word word
        word word word word word word
        word

Done: nothing changed; 1 failed.
6 reads, 4 writes
`);
  });
});
