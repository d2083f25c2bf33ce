import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { checkPromises } from '../../support/account-checks.ts';
import { LINES, openStage, putFile, truthOf, type Stage } from '../../support/stage.ts';

/*
 * The way from an account of hand-made subscriptions to an empty plan, as a person goes it who knows nothing but what
 * the program prints: commands are taken out of its output and given to a shell as they are, with FILE, DIR and ID
 * filled in by what the person has at hand.
 */

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const OVERLAP_MS = 11 * 60_000;
const MOST_STEPS = 20;

/** Names that import gives; of the first three somebody kept the secrets. */
const KEPT = ['kept-by-a-colleague', 'kept-in-a-note', 'kept-in-a-vault'];
const LOST = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((letter) => `lost-with-a-laptop-${letter}`);
/** Two subscriptions have its URL, as in old accounts; the secret of one is known. */
const TWICE = 'made-twice';

interface Output {
  readonly code: number;
  readonly text: string;
}

/** A person at a shell. */
interface Person {
  readonly stage: Stage;
  /** Gives a line to the shell, in the folder. */
  readonly type: (line: string) => Promise<Output>;
}

async function sitDown(stage: Stage): Promise<Person> {
  const bin = join(stage.folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'linq-gitops'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(join(bin, 'linq-gitops'), 0o755);
  const env = {
    ...stage.env,
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
  };
  return {
    stage,
    type: (line) =>
      new Promise((resolve, reject) => {
        execFile('sh', ['-c', line], { cwd: stage.folder, env }, (error, stdout, stderr) => {
          const code = error === null ? 0 : error.code;
          if (typeof code === 'number') resolve({ code, text: `${stdout}${stderr}` });
          else reject(error ?? new Error(line));
        });
      }),
  };
}

/** The commands in an output: after a colon, or on lines of their own, with the lines that they go on in. */
function commandsIn(text: string): readonly string[] {
  return [...text.matchAll(/(?<=^(?:# | {2}| {4})|: )linq-gitops (?:.*\\\n)*.*$/gm)].map(([line]) => line);
}

/** Commands that differ in names and ids only are the same to a reader. */
function shapeOf(command: string): string {
  return command
    .replaceAll(/\\\n/g, '')
    .replaceAll(/(?:kept|lost|made)-[a-z-]+/g, 'NAME')
    .replaceAll(/(NAME\s+)+(?=NAME)/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

async function openAccount(): Promise<Stage> {
  const at = (name: string) => ({
    target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
    subscribed_events: ['message.received', 'message.failed'],
    phone_numbers: [LINES[0]],
  });
  const subscriptions = [
    { target_url: 'https://webhook.linqapp.com/welcome', subscribed_events: ['chat.created'] },
    ...[...KEPT, ...LOST, TWICE, TWICE].map(at),
  ];
  return openStage({ seed: { subscriptions, lines: [...LINES] }, switches: { allowDuplicates: true } });
}

/** What the person has: a folder with the secrets of some, and one more. Returns the id that that one belongs to. */
async function rememberSecrets(stage: Stage): Promise<string> {
  const account = truthOf(stage.emulator);
  const of = (name: string) => account.filter(({ target_url }) => target_url.includes(`/${name}?`));
  for (const name of KEPT) await putFile(stage, `given/${name}`, of(name)[0]?.signing_secret ?? '');
  await putFile(stage, 'one-more', of(TWICE)[1]?.signing_secret ?? '');
  return of(TWICE)[1]?.id ?? '';
}

/** Nothing is left to do, nor to wait for. */
function isReached({ text }: Output): boolean {
  return text.includes('No changes. The account matches the file.');
}

/** How the person goes about what is printed: what costs least first. Undefined where it is of no use now. */
function choose(
  printed: readonly string[],
  typed: ReadonlySet<string>,
  twice: string,
): { readonly command: string; readonly line: string } | undefined {
  const find = (pattern: RegExp) => printed.find((command) => pattern.test(command) && !typed.has(command));
  const [byFile, byId, byFolder] = [
    find(new RegExp(`^linq-gitops adopt ${KEPT[0] ?? ''} --secret-file FILE$`)),
    find(/--id ID --secret-file FILE$/),
    find(/--secret-dir DIR$/),
  ];
  if (byFile !== undefined)
    return { command: byFile, line: byFile.replace('FILE', `given/${KEPT[0] ?? ''}`) };
  if (byId !== undefined)
    return { command: byId, line: byId.replace('ID', twice).replace('FILE', 'one-more') };
  if (byFolder !== undefined) return { command: byFolder, line: byFolder.replace('DIR', 'given') };
  const rest =
    find(/sync --wait$/) ?? find(/--replace/) ?? printed.find((one) => / sync --dry-run$/.test(one));
  return rest === undefined ? undefined : { command: rest, line: rest };
}

test(
  'from an account made by hand to an empty plan, by the commands that the program prints',
  { timeout: 240_000 },
  async () => {
    const person = await sitDown(await openAccount());
    const { stage, type } = person;
    const twice = await rememberSecrets(stage);
    let last = await type('linq-gitops import > subscriptions.yaml');
    expect(last.code, last.text).toBe(0);

    const typed = new Set<string>();
    const shapes = { printed: new Set<string>(), typed: new Set<string>() };
    let goal = await type('linq-gitops sync --dry-run --detailed-exitcode');
    for (let step = 1; !isReached(goal); step += 1) {
      expect(step, `it goes on and on:\n${goal.text}`).toBeLessThan(MOST_STEPS);
      const printed = commandsIn(last.text);
      for (const command of printed) shapes.printed.add(shapeOf(command));
      const chosen = choose(printed, typed, twice);
      expect(chosen, `nothing is printed that helps:\n${last.text}`).toBeDefined();
      if (chosen === undefined) return;
      typed.add(chosen.command);
      shapes.typed.add(shapeOf(chosen.command));
      if (chosen.line.endsWith('--wait')) {
        stage.emulator.shiftClock(step * OVERLAP_MS);
        typed.delete(chosen.command);
      }
      last = await type(chosen.line);
      expect([0, 3], `${chosen.line}\n${last.text}`).toContain(last.code);
      expect(last.text, chosen.line).not.toMatch(/^error: |refused/m);
      goal = await type('linq-gitops sync --dry-run --detailed-exitcode');
    }
    expect(goal.code).toBe(0);
    expect(
      [...shapes.printed].filter((shape) => !shapes.typed.has(shape)),
      'all were tried',
    ).toEqual([]);
    expect([...shapes.typed].sort()).toEqual([
      'linq-gitops adopt --replace NAME',
      'linq-gitops adopt --secret-dir DIR',
      'linq-gitops adopt NAME --id ID --secret-file FILE',
      'linq-gitops adopt NAME --secret-file FILE',
      'linq-gitops sync --dry-run',
      'linq-gitops sync --wait',
    ]);
    const left = truthOf(stage.emulator).filter(({ id, target_url }) => {
      return target_url.includes('linqapp') || (target_url.includes(TWICE) && id !== twice);
    });
    expect(left).toHaveLength(2);
    stage.emulator.shiftClock(0);
    await checkPromises({ ...stage, foreign: left });
  },
);
