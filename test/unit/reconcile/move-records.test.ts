import { describe, expect, it } from 'vitest';
import { RefusedError, SinkError } from '../../../src/domain/errors.ts';
import {
  INSTALLATION_NAME,
  RECORD_SCHEMA,
  type EntryRecord,
  type Pause,
} from '../../../src/domain/record.ts';
import { moveRecords, planMove, type MoveContext } from '../../../src/reconcile/move-records.ts';
import { MOVING_HERE } from '../../../src/reconcile/move-survey.ts';
import {
  connectSink,
  makeSink,
  placeRecord,
  recordIn,
  recordsIn,
  type ModelSink,
} from '../../simulation/model-sink.ts';
import { fullRecord, storedRecord } from '../../support/record-builders.ts';

const NOW = Date.parse('2026-03-01T10:00:00Z');
const NAMES = ['billing', 'orders', 'support'];

/** What becomes of the nth write, counted over both sinks. */
interface Stop {
  readonly at: number;
  readonly phase: 'before' | 'after';
}

interface Move {
  readonly from: ModelSink;
  readonly to: ModelSink;
  /** Called after every write, in the middle of everything. */
  watch: () => void;
  /** Called before the nth write. */
  meanwhile: (write: number) => void;
  writes: number;
  context(stop?: Stop, owners?: { readonly from: string; readonly to: string }): MoveContext;
}

class Killed extends Error {}

let made = 0;

/** Two sinks of different files, whose versions differ; `same`: one sink under two names. */
function open(options: { readonly same?: boolean } = {}): Move {
  const from = sinkOf('a');
  const to = options.same === true ? from : sinkOf('b');
  for (const name of NAMES) placeRecord(from, settled(name));
  placeInstallation(from, 'here');
  const move: Move = {
    from,
    to,
    watch: () => undefined,
    meanwhile: () => undefined,
    writes: 0,
    context: (stop, owners = { from: 'default', to: 'default' }) => {
      move.writes = 0;
      const connect = (sink: ModelSink) =>
        connectSink(sink, async (effect) => {
          if (effect.kind !== 'sink-write') return effect.take();
          move.writes += 1;
          const own = move.writes;
          move.meanwhile(own);
          if (stop?.at === own && stop.phase === 'before') throw new Killed();
          const answer = effect.take();
          move.watch();
          if (stop?.at === own) throw new Killed();
          return Promise.resolve(answer);
        });
      return {
        source: { sink: connect(from), owner: owners.from, place: 'file:/here' },
        destination: { sink: connect(to), owner: owners.to, place: 'file:/there' },
        now: () => NOW,
        unique: () => `made${(made += 1)}`,
      };
    },
  };
  return move;
}

function sinkOf(letter: string): ModelSink {
  const sink = makeSink();
  let count = 0;
  sink.nextVersion = () => `${letter}${(count += 1)}`;
  return sink;
}

function placeInstallation(
  sink: ModelSink,
  id: string,
  pauses: readonly Pause[] = [],
  lines = ['line-1'],
): void {
  sink.installation = {
    version: sink.nextVersion(INSTALLATION_NAME),
    record: { schema: RECORD_SCHEMA, name: INSTALLATION_NAME, id, line_ids: lines, pauses },
  };
}

/** Everything that a record can hold beside what is under way. */
function settled(name: string, fields: Partial<EntryRecord> = {}): EntryRecord {
  return {
    ...fullRecord(name),
    next: null,
    retire: null,
    intent: null,
    ...fields,
  };
}

function pausesOf(sink: ModelSink, owner = 'default'): readonly Pause[] {
  return sink.installation?.record?.pauses.filter((pause) => pause.owner === owner) ?? [];
}

function namesIn(sink: ModelSink): readonly string[] {
  return recordsIn(sink)
    .map(({ name }) => name)
    .sort();
}

/** Every secret is in at least one of the two. */
function expectSafe({ from, to }: Move): void {
  for (const name of NAMES) {
    const secrets = [from, to].map((sink) => recordIn(sink, name)?.current?.signing_secret?.reveal());
    expect(secrets, name).toContain(settled(name).current?.signing_secret?.reveal());
  }
}

