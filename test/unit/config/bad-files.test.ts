import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ConfigError, type Problem } from '../../../src/domain/errors.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { parseSubscriptions } from '../../../src/config/parse-subscriptions.ts';
import { renderProblems } from '../../../src/config/render-problems.ts';

const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url));

/** What a person reads for a bad file stands beside it; UPDATE_FIXTURES=1 writes it anew, to be read again. */
function expectRendered(folder: string, fault: string, problems: readonly Problem[]): void {
  const rendered = renderProblems(problems);
  const expectedFile = join(folder, `${fault}.expected.txt`);
  if (process.env['UPDATE_FIXTURES'] === '1') writeFileSync(expectedFile, rendered);
  expect(problems.length).toBeGreaterThan(0);
  expect(rendered).toBe(readFileSync(expectedFile, 'utf8'));
}

function faultsIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length));
}

describe('a bad subscriptions file', () => {
  const folder = join(fixtures, 'subscriptions/bad');
  const faults = faultsIn(folder);

  it('is shown in at least 60 ways', () => {
    expect(faults.length).toBeGreaterThanOrEqual(60);
  });

  it.each(faults)('is refused with every problem in words: %s', (fault) => {
    const bytes = readFileSync(join(folder, `${fault}.yaml`));
    const { declared, problems } = parseSubscriptions(bytes, `${fault}.yaml`);
    expect(declared).toBeNull();
    expectRendered(folder, fault, problems);
  });

  // Too large to be committed: the text is made here.
  it.each([
    {
      fault: '10 MB of entries',
      text: `version: 1\nsubscriptions:\n${'  entry: {}\n'.repeat(850_000)}`,
      expected: 'x.yaml: cannot be read: it is larger than 8 MiB\n',
    },
    {
      fault: 'brackets without end',
      text: `version: 1\nsubscriptions: ${'['.repeat(150_000)}`,
      expected: /values are nested more than 32 levels deep/,
    },
    {
      fault: 'nested block lists',
      text: `version: 1\nsubscriptions:\n  ${'- '.repeat(150_000)}`,
      expected: /values are nested more than 32 levels deep/,
    },
    {
      fault: 'documents that nothing separates',
      text: '{}'.repeat(500_000),
      expected: /^x\.yaml:1:3: this is not valid YAML: unexpected flow-map-start/,
    },
    {
      fault: 'more errors than a call has arguments',
      text: '"\n'.repeat(500_000),
      expected: /^x\.yaml:\d+:\d+: this is not valid YAML: unexpected double-quoted-scalar/,
    },
    { fault: 'directives only', text: '%\n'.repeat(200_000), expected: /^x\.yaml:1:1: `%` cannot be used/ },
    {
      fault: 'more repetitions than a call has arguments',
      text: `version: 1\nsubscriptions:\n  a:\n    target_url: https://a.example/\n    subscribed_events:\n${'    - a.e\n'.repeat(200_000)}`,
      expected: /^x\.yaml:7:7: "a\.e" stands twice in `subscribed_events`\n/,
    },
    {
      fault: 'maps in one line, more than the stack bears',
      text: 'a: '.repeat(20_000),
      expected: /^x\.yaml:1:\d+: values are nested more than 32 levels deep/,
    },
    {
      fault: 'a list of 50,000 events, the first of them twice',
      text: `version: 1\nsubscriptions:\n  a:\n    target_url: https://a.example/\n    subscribed_events:\n${Array.from({ length: 50_000 }, (_, index) => `    - a.e${index}\n`).join('')}    - a.e0\n`,
      expected: /^x\.yaml:50006:7: "a\.e0" stands twice in `subscribed_events`\n/,
    },
    {
      fault: 'a million aliases',
      text: `version: 1\ndefaults:\n  subscribed_events: [&e a.e${', *e'.repeat(1_000_000)}]`,
      expected: /^x\.yaml:3:\d+: there are more than 1000 aliases in this file/,
    },
    {
      fault: 'more parts than memory allows',
      text: '- \n'.repeat(1_100_000),
      expected: 'x.yaml: the file has too many parts to be read\n',
    },
  ])('is refused without using up the machine: $fault', ({ text, expected }) => {
    const { declared, problems } = parseSubscriptions(text, 'x.yaml');
    expect(declared).toBeNull();
    if (typeof expected === 'string') expect(renderProblems(problems)).toBe(expected);
    else expect(renderProblems(problems)).toMatch(expected);
  });
});

describe('what is no YAML (I5)', () => {
  const secret = 'whsec_QSBzZWNyZXQgdGhhdCBub2JvZHkgbWF5IHJlYWQuLi4=';
  it.each([
    { fault: 'text after the end', text: `e: "a"{"",\n ${secret}` },
    { fault: 'text after the end, that looks like nothing', text: 'e: "a"{"",\n hunter2-hunter2' },
    { fault: 'a tag', text: `e: !${secret} a` },
    { fault: 'a directive', text: `%${secret}\n---\ne: a` },
    { fault: 'an alias', text: `e: *${secret}` },
    { fault: 'a header of a block', text: `e: |${secret}\n  a` },
  ])('is said without the secret in it: $fault', ({ text }) => {
    const { problems } = parseSubscriptions(text, 'x.yaml');
    expect(problems.length).toBeGreaterThan(0);
    expect(renderProblems(problems)).not.toContain(secret.slice(0, 12));
    expect(problems.map(({ message }) => message).join('\n')).not.toContain('hunter2');
  });
});

describe('a bad settings file', () => {
  const folder = join(fixtures, 'settings/bad');
  const faults = faultsIn(folder);

  it('is shown in at least 70 ways', () => {
    expect(faults.length).toBeGreaterThanOrEqual(70);
  });

  it.each(faults)('is refused with every problem in words: %s', async (fault) => {
    const loading = loadSettings({ file: `${fault}.yaml`, cwd: folder, env: {}, flags: {} });
    const error = await loading.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ConfigError);
    if (error instanceof ConfigError) expectRendered(folder, fault, error.problems);
  });
});
