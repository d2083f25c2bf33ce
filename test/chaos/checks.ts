import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSubscriptions } from '../../src/config/load-subscriptions.ts';
import type { DesiredEntry } from '../../src/domain/desired.ts';
import type { EntryRecord } from '../../src/domain/record.ts';
import { markOf } from '../../src/domain/target-url.ts';
import type { EmulatedSubscription } from '../../src/emulator/account.ts';
import { compareFields } from '../../src/plan/diff.ts';
import { parseFileName } from '../../src/secrets/file/file-names.ts';
import { runSync } from './calm.ts';
import { imageOf, textIn, type ChaosWorld } from './chaos-world.ts';
import { readRecords } from './records.ts';

const WRITES = ['PUT', 'PATCH', 'DELETE'];

/** At rest: the account, the sink and the export are what the file says (I1, I2, I4), and the rest is a stranger's (I3). */
export async function checkAtRest(world: ChaosWorld): Promise<void> {
  const records = await readRecords(world);
  checkForeign(world);
  const { desired } = await loadSubscriptions(world.declared.path);
  const live = new Map(world.emulator.subscriptions().map((one) => [one.id, one]));
  const kept = new Map<string, string>();
  for (const entry of desired.entries) {
    const record = records.get(entry.name);
    const own = live.get(record?.current?.subscription_id ?? '');
    if (record === undefined || own === undefined)
      world.violate('I1', `${entry.name} has no live subscription`);
    else {
      kept.set(entry.name, own.id);
      await checkEntry(world, entry, record, own);
    }
  }
  const ids = new Set(kept.values());
  if (ids.size < kept.size) world.violate('I4', 'two entries have one subscription');
  for (const { id, target_url } of live.values())
    if (!ids.has(id) && !world.foreign.has(id))
      world.violate('I4', `${id} is live beside the file, at ${target_url}`);
  for (const name of records.keys())
    if (!desired.entries.some((entry) => entry.name === name))
      world.violate('I1', `a record of ${name} is left`);
  if (world.vault === null) await checkFolder(world, live);
  countChanges(world, kept);
  await checkNothingToDo(world);
  checkRequests(world);
}

function checkForeign({ foreign, emulator, violate }: ChaosWorld): void {
  const live = new Map(emulator.subscriptions().map((one) => [one.id, imageOf(one)]));
  for (const [id, image] of foreign) {
    if (!live.has(id)) violate('I3', `the foreign ${id} is gone`);
    else if (live.get(id) !== image) violate('I3', `the foreign ${id} is not what its owner made it`);
  }
}

async function checkEntry(
  world: ChaosWorld,
  { name, fields }: DesiredEntry,
  record: EntryRecord,
  own: EmulatedSubscription,
): Promise<void> {
  const { violate, excuses, exportDir, tally } = world;
  const { created_at, updated_at, signing_secret, ...live } = own;
  const changes = compareFields(fields, live, null);
  if (changes.length > 0) violate('I1', `${name} differs in ${changes.map(({ field }) => field).join(', ')}`);
  if (markOf(own.target_url) !== undefined) violate('I4', `${name} is left at a marked URL`);
  if (!own.is_active && fields.is_active !== false && !excuses.deactivated && !excuses.stoodStill)
    violate('gap', `${name} is left inactive`);
  if (record.current?.signing_secret?.reveal() !== signing_secret.reveal())
    violate('I2', `the sink has another secret of ${name} than was issued`);
  if (record.intent !== null) violate('I1', `an intent of ${name} is left`);
  if (record.next !== null || record.retire !== null)
    violate('I4', `the replacement of ${name} does not end`);
  tally.count('check: secrets');
  if (exportDir === null) return;
  if ((await textIn(join(exportDir, name, 'signing_secret'))) !== signing_secret.reveal())
    violate('I2', `the export has another secret of ${name} than was issued`);
  tally.count('check: exported secrets');
}

/** Nothing of crashes is left in the sink's folder, and no secret of what is gone. */
async function checkFolder(
  { sinkDir, violate }: ChaosWorld,
  live: ReadonlyMap<string, EmulatedSubscription>,
): Promise<void> {
  const known = new Set([...live.values()].map(({ signing_secret }) => signing_secret.reveal()));
  const files = await readdir(sinkDir).catch(() => []);
  for (const file of files) {
    if (file === '.gitignore') continue;
    if (parseFileName(file)?.kind !== 'visible') violate('I10', `${file} is left in the sink`);
    const text = (await textIn(join(sinkDir, file))) ?? '';
    const dead = [...text.matchAll(/whsec_[A-Za-z0-9+/]{43}=/g)].filter(([secret]) => !known.has(secret));
    if (dead.length > 0) violate('I2', `${file} keeps a secret of what is gone`);
  }
}

/** How many subscriptions took the place of another since the last time. */
function countChanges(world: ChaosWorld, kept: ReadonlyMap<string, string>): void {
  for (const [name, id] of kept) {
    const before = world.resting.get(name);
    if (before !== undefined && before !== id) world.tally.count('account: made anew under the same name');
  }
  world.resting = kept;
}

/** I1 and I6: another pass has nothing to do, and nothing is held; a dry run says so too, and neither writes. */
async function checkNothingToDo(world: ChaosWorld): Promise<void> {
  const writes = (): number => world.emulator.requests.filter(({ method }) => method !== 'GET').length;
  const before = writes();
  for (const flags of [[], ['--dry-run']]) {
    const planned = await runSync(world, flags);
    const { operations = [], held = [] } = planned?.plan ?? {};
    if (planned?.status.exit_code !== 0)
      world.violate('I1', `a pass at rest ends with ${planned?.status.exit_code}`);
    if (operations.length > 0) world.violate('I1', 'the next plan is not empty');
    for (const { guard, name, reason } of held)
      world.violate('I1', `${name} stays held: ${guard}, ${reason}`);
  }
  if (writes() !== before) world.violate('I6', 'a pass with nothing to do writes');
}

/** I3 and I4 in what was asked for: no write to what is foreign, and no POST without a mark. */
function checkRequests({ emulator, foreign, tally, violate }: ChaosWorld): void {
  for (const { method, id, operation, target_url, status } of emulator.requests) {
    tally.count('check: requests');
    if (id !== null && WRITES.includes(method) && foreign.has(id))
      violate('I3', `a ${method} is sent for the foreign ${id}`);
    if (operation === 'create' && target_url !== null && markOf(target_url) === undefined)
      violate('I4', `a POST goes to ${target_url}, which has no mark`);
    if (status !== null && status < 300) tally.count(`account: ${operation ?? 'unknown'}`);
  }
  emulator.clearRequests();
}
