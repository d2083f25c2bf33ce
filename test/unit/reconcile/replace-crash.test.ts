import { describe, expect, it } from 'vitest';
import type { Desired } from '../../../src/domain/desired.ts';
import { AppError } from '../../../src/domain/errors.ts';
import type { EntryRecord } from '../../../src/domain/record.ts';
import type { PassContext } from '../../../src/reconcile/reconcile-once.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { recordIn, recordsIn } from '../../simulation/model-sink.ts';
import {
  fieldsAt,
  fileOf,
  makeBench,
  overtake,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
  type Step,
} from './bench.ts';

/*
 * A replacement that is cut off at every one of its effects, in every way, and then goes on with later passes.
 * The rules are checked on the model's truth after every single effect, not only at the end.
 */

const AT_ONCE = { ...SETTINGS, replace: { ...SETTINGS.replace, overlap: 0 } };
const MAX_PASSES = 12;

class Crash extends Error {}

/** What is replaced, and how it is asked for. */
interface Scene {
  readonly title: string;
  readonly file: Desired;
  /** Sets up the account; gives the id that is to go. */
  readonly place: (bench: Bench) => string;
  /** Of every pass. */
  readonly settings?: PassContext['settings'];
  /** Of the first pass only, as a command would. */
  readonly first?: Partial<PassContext>;
  readonly endsActive: boolean;
}

const ROTATE: Partial<PassContext> = { rotate: new Map([['orders', 'rotate']]) };
const UNOWNED: Partial<PassContext> = { allowances: [{ guard: 'unowned', name: 'orders' }] };

const SCENES: readonly Scene[] = [
  {
    title: 'a rotation',
    file: fileOf(),
    place: (bench) => placeOwned(bench),
    first: ROTATE,
    endsActive: true,
  },
  {
    title: 'a rotation without overlap',
    file: fileOf(),
    place: (bench) => placeOwned(bench),
    settings: AT_ONCE,
    first: ROTATE,
    endsActive: true,
  },
  {
    title: 'a rotation of an inactive entry',
    file: fileOf(),
    place(bench) {
      const id = placeOwned(bench);
      deactivate(bench, id);
      return id;
    },
    first: ROTATE,
    endsActive: false,
  },
  {
    title: 'a rotation while the file changes the URL and the events',
    file: fileOf(`${URL}&line=2`, 'orders', {
      fields: fieldsAt(`${URL}&line=2`, { subscribed_events: ['message.failed'] }),
    }),
    place: (bench) => placeOwned(bench),
    first: ROTATE,
    endsActive: true,
  },
  {
    title: 'a replacement of a lost secret',
    file: fileOf(),
    place(bench) {
      const id = placeOwned(bench);
      const { current } = recordIn(bench.sink, 'orders') as EntryRecord;
      overtake(bench, 'orders', { current: current && { ...current, signing_secret: null } });
      return id;
    },
    first: { allowances: [{ guard: 'secret-loss', name: 'orders' }] },
    endsActive: true,
  },
  {
    title: 'an adoption',
    file: fileOf(),
    place: (bench) => placeLive(bench, URL).id,
    first: UNOWNED,
    endsActive: true,
  },
  {
    title: 'an adoption at once',
    file: fileOf(),
    place: (bench) => placeLive(bench, URL).id,
    settings: AT_ONCE,
    first: UNOWNED,
    endsActive: true,
  },
  {
    title: 'an adoption in place of one of ours that is gone',
    file: fileOf(),
    place(bench) {
      bench.api.live.delete(placeOwned(bench));
      return placeLive(bench, URL).id;
    },
    first: UNOWNED,
    endsActive: true,
  },
];

/** Ways to be cut off. A crash throws what no code catches; the others are errors that the code knows. */
const CUTS: readonly { readonly how: string; readonly step: Step }[] = [
  { how: 'a crash before', step: { bug: new Crash() } },
  {
    how: 'a crash after',
    step: {
      after: () => {
        throw new Crash();
      },
    },
  },
  { how: 'a loss before', step: { fail: 'lost' } },
  { how: 'a loss after', step: { lost: 'lost' } },
];

