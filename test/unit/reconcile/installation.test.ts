import { expect, it } from 'vitest';
import { RequestError, SinkError } from '../../../src/domain/errors.ts';
import { INSTALLATION_NAME, RECORD_SCHEMA } from '../../../src/domain/record.ts';
import { openInstallation } from '../../../src/reconcile/installation.ts';
import { observe } from '../../../src/reconcile/observe.ts';
import { makeBench, placeInstallation, type Bench } from './bench.ts';

const open = async (bench: Bench, meanwhile: () => void = () => undefined) => {
  const seen = await observe([], bench.observer());
  meanwhile();
  return openInstallation(seen, bench.secrets, () => 'made');
};

it('makes the id of a fresh installation, with the lines of the account', async () => {
  const bench = makeBench();
  bench.api.lines.push({ id: 'a-line', phone_number: '+12025550101' });
  const expected = {
    schema: RECORD_SCHEMA,
    name: INSTALLATION_NAME,
    id: 'made',
    line_ids: ['a-line', 'line-1'],
    pauses: [],
  };
  expect(await open(bench)).toEqual({ installation: expected, isFresh: true });
  expect(bench.sink.installation?.record).toEqual(expected);
});

it('writes nothing where nothing changed', async () => {
  const bench = makeBench();
  placeInstallation(bench);
  expect((await open(bench)).isFresh).toBe(false);
  expect(bench.sink.writes).toBe(0);
});

it('keeps its id when the lines change', async () => {
  const bench = makeBench();
  placeInstallation(bench, ['line-0', 'line-1']);
  expect(await open(bench)).toMatchObject({ isFresh: false });
  expect(bench.sink.installation?.record).toMatchObject({ id: 'inst', line_ids: ['line-1'], pauses: [] });
});

it('keeps the lines that it knows when the account shows none', async () => {
  const bench = makeBench();
  placeInstallation(bench);
  bench.api.lines.length = 0;
  await open(bench);
  expect(bench.sink.installation?.record?.line_ids).toEqual(['line-1']);
  expect(bench.sink.writes).toBe(0);
});

it('begins without lines where they are not known', async () => {
  const bench = makeBench();
  const lost = new RequestError('cannot read', { outcome: 'unknown', method: 'GET', url: '' });
  const reader = { ...bench.linq, listPhoneLines: () => Promise.reject(lost) };
  const seen = await observe([], bench.observer({ reader }));
  await openInstallation(seen, bench.secrets, () => 'made');
  expect(bench.sink.installation?.record).toMatchObject({ id: 'made', line_ids: [], pauses: [] });
});

it('uses the id of the process that was first', async () => {
  const bench = makeBench();
  const outcome = await open(bench, () => placeInstallation(bench));
  expect(outcome).toMatchObject({ installation: { id: 'inst' }, isFresh: false });
  expect(bench.sink.installation?.record?.id).toBe('inst');
});

it('fails when what another process left cannot be read', async () => {
  const bench = makeBench();
  const damage = { kind: 'damaged', version: 'v', reason: 'no JSON' } as const;
  const outcome = open(bench, () => (bench.sink.installation = { version: 'v', record: null, damage }));
  await expect(outcome).rejects.toBeInstanceOf(SinkError);
});

it('fails when the sink does', async () => {
  const bench = makeBench();
  bench.script('sink-write', { fail: 'lost' });
  await expect(open(bench)).rejects.toBeInstanceOf(SinkError);
  expect(bench.sink.installation).toBeUndefined();
});

it('fails when the sink does not take the new lines', async () => {
  const bench = makeBench();
  placeInstallation(bench, ['line-0']);
  bench.script('sink-write', { fail: 'lost' });
  await expect(open(bench)).rejects.toBeInstanceOf(SinkError);
  expect(bench.sink.installation?.record?.line_ids).toEqual(['line-0']);
});

it('notes a line that took the place of another', async () => {
  const bench = makeBench();
  bench.api.lines.push({ id: 'line-2', phone_number: '+12025550101' });
  placeInstallation(bench, ['line-1', 'line-3']);
  await open(bench);
  expect(bench.sink.installation?.record?.line_ids).toEqual(['line-1', 'line-2']);
});
