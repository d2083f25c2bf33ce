import { describe, expect, it } from 'vitest';
import { RequestError, SinkConflictError, SinkError } from '../../../src/domain/errors.ts';
import type { ReplaceOperation } from '../../../src/domain/operation.ts';
import { emptyRecord, type EntryRecord, type Replacement } from '../../../src/domain/record.ts';
import { Secret } from '../../../src/domain/secret.ts';
import { applyPlan } from '../../../src/reconcile/apply.ts';
import { renameEntry } from '../../../src/reconcile/change.ts';
import type { PassContext } from '../../../src/reconcile/reconcile-once.ts';
import { replaceEntry } from '../../../src/reconcile/replace.ts';
import { liveAt } from '../../simulation/model-api.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { placeRecord, recordIn } from '../../simulation/model-sink.ts';
import { makePlan, makeRename, makeReplace } from '../../support/plan-builders.ts';
import {
  fieldsAt,
  fileOf,
  LANDING_TIME,
  makeBench,
  makeDesired,
  overtake,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
} from './bench.ts';

const OVERLAP = 600_000;
const LONG = { ...SETTINGS, replace: { ...SETTINGS.replace, overlap: 100 * LANDING_TIME } };
const ROTATE: Partial<PassContext> = { rotate: new Map([['orders', 'rotate']]) };
const ABORT: Partial<PassContext> = { rotate: new Map([['orders', 'abort']]) };

/** An entry of ours that is what the file says, and a foreign subscription beside it. */
function makeOwned(): { bench: Bench; old: string } {
  const bench = makeBench();
  placeInstallation(bench);
  placeLive(bench, 'https://elsewhere.example.net/');
  return { bench, old: placeOwned(bench) };
}

/** The same in its overlap: `next` rests. */
async function makeOverlap(
  overrides: Partial<PassContext> = {},
): Promise<{ bench: Bench; old: string; next: string }> {
  const { bench, old } = makeOwned();
  await bench.laterPass(fileOf(), { ...ROTATE, ...overrides });
  return { bench, old, next: nextIn(bench) };
}

function nextIn({ sink }: Bench): string {
  const id = recordIn(sink, 'orders')?.next?.subscription_id;
  if (id === undefined) throw new Error('no replacement is under way');
  return id;
}

function replace(overrides: Partial<ReplaceOperation>): ReplaceOperation {
  return makeReplace({ name: 'orders', fields: fieldsAt(URL), overlap: OVERLAP, ...overrides });
}

/** Runs `step` of a replacement that is under way. */
function go(
  step: ReplaceOperation['step'],
  { bench, old, next }: { bench: Bench; old: string; next: string },
  overrides: Partial<ReplaceOperation> = {},
): ReturnType<typeof replaceEntry> {
  const operation = replace({
    step,
    reason: 'under-way',
    subscription_id: old,
    replacement_id: next,
    ...overrides,
  });
  return replaceEntry(operation, bench.context());
}

/** What happens to a process that is killed. */
const KILLED = { bug: new TypeError('killed') };

function setActive({ api }: Bench, id: string, is_active: boolean): void {
  const live = api.live.get(id);
  if (live) api.live.set(id, { ...live, is_active });
}

function expectSecret({ api }: Bench, id: string, secret: Secret | null | undefined): void {
  expect(secret?.reveal()).toBe(api.issued.get(id)?.secret);
}

/** The new one alone is at the declared URL and delivers, and the record says so. */
function expectReplaced(bench: Bench, old: string, next: string): void {
  expect(bench.api.live.has(old)).toBe(false);
  expect(liveAt(bench.api, URL)).toMatchObject({ id: next, is_active: true });
  const record = recordIn(bench.sink, 'orders');
  expect(record).toMatchObject({
    current: { subscription_id: next, target_url: URL },
    next: null,
    retire: null,
  });
  expectSecret(bench, next, record?.current?.signing_secret);
}

/** The old one delivers as before, and nothing is under way. */
function expectKept(bench: Bench, old: string): void {
  expect(bench.api.live.size).toBe(2);
  expect(liveAt(bench.api, URL)).toMatchObject({ id: old, is_active: true });
  const record = recordIn(bench.sink, 'orders');
  expect(record).toMatchObject({ current: { subscription_id: old }, next: null, retire: null, intent: null });
  expectSecret(bench, old, record?.current?.signing_secret);
}

