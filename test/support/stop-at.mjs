/**
 * The program as `main.js` runs it, with a hand on each of its effects. `TEST_EFFECTS` holds JSON:
 *
 *   log         a file; every effect adds a line `<index> <name>` to it, before it happens
 *   stop        `{ index, phase }` or `{ name, phase }`: kills this process with SIGKILL before or after the effect
 *               of that index, or the first of that name
 *   failStores  `{ after, until }`: the sink refuses writes and removals whose number is above `after` and
 *               not above `until` (the numbers count from 1)
 *
 * An effect is one call of what writes: to the API (POST, PUT, DELETE), or to the sink; where that is a Vault, one
 * request that writes, named like `POST:data/linq/orders`. Indices count from 1.
 */
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { SinkError } from '../../dist/domain/errors.js';
import { run } from '../../dist/cli/run.js';

const { TEST_EFFECTS, ...env } = process.env;
const { log, stop, failStores } = JSON.parse(TEST_EFFECTS ?? '{}');
const signals = ['SIGINT', 'SIGTERM'];
const isVault = env.LINQ_GITOPS_SECRETS_SINK === 'vault';
let effects = 0;
let stores = 0;

function stopHere() {
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way; not a single instruction more may have an effect.
  for (;;);
}

/** Counts an effect that is about to happen; what it returns is to be called when it has. */
function begin(name) {
  effects += 1;
  const index = effects;
  const isWanted = stop?.name === undefined ? stop?.index === index : stop.name === name;
  if (log !== undefined) appendFileSync(log, `${index} ${name}\n`);
  if (isWanted && stop.phase === 'before') stopHere();
  return () => {
    if (isWanted && stop.phase === 'after') stopHere();
  };
}

function refuseStore() {
  stores += 1;
  const { after, until } = failStores ?? { after: Infinity, until: 0 };
  if (stores > after && stores <= until) throw new SinkError('cannot write the record: the disk is full');
}

function wrap(target, names, call) {
  return { ...target, ...Object.fromEntries(names.map((name) => [name, call(name, target[name])])) };
}

function counted(before) {
  return (name, method) =>
    async (...args) => {
      const end = begin(name);
      before();
      const result = await method(...args);
      end();
      return result;
    };
}

function uncounted(_name, method) {
  return async (...args) => {
    refuseStore();
    return method(...args);
  };
}

/** Of what undici sends: a request is created before a byte of it leaves, and answered when the server has done it. */
function watchVault() {
  const ends = new WeakMap();
  subscribe('undici:request:create', ({ request }) => {
    const place = /^\/v1\/[^/]+\/((?:data|metadata|destroy)\/.+)$/.exec(request.path)?.[1];
    if (request.method !== 'GET' && place !== undefined)
      ends.set(request, begin(`${request.method}:${place}`));
  });
  subscribe('undici:request:headers', ({ request }) => ends.get(request)?.());
}

if (isVault) watchVault();
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
      wrap(
        writer,
        ['createSubscription', 'updateSubscription', 'deleteSubscription'],
        counted(() => undefined),
      ),
    sink: (sink) =>
      wrap(sink, ['write', 'writeInstallation', 'remove'], isVault ? uncounted : counted(refuseStore)),
  },
});
