import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../domain/errors.ts';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import { printDocument } from '../document.ts';
import type { ExitCode } from '../exit.ts';
import { say, type Io } from '../io.ts';
import { paintFor } from '../paint.ts';

const FILE = `version: 1
defaults:
  subscribed_events: [message.received, message.failed]
subscriptions:
  orders:
    target_url: https://hooks.example.com/orders?version=2026-02-03
  support:
    target_url: https://hooks.example.com/linq?line=support&version=2026-02-03
    subscribed_events: [message.received, reaction.added]
    phone_numbers: ["+12025550101"]
`;

const BILLING = `  billing:
    target_url: https://hooks.example.com/billing?version=2026-02-03
`;

/** What the file says in the end, so that nothing is left in a Vault. */
const EMPTY = `version: 1
allow_empty: true
subscriptions: {}
`;

const EXIT_WORDS: Readonly<Record<string, string>> = { '0': 'done', '3': 'something is held' };

export interface DemoOptions {
  readonly format: 'text' | 'json';
  readonly sink: 'file' | 'vault';
}

/** With what the commands of the story have as their stdout. */
type StoryIo = Io & { readonly outputOfCommands?: number };

/** What every scene of the story has at hand. */
interface Stage {
  readonly io: StoryIo;
  readonly emulator: Emulator;
  readonly folder: string;
  readonly sink: Sink;
  /** A command in the folder, as a process of its own, its output shown. Fails with `StoryOver` unless it ends with 0. */
  readonly run: (...argv: string[]) => Promise<void>;
  readonly heading: (text: string) => void;
  readonly tell: (text: string) => void;
}

/** A command did not end as told, and has said why. */
class StoryOver extends Error {}

/** Where the story keeps its secrets. */
interface Sink {
  readonly words: string;
  /** What the commands are given for it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether what is in it outlives the story's folder. */
  readonly isLasting: boolean;
}

/**
 * The whole story on the emulator, in a temporary folder: real commands as real processes over real HTTP. With the
 * sink `vault`, in the Vault or OpenBao that the environment names; `ConfigError` where it names none.
 */
