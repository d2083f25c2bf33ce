/**
 * The program as `main.js` runs it, with a hand on each of its effects. `TEST_EFFECTS` holds JSON:
 *
 *   log         a file; every effect adds a line `<index> <name>` to it, before it happens
 *   stop        `{ index, phase }`: kills this process with SIGKILL before or after the effect of that index
 *   failStores  `{ after, until }`: the sink refuses writes and removals whose number is above `after` and
 *               not above `until` (the numbers count from 1)
 *
 * An effect is one call of what writes: to the API (POST, PUT, DELETE) or to the sink. Indices count from 1.
 */
import { appendFileSync } from 'node:fs';
import { SinkError } from '../../dist/domain/errors.js';
import { run } from '../../dist/cli/run.js';

const { TEST_EFFECTS, ...env } = process.env;
const { log, stop, failStores } = JSON.parse(TEST_EFFECTS ?? '{}');
const signals = ['SIGINT', 'SIGTERM'];
let effects = 0;
let stores = 0;

async function stopHere() {
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => {});
}

function refuseStore() {
  stores += 1;
  const { after, until } = failStores ?? { after: Infinity, until: 0 };
  if (stores > after && stores <= until) throw new SinkError('cannot write the record: the disk is full');
}

function wrap(target, names, before) {
  const wrapped = names.map((name) => [
    name,
    async (...args) => {
      effects += 1;
      const index = effects;
      if (log !== undefined) appendFileSync(log, `${index} ${name}\n`);
      if (stop?.index === index && stop.phase === 'before') await stopHere();
      before();
      const result = await target[name](...args);
      if (stop?.index === index && stop.phase === 'after') await stopHere();
      return result;
    },
  ]);
  return { ...target, ...Object.fromEntries(wrapped) };
}

process.exitCode = await run(process.argv.slice(2), {
  env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  onSignal(listener) {
    for (const signal of signals) process.on(signal, listener);
    return () => {
      for (const signal of signals) process.off(signal, listener);
    };
  },
  onHangup(listener) {
    process.on('SIGHUP', listener);
    return () => process.off('SIGHUP', listener);
  },
  exitNow: (code) => process.exit(code),
  around: {
    writer: (writer) =>
      wrap(writer, ['createSubscription', 'updateSubscription', 'deleteSubscription'], () => undefined),
    sink: (sink) => wrap(sink, ['write', 'writeInstallation', 'remove'], refuseStore),
  },
});
