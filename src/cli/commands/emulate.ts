import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigError } from '../../domain/errors.ts';
import { readSeed } from '../../emulator/documents.ts';
import { startEmulator } from '../../emulator/emulator.ts';
import type { Seed } from '../../emulator/seed.ts';
import type { ExitCode } from '../exit.ts';
import { say, type Io } from '../io.ts';

export interface EmulateOptions {
  readonly port: number;
  readonly host?: string;
  readonly seed?: string;
}

/** A local Linq API until SIGINT or SIGTERM; stdout carries the environment lines to paste. */
export async function emulate(options: EmulateOptions, io: Io): Promise<ExitCode> {
  const seed = options.seed === undefined ? undefined : await loadSeed(resolve(io.cwd, options.seed));
  const { port, host } = options;
  const emulator = await startEmulator({
    port,
    ...(host !== undefined && { host }),
    ...(seed !== undefined && { seed }),
  });
  io.stdout.write(`export LINQ_API_V3_BASE_URL=${emulator.url}\n`);
  io.stdout.write(`export LINQ_API_V3_API_KEY=${emulator.apiKey}\n`);
  say(
    io,
    `emulating Linq's API on ${emulator.url}; faults and outside edits at ${emulator.controlUrl}; Ctrl-C ends it`,
  );
  await new Promise<void>((end) => {
    const release = io.onSignal(() => {
      release();
      end();
    });
  });
  await emulator.close();
  return 0;
}

async function loadSeed(path: string): Promise<Seed> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `cannot read the seed ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return readSeed(text);
}
