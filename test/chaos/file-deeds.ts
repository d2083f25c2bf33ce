import type { Random } from '../simulation/model-random.ts';
import { LINES } from '../support/stage.ts';
import type { ChaosWorld } from './chaos-world.ts';
import { textOf, type Declared, type DeclaredEntry } from './declared.ts';
import { pickAny, type Deed } from './deed.ts';

const EVENTS = ['message.received', 'message.sent', 'message.failed', 'message.read', 'reaction.added'];
const MOST_ENTRIES = 9;

/** Every URL that an entry may have; more than there may be entries. */
export const URLS: readonly string[] = Array.from(
  { length: 14 },
  (_, index) => `https://hooks.example.com/linq/${index}?version=2026-02-03`,
);

type Entries = Map<string, DeclaredEntry>;
type Change = (entries: Entries, world: ChaosWorld, random: Random) => string | null;

/** What an author does to the file. */
export const fileDeeds: readonly Deed[] = [
  edit('add', 12, (entries, world, random) => addEntry(entries, world, random)),
  edit('add several', 9, (entries, world, random) => {
    const added = [1, 2, 3].map(() => addEntry(entries, world, random));
    return added.filter((name) => name !== null).join(', ') || null;
  }),
  edit('remove', 7, removeEntry),
  edit('bring back', 4, bringBack),
  edit(
    'change events',
    5,
    onEntry((entry, random) => ({ ...entry, subscribed_events: someEvents(random) })),
  ),
  edit('change lines', 4, onEntry(changeLines)),
  edit('change activity', 3, changeActivity),
  edit(
    'protect',
    1,
    onEntry((entry, random) => ({ ...entry, lifecycle: { prevent_destroy: random.chance(0.5) } })),
  ),
  edit('move', 4, moveEntry),
  edit('swap URLs', 4, swapUrls),
  edit('rename', 5, renameEntry),
  edit('hand a URL on', 3, handOn),
  edit('empty with consent', 1, (entries, { declared }) => {
    for (const [name, entry] of entries) declared.removed.set(name, entry);
    entries.clear();
    return '';
  }),
  { name: 'edit: break', weight: 5, act: breakFile },
  {
    name: 'edit: repair',
    weight: 6,
    act: ({ declared }) => (declared.isBad ? declared.write().then(() => '') : null),
  },
];

function edit(name: string, weight: number, change: Change): Deed {
  return {
    name: `edit: ${name}`,
    weight,
    async act(world, random) {
      const { declared } = world;
      const entries = new Map(declared.entries);
      const said = change(entries, world, random);
      if (said === null) return null;
      declared.entries = entries;
      for (const [removed, { target_url }] of declared.removed)
        if (hasUrl(entries, target_url)) declared.removed.delete(removed);
      await declared.write();
      return said;
    },
  };
}

/** Something on one entry that leaves its name and its URL alone. */
function onEntry(change: (entry: DeclaredEntry, random: Random) => DeclaredEntry): Change {
  return (entries, _world, random) => {
    const name = pickAny([...entries.keys()], random);
    const entry = entries.get(name ?? '');
    if (name === undefined || entry === undefined) return null;
    entries.set(name, change(entry, random));
    return name;
  };
}

function addEntry(entries: Entries, world: ChaosWorld, random: Random): string | null {
  const target_url = freeUrl(entries, random);
  const subscribed_events = someEvents(random);
  if (entries.size >= MOST_ENTRIES || target_url === undefined) return null;
  const name = `n${(world.names += 1)}`;
  entries.set(name, { target_url, subscribed_events });
  return name;
}

function removeEntry(entries: Entries, { declared }: ChaosWorld, random: Random): string | null {
  const name = pickAny([...entries.keys()], random);
  const entry = entries.get(name ?? '');
  // The last one goes with consent only.
  if (name === undefined || entry === undefined || entries.size === 1) return null;
  entries.delete(name);
  declared.removed.set(name, entry);
  return name;
}

function bringBack(entries: Entries, { declared }: ChaosWorld, random: Random): string | null {
  const [name, entry] = pickAny([...declared.removed], random) ?? [];
  if (name === undefined || entry === undefined || entries.size >= MOST_ENTRIES) return null;
  declared.removed.delete(name);
  entries.set(name, entry);
  return name;
}

