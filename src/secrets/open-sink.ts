import type { Settings, SinkChoice } from '../domain/settings.ts';
import { openFileReader, openFileSink, type FileSinkOptions } from './file/file-sink.ts';
import { stampOf } from './file/folder.ts';
import { rememberFolder } from './remembered-folder.ts';
import { rememberRecords, type RememberedRecords } from './remembered-records.ts';
import type { SecretReader, SecretSink } from './sink.ts';
import { openVaultReader, openVaultSink } from './vault/vault-sink.ts';

/** The parts of the settings that choose and describe the sink. */
export type SinkSettings = Pick<Settings, 'owner'> & { readonly secrets: SinkChoice };

/**
 * Opens the sink that the settings name, to read and write; the one place where a sink is chosen. `env` tells
 * whether this is a CI run, and may hold the token of a Vault. When `giveUp` aborts, requests to a service fail at
 * once. Fails with `ConfigError`.
 */
export function openSecretSink(
  { owner, secrets }: SinkSettings,
  env: NodeJS.ProcessEnv,
  giveUp?: AbortSignal,
): SecretSink {
  switch (secrets.sink) {
    case 'file':
      return openFileSink(fileOptions(secrets.file, env));
    case 'vault':
      return openVaultSink({ ...secrets.vault, owner, env, giveUp });
  }
}

/** Opens the sink to read only: what it returns has no method that writes. For dry runs. */
export function openSecretReader({ owner, secrets }: SinkSettings, env: NodeJS.ProcessEnv): SecretReader {
  switch (secrets.sink) {
    case 'file':
      return openFileReader(fileOptions(secrets.file, env));
    case 'vault':
      return openVaultReader({ ...secrets.vault, owner, env });
  }
}

/** Remembers what the sink of these settings answers, as far as its kind allows. For the daemon. */
export function rememberSink(
  { secrets }: SinkSettings,
  sink: SecretReader,
  limits: { readonly maxAgeMs: number; readonly now: () => number },
): RememberedRecords {
  switch (secrets.sink) {
    case 'file':
      return rememberFolder(sink, { ...limits, stamp: () => stampOf(secrets.file.directory) });
    case 'vault':
      return rememberRecords(sink, limits);
  }
}

function fileOptions(
  { directory, ephemeral }: Extract<SinkChoice, { sink: 'file' }>['file'],
  env: NodeJS.ProcessEnv,
): FileSinkOptions {
  return { directory, isEphemeral: ephemeral, env, cwd: process.cwd() };
}