describe('from the first step to the overlap', () => {
  it('stores the new secret as the next one, and lets the new subscription rest', async () => {
    const { bench, old } = makeOwned();
    const began = bench.clock.now();
    const result = await replaceEntry(replace({ subscription_id: old }), bench.context());
    const until = new Date(began + OVERLAP).toISOString();
    expect(result).toEqual({ status: 'done', note: `step 3 of 5: overlap until ${until}` });
    const next = nextIn(bench);
    const record = recordIn(bench.sink, 'orders');
    expect(record?.next).toMatchObject({
      deactivated: true,
      ready_at: new Date(began).toISOString(),
      compromised: false,
      ending: null,
    });
    expectSecret(bench, next, record?.next?.signing_secret);
    expect(record?.current?.subscription_id).toBe(old);
    expect(bench.api.live.get(next)).toMatchObject({ is_active: false });
    expect(liveAt(bench.api, URL)).toMatchObject({ id: old, is_active: true });
  });

  it('counts the overlap from the deactivation that was answered', async () => {
    const { bench, old } = makeOwned();
    bench.script('put', { fail: 'lost' });
    const operation = replace({ subscription_id: old });
    await expect(replaceEntry(operation, bench.context())).rejects.toBeInstanceOf(RequestError);
    expect(recordIn(bench.sink, 'orders')?.next?.ready_at).toBeNull();
    await bench.clock.sleep(LANDING_TIME);
    await go('rest', { bench, old, next: nextIn(bench) });
    expect(recordIn(bench.sink, 'orders')?.next?.ready_at).toBe(new Date(bench.clock.now()).toISOString());
    expect(bench.api.live.get(nextIn(bench))?.is_active).toBe(false);
  });

  it('says in the record that it deactivates before it does so, and not earlier', async () => {
    const { bench, old } = makeOwned();
    const said: unknown[] = [];
    const look = { after: () => said.push(recordIn(bench.sink, 'orders')?.next?.deactivated) };
    bench.script('sink-write', look, look, look);
    await replaceEntry(replace({ subscription_id: old }), bench.context());
    expect(said).toEqual([undefined, false, true]);
  });

  it('deactivates nothing at all where there is no overlap', async () => {
    const { bench, old } = makeOwned();
    const inactive: string[] = [];
    bench.watch = () =>
      inactive.push(...[...bench.api.live.values()].flatMap((one) => (one.is_active ? [] : [one.id])));
    await replaceEntry(replace({ subscription_id: old, overlap: 0 }), bench.context());
    expectReplaced(bench, old, liveAt(bench.api, URL)?.id ?? '');
    expect(inactive).toEqual([]);
  });

  it('stays deactivated where the sink does not take that it is ready', async () => {
    const { bench, old } = makeOwned();
    bench.script('sink-write', {}, {}, {}, { fail: 'lost' });
    await expect(replaceEntry(replace({ subscription_id: old }), bench.context())).rejects.toBeInstanceOf(
      SinkError,
    );
    expect(bench.api.live.get(nextIn(bench))).toMatchObject({ is_active: false });
    expect(recordIn(bench.sink, 'orders')?.next?.ready_at).toBeNull();
  });

  it.each([
    { at: 'early', after: 1_000, extends: 0 },
    { at: 'late', after: OVERLAP - 1_000, extends: LANDING_TIME - 1_000 },
  ])('lets a second deactivation land before the overlap ends, where it comes $at', async (row) => {
    const { bench, old } = makeOwned();
    await replaceEntry(replace({ subscription_id: old }), bench.context());
    const next = nextIn(bench);
    const ready = Date.parse(recordIn(bench.sink, 'orders')?.next?.ready_at ?? '');
    await bench.clock.sleep(row.after);
    setActive(bench, next, true);
    await go('rest', { bench, old, next });
    const again = Date.parse(recordIn(bench.sink, 'orders')?.next?.ready_at ?? '');
    expect(again - ready).toBe(row.extends);
    expect(bench.api.live.get(next)?.is_active).toBe(false);
  });

  it('leaves the record as it was when the POST is refused', async () => {
    const { bench, old } = makeOwned();
    const before = recordIn(bench.sink, 'orders');
    bench.script('post', { fail: 'refused' });
    expect(await replaceEntry(replace({ subscription_id: old }), bench.context())).toMatchObject({
      status: 'failed',
    });
    expect(recordIn(bench.sink, 'orders')).toEqual(before);
    expectKept(bench, old);
  });

  it('leaves what another process has begun alone', async () => {
    const { bench, old, next } = await makeOverlap();
    const result = await replaceEntry(replace({ subscription_id: old }), bench.context());
    expect(result).toMatchObject({ status: 'skipped' });
    expect(nextIn(bench)).toBe(next);
    expect(bench.api.live.size).toBe(3);
  });
});

