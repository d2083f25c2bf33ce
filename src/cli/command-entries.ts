import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ExitCode } from './exit.ts';
import type { Io } from './io.ts';
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

const LOOKING = `
Exits with 0 whatever it finds, also where something is held; with 3 for a name
that is not known. Where the subscriptions file cannot be used, it shows what
the records and the account have, and exits with 78.`;

/** What there is to say of a command before it is called, and what makes it one. */
export interface CommandEntry {
  readonly name: string;
  readonly about: string;
  readonly argument?: readonly [syntax: string, about: string];
  /** Adds the options, and what it does. */
  readonly complete: (command: Command) => unknown;
}

type Finish = (code: ExitCode) => void;

/** All commands, in the order of the help. They load their modules when they run, and hand their exit code to `finish`. */
export function commandEntries(io: Io, finish: Finish): readonly CommandEntry[] {
  return [
    {
      name: 'validate',
      about: 'check subscription files without network',
      argument: ['[FILE...]', 'files to check (default: the one that the settings name)'],
      complete: (command) =>
        formats(common(command), ['text', 'json']).action(
          async (files: string[], options: ValidateOptions) => {
            const { validate } = await import('./commands/validate.ts');
            finish(await validate(files, options, io));
          },
        ),
    },

    passCommand('sync', io, finish),
    passCommand('plan', io, finish),
    {
      name: 'rotate',
      about: 'begin to replace the signing secrets of entries, without a gap',
      argument: ['[NAME...]', 'entries of the file'],
      complete: (command) =>
        formats(common(command), ['text', 'json', 'markdown'])
          .option('--older-than <age>', 'the entries whose secret is older, such as 90d')
          .option('--compromised', 'at once, and the old secret is not kept', false)
          .option('--abort', 'give up a replacement that has begun', false)
          .option('--wait', 'stay until it is through', false)
          .action(async (names: string[], options: RotateOptions) => {
            const { rotate } = await import('./commands/rotate.ts');
            finish(await rotate(names, options, io));
          }),
    },
    {
      name: 'run',
      about: 'the daemon: follow the file and keep the account as it says',
      complete: (command) =>
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
    },
    {
      name: 'status',
      about: 'what is managed and how it stands; writes nothing',
      argument: ['[NAME...]', 'only these entries'],
      complete: (command) =>
        formats(common(command), ['text', 'json', 'markdown'])
          .addHelpText('after', LOOKING)
          .action(async (names: string[], options: LookOptions) => {
            const { status } = await import('./commands/status.ts');
            finish(await status(names, options, io));
          }),
    },
    {
      name: 'explain',
      about: 'one entry as declared, recorded and live, what holds it, and the way out; writes nothing',
      argument: ['<NAME>', 'an entry, a name that only has a record, or the id of a subscription'],
      complete: (command) =>
        formats(common(command), ['text', 'json', 'markdown'])
          .addHelpText('after', LOOKING)
          .action(async (name: string, options: LookOptions) => {
            const { explain } = await import('./commands/explain.ts');
            finish(await explain(name, options, io));
          }),
    },
    {
      name: 'import',
      about: 'print a subscriptions.yaml of what is live',
      complete: (command) =>
        formats(common(command), ['text', 'json']).action(async (options: ImportOptions) => {
          const { importLive } = await import('./commands/import.ts');
          finish(await importLive(options, io));
        }),
    },
    {
      name: 'adopt',
      about: 'take over live subscriptions: with their secrets, or by new ones',
      argument: ['[NAME...]', 'entries of the file; with --secret-dir: those with a file'],
      complete: (command) =>
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
    },

    ...keepingCommands(io, finish),
    {
      name: 'secret',
      about: 'print one signing secret, on purpose',
      argument: ['<NAME>', 'an entry'],
      complete: (command) =>
        formats(common(command), ['text', 'env', 'json']).action(
          async (name: string, options: SecretOptions) => {
            const { secret } = await import('./commands/secret.ts');
            finish(await secret(name, options, io));
          },
        ),
    },
    {
      name: 'events',
      about: 'print the live catalogue of event types',
      complete: (command) =>
        formats(common(command), ['text', 'json']).action(async (options: EventsOptions) => {
          const { events } = await import('./commands/events.ts');
          finish(await events(options, io));
        }),
    },
    {
      name: 'emulate',
      about: 'a local Linq API, for trying things out and for tests',
      complete: (command) =>
        formats(command, ['text', 'json'])
          .option('--port <n>', 'the port (default: a free one)', parsePort, 0)
          .option('--host <host>', 'the address to listen on')
          .option('--seed <file>', 'what the account holds at its start, as JSON')
          .action(async (options: EmulateOptions) => {
            const { emulate } = await import('./commands/emulate.ts');
            finish(await emulate(options, io));
          }),
    },
    {
      name: 'demo',
      about: 'the whole story on the emulator, in a temporary folder',
      complete: (command) =>
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
    },
  ];
}

/** One pass; `plan` is `sync --dry-run` by another name. */
function passCommand(name: 'sync' | 'plan', io: Io, finish: Finish): CommandEntry {
  return {
    name,
    about:
      name === 'sync'
        ? 'one pass: print the plan, apply it, print the report'
        : 'the same as sync --dry-run: print the plan, write nothing',
    complete(command) {
      formats(common(command), ['text', 'json', 'markdown']);
      if (name === 'sync') {
        command
          .option('--dry-run', 'print the plan, write nothing', false)
          .option('--wait', 'stay until replacements are through', false);
      }
      command
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
    },
  };
}

/** What is done to the records alone: no request goes to Linq, and no key is needed. */
function keepingCommands(io: Io, finish: Finish): readonly CommandEntry[] {
  return [
    {
      name: 'pause',
      about: 'no writes to these entries, or to any, by any process; nothing is asked of Linq',
      argument: ['[NAME...]', 'entries of the file or the sink (default: everything of this owner)'],
      complete: (command) =>
        formats(common(command), ['text', 'json'])
          .option('--for <time>', 'it ends by itself, such as 30m, 2h or 7d (default: until resume)')
          .addHelpText('after', '\nA pass that began before goes to its end.')
          .action(async (names: string[], options: PauseOptions) => {
            const { pause } = await import('./commands/pause.ts');
            finish(await pause(names, options, io));
          }),
    },
    {
      name: 'resume',
      about: 'end a pause',
      argument: ['[NAME...]', 'what to go on with (default: everything of this owner)'],
      complete: (command) =>
        formats(common(command), ['text', 'json']).action(async (names: string[], options: ResumeOptions) => {
          const { resume } = await import('./commands/resume.ts');
          finish(await resume(names, options, io));
        }),
    },
    {
      name: 'release',
      about: 'forget entries: the records go, the subscriptions stay',
      argument: ['<NAME...>', 'entries that have a record'],
      complete: (command) =>
        formats(common(command), ['text', 'json'])
          .option('--secret-dir <dir>', 'keep each secret in a new file there, by the name of its entry')
          .option('--discard-secret', 'the secrets go with the records', false)
          .action(async (names: string[], options: ReleaseOptions) => {
            const { release } = await import('./commands/release.ts');
            finish(await release(names, options, io));
          }),
    },
    {
      name: 'move-records',
      about: 'move the records of this owner to another sink, or to another owner',
      complete: (command) =>
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
    },
  ];
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
