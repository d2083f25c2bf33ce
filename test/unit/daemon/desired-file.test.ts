import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSubscriptions } from '../../../src/config/load-subscriptions.ts';
import { openDesiredFile, type DesiredFile } from '../../../src/daemon/desired-file.ts';
import { makeDesired } from '../reconcile/bench.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const GOOD = `version: 1
subscriptions:
  orders:
    target_url: https://hooks.example.com/orders?version=2026-02-03
    subscribed_events: [message.received]
`;
const UNPINNED = GOOD.replace('?version=2026-02-03', '');
const BAD = `version: 1
subscriptions:
  orders:
    target_uri: https://hooks.example.com/orders
`;

interface OnDisk {
  readonly file: DesiredFile;
  readonly write: (text: string) => Promise<void>;
  readonly remove: () => Promise<void>;
}

async function onDisk(text: string): Promise<OnDisk> {
  const path = join(await makeTempDir(), 'subscriptions.yaml');
  await writeFile(path, text);
  return {
    file: openDesiredFile(() => loadSubscriptions(path, 'subscriptions.yaml')),
    write: (next) => writeFile(path, next),
    remove: () => rm(path),
  };
}

describe('a good file', () => {
  it('is what is desired, with when it was loaded and what its author should know', async () => {
    const { file } = await onDisk(UNPINNED);
    const look = await file.look(1_000);
    expect(look.desired?.entries.map(({ name }) => name)).toEqual(['orders']);
    expect(look.loaded).toEqual({
      contentHash: look.desired?.content_hash,
      revision: null,
      entries: 1,
      at: 1_000,
    });
    expect(look.problem).toBeNull();
    expect(look.warnings).toHaveLength(1);
  });

  it('counts as loaded when this content came, not when it was looked at last', async () => {
    const { file, write } = await onDisk(GOOD);
    await file.look(1_000);
    expect((await file.look(2_000)).loaded?.at).toBe(1_000);
    await write(UNPINNED);
    expect((await file.look(3_000)).loaded?.at).toBe(3_000);
  });

  it('of another commit is loaded anew', async () => {
    let revision = 'abc';
    const file = openDesiredFile(() =>
      Promise.resolve({ desired: { ...makeDesired([]), revision }, warnings: [] }),
    );
    await file.look(1_000);
    revision = 'def';
    expect((await file.look(2_000)).loaded).toMatchObject({ revision: 'def', at: 2_000 });
  });
});

describe('a bad file', () => {
  it.each([
    ['invalid', BAD],
    ['half-written', GOOD.slice(0, 60)],
    ['empty', ''],
  ])('that is %s leaves the last good one in place (I7)', async (_, text) => {
    const { file, write } = await onDisk(GOOD);
    const good = await file.look(1_000);
    await write(text);
    const look = await file.look(2_000);
    expect(look.desired).toEqual(good.desired);
    expect(look.loaded).toEqual(good.loaded);
    expect(look.problem?.problems.length).toBeGreaterThan(0);
  });

  it('that is missing leaves the last good one in place (I7)', async () => {
    const { file, remove } = await onDisk(GOOD);
    const good = await file.look(1_000);
    await remove();
    const look = await file.look(2_000);
    expect(look.desired).toEqual(good.desired);
    expect(look.problem).not.toBeNull();
  });

  it('has every problem with its place, and none of the text of the file', async () => {
    const { file } = await onDisk(BAD);
    const { problem } = await file.look(1_000);
    const places = problem?.problems.map(({ file: name, position }) => [name, position?.line]);
    expect(places).toContainEqual(['subscriptions.yaml', 4]);
    for (const each of problem?.problems ?? []) {
      expect(Object.keys(each).sort()).toEqual(['file', 'message', 'position']);
    }
  });

  it('that is the first one leaves nothing desired', async () => {
    const { file } = await onDisk(BAD);
    expect(await file.look(1_000)).toMatchObject({ desired: null, loaded: null, warnings: [] });
  });

  it('is bad since it was bad first, until it was good in between', async () => {
    const { file, write, remove } = await onDisk(BAD);
    await file.look(1_000);
    await remove();
    expect((await file.look(2_000)).problem?.since).toBe(1_000);
    await write(GOOD);
    expect((await file.look(3_000)).problem).toBeNull();
    await write(BAD);
    expect((await file.look(4_000)).problem?.since).toBe(4_000);
  });

  it('has no warnings of the good one', async () => {
    const { file, write } = await onDisk(UNPINNED);
    await file.look(1_000);
    await write(BAD);
    expect((await file.look(2_000)).warnings).toEqual([]);
  });

  it('is no cover for a bug', async () => {
    const file = openDesiredFile(() => Promise.reject(new TypeError('a bug')));
    await expect(file.look(1_000)).rejects.toThrow('a bug');
  });
});
