// Prints a CycloneDX SBOM of what is installed in production, or fails where it is not whole: node .ci/sbom.mjs
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { productionTree } from './production-tree.mjs';

/**
 * What is wrong with an SBOM of the project with this lock file, in words.
 *
 * @param {any} sbom
 * @param {any} lock
 */
export function sbomProblems(sbom, lock) {
  const own = sbom.metadata?.component?.purl;
  const components = sbom.components ?? [];
  const listed = new Set(components.map(({ purl }) => purl));
  const wanted = new Set(productionTree(lock).map(purlOf));
  return [
    ...(sbom.bomFormat === 'CycloneDX' ? [] : ['it is not CycloneDX']),
    ...(/^1\.[4-9]$/.test(sbom.specVersion) ? [] : [`its version is ${sbom.specVersion}`]),
    ...(own === purlOf(lock) ? [] : [`it is of ${own}`]),
    ...[...wanted].filter((purl) => !listed.has(purl)).map((purl) => `${purl} is missing`),
    ...[...listed].filter((purl) => !wanted.has(purl)).map((purl) => `${purl} is not in production`),
    ...components.flatMap(componentProblems),
  ];
}

function componentProblems({ name, licenses = [], hashes = [] }) {
  const isLicensed = licenses.some(({ license, expression }) => expression ?? license?.id ?? license?.name);
  return [
    ...(isLicensed ? [] : [`${name} has no licence`]),
    ...(hashes.some(({ alg }) => alg === 'SHA-512') ? [] : [`${name} has no hash`]),
  ];
}

function purlOf({ name, version }) {
  return `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;
}

/**
 * The SBOM that npm makes of the project in a folder. Not with its `--omit dev`, which also leaves out what production
 * shares with development: npm is shown a project that has no development.
 *
 * @param {string} folder
 */
export function makeSbom(folder) {
  const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const manifest = { ...read('package.json'), devDependencies: {} };
  const lock = read('package-lock.json');
  const root = { ...lock.packages[''], devDependencies: {} };
  const tree = productionTree(lock).map(({ path }) => [path, lock.packages[path]]);
  const parent = mkdtempSync(join(tmpdir(), 'sbom-'));
  try {
    // npm names the component after the folder.
    const copy = join(parent, manifest.name);
    mkdirSync(copy);
    writeFileSync(join(copy, 'package.json'), JSON.stringify(manifest));
    const packages = Object.fromEntries([['', root], ...tree]);
    writeFileSync(join(copy, 'package-lock.json'), JSON.stringify({ ...lock, packages }));
    const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
    const { status, stdout, stderr } = spawnSync('npm', args, { cwd: copy, encoding: 'utf8' });
    if (status !== 0) throw new Error(`npm sbom ended with ${status}: ${stderr}`);
    return { sbom: JSON.parse(stdout), lock };
  } finally {
    rmSync(parent, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { sbom, lock } = makeSbom('.');
  const problems = sbomProblems(sbom, lock);
  for (const problem of problems) console.error(`the SBOM is wrong: ${problem}`);
  if (problems.length === 0) console.log(JSON.stringify(sbom, null, 2));
  process.exitCode = problems.length === 0 ? 0 : 1;
}
