import { FIRM_GUARDS, PLAN_GUARDS, type Guard, type Held, type Plan } from '../domain/plan.ts';
import { allowFlag, type PlanInput } from './candidate.ts';
import { takeInventory } from './inventory.ts';
import { planChanges } from './plan-changes.ts';
import { labelOfHeld } from './words.ts';

/** How something that is held goes on. */
export interface WayOut {
  /** A whole command line, quoted for a shell; `null` where no command helps. */
  readonly command: string | null;
  /** What the command does or needs, or what a person has to do; empty where the command says it. */
  readonly note: string;
}

/** What finding a way out needs of a view. */
export interface Surroundings {
  readonly input: PlanInput;
  readonly plan: Plan;
  /** What a command needs to use the same files, with a space before. */
  readonly flags: string;
}

const ADVICE: Partial<Record<Guard, string>> = {
  'in-flight': 'wait: it goes on by itself when the other process is done, or its time is over',
  'url-taken': 'free the URL, or choose another one for the entry',
  'bad-file': 'mend the file; `linq-gitops validate` says what is wrong with it',
};

const CAUTION: Partial<Record<Guard, string>> = {
  account: 'only where the API key is that of the right account',
  'suspicious-list': 'only where they are gone indeed',
  'secret-loss': 'replaces the subscription without a gap, with a new secret',
};

/**
 * The ways out of one guard, as far as it is concerned: another guard may hold the same afterwards. Where there are
 * several, each is enough by itself. Never empty.
 */
export function waysOut(held: Held, surroundings: Surroundings): readonly WayOut[] {
  return waysWith(held, surroundings, ({ guard, name }) => `sync ${flagOf(guard, name)}`);
}

/** The same, with every guard that would hold it next in one command. Plans anew for each guard. */
export function waysThrough(held: Held, surroundings: Surroundings): readonly WayOut[] {
  const rests: WayOut[] = [];
  const ways = waysWith(held, surroundings, (first) => {
    const { guards, rest } = guardsUntilThrough(first, surroundings);
    if (rest !== undefined)
      rests.push({ command: null, note: `then ${rest.guard} holds it: ${adviceOn(rest)}` });
    return ['sync', ...guards.map((guard) => flagOf(guard, first.name))].join(' ');
  });
  return [...ways, ...rests];
}

/** A word as a POSIX shell takes it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function waysWith(
  held: Held,
  surroundings: Surroundings,
  consent: (held: Held) => string,
): readonly WayOut[] {
  const { guard, name, letThrough } = held;
  const whole = (command: string): string => `linq-gitops ${command}${surroundings.flags}`;
  if (guard === 'depends') return waysOfRoots(held, surroundings, consent);
  if (guard === 'unowned' && name !== null) return unownedWays(held, name, whole, consent(held));
  if (guard === 'ambiguous' && name !== null) return ambiguousWays(name, surroundings, whole);
  const note = CAUTION[guard] ?? '';
  if (letThrough?.startsWith('--allow ') === true) return [{ command: whole(consent(held)), note }];
  const own = ownCommand(letThrough);
  if (own !== undefined) return [{ command: whole(own), note }];
  return [{ command: null, note: adviceOn(held) }];
}

function adviceOn({ guard, letThrough }: Held): string {
  return ADVICE[guard] ?? letThrough ?? 'wait: it goes on by itself';
}

/** What stands after the program's name, where it is a command. */
function ownCommand(letThrough: string | null): string | undefined {
  return letThrough === null ? undefined : /^linq-gitops (.*)$/.exec(letThrough)?.[1];
}

function flagOf(guard: Guard, name: string | null): string {
  return allowFlag(guard, PLAN_GUARDS.includes(guard) ? null : name);
}

function unownedWays(
  { letThrough }: Held,
  name: string,
  whole: (command: string) => string,
  consent: string,
): readonly WayOut[] {
  const adoption = ownCommand(letThrough);
  const note = 'where that is lost, this replaces it without a gap';
  // At the end of a replacement there is no secret to adopt it with.
  if (adoption === undefined) return [{ command: whole(consent), note }];
  const replacement = { command: whole(`adopt ${name} --replace`), note };
  return [{ command: whole(adoption), note: 'with its signing secret in FILE' }, replacement];
}

function ambiguousWays(
  name: string,
  { input }: Surroundings,
  whole: (command: string) => string,
): readonly WayOut[] {
  const inventory = takeInventory(input.desired, input.observation, input.policy.ignore);
  const ids = [...inventory.entries.values()]
    .filter((entry) => entry.name === name)
    .flatMap(({ fields }) => inventory.unownedAt(fields.target_url).map(({ id }) => id));
  return ids.map((id) => ({
    command: whole(`adopt ${name} --id ${shellWord(id)} --secret-file FILE`),
    note: 'with its signing secret in FILE',
  }));
}

/** What waits for something held goes on with it. */
function waysOfRoots(
  held: Held,
  surroundings: Surroundings,
  consent: (held: Held) => string,
): readonly WayOut[] {
  const ways = rootsOf(held, surroundings.plan).flatMap((root) =>
    waysWith(root, surroundings, consent).map(({ command, note }) => ({
      command,
      note: [`for ${labelOfHeld(root)}`, note].filter(Boolean).join(': '),
    })),
  );
  return ways.length > 0 ? ways : [{ command: null, note: 'see to what it waits for' }];
}

/** What is held for a reason of its own, and is waited for. */
function rootsOf(held: Held, plan: Plan): readonly Held[] {
  const seen = new Set([held]);
  for (const { operation, reason } of seen) {
    const keys = [...(operation?.after ?? []), ...(operation?.kind === 'make-way' ? [operation.before] : [])];
    for (const other of plan.held) {
      const isWaitedFor = other.operation !== null && keys.includes(other.operation.key);
      const isHeir = other.name !== null && reason.startsWith(`${other.name} may inherit it `);
      if (isWaitedFor || isHeir) seen.add(other);
    }
  }
  return [...seen].filter(({ guard }) => guard !== 'depends');
}

/** The guards to let through, one after the other, until nothing of the operation is held; or what no flag helps with. */
function guardsUntilThrough(
  first: Held,
  { input, plan }: Surroundings,
): { readonly guards: readonly Guard[]; readonly rest: Held | undefined } {
  const before = new Set(plan.held.map(keyOf));
  const guards: Guard[] = [];
  let held: Held | undefined = first;
  while (held !== undefined && !FIRM_GUARDS.includes(held.guard) && !guards.includes(held.guard)) {
    guards.push(held.guard);
    const { name } = first;
    const allowances = guards.map((guard) => ({ guard, name: PLAN_GUARDS.includes(guard) ? null : name }));
    const next = planChanges({ ...input, allowances: [...input.allowances, ...allowances] });
    held = next.held.find(
      (one) => one.name === name && (keyOf(one) === keyOf(first) || !before.has(keyOf(one))),
    );
  }
  return { guards, rest: held };
}

function keyOf({ operation, guard, name }: Held): string {
  return operation?.key ?? `${guard} ${name ?? ''}`;
}
