import type { LinqWriter } from '../linq/linq-api.ts';
import { printable } from '../plan/words.ts';
import type { SecretSink } from '../secrets/sink.ts';

/** What the program touches of the process, so that it can be run in one piece from elsewhere. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The file that Node was started with, to start the program again. */
  readonly main: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Calls `listener` for SIGINT and SIGTERM until the returned function is called. */
  readonly onSignal: (listener: (signal: 'SIGINT' | 'SIGTERM') => void) => () => void;
  /** Calls `listener` for SIGHUP until the returned function is called; unless it is called, SIGHUP ends the process. */
  readonly onHangup: (listener: () => void) => () => void;
  /** Ends the process at once: the answer to a second signal. */
  readonly exitNow: (code: number) => never;
  /** Put around everything that writes; a test stops the process before and after each effect with it. */
  readonly around?: Around;
}

interface Around {
  readonly writer: (writer: LinqWriter) => LinqWriter;
  readonly sink: (sink: SecretSink) => SecretSink;
}

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Words to a person beside the result: on stderr, so that stdout carries the result only. One line, but on a terminal,
 * where it is wrapped between words; a command at its end stays whole.
 */
export function say(io: Io, text: string): void {
  const { columns } = io.stderr;
  io.stderr.write(`${columns === undefined || text.includes('\n') ? text : wrapped(text, columns)}\n`);
}

/** Broken between words, for a terminal of so many columns. */
export function wrapped(text: string, columns: number): string {
  const lines: string[] = [];
  let current = '';
  const command = text.indexOf('linq-gitops ');
  const words =
    command === -1 ? text.split(' ') : [...text.slice(0, command).split(' '), text.slice(command)];
  for (const word of words.filter((one) => one !== '')) {
    if (current !== '' && current.length + 1 + word.length > columns) {
      lines.push(current);
      current = ` `;
    }
    current = current === '' ? word : `${current} ${word}`;
  }
  return [...lines, current].join('\n');
}

/** Columns of a terminal that a hint stays within, where its words allow. */
const HINT_WIDTH = 80;

/** How a person can go on, on stderr: what for, and a command that runs as it is printed. */
export function hint(io: Io, what: string, words: readonly string[]): void {
  say(io, `hint: ${what}:`);
  io.stderr.write(`${brokenLine(words)}\n`);
}

/** The words of a command line that means the same files as the one that was given, in quotes where a shell needs them. */
export function command(
  argv: readonly string[],
  { config, file }: { readonly config?: string; readonly file?: string },
): readonly string[] {
  const files = [
    ...(config === undefined ? [] : ['--config', config]),
    ...(file === undefined ? [] : ['--file', file]),
  ];
  return ['linq-gitops', ...argv, ...files].map(shellWord);
}

function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=@-]+$/.test(word) ? word : `'${printable(word).replaceAll("'", `'\\''`)}'`;
}

/** Broken between words as a shell takes it, with a backslash at the end of the line. */
function brokenLine(words: readonly string[]): string {
  const lines: string[] = [];
  let current = ' ';
  for (const word of words) {
    if (current.length + 1 + word.length + 2 > HINT_WIDTH && current.trim() !== '') {
      lines.push(`${current} \\`);
      current = '   ';
    }
    current = `${current} ${word}`;
  }
  return [...lines, current].join('\n');
}
