import { ConfigError, UsageError } from '../domain/errors.ts';
import { FORMAT_VERSION, jsonText } from '../domain/json-text.ts';
import type { Desired } from '../domain/desired.ts';
import type { RequestCount } from '../domain/report.ts';
import type { ErrorNote } from '../plan/render-json.ts';
import type { View } from '../plan/status.ts';
import { shellWord } from '../plan/way-out.ts';
import { planOnce } from '../reconcile/reconcile-once.ts';
import type { SecretReader } from '../secrets/sink.ts';
import type { ExitCode } from './exit.ts';
import { say, type Io } from './io.ts';
import { openApi, openReader, planContext } from './open.ts';
import { errorNotes, reportError } from './report-error.ts';
import { loadDesired, openSession, type CommonOptions, type Session } from './session.ts';

/** Options of the commands that only look. */
export interface LookOptions extends CommonOptions {
  readonly format: 'text' | 'json' | 'markdown';
}

/** What looking has found. */
export interface Sight {
  readonly view: View;
  readonly requests: RequestCount;
  readonly locate: SecretReader['locate'];
}

/** What a command makes of a sight: the value of its JSON document, and the other forms of it. */
export interface Shown {
  readonly value: unknown;
  readonly text: () => string;
  readonly markdown: () => string;
}

/** An empty file, for looking around where the real one cannot be used. */
const NO_FILE: Desired = { entries: [], allow_empty: false, content_hash: '', revision: null };

/**
 * Looks at the file, the account and the records, which are handed over as readers only, and prints what `show` makes
 * of it; in JSON under the key `member`, in a document that is printed also when looking fails. A file that cannot be
 * used is said on stderr, what can be seen without it is shown, and the exit code is 78.
 */
export async function lookAround(
  options: LookOptions,
  io: Io,
  member: string,
  show: (sight: Sight) => Shown,
): Promise<ExitCode> {
  let requests: RequestCount = { reads: 0, writes: 0 };
  let value: unknown = null;
  let exitCode: ExitCode = 0;
  let errors: readonly ErrorNote[] = [];
  const failed = (error: unknown): void => {
    exitCode = reportError(io, error);
    errors = [...errors, ...errorNotes(error)];
  };
  try {
    const sight = await look(options, io, failed, (count) => (requests = count));
    const shown = show(sight);
    value = shown.value;
    if (options.format !== 'json')
      io.stdout.write(options.format === 'text' ? shown.text() : shown.markdown());
  } catch (error) {
    if (error instanceof UsageError) throw error;
    failed(error);
  }
  if (options.format === 'json') {
    const status = { exit_code: exitCode, errors };
    const { reads, writes } = requests;
    const document = { format_version: FORMAT_VERSION, [member]: value, requests: { reads, writes }, status };
    io.stdout.write(`${jsonText(document, 2)}\n`);
  }
  return exitCode;
}

/** `onBadFile` is told why the file cannot be used; every other failure rejects. */
async function look(
  options: LookOptions,
  io: Io,
  onBadFile: (error: ConfigError) => void,
  onRequests: (count: RequestCount) => void,
): Promise<Sight> {
  const session = await openSession(io, options);
  const desired = await desiredOrNot(session, io, onBadFile);
  const api = openApi(session, io);
  try {
    const secrets = openReader(session, io);
    const context = await planContext(session, api.reader, secrets);
    const { settings } = session;
    // Without a file nobody knows what has left it.
    const policy = desired === null ? { ...settings.policy, prune: 'never' as const } : settings.policy;
    const { plan, input } = await planOnce(desired ?? NO_FILE, {
      ...context,
      settings: { ...settings, policy },
    });
    const view = { desired, plan, input, owner: settings.owner, flags: flagsOf(options) };
    return { view, requests: api.reader.requests(), locate: (name) => secrets.locate(name) };
  } finally {
    onRequests(api.reader.requests());
    await api.close();
  }
}

async function desiredOrNot(
  session: Session,
  io: Io,
  onBadFile: (error: ConfigError) => void,
): Promise<Desired | null> {
  try {
    return await loadDesired(session, io);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    onBadFile(error);
    say(io, 'what follows is what the records and the account have');
    return null;
  }
}

/** What another command needs to use the same files. */
function flagsOf({ config, file }: LookOptions): string {
  const flags = [
    ...(config === undefined ? [] : ['--config', shellWord(config)]),
    ...(file === undefined ? [] : ['--file', shellWord(file)]),
  ];
  return flags.map((flag) => ` ${flag}`).join('');
}
