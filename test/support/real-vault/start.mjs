/**
 * A real OpenBao or Vault server for the tests that can use one: in memory, on loopback, gone when this ends.
 *
 *   node test/support/real-vault/start.mjs                 prints TEST_VAULT_ADDR and TEST_VAULT_TOKEN, stays until a signal
 *   node test/support/real-vault/start.mjs -- COMMAND...   runs COMMAND with both in its environment, ends with its exit code
 *
 * The server is the program that TEST_BAO_BINARY names, else `bao` or `vault` on the PATH, else with `--build` before
 * the `--` the one in ./server, built by Go; where there is none of them, this exits with 75. KV v2 is mounted at
 * `secret`, KV v1 at `kv1`. The token is the root token.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { buildServer } from './go-build.mjs';
import { fail, findProgram, NoServerError } from './programs.mjs';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
const LOG_CHARACTERS_KEPT = 4_000;

/** Aborted by the first signal, so that no server is left behind at any step. */
const interruption = new AbortController();

/** The program to start. Throws NoServerError where there is none. */
async function serverProgram(mayBuild) {
  const program = process.env.TEST_BAO_BINARY ?? (await findProgram(['bao', 'vault']));
  if (program !== null) return program;
  if (mayBuild) return buildServer(interruption.signal);
  const hint = 'put bao or vault on the PATH, name one in TEST_BAO_BINARY, or build one with --build';
  throw new NoServerError(`cannot start a server: there is none here: ${hint}`);
}

async function freePort() {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** The environment without a developer's own Vault settings: they change the server and could lead a test elsewhere. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:BAO|VAULT)_/.test(name)));
}

/** Starts the program and waits for its first answer. Throws NoServerError where there is no such program. */
async function startServer(binary, directory) {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const config = join(directory, 'server.json');
  await writeFile(
    config,
    JSON.stringify({
      api_addr: address,
      // The cluster listener would take the next port, which nobody looked at.
      disable_clustering: true,
      // Vault locks its memory otherwise, which only root may; OpenBao has no such thing and takes the line.
      disable_mlock: true,
      storage: { inmem: {} },
      listener: { tcp: { address: `127.0.0.1:${port}`, tls_disable: true } },
    }),
  );
  const child = spawn(binary, ['server', `-config=${config}`], {
    env: { ...cleanEnvironment(), HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C in the terminal reaches this program, which then stops the server after the command.
    detached: true,
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new NoServerError(`cannot start a server: ${error.message}`);
  }
  const server = { address, child, log: '' };
  const keep = (text) => (server.log = (server.log + text).slice(-LOG_CHARACTERS_KEPT));
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  try {
    await until(server, async () => (await fetch(`${address}/v1/sys/seal-status`)).ok);
  } catch (error) {
    await stop(server);
    throw error;
  }
  return server;
}

/** Asks until the answer is yes; a refused connection is a no. Throws when the server has ended or time is up. */
async function until(server, question) {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    interruption.signal.throwIfAborted();
    if (hasEnded(server.child)) throw new Error(`cannot start the server: it ended.\n${server.log}`);
    try {
      if (await question()) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    if (performance.now() > deadline) throw new Error(`cannot start the server: time is up.\n${server.log}`);
    await pause(50);
  }
}

function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
}

async function call(server, token, method, path, body) {
  const response = await fetch(`${server.address}/v1/${path}`, {
    method,
    headers: { 'x-vault-request': 'true', ...(token === null ? {} : { 'x-vault-token': token }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok)
    throw new Error(`cannot prepare the server: ${method} ${path} answers ${response.status}`);
  return response.status === 204 ? null : response.json();
}

/** Initialises, unseals and mounts. Resolves to the root token once both mounts answer. */
async function prepare(server) {
  const keys = await call(server, null, 'POST', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
  await call(server, null, 'POST', 'sys/unseal', { key: keys.keys_base64[0] });
  await until(server, async () => (await fetch(`${server.address}/v1/sys/health`)).status === 200);
  const token = keys.root_token;
  await call(server, token, 'POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  await call(server, token, 'POST', 'sys/mounts/kv1', { type: 'kv', options: { version: '1' } });
  // A new KV v2 mount answers 400 for a moment, while it sets itself up.
  const headers = { 'x-vault-token': token };
  await until(server, async () => (await fetch(`${server.address}/v1/secret/config`, { headers })).ok);
  return token;
}

async function stop(server) {
  if (hasEnded(server.child)) return;
  const ended = once(server.child, 'exit');
  server.child.kill('SIGTERM');
  const force = setTimeout(() => server.child.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(force);
}

/** Resolves to the exit code of the command, 128 and the signal's number where a signal ended it. */
async function runCommand([program, ...rest], env) {
  const child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: 'inherit' });
  const forward = (signal) => child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  const [code, signal] = await once(child, 'exit');
  return code ?? 128 + constants.signals[signal];
}

/** Prints the variables and resolves at the first signal, or when the server ends by itself. */
async function serve(server, env) {
  interruption.signal.throwIfAborted();
  const signal = once(interruption.signal, 'abort');
  const ended = once(server.child, 'exit').then(() => 'ended');
  for (const [name, value] of Object.entries(env)) process.stdout.write(`${name}=${value}\n`);
  return (await Promise.race([signal, ended])) === 'ended' ? 1 : 0;
}

async function main(args) {
  const mayBuild = args[0] === '--build';
  const rest = mayBuild ? args.slice(1) : args;
  const command = rest[0] === '--' ? rest.slice(1) : [];
  if (rest.length > 0 && command.length === 0) throw new Error('usage: start.mjs [--build] [-- COMMAND...]');
  const program = await serverProgram(mayBuild);
  const directory = await mkdtemp(join(tmpdir(), 'linq-gitops-vault-'));
  try {
    const server = await startServer(program, directory);
    try {
      const token = await prepare(server);
      const env = { TEST_VAULT_ADDR: server.address, TEST_VAULT_TOKEN: token };
      return await (command.length > 0 ? runCommand(command, env) : serve(server, env));
    } finally {
      await stop(server);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

for (const name of ['SIGINT', 'SIGTERM']) {
  process.on(name, () => interruption.abort(new Error(`interrupted by ${name}`)));
}
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  fail(error);
}
