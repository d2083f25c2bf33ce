import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { ExitCode } from './exit.ts';
import { wrapped, type Io } from './io.ts';
import { LOG_LEVELS, type LogLevel } from './log-level.ts';
import type { LookOptions } from './look.ts';
import type { AdoptOptions } from './commands/adopt.ts';
import type { DemoOptions } from './commands/demo.ts';
import type { EmulateOptions } from './commands/emulate.ts';
import type { EventsOptions } from './commands/events.ts';
import type { ImportOptions } from './commands/import.ts';
import type { MoveRecordsOptions } from './commands/move-records.ts';
import type { PauseOptions } from './commands/pause.ts';
import type { ReleaseOptions } from './commands/release.ts';
import type { ResumeOptions } from './commands/resume.ts';
import type { RotateOptions } from './commands/rotate.ts';
import type { RunOptions } from './commands/run.ts';
import type { SecretOptions } from './commands/secret.ts';
import type { SyncOptions } from './commands/sync.ts';
import type { ValidateOptions } from './commands/validate.ts';
import { version } from './version.ts';

const EXIT_CODES = `
Exit codes:
  0 done, or nothing to do       1 an operation, the API or the sink failed
  2 changes are pending (sync --dry-run --detailed-exitcode)
  3 something is held or refused 64 usage   70 a bug   78 configuration
  130, 143 interrupted`;

const LOOKING = `
Exits with 0 whatever it finds, also where something is held; with 3 for a name
that is not known. Where the subscriptions file cannot be used, it shows what
the records and the account have, and exits with 78.`;

/**
 * The command line. A command gets its options when it is called, loads its modules when it runs, and hands its exit code
 * to `finish`.
 */
