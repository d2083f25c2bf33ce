import { getEventListeners } from 'node:events';
import { readdirSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { statusDocument } from '../../src/daemon/status-document.ts';
import { startEnduringDaemon, type EnduringDaemon } from '../support/daemon-model-endurance.ts';

/** ENDURANCE_SEED: replays a run. */
const SEED = Number(process.env['ENDURANCE_SEED'] ?? randomInt(2 ** 31));
const WARM = 2_000;
const LAST = 20_000;
const BETWEEN_SCRAPES = 100;
/** Code that is used no more goes after some of them. */
const COLLECTIONS = 12;
/** Forty bytes that every pass keeps would be more. */
const MOST_GROWTH = 1.03;

interface Footprint {
  readonly heap: number;
  readonly listeners: number;
  readonly resources: number;
  readonly descriptors: number;
}

it(
  'makes 20,000 passes with random edits, drift and failures without growing',
  { timeout: 300_000 },
  async () => {
    const collect = openCollector();
    const daemon = startEnduringDaemon(SEED);
    await passUntil(daemon, 0, WARM);
    const before = await takeFootprint(daemon, collect);
    await passUntil(daemon, WARM, LAST);
    const after = await takeFootprint(daemon, collect);
    daemon.stop.abort();
    daemon.goOn();
    await daemon.done;

    const replay = `replay: ENDURANCE_SEED=${SEED}`;
    expect(after.heap, replay).toBeLessThan(before.heap * MOST_GROWTH);
    expect(after.listeners, replay).toBe(before.listeners);
    expect(after.resources, replay).toBeLessThanOrEqual(before.resources);
    expect(after.descriptors, replay).toBeLessThanOrEqual(before.descriptors);
    expect(getEventListeners(daemon.stop.signal, 'abort'), replay).toEqual([]);
    expect([...daemon.seen].sort(), replay).toEqual(EVERYTHING);
  },
);

/** All that a daemon lives through; a run without one of them would prove little. */
const EVERYTHING = [
  ...['changed', 'failed', 'incomplete', 'unchanged'],
  ...['create', 'update', 'make-way', 'delete', 'rename', 'recover', 'collect', 'forget', 'fight'],
].sort();

/** Lets it run, and looks at its metrics and its status now and then, as Prometheus and a person do. */
async function passUntil(daemon: EnduringDaemon, from: number, to: number): Promise<void> {
  for (let passes = from + BETWEEN_SCRAPES; passes <= to; passes += BETWEEN_SCRAPES) {
    const arrived = daemon.waitFor(passes);
    daemon.goOn();
    await arrived;
    expect((await daemon.metrics.render()).body).toContain('linq_gitops_passes_total');
    expect(JSON.stringify(statusDocument(daemon.board.status(), 0))).not.toContain('issued for');
  }
}

/** A full collection, on demand. Without the optimising compiler, whose code grows for as long as anything is new. */
function openCollector(): () => void {
  setFlagsFromString('--no-opt');
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

async function takeFootprint(daemon: EnduringDaemon, collect: () => void): Promise<Footprint> {
  for (let time = 0; time < COLLECTIONS; time += 1) {
    await nextTurn();
    collect();
  }
  return {
    heap: process.memoryUsage().heapUsed,
    listeners: countListeners(daemon.stop.signal),
    resources: process.getActiveResourcesInfo().length,
    descriptors: readdirSync('/dev/fd').length,
  };
}

function countListeners(signal: AbortSignal): number {
  const ofProcess = process.eventNames().map((name) => process.listenerCount(name));
  return getEventListeners(signal, 'abort').length + ofProcess.reduce((sum, count) => sum + count, 0);
}