describe('the switch', () => {
  it('waits for the overlap, and as long as a deactivation may land', async () => {
    const { bench, old, next } = await makeOverlap();
    const replace = { ...SETTINGS.replace, overlap: 10 * LANDING_TIME };
    const { plan } = await bench.laterPass(fileOf(), { settings: { ...SETTINGS, replace } });
    expect(plan).toMatchObject({ operations: [], waiting: [{ name: 'orders' }] });
    expect(bench.api.live.has(old)).toBe(true);
    await bench.laterPass(fileOf());
    expectReplaced(bench, old, next);
  });

  it('keeps the secret before until receivers need it no more', async () => {
    const { bench, old } = await makeOverlap();
    await bench.laterPass(fileOf());
    const { previous } = recordIn(bench.sink, 'orders') ?? {};
    expect(previous?.subscription_id).toBe(old);
    expectSecret(bench, old, previous?.signing_secret);
    await bench.laterPass(fileOf());
    expect(recordIn(bench.sink, 'orders')?.previous).toBeNull();
    expect((await bench.laterPass(fileOf())).plan.operations).toEqual([]);
  });

  it('deletes the old one only when the new one is seen active', async () => {
    const { bench, old, next } = await makeOverlap();
    const states: unknown[] = [];
    bench.script('delete', { before: () => states.push(bench.api.live.get(next)?.is_active) });
    await go('switch', { bench, old, next });
    expect(states).toEqual([true]);
    expectReplaced(bench, old, next);
  });

  it.each([
    { what: 'is gone', spoil: (bench: Bench, id: string) => void bench.api.live.delete(id) },
    { what: 'did not take its state', spoil: (bench: Bench, id: string) => setActive(bench, id, false) },
  ])('keeps the old one when the new one $what', async ({ spoil }) => {
    const { bench, old, next } = await makeOverlap();
    bench.script('put', { after: () => spoil(bench, next) });
    expect(await go('switch', { bench, old, next })).toMatchObject({ status: 'failed' });
    expect(liveAt(bench.api, URL)).toMatchObject({ id: old, is_active: true });
    expect(recordIn(bench.sink, 'orders')?.next?.subscription_id).toBe(next);
  });

  it('has nothing to delete where the old one is gone', async () => {
    const { bench, old, next } = await makeOverlap();
    bench.api.live.delete(old);
    bench.script('delete', { bug: new TypeError('nothing to delete') });
    bench.always('sink-read', { bug: new TypeError('nothing that a record could name') });
    expect(await go('switch', { bench, old, next }, { subscription_id: null })).toEqual({ status: 'done' });
    expectReplaced(bench, old, next);
  });

  it('goes on at once where the time of a compromised secret has passed already', async () => {
    const parts = await makeOverlap();
    const result = await go('rest', parts, { overlap: 0, keeps_previous: false });
    expect(result).toEqual({ status: 'done' });
    expect(liveAt(parts.bench.api, URL)).toMatchObject({ id: parts.next, is_active: true });
    expect(recordIn(parts.bench.sink, 'orders')?.previous).toBeNull();
  });

  it.each([
    { secret: 'an old secret', keeps_previous: true },
    { secret: 'no compromised secret', keeps_previous: false },
  ])('keeps $secret, also when it is killed in between', async ({ keeps_previous }) => {
    const { bench, old, next } = await makeOverlap();
    bench.script('put', KILLED);
    await expect(go('switch', { bench, old, next }, { keeps_previous })).rejects.toThrow(TypeError);
    await bench.laterPass(fileOf());
    expectReplaced(bench, old, next);
    const { previous } = recordIn(bench.sink, 'orders') ?? {};
    expect(previous?.subscription_id).toBe(keeps_previous ? old : undefined);
  });

  it('makes active what it deactivated, also when it is killed first and the old one is deleted outside', async () => {
    const { bench, old, next } = await makeOverlap();
    bench.script('put', KILLED);
    await expect(go('switch', { bench, old, next })).rejects.toThrow(TypeError);
    bench.api.live.delete(old);
    await bench.laterPass(fileOf());
    expectReplaced(bench, old, next);
  });

  it('does not wait for receivers once more after an overlap', async () => {
    const { bench, old, next } = await makeOverlap();
    const showSecrets = (): Promise<void> => Promise.reject(new SinkError('cannot export to /x: full'));
    const operation = replace({ step: 'switch', subscription_id: old, replacement_id: next });
    expect(await replaceEntry(operation, bench.context({ showSecrets }))).toEqual({ status: 'done' });
    expectReplaced(bench, old, next);
  });

  it('is a bug where no replacement is under way', async () => {
    const { bench, old } = makeOwned();
    await expect(go('switch', { bench, old, next: 'sub-9' })).rejects.toThrow('no replacement of orders');
  });

  it('ends an overlap although somebody activates what rests again and again', async () => {
    const { bench, old, next } = await makeOverlap({ settings: LONG });
    for (let passes = 0; bench.api.live.has(old); passes += 1) {
      expect(passes).toBeLessThan(60);
      setActive(bench, next, true);
      await bench.laterPass(fileOf(), { settings: LONG });
    }
    expect(liveAt(bench.api, URL)).toMatchObject({ id: next, is_active: true });
  });

  it('ends an overlap early where the secret turns out to be compromised, also after a crash', async () => {
    const parts = await makeOverlap({ settings: LONG });
    const { bench, old, next } = parts;
    const ready = recordIn(bench.sink, 'orders')?.next?.ready_at;
    // It rests already: another deactivation could land late.
    bench.script('put', { bug: new TypeError('nothing to send') });
    const result = await go('rest', parts, { overlap: LANDING_TIME, keeps_previous: false });
    bench.script('put');
    expect(result).toMatchObject({ status: 'done' });
    expect(recordIn(bench.sink, 'orders')?.next?.ready_at).toBe(ready);
    expect(recordIn(bench.sink, 'orders')?.next).toMatchObject({ subscription_id: next, compromised: true });
    // Whoever goes on needs not be told again.
    await bench.laterPass(fileOf(), { settings: LONG });
    expect(recordIn(bench.sink, 'orders')).toMatchObject({
      current: { subscription_id: next },
      next: null,
      previous: null,
    });
    expect(bench.api.live.has(old)).toBe(false);
  });

  it('has an overlap counted where the secret turns out to be compromised before one began', async () => {
    const { bench, old } = makeOwned();
    bench.script('put', KILLED);
    await expect(replaceEntry(replace({ subscription_id: old }), bench.context())).rejects.toThrow(TypeError);
    const next = nextIn(bench);
    await go('rest', { bench, old, next }, { overlap: LANDING_TIME, keeps_previous: false });
    expect(recordIn(bench.sink, 'orders')?.next).toMatchObject({
      ready_at: new Date(bench.clock.now()).toISOString(),
      compromised: true,
      ending: null,
    });
    expect(bench.api.live.get(next)?.is_active).toBe(false);
  });

  it('keeps no secret before of a compromised one, and does not wait', async () => {
    const { bench, old } = makeOwned();
    await bench.laterPass(fileOf(), { rotate: new Map([['orders', 'compromised']]) });
    const record = recordIn(bench.sink, 'orders');
    expectReplaced(bench, old, record?.current?.subscription_id ?? '');
    expect(record?.previous).toBeNull();
  });

  it('carries over what the file changed meanwhile', async () => {
    const { bench, old } = await makeOverlap();
    const fields = fieldsAt(URL, { subscribed_events: ['message.failed'], is_active: false });
    const changed = fileOf(URL, 'orders', { fields });
    await bench.laterPass(changed);
    await bench.laterPass(changed);
    expect(bench.api.live.has(old)).toBe(false);
    expect(liveAt(bench.api, URL)).toMatchObject(fields);
  });
});

