// Fails where a package of the production tree has a licence that is not on the list: node .ci/licences.mjs [FOLDER]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { productionTree } from './production-tree.mjs';

/** All of them ask for no more than that their text goes along. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
]);

/**
 * Whether an SPDX expression lets us choose licences of the list only. What cannot be read is not allowed.
 *
 * @param {unknown} expression
 */
export function isAllowed(expression) {
  if (typeof expression !== 'string') return false;
  // Innermost parentheses first, each replaced by its own verdict.
  let rest = expression.trim();
  for (let before = ''; before !== rest;) {
    before = rest;
    rest = rest.replace(/\(([^()]*)\)/g, (_, inner) => (isAllowedFlat(inner) ? 'MIT' : 'refused'));
  }
  return isAllowedFlat(rest);
}

/** AND binds more tightly than OR. */
function isAllowedFlat(expression) {
  return expression
    .split(/\s+OR\s+/)
    .some((part) => part.split(/\s+AND\s+/).every((licence) => ALLOWED.has(licence.trim())));
}

/** What a manifest says, the forms of old manifests included; a list meant that all of it can be chosen from. */
function licenceOf({ license, licenses }) {
  if (Array.isArray(licenses)) return licenses.map((one) => one.type ?? one).join(' OR ');
  return typeof license === 'object' && license !== null ? license.type : license;
}

/**
 * What is wrong with the licences of the production tree that is installed in a folder, in words.
 *
 * @param {string} folder
 */
export function licenceProblems(folder) {
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return productionTree(lock).flatMap(({ path, name, optional }) => {
    let manifest;
    try {
      manifest = JSON.parse(readFileSync(join(folder, path, 'package.json'), 'utf8'));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      // Made for another system.
      return optional === true ? [] : [`${name} is not installed`];
    }
    const licence = licenceOf(manifest);
    return isAllowed(licence) ? [] : [`${name} ${manifest.version}: ${String(licence)}`];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = licenceProblems(process.argv[2] ?? '.');
  for (const problem of problems) console.error(`licence not on the list: ${problem}`);
  if (problems.length === 0) console.log('every package of the production tree has a licence of the list');
  process.exitCode = problems.length === 0 ? 0 : 1;
}
