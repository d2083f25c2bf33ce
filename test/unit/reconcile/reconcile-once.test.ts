import { describe, expect, it } from 'vitest';
import { RefusedError, RequestError } from '../../../src/domain/errors.ts';
import { planOnce, reconcileOnce, type PassContext } from '../../../src/reconcile/reconcile-once.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { liveAt } from '../../simulation/model-api.ts';
import { recordIn } from '../../simulation/model-sink.ts';
import { QUIET } from '../../support/quiet-progress.ts';
import {
  fileOf,
  makeBench,
  makeDesired,
  ME,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
} from './bench.ts';

function passOf(bench: Bench, overrides: Partial<PassContext> = {}): PassContext & { notices: string[] } {
  const notices: string[] = [];
  let uniques = 0;
  return {
    notices,
    reader: bench.linq,
    writer: bench.linq,
    secrets: bench.secrets,
    sink: bench.secrets,
    settings: SETTINGS,
    allowances: [],
    holder: ME,
    isGone: () => Promise.resolve(false),
    clock: bench.clock,
    unique: () => `u${(uniques += 1)}`,
    stop: { signal: bench.stop.signal, graceMs: 2_000 },
    progress: QUIET,
    storeTimeout: SETTINGS.secrets.store_timeout,
    isFileBad: false,
    fights: new Set(),
    rotate: new Map(),
    adopt: new Map(),
    only: null,
    expectedPlan: null,
    onPlan: () => undefined,
    onNotice: (notice) => notices.push(notice),
    ...overrides,
  };
}

describe('one pass', () => {
  it('brings the account to what the file says, and the next plan is empty (I1)', async () => {
    const bench = makeBench();
    const { report } = await reconcileOnce(fileOf(), passOf(bench));
    expect(report.items.map(({ result }) => result.status)).toEqual(['done']);
    expect([...bench.api.live.values()].map(({ target_url }) => target_url)).toEqual([URL]);
    const next = await reconcileOnce(fileOf(), passOf(bench));
    expect(next.plan.operations).toEqual([]);
    expect(next.plan.held).toEqual([]);
  });

  it('tells what the sink and a fresh account have to say, before the first write', async () => {
    const bench = makeBench();
    bench.sink.notices.push('the folder is on an overlay');
    const pass = passOf(bench);
    await reconcileOnce(fileOf(), pass);
    expect(pass.notices).toEqual([
      'the folder is on an overlay',
      "first write into model:_installation; the account's lines: +12025550100",
    ]);
    const later = passOf(bench);
    await reconcileOnce(makeDesired([]), later);
    expect(later.notices).toEqual(['the folder is on an overlay']);
  });

  it('does not know the lines of an account without any', async () => {
    const bench = makeBench();
    bench.api.lines.length = 0;
    const pass = passOf(bench);
    await reconcileOnce(fileOf(), pass);
    expect(pass.notices).toEqual(["first write into model:_installation; the account's lines: not known"]);
  });

  it('writes nothing at all where there is nothing to do in a fresh sink', async () => {
    const bench = makeBench();
    const { report } = await reconcileOnce(makeDesired([]), passOf(bench));
    expect(report).toEqual({ items: [], wasInterrupted: false });
    expect(bench.sink.installation).toBeUndefined();
    expect(bench.sink.writes + bench.api.writes).toBe(0);
  });

  it('notes new lines of the account where there is nothing else to do', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    placeOwned(bench);
    bench.api.lines.push({ id: 'line-2', phone_number: '+12025550101' });
    // Proving that the sink can be written takes a while: only what is to be done is worth it.
    bench.sink.notices.push('the folder is on an overlay');
    const pass = passOf(bench);
    await reconcileOnce(fileOf(), pass);
    expect(bench.sink.installation?.record?.line_ids).toEqual(['line-1', 'line-2']);
    expect(pass.notices).toEqual([]);
  });

  it('notes them also where all that is to be done is held', async () => {
    const bench = makeBench();
    placeInstallation(bench, ['line-0', 'line-1']);
    placeLive(bench, URL);
    const { plan } = await reconcileOnce(fileOf(), passOf(bench));
    expect(plan).toMatchObject({ operations: [], held: [{ guard: 'unowned' }] });
    expect(bench.sink.installation?.record?.line_ids).toEqual(['line-1']);
  });

  it('says so where the lines of a fresh account cannot be had', async () => {
    const bench = makeBench();
    const lost = new RequestError('cannot read', { outcome: 'unknown', method: 'GET', url: '' });
    const pass = passOf(bench, {
      reader: { ...bench.linq, listPhoneLines: () => Promise.reject(lost) },
    });
    await reconcileOnce(fileOf(), pass);
    expect(pass.notices).toEqual(["first write into model:_installation; the account's lines: not known"]);
  });

  it('creates an entry again whose name was removed before: its place has a version of its own', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    bench.sink.slots.set('orders', { version: 'of the removal', record: null });
    const { report } = await reconcileOnce(fileOf(), passOf(bench));
    expect(report.items.map(({ result }) => result)).toEqual([{ status: 'done' }]);
    expect(recordIn(bench.sink, 'orders')?.current).not.toBeNull();
  });

  it('reckons with a request that lands as late as four times its time-out', async () => {
    const bench = makeBench();
    const late = 4 * SETTINGS.api.timeout;
    expect((await planOnce(fileOf(), passOf(bench))).input.landingTime).toBe(late);
    const deadlines: unknown[] = [];
    const look = { before: () => deadlines.push(recordIn(bench.sink, 'orders')?.intent?.deadline) };
    bench.script('post', look);
    const expected = new Date(bench.clock.now() + late).toISOString();
    await reconcileOnce(fileOf(), passOf(bench));
    expect(deadlines).toEqual([expected]);
  });

  it("writes the server's time into records, however wrong the local clock is", async () => {
    const bench = makeBench();
    const clock = { ...bench.clock, now: () => bench.clock.now() - 7_200_000 };
    await reconcileOnce(fileOf(), passOf(bench, { clock }));
    const expected = new Date(bench.clock.now()).toISOString();
    expect(recordIn(bench.sink, 'orders')?.applied_from?.server_time).toBe(expected);
  });

  it('does and shows what is planned for the names that are asked for, and nothing else', async () => {
    const bench = makeBench();
    const both = makeDesired([...fileOf().entries, ...fileOf(`${URL}&line=2`, 'billing').entries]);
    const { plan } = await reconcileOnce(both, passOf(bench, { only: new Set(['billing']) }));
    expect(plan.operations.map(({ key }) => key)).toEqual(['create billing']);
    expect([...bench.api.live.values()].map(({ target_url }) => target_url)).toEqual([`${URL}&line=2`]);
  });

  it('leaves another account, and the lines that it knows, alone', async () => {
    const bench = makeBench();
    placeInstallation(bench, ['line-0']);
    const { plan } = await reconcileOnce(fileOf(), passOf(bench));
    expect(new Set(plan.held.map(({ guard }) => guard))).toEqual(new Set(['account']));
    expect(bench.sink.writes + bench.api.writes).toBe(0);
    expect(bench.sink.installation?.record?.line_ids).toEqual(['line-0']);
  });
});

