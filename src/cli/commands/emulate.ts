import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigError } from '../../domain/errors.ts';
import { readSeed } from '../../emulator/documents.ts';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import type { Seed } from '../../emulator/seed.ts';
import { documentOf, printFailure } from '../document.ts';
import type { ExitCode } from '../exit.ts';
import { say, type Io } from '../io.ts';

export interface EmulateOptions {
  readonly format: 'text' | 'json';
  readonly port: number;
  readonly host?: string;
  readonly seed?: string;
}

const NOTHING = { base_url: null, api_key: null, control_url: null };

/** A local Linq API until SIGINT or SIGTERM; stdout carries the environment lines to paste, or one document. */
export async function emulate(options: EmulateOptions, io: Io): Promise<ExitCode> {
  let emulator: Emulator | undefined;
  const code = await printFailure(options.format, io, NOTHING, async () => {
    emulator = await start(options, io);
    return 0;
  });
  return emulator === undefined ? code : serve(emulator, options, io);
}

async function start(options: EmulateOptions, io: Io): Promise<Emulator> {
  const seed = options.seed === undefined ? undefined : await loadSeed(resolve(io.cwd, options.seed));
  const { port, host } = options;
  return startEmulator({
    port,
    ...(host !== undefined && { host }),
    ...(seed !== undefined && { seed }),
  });
}

async function serve(emulator: Emulator, { format }: EmulateOptions, io: Io): Promise<ExitCode> {
  const { url, apiKey, controlUrl } = emulator;
  const lines = `export LINQ_API_V3_BASE_URL=${url}\nexport LINQ_API_V3_API_KEY=${apiKey}\n`;
  const content = { base_url: url, api_key: apiKey, control_url: controlUrl };
  // Before it is said that Ctrl-C ends it.
  const ended = new Promise<void>((end) => {
    const release = io.onSignal(() => {
      release();
      end();
    });
  });
  io.stdout.write(format === 'json' ? documentOf(null, content, []) : lines);
  say(
    io,
    `emulating Linq's API on ${emulator.url}; faults and outside edits at ${emulator.controlUrl}; Ctrl-C ends it`,
  );
  await ended;
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
