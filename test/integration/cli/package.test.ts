import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openStage } from '../../support/stage.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

test('the package holds the program, its schemas, its examples and its papers, and nothing else', async () => {
  // Without scripts: `prepack` would build under the feet of the other tests.
  const argv = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', argv, { cwd: ROOT });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  const expected =
    /^(dist\/(.+\.js|package\.json|THIRD-PARTY-LICENSES\.txt)|schema\/(output\/)?[a-z-]+\.schema\.json|config\.example\/.+\.(yaml|yml|md|service|conf)|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/;
  expect(paths.filter((path) => !expected.test(path))).toEqual([]);
  expect(paths).toEqual(
    expect.arrayContaining([
      ...['README.md', 'LICENSE', 'CHANGELOG.md', 'package.json', 'dist/cli/main.js'],
      'dist/package.json',
      'dist/THIRD-PARTY-LICENSES.txt',
      'schema/output/import.schema.json',
      ...['plan', 'settings', 'subscriptions'].map((name) => `schema/${name}.schema.json`),
    ]),
  );
});

test('emulate prints environment lines with which a sync works, and ends on SIGTERM', async () => {
  const stage = await openStage({
    entries: { orders: { target_url: 'https://a.example/x?version=1', subscribed_events: ['message.sent'] } },
  });
  const emulate = stage.start(['emulate']);
  await emulate.said('Ctrl-C');
  const shell = 'eval "$1"; exec "$2" "$3" sync';
  const lines = emulate.output().stdout;
  const { LINQ_API_V3_BASE_URL: _url, LINQ_API_V3_API_KEY: _key, ...env } = stage.env;
  const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
  const { stdout } = await promisify(execFile)('sh', ['-c', shell, 'sh', lines, process.execPath, main], {
    cwd: stage.folder,
    env: { PATH: process.env['PATH'], ...env },
  });
  expect(stdout).toContain('Done: 1 created');
  emulate.kill('SIGTERM');
  expect(await emulate.done).toMatchObject({ code: 0 });
});

test('the demo tells its whole story, and ends with 0', async () => {
  const stage = await openStage();
  const result = await stage.run(['demo']);
  expect(result.code, result.stdout + result.stderr).toBe(0);
  expect(result.stdout).toContain('the signature is right');
  expect(result.stdout).toContain('untouched: byte for byte');
});
