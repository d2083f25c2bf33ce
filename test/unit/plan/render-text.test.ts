import { describe, expect, it } from 'vitest';
import { renderPlanText, type PlanTextOptions } from '../../../src/plan/render-text.ts';
import { plain } from '../../../src/plan/words.ts';
import {
  makeChange,
  makeCollect,
  makeCreate,
  makeDelete,
  makeFields,
  makeForget,
  makeForeign,
  makeHeld,
  makeMakeWay,
  makePlan,
  makeRecover,
  makeRename,
  makeReplace,
  makeRetire,
  makeSamplePlan,
  makeUpdate,
  makeWaiting,
} from '../../support/plan-builders.ts';
import type { FieldChange } from '../../../src/domain/operation.ts';
import type { Plan } from '../../../src/domain/plan.ts';

const options: PlanTextOptions = {
  colours: plain,
  locate: (name) => `file:secrets/${name}`,
  requests: { reads: 4, writes: 0 },
  dryRun: true,
  symbols: true,
};

/** The plan without header, summary and requests. */
function body(plan: Plan, overrides: Partial<PlanTextOptions> = {}): string {
  const sections = renderPlanText(plan, { ...options, ...overrides }).split('\n\n');
  return sections.slice(1, -1).join('\n\n');
}

/** The lines under an update of these changes. */
function changeLines(...changes: readonly FieldChange[]): string {
  return body(makePlan({ operations: [makeUpdate({ changes })] }))
    .split('\n')
    .slice(1)
    .join('\n');
}

