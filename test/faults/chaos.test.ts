import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { calmDown } from '../chaos/calm.ts';
import { openWorld, type ChaosWorld } from '../chaos/chaos-world.ts';
import { checkAtRest } from '../chaos/checks.ts';
import { makeTally } from '../chaos/tally.ts';
import { randomFrom } from '../simulation/model-random.ts';
import { LINES } from '../support/stage.ts';

const TYPESCRIPT = fileURLToPath(new URL('../support/typescript.mjs', import.meta.url));
const CHAOS = fileURLToPath(new URL('../chaos/chaos.ts', import.meta.url));
/** CHAOS_SEED: replays the deeds of a run. */
const SEED = process.env['CHAOS_SEED'] ?? String(randomInt(2 ** 31));
const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}`,
  subscribed_events: ['message.received'],
});

test('I1 to I5, I10: real processes in a chaos keep what is promised', { timeout: 400_000 }, async () => {
  process.stdout.write(`chaos: replay with CHAOS_SEED=${SEED}\n`);
  const { code, output } = await runChaos(['--rounds', '12', '--seed', SEED]);
  expect(code, output.slice(-20_000)).toBe(0);
  expect(output).toContain('1 epochs, 12 rounds');
  expect(output).toContain('  0 violations');
});

test('the checks of a chaos notice what was broken', async () => {
  const world = await openCalmWorld();
  await checkAtRest(world);
  expect(world.violations).toEqual([]);

  const { emulator } = world;
  const own = (path: string) =>
    emulator.subscriptions().find(({ target_url }) => target_url === AT(path).target_url);
  const [stranger] = world.foreign.keys();
  emulator.external.patch(stranger ?? '', { phone_numbers: [LINES[0]] });
  emulator.external.put(own('a')?.id ?? '', { ...AT('a'), signing_secret: `whsec_${'A'.repeat(43)}=` });
  emulator.external.delete(own('b')?.id ?? '');
  emulator.external.add(AT('not-of-the-file'));
  emulator.external.patch(own('c')?.id ?? '', { is_active: false });
  await checkAtRest(world);
  const noticed = world.violations.map(({ invariant, what }) => `${invariant}: ${what}`);
  expect(noticed).toEqual(
    expect.arrayContaining([
      `I3: the foreign ${stranger} is not what its owner made it`,
      'I2: the sink has another secret of a than was issued',
      'I1: b has no live subscription',
      expect.stringMatching(
        /^I4: .* is live beside the file, at https:\/\/hooks\.example\.com\/not-of-the-file$/,
      ),
      'gap: c is left inactive',
      'I1: the next plan is not empty',
    ]),
  );
});

test('a chaos notices what a process says, and how it ends', async () => {
  const world = await openCalmWorld();
  await world.programs.join(world.programs.start(['secret', 'a']));
  const killed = world.programs.start(['run']);
  process.kill(killed.pid, 'SIGKILL');
  await world.programs.join(killed);
  expect(world.violations.map(({ invariant, what }) => `${invariant}: ${what.split(' (')[0]}`)).toEqual([
    'I5: secret a',
    'crash: run',
  ]);
  expect(JSON.stringify(world.violations)).not.toMatch(/whsec_[A-Za-z0-9+/]{43}=/);
});

/** A world in which three entries stand as the file says. */
async function openCalmWorld(): Promise<ChaosWorld> {
  const random = randomFrom(1);
  const world = await openWorld('file', random, makeTally());
  onTestFinished(async () => {
    world.violations.splice(0);
    await world.close();
  });
  world.declared.entries = new Map(['a', 'b', 'c'].map((name) => [name, AT(name)]));
  expect(await calmDown(world, random), world.history.join('\n')).toBe(true);
  return world;
}

function runChaos(args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', TYPESCRIPT, CHAOS, ...args],
      { maxBuffer: 64 * 1_048_576 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
    );
  });
}
