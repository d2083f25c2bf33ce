import { expect } from 'vitest';
import type { Desired } from '../../../src/domain/desired.ts';
import { SinkError } from '../../../src/domain/errors.ts';
import { emptyRecord, type EntryRecord, type Replacement } from '../../../src/domain/record.ts';
import { Secret } from '../../../src/domain/secret.ts';
import { adoptEntries } from '../../../src/reconcile/adopt.ts';
import { moveRecords } from '../../../src/reconcile/move-records.ts';
import { liftPauses, setPauses } from '../../../src/reconcile/pauses.ts';
import { releaseEntries } from '../../../src/reconcile/release.ts';
import type { PassContext } from '../../../src/reconcile/reconcile-once.ts';
import { markOf } from '../../../src/domain/target-url.ts';
import type { EffectKind } from '../../simulation/model-effect.ts';
import { SETTINGS } from '../../simulation/model-settings.ts';
import { connectSink, makeSink, placeRecord, recordIn, recordsIn } from '../../simulation/model-sink.ts';
import type { ModelSink } from '../../simulation/model-sink.ts';
import {
  fieldsAt,
  fileOf,
  intentOf,
  LANDING_TIME,
  makeDesired,
  OTHER,
  overtake,
  placeInstallation,
  placeLive,
  placeOwned,
  URL,
  type Bench,
  type Step,
} from './bench.ts';
import type { Opened, Scene } from './crash-play.ts';

const ALONE = { ...SETTINGS, api: { ...SETTINGS.api, concurrency: 1 } };
const AT_ONCE = { ...ALONE, replace: { ...SETTINGS.replace, overlap: 0 } };
/** Retired for some passes, then deleted. */
const RETIRING = { ...ALONE, policy: { ...SETTINGS.policy, retire: 6 * LANDING_TIME } };
const NEW_URL = `${URL}&line=2`;
const MARKED = `${URL}&linq_gitops=inst.before`;
const EMPTY = makeDesired([], 'empty');

const ROTATE: Partial<PassContext> = { rotate: new Map([['orders', 'rotate']]) };
const COMPROMISED: Partial<PassContext> = { rotate: new Map([['orders', 'compromised']]) };
const ABORT: Partial<PassContext> = { rotate: new Map([['orders', 'abort']]) };
const UNOWNED: Partial<PassContext> = { allowances: [{ guard: 'unowned', name: 'orders' }] };

/** What goes wrong on the way to a stored secret, so that the code comes to what mends it. */
interface Trouble {
  readonly title: string;
  readonly open: (bench: Bench) => Pick<Opened, 'fares' | 'pass'>;
}

const NO_TROUBLE: Trouble = { title: '', open: () => ({}) };

const TROUBLES: readonly Trouble[] = [
  {
    title: ' whose POST is refused',
    open: () => ({ fares: nth('post', 1, { fail: 'refused' }) }),
  },
  {
    title: ' whose answer to the POST is lost',
    open: () => ({ fares: nth('post', 1, { lost: 'lost' }) }),
  },
  {
    title: ' that is told to stop after a lost answer to its POST',
    open(bench) {
      const stop = new AbortController();
      bench.onSleep = () => stop.abort();
      return {
        fares: nth('post', 1, { lost: 'lost' }),
        pass: (pass) => (pass === 1 ? { stop: { signal: stop.signal, graceMs: 2_000 } } : {}),
      };
    },
  },
  {
    title: ' whose record another process takes',
    open: (bench) => ({
      fares: nth('sink-write', 2, { before: () => overtake(bench, 'orders', { prevent_destroy: true }) }),
    }),
  },
  {
    title: ' whose secret the sink refuses',
    open({ api }) {
      let left = 4;
      const isUnstored = (): boolean =>
        [...api.live.values()].some(({ target_url }) => markOf(target_url) !== undefined);
      return {
        fares: (kind) => (kind === 'sink-write' && isUnstored() && left-- > 0 ? { fail: 'lost' } : {}),
      };
    },
  },
];

function nth(kind: EffectKind, which: number, step: Step): NonNullable<Opened['fares']> {
  return (one, count) => (one === kind && count === which ? step : {});
}

/** What is replaced, and how it is asked for. */
interface Replacing {
  readonly title: string;
  readonly file?: Desired;
  /** Sets up the account; gives the id that is to go. */
  readonly place: (bench: Bench) => string;
  /** Of every pass. */
  readonly settings?: PassContext['settings'];
  /** For as long as nothing has begun, as a command would be repeated. */
  readonly first: Partial<PassContext>;
  readonly endsActive?: boolean;
  readonly isForeign?: boolean;
  readonly isSecretLost?: boolean;
}

