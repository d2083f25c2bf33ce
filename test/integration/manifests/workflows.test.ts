import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { startEmulator } from '../../../src/emulator/emulator.ts';
import { startFakeVault, type FakeVault } from '../../support/fake-vault/fake-vault.ts';
import { listFiles, ROOT, readText } from '../../support/manifests/example-files.ts';
import {
  actionsOf,
  readWorkflow,
  stepOf,
  workflowProblems,
  type Workflow,
  type WorkflowName,
} from '../../support/manifests/workflow-rules.ts';
import { programCommands } from '../../support/program-commands.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const NAMES: readonly WorkflowName[] = ['with-daemon', 'without-daemon'];

describe.each(NAMES)('the workflow %s', (name) => {
  const workflow = readWorkflow(name);

  it('is safe by every rule', () => {
    expect(workflowProblems(workflow)).toEqual([]);
  });

  it('pins every action by the commit that our own workflows have, with its version', () => {
    const own = new Set(listFiles('.github/workflows').flatMap((path) => actionsOf(readText(path))));
    const actions = actionsOf(readText(`config.example/github/${name}.yml`));
    expect(actions.length).toBeGreaterThan(5);
    expect(actions.filter((action) => !own.has(action))).toEqual([]);
  });

  it('has scripts that bash can read', async () => {
    const scripts = Object.values(workflow.jobs).flatMap(({ steps }) =>
      steps.flatMap(({ run }) => run ?? []),
    );
    expect(scripts.length).toBeGreaterThan(5);
    for (const script of scripts) await promisify(execFile)('bash', ['-n', '-c', script]);
  });

  it('calls commands with options that they have', () => {
    const calls = Object.values(workflow.jobs).flatMap(({ steps }) =>
      steps.flatMap(({ run = '' }) => [...run.matchAll(/linq-gitops ([a-z]+)((?: [^>|\\\n]+)?)/g)]),
    );
    expect(calls.length).toBe(name === 'with-daemon' ? 2 : 3);
    for (const [, command, rest = ''] of calls) {
      const options = programCommands()
        .find((one) => one.name() === command)
        ?.options.map(({ long }) => long);
      expect(options, command).toEqual(expect.arrayContaining(rest.match(/--[a-z-]+/g) ?? []));
    }
  });

  it('gives the program settings that it takes, with the credential and its address from the environment', async () => {
    for (const job of name === 'with-daemon' ? ['plan'] : ['plan', 'sync']) {
      const env = stepOf(workflow, job, job === 'plan' ? 'Plan' : 'Sync').env ?? {};
      expect(env['VAULT_ADDR']).toBe('${{ vars.VAULT_ADDR }}');
      const { settings } = await loadSettings({
        file: join(ROOT, 'config.example/github/linq-gitops.yaml'),
        cwd: ROOT,
        env: {
          ...env,
          LINQ_API_V3_API_KEY: 'key',
          VAULT_ADDR: 'https://vault.example.com:8200',
          LINQ_GITOPS_SECRETS_VAULT_AUTH_TOKEN_FILE: '/tmp/vault-jwt',
        },
        flags: {},
      });
      expect(settings.secrets).toMatchObject({
        vault: { auth: { method: 'jwt', role: `linq-gitops-${job}`, token_file: '/tmp/vault-jwt' } },
      });
      // The file that the step before has written.
      const token = stepOf(workflow, job, 'A token with which to log in to Vault').env?.['TOKEN_FILE'];
      expect(env['LINQ_GITOPS_SECRETS_VAULT_AUTH_TOKEN_FILE']).toBe(token);
    }
  });
});

it('beside a daemon, nothing happens on a merge', () => {
  const { on, jobs } = readWorkflow('with-daemon');
  expect(Object.keys(on)).toEqual(['pull_request']);
  expect(Object.keys(jobs)).toEqual(['validate', 'plan']);
});

it('without a daemon, what is merged is applied, one run at a time', () => {
  const { on, jobs } = readWorkflow('without-daemon');
  expect(on['push']).toMatchObject({ branches: ['main'] });
  expect(jobs['sync']?.concurrency).toEqual({ group: 'linq-gitops-sync', 'cancel-in-progress': false });
});

it('checks pull requests alike in both', () => {
  const [one, other] = NAMES.map(readWorkflow);
  expect(other?.jobs['plan']).toEqual(one?.jobs['plan']);
  expect(other?.jobs['validate']?.steps).toEqual(one?.jobs['validate']?.steps);
});