function changeLines(entry: DeclaredEntry, random: Random): DeclaredEntry {
  const { phone_numbers, ...rest } = entry;
  const some = LINES.filter(() => random.chance(0.5));
  return phone_numbers !== undefined || some.length === 0 ? rest : { ...rest, phone_numbers: some };
}

function changeActivity(entries: Entries, world: ChaosWorld, random: Random): string | null {
  const said = onEntry(({ is_active, ...rest }) =>
    is_active === undefined ? { ...rest, is_active: random.chance(0.3) } : rest,
  )(entries, world, random);
  world.excuses.deactivated ||= [...entries.values()].some(({ is_active }) => is_active === false);
  return said;
}

function moveEntry(entries: Entries, _world: ChaosWorld, random: Random): string | null {
  const name = pickAny([...entries.keys()], random);
  const target_url = freeUrl(entries, random);
  const entry = entries.get(name ?? '');
  if (name === undefined || entry === undefined || target_url === undefined) return null;
  entries.set(name, { ...entry, target_url });
  return name;
}

/** Two of them, or three in a ring. */
function swapUrls(entries: Entries, _world: ChaosWorld, random: Random): string | null {
  const first = random.below(Math.max(1, entries.size));
  const all = [...entries];
  const ring = [...all.slice(first), ...all.slice(0, first)].slice(0, random.chance(0.7) ? 2 : 3);
  if (ring.length < 2) return null;
  for (const [index, [name, entry]] of ring.entries()) {
    const next = ring[(index + 1) % ring.length]?.[1].target_url;
    if (next !== undefined) entries.set(name, { ...entry, target_url: next });
  }
  return ring.map(([name]) => name).join(', ');
}

/** A name that was renamed away never comes back: whether it is still the same one would be a person's to say. */
function renameEntry(entries: Entries, world: ChaosWorld, random: Random): string | null {
  const old = pickAny([...entries.keys()], random);
  const isSaid = random.chance(0.7);
  const entry = entries.get(old ?? '');
  if (old === undefined || entry === undefined) return null;
  const name = `n${(world.names += 1)}`;
  const { previously = [], ...rest } = entry;
  entries.delete(old);
  // Unsaid, the URL tells it.
  entries.set(name, isSaid ? { ...rest, previously: [old, ...previously] } : rest);
  return `${old} to ${name}${isSaid ? '' : ', unsaid'}`;
}

/** One leaves, and another that was there takes its URL. */
function handOn(entries: Entries, _world: ChaosWorld, random: Random): string | null {
  const [leaver, heir] = [pickAny([...entries.keys()], random), pickAny([...entries.keys()], random)];
  const [left, entry] = [entries.get(leaver ?? ''), entries.get(heir ?? '')];
  if (leaver === undefined || heir === undefined || leaver === heir || !left || !entry) return null;
  entries.delete(leaver);
  entries.set(heir, { ...entry, target_url: left.target_url });
  return `${leaver} to ${heir}`;
}

async function breakFile({ declared }: ChaosWorld, random: Random): Promise<string | null> {
  const text = textOf(declared.entries);
  const [how, broken] = random.pick([
    ['half', text.slice(0, Math.floor(text.length / 2))],
    ['nothing', ''],
    ['no consent', '{"version":1,"subscriptions":{}}'],
    ['an unknown key', text.replace('"version"', '"verison"')],
    ['no YAML', `${text}\n\t]`],
    ['two documents', `${text}\n---\n${text}`],
    ['gone', null],
  ] as const);
  if (broken !== null) await declared.break(broken);
  else if (!(await declared.remove())) return null;
  return how;
}

/** Free in the file, that is: in the account it may be anybody's. */
function freeUrl(entries: Entries, random: Random): string | undefined {
  return pickAny(
    URLS.filter((url) => !hasUrl(entries, url)),
    random,
  );
}

function hasUrl(entries: Declared['entries'], url: string): boolean {
  return [...entries.values()].some(({ target_url }) => target_url === url);
}

function someEvents(random: Random): readonly string[] {
  const some = EVENTS.filter(() => random.chance(0.4));
  return some.length === 0 ? ['message.received'] : some;
}
