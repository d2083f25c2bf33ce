import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { renderStatusMarkdown } from '../../../src/plan/render-status-markdown.ts';
import { renderStatusText } from '../../../src/plan/render-status-text.ts';
import { overviewOf } from '../../../src/plan/status.ts';
import { plain } from '../../../src/plan/words.ts';
import { viewOf, viewWithoutFile } from '../../support/view.ts';
import {
  ago,
  fields,
  foreign,
  installation,
  live,
  markedUrl,
  NOW,
  OTHER,
  OWNER,
  stored,
  type WorldSpec,
} from '../../support/world.ts';

const HOUR = 3_600_000;
const LINES = ['+12025550101', '+12025550102'];
const REQUESTS = { reads: 4, writes: 0 };

function changed(what: 'created' | 'changed-in-file' | 'drift-reverted', hours: number) {
  return { what, at: ago(hours * HOUR), revision: null };
}

/** One entry in each state that there is. */
const WORLD: WorldSpec = {
  settled: ['alerts'],
  file: {
    billing: { subscribed_events: ['message.failed', 'message.received'] },
    crm: {},
    'customer-care-north': {},
    orders: {},
    paused: {},
    replies: {},
    support: {},
  },
  records: {
    alerts: { last_change: changed('created', 100) },
    billing: {
      last_change: changed('changed-in-file', 30),
      applied_from: {
        content_hash: 'f'.repeat(64),
        revision: '9c0d12e4b7a3558f0d1b2c3d4e5f60718293a4b5',
        holder: OTHER,
        server_time: ago(30 * HOUR),
      },
    },
    'customer-care-north': { last_change: changed('drift-reverted', 0.5) },
    legacy: {},
    paused: {},
    replies: {
      current: stored('replies', { created_at: ago(91 * 24 * HOUR) }),
      next: {
        ...stored('replies', { subscription_id: 'id-next' }),
        deactivated: true,
        ready_at: ago(60_000),
        compromised: false,
        ending: null,
      },
    },
    support: { applied: fields('support', { phone_numbers: LINES }) },
  },
  live: [
    live('billing'),
    live('customer-care-north', { subscribed_events: ['message.read'] }),
    live('legacy'),
    live('paused', { is_active: false }),
    live('replies'),
    live('replies', { id: 'id-next', target_url: markedUrl('replies'), is_active: false }),
    live('support', { phone_numbers: LINES }),
    foreign('crm'),
    foreign('welcome', { target_url: 'https://webhook.linqapp.com/welcome', is_active: false }),
  ],
  observation: {
    installation: {
      ...installation(),
      pauses: [{ owner: OWNER, name: 'paused', until: new Date(NOW + 2 * HOUR).toISOString(), reason: null }],
    },
    warnings: ['cannot list the lines: 503; the account is not checked by its lines'],
  },
};

function textOf(width?: number, symbols = true): string {
  return renderStatusText(overviewOf(viewOf(WORLD)), { colours: plain, requests: REQUESTS, symbols, width });
}

