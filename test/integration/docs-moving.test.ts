import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parseSubscriptions } from '../../src/config/parse-subscriptions.ts';
import { checkForeign } from '../support/account-checks.ts';
import { LINES, openStage, truthOf, type Stage } from '../support/stage.ts';
import { fakeVaultStageSink } from '../support/stage-sinks/vault-stage-sink.ts';

const ROOT = new URL('../../', import.meta.url);
const MAIN = fileURLToPath(new URL('dist/cli/main.js', ROOT));
const page = await readFile(new URL('docs/moving.md', ROOT), 'utf8');

/** What the page has the reader do: files to write, by the name in their first line, and commands to run. */
/** A file to write, or commands to run. */
type Step = { readonly file: string; readonly text: string } | { readonly commands: readonly string[] };

const steps = [...page.matchAll(/^```(yaml|sh)\n([^]*?)^```$/gm)].map(([, language, text = '']): Step =>
  language === 'yaml'
    ? { file: /^# (\S+)\n/.exec(text)?.[1] ?? '', text }
    : { commands: text.trimEnd().split('\n') },
);

const at = (name: string) => ({
  target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});
const STRANGER = { target_url: 'https://webhook.linqapp.com/own', subscribed_events: ['message.received'] };

/** A stage as the page begins: three subscriptions that somebody made, and the secrets of two of them. */
async function openBeginning(): Promise<{ readonly stage: Stage; readonly env: NodeJS.ProcessEnv }> {
  const subscriptions = [...['orders', 'support', 'alerts'].map(at), STRANGER];
  const stage = await openStage({ seed: { subscriptions, lines: [...LINES] } });
  await mkdir(join(stage.folder, 'known'));
  await mkdir(join(stage.folder, 'bin'));
  for (const { target_url, signing_secret } of truthOf(stage.emulator)) {
    const name = /\/(orders|support)\?/.exec(target_url)?.[1];
    if (name !== undefined) await writeFile(join(stage.folder, 'known', name), signing_secret ?? '');
  }
  const program = join(stage.folder, 'bin/linq-gitops');
  await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  await chmod(program, 0o755);
  const { VAULT_ADDR, VAULT_TOKEN } = (await fakeVaultStageSink()).env;
  const env = {
    ...stage.env,
    VAULT_ADDR,
    VAULT_TOKEN,
    PATH: `${join(stage.folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    LINQ_GITOPS_REPLACE_OVERLAP: '0s',
  };
  return { stage, env };
}

function runLine(
  line: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile('sh', ['-c', line], { cwd, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, output: `${line}\n${stdout}${stderr}` });
    });
  });
}

function namesOf(stage: Stage): readonly string[] {
  return truthOf(stage.emulator)
    .flatMap(
      ({ target_url }) => /hooks\.example\.com\/(\w+)\?version=2026-02-03$/.exec(target_url)?.[1] ?? [],
    )
    .sort();
}

it('the page on moving and leaving shows files that are valid', () => {
  const files = steps.flatMap((step) => ('text' in step ? [step] : []));
  expect(files.map(({ file }) => file)).toContain('vault.yaml');
  for (const { file, text } of files) {
    expect(file).not.toBe('');
    if (file === 'subscriptions.yaml')
      expect(parseSubscriptions(text, 'docs/moving.md').problems).toEqual([]);
  }
});

it(
  'every command of the page does what the page says, from the first to the last',
  { timeout: 300_000 },
  async () => {
    const { stage, env } = await openBeginning();
    const live: string[] = [];
    for (const step of steps) {
      if (!('commands' in step)) {
        await writeFile(join(stage.folder, step.file), step.text);
        continue;
      }
      for (const line of step.commands) {
        const expected = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0);
        const { code, output } = await runLine(line, stage.folder, env);
        expect(code, output).toBe(expected);
        expect(output).not.toContain('whsec_');
        live.push(namesOf(stage).join());
      }
    }
    // Nothing but the last command takes a subscription away.
    const all = 'alerts,orders,support';
    expect(
      live.slice(0, -1).every((names) => names === all),
      live.join(' '),
    ).toBe(true);
    expect(live.at(-1)).toBe('support');
    expect(await readdir(join(stage.folder, 'released'))).toEqual(['alerts', 'purchases', 'support']);
    const ours = truthOf(stage.emulator).filter(({ target_url }) => target_url !== STRANGER.target_url);
    const stranger = stage.foreign.find(({ target_url }) => target_url === STRANGER.target_url);
    checkForeign({ ...stage, foreign: stranger ? [stranger] : [] });
    expect(ours).toHaveLength(1);
  },
);
