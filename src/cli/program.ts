import { Command, CommanderError } from 'commander';
import { commandEntries, type CommandEntry } from './command-entries.ts';
import type { ExitCode } from './exit.ts';
import { wrapped, type Io } from './io.ts';
import { version } from './version.ts';

const EXIT_CODES = `
Exit codes:
  0 done, or nothing to do       1 an operation, the API or the sink failed
  2 changes are pending (sync --dry-run --detailed-exitcode)
  3 something is held or refused 64 usage   70 a bug   78 configuration
  130, 143 interrupted`;

const HELP_WIDTH = 80;
/** Asked for without a command. */
const QUESTIONS = ['-h', '--help', '-V', '--version'];

/**
 * The command line for the words `argv`. Of the commands only the one that they call is made, and all where there is none of
 * that name, for commander to say which was meant. The exit code of a command goes to `finish`.
 */
export function createProgram(io: Io, finish: (code: ExitCode) => void, argv: readonly string[]): Command {
  const entries = commandEntries(io, finish);
  const helpWidth = Math.min(io.stdout.columns ?? HELP_WIDTH, HELP_WIDTH);
  const program = new Command('linq-gitops')
    .description('GitOps for Linq webhook subscriptions.')
    .usage('[options] [command]')
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      io.stdout.write(`${version()}\n`);
      throw new CommanderError(0, 'commander.version', 'printed');
    })
    .helpCommand(false)
    .configureOutput({
      outputError: (text, write) => write(fitted(withSuggestion(text, program), io)),
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => helpWidth,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
  for (const { name, about, argument, complete } of calledBy(argv, entries)) {
    const command = program.command(name).description(about);
    if (argument) command.argument(...argument);
    complete(command);
  }
  if (program.commands.length === 0) addList(program, entries, helpWidth);
  return program.addHelpText('after', EXIT_CODES);
}

/** What commander's help shows of commands, for those that were not made. */
function addList(program: Command, entries: readonly CommandEntry[], helpWidth: number): void {
  const terms = entries.map(termOf);
  const termWidth = Math.max(...terms.map(({ length }) => length));
  program.configureHelp({ padWidth: () => termWidth }).addHelpText('after', ({ error }) => {
    const help = Object.assign(program.createHelp(), { helpWidth: error ? HELP_WIDTH : helpWidth });
    const items = entries.map(({ about }, at) => help.formatItem(terms[at] ?? '', termWidth, about, help));
    return ['', 'Commands:', ...items].join('\n');
  });
}

function calledBy(argv: readonly string[], entries: readonly CommandEntry[]): readonly CommandEntry[] {
  if (argv.every((word) => QUESTIONS.includes(word))) return [];
  // The program itself has no option with a value.
  const name = argv.find((word) => !word.startsWith('-'));
  const called = entries.filter((entry) => entry.name === name);
  return called.length > 0 ? called : entries;
}

/** How a command is called, as the list of commands shows it. */
function termOf({ name, argument }: CommandEntry): string {
  return [name, '[options]', ...(argument ? [argument[0]] : [])].join(' ');
}

function fitted(text: string, { stderr: { columns } }: Io): string {
  return columns === undefined
    ? text
    : text
        .split('\n')
        .map((line) => wrapped(line, columns))
        .join('\n');
}

/** commander suggests what is misspelt; what is cut short (`--dry`) is added here. */
function withSuggestion(text: string, program: Command): string {
  const option = /unknown option '(--[a-z-]+)'/.exec(text)?.[1];
  if (option === undefined || text.includes('Did you mean')) return text;
  const longs = program.commands.flatMap(({ options }) => options.map(({ long }) => long));
  const longer = longs.find((long) => long?.startsWith(option));
  return longer === undefined ? text : `${text}(Did you mean ${longer}?)\n`;
}
