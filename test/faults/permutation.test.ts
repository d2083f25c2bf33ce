import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { randomFrom, type Random } from '../simulation/model-random.ts';
import { checkPromises, recordsOf } from '../support/account-checks.ts';
import { openStage, runUntilDone, truthOf, type Entries, type Stage } from '../support/stage.ts';
import type { SinkKind } from '../support/stage-sinks/stage-sink.ts';

/** PERMUTATION_SEED: replays the last case. */
const FRESH = Number(process.env['PERMUTATION_SEED'] ?? randomInt(2 ** 31));
const COUNT = 50;
const NAMES = Array.from({ length: COUNT }, (_, index) => `entry-${String(index).padStart(2, '0')}`);
const URLS = NAMES.map((name) => `https://hooks.example.com/${name}?version=2026-02-03`);

function declared(urls: readonly string[]): Entries {
  const entries = NAMES.map((name, index) => [
    name,
    { target_url: urls[index], subscribed_events: ['message.received'] },
  ]);
  return Object.fromEntries(entries) as Entries;
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0] as T);
}

/** The id and the secret of every entry, by the records. */
async function keptIn(stage: Stage): Promise<unknown> {
  const records = await recordsOf(stage);
  return [...records].map(([name, { current }]) => [
    name,
    current?.subscription_id,
    current?.signing_secret?.reveal(),
  ]);
}

function identities(stage: Stage): unknown {
  return truthOf(stage.emulator)
    .map(({ id, signing_secret }) => [id, signing_secret])
    .sort();
}

test.each<{ sink: SinkKind; seed: number; isKilled: boolean }>([
  { sink: 'file', seed: 1, isKilled: false },
  { sink: 'file', seed: 2, isKilled: true },
  { sink: 'vault', seed: 3, isKilled: true },
  { sink: 'file', seed: FRESH, isKilled: true },
])(
  'I2, I10: a permutation of the URLs of 50 entries is reached with every id and secret kept ($sink, seed $seed, killed: $isKilled)',
  { timeout: 180_000 },
  async ({ sink, seed, isKilled }) => {
    process.stdout.write(`permutation: seed ${seed}\n`);
    const random = randomFrom(seed);
    const stage = await openStage({
      sink,
      entries: declared(URLS),
      env: { LINQ_GITOPS_API_CONCURRENCY: '4' },
    });
    await runUntilDone(stage, ['sync']);
    const [kept, live] = [await keptIn(stage), identities(stage)];
    const target = shuffled(URLS, random);
    await stage.declare(declared(target));
    stage.emulator.clearRequests();
    for (let kills = 0; isKilled && kills < 3; kills += 1) {
      // Every entry that moves takes two effects or more.
      const stop = { index: 1 + random.below(COUNT / 2), phase: random.pick(['before', 'after'] as const) };
      expect(await stage.run(['sync'], { effects: { stop } })).toMatchObject({ signal: 'SIGKILL' });
      expect(identities(stage)).toEqual(live);
    }
    await runUntilDone(stage, ['sync']);
    const methods = new Set(stage.emulator.requests.map(({ method }) => method));
    expect([...methods].sort(), 'nothing was made or deleted').toEqual(['GET', 'PUT']);
    expect(identities(stage)).toEqual(live);
    expect(await keptIn(stage)).toEqual(kept);
    await checkPromises(stage);
  },
);
