import { fstatSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { SystemLimitError } from '../domain/errors.ts';
import { errorCode, inWords } from '../secrets/system-error.ts';
import type { Output } from './io.ts';

/** What is needed of a stream of Node's. */
type Stream = Output & Pick<Socket, 'write' | 'on'>;

/**
 * The result goes to a file or a pipe directly: Node's `stream` for them takes longer to load than the help to make. A
 * terminal is left to its stream. A reader that has seen enough (`| head`) is no failure; a `SystemLimitError` says any other.
 */
export function standardOutput(descriptor: number, stream: () => Stream): Output {
  if (fstatSync(descriptor).isCharacterDevice() && stream().isTTY) return untilClosed(stream());
  let output: Output | undefined;
  return {
    write(text) {
      if (output) return output.write(text);
      const { left, code } = writeAll(descriptor, Buffer.from(text));
      if (code === 'EPIPE') output = { write: () => true };
      // Somebody who shares the pipe has asked the system not to wait for its reader; the stream can.
      if (code === 'EAGAIN') {
        const rest = untilClosed(stream());
        rest.write(left);
        output = rest;
      }
      return code === undefined;
    },
  };
}

/** What is left of `bytes`, and why. */
function writeAll(descriptor: number, bytes: Buffer): { readonly left: Buffer; readonly code?: string } {
  let left = bytes;
  while (left.length > 0) {
    try {
      left = left.subarray(writeSync(descriptor, left));
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EPIPE' || code === 'EAGAIN') return { left, code };
      throw new SystemLimitError(`cannot write the result to stdout: ${inWords(error)}`, { cause: error });
    }
  }
  return { left };
}

function untilClosed(stream: Stream): Stream {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return stream;
}
