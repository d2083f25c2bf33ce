// Fails where a package of the production tree has a known vulnerability, high or critical: node .ci/audit.mjs
//
// Mirrors of the registry often cannot be asked. Then this says so, and fails only where REQUIRE_AUDIT=1 says that there
// must be an answer.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const GRAVE = ['high', 'critical'];

/**
 * What `npm audit --json` has found out, given what it printed.
 *
 * @param {string} output
 * @returns {{ kind: 'clean' } | { kind: 'found', lines: string[] } | { kind: 'unknown', reason: string }}
 */
export function verdictOf(output) {
  let report;
  try {
    report = JSON.parse(output);
  } catch {
    return { kind: 'unknown', reason: 'npm gave no report' };
  }
  if (typeof report?.vulnerabilities !== 'object' || report.vulnerabilities === null) {
    const reason = report?.message ?? report?.error?.summary ?? report?.error?.code ?? 'npm gave no report';
    // The address of the registry is nobody's business.
    return { kind: 'unknown', reason: String(reason).replace(/\s*-?\s*(?:[A-Z]+ )?https?:\S+/g, '') };
  }
  const lines = Object.values(report.vulnerabilities)
    .filter(({ severity }) => GRAVE.includes(severity))
    .map(({ name, severity, range }) => `${name} ${range}: ${severity}`);
  return lines.length === 0 ? { kind: 'clean' } : { kind: 'found', lines };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = ['audit', '--omit', 'dev', '--json', '--fetch-retries', '1', '--fetch-timeout', '30000'];
  const { stdout } = spawnSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const verdict = verdictOf(stdout ?? '');
  switch (verdict.kind) {
    case 'clean':
      console.log('no package of the production tree has a known vulnerability that is high or critical');
      break;
    case 'found':
      for (const line of verdict.lines) console.error(`known vulnerability: ${line}`);
      process.exitCode = 1;
      break;
    case 'unknown':
      console.log(
        `NOT CHECKED for known vulnerabilities: the registry could not be asked (${verdict.reason})`,
      );
      process.exitCode = process.env['REQUIRE_AUDIT'] === '1' ? 1 : 0;
  }
}