describe('two entries that swap their URLs', () => {
  const other = `${URL}&line=2`;
  const swapped = makeDesired([...fileOf(URL, 'billing').entries, ...fileOf(other).entries]);

  it('do so when the overlap of one is over', async () => {
    const { bench, next } = await makeOverlap();
    const billing = placeOwned(bench, 'billing', other);
    for (let pass = 0; pass < 3; pass += 1) await bench.laterPass(swapped);
    expect([liveAt(bench.api, URL)?.id, liveAt(bench.api, other)?.id]).toEqual([billing, next]);
  });

  it('do so when the last step of one was cut off', async () => {
    const { bench, old, next } = await makeOverlap();
    const billing = placeOwned(bench, 'billing', other);
    bench.script('sink-write', {}, {}, { fail: 'lost' });
    await expect(go('switch', { bench, old, next })).rejects.toBeInstanceOf(SinkError);
    expect(liveAt(bench.api, URL)?.id).toBe(next);
    for (let pass = 0; pass < 4; pass += 1) await bench.laterPass(swapped);
    expect([liveAt(bench.api, URL)?.id, liveAt(bench.api, other)?.id]).toEqual([billing, next]);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({ current: { target_url: other }, next: null });
  });
});

describe('an inactive entry', () => {
  it('stays inactive, and its new subscription is never active at the declared URL', async () => {
    const { bench, old } = makeOwned();
    setActive(bench, old, false);
    const delivered: unknown[] = [];
    bench.watch = () => {
      const live = liveAt(bench.api, URL);
      if (live?.is_active === true) delivered.push(live.id);
    };
    await bench.laterPass(fileOf(), ROTATE);
    expect(delivered).toEqual([]);
    expect(bench.api.live.has(old)).toBe(false);
    expect(liveAt(bench.api, URL)?.is_active).toBe(false);
  });

  it('has a new one that is inactive before the switch', async () => {
    const { bench, old } = makeOwned();
    setActive(bench, old, false);
    const states: unknown[] = [];
    bench.script('put', {}, { before: () => states.push(bench.api.live.get(nextIn(bench))?.is_active) });
    await bench.laterPass(fileOf(), ROTATE);
    expect(states).toEqual([false]);
    expect(bench.api.live.has(old)).toBe(false);
  });

  it('stays inactive when the old one is deleted outside half-way', async () => {
    const { bench, old } = makeOwned();
    setActive(bench, old, false);
    bench.script('get', { bug: new TypeError('a crash') });
    await expect(bench.laterPass(fileOf(), ROTATE)).rejects.toThrow(TypeError);
    bench.api.live.delete(old);
    await bench.laterPass(fileOf());
    expect(liveAt(bench.api, URL)?.is_active).toBe(false);
    expect(recordIn(bench.sink, 'orders')?.next).toBeNull();
  });

  it('that a person stops in the overlap stays so, also when the switch is cut off', async () => {
    const { bench, old, next } = await makeOverlap();
    setActive(bench, old, false);
    const crash = (): never => {
      throw new TypeError('a crash');
    };
    bench.script('delete', { after: crash });
    await expect(go('switch', { bench, old, next }, { is_active: false })).rejects.toThrow(TypeError);
    await bench.laterPass(fileOf());
    expect(bench.api.live.has(old)).toBe(false);
    expect(liveAt(bench.api, URL)).toMatchObject({ id: next, is_active: false });
  });
});

