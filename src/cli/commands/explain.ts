import { RefusedError } from '../../domain/errors.ts';
import { explainEntry, explainLive, findSubject, type Explanation } from '../../plan/explain.ts';
import { renderExplainText } from '../../plan/render-explain-text.ts';
import { renderExplainMarkdown } from '../../plan/render-explain-markdown.ts';
import type { View } from '../../plan/status.ts';
import { shellWord } from '../../plan/way-out.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { lookAround, type LookOptions } from '../look.ts';
import { paintFor } from '../paint.ts';

/** Prints all that is known of one entry, or of one live subscription. Reads only. */
export async function explain(subject: string, options: LookOptions, io: Io): Promise<ExitCode> {
  return lookAround(options, io, 'explanation', ({ view, requests, locate }) => {
    const explanation = explanationOf(subject, view);
    const serverTime = new Date(view.input.observation.serverTime).toISOString();
    return {
      value: explanation,
      text: () =>
        renderExplainText(explanation, {
          colours: paintFor(io.stdout, io),
          requests,
          locate,
          serverTime,
          width: io.stdout.columns,
        }),
      markdown: () => renderExplainMarkdown(explanation, { requests, locate, serverTime }),
    };
  });
}

function explanationOf(text: string, view: View): Explanation {
  const subject = findSubject(text, view);
  switch (subject.kind) {
    case 'name':
      return explainEntry(subject.name, view);
    case 'live':
      return explainLive(subject.live, view);
    case 'none': {
      const problem =
        'it is neither an entry of the file, nor in a record, nor the id of a live subscription';
      const near = subject.nearest;
      throw new RefusedError(`cannot explain ${JSON.stringify(text)}: ${problem}`, {
        hint:
          near === undefined
            ? `linq-gitops status${view.flags} lists what there is`
            : `did you mean ${near}? linq-gitops explain ${shellWord(near)}${view.flags}`,
      });
    }
  }
}
