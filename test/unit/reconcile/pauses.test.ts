import { describe, expect, it } from 'vitest';
import { SinkError } from '../../../src/domain/errors.ts';
import type { Pause } from '../../../src/domain/record.ts';
import { observe } from '../../../src/reconcile/observe.ts';
import { openInstallation } from '../../../src/reconcile/installation.ts';
import { liftPauses, setPauses } from '../../../src/reconcile/pauses.ts';
import { fileOf, makeBench, placeInstallation, placeOwned, type Bench } from './bench.ts';

const AT_LEAST = Date.parse('2026-03-01T00:00:00Z');

function pause(name: string | null, overrides: Partial<Pause> = {}): Pause {
  return { owner: 'default', name, until: null, reason: null, ...overrides };
}

function contextOf(bench: Bench) {
  return { sink: bench.secrets, now: () => bench.clock.now(), unique: () => 'made' };
}

function pausesIn({ sink }: Bench): readonly Pause[] | undefined {
  return sink.installation?.record?.pauses;
}

/** Lets another process change the installation before the next write of this one. */
function overtakeOnce(bench: Bench, pauses: readonly Pause[]): void {
  const { sink } = bench;
  const before = sink.installation!.record!;
  bench.script('sink-write', {
    before: () => {
      sink.installation = { version: sink.nextVersion('_installation'), record: { ...before, pauses } };
    },
  });
}

describe('setting a pause', () => {
  it('makes the installation of a fresh sink', async () => {
    const bench = makeBench();
    expect(await setPauses([pause('orders')], contextOf(bench))).toEqual({
      isFresh: true,
      set: [{ pause: pause('orders'), before: null }],
    });
    expect(bench.sink.installation?.record).toMatchObject({
      id: 'made',
      line_ids: [],
      pauses: [pause('orders')],
    });
  });

  it('changes the end of one that stands, and drops those that are over', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    await setPauses([pause('orders'), pause('gone', { until: '2026-02-28T00:00:00Z' })], contextOf(bench));
    const until = new Date(AT_LEAST + 60_000).toISOString();
    const { set } = await setPauses([pause('orders', { until })], contextOf(bench));
    expect(set).toEqual([{ pause: pause('orders', { until }), before: pause('orders') }]);
    expect(pausesIn(bench)).toEqual([pause('orders', { until })]);
    expect(bench.sink.installation?.record).toMatchObject({ id: 'inst', line_ids: ['line-1'] });
  });

  it.each([
    { kind: 'damaged', version: 'v', reason: 'no JSON' },
    { kind: 'newer', version: 'v', schema: 2 },
  ] as const)(
    'fails where the installation is $kind: another id would make what is ours foreign',
    async (damage) => {
      const bench = makeBench();
      bench.sink.installation = { version: 'v', record: null, damage };
      await expect(setPauses([pause('orders')], contextOf(bench))).rejects.toBeInstanceOf(SinkError);
      expect(bench.sink.writes).toBe(0);
    },
  );

  it('does not take an installation for a fresh one', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    expect((await setPauses([pause('orders')], contextOf(bench))).isFresh).toBe(false);
  });

  it('keeps what another process paused in the same moment', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    overtakeOnce(bench, [pause('support')]);
    await setPauses([pause('orders')], contextOf(bench));
    expect(pausesIn(bench)).toEqual([pause('orders'), pause('support')]);
  });

  it('gives up when others are always quicker', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    const { sink } = bench;
    const secrets = {
      ...bench.secrets,
      writeInstallation: (...args: Parameters<typeof bench.secrets.writeInstallation>) => {
        sink.installation = { ...sink.installation!, version: sink.nextVersion('_installation') };
        return bench.secrets.writeInstallation(...args);
      },
    };
    const setting = setPauses([pause('orders')], { ...contextOf(bench), sink: secrets });
    await expect(setting).rejects.toThrow('another process was there first');
    expect(pausesIn(bench)).toEqual([]);
  });
});

describe('ending a pause', () => {
  it('ends these names of the owner, and says what is left of it', async () => {
    const bench = makeBench();
    placeInstallation(bench);
    const theirs = pause('orders', { owner: 'theirs' });
    await setPauses([pause(null), pause('orders'), pause('support'), theirs], contextOf(bench));
    expect(await liftPauses('default', ['orders', 'other'], contextOf(bench))).toEqual({
      lifted: [pause('orders')],
      left: [pause(null), pause('support')],
    });
    expect(pausesIn(bench)).toEqual([pause(null), pause('support'), theirs]);
    expect(await liftPauses('default', null, contextOf(bench))).toMatchObject({
      lifted: [pause(null), pause('support')],
      left: [],
    });
    expect(pausesIn(bench)).toEqual([theirs]);
  });

  it('writes nothing where nothing is paused, and makes no installation', async () => {
    const bench = makeBench();
    expect(await liftPauses('default', null, contextOf(bench))).toEqual({ lifted: [], left: [] });
    expect(bench.sink.writes).toBe(0);
  });
});

describe('a pass', () => {
  it('keeps pauses when the lines of the account change, but for those that are over', async () => {
    const bench = makeBench();
    placeInstallation(bench, ['line-0', 'line-1']);
    const over = pause('gone', { until: new Date(AT_LEAST).toISOString() });
    await setPauses([pause('orders')], contextOf(bench));
    const { version, record } = bench.sink.installation!;
    bench.sink.installation = { version, record: { ...record!, pauses: [over, pause('orders')] } };
    await openInstallation(await observe([], bench.observer()), bench.secrets, () => 'made');
    expect(bench.sink.installation.record).toMatchObject({
      line_ids: ['line-1'],
      pauses: [pause('orders')],
    });
  });

  it('writes nothing at all, not even the lines of the account, while everything is paused', async () => {
    const bench = makeBench();
    placeOwned(bench);
    placeInstallation(bench, ['line-0', 'line-1']);
    await setPauses([pause(null)], contextOf(bench));
    bench.sink.writes = 0;
    const { plan } = await bench.laterPass(fileOf('https://hooks.example.com/moved'));
    expect(plan.held.map(({ guard }) => guard)).toEqual(['paused']);
    expect(bench.sink.writes).toBe(0);
  });
});
