import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkForeign, checkPromises } from '../../support/account-checks.ts';
import {
  documentOf,
  openStage,
  putFile,
  runUntilDone,
  truthOf,
  type Entries,
  type Stage,
} from '../../support/stage.ts';

const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received'],
});
const CRM_URL = 'https://crm.example.net/hooks/linq?version=2025-01-01';
const CRM = {
  target_url: CRM_URL,
  subscribed_events: ['message.received', 'message.failed'],
  phone_numbers: ['+12025550103'],
};

interface Case {
  readonly guard: string;
  readonly title: string;
  readonly before?: Entries;
  readonly after: Entries;
  readonly env?: Readonly<Record<string, string>>;
  /** What happens outside, between the two. */
  readonly act?: (stage: Stage) => Promise<void> | void;
  /** What the plan says lets it through. */
  readonly letThrough: RegExp;
}

const CASES: readonly Case[] = [
  {
    guard: 'widen',
    title: 'an update that drops a phone filter',
    before: { orders: { ...AT('orders'), phone_numbers: ['+12025550101'] } },
    after: { orders: AT('orders') },
    letThrough: /^--allow widen:orders$/,
  },
  {
    guard: 'deletes',
    title: 'more deletes than policy.max_deletes',
    before: { a: AT('a'), b: AT('b'), c: AT('c'), d: AT('d') },
    after: { a: AT('a') },
    letThrough: /^--allow deletes$/,
  },
  {
    guard: 'protected',
    title: 'a delete of an entry with prevent_destroy',
    before: { orders: AT('orders'), precious: { ...AT('precious'), lifecycle: { prevent_destroy: true } } },
    after: { orders: AT('orders') },
    letThrough: /^--allow protected:precious$/,
  },
  {
    guard: 'suspicious-list',
    title: 'creating again what is gone from the account all at once',
    before: { a: AT('a'), b: AT('b') },
    after: { a: AT('a'), b: AT('b') },
    act: deleteOwn,
    letThrough: /^--allow suspicious-list$/,
  },
  {
    guard: 'account',
    title: 'everything, where the key seems to be of another account',
    before: { orders: AT('orders') },
    after: { orders: { ...AT('orders'), subscribed_events: ['message.sent'] } },
    act: ({ emulator }) => emulator.setLines(['+14155550100']),
    letThrough: /^--allow account$/,
  },
  {
    guard: 'drift',
    title: 'a drifted field where policy.drift is report',
    before: { orders: AT('orders') },
    after: { orders: AT('orders') },
    env: { LINQ_GITOPS_POLICY_DRIFT: 'report' },
    act: ({ emulator }) => {
      const { id } = emulator.subscriptions().at(-1)!;
      emulator.external.patch(id, { subscribed_events: ['message.sent'] });
    },
    letThrough: /^--allow drift:orders$/,
  },
  {
    guard: 'unowned',
    title: 'an entry whose URL is live but not ours',
    after: { crm: CRM },
    letThrough: /^linq-gitops adopt crm --secret-file FILE$/,
  },
  {
    guard: 'ambiguous',
    title: 'an entry whose URL several have',
    after: { crm: CRM },
    act: ({ emulator, foreign }) => {
      // As old accounts may have it: a second one, with the same URL.
      const { id, ...crm } = foreign.find(({ target_url }) => target_url === CRM_URL)!;
      emulator.external.add({ ...crm, signing_secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}` });
    },
    letThrough: /^linq-gitops adopt crm --id ID --secret-file FILE$/,
  },
];

function deleteOwn({ emulator, foreign }: Stage): void {
  for (const { id } of truthOf(emulator)) {
    if (!foreign.some((other) => other.id === id)) emulator.external.delete(id ?? '');
  }
}

/** Runs exactly what the plan printed, with what it leaves to a person (a file, an id) filled in. */
async function letThrough(stage: Stage, printed: string): Promise<void> {
  if (printed.startsWith('--allow')) {
    const result = await stage.run(['sync', ...printed.split(' ')]);
    expect(result.code, result.stdout + result.stderr).toBe(0);
    return;
  }
  const crm = stage.foreign.find(({ target_url }) => target_url === CRM_URL);
  const file = await putFile(stage, 'given/crm', crm?.signing_secret ?? '');
  const argv = printed
    .replace('FILE', file)
    .replace('ID', crm?.id ?? '')
    .split(' ')
    .slice(1);
  const adopted = await stage.run(argv);
  expect(adopted.code, adopted.stderr).toBe(0);
  await runUntilDone(stage, ['sync']);
}

test.each(CASES)('$guard holds $title, and what the plan says lets it through', async (scenario) => {
  const { before, after, act, guard, env } = scenario;
  const stage = await openStage(env === undefined ? {} : { env });
  if (before) {
    await stage.declare(before);
    await runUntilDone(stage, ['sync']);
  }
  await act?.(stage);
  await stage.declare(after);
  const held = truthOf(stage.emulator);
  const result = await stage.run(['sync', '--format', 'json']);
  expect(result.code, result.stderr).toBe(3);
  const { plan, requests } = documentOf(result);
  expect(plan?.held.length).toBeGreaterThan(0);
  expect(new Set(plan?.held.map((item) => item.guard))).toEqual(new Set([guard]));
  const [printed] = new Set(plan?.held.map(({ let_through }) => let_through ?? ''));
  expect(printed).toMatch(scenario.letThrough);
  expect(requests.writes).toBe(0);
  expect(truthOf(stage.emulator)).toEqual(held);

  await letThrough(stage, printed ?? '');
  const adopted = ['unowned', 'ambiguous'].includes(guard)
    ? stage.foreign.filter(({ target_url }) => target_url === CRM_URL)
    : [];
  if (adopted.length === 0) await checkPromises(stage);
  else await checkAdopted(stage, adopted[0]?.id ?? '');
});

/** After an adoption the one subscription is ours, and may have been changed; the others are untouched. */
async function checkAdopted(stage: Stage, id: string): Promise<void> {
  checkForeign(stage, [id]);
  const others = truthOf(stage.emulator).filter((other) => other.id !== id);
  await checkPromises({ ...stage, foreign: others });
}

test('url-taken holds an update to an URL of somebody else until it is free', async () => {
  const stage = await openStage({ entries: { orders: AT('orders') } });
  await runUntilDone(stage, ['sync']);
  await stage.declare({ orders: { ...AT('orders'), target_url: CRM_URL } });
  for (const argv of [['sync'], ['sync', '--allow', 'url-taken']]) {
    expect((await stage.run(argv)).code, argv.join(' ')).not.toBe(0);
  }
  checkForeign(stage);
  expect(truthOf(stage.emulator).at(-1)?.target_url).toBe(AT('orders').target_url);

  const crm = stage.foreign.find(({ target_url }) => target_url === CRM_URL);
  stage.emulator.external.delete(crm?.id ?? '');
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  await checkPromises({ ...stage, foreign: stage.foreign.filter(({ id }) => id !== crm?.id) });
});

test('url-taken holds a create whose URL was taken between its POST and its PUT; its secret is kept', async () => {
  const stage = await openStage({ entries: { orders: AT('orders') } });
  const held = stage.emulator.addFault({ match: { path: 'update' }, action: { kind: 'hold' } });
  const running = stage.start(['sync']);
  await held.reached();
  const thief = stage.emulator.external.add(AT('orders'));
  held.release();
  const result = await running.done;
  expect(result.code, result.stdout).toBe(3);
  expect(result.stdout).toContain('url-taken');
  expect(await stage.run(['sync'])).toMatchObject({ code: 3 });
  stage.emulator.external.delete(thief);
  const posts = stage.emulator.requests.filter(({ method }) => method === 'POST').length;
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  expect(stage.emulator.requests.filter(({ method }) => method === 'POST')).toHaveLength(posts);
  await checkPromises(stage);
});

test('secret-loss holds an entry whose record is damaged, and touches neither it nor its subscription', async () => {
  const stage = await openStage({ entries: { orders: AT('orders'), support: AT('support') } });
  await runUntilDone(stage, ['sync']);
  const path = join(stage.sinkDir, 'orders.json');
  const backup = await readFile(path);
  await writeFile(path, backup.subarray(0, backup.length / 2));
  await stage.declare({ orders: { ...AT('orders'), subscribed_events: ['message.sent'] } });
  const before = truthOf(stage.emulator).filter(({ target_url }) => target_url === AT('orders').target_url);
  const result = await stage.run(['sync', '--format', 'json']);
  expect(result.code, result.stderr).toBe(3);
  expect(documentOf(result).plan?.held).toContainEqual(
    expect.objectContaining({ name: 'orders', guard: 'secret-loss' }),
  );
  expect(truthOf(stage.emulator)).toEqual(expect.arrayContaining([...before]));
  await writeFile(path, backup);
  await runUntilDone(stage, ['sync']);
  await checkPromises(stage);
});

test('I3: a missing file, an empty one and `subscriptions: {}` without consent delete nothing; with consent it deletes all', async () => {
  const stage = await openStage({ entries: { orders: AT('orders'), support: AT('support') } });
  await runUntilDone(stage, ['sync']);
  const before = truthOf(stage.emulator);
  await writeFile(stage.file, '');
  expect(await stage.run(['sync'])).toMatchObject({ code: 78 });
  await stage.declare({});
  expect(await stage.run(['sync'])).toMatchObject({ code: 78 });
  expect(truthOf(stage.emulator)).toEqual(before);
  await stage.declare({}, { allow_empty: true });
  expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
  expect(truthOf(stage.emulator)).toEqual(stage.foreign);
  await checkPromises(stage);
});