describe('an adoption by replacement', () => {
  const both = makeDesired([...fileOf().entries, ...fileOf(`${URL}&line=2`, 'billing').entries]);

  it('is refused as a whole where one of the names has nothing to take over', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, URL);
    const adopt = new Map([
      ['orders', null],
      ['billing', null],
    ]);
    const refusal = 'cannot adopt billing: nothing that is not managed is live at its URL';
    await expect(reconcileOnce(both, passOf(bench, { adopt }))).rejects.toMatchObject({
      name: 'RefusedError',
      message: refusal,
      hint: 'what is not live is created by: linq-gitops sync',
    });
    expect([...bench.api.live.keys()]).toEqual([id]);
    expect(bench.sink.writes).toBe(0);
  });

  it('is begun where all can be', async () => {
    const bench = makeBench();
    const { id } = placeLive(bench, URL);
    await reconcileOnce(fileOf(), passOf(bench, { adopt: new Map([['orders', null]]) }));
    expect(recordIn(bench.sink, 'orders')?.retire).toEqual({ subscription_id: id });
    expect(liveAt(bench.api, URL)?.id).toBe(id);
  });
});

describe('an expected plan', () => {
  it('is applied when the plan has this id', async () => {
    const bench = makeBench();
    const ids: string[] = [];
    const pass = passOf(bench, { expectedPlan: '00000000', onPlan: ({ id }) => void ids.push(id) });
    await expect(reconcileOnce(fileOf(), pass)).rejects.toBeInstanceOf(RefusedError);
    expect(bench.sink.writes + bench.api.writes).toBe(0);
    await reconcileOnce(fileOf(), passOf(bench, { expectedPlan: ids[0]!.slice(0, 8) }));
    expect(recordIn(bench.sink, 'orders')?.current).not.toBeNull();
  });
});