const ROTATION: Replacing = { title: 'a rotation', place: (bench) => placeOwned(bench), first: ROTATE };
const ADOPTION: Replacing = {
  title: 'an adoption',
  place: (bench) => placeLive(bench, URL).id,
  first: UNOWNED,
  isForeign: true,
};
const ADOPTION_IN_PLACE: Replacing = {
  ...ADOPTION,
  title: 'an adoption in place of one of ours that is gone',
  place(bench) {
    bench.api.live.delete(placeOwned(bench));
    return placeLive(bench, URL).id;
  },
};

const REPLACEMENTS: readonly Replacing[] = [
  { ...ROTATION, title: 'a rotation without overlap', settings: AT_ONCE },
  {
    ...ROTATION,
    title: 'a rotation of an inactive entry',
    place(bench) {
      const id = placeOwned(bench);
      deactivate(bench, id);
      return id;
    },
    endsActive: false,
  },
  {
    ...ROTATION,
    title: 'a rotation while the file changes the URL and the events',
    file: fileOf(NEW_URL, 'orders', { fields: fieldsAt(NEW_URL, { subscribed_events: ['message.failed'] }) }),
  },
  {
    ...ROTATION,
    title: 'a replacement of a lost secret',
    place(bench) {
      const id = placeOwned(bench);
      const { current } = recordIn(bench.sink, 'orders') as EntryRecord;
      overtake(bench, 'orders', { current: current && { ...current, signing_secret: null } });
      return id;
    },
    first: { allowances: [{ guard: 'secret-loss', name: 'orders' }] },
    isSecretLost: true,
  },
  { ...ADOPTION, title: 'an adoption at once', settings: AT_ONCE },
];

/** How a replacement is set up, and the rules that it has beside the invariants. */
function openReplacement(
  bench: Bench,
  replacing: Replacing,
  trouble: Pick<Opened, 'fares' | 'pass'>,
  receivers = openReceivers(bench),
): Opened {
  const { file = fileOf(), place, settings = ALONE, first, endsActive = true } = replacing;
  const { api, sink } = bench;
  placeInstallation(bench);
  const old = place(bench);
  const isUntouched = (): boolean => {
    const record = recordIn(sink, 'orders');
    return api.live.has(old) && !record?.next && !record?.retire;
  };
  return {
    file,
    ...(replacing.isForeign === true && { consented: old }),
    ...(replacing.isSecretLost === true && { lost: old }),
    ...trouble,
    declaresActivity: !endsActive,
    pass: (pass) => ({
      settings,
      showSecrets: receivers.show,
      ...trouble.pass?.(pass),
      ...(isUntouched() ? first : {}),
    }),
    check() {
      checkDelivery(bench, old, endsActive);
      receivers.check(old);
    },
    checkRest: () => expectReplaced(bench, file, endsActive, old),
  };
}

/** Receivers that read exported files: they know what was shown to them. */
function openReceivers({ api, sink, link }: Bench) {
  const known = new Set<string>();
  const read = (): void => {
    for (const { next } of recordsIn(sink)) if (next !== null) known.add(next.subscription_id);
  };
  return {
    /** They know the secret of what is to take over. */
    isShown: (): boolean => known.has(recordIn(sink, 'orders')?.next?.subscription_id ?? ''),
    show: () =>
      link({ kind: 'sink-write', label: 'show', take: read, fail: () => new SinkError('cannot export') }),
    check(old: string): void {
      const record = recordIn(sink, 'orders');
      const next = record?.next;
      if (!next) return;
      const isShown = known.has(next.subscription_id);
      if (!api.live.has(old))
        expect(isShown, 'the old one stays until receivers know the new secret').toBe(true);
      if (next.ready_at !== null && next.deactivated)
        expect(isShown, 'an overlap counts from when receivers know the new secret').toBe(true);
    },
  };
}

/** Somebody delivers at every moment, and receivers know the secret of all that may. */
function checkDelivery({ api, sink }: Bench, old: string, endsActive: boolean): void {
  const live = [...api.live.values()].filter(({ target_url }) => target_url.startsWith(URL));
  const records = recordsIn(sink).flatMap(({ current, next }) =>
    [current, next].filter((one) => one !== null),
  );
  const known = new Set([old, ...records.map(({ subscription_id }) => subscription_id)]);
  const settled = live.filter(({ id }) => known.has(id));
  expect(settled.length, 'never more than two, never none').toBeLessThanOrEqual(2);
  expect(settled.length).toBeGreaterThan(0);
  const delivering = settled.filter(({ is_active }) => is_active);
  if (endsActive) expect(delivering.length, 'somebody delivers').toBeGreaterThan(0);
  else expect(delivering.filter(({ target_url }) => target_url === URL)).toEqual([]);
}