/** Everything is there, as it was; the source is paused for good, and the destination is not. */
function expectMoved({ from, to }: Move, id = 'here'): void {
  expect(recordsIn(from)).toEqual([]);
  expect(
    recordsIn(to)
      .map((record) => record.name)
      .sort(),
  ).toEqual(NAMES);
  for (const name of NAMES) expect(recordIn(to, name)).toEqual(settled(name));
  expect(pausesOf(from)).toEqual([
    { owner: 'default', name: null, until: null, reason: 'its records moved to file:/there' },
  ]);
  expect(pausesOf(to)).toEqual([]);
  expect(to.installation?.record).toMatchObject({ id, line_ids: ['line-1'] });
  expect(from.installation?.record?.id, 'both would collect with one mark').not.toBe(id);
}

describe('moving records', () => {
  it('takes them over to a fresh sink with the id of the marks and the lines, and pauses the source for good', async () => {
    const move = open();
    expect(await moveRecords(move.context())).toEqual({
      moved: NAMES,
      copiedBefore: [],
      refusals: [],
      installation: 'taken-over',
      isInPlace: false,
      wrote: true,
    });
    expectMoved(move);
  });

  it('loses no secret wherever it is killed, and is finished by the next run', async () => {
    const whole = open();
    await moveRecords(whole.context());
    const { writes } = whole;
    expect(writes).toBe(1 + 1 + 2 * NAMES.length + 1 + 1);
    for (let at = 1; at <= writes; at += 1) {
      for (const phase of ['before', 'after'] as const) {
        const move = open();
        move.watch = () => expectSafe(move);
        await expect(moveRecords(move.context({ at, phase }))).rejects.toThrow(Killed);
        expectSafe(move);
        await moveRecords(move.context());
        expectMoved(move);
        await moveRecords(move.context());
        expect(move.writes, 'a third run has nothing to do').toBe(0);
      }
    }
  });

  it('says beforehand what it would do, and what an interrupted one has done already', async () => {
    const move = open();
    const { source, destination } = move.context();
    expect(await planMove(source, destination)).toMatchObject({
      moved: NAMES,
      copiedBefore: [],
      wrote: false,
    });
    await expect(moveRecords(move.context({ at: 4, phase: 'after' }))).rejects.toThrow(Killed);
    expect(await planMove(source, destination)).toEqual({
      moved: NAMES,
      copiedBefore: ['billing', 'orders'],
      refusals: [],
      installation: 'same',
      isInPlace: false,
      wrote: false,
    });
  });

  it('is finished by the third run where the second is killed as well', async () => {
    for (const at of [3, 5, 7, 9]) {
      for (let again = 1; again <= 7; again += 1) {
        const move = open();
        move.watch = () => expectSafe(move);
        await expect(moveRecords(move.context({ at, phase: 'after' }))).rejects.toThrow(Killed);
        await moveRecords(move.context({ at: again, phase: 'after' })).catch((error: unknown) => {
          expect(error).toBeInstanceOf(Killed);
        });
        await moveRecords(move.context());
        expectMoved(move);
      }
    }
  });

  it('copies again what a pass that began before changes on the way, and removes nothing that it has not copied', async () => {
    const move = open();
    move.meanwhile = (write) => {
      // Everything is copied, and the first is about to be removed.
      if (write === 2 + NAMES.length + 1)
        placeRecord(move.from, settled('billing', { prevent_destroy: false }));
    };
    expect(await moveRecords(move.context())).toMatchObject({ moved: NAMES });
    expect(recordIn(move.to, 'billing')?.prevent_destroy).toBe(false);
    expect(recordsIn(move.from)).toEqual([]);
  });

  it('copies again where it was killed between such a change and its copy', async () => {
    const move = open();
    const stop = { at: 2 + NAMES.length + 1, phase: 'before' } as const;
    await expect(moveRecords(move.context(stop))).rejects.toThrow(Killed);
    placeRecord(move.from, settled('billing', { prevent_destroy: false }));
    await moveRecords(move.context());
    expect(recordIn(move.to, 'billing')?.prevent_destroy).toBe(false);
    expect(recordsIn(move.from)).toEqual([]);
  });

  it('copies again what changes in the destination while it copies', async () => {
    const move = open();
    move.meanwhile = (write) => {
      // Another run of this move is a little ahead, with an older view of the record.
      if (write === 3) placeRecord(move.to, settled('billing', { prevent_destroy: false }));
    };
    expect(await moveRecords(move.context())).toMatchObject({ moved: NAMES });
    expectMoved(move);
  });

  it('says what it has moved before something came that it may not move', async () => {
    const move = open();
    const damage = { kind: 'damaged', version: 'v', reason: 'is not JSON' } as const;
    move.meanwhile = (write) => {
      if (write === 2 + NAMES.length + 1) {
        move.from.slots.set('support', { version: 'v', record: null, damage });
      }
    };
    expect(await moveRecords(move.context())).toMatchObject({
      moved: ['billing', 'orders'],
      refusals: [{ name: 'support' }],
      wrote: true,
    });
    expect(namesIn(move.to)).toEqual(NAMES);
  });

  it('is done although somebody resumes the destination in the middle', async () => {
    const move = open();
    move.meanwhile = (write) => {
      if (write === 2 + NAMES.length + 1) placeInstallation(move.to, 'here');
    };
    expect(await moveRecords(move.context())).toMatchObject({ moved: NAMES });
    expectMoved(move);
  });

  it('does not mind a name that goes while it looks', async () => {
    const move = open();
    const { source, ...context } = move.context();
    const list = () => Promise.resolve(['a-name-that-went', ...NAMES]);
    await moveRecords({ ...context, source: { ...source, sink: { ...source.sink, list } } });
    expectMoved(move);
  });

  it('makes an id where the source has lost its own', async () => {
    const move = open();
    move.from.installation = undefined;
    expect(await moveRecords(move.context())).toMatchObject({ moved: NAMES, isInPlace: false });
    expect(recordsIn(move.from)).toEqual([]);
    expect(namesIn(move.to)).toEqual(NAMES);
    const other = open();
    other.from.installation = undefined;
    placeInstallation(other.to, 'there');
    expect(await moveRecords(other.context())).toMatchObject({ moved: NAMES, installation: 'own' });
  });

  it('pauses the destination whatever other pauses there are', async () => {
    const move = open();
    const ofName: Pause = { owner: 'default', name: 'crm', until: null, reason: null };
    const ofOther: Pause = { owner: 'theirs', name: null, until: null, reason: null };
    placeInstallation(move.to, 'there', [ofName, ofOther]);
    const reasons: unknown[] = [];
    move.watch = () => {
      if (recordsIn(move.to).length === 1 && namesIn(move.from).length === NAMES.length)
        reasons.push(pausesOf(move.to).map(({ name, reason }) => [name, reason]));
    };
    await moveRecords(move.context());
    expect(reasons).toEqual([
      [
        [null, MOVING_HERE],
        ['crm', null],
      ],
    ]);
    expect(move.to.installation?.record?.pauses).toEqual([ofName, ofOther]);
  });

  it('gives up on a process that never stops writing, and loses nothing', async () => {
    const move = open();
    move.meanwhile = () => {
      const { current, previous } = settled('billing');
      if (recordIn(move.from, 'billing')) placeRecord(move.from, settled('billing', { current, previous }));
    };
    await expect(moveRecords(move.context())).rejects.toThrow('other processes keep writing records');
    expectSafe(move);
  });

  it('removes nothing where the destination reads back as something else', async () => {
    const move = open();
    const context = move.context();
    const { sink } = context.destination;
    const forgetful = {
      ...sink,
      write: (record: EntryRecord, expected: string) => sink.write({ ...record, previous: null }, expected),
    };
    const moving = moveRecords({ ...context, destination: { ...context.destination, sink: forgetful } });
    await expect(moving).rejects.toThrow(SinkError);
    expect(namesIn(move.from)).toEqual(NAMES);
  });

  it('gives the source no other id than the one that it got from somebody meanwhile', async () => {
    const move = open();
    let isOver = false;
    move.meanwhile = () => {
      // The first write after the last removal is the one that gives the source another id.
      if (isOver || namesIn(move.from).length > 0) return;
      isOver = true;
      placeInstallation(move.from, 'got meanwhile', move.from.installation?.record?.pauses);
    };
    await moveRecords(move.context());
    expectMoved(move);
    expect(move.from.installation?.record?.id).toBe('got meanwhile');
  });

  it('takes along what is paused by name, and says nothing of what is over', async () => {
    const move = open();
    const pause = (name: string, until: string | null): Pause => ({
      owner: 'default',
      name,
      until,
      reason: null,
    });
    const theirs = { ...pause('orders', null), owner: 'theirs' };
    const pauses = [
      pause('billing', '2026-02-01T00:00:00Z'),
      pause('orders', '2026-04-01T00:00:00Z'),
      theirs,
    ];
    placeInstallation(move.from, 'here', pauses);
    await moveRecords(move.context());
    expect(move.to.installation?.record?.pauses).toEqual([pause('orders', '2026-04-01T00:00:00Z')]);
    expect(move.from.installation?.record?.pauses).toContainEqual(theirs);
  });

  it('leaves a pause of a person in the destination as it is', async () => {
    const move = open();
    const pause: Pause = { owner: 'default', name: null, until: null, reason: null };
    placeInstallation(move.to, 'there', [pause]);
    expect(await moveRecords(move.context())).toMatchObject({ moved: NAMES, installation: 'own' });
    expect(pausesOf(move.to)).toEqual([pause]);
    expect(recordsIn(move.from)).toEqual([]);
  });

  it('leaves records of other owners, which keep the id of their marks', async () => {
    const move = open();
    placeRecord(move.from, storedRecord('theirs', { owner: 'theirs' }));
    expect(await moveRecords(move.context())).toMatchObject({ moved: NAMES, installation: 'new' });
    expect(namesIn(move.from)).toEqual(['theirs']);
    expect(move.from.installation?.record?.id).toBe('here');
    expect(move.to.installation?.record?.id).toMatch(/^made/);
  });

  it('leaves them that id also where the destination has it as well', async () => {
    const move = open();
    placeInstallation(move.to, 'here');
    placeRecord(move.from, storedRecord('theirs', { owner: 'theirs' }));
    expect(await moveRecords(move.context())).toMatchObject({ moved: NAMES, installation: 'same' });
    expect(move.from.installation?.record?.id).toBe('here');
  });

  it('takes along what is unfinished where the destination has the same marks, and what names nothing', async () => {
    const move = open();
    placeInstallation(move.to, 'here');
    const { next, retire } = fullRecord('half');
    placeRecord(move.from, settled('half', { next, retire }));
    expect(await moveRecords(move.context())).toMatchObject({
      refusals: [],
      moved: [...NAMES, 'half'].sort(),
    });
    const bare = open();
    placeInstallation(bare.to, 'there');
    placeRecord(bare.from, settled('bare', { current: null }));
    expect(await moveRecords(bare.context())).toMatchObject({ refusals: [], installation: 'own' });
    expect(recordIn(bare.to, 'bare')).toEqual(settled('bare', { current: null }));
  });

  it.each([
    { reason: 'one line is among ours', from: ['line-0', 'line-1'], to: ['line-1', 'line-2'] },
    { reason: 'ours are not known', from: [], to: ['line-9'] },
  ])('goes to a destination that knows lines, where $reason', async ({ from, to }) => {
    const move = open();
    placeInstallation(move.from, 'here', [], from);
    placeInstallation(move.to, 'there', [], to);
    expect(await moveRecords(move.context())).toMatchObject({ refusals: [], moved: NAMES });
  });

  it('says which owner they get, and changes nothing else of them', async () => {
    const move = open();
    await moveRecords(move.context(undefined, { from: 'default', to: 'team' }));
    expect(recordIn(move.to, 'orders')).toEqual({ ...settled('orders'), owner: 'team' });
    expect(pausesOf(move.to, 'team')).toEqual([]);
  });

  it('has nothing to do where there is no record', async () => {
    const move = open();
    move.from.slots.clear();
    expect(await moveRecords(move.context())).toMatchObject({ moved: [], wrote: false });
    expect(move.writes).toBe(0);
    // Nor where both have one id, since no move was begun; nor where what was moved is gone from there.
    placeInstallation(move.to, 'here');
    expect(await moveRecords(move.context())).toMatchObject({ wrote: false });
    const away = 'its records moved to file:/there';
    placeInstallation(move.from, 'here', [{ owner: 'default', name: null, until: null, reason: away }]);
    move.to.installation = undefined;
    expect(await moveRecords(move.context())).toMatchObject({ wrote: false });
  });
});

