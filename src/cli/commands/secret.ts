import { nearest } from '../../domain/nearest.ts';
import { SinkError, UsageError } from '../../domain/errors.ts';
import type { EntryRecord } from '../../domain/record.ts';
import type { Secret } from '../../domain/secret.ts';
import { toJson } from '../../plan/render-json.ts';
import type { SecretReader } from '../../secrets/sink.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openReader, openSession, type CommonOptions } from '../open.ts';

export interface SecretOptions extends CommonOptions {
  readonly format: 'text' | 'env' | 'json';
}

/** Prints one entry's signing secret: the one command that reveals a secret, on purpose. */
export async function secret(name: string, options: SecretOptions, io: Io): Promise<ExitCode> {
  if (name === '') throw new UsageError('cannot print a secret: its name is empty');
  const session = await openSession(io, options);
  const record = await readRecord(name, openReader(session, io));
  const current = record.current?.signing_secret ?? null;
  if (current === null) throw new SinkError(`cannot print the secret of ${name}: its record has none`);
  io.stdout.write(render(record, current, options.format));
  return 0;
}

async function readRecord(name: string, secrets: SecretReader): Promise<EntryRecord> {
  const entry = await secrets.read(name);
  if (entry.kind === 'intact') return entry.record;
  const place = secrets.locate(name);
  if (entry.kind === 'damaged') throw new SinkError(`cannot read ${place}: ${entry.reason}`);
  if (entry.kind === 'newer')
    throw new SinkError(`cannot read ${place}: it has schema ${entry.schema}, of a newer version`);
  const names = await secrets.list();
  const near = nearest(name, names);
  const hint = near === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean ${near}?`;
  throw new SinkError(`cannot find ${place}: there is no record of ${name}`, { hint });
}

function render(record: EntryRecord, current: Secret, format: SecretOptions['format']): string {
  switch (format) {
    case 'text':
      return `${current.reveal()}\n`;
    case 'env':
      return `LINQ_WEBHOOK_SECRET='${current.reveal()}'\n`;
    case 'json':
      return toJson({
        name: record.name,
        subscription_id: record.current?.subscription_id ?? null,
        signing_secret: current.reveal(),
        next_signing_secret: record.next?.signing_secret?.reveal() ?? null,
        previous_signing_secret: record.previous?.signing_secret?.reveal() ?? null,
      });
  }
}