function expectReplaced(bench: Bench, file: Desired, endsActive: boolean, old: string): void {
  expect(bench.api.live.has(old)).toBe(false);
  expectWhole(bench, file, { is_active: endsActive });
  expect(recordIn(bench.sink, 'orders')).toMatchObject({ previous: null });
}

/** Each entry has its one subscription, whose very secret is in its record; nothing is under way. */
function expectWhole({ api, sink }: Bench, { entries }: Desired, more: { is_active?: boolean } = {}): void {
  const ours = [...api.live.values()].filter(({ target_url }) => target_url.startsWith(URL));
  expect(ours).toHaveLength(entries.length);
  for (const { name, fields } of entries) {
    const record = recordIn(sink, name);
    const id = record?.current?.subscription_id ?? '';
    expect(api.live.get(id)).toMatchObject({ is_active: true, ...fields, ...more });
    expect(record).toMatchObject({ next: null, retire: null, intent: null, retired: null });
    expect(record?.current?.target_url).toBe(fields.target_url);
    expect(record?.current?.signing_secret?.reveal()).toBe(api.issued.get(id)?.secret);
  }
  expect(recordsIn(sink)).toHaveLength(entries.length);
}

function deactivate({ api }: Bench, id: string): void {
  const live = api.live.get(id);
  if (live) api.live.set(id, { ...live, is_active: false });
}

function replacing(what: Replacing, trouble = NO_TROUBLE): Scene {
  return {
    title: what.title + trouble.title,
    open: (bench) => openReplacement(bench, what, trouble.open(bench)),
  };
}

/** A create, of a new entry or of one whose subscription was deleted outside. */
function creating(title: string, place: (bench: Bench) => void, trouble = NO_TROUBLE): Scene {
  return {
    title: title + trouble.title,
    open(bench) {
      placeInstallation(bench);
      place(bench);
      return { file: fileOf(), ...trouble.open(bench), checkRest: () => expectWhole(bench, fileOf()) };
    },
  };
}

function placeGone(bench: Bench): void {
  bench.api.live.delete(placeOwned(bench));
}

const makings = (trouble?: Trouble): readonly Scene[] => [
  creating('a create', () => undefined, trouble),
  creating('a create of what was deleted outside', placeGone, trouble),
  replacing(ROTATION, trouble),
  replacing(ADOPTION, trouble),
  replacing(ADOPTION_IN_PLACE, trouble),
];

/** The file is another one than what is live and recorded; passes do the rest. */
function changing(
  title: string,
  file: Desired,
  place: (bench: Bench) => unknown,
  { settings = ALONE }: { readonly settings?: PassContext['settings'] } = {},
): Scene {
  return {
    title,
    async open(bench) {
      placeInstallation(bench);
      await place(bench);
      return { file, pass: () => ({ settings }), checkRest: () => expectWhole(bench, file) };
    },
  };
}

/** As far as that the new one rests beside the old one. */
async function placeResting(bench: Bench, place: (bench: Bench) => string = placeOwned): Promise<string> {
  const old = place(bench);
  await bench.laterPass(fileOf(), {
    settings: ALONE,
    ...(recordIn(bench.sink, 'orders') ? ROTATE : UNOWNED),
  });
  expect(recordIn(bench.sink, 'orders')?.next?.ready_at).toEqual(expect.any(String));
  return old;
}

async function placeRetired(bench: Bench): Promise<void> {
  placeOwned(bench);
  await bench.laterPass(EMPTY, { settings: RETIRING });
  expect(recordIn(bench.sink, 'orders')?.retired).toMatchObject({ deactivated: true });
}