describe('the last step', () => {
  it('is held while another subscription has the URL, and done when it is free', async () => {
    const { bench, old, next } = await makeOverlap();
    let thief = '';
    bench.script('delete', { after: () => (thief = placeLive(bench, URL).id) });
    expect(await go('switch', { bench, old, next })).toMatchObject({ status: 'held', guard: 'url-taken' });
    expect(liveAt(bench.api, URL)?.id).toBe(thief);
    expect(bench.api.live.get(next)?.is_active).toBe(true);
    const { plan } = await bench.laterPass(fileOf());
    expect(plan.held).toMatchObject([{ name: 'orders', guard: 'url-taken' }]);
    bench.api.live.delete(thief);
    await bench.laterPass(fileOf());
    expectReplaced(bench, old, next);
  });

  it.each(['fail', 'lost'] as const)('is done by the next pass when its PUT was %s', async (how) => {
    const { bench, old, next } = await makeOverlap();
    bench.script('put', {}, { [how]: 'lost' });
    expect(await go('switch', { bench, old, next })).toMatchObject({ status: 'unknown' });
    await bench.laterPass(fileOf());
    expectReplaced(bench, old, next);
  });

  it('throws a bug', async () => {
    const { bench, old, next } = await makeOverlap();
    bench.script('put', {}, { bug: new TypeError('a bug') });
    await expect(go('switch', { bench, old, next })).rejects.toThrow(TypeError);
  });
});

