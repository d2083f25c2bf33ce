import { toJson } from '../../plan/render-json.ts';
import { printable } from '../../plan/words.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openApi, openSession, type CommonOptions } from '../open.ts';

export interface EventsOptions extends CommonOptions {
  readonly format: 'text' | 'json';
}

/** Prints the live catalogue of event types, ready to paste under an entry. */
export async function events(options: EventsOptions, io: Io): Promise<ExitCode> {
  const api = openApi(await openSession(io, options), io);
  try {
    const names = [...(await api.reader.listEvents())].sort();
    const text = ['subscribed_events:', ...names.map((name) => `  - ${printable(name)}`), ''].join('\n');
    io.stdout.write(options.format === 'json' ? toJson({ events: names }) : text);
    return 0;
  } finally {
    await api.close();
  }
}