const CHANGES: readonly Scene[] = [
  {
    title: 'a create in a fresh sink',
    open: (bench) => ({ file: fileOf(), checkRest: () => expectWhole(bench, fileOf()) }),
  },
  changing('an update', fileOf(NEW_URL, 'orders', { prevent_destroy: true }), placeOwned),
  changing('a revival', fileOf(), placeRetired, { settings: RETIRING }),
  changing(
    'two entries that swap their URLs',
    makeDesired([...fileOf(NEW_URL, 'billing').entries, ...fileOf(`${URL}&line=1`).entries]),
    (bench) => {
      placeOwned(bench, 'billing', `${URL}&line=1`);
      placeOwned(bench, 'orders', NEW_URL);
    },
  ),
  changing('a rename', fileOf(URL, 'shop', { previously: ['orders'] }), placeOwned),
  changing(
    'a rename in the middle of a rotation',
    fileOf(URL, 'shop', { previously: ['orders'] }),
    placeResting,
  ),
  changing(
    'the end of a rename, with a rotation begun under each name',
    fileOf(URL, 'shop', { previously: ['orders'] }),
    async (bench) => {
      await placeResting(bench);
      const record = recordIn(bench.sink, 'orders');
      if (!record?.next) throw new Error('no replacement is under way');
      const target_url = `${record.next.target_url}-2`;
      const { id, secret } = placeLive(bench, target_url, 'p0');
      const signing_secret = new Secret(secret);
      const next = { ...record.next, subscription_id: id, target_url, signing_secret };
      placeRecord(bench.sink, { ...record, name: 'shop', next });
    },
  ),
  changing('a recovery', fileOf(), (bench) => {
    placeLive(bench, MARKED, 'p0');
    placeRecord(bench.sink, { ...emptyRecord('orders', 'default'), intent: intentOf(MARKED, bench, OTHER) });
  }),
  changing('a recovery beside a subscription', fileOf(), (bench) => {
    placeOwned(bench);
    placeLive(bench, MARKED, 'p0');
    overtake(bench, 'orders', { intent: intentOf(MARKED, bench, OTHER) });
  }),
  changing('a collection', fileOf(), (bench) => {
    placeOwned(bench);
    placeLive(bench, MARKED, 'p0');
  }),
  changing('a delete', EMPTY, placeOwned),
  changing('a delete in the middle of a rotation', EMPTY, placeResting),
  changing('a retirement', EMPTY, placeOwned, { settings: RETIRING }),
  changing('a retirement in the middle of a rotation', EMPTY, placeResting, { settings: RETIRING }),
];

/** Replacements that are under way, and another thing is asked of them. */
const TURNS: readonly Scene[] = [
  {
    title: 'a rotation whose overlap another process begins',
    open(bench) {
      const receivers = openReceivers(bench);
      // A second before ours: what both would write alike would count as our own.
      const begin = (next: Replacement): void =>
        overtake(bench, 'orders', {
          next: { ...next, ready_at: new Date(bench.clock.now() - 1_000).toISOString() },
        });
      const fares = (kind: EffectKind): Step => {
        const next = recordIn(bench.sink, 'orders')?.next;
        const isDue = next?.deactivated === true && next.ready_at === null && receivers.isShown();
        return kind === 'sink-write' && isDue ? { before: () => begin(next) } : {};
      };
      return openReplacement(bench, ROTATION, { fares }, receivers);
    },
  },
  {
    title: 'a rotation whose secret turns out to be compromised',
    async open(bench) {
      placeInstallation(bench);
      const old = await placeResting(bench);
      const { next } = recordIn(bench.sink, 'orders') as EntryRecord;
      // The next pass comes when it has not rested for long.
      const ready_at = new Date(bench.clock.now() + 2 * LANDING_TIME - 10_000).toISOString();
      overtake(bench, 'orders', { next: next && { ...next, ready_at } });
      return {
        file: fileOf(),
        pass: () => (recordIn(bench.sink, 'orders')?.next?.compromised === false ? COMPROMISED : {}),
        check: () => checkDelivery(bench, old, true),
        checkRest: () => expectReplaced(bench, fileOf(), true, old),
      };
    },
  },
  {
    title: 'a rotation that is given up',
    async open(bench) {
      placeInstallation(bench);
      const old = await placeResting(bench);
      return {
        file: fileOf(),
        pass: () => (recordIn(bench.sink, 'orders')?.next ? ABORT : {}),
        check: () => checkDelivery(bench, old, true),
        checkRest() {
          expectWhole(bench, fileOf());
          expect(bench.api.live.has(old)).toBe(true);
        },
      };
    },
  },
  {
    title: 'an adoption that is given up',
    async open(bench) {
      placeInstallation(bench);
      const old = await placeResting(bench, (one) => placeLive(one, URL).id);
      return {
        file: fileOf(),
        leaves: 'unowned',
        pass: () => (recordIn(bench.sink, 'orders') ? ABORT : {}),
        check: () => checkDelivery(bench, old, true),
        checkRest() {
          expect(bench.api.live.get(old)).toMatchObject({ target_url: URL, is_active: true });
          expect(recordsIn(bench.sink)).toEqual([]);
        },
      };
    },
  },
];

