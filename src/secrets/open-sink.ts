import type { Settings } from '../domain/settings.ts';
import { openFileReader, openFileSink, type FileSinkOptions } from './file/file-sink.ts';
import type { SecretReader, SecretSink } from './sink.ts';

/** The parts of the settings that choose and describe the sink. */
export type SinkSettings = Pick<Settings, 'secrets'>;

/**
 * Opens the sink that the settings name, to read and write; the one place where a sink is chosen.
 * `env` tells whether this is a CI run.
 */
export function openSecretSink(settings: SinkSettings, env: NodeJS.ProcessEnv): SecretSink {
  return openFileSink(fileOptions(settings, env));
}

/** Opens the sink to read only: what it returns has no method that writes. For dry runs. */
export function openSecretReader(settings: SinkSettings, env: NodeJS.ProcessEnv): SecretReader {
  return openFileReader(fileOptions(settings, env));
}

function fileOptions({ secrets }: SinkSettings, env: NodeJS.ProcessEnv): FileSinkOptions {
  const { directory, ephemeral } = secrets.file;
  return { directory, isEphemeral: ephemeral, env, cwd: process.cwd() };
}
