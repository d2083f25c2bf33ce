import type { Desired, DesiredEntry } from '../../src/domain/desired.ts';
import type { SubscriptionFields } from '../../src/domain/subscription.ts';
import type { Random } from '../simulation/model-random.ts';

/** One version of the subscriptions file, and what was done to the one before. */
interface FileVersion {
  readonly desired: Desired;
  /** In words, for traces. */
  readonly edit: string;
  /** Names that this edit is about, whether they are still there or not. */
  readonly touched: ReadonlySet<string>;
  /** New names of entries that were there before, with the old ones. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** A file that somebody edits at random: names and URLs are never used twice, so that what is old shows. */
export interface EditedFile {
  /** The newest is the last; who needs the others no more may drop them. */
  readonly versions: FileVersion[];
  readonly newest: () => FileVersion;
  /** Makes the next version; entries named in `spared` stay as they are. */
  edit(spared?: ReadonlySet<string>): FileVersion;
}

type Edit = Omit<FileVersion, 'desired'> & { readonly entries: readonly DesiredEntry[] };

const EVENTS = ['message.received', 'message.failed', 'message.read'];
const LINES = ['+12025550100', '+12025550101', '+12025550102'];
const FEWEST = 4;

/** Starts with `size` entries, and keeps between four and one and a half times as many. */
export function openEditedFile(random: Random, size: number): EditedFile {
  let count = 0;
  let edits = 0;
  const next = (): number => (count += 1);
  const first = Array.from({ length: size }, () => makeEntry(next()));
  const versions = [toVersion({ entries: first, ...about('start') }, 0)];
  const newest = (): FileVersion => versions.at(-1) as FileVersion;
  return {
    versions,
    newest,
    edit(spared = new Set()) {
      const { entries } = newest().desired;
      const free = entries.filter(({ name }) => !spared.has(name));
      const version = toVersion(drawEdit(entries, free, size, next, random), (edits += 1));
      versions.push(version);
      return version;
    },
  };
}

function toVersion({ entries, ...edit }: Edit, index: number): FileVersion {
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
  const desired = { entries: sorted, allow_empty: false, content_hash: `file ${index}`, revision: null };
  return { ...edit, desired };
}

function about(edit: string, touched: readonly string[] = [], renamed: readonly [string, string][] = []) {
  return { edit, touched: new Set(touched), renamed: new Map(renamed) };
}

function drawEdit(
  all: readonly DesiredEntry[],
  free: readonly DesiredEntry[],
  size: number,
  next: () => number,
  random: Random,
): Edit {
  const add = (): Edit => {
    const entry = makeEntry(next());
    return { entries: [...all, entry], ...about(`add ${entry.name}`, [entry.name]) };
  };
  const [one, other] = drawTwo(free, random);
  if (one === undefined || all.length <= FEWEST) return add();
  const change = (fields: Partial<SubscriptionFields>): Edit => {
    const entries = replaceIn(all, [{ ...one, fields: { ...one.fields, ...fields } }]);
    return { entries, ...about(`change ${Object.keys(fields).join()} of ${one.name}`, [one.name]) };
  };
  const rename = (changes: Partial<DesiredEntry>, words: string): Edit => {
    const name = `entry-${next()}`;
    const entries = [...without(all, one), { ...one, previously: [], ...changes, name }];
    return {
      entries,
      ...about(`rename ${one.name} to ${name}${words}`, [one.name, name], [[name, one.name]]),
    };
  };
  const previously = [one.name];
  const edits: (() => Edit)[] = [
    () => change({ subscribed_events: [random.pick(EVENTS)] }),
    () => change({ subscribed_events: EVENTS.slice(0, 1 + random.below(EVENTS.length)) }),
    () => change({ is_active: random.chance(0.5) }),
    () => change({ phone_numbers: [random.pick(LINES)] }),
    () => change({ phone_numbers: null }),
    () => change({ target_url: urlOf(next()) }),
    () => rename({ previously }, ''),
    () => rename({ previously, fields: { ...one.fields, subscribed_events: EVENTS } }, ', with other events'),
    () => rename({ previously, fields: { ...one.fields, target_url: urlOf(next()) } }, ', with another URL'),
    () => rename({}, ', without saying so'),
  ];
  if (all.length < size * 1.5) edits.push(add, add);
  if (all.length > FEWEST) {
    const remove = (): Edit => ({
      entries: without(all, one),
      ...about(`remove ${one.name}`, [one.name]),
    });
    edits.push(remove, remove);
  }
  if (other !== undefined) {
    const names = [one.name, other.name];
    edits.push(
      () => ({ entries: swapUrls(all, one, other), ...about(`swap ${names.join()}`, names) }),
      () => ({
        entries: replaceIn(without(all, one), [withUrl(other, one.fields.target_url)]),
        ...about(`give the URL of ${one.name} to ${other.name}, and remove ${one.name}`, names),
      }),
    );
  }
  return random.pick(edits)();
}

function drawTwo(entries: readonly DesiredEntry[], random: Random): readonly DesiredEntry[] {
  if (entries.length === 0) return [];
  const one = random.pick(entries);
  const rest = without(entries, one);
  return rest.length === 0 ? [one] : [one, random.pick(rest)];
}

function makeEntry(number: number): DesiredEntry {
  const fields = {
    target_url: urlOf(number),
    subscribed_events: ['message.received'],
    phone_numbers: null,
  };
  return { name: `entry-${number}`, fields, previously: [], prevent_destroy: false, rotate_after: null };
}

function urlOf(number: number): string {
  return `https://hooks.example.com/linq?line=${number}&version=2026-02-03`;
}

function withUrl(entry: DesiredEntry, target_url: string): DesiredEntry {
  return { ...entry, fields: { ...entry.fields, target_url } };
}

function swapUrls(all: readonly DesiredEntry[], a: DesiredEntry, b: DesiredEntry): readonly DesiredEntry[] {
  return replaceIn(all, [withUrl(a, b.fields.target_url), withUrl(b, a.fields.target_url)]);
}

function without(entries: readonly DesiredEntry[], { name }: DesiredEntry): readonly DesiredEntry[] {
  return entries.filter((entry) => entry.name !== name);
}

function replaceIn(
  entries: readonly DesiredEntry[],
  replacements: readonly DesiredEntry[],
): readonly DesiredEntry[] {
  return entries.map((entry) => replacements.find(({ name }) => name === entry.name) ?? entry);
}
