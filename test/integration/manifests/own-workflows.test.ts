import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { listFiles, readText, readYaml } from '../../support/manifests/example-files.ts';
import { commonProblems, parseWorkflow } from '../../support/manifests/workflow-rules.ts';

const CI = '.github/workflows/ci.yml';
const RELEASE = '.github/workflows/release.yml';
const workflows = listFiles('.github/workflows');

it('there are a gate and a release', () => {
  expect(workflows).toEqual([CI, RELEASE]);
});

it.each([...workflows, 'config.example/github/with-daemon.yml', 'config.example/github/without-daemon.yml'])(
  '%s pins its actions, may do little, and never runs a stranger’s code with our rights',
  (path) => {
    expect(commonProblems(readText(path))).toEqual([]);
  },
);

it.each(workflows)('%s has scripts that bash can read', async (path) => {
  const scripts = Object.values(parseWorkflow(readText(path)).jobs).flatMap(({ steps }) =>
    steps.flatMap(({ run }) => run ?? []),
  );
  expect(scripts.length).toBeGreaterThan(0);
  for (const script of scripts) await promisify(execFile)('bash', ['-n', '-c', script]);
});

const PIN = 'actions/checkout@93cb6efe18208431cddfb8368fd83d5badbf9bfd # v5.0.1';

it.each([
  [PIN, 'actions/checkout@v5', 'not pinned: actions/checkout@v5'],
  [PIN, 'actions/checkout@v5.0.1 # v5.0.1', 'not pinned: actions/checkout@v5.0.1 # v5.0.1'],
  [PIN, PIN.replace(' # v5.0.1', ''), `not pinned: ${PIN.replace(' # v5.0.1', '')}`],
  [PIN, PIN.replace('93cb', ''), `not pinned: ${PIN.replace('93cb', '')}`],
  ['permissions:\n  contents: read\n', '', 'no permissions of the workflow'],
  ['permissions:\n  contents: read\n', 'permissions: write-all\n', 'no permissions of the workflow'],
  ['contents: read', 'contents: write', 'every job may write contents'],
  ['pull_request:', 'pull_request_target:', 'pull_request_target'],
  ['    timeout-minutes: 90\n', '', 'gate: no timeout-minutes'],
  ['bash .ci/run', 'bash .ci/run ${{ github.head_ref }}', 'an expression in a script: The gate'],
  ['persist-credentials: false', 'fetch-depth: 0', 'persist-credentials'],
])('%j cannot become %j unnoticed', (line, other, says) => {
  const text = readText(CI);
  expect(text).toContain(line);
  expect(commonProblems(text.replace(line, other))).toContain(says);
});

describe('the release', () => {
  const { jobs } = parseWorkflow(readText(RELEASE));
  const scriptsOf = (job: string) => (jobs[job]?.steps ?? []).map(({ run = '' }) => run).join('\n');

  it('is made of what went through the gate', () => {
    expect([jobs['pack']?.needs, jobs['publish']?.needs, jobs['github']?.needs]).toEqual([
      'gate',
      'pack',
      'publish',
    ]);
  });

  it('is published with provenance by the one job that can, which runs nobody else’s code', () => {
    const able = Object.entries(jobs).filter(([, { permissions }]) => 'id-token' in (permissions ?? {}));
    expect(able.map(([name]) => name)).toEqual(['publish']);
    expect(jobs['publish']).toMatchObject({ environment: 'npm', permissions: { 'id-token': 'write' } });
    expect(scriptsOf('publish')).toMatch(/npm publish --ignore-scripts --provenance /);
    expect(scriptsOf('publish')).not.toMatch(/npm (ci|install)|npx/);
    expect((jobs['publish']?.steps ?? []).map(({ uses = '' }) => uses.split('@')[0])).not.toContain(
      'actions/checkout',
    );
  });

  it('needs no secret that lasts', () => {
    expect(readText(RELEASE)).not.toMatch(/secrets\.|NPM_TOKEN|NODE_AUTH_TOKEN/);
  });

  it('has the SBOM beside the package, and sums of both', () => {
    expect(scriptsOf('pack')).toContain('npm run --silent sbom > release/sbom.cdx.json');
    expect(scriptsOf('pack')).toContain('sha256sum');
    expect(scriptsOf('publish')).toContain('sha256sum --check');
    expect(scriptsOf('github')).toContain('release/*');
  });
});

it('known vulnerabilities must be looked up where the registry can be asked', () => {
  for (const path of workflows) {
    const gate = parseWorkflow(readText(path)).jobs['gate']?.steps.find(({ name }) => name === 'The gate');
    expect(gate?.env).toEqual({ REQUIRE_AUDIT: 1 });
    expect(gate?.run).toContain('REQUIRE_AUDIT');
  }
});

it('new versions of packages, actions and images are proposed, a week after they came out', () => {
  const [{ updates }] = readYaml('.github/dependabot.yml') as [
    { updates: { 'package-ecosystem': string; cooldown?: { 'default-days': number } }[] },
  ];
  expect(updates.map((update) => update['package-ecosystem']).sort()).toEqual([
    'docker',
    'github-actions',
    'npm',
  ]);
  for (const update of updates.filter((one) => one['package-ecosystem'] !== 'docker')) {
    expect(update.cooldown?.['default-days']).toBeGreaterThanOrEqual(7);
  }
});
