import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSubscriptions } from '../../../src/config/load-subscriptions.ts';
import { checkForeign, checkPromises } from '../../support/account-checks.ts';
import { openStage, putFile, runUntilDone, truthOf, LINES } from '../../support/stage.ts';

const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});

test('what import prints is valid, declares what is live, and plans nothing but adoptions', async () => {
  const stage = await openStage({ entries: { orders: { ...AT('orders'), phone_numbers: [LINES[0]] } } });
  await runUntilDone(stage, ['sync']);
  stage.emulator.external.add({ ...AT('by-hand'), routing_key_header: 'X-Key' });
  const imported = await stage.run(['import']);
  expect(imported).toMatchObject({ code: 0, stderr: expect.stringContaining('hint: ') as string });
  await writeFile(stage.file, imported.stdout);
  const validated = await stage.run(['validate']);
  expect(validated.code, validated.stderr).toBe(0);
  const { desired } = await loadSubscriptions(stage.file);
  expect(desired.entries.map(({ name }) => name)).toEqual(['by-hand', 'hooks-linq', 'orders']);
  const plan = await stage.run(['plan']);
  expect(plan.code, plan.stdout).toBe(3);
  expect(plan.stdout).toContain('Plan: nothing to do; 2 held');
});

test('import of an empty account is a template that is valid', async () => {
  const stage = await openStage({ seed: { subscriptions: [], lines: [...LINES] } });
  const imported = await stage.run(['import']);
  expect(imported).toMatchObject({ code: 0 });
  await writeFile(stage.file, imported.stdout);
  expect(await stage.run(['validate'])).toMatchObject({ code: 0 });
});

test('import of hostile URLs is valid, or stands in a comment, and cannot drive a terminal', async () => {
  const urls = [
    'https://a.example/#frag',
    'https://user:pass@a.example/x',
    'http://a.example/plain',
    'https://a.example/x"\n  evil:\n    target_url: https://evil.example/',
    'https://a.example/\u001b[31mred\u0007\u202e',
    'https://a.example/{{x}}: !!js/function &a *a #c',
    'https://a.example/dup',
    'https://A.example:443/dup',
    'not a url',
    'https://a.example/?line=../../etc/passwd',
    'https://a.example/?line=_installation',
    'https://a.example/?line=123',
    'https://a.example/?line=true',
    `https://a.example/${'long'.repeat(200)}`,
  ];
  const stage = await openStage({
    seed: { subscriptions: [], lines: [...LINES] },
    switches: { allowDuplicates: true },
  });
  for (const target_url of urls) {
    stage.emulator.external.add({
      target_url,
      subscribed_events: ['message.received'],
      routing_key_header: 'X-Key',
    });
  }
  const before = truthOf(stage.emulator);
  const imported = await stage.run(['import']);
  expect(imported.code, imported.stderr).toBe(0);
  expect(imported.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  await writeFile(stage.file, imported.stdout);
  const validated = await stage.run(['validate']);
  expect(validated.code, `${imported.stdout}\n${validated.stderr}`).toBe(0);
  const { desired } = await loadSubscriptions(stage.file);
  const live = new Set(before.map(({ target_url }) => target_url));
  for (const { fields } of desired.entries) expect(live).toContain(fields.target_url);
  const comments = imported.stdout.split('\n').filter((line) => line.startsWith('# not declared'));
  expect(desired.entries.length + comments.length).toBe(urls.length);
});

test('adopt takes secrets from a folder, writes nothing to the API, and leaves everything where one is wrong', async () => {
  const stage = await openStage();
  for (const path of ['one', 'two']) stage.emulator.external.add(AT(path));
  const [two, one] = [...truthOf(stage.emulator)].reverse();
  const foreign = stage.foreign;
  await stage.declare({ one: AT('one'), two: AT('two') });
  const dir = join(stage.folder, 'given');
  await mkdir(dir);
  await writeFile(join(dir, 'one'), one?.signing_secret ?? '');
  const adopt = ['adopt', 'one', 'two', '--secret-dir', 'given'];

  expect(await stage.run(adopt), 'a secret is missing').toMatchObject({ code: 78, stdout: '' });
  await writeFile(join(dir, 'two'), 'whsec_short');
  expect(await stage.run(adopt), 'a secret is malformed').toMatchObject({ code: 78, stdout: '' });
  await writeFile(join(dir, 'two'), `${two?.signing_secret ?? ''}\n`);
  await writeFile(join(dir, 'tow'), two?.signing_secret ?? '');
  const misspelt = await stage.run(['adopt', 'one', 'tow', '--secret-dir', 'given']);
  expect(misspelt).toMatchObject({ code: 3, stdout: '' });
  expect(misspelt.stderr).toContain('did you mean two?');
  expect(await stage.run(['secret', 'one']), 'all or nothing').toMatchObject({ code: 1 });

  const adopted = await stage.run(adopt);
  expect(adopted.code, adopted.stderr).toBe(0);
  expect(adopted.stdout.split('\n').filter((line) => line.includes('adopted'))).toHaveLength(2);
  expect(await stage.run(adopt), 'again').toMatchObject({ code: 0 });
  expect(new Set(stage.emulator.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
  checkForeign({ ...stage, foreign: truthOf(stage.emulator) });
  // The first sync writes down what was declared; the account is as declared already.
  await runUntilDone(stage, ['sync']);
  await checkPromises({ ...stage, foreign });
});

test('secret prints one secret in three formats, and helps where the name is wrong', async () => {
  const stage = await openStage({ entries: { orders: AT('orders') } });
  await runUntilDone(stage, ['sync']);
  const { id, signing_secret } = truthOf(stage.emulator).at(-1)!;
  expect(await stage.run(['secret', 'orders'])).toMatchObject({
    code: 0,
    stdout: `${signing_secret ?? ''}\n`,
    stderr: '',
  });
  expect(await stage.run(['secret', 'orders', '--format', 'env'])).toMatchObject({
    stdout: `LINQ_WEBHOOK_SECRET='${signing_secret ?? ''}'\n`,
  });
  const json = await stage.run(['secret', 'orders', '--format', 'json']);
  expect(JSON.parse(json.stdout)).toMatchObject({ name: 'orders', subscription_id: id, signing_secret });
  const wrong = await stage.run(['secret', 'order']);
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
  expect(wrong.stderr).toContain('did you mean orders?');
  await putFile(stage, 'secrets/stranger.txt', 'not a record');
  expect(await stage.run(['secret', '../secrets/orders'])).toMatchObject({ code: 1, stdout: '' });
});

test('events prints a catalogue that can be pasted under an entry', async () => {
  const stage = await openStage();
  const printed = await stage.run(['events']);
  expect(printed).toMatchObject({ code: 0, stderr: '' });
  const indented = printed.stdout.trimEnd().replace(/^/gm, '    ');
  const text = `version: 1\nsubscriptions:\n  orders:\n    target_url: ${AT('orders').target_url}\n${indented}\n`;
  await writeFile(stage.file, text);
  expect(await stage.run(['validate'])).toMatchObject({ code: 0, stderr: '' });
  const { desired } = await loadSubscriptions(stage.file);
  expect(desired.entries[0]?.fields.subscribed_events.length).toBeGreaterThan(50);
  const { events } = JSON.parse((await stage.run(['events', '--format', 'json'])).stdout) as {
    events: string[];
  };
  expect([...events].sort()).toEqual([...(desired.entries[0]?.fields.subscribed_events ?? [])].sort());
});
