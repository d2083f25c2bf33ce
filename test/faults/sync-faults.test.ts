import { expect, test } from 'vitest';
import type { Fault, FaultAction } from '../../src/emulator/faults.ts';
import type { ApiOperation } from '../../src/emulator/routes.ts';
import { checkPromises } from '../support/account-checks.ts';
import { openStage, pictureOf, runUntilDone, stageFrom, type Picture } from '../support/stage.ts';
import type { SinkKind } from '../support/stage-sinks/stage-sink.ts';

const EVENTS = ['message.received', 'message.failed'];
const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: EVENTS,
});

/** Short, where something hangs. */
const ENV = { LINQ_GITOPS_API_TIMEOUT: '500ms' };
const WIDTH = 3;

const ACTIONS: readonly {
  readonly title: string;
  readonly action: FaultAction;
  readonly only?: ApiOperation;
}[] = [
  { title: 'a reset before the commit', action: { kind: 'refuse' } },
  { title: 'a reset after the commit', action: { kind: 'reset' } },
  { title: 'a 500 after the commit', action: { kind: 'status', status: 500, commit: true } },
  { title: 'a 503 after the commit', action: { kind: 'status', status: 503, commit: true } },
  { title: 'a 503 without commit', action: { kind: 'status', status: 503 } },
  { title: 'silence after the commit', action: { kind: 'hang', commit: true } },
  { title: 'a truncated body', action: { kind: 'truncate' } },
  { title: 'a page of HTML', action: { kind: 'shape', body: 'html' } },
  { title: 'an empty body', action: { kind: 'shape', body: 'empty' } },
  { title: 'a body of the wrong shape', action: { kind: 'shape', body: 'data' } },
  { title: 'a 201 without its secret', action: { kind: 'shape', body: 'no-secret' }, only: 'create' },
  { title: 'a 429 with Retry-After', action: { kind: 'status', status: 429, retryAfter: 1 } },
  { title: 'a 429 without Retry-After', action: { kind: 'status', status: 429 } },
];
const OPERATIONS = ['list', 'create', 'update', 'delete'] as const;

/** Two entries live: one is to be updated, one deleted, and a third created. */
async function takePicture(sink: SinkKind): Promise<Picture> {
  const stage = await openStage({ sink, entries: { changed: AT('changed'), gone: AT('gone') } });
  await runUntilDone(stage, ['sync']);
  await stage.declare({
    changed: { ...AT('changed'), subscribed_events: ['message.sent'] },
    fresh: AT('fresh'),
  });
  return pictureOf(stage);
}

async function play(picture: Picture, fault: Fault, title: string): Promise<void> {
  const stage = await stageFrom(picture, { env: ENV });
  const handle = stage.emulator.addFault(fault);
  try {
    const codes = await runUntilDone(stage, ['sync']);
    expect(handle.hits).toBe(fault.times === undefined ? 1 : fault.times);
    expect(codes.slice(0, -1).filter((code) => code !== 1)).toEqual([]);
    await checkPromises(stage);
  } catch (error) {
    throw new Error(title, { cause: error });
  }
}

interface Case {
  readonly title: string;
  readonly fault: Fault;
}

async function playAll(cases: readonly Case[], sink: SinkKind = 'file'): Promise<void> {
  const picture = await takePicture(sink);
  const queue = [...cases];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) await play(picture, next.fault, next.title);
  };
  await Promise.all(Array.from({ length: WIDTH }, work));
}

function casesOf(path: (typeof OPERATIONS)[number]): readonly Case[] {
  return ACTIONS.filter(({ only = path }) => only === path).map(({ title, action }) => ({
    title: `${title} of a ${path}`,
    fault: { match: { path }, action },
  }));
}

test.each(OPERATIONS)(
  'I1 to I4 hold after every fault of a %s, and the sync converges',
  { timeout: 180_000 },
  (path) => playAll(casesOf(path)),
);

/** Each way in which a request's fate is unknown, and each operation that writes, with records in a Vault. */
const CORE: readonly string[] = [
  'a reset after the commit of a create',
  'a 500 after the commit of a create',
  'silence after the commit of a create',
  'a 201 without its secret of a create',
  'a reset after the commit of a update',
  'a 503 after the commit of a delete',
  'a truncated body of a list',
];

test(
  'I1 to I4 hold after the core of these faults with records in a Vault',
  { timeout: 180_000 },
  async () => {
    const cases = OPERATIONS.flatMap(casesOf).filter(({ title }) => CORE.includes(title));
    expect(cases).toHaveLength(CORE.length);
    await playAll(cases, 'vault');
  },
);

test('I4: three lost answers to the POST in a row leave nothing behind', async () => {
  await playAll([
    { title: 'three resets', fault: { match: { path: 'create' }, times: 3, action: { kind: 'reset' } } },
    {
      title: 'three 503',
      fault: { match: { path: 'create' }, times: 3, action: { kind: 'status', status: 503, commit: true } },
    },
  ]);
});

test.each(['file', 'vault'] as const)(
  'I4: a POST that lands after its sync has given it up is collected (a %s)',
  async (sink) => {
    const stage = await openStage({ sink, entries: { fresh: AT('fresh') }, env: ENV });
    const late = stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'late' } });
    expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
    late.release();
    const young = await stage.run(['sync']);
    expect(young.code, 'it might still be worked on').toBe(3);
    stage.emulator.shiftClock(10_000);
    expect(await runUntilDone(stage, ['sync'])).toEqual([0]);
    await checkPromises(stage);
  },
);

test('I4: a POST that lands between the look for it and the next POST is found or collected', async () => {
  const stage = await openStage({ entries: { fresh: AT('fresh') }, env: ENV });
  stage.emulator.addFault({ match: { path: 'create' }, action: { kind: 'late', landAfter: 2 } });
  await stage.run(['sync']);
  stage.emulator.shiftClock(10_000);
  await runUntilDone(stage, ['sync']);
  await checkPromises(stage);
});

test('I8: a list that lacks what GET by id finds leads to no write, and exit 1', async () => {
  const picture = await takePicture('file');
  const stage = await stageFrom(picture, { env: ENV });
  stage.emulator.addFault({ match: { path: 'list' }, times: 'always', action: { kind: 'partial', drop: 1 } });
  const result = await stage.run(['sync']);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('cannot trust the list');
  expect(stage.emulator.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  stage.emulator.clearFaults();
  await runUntilDone(stage, ['sync']);
  await checkPromises(stage);
});