describe('one sink at both ends', () => {
  it('gets another owner in its place, wherever it is killed', async () => {
    const owners = { from: 'default', to: 'team' };
    const whole = open({ same: true });
    expect(await moveRecords(whole.context(undefined, owners))).toMatchObject({
      moved: NAMES,
      isInPlace: true,
      installation: 'same',
    });
    const { writes } = whole;
    await moveRecords(whole.context(undefined, owners));
    expect(whole.writes, 'a second run has nothing to do').toBe(0);
    for (let at = 1; at <= writes; at += 1) {
      const move = open({ same: true });
      move.watch = () => expectSafe(move);
      await expect(moveRecords(move.context({ at, phase: 'after' }, owners))).rejects.toThrow(Killed);
      await moveRecords(move.context(undefined, owners));
      for (const name of NAMES) expect(recordIn(move.from, name)?.owner).toBe('team');
      expect(pausesOf(move.from, 'team')).toEqual([]);
      expect(pausesOf(move.from)).toMatchObject([{ reason: 'its records belong to the owner "team" now' }]);
      expect(move.from.installation?.record?.id).toBe('here');
    }
  });

  it('is told from a copy of it as soon as one of the two is written', async () => {
    const move = open();
    for (const [name, slot] of move.from.slots) move.to.slots.set(name, slot);
    move.to.installation = move.from.installation;
    const moving = moveRecords(move.context(undefined, { from: 'default', to: 'team' }));
    await expect(moving).rejects.toBeInstanceOf(RefusedError);
    for (const { from, to } of [move]) expect([namesIn(from), namesIn(to)]).toEqual([NAMES, NAMES]);
    expect(recordIn(move.to, 'orders')?.owner).toBe('default');
  });

  it('is refused for the same owner', async () => {
    const move = open({ same: true });
    const { refusals } = await moveRecords(move.context());
    expect(refusals).toMatchObject([
      { name: null, reason: expect.stringContaining('the same sink') as string },
    ]);
    expect(move.writes).toBe(0);
  });
});

