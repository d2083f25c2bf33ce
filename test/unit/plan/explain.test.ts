import { describe, expect, it, test } from 'vitest';
import { Secret } from '../../../src/domain/secret.ts';
import { explainEntry, explainLive, findSubject, type Explanation } from '../../../src/plan/explain.ts';
import { renderExplainMarkdown } from '../../../src/plan/render-explain-markdown.ts';
import { renderExplainText } from '../../../src/plan/render-explain-text.ts';
import type { View } from '../../../src/plan/status.ts';
import { plain } from '../../../src/plan/words.ts';
import { GUARD_WORLDS } from '../../support/guard-worlds.ts';
import { viewOf, viewWithoutFile } from '../../support/view.ts';
import {
  ago,
  fields,
  foreign,
  intent,
  live,
  markedUrl,
  NOW,
  OTHER,
  stored,
  type WorldSpec,
} from '../../support/world.ts';

const HOUR = 3_600_000;
const LINES = ['+12025550101', '+12025550102'];
const OPTIONS = {
  requests: { reads: 4, writes: 0 },
  locate: (name: string) => `file:secrets/${name}.json`,
  serverTime: new Date(NOW).toISOString(),
};

/** Everything that can be said of one entry. */
const FULL: WorldSpec = {
  settled: ['billing'],
  file: { support: { subscribed_events: ['message.received', 'message.read'], is_active: true } },
  records: {
    support: {
      applied: fields('support', { phone_numbers: LINES, is_active: true }),
      current: stored('support', { created_at: ago(100 * HOUR) }),
      previous: { subscription_id: 'id-before', signing_secret: new Secret('p'), retired_at: ago(HOUR / 2) },
      prevent_destroy: true,
      last_change: { what: 'replaced', at: ago(HOUR / 2), revision: '9c0d12e' },
      applied_from: {
        content_hash: 'f'.repeat(64),
        revision: '9c0d12e',
        holder: OTHER,
        server_time: ago(5 * HOUR),
      },
    },
  },
  live: [live('support', { phone_numbers: LINES, is_active: false })],
  observation: { events: ['message.received'] },
};

function textOf(explanation: Explanation, width?: number): string {
  return renderExplainText(explanation, { ...OPTIONS, colours: plain, width });
}

function liveOf(view: View, id: string) {
  const subject = findSubject(id, view);
  if (subject.kind !== 'live') throw new Error(`${id} is ${subject.kind}`);
  return explainLive(subject.live, view);
}

