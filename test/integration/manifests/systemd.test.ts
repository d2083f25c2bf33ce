import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { variableOf } from '../../../src/config/settings-keys.ts';
import { readText, ROOT } from '../../support/manifests/example-files.ts';
import { parseUnit, unitProblems } from '../../support/manifests/unit-file.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const FILE = 'config.example/systemd/linq-gitops.service';
const text = readText(FILE);

it('the unit is hardened, ends in time, and does not begin again on a mistake in the configuration', () => {
  expect(unitProblems(parseUnit(text))).toEqual([]);
});

it.each([
  ['NoNewPrivileges=yes', '', 'NoNewPrivileges'],
  ['ProtectSystem=strict', 'ProtectSystem=full', 'ProtectSystem'],
  ['CapabilityBoundingSet=\n', 'CapabilityBoundingSet=CAP_NET_ADMIN\n', 'CapabilityBoundingSet'],
  ['MemoryDenyWriteExecute=no', 'MemoryDenyWriteExecute=yes', 'MemoryDenyWriteExecute'],
  ['LimitCORE=0', 'LimitCORE=infinity', 'LimitCORE'],
  ['RestartPreventExitStatus=64 78', 'RestartPreventExitStatus=64', 'RestartPreventExitStatus'],
  ['TimeoutStopSec=30', 'TimeoutStopSec=10', 'TimeoutStopSec'],
  ['StateDirectoryMode=0700', 'StateDirectoryMode=0755', 'StateDirectoryMode'],
  ['Environment=NODE_ENV=production', 'Environment=LINQ_API_V3_API_KEY=x', 'LINQ_API_V3_API_KEY=x'],
  ['LockPersonality=yes', 'ProtectProc=invisible\nLockPersonality=yes', 'ProtectProc'],
])('%s cannot become %j unnoticed', (line, other, says) => {
  expect(text).toContain(line);
  expect(unitProblems(parseUnit(text.replace(line, other)))).toEqual([says]);
});

it('the key comes as a credential, under the name of a setting that there is', () => {
  expect(parseUnit(text).get('Service')?.get('Environment')).toContain(
    `${variableOf('api.key_file')}=%d/api-key`,
  );
});

it('the user of the unit is the one that sysusers makes', () => {
  const lines = readText('config.example/systemd/linq-gitops.sysusers.conf').split('\n');
  const users = lines.flatMap((line) => /^u (\S+) - "[^"]+" (\S+) \S+$/.exec(line)?.slice(1) ?? []);
  expect(users).toEqual(['linq-gitops', '/var/lib/linq-gitops']);
});

/** Of systemd. */
const ANALYZE = 'systemd-analyze';
const hasSystemd = spawnSync(ANALYZE, ['--version']).status === 0;

it('systemd itself accepts the unit, where it is here', async () => {
  const folder = await makeTempDir();
  const unit = join(folder, 'linq-gitops.service');
  // It wants the program to be there.
  const source = await readFile(join(ROOT, FILE), 'utf8');
  await writeFile(unit, source.replace('/usr/local/bin/linq-gitops', process.execPath));
  await writeFile(
    join(folder, 'bad.service'),
    source.replace('ProtectSystem=strict', 'ProtectSystem=strickt'),
  );
  if (!hasSystemd) return;
  const run = async (file: string) =>
    (await promisify(execFile)(ANALYZE, ['verify', '--man=no', file]).catch((error: unknown) => error)) as {
      stderr: string;
    };
  expect((await run(unit)).stderr).not.toContain('linq-gitops.service');
  expect((await run(join(folder, 'bad.service'))).stderr).toContain('strickt');
});
