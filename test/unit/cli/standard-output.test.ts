import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { standardOutput } from '../../../src/cli/standard-output.ts';
import { SystemLimitError } from '../../../src/domain/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linq-gitops-output-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** More than a pipe holds, with characters of several bytes at every place where it could be cut. */
const LONG = '→ übergroß 🌍\n'.repeat(20_000);

/** Both ends of a pipe; neither waits for the other. */
function openPipe(): { readonly reader: number; readonly writer: number } {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) };
}

function noStream(): never {
  throw new Error('the stream is not wanted here');
}

describe('standardOutput', () => {
  it('writes whole texts to a file, one behind the other', () => {
    const path = join(folder, 'result');
    const descriptor = openSync(path, 'w');
    const output = standardOutput(descriptor, noStream);
    output.write(LONG);
    output.write('end\n');
    closeSync(descriptor);
    expect(readFileSync(path, 'utf8')).toBe(`${LONG}end\n`);
  });

  it('hands on to the stream what a pipe that does not wait has no room for, and all that comes after', async () => {
    const { reader, writer } = openPipe();
    const socket = new Socket({ fd: writer, readable: false, writable: true });
    const output = standardOutput(writer, () => socket);
    output.write(LONG);
    output.write('end\n');
    socket.end();
    const chunks: Buffer[] = [];
    const source = new Socket({ fd: reader, readable: true, writable: false });
    source.on('data', (chunk) => chunks.push(chunk));
    await Promise.all([finished(socket), finished(source)]);
    expect(Buffer.concat(chunks).toString('utf8')).toBe(`${LONG}end\n`);
  });

  it('bears a reader that has seen enough', () => {
    const { reader, writer } = openPipe();
    const output = standardOutput(writer, noStream);
    output.write('first\n');
    expect(readSync(reader, Buffer.alloc(100))).toBe(6);
    closeSync(reader);
    output.write('nobody reads this\n');
    output.write('nor this\n');
    closeSync(writer);
  });

  it.runIf(process.platform === 'linux')('says why the result could not be written', () => {
    const full = openSync('/dev/full', 'w');
    const output = standardOutput(full, () => ({ isTTY: false, write: noStream, on: noStream }));
    expect(() => output.write('result\n')).toThrow(SystemLimitError);
    expect(() => output.write('result\n')).toThrow(/^cannot write the result to stdout: no space is left/);
    closeSync(full);
  });
});
