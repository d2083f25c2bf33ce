/**
 * A process that works on a file sink, for tests that kill it. Arguments: the folder of the compiled program,
 * the sink's folder, a command, and the command's own arguments.
 *
 *   write NAME OWNER WHEN    reads NAME and writes or creates it with OWNER; kills itself before the effect
 *                            WHEN: a number, or the name of a step
 *   remove NAME WHEN         the same for a removal
 *   sweep WHEN               the same for the sweep of the folder
 *   count NAME TIMES         adds one to the number that NAME's owner ends with, TIMES times, over all conflicts
 *
 * Prints `done` when it came to its end.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [program, directory, command, ...rest] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(program, file)).href);
const { openFileSink } = await load('secrets/file/file-sink.js');
const { sweepFolder } = await load('secrets/file/sweep.js');
const { emptyRecord } = await load('domain/record.js');
const { SinkConflictError } = await load('domain/errors.js');

function killer(killBefore) {
  let effects = 0;
  return async (step) => {
    effects += 1;
    if (String(effects) === killBefore || step === killBefore) {
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => {});
    }
  };
}

function open(killBefore) {
  return openFileSink({ directory, isEphemeral: true, env: {}, cwd: '/', onStep: killer(killBefore) });
}

async function count(name, times) {
  const sink = open('never');
  for (let turn = 0; turn < times;) {
    const entry = await sink.read(name);
    const total = Number(entry.record.owner) + 1;
    try {
      await sink.write(emptyRecord(name, String(total)), entry.version);
      turn += 1;
    } catch (error) {
      if (!(error instanceof SinkConflictError)) throw error;
    }
  }
}

if (command === 'write') {
  const [name, owner, killBefore] = rest;
  const sink = open(killBefore);
  await sink.write(emptyRecord(name, owner), (await sink.read(name)).version);
} else if (command === 'remove') {
  const [name, killBefore] = rest;
  const sink = open(killBefore);
  await sink.remove(name, (await sink.read(name)).version);
} else if (command === 'sweep') {
  await sweepFolder({ directory, writer: 'unknown-1', onStep: killer(rest[0]) });
} else if (command === 'count') {
  await count(rest[0], Number(rest[1]));
}
process.stdout.write('done');
