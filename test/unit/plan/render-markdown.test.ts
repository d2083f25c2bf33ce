import { describe, expect, it } from 'vitest';
import { renderMarkdown } from '../../../src/plan/render-markdown.ts';
import {
  makeChange,
  makeCollect,
  makeCreate,
  makeDelete,
  makeFields,
  makeForeign,
  makeHeld,
  makeItem,
  makePlan,
  makeReport,
  makeRename,
  makeSamplePlan,
  makeUpdate,
  makeWaiting,
} from '../../support/plan-builders.ts';

const options = { locate: (name: string) => `file:secrets/${name}`, requests: { reads: 4, writes: 0 } };

/** What would be a comment of GitHub's with all code taken out: what is left can act. */
function withoutCode(markdown: string): string {
  return markdown.replace(/<code>[A-Za-z0-9 &#;]*<\/code>/g, 'CODE').replace(/`[^`\n|]+`/g, 'CODE');
}

describe('renderMarkdown', () => {
  it('is a comment with the summary first, and the operations in sight', () => {
    expect(
      renderMarkdown(
        { ...makeSamplePlan(), warnings: ['no `version=` in https://a.example'] },
        null,
        options,
      ),
    ).toBe(
      `<!-- linq-gitops -->
### linq-gitops plan \`7f3a91c2d40e\`

Plan: 1 to create, 1 to update, 1 to delete; 1 held. 1 foreign left alone. 1 inactive and not managed: billing.

| | entry | operation | changes | secret |
| --- | --- | --- | --- | --- |
| \`+\` | \`orders\` | create | \`target_url\`: \`https://hooks.example.com/orders?version=2026-02-03\`<br>\`subscribed_events\`: \`message.received\`, \`message.failed\`<br>\`phone_numbers\`: every line | new → \`file:secrets/orders\` |
| \`~\` | \`billing\` | update: changed in the file | \`subscribed_events\`: + \`message.failed\` - \`message.read\`<br>\`phone_numbers\`: drifted, live has + \`"+12025550199"\` | kept |
| \`-\` | \`legacy\` | delete: no longer in the file | | discarded |

#### Held

| | entry | held by | changes | secret | let it through |
| --- | --- | --- | --- | --- | --- |
| \`!\` | \`support\` | widen | \`phone_numbers\`: 2 lines → every line | kept | \`--allow widen:support\` |

<details><summary>1 foreign, left alone</summary>

- \`sub-foreign\` \`https://elsewhere.example.net/hook\`

</details>

<details><summary>Warnings: 1</summary>

- no <code>&#96;version&#61;&#96;</code> in \`https://a.example\`

</details>

4 reads, 0 writes
`,
    );
  });

  it('says how each operation ended where the plan was applied', () => {
    const report = makeReport([
      makeItem(makeCreate()),
      makeItem(makeUpdate(), {
        status: 'failed',
        error: 'cannot update it: 422 (trace a-b)',
        hint: 'look at orders.yaml.',
      }),
    ]);

    expect(
      renderMarkdown(
        makePlan({ id: 'b'.repeat(64), operations: [makeCreate(), makeUpdate(), makeDelete()] }),
        report,
        options,
      ),
    ).toBe(
      `<!-- linq-gitops -->
### linq-gitops applied plan \`bbbbbbbbbbbb\`

Done: 1 created; 1 failed.

| | entry | operation | result | changes | secret |
| --- | --- | --- | --- | --- | --- |
| \`+\` | \`orders\` | create | created | \`target_url\`: \`https://hooks.example.com/orders?version=2026-02-03\`<br>\`subscribed_events\`: \`message.received\`, \`message.failed\`<br>\`phone_numbers\`: every line | new → \`file:secrets/orders\` |
| \`~\` | \`billing\` | update: changed in the file | update failed<br>cannot update it: 422 (trace a-b)<br>look at \`orders.yaml\`. | \`subscribed_events\`: + \`message.failed\` - \`message.read\` | kept |
| \`-\` | \`legacy\` | delete: no longer in the file | | | discarded |

4 reads, 0 writes
`,
    );
  });

  it('says what waits, and until when', () => {
    const waiting = [makeWaiting(), makeWaiting({ name: 'more', reason: 'too many', until: null })];

    expect(renderMarkdown(makePlan({ id: 'd'.repeat(64), waiting }), null, options)).toBe(
      `<!-- linq-gitops -->
### linq-gitops plan \`dddddddddddd\`

Plan: nothing to do; 2 waiting.

#### Waiting

| | entry | operation | waits for |
| --- | --- | --- | --- |
| \`…\` | \`support\` | replace | step 3 of 5: overlap until \`2026-11-22T12:30:05Z\` |
| \`…\` | \`more\` | replace | too many |

4 reads, 0 writes
`,
    );
    const applied = renderMarkdown(makePlan({ waiting }), makeReport([]), options);
    expect(applied).toContain('\nDone: nothing changed; 0 failed; 2 waiting.\n');
  });

  it('says that there is nothing to do', () => {
    expect(renderMarkdown(makePlan({ id: 'c'.repeat(64) }), null, options)).toBe(
      `<!-- linq-gitops -->
### linq-gitops plan \`cccccccccccc\`

No changes. The account matches the file.

4 reads, 0 writes
`,
    );
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
        name: 'crm',
        guard: 'in-flight',
        reason: 'process 7 on ci',
        letThrough: null,
        operation: null,
      }),
      makeHeld({
        name: 'old',
        guard: 'record',
        reason: 'it is damaged',
        letThrough: 'restore it from a backup',
        operation: null,
      }),
      makeHeld({
        name: 'ours',
        guard: 'unowned',
        letThrough: 'linq-gitops adopt ours --replace',
        operation: null,
      }),
      makeHeld({
        name: 'legacy',
        guard: 'protected',
        reason: '',
        letThrough: '--allow protected:legacy',
        operation: makeDelete(),
      }),
    ];

    expect(renderMarkdown(makePlan({ held }), null, options)).toContain(`
| \`!\` | \`(all)\` | account: another account? | | | \`--allow account\` |
| \`!\` | \`crm\` | in-flight: process 7 on ci | | | |
| \`!\` | \`old\` | record: it is damaged | | | restore it from a backup |
| \`!\` | \`ours\` | unowned | | | \`linq-gitops adopt ours --replace\` |
| \`!\` | \`legacy\` | protected (delete) | | discarded | \`--allow protected:legacy\` |
`);
  });

  it('says what is special about a foreign subscription', () => {
    const foreign = [makeForeign({ is_active: false, isExempt: true })];

    expect(renderMarkdown(makePlan({ foreign }), null, options)).toContain(
      '- `sub-foreign` `https://elsewhere.example.net/hook` inactive ignored\n',
    );
  });

  it.each([
    { reason: 'mentions', evil: '@everyone and @org/team' },
    { reason: 'references', evil: 'fixes #1, GH-12, owner/repo#3 and 7f3a91c2d40e' },
    { reason: 'HTML', evil: '<img src=x onerror=alert(1)></details><!--' },
    { reason: 'backticks', evil: '`` @a ` @b ``` @c' },
    { reason: 'table borders', evil: 'a | @b \\| @c \\\\| @d |' },
    { reason: 'new lines', evil: 'a\n\n# @b\r\n| @c |\u2028@d' },
    { reason: 'links', evil: '[a](https://b.example) ![c](http://d.example) www.e.example <f@g.example>' },
    { reason: 'emphasis', evil: '**a** __b__ ~~c~~ $d$' },
    { reason: 'entities', evil: '&lt;b&gt; &#64;everyone' },
    { reason: 'hidden characters', evil: '\u202e@a\u200b\u0000 ' },
    { reason: 'signs only', evil: '... -- !' },
    { reason: 'nothing', evil: '' },
  ])('keeps $reason in a value from doing anything', ({ evil }) => {
    const fields = makeFields({ target_url: evil, subscribed_events: [evil], phone_numbers: [evil] });
    const update = makeUpdate({ changes: [makeChange({ before: [evil], after: [`${evil}2`] })] });
    const plan = makePlan({
      operations: [
        makeCreate({ name: evil, fields }),
        update,
        makeRename({ from: evil }),
        makeCollect({ target_url: evil }),
      ],
      held: [
        makeHeld({ name: evil, reason: evil, letThrough: `--allow ${evil}` }),
        makeHeld({ letThrough: evil }),
      ],
      foreign: [makeForeign({ id: evil, target_url: evil })],
      warnings: [evil],
      summary: { inactive: [evil] },
    });
    const report = makeReport([makeItem(update, { status: 'failed', error: evil, hint: evil })]);

    for (const markdown of [
      renderMarkdown(plan, null, { ...options, locate: () => evil }),
      renderMarkdown(plan, report, { ...options, locate: () => evil }),
    ]) {
      const active = withoutCode(markdown)
        .replace('<!-- linq-gitops -->\n### ', '')
        .replace('#### Held', '')
        .replace(/<br>|<\/?details>|<\/?summary>/g, '');
      expect(active).not.toMatch(/[@#<>&`[\]*_~\\$]|GH-|[0-9a-f]{7}|:\/\/|www\./);
      const table = active.split('\n').filter((line) => line.startsWith('|'));
      const columns = table.map((line) => line.split('|').length - 2);
      const operations = markdown.includes('applied') ? 6 : 5;
      expect(columns).toEqual([...Array<number>(6).fill(operations), ...Array<number>(4).fill(6)]);
      expect(markdown).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
    }
  });

  it('stays under the limit of a comment with 10,000 operations, and says what it left out', () => {
    const operations = Array.from({ length: 10_000 }, (_, index) => makeCreate({ name: `entry-${index}` }));
    const held = Array.from({ length: 500 }, (_, index) => makeHeld({ name: `held-${index}` }));
    const foreign = Array.from({ length: 500 }, (_, index) => makeForeign({ id: `foreign-${index}` }));
    const warnings = Array.from({ length: 500 }, (_, index) => `warning ${index} ${'word '.repeat(300)}`);
    const markdown = renderMarkdown(makePlan({ operations, held, foreign, warnings }), null, options);

    expect(Buffer.byteLength(markdown)).toBeLessThan(65_536);
    expect(Buffer.byteLength(markdown)).toBeGreaterThan(60_000);
    const rows = markdown.match(/^\| `\+`/gm)?.length ?? 0;
    expect(rows).toBeGreaterThan(50);
    expect(markdown).toContain(
      `\n\n**${10_000 - rows} more operations left out**, since a comment has a limit; the JSON plan has them all.\n`,
    );
    expect(markdown).toMatch(/\*\*\d+ more held left out\*\*/);
    expect(markdown).toMatch(/\*\*\d+ more foreign left out\*\*[^\n]*\n\n<\/details>/);
    expect(markdown).toMatch(/\*\*\d+ more warnings left out\*\*/);
    expect(markdown).toMatch(/\n4 reads, 0 writes\n$/);
  });

  it('stays under the limit whatever the values are', () => {
    const evil = '\u{e0041}'.repeat(5_000);
    const operations = [
      makeCreate({
        name: 'first',
        fields: makeFields({ subscribed_events: Array<string>(100).fill(evil) }),
      }),
      makeCreate({ name: 'second' }),
    ];
    const held = [makeHeld({ reason: evil, letThrough: evil })];
    const plan = makePlan({ operations, held, warnings: [evil], summary: { inactive: [evil] } });
    const markdown = renderMarkdown(plan, null, options);

    expect(Buffer.byteLength(markdown)).toBeLessThan(65_536);
    expect(markdown).not.toContain('`first`');
    expect(markdown).toContain('`second`');
    expect(markdown).toContain('**1 more operation left out**');
  });

  it('cuts long lists and long values', () => {
    const events = Array.from({ length: 25 }, (_, index) => `e.${index}`);
    const url = `https://a.example/${'x'.repeat(400)}`;
    const fields = makeFields({ subscribed_events: events, target_url: url });
    const markdown = renderMarkdown(makePlan({ operations: [makeCreate({ fields })] }), null, options);

    expect(markdown).toContain('`e.19`, and 5 more<br>');
    expect(markdown).toContain(`\`${url.slice(0, 300)}…\``);
  });
});
