import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultAction } from '../../src/emulator/faults.ts';
import type { Random } from '../simulation/model-random.ts';
import type { FakeVault } from '../support/fake-vault/fake-vault.ts';
import { TIMEOUT_MS, type ChaosWorld } from './chaos-world.ts';
import type { Deed } from './deed.ts';

const WRITES = ['create', 'create', 'create', 'update', 'update', 'delete'] as const;
const READS = ['list', 'get', 'events', 'lines', 'any'] as const;
/** What is on its way has landed by then: four timeouts are promised, and machines are slow. */
const LANDS_MS = 2.5 * TIMEOUT_MS;

/** What goes wrong around the program. */
export const faultDeeds: readonly Deed[] = [
  { name: 'fault: API', weight: 22, act: addApiFault },
  { name: 'fault: API is well again', weight: 5, act: ({ emulator }) => done(() => emulator.clearFaults()) },
  { name: 'fault: disk is full', weight: 4, act: fillDisk },
  { name: 'fault: disk has room', weight: 7, act: ({ disk }) => (disk === null ? null : done(disk.free)) },
  { name: 'fault: Vault', weight: 7, act: addVaultFault },
  { name: 'fault: Vault is sealed', weight: 4, act: ({ vault }) => setSealed(vault, true) },
  { name: 'fault: Vault is unsealed', weight: 7, act: ({ vault }) => setSealed(vault, false) },
  { name: 'time passes', weight: 5, act: passTime },
];

/** Everything works again. */
export function endFaults({ emulator, disk, vault, apiFaults, tally }: ChaosWorld): void {
  emulator.clearFaults();
  for (const { fault, hits } of apiFaults.splice(0)) {
    const path = fault.match?.path ?? 'any';
    if (hits > 0) tally.count(`API fault: ${path}: ${describeAction(fault.action)}`, hits);
  }
  disk?.free();
  vault?.faults.clear();
  setSealed(vault, false);
}

function addApiFault(world: ChaosWorld, random: Random): string {
  const isWrite = random.chance(0.7);
  const fault: Fault = {
    match: { path: random.pick(isWrite ? WRITES : READS), nth: 1 + random.below(1 + random.below(4)) },
    times: 1 + random.below(1 + random.below(12)),
    action: isWrite && random.chance(0.6) ? lostAnswer(random) : someAction(random),
  };
  const handle = world.emulator.addFault(fault);
  world.apiFaults.push(handle);
  if (fault.action.kind === 'hold' || fault.action.kind === 'late') void releaseInTime(handle);
  return JSON.stringify(fault);
}

/** A request that waits is not to land later than one may. */
async function releaseInTime(handle: { reached(): Promise<void>; release(): void }): Promise<void> {
  await handle.reached();
  await sleep(LANDS_MS, undefined, { ref: false });
  handle.release();
  await releaseInTime(handle);
}

/** The client does not learn whether the write has happened, and it may happen when the client has given up. */
function lostAnswer(random: Random): FaultAction {
  return random.pick<FaultAction>([
    { kind: 'reset' },
    { kind: 'truncate' },
    { kind: 'status', status: 500, commit: true },
    { kind: 'hang', commit: true },
    { kind: 'hold', at: 'before' },
    { kind: 'delay', ms: TIMEOUT_MS + random.below(LANDS_MS - TIMEOUT_MS), at: 'before' },
    { kind: 'late', landAfter: 1 + random.below(6) },
    { kind: 'late', landAfter: 1 + random.below(6), client: 'hang' },
  ]);
}

function someAction(random: Random): FaultAction {
  const at = random.pick(['before', 'after'] as const);
  return random.pick<FaultAction>([
    { kind: 'status', status: random.pick([500, 502, 503]) },
    { kind: 'status', status: 500, commit: true },
    { kind: 'status', status: 429, retryAfter: 1 + random.below(2) },
    { kind: 'status', status: 429 },
    { kind: 'status', status: random.pick([401, 403]) },
    { kind: 'reset' },
    { kind: 'refuse' },
    { kind: 'truncate' },
    { kind: 'hang', commit: random.chance(0.5) },
    { kind: 'delay', ms: random.below(LANDS_MS), at },
    { kind: 'late', landAfter: random.below(5), client: random.pick(['reset', 'hang'] as const) },
    { kind: 'hold', at },
    { kind: 'shape', body: random.pick(['data', 'array', 'null', 'html', 'empty', 'no-secret'] as const) },
    { kind: 'partial', drop: 1 + random.below(3) },
    { kind: 'stale', writes: 1 + random.below(4) },
  ]);
}

function describeAction(action: FaultAction): string {
  if (action.kind === 'status')
    return `status ${action.status}${action.commit === true ? ' after the effect' : ''}`;
  if (action.kind === 'shape') return `shape ${action.body}`;
  if (action.kind === 'hang') return `hang ${action.commit === true ? 'after' : 'before'} the effect`;
  return action.kind;
}

function fillDisk({ disk, tally }: ChaosWorld, random: Random): string | null {
  const blocks = random.below(4);
  if (disk === null) return null;
  disk.free();
  disk.fill(blocks);
  tally.count('disk: filled');
  return `${blocks} blocks are left`;
}

function addVaultFault({ vault }: ChaosWorld, random: Random): string | null {
  const method = random.pick(['GET', 'POST', 'PUT', 'PATCH']);
  const times = 1 + random.below(3);
  const after = random.chance(0.5);
  const status = random.pick([429, 500, 503]);
  const kind = random.pick(['reset', 'truncate', 'reply', 'hold'] as const);
  if (vault === null) return null;
  const matches = (request: { readonly method: string }): boolean => request.method === method;
  if (kind === 'reset') vault.faults.inject(matches, { kind, after }, times);
  else if (kind === 'truncate') vault.faults.inject(matches, { kind }, times);
  else if (kind === 'hold') {
    const until = sleep(random.below(LANDS_MS), undefined, { ref: false });
    vault.faults.inject(matches, { kind, after, until }, times);
  } else {
    const reply = { status, body: { errors: ['made for a test'] } };
    vault.faults.inject(matches, { kind, after, reply }, times);
  }
  return `${kind} of ${times} ${method}${after ? ', after the effect' : ''}`;
}

function setSealed(vault: FakeVault | null, isSealed: boolean): string | null {
  if (vault === null || vault.state.isSealed === isSealed) return null;
  vault.state.isSealed = isSealed;
  return '';
}

/** In which nobody does anything. */
async function passTime(_world: ChaosWorld, random: Random): Promise<string> {
  const ms = random.below(4_000);
  await sleep(ms);
  return `${ms} ms`;
}

function done(act: () => void): string {
  act();
  return '';
}
