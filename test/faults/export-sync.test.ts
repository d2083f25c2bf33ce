import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { startEmulator } from '../../src/emulator/emulator.ts';
import { someSecret } from '../support/record-builders.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const URL_OF_ORDERS = 'https://hooks.example.com/orders?version=2026-02-03';
const FILE = `version: 1
subscriptions:
  orders:
    target_url: ${URL_OF_ORDERS}
    subscribed_events: [message.received]
`;

/** An account, a folder with a file and settings that want an export, and the program to run in it. */
async function openPlace(settings = 'secrets: { export: { directory: ./receiver } }\n') {
  const emulator = await startEmulator();
  onTestFinished(() => emulator.close());
  const cwd = await makeTempDir();
  await writeFile(join(cwd, 'subscriptions.yaml'), FILE);
  await writeFile(join(cwd, 'linq-gitops.yaml'), settings);
  const receiver = join(cwd, 'receiver');
  const place = {
    cwd,
    apiKey: emulator.apiKey,
    receiver,
    emulator,
    async run(...argv: readonly string[]) {
      const output = { stdout: '', stderr: '' };
      const code = await run(argv, {
        env: {
          PATH: process.env['PATH'],
          LINQ_API_V3_BASE_URL: emulator.url,
          LINQ_API_V3_API_KEY: place.apiKey,
          LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
        },
        cwd,
        main: '',
        stdout: { write: (text) => (output.stdout += text) },
        stderr: { write: (text) => (output.stderr += text) },
        onSignal: () => () => undefined,
        onHangup: () => () => undefined,
        exitNow: () => {
          throw new Error('not reached');
        },
      });
      return { code, ...output };
    },
    exported: () => readFile(join(receiver, 'orders/signing_secret'), 'utf8'),
  };
  return place;
}

describe('sync with an export', () => {
  it('publishes what it has stored', async () => {
    const place = await openPlace();
    expect(await place.run('sync')).toMatchObject({ code: 0 });
    const { stdout } = await place.run('secret', 'orders');
    expect(await place.exported()).toBe(stdout.trimEnd());
  });

  it('repairs the files where there is nothing else to do, and takes away what has gone', async () => {
    const place = await openPlace();
    await place.run('sync');
    const secret = await place.exported();
    const data = join(place.receiver, '..data/orders/signing_secret');
    await writeFile(data, 'damaged');
    expect(await place.run('sync')).toMatchObject({ code: 0 });
    expect(await place.exported()).toBe(secret);
    await writeFile(
      join(place.cwd, 'subscriptions.yaml'),
      'version: 1\nallow_empty: true\nsubscriptions: {}\n',
    );
    expect(await place.run('sync')).toMatchObject({ code: 0 });
    const left = await readdir(place.receiver);
    expect(left.filter((name) => !name.startsWith('.'))).toEqual(['subscriptions.json']);
  });

  it('touches nothing in a dry run', async () => {
    const place = await openPlace();
    await place.run('sync', '--dry-run');
    await expect(readdir(place.receiver)).rejects.toMatchObject({ code: 'ENOENT' });
    await place.run('sync');
    await writeFile(join(place.receiver, '..data/orders/signing_secret'), 'damaged');
    expect(await place.run('plan')).toMatchObject({ code: 0 });
    expect(await place.exported()).toBe('damaged');
  });

  it('fails where it cannot publish, says that the sink has the secrets, and tells all in the document', async () => {
    const place = await openPlace();
    await mkdir(place.receiver);
    await chmod(place.receiver, 0o777);
    const { code, stdout, stderr } = await place.run('sync', '--format', 'json');
    expect(code).toBe(1);
    expect(stderr).toContain('the sink has every secret');
    expect(JSON.parse(stdout)).toMatchObject({
      report: { items: [{ key: 'create orders', result: { status: 'done' } }] },
      status: {
        exit_code: 1,
        outcome: 'failed',
        errors: [{ message: expect.stringContaining('others than its owner can change it') as string }],
      },
    });
    expect(await place.run('secret', 'orders')).toMatchObject({ code: 0 });
    await chmod(place.receiver, 0o700);
    expect(await place.run('sync')).toMatchObject({ code: 0 });
    expect(await place.exported()).toMatch(/^whsec_/);
  });

  it('publishes although the pass fails: it needs the sink only', async () => {
    const place = await openPlace();
    await place.run('sync');
    const secret = await place.exported();
    await writeFile(join(place.receiver, '..data/orders/signing_secret'), 'damaged');
    place.apiKey = 'revoked';
    const { code, stderr } = await place.run('sync');
    expect(code).toBe(1);
    expect(stderr).toContain('Linq answered 401');
    expect(await place.exported()).toBe(secret);
  });

  it('says as a warning that the receiver was not told', async () => {
    const place = await openPlace(
      "secrets: { export: { directory: ./receiver, notify: 'http://127.0.0.1:9/reload' } }\n",
    );
    const { code, stderr } = await place.run('sync');
    expect(code).toBe(0);
    expect(stderr).toContain('warning: cannot tell the receiver of new secrets');
  });
});

describe('adopt with an export', () => {
  it('publishes the secret that was given', async () => {
    const place = await openPlace();
    const created = await fetch(`${place.emulator.url}/v3/webhook-subscriptions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${place.emulator.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ target_url: URL_OF_ORDERS, subscribed_events: ['message.received'] }),
    });
    expect(created.status).toBe(201);
    const secret = someSecret().reveal();
    await writeFile(join(place.cwd, 'secret.txt'), secret);
    expect(await place.run('adopt', 'orders', '--secret-file', 'secret.txt')).toMatchObject({ code: 0 });
    expect(await place.exported()).toBe(secret);
  });
});
