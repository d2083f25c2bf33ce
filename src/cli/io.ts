import type { LinqWriter } from '../linq/linq-api.ts';
import type { SecretSink } from '../secrets/sink.ts';

/** What the program touches of the process, so that it can be run in one piece from elsewhere. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
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

/** Lines to a person beside the result: on stderr, so that stdout carries the result only. */
export function say(io: Io, text: string): void {
  io.stderr.write(`${text}\n`);
}