describe('status as text', () => {
  test.each([
    { where: '80', width: 80 },
    { where: '140', width: 140 },
    { where: 'pipe', width: undefined },
  ])('is readable where the width is $where', async ({ where, width }) => {
    await expect(textOf(width)).toMatchFileSnapshot(`../../fixtures/overview/status-${where}.txt`);
  });

  it('shortens and leaves out nothing without a terminal', () => {
    const text = textOf();
    expect(text).toContain('https://hooks.example.com/customer-care-north?version=2026-02-03');
    expect(text).toContain('9c0d12e4b7a3558f0d1b2c3d4e5f60718293a4b5');
    expect(text).not.toContain('…');
  });

  it('stays within the terminal, and in ASCII where that shows no more', () => {
    for (const width of [80, 100, 120, 140]) {
      const lines = textOf(width).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    }
    expect(textOf(80, false).replaceAll('→', '')).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('says which commit the file is, below the title where there is no room beside it', () => {
    const view = viewOf({ settled: ['a'] });
    const revision = '9c0d12e4b7a3558f0d1b2c3d4e5f60718293a4b5';
    const overview = overviewOf({ ...view, desired: { ...view.input.desired, revision } });
    const options = { colours: plain, requests: REQUESTS, symbols: false };
    const counts = '1 entry, 1 live, 1 owned, 0 foreign, revision 9c0d12e4b7a3\n';
    expect(renderStatusText(overview, options)).toContain(`linq-gitops status   ${counts}`);
    expect(renderStatusText(overview, { ...options, width: 60 })).toContain(
      `linq-gitops status\n      ${counts}`,
    );
  });

  it('puts a long name on a line of its own', () => {
    const name = 'n'.repeat(63);
    const view = viewOf({ settled: [name, 'a'] });
    const text = renderStatusText(overviewOf(view), {
      colours: plain,
      requests: REQUESTS,
      symbols: true,
      width: 80,
    });
    expect(text).toContain(`\n    ${name}\n          in sync  `);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('says that nothing is managed', () => {
    const text = renderStatusText(overviewOf(viewOf({ allow_empty: true })), {
      colours: plain,
      requests: REQUESTS,
      symbols: true,
    });
    expect(text).toBe(`linq-gitops status   0 entries · 0 live · 0 owned · 0 foreign

Status: nothing is managed.
4 reads, 0 writes
`);
  });

  it('cuts long lists short on a terminal, and says what it does not know', () => {
    const many = Array.from({ length: 25 }, (_, index) => `x${index}`);
    const view = viewOf({
      file: { a: {} },
      records: {
        ...Object.fromEntries(many.map((name) => [name, {}])),
        a: {
          current: stored('a', { created_at: '1970-01-01T00:00:00Z' }),
          last_change: { what: 'adopted', at: 'once', revision: null },
        },
      },
      live: [live('a'), ...many.map((name) => live(name)), ...many.map((name) => foreign(name))],
      observation: {
        installation: { ...installation(), pauses: [{ owner: OWNER, name: 'a', until: null, reason: null }] },
      },
    });
    const overview = overviewOf(view);
    const options = { colours: plain, requests: REQUESTS, symbols: true };
    const text = renderStatusText(overview, { ...options, width: 160 });
    expect(text).toMatch(/x0, x1, x10, .*, and 15 more: deletes: 25 deletes are more than/);
    expect(text).toMatch(
      /  = a {5}paused +\S+ +1 event  every line  stored  adopted at once\n      paused\n/,
    );
    expect(text).toContain('\n      and 5 more\n');
    expect(text).toContain(' 1 paused.');
    expect(renderStatusText(overview, options)).not.toContain('and 5 more');
    expect(renderStatusMarkdown(overview, { requests: REQUESTS })).toContain('`x17` and 15 more');
  });

  it('says where the file cannot be used, and which secrets are lost', () => {
    const lost = { current: stored('a', { signing_secret: null }) };
    const view = viewWithoutFile({ records: { a: lost }, live: [live('a')] });
    const text = renderStatusText(overviewOf(view), { colours: plain, requests: REQUESTS, symbols: true });
    expect(text).toContain('  ! a     not compared');
    expect(text).toContain(
      'Status: 1 not compared. 1 secret lost. The file cannot be used: this is what the records and the account have.',
    );
  });
});

describe('the README', () => {
  it('shows what status prints', () => {
    const days = (name: string, count: number) => stored(name, { created_at: ago(count * 24 * HOUR) });
    const next = { ...stored('replies', { subscription_id: 'id-next' }), compromised: false, ending: null };
    const view = viewOf({
      file: { billing: {}, orders: {}, replies: {}, support: {} },
      records: {
        billing: { current: days('billing', 12) },
        orders: { current: days('orders', 91) },
        replies: {
          current: days('replies', 90),
          next: { ...next, deactivated: true, ready_at: ago(60_000) },
        },
        support: { current: days('support', 5), applied: fields('support', { phone_numbers: LINES }) },
      },
      live: [
        live('billing'),
        live('orders', { subscribed_events: ['message.received', 'message.read'] }),
        live('replies'),
        live('replies', { id: 'id-next', target_url: markedUrl('replies'), is_active: false }),
        live('support', { phone_numbers: LINES }),
        foreign('crm', {
          id: '4f1c2d7e-8b5a-4c1e-9d55-0a3b1c2d3e4f',
          target_url: 'https://crm.example.net/hooks/linq?version=2025-01-01',
        }),
      ],
    });
    const requests = { reads: 3, writes: 0 };
    const text = renderStatusText(overviewOf(view), { colours: plain, requests, symbols: true, width: 80 });
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    expect(readme).toContain(`\n\`\`\`text\n${text}\`\`\`\n`);
  });
});

describe('status as markdown', () => {
  it('is a comment with tables', async () => {
    const markdown = renderStatusMarkdown(overviewOf(viewOf(WORLD)), { requests: REQUESTS });
    await expect(markdown).toMatchFileSnapshot('../../fixtures/overview/status.md.txt');
  });

  it('fits into a comment, and says what it leaves out', () => {
    const many = Array.from({ length: 3_000 }, (_, index) => `n${index}`);
    const markdown = renderStatusMarkdown(overviewOf(viewOf({ settled: many })), { requests: REQUESTS });
    expect(markdown.length).toBeLessThan(65_536);
    expect(markdown).toMatch(/\*\*\d+ more entries left out\*\*, .* the JSON form has them all/);
  });
});