describe('an adoption', () => {
  const CONSENT: Partial<PassContext> = { allowances: [{ guard: 'unowned', name: 'orders' }] };

  function makeForeign(): { bench: Bench; foreign: string } {
    const bench = makeBench();
    placeInstallation(bench);
    placeLive(bench, 'https://elsewhere.example.net/');
    return { bench, foreign: placeLive(bench, URL).id };
  }

  it('names the foreign one as the one to retire, and deletes it at the switch only', async () => {
    const { bench, foreign } = makeForeign();
    await bench.laterPass(fileOf(), CONSENT);
    expect(recordIn(bench.sink, 'orders')).toMatchObject({
      current: null,
      retire: { subscription_id: foreign },
    });
    expect(liveAt(bench.api, URL)).toMatchObject({ id: foreign, is_active: true });
    const next = nextIn(bench);
    await bench.laterPass(fileOf());
    expectReplaced(bench, foreign, next);
    expect(recordIn(bench.sink, 'orders')?.previous).toBeNull();
  });

  it('leaves a foreign one that another record names by now alone (I3)', async () => {
    const { bench, foreign } = makeForeign();
    await bench.laterPass(fileOf(), CONSENT);
    const next = nextIn(bench);
    const secret = new Secret(bench.api.issued.get(foreign)?.secret ?? '');
    const context = bench.context();
    placeRecord(bench.sink, {
      ...emptyRecord('shop', 'default'),
      current: { subscription_id: foreign, target_url: URL, signing_secret: secret, created_at: '' },
    });
    const operation = replace({ step: 'switch', subscription_id: foreign, replacement_id: next });
    expect(await replaceEntry(operation, context)).toMatchObject({ status: 'skipped' });
    expect(bench.api.live.has(foreign)).toBe(true);
    expect(nextIn(bench)).toBe(next);
    expect(bench.api.live.get(next), 'nothing is delivered twice').toMatchObject({ is_active: false });
  });

  it('leaves a foreign one that another record comes to name while the new one is activated (I3)', async () => {
    const { bench, foreign } = makeForeign();
    await bench.laterPass(fileOf(), CONSENT);
    const next = nextIn(bench);
    const secret = new Secret(bench.api.issued.get(foreign)?.secret ?? '');
    const current = { subscription_id: foreign, target_url: URL, signing_secret: secret, created_at: '' };
    bench.script('put', {
      after: () => placeRecord(bench.sink, { ...emptyRecord('shop', 'default'), current }),
    });
    const operation = replace({ step: 'switch', subscription_id: foreign, replacement_id: next });
    expect(await replaceEntry(operation, bench.context())).toMatchObject({ status: 'skipped' });
    expect(bench.api.live.has(foreign)).toBe(true);
  });

  it('asks for consent again when the POST is refused', async () => {
    const { bench, foreign } = makeForeign();
    bench.script('post', { fail: 'refused' });
    await bench.laterPass(fileOf(), CONSENT);
    expect(recordIn(bench.sink, 'orders')).toBeNull();
    const { plan } = await bench.laterPass(fileOf());
    expect(plan).toMatchObject({ operations: [], held: [{ name: 'orders', guard: 'unowned' }] });
    expect(bench.api.live.has(foreign)).toBe(true);
  });

  it('puts the record of one of ours that is gone back when the POST is refused', async () => {
    const { bench, foreign } = makeForeign();
    bench.api.live.delete(foreign);
    bench.api.live.delete(placeOwned(bench));
    placeLive(bench, URL);
    const before = recordIn(bench.sink, 'orders') as EntryRecord;
    bench.script('post', { fail: 'refused' });
    await bench.laterPass(fileOf(), CONSENT);
    expect(recordIn(bench.sink, 'orders')).toEqual(before);
  });

  it('keeps the secret of one of ours that is gone as the previous one', async () => {
    const { bench, foreign } = makeForeign();
    bench.api.live.delete(foreign);
    const gone = placeOwned(bench);
    bench.api.live.delete(gone);
    placeLive(bench, URL);
    await bench.laterPass(fileOf(), CONSENT);
    const { current, previous } = recordIn(bench.sink, 'orders') ?? {};
    expect(current).toBeNull();
    expect(previous?.subscription_id).toBe(gone);
    expectSecret(bench, gone, previous?.signing_secret);
  });

  it('keeps the consent where it is interrupted', async () => {
    const { bench, foreign } = makeForeign();
    const before = bench.context();
    bench.script('post', { fail: 'busy' });
    bench.onSleep = () => bench.stop.abort();
    const result = await replaceEntry(replace({ subscription_id: foreign }), before);
    expect(result).toEqual({ status: 'skipped', reason: 'interrupted' });
    expect(recordIn(bench.sink, 'orders')?.retire).toEqual({ subscription_id: foreign });
  });

  it('leaves its intent to the next pass when the sink takes nothing any more', async () => {
    const { bench, foreign } = makeForeign();
    bench.script('post', { after: () => bench.always('sink-write', { fail: 'lost' }) });
    await bench.laterPass(fileOf(), CONSENT);
    expect(liveAt(bench.api, URL)?.id).toBe(foreign);
    expect(bench.api.live.size).toBe(2);
    expect(recordIn(bench.sink, 'orders')?.intent).not.toBeNull();
    bench.always('sink-write', null);
    for (let pass = 0; pass < 3; pass += 1) await bench.laterPass(fileOf());
    expectReplaced(bench, foreign, liveAt(bench.api, URL)?.id ?? '');
  });

  it('keeps the consent where the POST may have happened', async () => {
    const { bench, foreign } = makeForeign();
    bench.script('post', { lost: 'lost' });
    bench.script('list', {}, { fail: 'lost' });
    await bench.laterPass(fileOf(), CONSENT);
    expect(recordIn(bench.sink, 'orders')?.retire).toEqual({ subscription_id: foreign });
    await bench.laterPass(fileOf());
    await bench.laterPass(fileOf());
    expect(bench.api.live.has(foreign)).toBe(false);
    expect(liveAt(bench.api, URL)?.id).toBe(recordIn(bench.sink, 'orders')?.current?.subscription_id);
  });

  it('leaves no record behind when it is given up', async () => {
    const { bench, foreign } = makeForeign();
    await bench.laterPass(fileOf(), CONSENT);
    const next = nextIn(bench);
    await bench.laterPass(fileOf(), ABORT);
    expect(bench.api.live.has(next)).toBe(false);
    expect(liveAt(bench.api, URL)).toMatchObject({ id: foreign, is_active: true });
    expect(recordIn(bench.sink, 'orders')).toBeNull();
  });

  it('asks anew about another one that has the URL at the switch', async () => {
    const { bench, foreign } = makeForeign();
    await bench.laterPass(fileOf(), CONSENT);
    bench.api.live.delete(foreign);
    const thief = placeLive(bench, URL).id;
    const { plan } = await bench.laterPass(fileOf());
    expect(plan.held).toMatchObject([{ name: 'orders', guard: 'unowned' }]);
    expect(liveAt(bench.api, URL)?.id).toBe(thief);
  });
});

