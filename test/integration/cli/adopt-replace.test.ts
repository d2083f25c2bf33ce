import { expect, test } from 'vitest';
import { checkForeign, checkPromises, recordsOf } from '../../support/account-checks.ts';
import { documentOf, openStage, runUntilDone, truthOf, type Stage } from '../../support/stage.ts';

const URL_OF_CRM = 'https://crm.example.net/hooks/linq?version=2025-01-01';
const CRM = {
  target_url: URL_OF_CRM,
  subscribed_events: ['message.received', 'message.failed'],
  phone_numbers: ['+12025550103'],
};
const OVERLAP_MS = 11 * 60_000;
const AT_ONCE = { LINQ_GITOPS_REPLACE_OVERLAP: '0s' };
const REPLACE = ['adopt', 'crm', '--replace'];

function idOfCrm({ foreign }: Stage): string {
  return foreign.find(({ target_url }) => target_url === URL_OF_CRM)?.id ?? '';
}

/** The promises, for an account in which the one that was adopted is not foreign any more. */
async function checkAdopted(stage: Stage): Promise<void> {
  const foreign = stage.foreign.filter(({ id }) => id !== idOfCrm(stage));
  await checkPromises({ ...stage, foreign });
}

test('adopt --replace makes a new secret beside what is live, and takes its place when the overlap is over', async () => {
  const stage = await openStage({ entries: { crm: CRM } });
  expect(await stage.run(['sync'])).toMatchObject({ code: 3 });
  const begun = await stage.run(REPLACE);
  expect(begun.code, begun.stderr).toBe(0);
  checkForeign(stage);
  const record = (await recordsOf(stage)).get('crm');
  expect(record).toMatchObject({ current: null, retire: { subscription_id: idOfCrm(stage) } });
  const next = truthOf(stage.emulator).find(({ id }) => id === record?.next?.subscription_id);
  expect(next).toMatchObject({ is_active: false, phone_numbers: CRM.phone_numbers });
  expect(next?.signing_secret).toBe(record?.next?.signing_secret?.reveal());
  const secret = await stage.run(['secret', 'crm']);
  expect(secret).toMatchObject({ code: 1, stdout: '' });
  expect(secret.stderr).toContain('linq-gitops sync --wait');

  expect(await stage.run(REPLACE), 'again, it only goes on').toMatchObject({ code: 0 });
  checkForeign(stage);
  stage.emulator.shiftClock(OVERLAP_MS);
  expect(await stage.run(['sync'])).toMatchObject({ code: 0 });
  stage.emulator.shiftClock(0);
  expect(truthOf(stage.emulator).map(({ id }) => id)).not.toContain(idOfCrm(stage));
  await checkAdopted(stage);
  expect((await stage.run(REPLACE)).stderr).toContain('linq-gitops rotate crm');
});

test('adopt --replace --id takes over one at another URL, and keeps its filter from being dropped unasked', async () => {
  const url = 'https://hooks.example.com/crm?version=2026-02-03';
  const stage = await openStage({
    entries: { crm: { ...CRM, target_url: url, phone_numbers: 'all' } },
    env: AT_ONCE,
  });
  const argv = [...REPLACE, '--id', idOfCrm(stage)];
  const held = await stage.run([...argv, '--format', 'json']);
  expect(held.code, held.stderr).toBe(3);
  expect(documentOf(held).plan?.held).toMatchObject([{ guard: 'widen', let_through: '--allow widen:crm' }]);
  checkForeign(stage);
  const adopted = await stage.run([...argv, '--allow', 'widen:crm']);
  expect(adopted.code, adopted.stderr).toBe(0);
  await checkAdopted(stage);
});

