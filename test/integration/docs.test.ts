import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseSubscriptions } from '../../src/config/parse-subscriptions.ts';
import { GUARDS } from '../../src/domain/plan.ts';
import { EVENTS } from '../../src/daemon/journal.ts';
import { openMetrics } from '../../src/daemon/metrics.ts';
import { quietStatus } from '../support/daemon-status.ts';
import { programCommands } from '../support/program-commands.ts';
import { runCli } from '../support/run-cli.ts';
import { printPlan, toSvg } from '../../docs/draw-plan.mjs';
import { BORNE, BUGS } from '../simulation/bugs.ts';
import { EFFECTS } from '../support/effects.ts';

const ROOT = new URL('../../', import.meta.url);
const readme = await readFile(new URL('README.md', ROOT), 'utf8');
const invariants = await readFile(new URL('docs/invariants.md', ROOT), 'utf8');
const security = await readFile(new URL('SECURITY.md', ROOT), 'utf8');
const operations = await readFile(new URL('docs/operations.md', ROOT), 'utf8');

/** Fenced blocks of the README in one language. */
function snippets(language: string): readonly string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(
    ([, text]) => text ?? '',
  );
}

/** First cells of the rows of the table under a heading, as they stand between backticks or bars. */
function firstCells(heading: string, page = readme): readonly string[] {
  const section = page.slice(page.indexOf(`## ${heading}`)).split(/\n#+ /)[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split(/(?<!\\)\|/)[1]?.trim() ?? '');
}

describe('the README', () => {
  it('shows subscriptions files that are valid', () => {
    const files = snippets('yaml').filter((text) => text.startsWith('version: 1'));
    expect(files.length).toBeGreaterThan(0);
    for (const text of files) expect(parseSubscriptions(text, 'README.md').problems).toEqual([]);
  });

  it('explains every guard, and no other', () => {
    const named = firstCells('Guards').map((cell) => cell.replaceAll('`', ''));
    expect([...named].sort()).toEqual([...GUARDS].sort());
  });

  it('lists every command, and no other', () => {
    const listed = firstCells('Commands').flatMap((cell) =>
      [...cell.matchAll(/`([a-z][a-z-]*)/g)].map(([, name]) => name),
    );
    const known = programCommands().map((command) => command.name());
    expect([...new Set(listed)].sort()).toEqual([...known].sort());
  });

  it('names only options that exist', () => {
    const known = new Set(programCommands().flatMap(({ options }) => options.map(({ long }) => long)));
    const text = readme.slice(readme.indexOf('## Commands'), readme.indexOf('## What it will never do'));
    const named = [...text.matchAll(/--[a-z][a-z-]+/g)].map(([flag]) => flag);
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((flag) => !known.has(flag))).toEqual([]);
  });

  it('names every event of the log, and no other', () => {
    const named = firstCells('Log events').flatMap((cell) =>
      [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name),
    );
    expect([...named].sort()).toEqual([...EVENTS].sort());
  });

  it('gives the exit codes that the help gives', async () => {
    const { stdout } = await runCli(['--help'], { cwd: '.' });
    for (const cell of firstCells('Exit codes')) {
      for (const code of cell.split(', ')) expect(stdout).toMatch(new RegExp(`\\b${code}\\b`));
    }
  });

  it('shows the plan that the program prints', async () => {
    const withoutIds = (text: string) => text.replace(/\b[0-9a-f]{12}\b/g, '<id>');
    const drawn = await readFile(new URL('docs/plan.svg', ROOT), 'utf8');
    expect(withoutIds(drawn), 'draw it again with: npm run docs:plan').toBe(
      withoutIds(toSvg(await printPlan())),
    );
  });
});

describe('the page for the person on call', () => {
  it('has every event of the log, and no other', () => {
    const named = firstCells('Log events', operations).map((cell) => cell.replaceAll('`', ''));
    expect([...named].sort()).toEqual([...EVENTS].sort());
  });

  it('has every metric, and no other', async () => {
    const metrics = openMetrics({ version: '0', sink: 'file', status: () => quietStatus() });
    const { body } = await metrics.render();
    const known = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    const named = firstCells('Metrics', operations).map((cell) => cell.replaceAll('`', ''));
    expect([...named].sort()).toEqual([...known].sort());
  });

  it('has every exit code of the README', () => {
    expect(firstCells('Exit codes', operations)).toEqual(firstCells('Exit codes'));
  });
});

interface NamedTest {
  readonly number: string;
  readonly path: string;
  readonly title: string;
}

/** The numbered list of tests at the end of a page. */
function testsOf(page: string): readonly NamedTest[] {
  return [...page.matchAll(/^(\d+)\. (\S+): (`+)(.+)\3$/gm)].map(
    ([, number = '', path = '', , title = '']) => ({ number, path, title }),
  );
}

async function expectTest({ path, title }: NamedTest): Promise<void> {
  const source = await readFile(new URL(path, ROOT), 'utf8');
  expect(path).toMatch(/^test\//);
  expect(["'", '"', '`'].some((quote) => source.includes(`${quote}${title}`))).toBe(true);
}

describe('the promises', () => {
  const tests = testsOf(invariants);
  const rows = invariants
    .split('\n')
    .filter((line) => line.startsWith('| **I'))
    .map((row) => row.split('|').map((cell) => cell.trim()));

  it('are ten, each with the tests that would break', () => {
    expect(rows.map((row) => /^\*\*(I\d+) /.exec(row[1] ?? '')?.[1])).toEqual(
      Array.from({ length: 10 }, (_, index) => `I${index + 1}`),
    );
    for (const row of rows) expect(row[3], row[1]).toMatch(/^\d+(, \d+)+$/);
  });

  it('name every test of the list, and no other', () => {
    const used = rows.flatMap((row) => row[3]?.split(', ') ?? []);
    for (const [, numbers = ''] of invariants.matchAll(/\((\d+(?:, \d+)*)\)/g))
      used.push(...numbers.split(', '));
    expect(new Set(used)).toEqual(new Set(tests.map(({ number }) => number)));
  });

  it.each(tests)('name a test that exists: $number, $title', expectTest);

  it('list the bugs that were planted, and those that do no harm', () => {
    expect(pointsOf('### Noticed')).toEqual(BUGS.map(({ name }) => name));
    expect(pointsOf('### Borne')).toEqual(BORNE.map(({ name }) => name));
  });

  it('list every effect before and after which the program may be killed', () => {
    const effects = EFFECTS.map(({ operation, effects: all }) => {
      const reached = all.filter(({ never }) => never === undefined);
      return `**${operation}**: ${reached.map(({ effect }) => effect).join('; ')}`;
    });
    expect(pointsOf('## Where it may be killed')).toEqual(effects);
  });

  /** The points of the list under a heading. */
  function pointsOf(heading: string): readonly string[] {
    const [section = ''] = (invariants.split(`\n${heading}\n`)[1] ?? '').split(/\n##/);
    return section
      .split('\n- ')
      .slice(1)
      .map((point) => point.replaceAll(/\s+/g, ' ').trim());
  }
});

describe('the threat model', () => {
  const tests = testsOf(security);
  const [claims = ''] = security.split('\n## Tests\n');
  const cannots = claims
    .split('\n\n')
    .filter((block) => block.startsWith('| cannot'))
    .flatMap((table) => table.split('\n').slice(2))
    .map((row) => row.split('|').map((cell) => cell.trim()));

  it('has numbers without a gap, each of one test', () => {
    expect(tests.length).toBeGreaterThan(50);
    expect(tests.map(({ number }) => Number(number))).toEqual(tests.map((_, index) => index + 1));
    expect(new Set(tests.map(({ path, title }) => `${path}: ${title}`)).size).toBe(tests.length);
  });

  it.each(tests)('names a test that exists: $number, $title', expectTest);

  it('has for everything that somebody cannot do the tests that show it, and names none in vain', () => {
    expect(cannots.length).toBeGreaterThan(35);
    for (const row of cannots) expect(row[3], row[1]).toMatch(/^\d+(, \d+)*$/);
    const used = new Set(cannots.flatMap((row) => row[3]?.split(', ') ?? []));
    for (const [, number = ''] of claims.matchAll(/[(:] ?(\d+)\)/g)) used.add(number);
    expect([...used].sort()).toEqual(tests.map(({ number }) => number).sort());
  });
});