describe('an entry explained', () => {
  test.each([
    { where: '80', width: 80 },
    { where: '140', width: 140 },
    { where: 'pipe', width: undefined },
  ])('is readable where the width is $where', async ({ where, width }) => {
    const text = textOf(explainEntry('support', viewOf(FULL)), width);
    await expect(text).toMatchFileSnapshot(`../../fixtures/overview/explain-${where}.txt`);
  });

  it('is a comment as markdown', async () => {
    const markdown = renderExplainMarkdown(explainEntry('support', viewOf(FULL)), OPTIONS);
    await expect(markdown).toMatchFileSnapshot('../../fixtures/overview/explain.md.txt');
  });

  it('has each field in three places, and why they differ', () => {
    const { fields: views } = explainEntry('support', viewOf(FULL));
    const differing = views.flatMap(({ field, difference }) =>
      difference === null ? [] : [[field, difference]],
    );
    expect(differing).toEqual([
      ['subscribed_events', 'changed-in-file'],
      ['phone_numbers', 'changed-in-file'],
      ['is_active', 'drifted'],
      ['prevent_destroy', 'changed-in-file'],
    ]);
    expect(views.find(({ field }) => field === 'phone_numbers')).toEqual({
      field: 'phone_numbers',
      declared: null,
      recorded: LINES,
      live: LINES,
      difference: 'changed-in-file',
    });
    expect(views.find(({ field }) => field === 'routing_id_header')).not.toHaveProperty('declared');
  });

  it('says what a replacement, an intent and a retirement are at', () => {
    const view = viewOf({
      settled: ['a'],
      file: { orders: {}, busy: {} },
      records: {
        orders: {
          next: {
            ...stored('orders', { subscription_id: 'next-orders' }),
            deactivated: true,
            ready_at: ago(1_000),
            compromised: true,
            ending: null,
          },
          retire: { subscription_id: 'foreign-x' },
        },
        busy: { current: null, intent: intent('busy', { deadline: ago(-5_000) }) },
        old: { retired: { at: ago(HOUR), deactivated: true } },
      },
      live: [
        live('orders'),
        live('orders', { id: 'next-orders', target_url: markedUrl('orders'), is_active: false }),
        live('old', { is_active: false }),
      ],
      policy: { prune: 'never' },
    });
    const orders = textOf(explainEntry('orders', view));
    expect(orders).toContain(
      'replacement           next-orders, deactivated by us, receivers can know its secret since 2026-11-22T11:59:59Z, the old secret is in wrong hands\n',
    );
    expect(orders).toContain('takes over from       foreign-x, which is not ours\n');
    expect(orders).toContain(
      'The next pass:\n      waits: step 3 of 5: overlap until 2026-11-22T12:00:59Z\n',
    );
    const busy = textOf(explainEntry('busy', view));
    expect(busy).toContain(
      `being created         by process 2 on there, until 2026-11-22T12:00:05Z at the latest, at ${markedUrl('busy')}\n`,
    );
    expect(busy).toContain('The next pass:\n      nothing, since it is held\n');
    const old = textOf(explainEntry('old', view));
    expect(old).toContain('linq-gitops explain old   retired, not in the file\n');
    expect(old).toContain('retired               since 2026-11-22T11:00:00Z, deactivated by us\n');
    expect(old).toContain('warning: old is no longer in the file and stays');
  });

  it('says why a record cannot be used, and what it is without the file', () => {
    const others = { kind: 'other-owner', owner: 'staging', ids: [], marked_url: null } as const;
    const view = viewOf({ settled: ['a'], records: { theirs: others, newer: { kind: 'newer', schema: 2 } } });
    expect(textOf(explainEntry('theirs', view))).toContain(
      'The record file:secrets/theirs.json: it belongs to the owner "staging"\n',
    );
    expect(textOf(explainEntry('newer', view))).toContain(
      'The record file:secrets/newer.json: it has schema 2, of a newer version\n',
    );
    const placed = { kind: 'foreign', reason: 'is a secret that linq-gitops did not write' } as const;
    expect(textOf(explainEntry('x', viewOf({ file: { x: {} }, records: { x: placed } })))).toContain(
      'what stands in its place is a secret that linq-gitops did not write',
    );
    const foreignRecord = viewWithoutFile({ records: { theirs: others } });
    expect(explainEntry('theirs', foreignRecord).status).toMatchObject({ state: 'unknown', guard: null });
    const blind = textOf(explainEntry('a', viewWithoutFile({ records: { a: {} }, live: [live('a')] })));
    expect(blind).toContain('linq-gitops explain a   not compared\n');
    expect(blind).toContain('The next pass:\n      not known without the file\n');
  });

  it('takes times as they are, where they are none', () => {
    const previous = { subscription_id: 'before', signing_secret: null, retired_at: 'long ago' };
    const text = textOf(
      explainEntry('a', viewOf({ file: { a: {} }, records: { a: { previous } }, live: [live('a')] })),
    );
    expect(text).toContain('previous secret       of before, until long ago\n');
  });

  it('says what a first step has left, and whose work is abandoned', () => {
    const next = {
      ...stored('a', { subscription_id: 'next-a', signing_secret: null, created_at: '1970-01-01T00:00:00Z' }),
      deactivated: false,
      ready_at: null,
      compromised: false,
      ending: null,
    };
    const records = {
      a: {
        current: { ...next, subscription_id: 'id-a' },
        next,
        intent: intent('a'),
        isIntentAbandoned: true,
        last_change: { what: 'revived' as const, at: ago(HOUR), revision: null },
      },
      b: { current: null, retired: { at: ago(HOUR), deactivated: false } },
    };
    const view = viewOf({ file: { a: {} }, records, live: [live('a', { id: 'x' })] });
    const text = textOf(explainEntry('a', view));
    expect(text).toContain('subscription          id-a, which is not live\n');
    expect(text).toContain('secret                not stored any more; the subscription is of unknown age\n');
    expect(text).toContain('last change           revived 1h ago\n');
    expect(text).toContain('replacement           next-a, not at rest yet\n');
    expect(text).toContain(
      `being created         by process 2 on there, which runs no more, at ${markedUrl('a')}`,
    );
    const other = textOf(explainEntry('b', view));
    expect(other).toContain('subscription          none\n');
    expect(other).toContain('retired               since 2026-11-22T11:00:00Z\n');
  });

  it('holds no secret', () => {
    const { spec } = GUARD_WORLDS.widen;
    const explanation = explainEntry('orders', viewOf(spec));
    expect(JSON.stringify(explanation)).not.toContain('secret of orders');
    expect(explanation.record?.secret?.is_stored).toBe(true);
  });
});

