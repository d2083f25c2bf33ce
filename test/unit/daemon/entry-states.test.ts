import { describe, expect, it } from 'vitest';
import { entryStates, heldOfNoEntry, withStored } from '../../../src/daemon/entry-states.ts';
import type { Desired } from '../../../src/domain/desired.ts';
import type { OperationResult } from '../../../src/domain/report.ts';
import type { StoredSecret } from '../../../src/reconcile/stored-secrets.ts';
import { entryStatus } from '../../support/daemon-status.ts';
import {
  makeCollect,
  makeCreate,
  makeDelete,
  makeFields,
  makeHeld,
  makeItem,
  makePlan,
  makeReport,
  makeUpdate,
} from '../../support/plan-builders.ts';

const NOTHING_DONE = makeReport([]);
const NOTHING_STORED: ReadonlyMap<string, StoredSecret> = new Map();
const IN_SYNC = { state: 'in_sync', guard: null, reason: null };
const FAILED: OperationResult = { status: 'failed', error: 'cannot update billing: no' };

function fileOf(...names: readonly string[]): Desired {
  const entries = names.map((name) => ({
    name,
    fields: makeFields(),
    previously: [],
    prevent_destroy: false,
    rotate_after: null,
  }));
  return { entries, allow_empty: false, content_hash: 'file', revision: null };
}

function storedAs(name: string): readonly [string, StoredSecret] {
  return [name, { subscriptionId: `sub-${name}`, createdAt: '2026-03-01T10:00:00Z', hasSecret: true }];
}

/** How one entry stands. */
function stateOf(
  held: readonly ReturnType<typeof makeHeld>[],
  report = NOTHING_DONE,
  name = 'billing',
): object | undefined {
  const states = entryStates(fileOf(name), makePlan({ held }), report, NOTHING_STORED);
  const { state, guard, reason } = states.find((entry) => entry.name === name)!;
  return { state, guard, reason };
}

describe('the entries', () => {
  it('are those of the file, what is ours beside it, and what is held, by name', () => {
    const states = entryStates(
      fileOf('orders', 'billing'),
      makePlan({ held: [makeHeld({ name: 'damaged', guard: 'record' })] }),
      NOTHING_DONE,
      new Map([storedAs('orders'), storedAs('legacy')]),
    );
    expect(states).toEqual([
      { name: 'billing', ...IN_SYNC, subscriptionId: null, secretCreatedAt: null },
      {
        name: 'damaged',
        state: 'held',
        guard: 'record',
        reason: '',
        subscriptionId: null,
        secretCreatedAt: null,
      },
      {
        name: 'legacy',
        ...IN_SYNC,
        subscriptionId: 'sub-legacy',
        secretCreatedAt: '2026-03-01T10:00:00Z',
      },
      {
        name: 'orders',
        ...IN_SYNC,
        subscriptionId: 'sub-orders',
        secretCreatedAt: '2026-03-01T10:00:00Z',
      },
    ]);
  });

  it('keep how they stood when only what is stored is known', () => {
    const held = entryStatus('orders', { state: 'held', guard: 'widen', reason: 'it widens' });
    const gone = entryStatus('legacy');
    expect(withStored([held, gone], new Map([storedAs('orders')]))).toEqual([
      { ...held, subscriptionId: 'sub-orders', secretCreatedAt: '2026-03-01T10:00:00Z' },
      { ...gone, subscriptionId: null, secretCreatedAt: null },
    ]);
  });
});

describe('an entry', () => {
  const held = makeHeld({ name: 'billing', reason: 'it widens' });
  const drift = makeHeld({ name: 'billing', guard: 'drift', reason: 'it was changed outside' });

  it('is in sync where nothing is said of it, or all was done', () => {
    expect(stateOf([])).toEqual(IN_SYNC);
    expect(stateOf([], makeReport([makeItem(makeUpdate())]))).toEqual(IN_SYNC);
  });

  it('is held with the guard and its reason', () => {
    expect(stateOf([held])).toEqual({ state: 'held', guard: 'widen', reason: 'it widens' });
  });

  it('is drifted where the drift is left on purpose', () => {
    expect(stateOf([drift])).toEqual({
      state: 'drifted',
      guard: 'drift',
      reason: 'it was changed outside',
    });
  });

  it('is held rather than drifted, in whatever order', () => {
    expect(stateOf([drift, held])).toMatchObject({ state: 'held', guard: 'widen' });
    expect(stateOf([held, drift])).toMatchObject({ state: 'held', guard: 'widen' });
  });

  it('stays held when another operation of it was done', () => {
    expect(stateOf([held], makeReport([makeItem(makeUpdate())]))).toMatchObject({ state: 'held' });
  });

  it.each<readonly [OperationResult, object]>([
    [FAILED, { state: 'failed', guard: null, reason: 'cannot update billing: no' }],
    [
      { status: 'unknown', error: 'no answer' },
      { state: 'failed', guard: null, reason: 'no answer' },
    ],
    [
      { status: 'skipped', reason: 'interrupted' },
      { state: 'failed', guard: null, reason: 'interrupted' },
    ],
    [
      { status: 'held', guard: 'in-flight', reason: 'another works on it' },
      { state: 'held', guard: 'in-flight', reason: 'another works on it' },
    ],
  ])('that ended as $status says so', (result, expected) => {
    expect(stateOf([drift], makeReport([makeItem(makeUpdate(), result)]))).toEqual(expected);
  });

  it('that failed is failed, whatever else became of it', () => {
    const others = [{ status: 'skipped', reason: 'waits' }, { status: 'done' }] as const;
    const items = [FAILED, ...others].map((result) => makeItem(makeUpdate(), result));
    expect(stateOf([held], makeReport(items))).toMatchObject({ reason: 'cannot update billing: no' });
    expect(stateOf([held], makeReport([...items].reverse()))).toMatchObject({ state: 'failed' });
  });
});

describe('what belongs to no entry', () => {
  it('says nothing about any', () => {
    const report = makeReport([
      makeItem(makeCollect(), FAILED),
      makeItem(makeDelete({ name: null }), FAILED),
    ]);
    expect(stateOf([makeHeld({ name: null, guard: 'account' })], report)).toEqual(IN_SYNC);
  });

  it('is listed by itself where it is held', () => {
    const account = makeHeld({ name: null, guard: 'account', reason: 'another account', operation: null });
    const collect = makeHeld({
      name: null,
      guard: 'in-flight',
      reason: 'unfinished',
      operation: makeCollect(),
    });
    const ofAnEntry = makeHeld({ operation: makeCreate() });
    expect(heldOfNoEntry(makePlan({ held: [account, ofAnEntry, collect] }))).toEqual([
      { guard: 'account', reason: 'another account' },
      { guard: 'in-flight', reason: 'unfinished' },
    ]);
  });
});