test('adopt --replace --id is held while a third one has the declared URL', async () => {
  const stage = await openStage({
    entries: { crm: { ...CRM, target_url: 'https://a.example/x?version=1' } },
  });
  const third = stage.emulator.external.add({
    target_url: 'https://a.example/x?version=1',
    subscribed_events: [],
  });
  const argv = [...REPLACE, '--id', idOfCrm(stage), '--format', 'json'];
  const held = await stage.run(argv);
  expect(held.code, held.stderr).toBe(3);
  expect(documentOf(held).plan?.held).toMatchObject([{ guard: 'url-taken' }]);
  expect(documentOf(held).requests.writes).toBe(0);
  stage.emulator.external.delete(third);
  expect(await stage.run([...argv.slice(0, -2), '--wait'], { env: AT_ONCE })).toMatchObject({ code: 0 });
  await checkAdopted(stage);
});

test('adopt --replace of several is all or nothing where one cannot be, and narrowed to the names', async () => {
  const orders = { target_url: 'https://a.example/orders?version=1', subscribed_events: ['message.sent'] };
  const stage = await openStage({ entries: { crm: CRM, orders }, env: AT_ONCE });
  const refused = await stage.run(['adopt', 'crm', 'orders', 'cmr', '--replace']);
  expect(refused).toMatchObject({ code: 3, stdout: '' });
  expect(refused.stderr).toContain('orders: nothing that is not managed is live at its URL');
  expect(refused.stderr).toContain('cmr: it is not an entry of the file');
  expect(stage.emulator.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  expect(await stage.run(REPLACE)).toMatchObject({ code: 0 });
  expect([...(await recordsOf(stage)).keys()], 'what else is to be done is not').toEqual(['crm']);
  await runUntilDone(stage, ['sync']);
  await checkAdopted(stage);
});

test('adopt --replace --wait goes on with all, also where only so many are replaced at once', async () => {
  const names = ['a', 'b', 'c'];
  const at = (name: string) => ({
    target_url: `https://a.example/${name}?version=1`,
    subscribed_events: ['message.received'],
  });
  const entries = Object.fromEntries(names.map((name) => [name, at(name)]));
  const stage = await openStage({ entries, env: { ...AT_ONCE, LINQ_GITOPS_REPLACE_AT_ONCE: '2' } });
  for (const name of names) stage.emulator.external.add(at(name));
  const some = await stage.run(['adopt', ...names, '--replace']);
  expect(some.code, some.stderr).toBe(0);
  expect(some.stderr).toContain('  linq-gitops adopt --replace c\n');
  expect([...(await recordsOf(stage)).keys()]).toEqual(['a', 'b']);
  expect(await stage.run(['adopt', 'c', '--replace', '--wait'])).toMatchObject({ code: 0 });
  await checkPromises(stage);
});

test('rotate --wait goes on with all as well', async () => {
  const names = ['a', 'b', 'c'];
  const entries = Object.fromEntries(
    names.map((name) => [
      name,
      { target_url: `https://a.example/${name}?version=1`, subscribed_events: ['message.sent'] },
    ]),
  );
  const stage = await openStage({ entries, env: { ...AT_ONCE, LINQ_GITOPS_REPLACE_AT_ONCE: '1' } });
  await runUntilDone(stage, ['sync']);
  const before = new Set(truthOf(stage.emulator).map(({ signing_secret }) => signing_secret));
  expect(await stage.run(['rotate', ...names, '--wait'])).toMatchObject({ code: 0 });
  const kept = truthOf(stage.emulator).filter(({ signing_secret }) => before.has(signing_secret));
  expect(kept).toEqual(stage.foreign);
  await checkPromises(stage);
});

test('policy.unowned: replace takes over what is at an URL of the file, and nothing else', async () => {
  const stage = await openStage({ entries: { crm: CRM }, env: { LINQ_GITOPS_POLICY_UNOWNED: 'replace' } });
  stage.emulator.external.add({ ...CRM, target_url: 'https://crm.example.net/else' });
  const others = truthOf(stage.emulator).filter(({ id }) => id !== idOfCrm(stage));
  const begun = await stage.run(['sync']);
  expect(begun.code, begun.stderr).toBe(0);
  checkForeign(stage);
  stage.emulator.shiftClock(OVERLAP_MS);
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  stage.emulator.shiftClock(0);
  await checkPromises({ ...stage, foreign: others });
});
