import { printable } from '../../plan/words.ts';
import { printDocument } from '../document.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openApi } from '../open.ts';
import { openSession, type CommonOptions } from '../session.ts';

export interface EventsOptions extends CommonOptions {
  readonly format: 'text' | 'json';
}

/** Prints the live catalogue of event types, ready to paste under an entry. */
export async function events(options: EventsOptions, io: Io): Promise<ExitCode> {
  return printDocument(options.format, io, { events: null }, async () => {
    const api = openApi(await openSession(io, options), io);
    try {
      const names = [...(await api.reader.listEvents())].sort();
      const lines = ['subscribed_events:', ...names.map((name) => `  - ${printable(name)}`), ''];
      if (options.format === 'text') io.stdout.write(lines.join('\n'));
      return { code: 0, content: { events: names } };
    } finally {
      await api.close();
    }
  });
}
