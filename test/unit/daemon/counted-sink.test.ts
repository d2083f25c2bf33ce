import { describe, expect, it } from 'vitest';
import { countSinkWrites } from '../../../src/daemon/counted-sink.ts';
import { SinkConflictError, SinkError } from '../../../src/domain/errors.ts';
import { emptyRecord, type InstallationRecord } from '../../../src/domain/record.ts';
import { ABSENT, type SecretSink } from '../../../src/secrets/sink.ts';
import { recordIn } from '../../simulation/model-sink.ts';
import { makeBench, type Bench } from '../reconcile/bench.ts';

const ORDERS = emptyRecord('orders', 'default');
const INSTALLATION: InstallationRecord = {
  schema: 1,
  name: '_installation',
  id: 'inst',
  line_ids: [],
  pauses: [],
};

/** Each way to write, with the version that it finds in a fresh sink. */
const WRITES: readonly (readonly [string, (sink: SecretSink, expected: string) => Promise<string>])[] = [
  ['write', (sink, expected) => sink.write(ORDERS, expected)],
  ['writeInstallation', (sink, expected) => sink.writeInstallation(INSTALLATION, expected)],
  ['remove', (sink, expected) => sink.remove('orders', expected)],
];

function open(): { bench: Bench; sink: SecretSink; results: string[] } {
  const bench = makeBench();
  const results: string[] = [];
  return { bench, results, sink: countSinkWrites(bench.secrets, (result) => void results.push(result)) };
}

describe.each(WRITES)('%s', (_, write) => {
  it('that succeeds is told as ok, with the version that it gave', async () => {
    const { sink, results } = open();
    expect(await write(sink, ABSENT)).toMatch(/^v\d+$/);
    expect(results).toEqual(['ok']);
  });

  it('that another process was faster than is a conflict', async () => {
    const { sink, results } = open();
    await expect(write(sink, 'v0')).rejects.toBeInstanceOf(SinkConflictError);
    expect(results).toEqual(['conflict']);
  });

  it('that fails is an error', async () => {
    const { sink, bench, results } = open();
    bench.script('sink-write', { fail: 'broken' });
    await expect(write(sink, ABSENT)).rejects.toBeInstanceOf(SinkError);
    expect(results).toEqual(['error']);
  });

  it('that ends in a bug is not counted', async () => {
    const { sink, bench, results } = open();
    bench.script('sink-write', { bug: new TypeError('a bug') });
    await expect(write(sink, ABSENT)).rejects.toThrow('a bug');
    expect(results).toEqual([]);
  });
});

describe('a counted sink', () => {
  it('is the same sink otherwise', async () => {
    const { sink, bench, results } = open();
    await bench.secrets.write(ORDERS, ABSENT);
    expect(sink.locate('orders')).toBe(bench.secrets.locate('orders'));
    expect(await sink.list()).toEqual(['orders']);
    expect(await sink.read('orders')).toMatchObject({ kind: 'intact', record: ORDERS });
    expect(await sink.readInstallation()).toMatchObject({ kind: 'absent' });
    expect(await sink.check()).toEqual([]);
    await sink.close();
    expect(recordIn(bench.sink, 'orders')).toEqual(ORDERS);
    expect(results).toEqual([]);
  });
});