describe('what is refused before anything is written', () => {
  const next = {
    ...storedRecord('bad').current!,
    subscription_id: 'next',
    deactivated: false,
    ready_at: null,
    compromised: false,
    ending: null,
  };

  async function expectRefused(move: Move, reason: string, name: string | null = 'bad'): Promise<void> {
    const report = await moveRecords(move.context());
    expect(report).toMatchObject({ moved: [], wrote: false });
    expect(report.refusals).toMatchObject([{ name, reason: expect.stringContaining(reason) as string }]);
    expect(move.writes).toBe(0);
    expect(await planMove(move.context().source, move.context().destination)).toEqual(report);
  }

  it('is a record with an intent', async () => {
    const move = open();
    placeRecord(move.from, settled('bad', { intent: fullRecord('bad').intent }));
    await expectRefused(move, 'it is being created');
  });

  it.each([
    [{ kind: 'damaged', version: 'v', reason: 'is not JSON' }, 'its record is damaged: is not JSON'],
    [{ kind: 'newer', version: 'v', schema: 2 }, 'its record has schema 2'],
    [
      { kind: 'foreign', version: 'v', reason: 'is no work of ours' },
      'what stands in its place is no work of ours',
    ],
  ] as const)('is a record that is %o', async (damage, reason) => {
    const move = open();
    move.from.slots.set('bad', { version: 'v', record: null, damage });
    await expectRefused(move, reason);
  });

  it.each([
    [storedRecord('orders'), 'one with another content'],
    [settled('orders', { owner: 'theirs' }), 'one of the owner "theirs"'],
  ])('is a name that something else has', async (record, reason) => {
    const move = open();
    placeInstallation(move.to, 'here');
    placeRecord(move.to, record);
    await expectRefused(move, `its name is taken in the destination: there is ${reason}`, 'orders');
  });

  it.each([
    { kind: 'damaged', version: 'v', reason: 'is a secret that linq-gitops did not write' },
    { kind: 'newer', version: 'v', schema: 2 },
    { kind: 'foreign', version: 'v', reason: 'is a secret that linq-gitops did not write' },
  ] as const)('is a name under which nothing can be read', async (damage) => {
    const move = open();
    placeInstallation(move.to, 'here');
    move.to.slots.set('orders', { version: 'v', record: null, damage });
    await expectRefused(move, 'its name is taken in the destination', 'orders');
  });

  it('is a copy with another subscription, even in the middle of a move', async () => {
    const move = open();
    placeInstallation(move.to, 'here', [{ owner: 'default', name: null, until: null, reason: MOVING_HERE }]);
    const current = { ...settled('orders').current!, subscription_id: 'another' };
    placeRecord(move.to, settled('orders', { current }));
    await expectRefused(move, 'one with another content', 'orders');
    // Its secret would be lost, whatever else of it is ours.
    placeRecord(move.to, settled('orders', { next }));
    await expectRefused(move, 'one with another content', 'orders');
  });

  it('is what is unfinished, where the destination has marks of its own', async () => {
    const move = open();
    placeInstallation(move.to, 'there');
    placeRecord(move.from, settled('bad', { next }));
    await expectRefused(move, 'it is unfinished, and the destination has marks of its own');
    placeRecord(move.from, settled('bad', { current: null, retire: { subscription_id: 'foreign' } }));
    await expectRefused(move, 'it is unfinished, and the destination has marks of its own');
  });

  it('is what is unfinished, where other owners keep the marks', async () => {
    const move = open();
    placeRecord(move.from, settled('theirs', { owner: 'theirs' }));
    const current = { ...settled('bad').current!, target_url: 'https://a.example/?linq_gitops=here.1' };
    placeRecord(move.from, settled('bad', { current }));
    await expectRefused(move, 'it is unfinished, and other owners keep the marks of this sink');
  });

  it('is a destination of another account', async () => {
    const move = open();
    placeInstallation(move.to, 'there', [], ['line-9']);
    await expectRefused(move, 'of another account', null);
  });
});

it('moves what is unfinished where the marks keep their meaning', async () => {
  const move = open();
  const { next, retire } = fullRecord('orders');
  placeRecord(move.from, settled('orders', { next, retire }));
  expect(await moveRecords(move.context())).toMatchObject({ moved: NAMES, installation: 'taken-over' });
  expect(recordIn(move.to, 'orders')).toEqual(settled('orders', { next, retire }));
});

it('stops halfway where a create began meanwhile, and says so', async () => {
  const move = open();
  move.meanwhile = (write) => {
    if (write === 1)
      placeRecord(move.from, settled('late', { current: null, intent: fullRecord('late').intent }));
  };
  const report = await moveRecords(move.context());
  expect(report).toMatchObject({ moved: [], wrote: true, refusals: [{ name: 'late' }] });
  expect(namesIn(move.from)).toEqual([...NAMES, 'late'].sort());
});