describe('giving up', () => {
  it('deletes the new one, and leaves the old one untouched', async () => {
    const { bench, old } = await makeOverlap();
    await bench.laterPass(fileOf(), ABORT);
    expectKept(bench, old);
  });

  it('goes on without a new one that is gone', async () => {
    const { bench, old, next } = await makeOverlap();
    bench.api.live.delete(next);
    bench.script('delete', { bug: new TypeError('nothing to delete') });
    await bench.laterPass(fileOf());
    expectKept(bench, old);
  });

  it('does not give up what is the only one left', async () => {
    const { bench, old, next } = await makeOverlap();
    bench.api.live.delete(old);
    await bench.laterPass(fileOf(), ABORT);
    expectReplaced(bench, old, next);
  });

  it.each(['fail', 'lost'] as const)('is repeated when the DELETE was %s', async (how) => {
    const { bench, old } = await makeOverlap();
    bench.script('delete', { [how]: 'lost' });
    await bench.laterPass(fileOf(), ABORT);
    await bench.laterPass(fileOf(), ABORT);
    expectKept(bench, old);
  });

  it('is finished by whoever comes next, who was not told of it', async () => {
    const { bench, old } = await makeOverlap();
    bench.script('delete', { fail: 'lost' });
    await bench.laterPass(fileOf(), ABORT);
    await bench.laterPass(fileOf());
    expectKept(bench, old);
  });

  it('is not followed by another process, which would switch to what is being deleted', async () => {
    const { bench, old } = await makeOverlap();
    const others: Promise<unknown>[] = [];
    bench.script('delete', { before: () => void others.push(bench.laterPass(fileOf())) });
    await bench.laterPass(fileOf(), ABORT);
    await Promise.all(others);
    await bench.laterPass(fileOf());
    expectKept(bench, old);
  });

  it('comes too late once the switch has begun', async () => {
    const { bench, old, next } = await makeOverlap();
    bench.script('put', { fail: 'lost' });
    await bench.laterPass(fileOf());
    const { plan } = await bench.laterPass(fileOf(), ABORT);
    expect(plan.held).toMatchObject([{ name: 'orders', guard: 'in-flight' }]);
    await bench.laterPass(fileOf());
    expectReplaced(bench, old, next);
  });

  it('is a bug where nothing is under way', async () => {
    const { bench, old } = makeOwned();
    await expect(go('drop', { bench, old, next: 'sub-9' })).rejects.toThrow('no replacement of orders');
  });

  it('deletes both when the entry leaves the file', async () => {
    const { bench, old, next } = await makeOverlap();
    await bench.laterPass(makeDesired([], 'empty'));
    expect(bench.api.live.has(old)).toBe(false);
    expect(bench.api.live.has(next)).toBe(false);
    expect(recordIn(bench.sink, 'orders')).toBeNull();
  });
});

