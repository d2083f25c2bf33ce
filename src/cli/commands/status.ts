import { RefusedError } from '../../domain/errors.ts';
import { nearest } from '../../domain/nearest.ts';
import { renderStatusMarkdown } from '../../plan/render-status-markdown.ts';
import { renderStatusText } from '../../plan/render-status-text.ts';
import { knownNames, overviewOf, type View } from '../../plan/status.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { lookAround, type LookOptions } from '../look.ts';
import { hasSymbols, paintFor } from '../paint.ts';

/** Prints what is managed and how it stands. Reads only. */
export async function status(names: readonly string[], options: LookOptions, io: Io): Promise<ExitCode> {
  return lookAround(options, io, 'overview', ({ view, requests }) => {
    for (const name of names) requireName(name, view);
    const overview = overviewOf(view, names.length === 0 ? null : new Set(names));
    return {
      value: overview,
      text: () =>
        renderStatusText(overview, {
          colours: paintFor(io.stdout, io),
          requests,
          symbols: hasSymbols(io.stdout, io),
          width: io.stdout.columns,
        }),
      markdown: () => renderStatusMarkdown(overview, { requests }),
    };
  });
}

function requireName(name: string, view: View): void {
  const known = knownNames(view);
  if (known.includes(name)) return;
  const near = nearest(name, known);
  const problem = 'it is neither an entry of the file nor in a record of ours';
  throw new RefusedError(`cannot show ${JSON.stringify(name)}: ${problem}`, {
    hint: near === undefined ? undefined : `did you mean ${near}? linq-gitops status ${near}${view.flags}`,
  });
}