/** A command for entries whose subscription changes hands. */
const COMMANDS: readonly Scene[] = [
  {
    title: 'an adoption with the secret',
    open(bench) {
      const { id, secret } = placeLive(bench, URL);
      const request = { name: 'orders', secret: new Secret(secret), id: null };
      const context = { ...bench.passContext(), secrets: bench.secrets };
      return {
        file: fileOf(),
        handed: id,
        commands: [
          async () => {
            const results = await adoptEntries([request], fileOf(), context);
            return results.every(({ kind }) => kind !== 'refused');
          },
        ],
        checkRest: () => expectWhole(bench, fileOf()),
      };
    },
  },
  {
    title: 'a release',
    open(bench) {
      placeInstallation(bench);
      const id = placeOwned(bench);
      const secret = bench.api.issued.get(id)?.secret;
      const kept = new Map<string, Secret>();
      const keep = (secrets: ReadonlyMap<string, Secret>): Promise<void> =>
        bench.link({
          kind: 'sink-write',
          label: 'keep',
          take: () => secrets.forEach((one, name) => kept.set(name, one)),
          fail: () => new SinkError('cannot write secrets'),
        });
      return {
        file: EMPTY,
        handed: id,
        commands: [
          async () => {
            await releaseEntries(['orders'], { sink: bench.secrets, owner: 'default', keep });
            return recordIn(bench.sink, 'orders') === null;
          },
        ],
        check() {
          const stored = recordIn(bench.sink, 'orders')?.current?.signing_secret ?? kept.get('orders');
          expect(stored?.reveal(), 'the secret is in its record, or kept').toBe(secret);
        },
        checkRest() {
          expect(kept.get('orders')?.reveal()).toBe(secret);
          expect(bench.api.live.get(id)).toMatchObject({ target_url: URL, is_active: true });
        },
      };
    },
  },
  {
    title: 'a pause that is ended',
    open(bench) {
      placeInstallation(bench);
      placeOwned(bench);
      const pause = { owner: 'default', name: null, until: null, reason: null };
      const context = { sink: bench.secrets, now: () => bench.clock.now(), unique: () => 'pause' };
      const pauses = (): unknown => bench.sink.installation?.record?.pauses;
      return {
        file: fileOf(NEW_URL),
        commands: [
          async () => {
            await setPauses([pause], context);
            expect(pauses()).toEqual([pause]);
            return true;
          },
          async () => {
            await liftPauses('default', null, context);
            expect(pauses()).toEqual([]);
            return true;
          },
        ],
        check: () =>
          expect(bench.sink.installation?.record).toMatchObject({ id: 'inst', line_ids: ['line-1'] }),
        checkRest: () => expectWhole(bench, fileOf(NEW_URL)),
      };
    },
  },
  {
    title: 'a move of the records to another sink',
    open(bench) {
      placeInstallation(bench);
      placeOwned(bench);
      const there = makeSink();
      let count = 0;
      there.nextVersion = () => `there${(count += 1)}`;
      const sink = connectSink(there, bench.link);
      let uniques = 0;
      return {
        file: fileOf(),
        sink: bothOf(bench.sink, there),
        pass: () => ({ settings: ALONE, secrets: sink, sink }),
        commands: [
          async () => {
            const source = { sink: bench.secrets, owner: 'default', place: 'model:/here' };
            const destination = { sink, owner: 'default', place: 'model:/there' };
            const unique = (): string => `moved${(uniques += 1)}`;
            await moveRecords({ source, destination, now: () => bench.clock.now(), unique });
            return true;
          },
        ],
        checkRest() {
          expectWhole({ ...bench, sink: there }, fileOf());
          expect(recordsIn(bench.sink)).toEqual([]);
          expect(there.installation?.record).toMatchObject({ id: 'inst', pauses: [] });
          expect(bench.sink.installation?.record).toMatchObject({ pauses: [{ name: null, until: null }] });
          expect(bench.sink.installation?.record?.id).not.toBe('inst');
        },
      };
    },
  },
];

/** What is in at least one of the two. */
function bothOf(here: ModelSink, there: ModelSink): ModelSink {
  return {
    ...here,
    get slots() {
      const held = [...there.slots].filter(([, { record }]) => record !== null);
      return new Map([...here.slots, ...held]);
    },
  };
}

/** One scene for every way on which an operation comes to an effect by itself. */
export const SCENES: readonly Scene[] = [
  ...makings(),
  ...REPLACEMENTS.map((what) => replacing(what)),
  ...TURNS,
  ...CHANGES,
  ...COMMANDS,
];

/** The same for what it does when something went wrong on the way to a stored secret. */
export const TROUBLED_SCENES: readonly Scene[] = TROUBLES.flatMap(makings);