describe('another process', () => {
  it.each([
    { step: 'begin', write: 1 },
    { step: 'begin', write: 2 },
    { step: 'begin', write: 3 },
    { step: 'begin', write: 4 },
    { step: 'switch', write: 1 },
    { step: 'switch', write: 2 },
    { step: 'switch', write: 3 },
    { step: 'drop', write: 1 },
    { step: 'drop', write: 2 },
  ] as const)('that is first at write $write of $step has the entry, and nothing is doubled', async (row) => {
    const { bench, old } = row.step === 'begin' ? makeOwned() : await makeOverlap();
    const next = row.step === 'begin' ? null : nextIn(bench);
    const operation = replace({ step: row.step, subscription_id: old, replacement_id: next });
    const context = bench.context();
    const overtaken = { before: () => overtake(bench, 'orders', { prevent_destroy: true }) };
    bench.script('sink-write', ...Array.from({ length: row.write - 1 }, () => ({})), overtaken);
    const { items } = await applyPlan(makePlan({ operations: [operation] }), context, 1);
    expect(items).toMatchObject([{ result: { status: 'held', guard: 'in-flight' } }]);
    for (let pass = 0; pass < 6; pass += 1) await bench.laterPass(fileOf());
    const ours = [...bench.api.live.values()].filter(({ target_url }) => target_url.startsWith(URL));
    expect(ours).toMatchObject([{ target_url: URL, is_active: true }]);
    const record = recordIn(bench.sink, 'orders');
    expect(record).toMatchObject({ current: { subscription_id: ours[0]?.id }, next: null, intent: null });
  });

  it('that switched while this one stood still is not left with a subscription that this one deactivated', async () => {
    const { bench, old, next } = await makeOverlap();
    // Between this process's claim and its PUT, another one rests, switches and finishes.
    bench.script('put', {
      before() {
        bench.api.live.delete(old);
        const { current, next: replacement } = recordIn(bench.sink, 'orders') as EntryRecord;
        expect(current?.subscription_id).toBe(old);
        overtake(bench, 'orders', { current: replacement, next: null });
      },
    });
    await expect(go('rest', { bench, old, next })).rejects.toBeInstanceOf(SinkConflictError);
    expect(bench.api.live.get(next)?.is_active).toBe(true);
  });

  it('that gave up the one that this one deactivated has the entry', async () => {
    const { bench, old, next } = await makeOverlap();
    bench.script('sink-write', {}, { before: () => overtake(bench, 'orders', { next: null }) });
    bench.script('put', {}, { before: () => void bench.api.live.delete(next) });
    await expect(go('rest', { bench, old, next })).rejects.toBeInstanceOf(SinkConflictError);
    expectKept(bench, old);
  });

  it('is told of where the one that this one deactivated may stay so', async () => {
    const { bench, old, next } = await makeOverlap();
    bench.script('sink-write', {}, { before: () => overtake(bench, 'orders', { prevent_destroy: true }) });
    bench.script('put', {}, { fail: 'lost' });
    await expect(go('rest', { bench, old, next })).rejects.toBeInstanceOf(RequestError);
    expect(bench.api.live.get(next)?.is_active).toBe(false);
  });
});

describe('a rename', () => {
  it('that was interrupted takes the replacement that was begun under the old name along (I2)', async () => {
    const { bench, old, next } = await makeOverlap();
    const record = recordIn(bench.sink, 'orders') as EntryRecord;
    // The copy is from before the rotation.
    placeRecord(bench.sink, { ...record, name: 'shop', next: null });
    await renameEntry(makeRename({ name: 'shop', from: 'orders', isInterrupted: true }), bench.context());
    const survivor = recordIn(bench.sink, 'shop');
    expect(recordIn(bench.sink, 'orders')).toBeNull();
    expect(survivor).toMatchObject({ current: { subscription_id: old }, next: { subscription_id: next } });
    expectSecret(bench, next, survivor?.next?.signing_secret);
  });

  it('that was interrupted deletes a replacement where the new name has one of its own (I2, I4)', async () => {
    const { bench, old, next } = await makeOverlap();
    const record = recordIn(bench.sink, 'orders') as EntryRecord;
    const theirs = record.next as Replacement;
    const target_url = `${theirs.target_url}-2`;
    const { id, secret } = placeLive(bench, target_url, 'p0');
    const own = { ...theirs, subscription_id: id, target_url, signing_secret: new Secret(secret) };
    placeRecord(bench.sink, { ...record, name: 'shop', next: own });
    await bench.laterPass(fileOf(URL, 'shop'), { settings: LONG });
    expect(recordIn(bench.sink, 'orders')).toBeNull();
    const survivor = recordIn(bench.sink, 'shop');
    expect(survivor).toMatchObject({ current: { subscription_id: old }, next: { subscription_id: id } });
    expect([old, id, next].map((one) => bench.api.live.has(one))).toEqual([true, true, false]);
  });

  it('that was interrupted in an adoption takes along what is to take over', async () => {
    const { bench, old, next } = await makeOverlap();
    const record = recordIn(bench.sink, 'orders') as EntryRecord;
    const adoption = { ...record, current: null, retire: { subscription_id: old } };
    placeRecord(bench.sink, adoption);
    placeRecord(bench.sink, { ...adoption, name: 'shop', next: null });
    await renameEntry(makeRename({ name: 'shop', from: 'orders', isInterrupted: true }), bench.context());
    expect(recordIn(bench.sink, 'orders')).toBeNull();
    expect(recordIn(bench.sink, 'shop')).toMatchObject({ next: { subscription_id: next }, retire: {} });
  });

  it('takes nothing along from a record of another subscription', async () => {
    const { bench, old } = await makeOverlap();
    const record = recordIn(bench.sink, 'orders') as EntryRecord;
    const other = placeOwned(bench, 'shop', `${URL}&line=2`);
    await renameEntry(makeRename({ name: 'shop', from: 'orders', isInterrupted: true }), bench.context());
    expect(record.current?.subscription_id).toBe(old);
    expect(recordIn(bench.sink, 'shop')).toMatchObject({ current: { subscription_id: other }, next: null });
  });
});