describe('renderPlanText', () => {
  it('reads like the sample of the design', () => {
    expect(`\n${renderPlanText(makeSamplePlan(), options)}`).toBe(`
linq-gitops plan 7f3a91c2d40e   3 entries · 4 live · 3 owned · 1 foreign

  + orders        create                                        secret: new → file:secrets/orders
      target_url         https://hooks.example.com/orders?version=2026-02-03
      subscribed_events  message.received, message.failed
      phone_numbers      every line
  ~ billing       update  changed in the file                   secret: kept
      subscribed_events  + message.failed  - message.read
      phone_numbers      drifted, live has + "+12025550199"
  - legacy        delete  no longer in the file                 secret: discarded
  ! support       held: widen                                   secret: kept
      phone_numbers      2 lines → every line                   let it through: --allow widen:support

Foreign, left alone:
      sub-foreign  https://elsewhere.example.net/hook

Plan: 1 to create, 1 to update, 1 to delete; 1 held. 1 foreign left alone. 1 inactive and not managed: billing.
4 reads, 0 writes
`);
  });

  it('fits into 80 columns and ASCII where the values do', () => {
    const text = body(makeSamplePlan(), { width: 80, symbols: false });

    expect(`\n${text}\n`).toBe(`
  + orders        create                      secret: new -> file:secrets/orders
      target_url         https://hooks.example.com/orders?version=2026-02-03
      subscribed_events  message.received, message.failed
      phone_numbers      every line
  ~ billing       update  changed in the file                   secret: kept
      subscribed_events  + message.failed  - message.read
      phone_numbers      drifted, live has + "+12025550199"
  - legacy        delete  no longer in the file                secret: discarded
  ! support       held: widen                                   secret: kept
      phone_numbers      2 lines -> every line
      let it through: --allow widen:support

Foreign, left alone:
      sub-foreign  https://elsewhere.example.net/hook
`);
    expect(renderPlanText(makeSamplePlan(), { ...options, symbols: false })).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('says of every other kind what it does and why', () => {
    const operations = [
      makeCollect(),
      makeCreate({ reason: 'deleted-outside', prevent_destroy: true }),
      makeMakeWay(),
      makeRecover(),
      makeRename(),
      makeReplace(),
      makeForget(),
    ];

    expect(`\n${body(makePlan({ operations }))}\n`).toBe(`
  x (unfinished)  collect  left by an interrupted request       secret: none
      target_url         https://hooks.example.com/late?linq_gitops=abc.2
      subscription_id    sub-late
  + orders        create  deleted outside                       secret: new → file:secrets/orders
      target_url         https://hooks.example.com/orders?version=2026-02-03
      subscribed_events  message.received, message.failed
      phone_numbers      every line
      prevent_destroy    true
  ^ swap          move aside  another entry needs its URL       secret: kept
      target_url         https://hooks.example.com/swap with a mark, for now
  * crm           recover  an interrupted create                secret: none
      subscription_id    sub-crm-unfinished
  > invoices      rename  was bills                 secret: moved from bills → file:secrets/invoices
-/+ alerts        replace  its secret is lost, step 1 of 5      secret: new → file:secrets/alerts
      target_url         https://hooks.example.com/alerts
      subscribed_events  message.received, message.failed
      phone_numbers      every line
      subscription_id    sub-alerts
  . orders        forget  its previous secret has had its time  secret: kept
`);
  });

  it('says what is retired, and what of a replacement goes with it', () => {
    const operations = [
      makeRetire({ name: 'a' }),
      makeRetire({ name: 'b', replacement_id: 'sub-next' }),
      makeForget({ name: 'c', forgets: ['previous', 'retired'] }),
      makeCreate({ name: 'd', reason: 'record-lost' }),
      makeDelete({ name: 'e', reason: 'retired' }),
    ];

    expect(body(makePlan({ operations })).replace(/\n +(target_url|subscribed_|phone_).*/g, '')).toBe(`\
  z a             retire  no longer in the file, deleted later  secret: kept
  z b             retire  no longer in the file, deleted later  secret: kept
      replacement_id     sub-next
  . c             forget                                        secret: kept
      its previous secret has had its time, it is back for good
  + d             create  its record is lost                    secret: new → file:secrets/d
  - e             delete                                        secret: discarded
      retired for long enough, or its URL is wanted`);
  });

  it('says what differs in the rarer forms of each kind', () => {
    const operations = [
      makeDelete({ before: null, subscription_id: null }),
      makeDelete({ name: null }),
      makeDelete({ name: null, key: 'delete gone', before: null }),
      makeRecover({ subscription_id: null, secret: 'moved' }),
      makeRename({ isInterrupted: true, secret: 'kept' }),
      makeReplace({
        reason: 'unowned',
        fields: makeFields({ phone_numbers: ['+1', '+2'], is_active: false }),
      }),
      makeUpdate({ reason: 'differs', changes: [], patch: {} }),
      makeCollect({ secret: 'new' }),
    ];

    expect(`\n${body(makePlan({ operations }))}\n`).toBe(`
  - legacy        delete  no longer in the file, already gone   secret: discarded
  - (foreign)     delete  not ours, prune: all                  secret: none
      target_url         https://hooks.example.com/foreign
      subscription_id    sub-foreign
  - (foreign)     delete  not ours, prune: all                  secret: none
  * crm           recover                                       secret: moved → file:secrets/crm
      an interrupted create, nothing is live
  > invoices      rename                                        secret: kept
      was bills, finishes an interrupted rename
-/+ alerts        replace                                       secret: new → file:secrets/alerts
      the live one is not ours, step 1 of 5
      target_url         https://hooks.example.com/orders?version=2026-02-03
      subscribed_events  message.received, message.failed
      phone_numbers      "+1", "+2"
      is_active          false
      subscription_id    sub-alerts
  ~ billing       update  differs from the file, record only    secret: kept
      record             what the file says is live already, and is noted as applied
  x (unfinished)  collect  left by an interrupted request       secret: new
      target_url         https://hooks.example.com/late?linq_gitops=abc.2
      subscription_id    sub-late
`);
  });

  it('says how far a replacement is, who goes and who comes', () => {
    const ids = { subscription_id: 'sub-old', replacement_id: 'sub-next' };
    const underWay = { reason: 'under-way', ...ids } as const;
    const fields = makeFields({ subscribed_events: ['a.b'] });
    const operations = [
      makeReplace({ name: 'a', reason: 'asked', fields }),
      makeReplace({ name: 'b', reason: 'age', fields }),
      makeReplace({ name: 'c', step: 'rest', ...underWay, fields }),
      makeReplace({ name: 'd', step: 'switch', ...underWay, fields }),
      makeReplace({ name: 'e', step: 'finish', ...underWay, subscription_id: null, fields }),
      makeReplace({ name: 'f', step: 'drop', ...underWay, secret: 'kept' }),
      makeDelete({ name: 'g', replacement_id: 'sub-next' }),
    ];

    expect(body(makePlan({ operations })).replace(/\n +(target_url|subscribed_|phone_).*/g, '')).toBe(`\
-/+ a             replace  rotation, step 1 of 5                secret: new → file:secrets/a
      subscription_id    sub-a
-/+ b             replace  its secret is old, step 1 of 5       secret: new → file:secrets/b
      subscription_id    sub-b
-/+ c             replace  step 2 of 5                          secret: new → file:secrets/c
      subscription_id    sub-old
      replacement_id     sub-next
-/+ d             replace  step 4 of 5                          secret: new → file:secrets/d
      subscription_id    sub-old
      replacement_id     sub-next
-/+ e             replace  step 5 of 5                          secret: new → file:secrets/e
      replacement_id     sub-next
-/+ f             replace  the new one is given up              secret: kept
      replacement_id     sub-next
  - g             delete  no longer in the file                 secret: discarded
      replacement_id     sub-next`);
  });

  it('says what waits, and until when', () => {
    const waiting = [
      makeWaiting(),
      makeWaiting({ name: 'too-many', reason: 'no more than 5 replacements at once', until: null }),
    ];

    expect(`\n${body(makePlan({ waiting }))}\n`).toBe(`
  … support       replace  step 3 of 5: overlap until 2026-11-22T12:30:05Z
  … too-many      replace  no more than 5 replacements at once
`);
    expect(body(makePlan({ waiting }), { symbols: false })).toMatch(/^ \.\. support {7}replace {2}step 3/);
    expect(renderPlanText(makePlan({ waiting }), options)).toContain('\n\nPlan: nothing to do; 2 waiting.\n');
    const both = makePlan({ waiting, held: [makeHeld()], operations: [makeCreate()] });
    expect(renderPlanText(both, options)).toContain('\n\nPlan: 1 to create; 1 held; 2 waiting.\n');
  });

  it('does not call a foreign one touched whose replacement is given up', () => {
    const foreign = [makeForeign()];
    const ids = { subscription_id: 'sub-foreign', replacement_id: 'sub-next' };
    const text = (step: 'drop' | 'switch') =>
      renderPlanText(makePlan({ foreign, operations: [makeReplace({ step, ...ids })] }), options);

    expect(text('drop')).toContain('1 foreign left alone.');
    expect(text('switch')).not.toContain('left alone');
  });

  it('shows sets as what is added and removed, and scalars as old and new', () => {
    const lines = changeLines(
      makeChange({ field: 'target_url', before: 'https://a.example/', after: 'https://b.example/' }),
      makeChange({ before: ['a.b', 'c.d', 'e.f'], after: ['c.d', 'g.h', 'i.j'] }),
      makeChange({ field: 'phone_numbers', before: null, after: ['+1', '+2'] }),
      makeChange({ field: 'is_active', before: true, after: false }),
      makeChange({ field: 'routing_key_header', before: null, after: 'X-Key' }),
      makeChange({ field: 'routing_id_header', before: 'X-Id', after: '' }),
      makeChange({ field: 'prevent_destroy', before: false, after: true }),
    );

    expect(`\n${lines}\n`).toBe(`
      target_url          https://a.example/ → https://b.example/
      subscribed_events   + g.h  + i.j  - a.b  - e.f
      phone_numbers       every line → "+1", "+2"
      is_active           true → false
      routing_key_header  none → X-Key
      routing_id_header   X-Id → ""
      prevent_destroy     false → true
`);
  });

  it('says what a drifted field has now', () => {
    const reason = 'drifted';
    const lines = changeLines(
      makeChange({ reason, before: ['a.b', 'c.d'], after: ['c.d', 'e.f'] }),
      makeChange({ reason, field: 'phone_numbers', before: ['+1'], after: null }),
      makeChange({ reason, field: 'is_active', before: false, after: true }),
    );

    expect(`\n${lines}\n`).toBe(`
      subscribed_events  drifted, live has + a.b  - e.f
      phone_numbers      drifted, live has 1 line → every line
      is_active          drifted, live has false → true
`);
  });

  it('takes an empty phone filter for every line, as Linq does, and an empty list of events for none', () => {
    const lines = changeLines(
      makeChange({ field: 'phone_numbers', before: [], after: ['+1'] }),
      makeChange({ field: 'phone_numbers', before: ['+1', '+2'], after: [] }),
      makeChange({ before: null, after: [] }),
    );

    expect(`\n${lines}\n`).toBe(`
      phone_numbers      every line → "+1"
      phone_numbers      2 lines → every line
      subscribed_events  none → none
`);
  });

  it('wraps lists between values and never breaks a URL', () => {
    const url = `https://hooks.example.com/${'long/'.repeat(20)}`;
    const events = Array.from({ length: 12 }, (_, index) => `message.event_${index}`);
    const fields = makeFields({ target_url: url, subscribed_events: events });
    const changes = [makeChange({ field: 'target_url', before: url, after: 'https://short.example/' })];
    const operations = [makeCreate({ fields }), makeUpdate({ changes })];

    expect(`\n${body(makePlan({ operations }), { width: 80 })}\n`).toBe(`
  + orders        create                       secret: new → file:secrets/orders
      target_url         ${url}
      subscribed_events  message.event_0, message.event_1, message.event_2,
                         message.event_3, message.event_4, message.event_5,
                         message.event_6, message.event_7, message.event_8,
                         message.event_9, message.event_10, message.event_11
      phone_numbers      every line
  ~ billing       update  changed in the file                   secret: kept
      target_url         ${url}
                         → https://short.example/
`);
  });

  it('puts what has no room at the right on a line of its own', () => {
    const name = 'a-name-that-is-rather-long-for-the-column-of-names';
    const operations = [makeCreate({ name, fields: makeFields() })];

    expect(
      `\n${body(makePlan({ operations, held: [makeHeld({ name, reason: 'it would send the events of every line, also of those that are bought later, to this one receiver' })] }))}\n`,
    ).toBe(`
  + ${name}  create
      secret: new → file:secrets/${name}
      target_url         https://hooks.example.com/orders?version=2026-02-03
      subscribed_events  message.received, message.failed
      phone_numbers      every line
  ! ${name}  held: widen  secret: kept
      it would send the events of every line, also of those that are bought later, to this one
      receiver
      phone_numbers      2 lines → every line
      let it through: --allow widen:${name}
`);
  });

  it('says of what is held by whom, why, and what lets it through', () => {
    const held = [
      makeHeld({
        name: null,
        guard: 'account',
        reason: 'another account?',
        letThrough: '--allow account',
        operation: null,
      }),
      makeHeld({
        name: null,
        guard: 'deletes',
        reason: '',
        letThrough: '--allow deletes',
        operation: makeDelete({ name: null }),
      }),
      makeHeld({
        name: 'crm',
        guard: 'in-flight',
        reason: 'process 7 on ci',
        letThrough: null,
        operation: null,
      }),
      makeHeld({ name: 'legacy', guard: 'protected', reason: '', operation: makeDelete() }),
    ];

    expect(`\n${body(makePlan({ held }))}\n`).toBe(`
  ! (all)         held: account  another account?               let it through: --allow account
  ! (foreign)     held: deletes (delete)                        secret: none
      target_url         https://hooks.example.com/foreign
      subscription_id    sub-foreign                            let it through: --allow deletes
  ! crm           held: in-flight  process 7 on ci
  ! legacy        held: protected (delete)                      secret: discarded
      let it through: --allow widen:legacy
`);
    expect(renderPlanText(makePlan({ held }), options)).toContain('\n\nPlan: nothing to do; 4 held.\n');
  });

  it('says that there is nothing to do', () => {
    const plan = makePlan({ id: 'a'.repeat(64), summary: { entries: 1, live: 1, owned: 1 } });

    expect(`\n${renderPlanText(plan, { ...options, requests: { reads: 1, writes: 1 } })}`).toBe(`
linq-gitops plan aaaaaaaaaaaa   1 entry · 1 live · 1 owned · 0 foreign

No changes. The account matches the file.
1 read, 1 write
`);
  });

  it('leaves the count of requests to the report where one follows', () => {
    expect(renderPlanText(makePlan(), { ...options, dryRun: false })).toMatch(/matches the file\.\n$/);
  });

  it('lists ten foreign subscriptions and counts the rest', () => {
    const foreign = Array.from({ length: 12 }, (_, index) => makeForeign({ id: `sub-${index}` }));
    const lines = body(makePlan({ foreign })).split('\n');

    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toBe('      and 2 more');
  });

  it('says what is special about a foreign subscription, and does not call one left alone that it touches', () => {
    const foreign = [makeForeign({ is_active: false, isExempt: true }), makeForeign({ id: 'sub-pruned' })];
    const operations = [makeDelete({ name: null, subscription_id: 'sub-pruned' })];
    const text = renderPlanText(makePlan({ foreign, operations }), options);

    expect(text).toContain(
      'Foreign, left alone:\n      sub-foreign  https://elsewhere.example.net/hook  inactive  ignored\n\n',
    );
    expect(text).toContain('1 foreign left alone.');
  });

  it('names ten inactive entries and counts the rest', () => {
    const inactive = Array.from({ length: 12 }, (_, index) => `e${index}`);
    const text = renderPlanText(makePlan({ summary: { inactive } }), options);

    expect(text).toContain(
      'matches the file. 12 inactive and not managed: e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, and 2 more.',
    );
  });

  it('prints warnings before the summary, wrapped', () => {
    const warnings = [
      'short',
      'billing: the event message.recieved is not in the catalogue; did you mean message.received?',
    ];

    expect(`\n${body(makePlan({ warnings }))}\n`).toBe(`
warning: short
warning: billing: the event message.recieved is not in the catalogue; did you mean
  message.received?
`);
  });

  it('lets no value drive the terminal or make up a line', () => {
    const evil = 'https://x.example/\u001b[2J\n  - billing  delete\r\u009b31m\u202e\u2028\u200b\ud800';
    const name = 'evil\u001b]0;x\u0007';
    const fields = makeFields({ target_url: evil, subscribed_events: [evil], phone_numbers: [evil] });
    const plan = makePlan({
      operations: [
        makeCreate({ name, fields }),
        makeUpdate({ changes: [makeChange({ before: [evil], after: [evil, `${evil}2`] })] }),
        makeRename({ from: evil }),
        makeCollect({ subscription_id: evil, target_url: evil }),
      ],
      held: [makeHeld({ name, reason: evil, letThrough: evil })],
      foreign: [makeForeign({ id: evil, target_url: evil })],
      warnings: [evil],
      summary: { inactive: [evil] },
    });
    const text = renderPlanText(plan, { ...options, locate: () => evil });

    expect(text).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
    expect(text).not.toMatch(/^ {2}- billing {2}delete/m);
    expect(text).toContain(String.raw`https://x.example/\u{1b}[2J\u{a}`);
  });

  it('colours symbols, names and fates, and nothing else', () => {
    const tag = (name: string) => (text: string) => `<${name}>${text}</${name}>`;
    const colours = {
      bold: tag('bold'),
      dim: tag('dim'),
      red: tag('red'),
      green: tag('green'),
      yellow: tag('yellow'),
      cyan: tag('cyan'),
    };
    const plan = makePlan({
      operations: [makeCreate(), makeDelete()],
      held: [makeHeld()],
      foreign: [makeForeign()],
      warnings: ['look'],
    });
    const coloured = renderPlanText(plan, { ...options, colours });

    expect(coloured).toContain('<green>  +</green> <bold>orders</bold>        create      ');
    expect(coloured).toContain('<dim>secret: new → file:secrets/orders</dim>\n');
    expect(coloured).toContain('<red>secret: discarded</red>\n');
    expect(coloured).toContain('<yellow>  !</yellow> <bold>support</bold>');
    expect(coloured).toContain('<bold>let it through: --allow widen:support</bold>\n');
    expect(coloured).toContain('<yellow>warning: look</yellow>\n');
    expect(coloured.replace(/<\/?[a-z]+>/g, '')).toBe(renderPlanText(plan, options));
  });

  it('holds all of 10,000 operations, each once', () => {
    const operations = Array.from({ length: 10_000 }, (_, index) => makeCreate({ name: `entry-${index}` }));
    const text = renderPlanText(makePlan({ operations }), options);

    expect(text.match(/^ {2}\+ entry-\d+ +create/gm)).toHaveLength(10_000);
    expect(text).toContain('Plan: 10000 to create.');
  });
});
