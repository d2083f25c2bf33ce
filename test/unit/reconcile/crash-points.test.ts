import { describe, expect, it } from 'vitest';
import { findEffects } from '../../support/effect-sites.ts';
import { EFFECTS } from '../../support/effects.ts';
import { EXPORT_SCENES, playExport } from './crash-export.ts';
import { play, type Cut, type Scene } from './crash-play.ts';
import { SCENES, TROUBLED_SCENES } from './crash-scenes.ts';

/*
 * Where the program may be killed. Every effect of the source is in the table (test/support/effects.ts), and every
 * effect of the table is where a scene is cut off, before it and after it, and comes to its rest all the same.
 */

const CRASHES = ['a crash before', 'a crash after'] as const;
const LOSSES = ['a loss before', 'a loss after'] as const;
/** Between two of these nothing but reading happens. */
const WRITES = new Set(['post', 'put', 'delete', 'sink-write']);

const sites = findEffects(EFFECTS.map(({ root }) => root));
const stops = { 'a crash before': new Set<string>(), 'a crash after': new Set<string>() };

describe('the table of effects', () => {
  it.each(EFFECTS)('has every effect of $operation, and no other', ({ root, effects }) => {
    expect(effects.map(({ at }) => at).sort()).toEqual([...sites.pathsFrom(root)].sort());
  });

  it('has every effect of the source', () => {
    expect(sites.strays).toEqual([]);
  });

  it('misses none that is handed on, or that is outside of the reconciler', () => {
    expect([...sites.handedOn].sort()).toEqual([
      // To `coalesce`, which makes one of several at a time.
      'reconcile-once.ts apply: showSecrets',
      // To `decide`, which only asks whether there is one.
      'release.ts releaseEntries: keep',
    ]);
    // It counts what the sink refuses, and hands everything on.
    expect(sites.elsewhere).toEqual([
      'src/daemon/counted-sink.ts: sink.write',
      'src/daemon/counted-sink.ts: sink.writeInstallation',
      'src/daemon/counted-sink.ts: sink.remove',
    ]);
  });
});

describe.each([...SCENES, ...TROUBLED_SCENES])('$title', (scene) => {
  it('comes to its rest', async () => {
    expect((await play(scene)).filter((kind) => WRITES.has(kind))).not.toEqual([]);
  });

  it.each(CRASHES)('bears %s every effect (I1 to I4, I10)', async (how) => {
    for (const [at, kind] of (await play(scene)).entries())
      if (WRITES.has(kind)) await playCut(scene, { at, how, onCrash: (stack) => note(stack, stops[how]) });
  });
});

// Where an answer is lost in any case, another loss is a matter of the simulation.
describe.each(SCENES)('$title', (scene) => {
  it.each(LOSSES)('bears %s every effect (I1 to I4)', async (how) => {
    for (const at of (await play(scene)).keys()) await playCut(scene, { at, how });
  });
});

describe.each(EXPORT_SCENES)('$title', (scene) => {
  it.each(CRASHES)('bears %s every effect (I10)', async (how) => {
    const effects = await playExport(scene);
    expect(effects).toBeGreaterThan(20);
    for (let at = 0; at < effects; at += 1)
      await playExport(scene, { at, how, onCrash: (stack) => note(stack, stops[how]) });
  });
});

describe('the scenes', () => {
  const listed = EFFECTS.flatMap(({ operation, root, effects }) =>
    effects.map(({ effect, at, never }) => ({
      name: `${operation}: ${effect}`,
      site: `${root}: ${at}`,
      never,
    })),
  );

  it.each(CRASHES)('have %s each effect of the table', (how) => {
    const missing = listed.filter(({ site, never }) => never === undefined && !stops[how].has(site));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it('never come to what no run can come to', () => {
    const reached = listed.filter(
      ({ site, never }) => never !== undefined && stops['a crash before'].has(site),
    );
    expect(reached.map(({ name }) => name)).toEqual([]);
  });
});

async function playCut(scene: Scene, cut: Cut): Promise<void> {
  try {
    await play(scene, cut);
  } catch (error) {
    throw new Error(`${cut.how} effect ${cut.at}: ${String(error)}`, { cause: error });
  }
}

/** Notes on which way the code came to the effect that is being cut off. */
function note(stack: string, stopped: Set<string>): void {
  const frames = [...stack.matchAll(/src\/(?:reconcile|secrets)\/[\w/-]+\.ts:\d+:\d+/g)].map(
    ([frame]) => frame,
  );
  // A record is written by two: by who has something to write, and by what writes records.
  const beyond = frames.findIndex((frame) => !frame.includes('/records.ts:'));
  for (const part of beyond > 0 ? [frames.slice(0, beyond), frames.slice(beyond)] : [frames]) {
    const { root, at } = sites.pathOf(part);
    stopped.add(`${root}: ${at}`);
  }
}
