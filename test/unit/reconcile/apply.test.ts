import { describe, expect, it } from 'vitest';
import type { Operation } from '../../../src/domain/operation.ts';
import type { OperationResult, Report } from '../../../src/domain/report.ts';
import { applyPlan } from '../../../src/reconcile/apply.ts';
import type { Progress } from '../../../src/reconcile/context.ts';
import { liveAt } from '../../simulation/model-api.ts';
import { recordIn } from '../../simulation/model-sink.ts';
import {
  makeCollect,
  makeCreate,
  makeDelete,
  makeForget,
  makeMakeWay,
  makePlan,
  makeRecover,
  makeRename,
  makeReplace,
  makeUpdate,
} from '../../support/plan-builders.ts';
import { QUIET } from '../../support/quiet-progress.ts';
import { fieldsAt, intentOf, makeBench, overtake, placeLive, placeOwned, URL, type Bench } from './bench.ts';

function create(name: string, after: readonly string[] = []): Operation {
  return makeCreate({ name, after, fields: fieldsAt(`https://hooks.example.com/${name}`) });
}

function apply(
  bench: Bench,
  operations: readonly Operation[],
  options: { width?: number; progress?: Progress } = {},
): Promise<Report> {
  const { width = 2, progress = QUIET } = options;
  return applyPlan(makePlan({ operations }), bench.context({ progress }), width);
}

function statuses({ items }: Report): Record<string, OperationResult['status']> {
  return Object.fromEntries(items.map(({ operation, result }) => [operation.key, result.status]));
}

describe('order and width', () => {
  it('runs each operation after those that it waits for', async () => {
    const bench = makeBench();
    const ended: string[] = [];
    const progress: Progress = {
      ...QUIET,
      started: ({ after }) => expect(ended).toEqual(expect.arrayContaining([...after])),
      ended: ({ key }) => ended.push(key),
    };
    const operations = [create('c', ['create a', 'create b']), create('b', ['create a']), create('a')];
    const report = await apply(bench, operations, { progress });
    expect(ended).toEqual(['create a', 'create b', 'create c']);
    expect(report.items.map(({ operation }) => operation)).toEqual(operations);
    expect(bench.api.live.size).toBe(3);
  });

  it('runs as many at a time as it may, and no more', async () => {
    const bench = makeBench();
    let running = 0;
    let most = 0;
    const progress: Progress = {
      ...QUIET,
      started: () => (most = Math.max(most, (running += 1))),
      ended: () => (running -= 1),
    };
    await apply(
      bench,
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => create(name)),
      { width: 3, progress },
    );
    expect(most).toBe(3);
    expect(bench.api.live.size).toBe(7);
  });

  it('does nothing for an empty plan', async () => {
    expect(await apply(makeBench(), [])).toEqual({ items: [], wasInterrupted: false });
  });
});

describe('an operation that does not succeed', () => {
  it('lets the others go on, and skips what waits for it, and what waits for that', async () => {
    const bench = makeBench();
    bench.script('post', { fail: 'refused' });
    const operations = [create('a'), create('b', ['create a']), create('c', ['create b']), create('d')];
    const report = await apply(bench, operations, { width: 1 });
    expect(statuses(report)).toEqual({
      'create a': 'failed',
      'create b': 'skipped',
      'create c': 'skipped',
      'create d': 'done',
    });
    expect([...bench.api.live.values()].map(({ target_url }) => target_url)).toEqual([
      'https://hooks.example.com/d',
    ]);
  });

  it('counts as held when another process was there first', async () => {
    const bench = makeBench();
    const context = bench.context();
    overtake(bench, 'a', { intent: intentOf('https://hooks.example.com/a?linq_gitops=inst.x', bench) });
    const report = await applyPlan(makePlan({ operations: [create('a')] }), context, 1);
    expect(report.items[0]?.result).toEqual({
      status: 'held',
      guard: 'in-flight',
      reason: 'process 2 on b is working on it',
    });
    expect(bench.api.live.size).toBe(0);
  });

  it('is held without a name when not even the record can be read', async () => {
    const bench = makeBench();
    const context = bench.context();
    overtake(bench, 'a', {});
    bench.script('sink-read', {}, { fail: 'lost' });
    const report = await applyPlan(makePlan({ operations: [create('a')] }), context, 1);
    expect(report.items[0]?.result).toMatchObject({ reason: 'another process is working on it' });
  });

  it.each([
    { fail: 'lost', status: 'unknown' },
    { fail: 'refused', status: 'failed' },
  ] as const)('is $status when its request is $fail', async ({ fail, status }) => {
    const bench = makeBench();
    const { id } = placeLive(bench, 'https://elsewhere.example.net/');
    bench.script('delete', { fail });
    const report = await apply(bench, [makeDelete({ name: null, subscription_id: id })]);
    expect(report.items[0]?.result.status).toBe(status);
    expect(bench.api.live.has(id)).toBe(true);
  });

  it('is skipped when what it waits for is not in the plan', async () => {
    const bench = makeBench();
    const report = await apply(bench, [create('a', ['create z'])]);
    expect(report.items[0]?.result.status).toBe('skipped');
    expect(bench.api.live.size).toBe(0);
  });

  it('throws a bug only after the others have ended', async () => {
    const bench = makeBench();
    bench.script('post', { bug: new TypeError('a bug') });
    await expect(apply(bench, [create('a'), create('b'), create('c')])).rejects.toThrow(TypeError);
    expect([...bench.api.live.values()].map(({ target_url }) => target_url)).toEqual([
      'https://hooks.example.com/b',
      'https://hooks.example.com/c',
    ]);
  });
});