const MUTATIONS: readonly (readonly [string, (workflow: Workflow) => unknown, string])[] = [
  ['pull_request_target', (w) => (w.on['pull_request_target'] = {}), 'pull_request_target'],
  ['no permissions of the workflow', (w) => delete w.permissions, 'permissions of the workflow'],
  ['no permissions of a job', (w) => delete w.jobs['plan']?.permissions, 'plan: no permissions'],
  [
    'a job that may push',
    (w) => Object.assign(w.jobs['sync']?.permissions ?? {}, { contents: 'write' }),
    'sync: may write contents',
  ],
  ['a fork with secrets', (w) => delete w.jobs['plan']?.if, 'plan: secrets for forks'],
  [
    'a sync that is cancelled',
    (w) => Object.assign(w.jobs['sync']?.concurrency ?? {}, { 'cancel-in-progress': true }),
    'sync: concurrency',
  ],
  ['syncs side by side', (w) => delete w.jobs['sync']?.concurrency, 'sync: concurrency'],
  [
    "somebody's text in a script",
    (w) =>
      Object.assign(stepOf(w, 'plan', 'Verdict'), { run: 'echo ${{ github.event.pull_request.title }}' }),
    'plan: an expression in a script: Verdict',
  ],
  [
    'an action that floats',
    (w) => w.jobs['plan']?.steps.push({ uses: 'actions/github-script@main' }),
    'plan: uses actions/github-script@main',
  ],
  [
    'an action with a tag, which can be moved',
    (w) =>
      w.jobs['plan']?.steps.push({ uses: 'actions/checkout@v5', with: { 'persist-credentials': false } }),
    'plan: uses actions/checkout@v5',
  ],
  [
    'a token that is left behind',
    (w) => delete w.jobs['plan']?.steps[0]?.with?.['persist-credentials'],
    'plan: persist-credentials',
  ],
  [
    'settings of the pull request',
    (w) => delete w.jobs['plan']?.steps[0]?.with?.['ref'],
    'plan: settings of the pull request',
  ],
  [
    'all files of the pull request',
    (w) => delete w.jobs['plan']?.steps[1]?.with?.['sparse-checkout'],
    'plan: more than the file',
  ],
  [
    'a key for every step',
    (w) => Object.assign(w.jobs['sync'] ?? {}, { env: { KEY: '${{ secrets.LINQ_API_KEY }}' } }),
    'sync: a secret for every step',
  ],
  [
    'a sync of any branch',
    (w) => Object.assign(w.jobs['sync'] ?? {}, { if: "github.event_name != 'pull_request'" }),
    'sync: not only main',
  ],
  ['secrets without an environment', (w) => delete w.jobs['sync']?.environment, 'sync: no environment'],
];

it.each(MUTATIONS)('notices %s', (_title, mutate, says) => {
  const workflow = readWorkflow('without-daemon');
  mutate(workflow);
  expect(workflowProblems(workflow)).toContain(says);
});

/** The program, built here, in place of the one that npx would find. */
const NPX = `#!/bin/sh
test "$1 $2" = '--no-install linq-gitops' || exit 99
shift 2
exec '${process.execPath}' '${join(ROOT, 'dist/cli/main.js')}' "$@"
`;
/** A `gh` that writes down how it was called, and knows the comments in $COMMENTS. */
const GH = `#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in *--paginate*) cat "$COMMENTS" ;; esac
`;

/** Runs a script of a workflow as the runner does, in a folder of its own. */
async function runStep(job: string, name: string, folder: string, env: Readonly<Record<string, string>>) {
  const { run = '', env: own = {} } = stepOf(readWorkflow('without-daemon'), job, name);
  const plain = Object.entries(own).filter(([, value]) => !value.includes('${{'));
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin', 'gh'), GH, { mode: 0o755 });
  await writeFile(join(folder, 'bin', 'npx'), NPX, { mode: 0o755 });
  const path = `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`;
  const all = { CI: 'true', ...Object.fromEntries(plain), ...env, PATH: path };
  return promisify(execFile)('bash', ['-e', '-c', run], { cwd: folder, env: all }).then(
    () => 0,
    (error: unknown) => (error as { code: number }).code,
  );
}

describe('the comment', () => {
  async function comment(existing: string, plan: string): Promise<string> {
    const folder = await makeTempDir();
    await writeFile(join(folder, 'comments'), existing);
    await writeFile(join(folder, 'plan.md'), plan);
    await writeFile(join(folder, 'calls'), '');
    const env = {
      CALLS: join(folder, 'calls'),
      COMMENTS: join(folder, 'comments'),
      GITHUB_REPOSITORY: 'team/linq',
      PULL: '7',
      PLAN_FILE: 'plan.md',
    };
    expect(await runStep('plan', 'Comment', folder, env)).toBe(0);
    return readFile(join(folder, 'calls'), 'utf8');
  }

  it('is made where there is none', async () => {
    expect((await comment('', '<!-- linq-gitops -->')).split('\n').slice(-2)[0]).toBe(
      'api --silent --method POST repos/team/linq/issues/7/comments --field body=@plan.md',
    );
  });

  it('is edited where there is one, the first of several', async () => {
    const calls = await comment('41\n42\n', '<!-- linq-gitops -->');
    expect(calls.split('\n').slice(-2)[0]).toBe(
      'api --silent --method PATCH repos/team/linq/issues/comments/41 --field body=@plan.md',
    );
    expect(calls).not.toContain('POST');
  });

  it('is found by the mark that the program writes, among our own', async () => {
    const source = await readFile(join(ROOT, 'src/plan/render-markdown.ts'), 'utf8');
    expect(source).toContain("'<!-- linq-gitops -->'");
    const calls = await comment('', 'plan');
    expect(calls).toContain('.user.login == "github-actions[bot]"');
    expect(calls).toContain('startswith("<!-- linq-gitops -->")');
  });

  it('is left as it is where there is no plan', async () => {
    expect(await comment('41\n', '')).toBe('');
  });
});

