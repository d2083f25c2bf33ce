import { readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import {
  respond,
  startScriptedServer,
  type Answer,
  type ScriptedServer,
} from '../../support/scripted-server.ts';
import { openStage } from '../../support/stage.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const ENTRIES = {
  orders: {
    target_url: 'https://hooks.example.com/orders?version=2026-02-03',
    subscribed_events: ['message.received'],
  },
};
const ESCAPES = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e';
/** Whatever could drive a terminal, beside the ends of lines. */
const CONTROL = /[^\P{C}\n]|[\u2028\u2029]/u;

async function openServer(): Promise<ScriptedServer> {
  const server = await startScriptedServer();
  onTestFinished(() => server.close());
  return server;
}

/** A body that has no end. */
function endless(response: ServerResponse): void {
  const chunk = Buffer.alloc(1024 * 1024, ' ');
  const pump = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.on('drain', pump).write('{"subscriptions":[');
  pump();
}

describe('a hostile or broken API', () => {
  it.each<[string, (elsewhere: string) => Answer]>([
    [
      'sends the program elsewhere',
      (url) => respond(307, {}, { location: `${url}/v3/webhook-subscriptions` }),
    ],
    ['answers with a body without end', () => endless],
    ['answers with JSON of a million levels', () => respond(200, '['.repeat(1e6) + ']'.repeat(1e6))],
    [
      'hides a million levels in a field that nobody knows',
      () => respond(200, `{"subscriptions":{},"x":${'['.repeat(1e6) + ']'.repeat(1e6)}}`),
    ],
    ['answers with other types', () => respond(200, { subscriptions: [{ id: 7, target_url: {} }] })],
    ['answers with what drives terminals', () => respond(400, { error: { message: ESCAPES } })],
    ['answers with the prototype of everything', () => respond(200, '{"__proto__":{"subscriptions":[]}}')],
    ['wants it to come back in a year', () => respond(429, {}, { 'retry-after': '31536000' })],
  ])('that %s gets the key to nobody else, and nothing is planned or stored', async (_title, answer) => {
    const stage = await openStage({ entries: ENTRIES });
    const [api, elsewhere] = [await openServer(), await openServer()];
    api.script(answer(elsewhere.url));

    const { code, stdout, stderr } = await stage.run(['sync'], {
      env: { LINQ_API_V3_BASE_URL: api.url, LINQ_GITOPS_API_TIMEOUT: '5s' },
    });

    expect([code, stdout], stderr).toEqual([1, '']);
    expect(stderr).toMatch(/cannot .*: /);
    expect(stderr).not.toMatch(CONTROL);
    expect(stderr).not.toContain(stage.emulator.apiKey);
    expect(elsewhere.received).toEqual([]);
    expect(api.received.every(({ method }) => method === 'GET')).toBe(true);
    expect(await readdir(stage.folder)).toEqual(['subscriptions.yaml']);
  });
});

describe('a hostile commit', () => {
  test.each([
    ['in a comment', `version: 1 # ${ESCAPES}\nsubscriptions: 5 # ${ESCAPES}\n`],
    ['in a name', `version: 1\nsubscriptions:\n  "a${ESCAPES}": {}\n`],
    ['in a URL', `version: 1\nsubscriptions:\n  a: { target_url: "https://a.example/${ESCAPES}" }\n`],
    [
      'written as escapes',
      'version: 1\nsubscriptions:\n  "\\e]0;owned\\a": { target_url: "\\e[2J\\u202e" }\n',
    ],
    ['as a key', `version: 1\n"${ESCAPES}": 1\nsubscriptions: {}\n`],
  ])('of subscriptions.yaml cannot drive the terminal of whoever checks it: %s', async (_place, text) => {
    const stage = await openStage();
    await writeFile(stage.file, text);

    for (const argv of [['validate'], ['plan']]) {
      const { code, stdout, stderr } = await stage.run(argv);
      expect(code).toBe(78);
      expect(stdout + stderr).toContain('subscriptions.yaml');
      expect(stdout + stderr).not.toMatch(CONTROL);
    }
    expect(stage.emulator.requests).toEqual([]);
  });

  it('of linq-gitops.yaml that names another address gets no request there, and no key', async () => {
    const stage = await openStage({ entries: ENTRIES });
    await writeFile(
      join(stage.folder, 'linq-gitops.yaml'),
      'api: { base_url: "https://stranger.example.com/api", key_file: ./subscriptions.yaml }\n',
    );

    // As in a pull request's job: the key in the environment, the address from nowhere else.
    const { code, stdout, stderr } = await stage.run(['plan'], { env: { LINQ_API_V3_BASE_URL: undefined } });

    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toContain("linq-gitops.yaml:1:18: this is not Linq's own address");
    expect(stderr).not.toContain(stage.emulator.apiKey);
  });

  it.each([
    ['subscriptions.yaml', ''],
    ['subscriptions.yaml', '{ a: ['],
    ['subscriptions.yaml', 'signing: '],
    ['linq-gitops.yaml', ''],
    ['linq-gitops.yaml', 'ownr: '],
    [
      'linq-gitops.yaml',
      'secrets: { sink: file, file: { directory: ./a } , export: { directory: ./a } }\npath: ',
    ],
  ])(
    'that makes %s a link to another file of the machine has none of it quoted: %j',
    async (name, before) => {
      const stage = await openStage({ entries: ENTRIES });
      const elsewhere = await makeTempDir();
      await writeFile(join(elsewhere, 'key'), `${before}${stage.emulator.apiKey}\n`);
      await rm(join(stage.folder, name), { force: true });
      await symlink(join(elsewhere, 'key'), join(stage.folder, name));

      const { code, stdout, stderr } = await stage.run(['plan', '--log-level', 'trace']);

      expect([code, stdout], stderr).toEqual([78, '']);
      expect(stderr).toContain(`${name}: it is a link to another file`);
      expect(stderr).not.toContain(stage.emulator.apiKey.slice(0, 12));
      expect(stage.emulator.requests).toEqual([]);
    },
  );

  it.runIf(process.platform === 'linux')('cannot have the environment of the program quoted', async () => {
    const stage = await openStage({ entries: ENTRIES });
    await writeFile(join(stage.folder, 'linq-gitops.yaml'), 'subscriptions: /proc/self/environ\n');

    const { code, stdout, stderr } = await stage.run(['plan']);

    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toContain('/proc/self/environ: it is no file that is kept anywhere');
    expect(stderr).not.toContain('PATH');
  });
});
