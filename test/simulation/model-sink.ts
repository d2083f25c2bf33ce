import { SinkConflictError, SinkError } from '../../src/domain/errors.ts';
import { INSTALLATION_NAME, type EntryRecord, type InstallationRecord } from '../../src/domain/record.ts';
import { ABSENT, type SecretSink, type SinkEntry, type Version } from '../../src/secrets/sink.ts';
import type { Link } from './model-effect.ts';

interface Slot<R> {
  readonly version: Version;
  /** Null after a removal; the version stays. */
  readonly record: R | null;
  /** What a reader is told instead, where the place is damaged. */
  readonly damage?: SinkEntry<R>;
}

/** What the sink durably holds: ground truth. */
export interface ModelSink {
  readonly slots: Map<string, Slot<EntryRecord>>;
  installation: Slot<InstallationRecord> | undefined;
  /** The next version of a name; it must never have been used for it before. */
  nextVersion: (name: string) => Version;
  /** A sink that heeds no expected version: only for showing that the simulation notices. */
  ignoresExpected: boolean;
  writes: number;
  readonly notices: string[];
}

export function makeSink(): ModelSink {
  let count = 0;
  return {
    slots: new Map(),
    installation: undefined,
    nextVersion: () => `v${(count += 1)}`,
    ignoresExpected: false,
    writes: 0,
    notices: [],
  };
}

/** The record that stands under `name`, or null. */
export function recordIn(sink: ModelSink, name: string): EntryRecord | null {
  return sink.slots.get(name)?.record ?? null;
}

/** All records, by name. */
export function recordsIn(sink: ModelSink): readonly EntryRecord[] {
  return [...sink.slots.values()].flatMap(({ record }) => record ?? []);
}

/** Puts a record there as another process would, whatever stood there before. */
export function placeRecord(sink: ModelSink, record: EntryRecord): void {
  sink.slots.set(record.name, { version: sink.nextVersion(record.name), record });
}

/** The sink as one process sees it, over a link that decides how each call fares. */
export function connectSink(sink: ModelSink, link: Link): SecretSink {
  const read = <T>(label: string, take: () => T): Promise<T> =>
    link({ kind: 'sink-read', label, take, fail: () => new SinkError(`cannot ${label}: model`) });
  const write = (label: string, take: () => Version, name = INSTALLATION_NAME): Promise<Version> =>
    link({
      kind: 'sink-write',
      label,
      record: name,
      take: () => {
        sink.writes += 1;
        return take();
      },
      fail: () => new SinkError(`cannot ${label}: model`),
    });
  const put = (record: EntryRecord, expected: Version): Version => {
    expect(sink, sink.slots.get(record.name)?.version, expected, record.name);
    const version = sink.nextVersion(record.name);
    sink.slots.set(record.name, { version, record });
    return version;
  };
  return {
    locate: (name) => `model:${name}`,
    check: () => read('check the sink', () => [...sink.notices]),
    list: () =>
      read('list records', () =>
        [...sink.slots].flatMap(([name, { record, damage }]) => (record || damage ? [name] : [])).sort(),
      ),
    read: (name) => read(`read ${name}`, () => entryOf(sink.slots.get(name))),
    readInstallation: () => read('read the installation', () => entryOf(sink.installation)),
    write: (record, expected) =>
      write(`write ${record.name} ${describe(record)}`, () => put(record, expected), record.name),
    writeInstallation: (record, expected) =>
      write('write the installation', () => {
        expect(sink, sink.installation?.version, expected, INSTALLATION_NAME);
        const version = sink.nextVersion(INSTALLATION_NAME);
        sink.installation = { version, record };
        return version;
      }),
    remove: (name, expected) =>
      write(
        `remove ${name}`,
        () => {
          expect(sink, sink.slots.get(name)?.version, expected, name);
          const version = sink.nextVersion(name);
          sink.slots.set(name, { version, record: null });
          return version;
        },
        name,
      ),
    close: () => Promise.resolve(),
  };
}

function entryOf<R>(slot: Slot<R> | undefined): SinkEntry<R> {
  if (slot === undefined) return { kind: 'absent', version: ABSENT };
  if (slot.damage) return slot.damage;
  const { version, record } = slot;
  return record === null ? { kind: 'absent', version } : { kind: 'intact', version, record };
}

function expect(sink: ModelSink, version: Version | undefined, expected: Version, name: string): void {
  if (sink.ignoresExpected || (version ?? ABSENT) === expected) return;
  throw new SinkConflictError(`cannot write ${name}: another process was there first`);
}

function describe({ current, next, retire, intent }: EntryRecord): string {
  const overlap = next ? ` next=${next.subscription_id} ready=${next.ready_at ?? '-'}` : '';
  const foreign = retire ? ` retire=${retire.subscription_id}` : '';
  return `current=${current?.subscription_id ?? '-'}${overlap}${foreign} intent=${intent?.marked_url ?? '-'}`;
}
