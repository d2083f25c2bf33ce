import { nearest } from '../../domain/nearest.ts';
import { SinkError, UsageError } from '../../domain/errors.ts';
import type { EntryRecord } from '../../domain/record.ts';
import type { Secret } from '../../domain/secret.ts';
import type { SecretReader } from '../../secrets/sink.ts';
import { printDocument } from '../document.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openReader } from '../open.ts';
import { openSession, type CommonOptions } from '../session.ts';

export interface SecretOptions extends CommonOptions {
  readonly format: 'text' | 'env' | 'json';
}

/** Prints one entry's signing secret: the one command that reveals a secret, on purpose. */
export async function secret(name: string, options: SecretOptions, io: Io): Promise<ExitCode> {
  if (name === '') throw new UsageError('cannot print a secret: its name is empty');
  return printDocument(options.format, io, { name, ...NOTHING }, async () => {
    const session = await openSession(io, options);
    const record = await readRecord(name, openReader(session, io));
    const current = record.current?.signing_secret ?? null;
    if (current === null) throw noSecret(record);
    if (options.format !== 'json') io.stdout.write(render(current, options.format));
    return { code: 0, content: { name, ...contentOf(record) } };
  });
}

const NOTHING = {
  subscription_id: null,
  signing_secret: null,
  next_signing_secret: null,
  previous_signing_secret: null,
};

function contentOf({ current, next, previous }: EntryRecord): Record<keyof typeof NOTHING, string | null> {
  return {
    subscription_id: current?.subscription_id ?? null,
    signing_secret: current?.signing_secret?.reveal() ?? null,
    next_signing_secret: next?.signing_secret?.reveal() ?? null,
    previous_signing_secret: previous?.signing_secret?.reveal() ?? null,
  };
}

function noSecret({ name, next }: EntryRecord): SinkError {
  const hint = next === null ? undefined : 'a new one comes with: linq-gitops sync --wait';
  return new SinkError(`cannot print the secret of ${name}: its record has none`, { hint });
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

function render(current: Secret, format: 'text' | 'env'): string {
  return format === 'text' ? `${current.reveal()}\n` : `LINQ_WEBHOOK_SECRET='${current.reveal()}'\n`;
}