export function createProgram(io: Io, finish: (code: ExitCode) => void): Command {
  const program = new Command('linq-gitops')
    .description('GitOps for Linq webhook subscriptions.')
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      io.stdout.write(`${version()}\n`);
      throw new CommanderError(0, 'commander.version', 'printed');
    })
    .helpCommand(false)
    .addHelpText('after', EXIT_CODES)
    .configureHelp({ subcommandTerm })
    .configureOutput({
      outputError: (text, write) => write(fitted(withSuggestion(text, program), io)),
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => Math.min(io.stdout.columns ?? 80, 80),
      getErrHelpWidth: () => 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .hook('preSubcommand', (_program, command) => complete(command))
    .exitOverride();

  later(
    program
      .command('validate')
      .description('check subscription files without network')
      .argument('[FILE...]', 'files to check (default: the one that the settings name)'),
    (command) =>
      formats(common(command), ['text', 'json']).action(async (files: string[], options: ValidateOptions) => {
        const { validate } = await import('./commands/validate.ts');
        finish(await validate(files, options, io));
      }),
  );

  for (const name of ['sync', 'plan'] as const) {
    const description =
      name === 'sync'
        ? 'one pass: print the plan, apply it, print the report'
        : 'the same as sync --dry-run: print the plan, write nothing';
    later(program.command(name).description(description), (command) => {
      formats(common(command), ['text', 'json', 'markdown']);
      if (name === 'sync') {
        command
          .option('--dry-run', 'print the plan, write nothing', false)
          .option('--wait', 'stay until replacements are through', false);
      }
      return command
        .option('--allow <guard>', 'let a guard through: GUARD:NAME, or GUARD', collect, [])
        .option('--detailed-exitcode', 'with --dry-run: exit 2 when changes are pending', false)
        .option(
          '--expect-plan <id>',
          'refuse unless the plan has this id (8 digits or more)',
          parsePlanPrefix,
        )
        .option('--out <file>', 'write the plan to a file, as JSON')
        .action(async (options: SyncOptions) => {
          const { sync } = await import('./commands/sync.ts');
          finish(await sync({ ...options, dryRun: name === 'plan' || options.dryRun }, io));
        });
    });
  }

  later(
    program
      .command('rotate')
      .description('begin to replace the signing secrets of entries, without a gap')
      .argument('[NAME...]', 'entries of the file'),
    (command) =>
      formats(common(command), ['text', 'json', 'markdown'])
        .option('--older-than <age>', 'the entries whose secret is older, such as 90d')
        .option('--compromised', 'at once, and the old secret is not kept', false)
        .option('--abort', 'give up a replacement that has begun', false)
        .option('--wait', 'stay until it is through', false)
        .action(async (names: string[], options: RotateOptions) => {
          const { rotate } = await import('./commands/rotate.ts');
          finish(await rotate(names, options, io));
        }),
  );

  later(
    program.command('run').description('the daemon: follow the file and keep the account as it says'),
    (command) =>
      common(command, 'info')
        .option(
          '--allow <guard>',
          'let a guard through, for as long as it runs: GUARD:NAME, or GUARD',
          collect,
          [],
        )
        .option('--no-watch', 'no file system events: read the file every 10 s')
        .action(async (options: RunOptions) => {
          const { run } = await import('./commands/run.ts');
          finish(await run(options, io));
        }),
  );

  later(
    program
      .command('status')
      .description('what is managed and how it stands; writes nothing')
      .argument('[NAME...]', 'only these entries'),
    (command) =>
      formats(common(command), ['text', 'json', 'markdown'])
        .addHelpText('after', LOOKING)
        .action(async (names: string[], options: LookOptions) => {
          const { status } = await import('./commands/status.ts');
          finish(await status(names, options, io));
        }),
  );

  later(
    program
      .command('explain')
      .description('one entry as declared, recorded and live, what holds it, and the way out; writes nothing')
      .argument('<NAME>', 'an entry, a name that only has a record, or the id of a subscription'),
    (command) =>
      formats(common(command), ['text', 'json', 'markdown'])
        .addHelpText('after', LOOKING)
        .action(async (name: string, options: LookOptions) => {
          const { explain } = await import('./commands/explain.ts');
          finish(await explain(name, options, io));
        }),
  );

  later(program.command('import').description('print a subscriptions.yaml of what is live'), (command) =>
    formats(common(command), ['text', 'json']).action(async (options: ImportOptions) => {
      const { importLive } = await import('./commands/import.ts');
      finish(await importLive(options, io));
    }),
  );

  later(
    program
      .command('adopt')
      .description('take over live subscriptions: with their secrets, or by new ones')
      .argument('[NAME...]', 'entries of the file; with --secret-dir: those with a file'),
    (command) =>
      formats(common(command), ['text', 'json'])
        .option('--secret-file <file>', 'the file that holds the signing secret of the one entry')
        .option('--secret-dir <dir>', 'the folder with a file for each entry, by its name')
        .option('--replace', 'replace what is live without a gap: its secret is lost', false)
        .option('--id <id>', 'which subscription, where several have the URL, or it changes')
        .option('--wait', 'with --replace: stay until it is through', false)
        .option('--allow <guard>', 'with --replace: let a guard through', collect, [])
        .action(async (names: string[], options: AdoptOptions) => {
          const { adopt } = await import('./commands/adopt.ts');
          finish(await adopt(names, options, io));
        }),
  );

  addKeeping(program, io, finish);

  later(
    program
      .command('secret')
      .description('print one signing secret, on purpose')
      .argument('<NAME>', 'an entry'),
    (command) =>
      formats(common(command), ['text', 'env', 'json']).action(
        async (name: string, options: SecretOptions) => {
          const { secret } = await import('./commands/secret.ts');
          finish(await secret(name, options, io));
        },
      ),
  );

  later(program.command('events').description('print the live catalogue of event types'), (command) =>
    formats(common(command), ['text', 'json']).action(async (options: EventsOptions) => {
      const { events } = await import('./commands/events.ts');
      finish(await events(options, io));
    }),
  );

  later(
    program.command('emulate').description('a local Linq API, for trying things out and for tests'),
    (command) =>
      formats(command, ['text', 'json'])
        .option('--port <n>', 'the port (default: a free one)', parsePort, 0)
        .option('--host <host>', 'the address to listen on')
        .option('--seed <file>', 'what the account holds at its start, as JSON')
        .action(async (options: EmulateOptions) => {
          const { emulate } = await import('./commands/emulate.ts');
          finish(await emulate(options, io));
        }),
  );

  later(
    program.command('demo').description('the whole story on the emulator, in a temporary folder'),
    (command) =>
      formats(command, ['text', 'json'])
        .addOption(
          new Option('--sink <sink>', 'where it keeps its secrets; vault: the one of VAULT_ADDR')
            .choices(['file', 'vault'])
            .default('file'),
        )
        .action(async (options: DemoOptions) => {
          const { demo } = await import('./commands/demo.ts');
          finish(await demo(options, io));
        }),
  );

  return program;
}

const incomplete = new WeakMap<Command, (command: Command) => unknown>();

/** Of a command that was not called, only what the list of commands shows is wanted. */
function later(command: Command, rest: (command: Command) => unknown): void {
  incomplete.set(command, rest);
}

/** Gives a command its options and what it does, unless it has them. */
export function complete(command: Command): void {
  incomplete.get(command)?.(command);
  incomplete.delete(command);
}

/** As commander has it, but for options that a command does not have yet. */
function subcommandTerm(command: Command): string {
  return `${command.name()} ${command.usage()}`;
}

function fitted(text: string, { stderr: { columns } }: Io): string {
  return columns === undefined
    ? text
    : text
        .split('\n')
        .map((line) => wrapped(line, columns))
        .join('\n');
}

/** What is done to the records alone: no request goes to Linq, and no key is needed. */
function addKeeping(program: Command, io: Io, finish: (code: ExitCode) => void): void {
  later(
    program
      .command('pause')
      .description('no writes to these entries, or to any, by any process; nothing is asked of Linq')
      .argument('[NAME...]', 'entries of the file or the sink (default: everything of this owner)'),
    (command) =>
      formats(common(command), ['text', 'json'])
        .option('--for <time>', 'it ends by itself, such as 30m, 2h or 7d (default: until resume)')
        .addHelpText('after', '\nA pass that began before goes to its end.')
        .action(async (names: string[], options: PauseOptions) => {
          const { pause } = await import('./commands/pause.ts');
          finish(await pause(names, options, io));
        }),
  );

  later(
    program
      .command('resume')
      .description('end a pause')
      .argument('[NAME...]', 'what to go on with (default: everything of this owner)'),
    (command) =>
      formats(common(command), ['text', 'json']).action(async (names: string[], options: ResumeOptions) => {
        const { resume } = await import('./commands/resume.ts');
        finish(await resume(names, options, io));
      }),
  );

  later(
    program
      .command('release')
      .description('forget entries: the records go, the subscriptions stay')
      .argument('<NAME...>', 'entries that have a record'),
    (command) =>
      formats(common(command), ['text', 'json'])
        .option('--secret-dir <dir>', 'keep each secret in a new file there, by the name of its entry')
        .option('--discard-secret', 'the secrets go with the records', false)
        .action(async (names: string[], options: ReleaseOptions) => {
          const { release } = await import('./commands/release.ts');
          finish(await release(names, options, io));
        }),
  );

  later(
    program
      .command('move-records')
      .description('move the records of this owner to another sink, or to another owner'),
    (command) =>
      formats(common(command), ['text', 'json'])
        .requiredOption('--to <config>', 'the settings of the destination; LINQ_GITOPS_* are not about it')
        .option('--dry-run', 'print what would move, write nothing', false)
        .addHelpText(
          'after',
          '\nEverything here is paused first, and stays so. Killed anywhere, run it again.',
        )
        .action(async (options: MoveRecordsOptions) => {
          const { moveRecords } = await import('./commands/move-records.ts');
          finish(await moveRecords(options, io));
        }),
  );
}

/** commander suggests what is misspelt; what is cut short (`--dry`) is added here. */
function withSuggestion(text: string, program: Command): string {
  const option = /unknown option '(--[a-z-]+)'/.exec(text)?.[1];
  if (option === undefined || text.includes('Did you mean')) return text;
  program.commands.forEach(complete);
  const longs = program.commands.flatMap(({ options }) => options.map(({ long }) => long));
  const longer = longs.find((long) => long?.startsWith(option));
  return longer === undefined ? text : `${text}(Did you mean ${longer}?)\n`;
}

/** What every command that has settings takes. */
function common(command: Command, logLevel: LogLevel = 'warn'): Command {
  return command
    .option('-c, --config <file>', 'settings (default: linq-gitops.yaml if it is there)')
    .option('-f, --file <file>', 'the subscriptions file')
    .addOption(new Option('--log-level <level>', 'logs on stderr').choices(LOG_LEVELS).default(logLevel));
}

function formats(command: Command, choices: readonly string[]): Command {
  return command.addOption(
    new Option('--format <format>', 'what stdout carries').choices(choices).default('text'),
  );
}

function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value];
}

function parsePlanPrefix(text: string): string {
  if (/^[0-9a-f]{8,64}$/.test(text)) return text;
  throw new InvalidArgumentError('A plan id is 8 to 64 hexadecimal digits.');
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError(`A port is a number from 0 to 65535.`);
}