describe.each(SCENES)('$title', (scene) => {
  it('ends with the new one alone, its secret stored', async () => {
    const { bench, old } = await play(scene, -1, {});
    expect(bench.api.live.has(old)).toBe(false);
    expectAtRest(bench, scene);
  });

  it.each(CUTS)('bears $how every effect (I1 to I4, I10)', async ({ step }) => {
    const { effects } = await play(scene, -1, {});
    expect(effects).toBeGreaterThan(20);
    for (let at = 0; at < effects; at += 1) expectAtRest((await play(scene, at, step)).bench, scene);
  });
});

/** Plays the scene until nothing is left to do; the effect number `at` fares as `step` says. */
async function play(
  scene: Scene,
  at: number,
  step: Step,
): Promise<{ bench: Bench; old: string; effects: number }> {
  const bench = makeBench();
  placeInstallation(bench);
  placeLive(bench, 'https://elsewhere.example.net/');
  const old = scene.place(bench);
  let effects = 0;
  bench.onEffect = () => (effects++ === at ? step : {});
  bench.watch = () => checkTruth(bench, old, scene);
  bench.watch();
  const base = { settings: scene.settings ?? SETTINGS };
  for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
    const isAsked = isUntouched(bench, old);
    try {
      const { plan } = await bench.laterPass(scene.file, { ...base, ...(isAsked ? scene.first : {}) });
      if (plan.operations.length + plan.waiting.length + plan.held.length === 0)
        return { bench, old, effects };
    } catch (error) {
      if (!(error instanceof Crash || error instanceof AppError)) throw error;
    }
  }
  throw new Error(`cut off at effect ${at}, it does not come to rest: ${shown(bench)}`);
}

/** Nothing of the replacement has begun: whoever asked for it asks again. */
function isUntouched({ api, sink }: Bench, old: string): boolean {
  const record = recordIn(sink, 'orders');
  return api.live.has(old) && !record?.next && !record?.retire;
}

/** What holds after every effect, whatever happened. */
function checkTruth({ api, sink }: Bench, old: string, { endsActive }: Scene): void {
  const ids = [...api.live.values()].filter(({ target_url }) => target_url.startsWith(URL));
  expect(ids.length, 'never more than two, never none').toBeLessThanOrEqual(2);
  expect(ids.length).toBeGreaterThan(0);
  const records = recordsIn(sink).flatMap(({ current, next }) =>
    [current, next].filter((one) => one !== null),
  );
  for (const { subscription_id: id, signing_secret } of records)
    if (signing_secret !== null) expect(signing_secret.reveal()).toBe(api.issued.get(id)?.secret);
  const known = new Set([old, ...records.map(({ subscription_id }) => subscription_id)]);
  const delivering = ids.filter(({ is_active }) => is_active);
  if (endsActive)
    expect(
      delivering.some(({ id }) => known.has(id)),
      'somebody delivers',
    ).toBe(true);
  else expect(delivering.filter(({ target_url }) => target_url === URL)).toEqual([]);
}

function expectAtRest({ api, sink }: Bench, { file, endsActive }: Scene): void {
  const [entry] = file.entries;
  const url = entry?.fields.target_url ?? URL;
  const ours = [...api.live.values()].filter(({ target_url }) => target_url.startsWith(URL));
  expect(ours).toMatchObject([{ ...entry?.fields, target_url: url, is_active: endsActive }]);
  const [id] = ours.map((live) => live.id);
  const record = recordIn(sink, 'orders');
  expect(record).toMatchObject({ next: null, retire: null, intent: null, previous: null });
  expect(record?.current).toMatchObject({ subscription_id: id, target_url: url });
  expect(record?.current?.signing_secret?.reveal()).toBe(api.issued.get(id ?? '')?.secret);
}

function deactivate({ api }: Bench, id: string): void {
  const live = api.live.get(id);
  if (live) api.live.set(id, { ...live, is_active: false });
}

function shown({ api, sink }: Bench): string {
  const live = [...api.live.values()].map(({ id, target_url, is_active }) => [id, target_url, is_active]);
  return JSON.stringify({ live, record: recordIn(sink, 'orders') });
}