export async function demo({ sink, format }: DemoOptions, io: Io): Promise<ExitCode> {
  return printDocument(format, io, NOT_TOLD, async () => {
    const chosen = sink === 'vault' ? vaultSink(io) : FILE_SINK;
    const emulator = await startEmulator();
    const folder = await mkdtemp(join(tmpdir(), 'linq-gitops-demo-'));
    try {
      const content = await tellStory(
        openStage(format === 'json' ? onStderr(io) : io, emulator, folder, chosen),
      );
      return { code: Object.values(content).every(Boolean) ? 0 : 1, content };
    } catch (error) {
      if (!(error instanceof StoryOver)) throw error;
      say(io, 'the story ends here, because a command did not end as told');
      return { code: 1, content: NOT_TOLD };
    } finally {
      await emulator.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** The story as told beside a document, which has stdout for itself. */
function onStderr(io: Io): StoryIo {
  return { ...io, stdout: io.stderr, outputOfCommands: STDERR };
}

const NOT_TOLD = { is_signature_right: null, is_foreign_untouched: null };
const STDERR = 2;

const FILE_SINK: Sink = {
  words: 'on disk',
  // The folder goes with the demo, and the secrets in it are of no use elsewhere.
  env: { LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true' },
  isLasting: false,
};

/** A path of its own in the Vault of the environment, reached as the environment says. */
function vaultSink({ env }: Io): Sink {
  const address = env['BAO_ADDR'] ?? env['VAULT_ADDR'] ?? env['LINQ_GITOPS_SECRETS_VAULT_ADDRESS'];
  if (address === undefined || address === '') {
    throw new ConfigError('cannot tell the story with a Vault: there is no address', [], WHICH_VAULT);
  }
  const path = `linq-gitops-demo/${randomBytes(4).toString('hex')}`;
  const access = Object.entries(env).filter(([name]) =>
    /^(VAULT_|BAO_|LINQ_GITOPS_SECRETS_VAULT_)/.test(name),
  );
  return {
    words: `in Vault, below ${path}`,
    env: {
      ...Object.fromEntries(access),
      LINQ_GITOPS_OWNER: 'demo',
      LINQ_GITOPS_SECRETS_SINK: 'vault',
      LINQ_GITOPS_SECRETS_VAULT_PATH: path,
    },
    isLasting: true,
  };
}

const WHICH_VAULT =
  'set VAULT_ADDR and VAULT_TOKEN; a local one is `bao server -dev`, which prints both, and has the mount `secret`';

function openStage(io: StoryIo, emulator: Emulator, folder: string, sink: Sink): Stage {
  const paint = paintFor(io.stdout, io);
  const tell = (text: string): void => void io.stdout.write(`${text}\n`);
  return {
    io,
    emulator,
    folder,
    sink,
    tell,
    heading: (text) => tell(`\n${paint.bold(`── ${text}`)}\n`),
    async run(...argv) {
      tell(paint.dim(`$ linq-gitops ${argv.join(' ')}`));
      const child = startCommand({ io, emulator, folder, sink }, argv);
      const [code] = (await once(child, 'close')) as [number | null];
      tell(paint.dim(`(exit ${String(code)}: ${EXIT_WORDS[String(code)] ?? 'see above'})`));
      if (code !== 0) throw new StoryOver();
    },
  };
}

async function tellStory(
  stage: Stage,
): Promise<{ is_signature_right: boolean; is_foreign_untouched: boolean }> {
  const { emulator, heading, tell, run, folder, sink } = stage;
  const file = join(folder, 'subscriptions.yaml');
  const foreignBefore = JSON.stringify(emulator.subscriptions());
  await writeFile(file, FILE);
  tell(
    `A Linq account (emulated at ${emulator.url}) with three subscriptions that are not ours, and this file:\n`,
  );
  tell(FILE);

  heading('1. What would happen? A dry run only reads.');
  await run('sync', '--dry-run');
  heading(`2. Apply it. Each secret is ${sink.words} before its subscription is called done.`);
  await run('sync');
  heading('3. Again: nothing to do, and nothing is written.');
  await run('sync');
  heading('4. A commit adds an entry and an event.');
  await writeFile(file, FILE.replace('reaction.added]', 'reaction.added, message.read]') + BILLING);
  await run('sync');
  heading('5. Somebody changes a subscription by hand. The next pass puts it back.');
  const drifted = emulator.subscriptions().find(({ target_url }) => target_url.includes('/orders'));
  emulator.external.patch(drifted?.id ?? '', { subscribed_events: ['message.sent'] });
  await run('sync');
  await killAndRecover(stage, file);
  const isVerified = await deliverAndVerify(stage);

  if (sink.isLasting) {
    heading('8. Nothing is left behind: an empty file, with `allow_empty` as consent.');
    await writeFile(file, EMPTY);
    await run('sync');
  }
  heading('The foreign subscriptions, in the end');
  const foreign = emulator.subscriptions().filter(({ id }) => foreignBefore.includes(id));
  const isUntouched = JSON.stringify(foreign) === foreignBefore;
  tell(isUntouched ? 'untouched: byte for byte what they were.' : 'CHANGED: this is a bug.');
  return { is_signature_right: isVerified, is_foreign_untouched: isUntouched };
}

/** The worst moment: the subscription exists, and its secret has not reached us yet. */
async function killAndRecover(stage: Stage, file: string): Promise<void> {
  const { emulator, heading, tell, run } = stage;
  heading('6. kill -9 in the middle of a create: Linq has made it, its secret is lost on the wire.');
  await writeFile(
    file,
    `${await readFile(file, 'utf8')}  refunds:\n    target_url: https://hooks.example.com/refunds?version=2026-02-03\n`,
  );
  const held = emulator.addFault({ match: { path: 'create' }, action: { kind: 'hold', at: 'after' } });
  const child = startCommand(stage, ['sync']);
  const ended = once(child, 'close');
  await Promise.race([held.reached(), ended]);
  child.kill('SIGKILL');
  await ended;
  held.remove();
  const left = emulator.subscriptions().find(({ target_url }) => target_url.includes('/refunds'));
  tell(`\nkilled. Linq now has ${left?.target_url ?? 'nothing'}`);
  tell('and nobody has its secret. Its mark says that it is ours and unfinished:\n');
  await run('sync');
}

/** The proof: what Linq signs verifies with what the sink holds. */
async function deliverAndVerify(stage: Stage): Promise<boolean> {
  const { emulator, heading, tell } = stage;
  heading('7. Linq delivers an event. Its signature is verified with the secret from the sink.');
  tell('$ linq-gitops secret refunds --format json | (the receiver)');
  const child = startCommand(stage, ['secret', 'refunds', '--format', 'json'], 'pipe');
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  const { signing_secret, subscription_id } = JSON.parse(output) as {
    signing_secret: string;
    subscription_id: string;
  };
  const receiver = await startVerifier(signing_secret);
  const { status } = await emulator.deliver(subscription_id, { url: receiver.url });
  await receiver.close();
  tell(
    status === 200
      ? 'the receiver answers 200: the signature is right.'
      : `the receiver answers ${status}: the signature is WRONG.`,
  );
  return status === 200;
}

function startCommand(
  { io, emulator, folder, sink }: Pick<Stage, 'io' | 'emulator' | 'folder' | 'sink'>,
  argv: readonly string[],
  stdout: 'inherit' | 'pipe' | number = io.outputOfCommands ?? 'inherit',
): ChildProcess {
  const { PATH, TERM, NO_COLOR, FORCE_COLOR, LANG } = io.env;
  return spawn(process.execPath, [io.main, ...argv], {
    cwd: folder,
    stdio: ['ignore', stdout, 'inherit'],
    env: {
      ...{ PATH, TERM, NO_COLOR, FORCE_COLOR, LANG },
      LINQ_API_V3_BASE_URL: emulator.url,
      LINQ_API_V3_API_KEY: emulator.apiKey,
      ...sink.env,
    },
  });
}

/** A receiver as in Linq's guide: 200 for a valid Standard Webhooks signature, 401 otherwise. */
async function startVerifier(secret: string): Promise<{ url: string; close: () => Promise<void> }> {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.statusCode = isSigned(request.headers, Buffer.concat(chunks), key) ? 200 : 401;
      response.end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

function isSigned(headers: IncomingHttpHeaders, body: Buffer, key: Buffer): boolean {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    String(headers[name]),
  );
  const expected = createHmac('sha256', key)
    .update(`${id ?? ''}.${timestamp ?? ''}.`)
    .update(body)
    .digest();
  return (signatures ?? '').split(' ').some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
