/** Builds the server in ./server with Go, once for each state of its files. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, isProgram, NoServerError } from './programs.mjs';

const SOURCE = fileURLToPath(new URL('server', import.meta.url));
const USUAL_GO = '/usr/local/go/bin/go';
const LIMIT_MINUTES = 10;
const ERROR_CHARACTERS_KEPT = 20_000;
/** What Go says where go.mod, go.sum and the imports do not agree. */
const OUR_MISTAKE =
  /updates to go\.mod needed|missing go\.sum entry|no required module provides|checksum mismatch|is not in std/;

/**
 * Resolves to the path of the binary, outside the checkout: at once where it was built before, else after minutes
 * (a download of about 200 MB and a compilation). Throws NoServerError where there is no Go, where its modules
 * cannot be had, or when time is up; the signal's reason when it is aborted. Leaves no part of a binary.
 */
export async function buildServer(signal) {
  const home = join(cacheHome(), 'linq-gitops', 'test-servers', await hashOfSource());
  const binary = join(home, 'real-vault');
  if (await isProgram(binary)) return binary;
  const go = (await findProgram(['go'])) ?? ((await isProgram(USUAL_GO)) ? USUAL_GO : null);
  if (go === null) throw new NoServerError('cannot build a Vault server: there is no go on the PATH');

  process.stderr.write('building a Vault server, which takes some minutes the first time\n');
  await mkdir(home, { recursive: true });
  const workshop = await mkdtemp(join(home, 'building-'));
  try {
    const built = join(workshop, 'real-vault');
    await compile({ go, workshop, built, signal });
    await rename(built, binary);
    return binary;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

function cacheHome() {
  // The standard says that a relative path is to be ignored, as an empty one.
  const named = process.env.XDG_CACHE_HOME;
  return named?.startsWith('/') ? named : join(homedir(), '.cache');
}

/** Covers every file of the source and what it is built for; the version of Go makes no other server. */
async function hashOfSource() {
  const entries = await readdir(SOURCE, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of files.sort()) {
    const content = await readFile(file);
    hash.update(`${file.slice(SOURCE.length)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Parts the download from the compilation, which has no excuse; nor has a download that our own files let fail. */
async function compile({ go, workshop, built, signal }) {
  const timeout = AbortSignal.timeout(LIMIT_MINUTES * 60_000);
  const run = (args) => runGo(go, args, workshop, AbortSignal.any([signal, timeout]));
  const flags = ['-mod=readonly', '-buildvcs=false', '-trimpath'];
  try {
    const lacking = await run(['list', '-deps', ...flags, '.']);
    if (lacking !== null) {
      const Kind = OUR_MISTAKE.test(lacking) ? Error : NoServerError;
      throw new Kind(`cannot build a Vault server: ${firstLine(lacking)}`);
    }
    const wrong = await run(['build', ...flags, '-ldflags=-s -w', '-o', built, '.']);
    if (wrong !== null) throw new Error(`cannot compile the Vault server:\n${wrong}`);
  } catch (error) {
    if (signal.aborted || !timeout.aborted) throw error;
    throw new NoServerError(`cannot build a Vault server: not done after ${LIMIT_MINUTES} minutes`);
  }
}

/** Resolves to null, or to what Go says is wrong. Throws when the signal aborts, after all of Go's processes ended. */
async function runGo(go, args, workshop, signal) {
  signal.throwIfAborted();
  const { GOOS, GOARCH, ...inherited } = process.env;
  const env = { ...inherited, CGO_ENABLED: '0', GOWORK: 'off', GOTMPDIR: workshop };
  // A group of its own: the compilers are killed with Go itself.
  const child = spawn(go, args, { cwd: SOURCE, env, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said = (said + text.replaceAll(/^go: downloading .*\n/gm, '')).slice(-ERROR_CHARACTERS_KEPT);
  });
  const kill = () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    const [code] = await once(child, 'close');
    signal.throwIfAborted();
    return code === 0 ? null : said;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

function firstLine(text) {
  return text.trim().split('\n')[0] ?? '';
}