it.each([
  [0, 0],
  [2, 0],
  [3, 3],
  [1, 1],
  [78, 78],
])('a plan that ends with %i has the verdict %i', async (code, verdict) => {
  expect(await runStep('plan', 'Verdict', await makeTempDir(), { CODE: String(code) })).toBe(verdict);
});

it('a proposed file that is a link, or none, is refused', async () => {
  const folder = await makeTempDir();
  await mkdir(join(folder, 'proposed'));
  const run = () => runStep('validate', 'The file is a file', folder, {});
  expect(await run()).not.toBe(0);
  await symlink('/etc/passwd', join(folder, 'proposed/subscriptions.yaml'));
  expect(await run()).not.toBe(0);
  const other = await makeTempDir();
  await mkdir(join(other, 'proposed'));
  await writeFile(join(other, 'proposed/subscriptions.yaml'), 'version: 1');
  expect(await runStep('validate', 'The file is a file', other, {})).toBe(0);
});

/** A base checkout with the example's settings, and the file of a pull request beside it. */
async function openCheckout(subscriptions: string): Promise<string> {
  const folder = await makeTempDir();
  await mkdir(join(folder, 'proposed'));
  await copyFile(join(ROOT, 'config.example/github/linq-gitops.yaml'), join(folder, 'linq-gitops.yaml'));
  await writeFile(join(folder, 'proposed/subscriptions.yaml'), subscriptions);
  return folder;
}

const EXAMPLE = `version: 1
subscriptions:
  orders:
    target_url: https://hooks.example.com/orders?version=2026-02-03
    subscribed_events: [message.received]
`;

it('a pull request is validated without Vault and without a key', async () => {
  expect(await runStep('validate', 'Validate', await openCheckout(EXAMPLE), {})).toBe(0);
  const bad = EXAMPLE.replace('target_url', 'target_uri');
  expect(await runStep('validate', 'Validate', await openCheckout(bad), {})).toBe(78);
});

/** The policy of docs/vault.md; for planning, only what reads. */
function vaultPolicy(isForReading: boolean): string {
  const [, text = ''] = /```hcl\n([^]*?)```/.exec(readText('docs/vault.md')) ?? [];
  if (!isForReading) return text;
  return text.replace(/\[[^\]]*\]/g, (list) => `[${(list.match(/"(?:read|list)"/g) ?? []).join(', ')}]`);
}

/** A Vault as the head of the workflow sets it up, for a job. */
async function openVault(job: 'plan' | 'sync', jwt: string): Promise<FakeVault> {
  const vault = await startFakeVault();
  onTestFinished(() => vault.close());
  vault.logins.mounts.set('jwt', 'jwt');
  vault.policies.put(job, vaultPolicy(job === 'plan'));
  vault.logins.role('jwt', `linq-gitops-${job}`, { policies: [job], jwts: [jwt] });
  return vault;
}

describe.each([
  ['plan', 'Plan', 'code=2\n', 0],
  ['sync', 'Sync', '', 1],
] as const)('the job %s', (job, step, output, created) => {
  it(`ends well with its role in Vault, and makes ${created} subscriptions`, async () => {
    const emulator = await startEmulator({ seed: { subscriptions: [], lines: ['+12025550101'] } });
    onTestFinished(() => emulator.close());
    const vault = await openVault(job, 'the-jwt');
    const folder = await openCheckout(EXAMPLE);
    await copyFile(join(folder, 'proposed/subscriptions.yaml'), join(folder, 'subscriptions.yaml'));
    const files = { plan: join(folder, 'plan.md'), output: join(folder, 'output'), jwt: join(folder, 'jwt') };
    for (const path of [files.plan, files.output]) await writeFile(path, '');
    await writeFile(files.jwt, 'the-jwt');
    const code = await runStep(job, step, folder, {
      LINQ_API_V3_BASE_URL: emulator.url,
      LINQ_API_V3_API_KEY: emulator.apiKey,
      VAULT_ADDR: vault.url,
      LINQ_GITOPS_SECRETS_VAULT_AUTH_TOKEN_FILE: files.jwt,
      PLAN_FILE: files.plan,
      GITHUB_OUTPUT: files.output,
      GITHUB_STEP_SUMMARY: join(folder, 'summary.md'),
    });
    expect(code).toBe(0);
    expect(await readFile(files.output, 'utf8')).toBe(output);
    const summary = await readFile(join(folder, 'summary.md'), 'utf8');
    expect(summary).toMatch(/^<!-- linq-gitops -->/);
    if (job === 'plan') expect(await readFile(files.plan, 'utf8')).toBe(summary);
    const live = emulator.subscriptions();
    expect(live).toHaveLength(created);
    for (const { signing_secret } of live) expect(summary).not.toContain(signing_secret.reveal());
    expect(emulator.requests.some(({ method }) => method !== 'GET')).toBe(created > 0);
  });
});
