import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { verdictOf } from '../../.ci/audit.mjs';
import { isAllowed, licenceProblems } from '../../.ci/licences.mjs';
import { productionTree } from '../../.ci/production-tree.mjs';
import { makeSbom, sbomProblems } from '../../.ci/sbom.mjs';
import { ROOT, readText } from '../support/manifests/example-files.ts';
import { makeTempDir } from '../support/temp-dir.ts';

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}
interface Lock {
  readonly name: string;
  readonly version: string;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}
const lock = JSON.parse(readText('package-lock.json')) as Lock;

describe('what is installed', () => {
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');

  it('has a hash in the lock file, every package of it, and comes from the registry only', () => {
    for (const [path, { integrity, resolved = 'https:' }] of packages) {
      expect(integrity, path).toMatch(/^sha512-[\w+/]{86}==$/);
      expect(resolved, path).toMatch(/^https:/);
    }
  });

  it('runs no script while it is installed in production', () => {
    expect(productionTree(lock).filter(({ hasInstallScript }) => hasInstallScript)).toEqual([]);
  });

  it('is of the versions that are written down, and no range', () => {
    const manifest = JSON.parse(readText('package.json')) as Record<string, Record<string, string>>;
    const versions = ['dependencies', 'devDependencies', 'overrides'].flatMap((key) =>
      Object.values(manifest[key] ?? {}),
    );
    expect(versions.length).toBeGreaterThan(15);
    for (const version of versions) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe('the SBOM', () => {
  interface Sbom {
    bomFormat: string;
    specVersion: string;
    metadata: { component: { name: string; purl: string } };
    components: { name: string; purl: string; licenses?: unknown[]; hashes?: unknown[] }[];
  }
  let sbom: Sbom;
  beforeAll(() => {
    ({ sbom } = makeSbom(ROOT) as { sbom: Sbom });
  });

  it('has every package of production with licence and hash, and none of development', () => {
    expect(sbomProblems(sbom, lock)).toEqual([]);
    const names = sbom.components.map(({ name }) => name);
    // Shared with development: npm's own `--omit dev` leaves these out.
    expect(names).toEqual(expect.arrayContaining(['yaml', 'picocolors', 'undici']));
    expect(names).not.toContain('vitest');
    expect(sbom.metadata.component).toMatchObject({ name: 'linq-gitops' });
  });

  it.each<[string, (sbom: Sbom) => unknown, string]>([
    ['another format', (s) => (s.bomFormat = 'SPDX'), 'it is not CycloneDX'],
    ['an old version of the format', (s) => (s.specVersion = '1.2'), 'its version is 1.2'],
    ['another project', (s) => (s.metadata.component.purl = 'pkg:npm/x@1.0.0'), 'it is of pkg:npm/x@1.0.0'],
    ['a package too few', (s) => s.components.shift(), 'pkg:npm/%40opentelemetry/api@1.10.0 is missing'],
    [
      'a package too many',
      (s) => s.components.push({ ...s.components[0]!, purl: 'pkg:npm/x@1.0.0' }),
      'pkg:npm/x@1.0.0 is not in production',
    ],
    ['no licence', (s) => delete s.components[0]?.licenses, '@opentelemetry/api has no licence'],
    ['no hash', (s) => delete s.components[0]?.hashes, '@opentelemetry/api has no hash'],
  ])('is refused with %s', (_title, mutate, says) => {
    const other = structuredClone(sbom);
    mutate(other);
    expect(sbomProblems(other, lock)).toContain(says);
  });
});

describe('licences', () => {
  it('of the production tree are all on the list', () => {
    expect(licenceProblems(ROOT)).toEqual([]);
  });

  it.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0-only)', true],
    ['(BSD-2-Clause OR (MIT AND Apache-2.0))', true],
    ['MIT AND GPL-3.0-only OR ISC', true],
    ['GPL-3.0-only', false],
    ['MIT AND GPL-3.0-only', false],
    ['(MIT OR ISC) AND AGPL-3.0-or-later', false],
    ['UNLICENSED', false],
    ['SEE LICENSE IN LICENSE.txt', false],
    ['mit', false],
    ['', false],
    [undefined, false],
  ])('%j is allowed: %s', (expression, allowed) => {
    expect(isAllowed(expression)).toBe(allowed);
  });

  it.each([
    ['a wrong one', { license: 'GPL-3.0-only' }, ['left 1.0.0: GPL-3.0-only']],
    ['a wrong one in the old form', { license: { type: 'GPL-2.0' } }, ['left 1.0.0: GPL-2.0']],
    ['several in the old form', { licenses: [{ type: 'GPL-2.0' }, { type: 'MIT' }] }, []],
    ['none', {}, ['left 1.0.0: undefined']],
  ])('a package with %s is told', async (_title, licence, problems) => {
    const folder = await makeTempDir();
    const packages = {
      '': {},
      'node_modules/left': { version: '1.0.0' },
      'node_modules/tool': { version: '1.0.0', dev: true },
    };
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
    for (const [name, rest] of [['left', licence] as const, ['tool', { license: 'GPL-3.0-only' }] as const]) {
      await mkdir(join(folder, 'node_modules', name), { recursive: true });
      const manifest = { name, version: '1.0.0', ...rest };
      await writeFile(join(folder, 'node_modules', name, 'package.json'), JSON.stringify(manifest));
    }
    expect(licenceProblems(folder)).toEqual(problems);
  });

  it('a package that is not there is told', async () => {
    const folder = await makeTempDir();
    const packages = { '': {}, 'node_modules/left': { version: '1.0.0' } };
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
    expect(licenceProblems(folder)).toEqual(['left is not installed']);
  });
});

describe('known vulnerabilities', () => {
  const report = (severity: string) =>
    JSON.stringify({ vulnerabilities: { left: { name: 'left', severity, range: '<1.0.1' } } });

  it.each(['high', 'critical'])('that are %s are red', (severity) => {
    expect(verdictOf(report(severity))).toEqual({ kind: 'found', lines: [`left <1.0.1: ${severity}`] });
  });

  it.each([report('moderate'), report('low'), JSON.stringify({ vulnerabilities: {} })])(
    'are not in %s',
    (text) => {
      expect(verdictOf(text)).toEqual({ kind: 'clean' });
    },
  );

  it.each([
    [
      '{"message":"405 Method Not Allowed - POST https://mirror.example/-/npm","statusCode":405}',
      '405 Method Not Allowed',
    ],
    ['{"error":{"code":"ENOTFOUND","summary":"no such host"}}', 'no such host'],
    ['', 'npm gave no report'],
    ['null', 'npm gave no report'],
  ])('are not known where the registry cannot be asked: %s', (text, reason) => {
    expect(verdictOf(text)).toEqual({ kind: 'unknown', reason });
  });

  it.each([
    {
      printed: report('critical'),
      required: '',
      code: 1,
      says: 'known vulnerability: left <1.0.1: critical',
    },
    { printed: '{"statusCode":405}', required: '', code: 0, says: 'NOT CHECKED for known vulnerabilities' },
    { printed: '{"statusCode":405}', required: '1', code: 1, says: 'NOT CHECKED for known vulnerabilities' },
    { printed: '{"vulnerabilities":{}}', required: '1', code: 0, says: 'no package of the production tree' },
  ])('end the check with $code where npm prints $printed, required: "$required"', async (scenario) => {
    const folder = await makeTempDir();
    const npm = `#!/bin/sh\ncat <<'END'\n${scenario.printed}\nEND\nexit 1\n`;
    await writeFile(join(folder, 'npm'), npm, { mode: 0o755 });
    const PATH = `${folder}:${process.env['PATH'] ?? ''}`;
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, '.ci/audit.mjs')], {
      env: { PATH, REQUIRE_AUDIT: scenario.required },
      encoding: 'utf8',
    });
    expect(status).toBe(scenario.code);
    expect(stdout + stderr).toContain(scenario.says);
  });
});