describe('a subscription that is not ours', () => {
  const view = viewOf({
    settled: ['a'],
    file: { crm: {} },
    records: { theirs: { kind: 'other-owner', owner: 'staging', ids: ['foreign-theirs'], marked_url: null } },
    live: [
      foreign('crm'),
      foreign('other'),
      foreign('theirs'),
      foreign('linq', { target_url: 'https://webhook.linqapp.com/welcome' }),
      foreign('marked', { target_url: markedUrl('marked', 'another') }),
      foreign('half', { target_url: markedUrl('half'), created_at: NOW - 1_000 }),
    ],
  });

  it('says why it is left alone', () => {
    const reasonOf = (id: string) => liveOf(view, id).reason;
    expect(reasonOf('foreign-other')).toContain('no record here names it');
    expect(reasonOf('foreign-crm')).toContain('; the entry crm has its URL');
    expect(reasonOf('foreign-theirs')).toBe('a record of the owner "staging" names it');
    expect(reasonOf('foreign-linq')).toContain('that of Linq itself');
    expect(reasonOf('foreign-marked')).toContain('the mark of another installation');
    expect(reasonOf('foreign-half')).toContain('the mark of this installation');
  });

  it('says how to take it over, where that can be', () => {
    const commandsOf = (id: string) => liveOf(view, id).adoption.map(({ command }) => command);
    expect(commandsOf('foreign-crm')).toEqual([
      'linq-gitops adopt crm --secret-file FILE',
      'linq-gitops adopt crm --replace',
    ]);
    expect(commandsOf('id:foreign-other')).toEqual([
      'linq-gitops import',
      'linq-gitops adopt NAME --secret-file FILE',
    ]);
    for (const id of ['foreign-theirs', 'foreign-linq', 'foreign-marked', 'foreign-half'])
      expect(commandsOf(id)).toEqual([]);
  });

  it('is adopted by its own id, where several have the URL', () => {
    const { spec } = GUARD_WORLDS.ambiguous;
    expect(liveOf(viewOf(spec), 'second').adoption).toEqual([
      {
        command: 'linq-gitops adopt crm --id second --secret-file FILE',
        note: 'with its signing secret in FILE',
      },
    ]);
  });

  it('says what prune: all, or a collection, does to it', () => {
    const pruning = viewOf({ settled: ['a'], live: [foreign('other')], policy: { prune: 'all' } });
    expect(liveOf(pruning, 'foreign-other')).toMatchObject({
      kind: 'foreign',
      held: [],
      next: [{ words: 'delete, not ours, prune: all' }],
    });
    const collecting = viewOf({
      settled: ['a'],
      live: [foreign('half', { target_url: markedUrl('half'), created_at: 0 })],
    });
    const half = liveOf(collecting, 'foreign-half');
    expect(half).toMatchObject({
      kind: 'unfinished',
      next: [{ words: 'collect, left by an interrupted request' }],
    });
    expect(liveOf(view, 'foreign-half')).toMatchObject({ next: [], held: [{ guard: 'in-flight' }] });
  });

  it('reads well', async () => {
    await expect(textOf(liveOf(view, 'foreign-crm'), 80)).toMatchFileSnapshot(
      '../../fixtures/overview/explain-foreign-80.txt',
    );
    const markdown = renderExplainMarkdown(liveOf(view, 'foreign-crm'), OPTIONS);
    await expect(markdown).toMatchFileSnapshot('../../fixtures/overview/explain-foreign.md.txt');
  });
});

describe('what is asked about', () => {
  const view = viewOf({
    settled: ['orders'],
    records: { left: {} },
    live: [foreign('crm'), live('left')],
  });

  it.each([
    ['orders', { kind: 'name', name: 'orders' }],
    ['left', { kind: 'name', name: 'left' }],
    ['id-orders', { kind: 'name', name: 'orders' }],
    ['id:id-left', { kind: 'name', name: 'left' }],
    ['foreign-crm', { kind: 'live' }],
    ['id:foreign-crm', { kind: 'live' }],
    ['ordres', { kind: 'none', nearest: 'orders' }],
    ['foreign-cmr', { kind: 'none', nearest: 'foreign-crm' }],
    ['something else', { kind: 'none', nearest: undefined }],
  ])('%s is found', (text, expected) => {
    expect(findSubject(text, view)).toMatchObject(expected);
  });
});