describe('the signal to stop', () => {
  it('lets the work in hand end, and begins nothing new (5.6)', async () => {
    const bench = makeBench();
    bench.script('post', { before: () => bench.stop.abort() });
    const report = await apply(bench, [create('a'), create('b'), create('c')], { width: 1 });
    expect(statuses(report)).toEqual({ 'create a': 'done', 'create b': 'skipped', 'create c': 'skipped' });
    expect(report.wasInterrupted).toBe(true);
    expect(recordIn(bench.sink, 'a')?.current?.subscription_id).toBe(
      liveAt(bench.api, 'https://hooks.example.com/a')?.id,
    );
    expect(bench.api.live.size).toBe(1);
  });

  it('keeps what is live and recorded as it is, and tells of all that is left out', async () => {
    const bench = makeBench();
    const id = placeOwned(bench);
    const ended: string[] = [];
    const progress: Progress = {
      ...QUIET,
      started: () => expect.unreachable(),
      ended: ({ key }) => ended.push(key),
    };
    bench.stop.abort();
    const operations = [
      makeUpdate({ name: 'orders', subscription_id: id }),
      makeDelete({ name: 'orders', subscription_id: id, after: ['update orders'] }),
    ];
    const report = await apply(bench, operations, { progress });
    expect(report.items.map(({ result }) => result)).toEqual([
      { status: 'skipped', reason: 'interrupted' },
      { status: 'skipped', reason: '"update orders" did not succeed' },
    ]);
    expect(ended).toEqual(['update orders', 'delete orders']);
    expect(bench.api.live.get(id)?.subscribed_events).toEqual(['message.received']);
    expect(bench.sink.writes).toBe(0);
  });
});

describe('every kind of operation', () => {
  it('does in one plan what each says', async () => {
    const bench = makeBench();
    const updated = placeOwned(bench, 'updated', 'https://hooks.example.com/updated');
    const deleted = placeOwned(bench, 'deleted', 'https://hooks.example.com/deleted');
    placeOwned(bench, 'former', 'https://hooks.example.com/former');
    const moved = placeOwned(bench, 'moved', 'https://hooks.example.com/moved');
    const orphan = placeLive(bench, 'https://hooks.example.com/x?linq_gitops=inst.x', 'p0').id;
    const marked = 'https://hooks.example.com/crm?linq_gitops=inst.y';
    placeLive(bench, marked, 'p0');
    overtake(bench, 'crm', { intent: intentOf(marked, bench) });
    const report = await apply(bench, [
      create('created'),
      makeUpdate({ name: 'updated', subscription_id: updated }),
      makeDelete({ name: 'deleted', subscription_id: deleted }),
      makeRename({ name: 'latter', from: 'former' }),
      makeRecover({ name: 'crm' }),
      makeMakeWay({ name: 'moved', subscription_id: moved, target_url: 'https://hooks.example.com/way' }),
      makeCollect({ subscription_id: orphan, target_url: bench.api.live.get(orphan)!.target_url }),
    ]);
    expect(new Set(Object.values(statuses(report)))).toEqual(new Set(['done']));
    expect([...bench.api.live.values()].map(({ target_url }) => target_url).sort()).toEqual([
      'https://hooks.example.com/created',
      'https://hooks.example.com/former',
      'https://hooks.example.com/updated',
      expect.stringMatching(/way\?linq_gitops=inst\./),
    ]);
    expect(bench.api.live.get(updated)?.subscribed_events).toEqual(['message.failed']);
    expect(['crm', 'deleted', 'former'].map((name) => recordIn(bench.sink, name))).toEqual([
      null,
      null,
      null,
    ]);
    expect(recordIn(bench.sink, 'latter')?.current).not.toBeNull();
  });

  it('replaces, and forgets what was replaced', async () => {
    const bench = makeBench();
    const old = placeOwned(bench);
    const fields = fieldsAt(URL);
    const operation = makeReplace({ name: 'orders', subscription_id: old, fields, overlap: 0 });
    const report = await apply(bench, [operation, makeForget({ after: [operation.key] })]);
    expect(report.items.map(({ result }) => result)).toEqual([{ status: 'done' }, { status: 'done' }]);
    const record = recordIn(bench.sink, 'orders');
    expect([...bench.api.live.keys()]).toEqual([record?.current?.subscription_id]);
    expect(bench.api.live.has(old)).toBe(false);
    expect(record?.previous).toBeNull();
  });
});
