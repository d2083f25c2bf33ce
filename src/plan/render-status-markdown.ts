import type { RequestCount } from '../domain/report.ts';
import { MOST_BYTES, bytes, cut, fill, row, type Part } from './markdown-parts.ts';
import { code, prose } from './markdown-text.ts';
import type { HeldNote, Overview } from './status.ts';
import {
  changeWords,
  countStates,
  eventWords,
  lineWords,
  secretWords,
  signOf,
  stateWords,
} from './status-words.ts';
import type { WayOut } from './way-out.ts';
import { countRequests } from './words.ts';

/** By this a bot finds the comment that it is to edit. */
const STATUS_MARKER = '<!-- linq-gitops status -->';

const RESERVED_BYTES = 2_000;
const MOST_PART_BYTES = 12_000;
const MOST_NAMES = 10;

/** The overview as a comment of less than 65,536 characters. No value can become markup, a mention or a link. */
export function renderStatusMarkdown(
  overview: Overview,
  { requests }: { readonly requests: RequestCount },
): string {
  const { summary, file, foreign, warnings, held } = overview;
  const sentences = [
    `${countStates(summary.states)}.`,
    ...(summary.foreign > 0 ? [`${summary.foreign} foreign left alone.`] : []),
    ...(file === null ? ['The file cannot be used: this is what the records and the account have.'] : []),
  ];
  const opening = [STATUS_MARKER, '### linq-gitops status', '', prose(sentences.join(' '))];
  const others = [
    ...fill(heldPart(held), MOST_PART_BYTES, 'form'),
    ...fill(
      listPart(
        `${foreign.length} foreign, left alone`,
        foreign.map(({ id, target_url, is_active, is_exempt }) => () => {
          const notes = [...(is_active ? [] : ['inactive']), ...(is_exempt ? ['ignored'] : [])];
          return ['-', code(id), code(target_url), ...notes].join(' ');
        }),
      ),
      MOST_PART_BYTES,
      'form',
    ),
    ...fill(
      listPart(
        `Warnings: ${warnings.length}`,
        warnings.map((warning) => () => `- ${prose(cut(warning))}`),
      ),
      MOST_PART_BYTES,
      'form',
    ),
  ];
  const closing = ['', countRequests(requests)];
  const room = MOST_BYTES - RESERVED_BYTES - bytes([...opening, ...others, ...closing]);
  return `${[...opening, ...fill(entriesPart(overview), room, 'form'), ...others, ...closing].join('\n')}\n`;
}

function entriesPart({ entries, server_time }: Overview): Part {
  const titles = ['', 'entry', 'state', 'URL', 'events', 'lines', 'secret', 'last change', 'revision'];
  return {
    head: ['', row(titles), row(titles.map(() => '---'))],
    lines: entries.map((entry) => () => {
      const { symbol } = signOf(entry);
      const { target_url, last_change, revision, reason, state } = entry;
      const why = reason === null || state === 'held' ? '' : `: ${prose(cut(reason))}`;
      return row([
        symbol === '' ? '' : code(symbol),
        code(entry.name),
        `${stateWords(entry)}${why}`,
        target_url === null ? '' : code(target_url),
        eventWords(entry),
        lineWords(entry),
        prose(secretWords(entry.secret)),
        last_change === null ? '' : prose(changeWords(last_change, server_time)),
        revision === null ? '' : code(revision),
      ]);
    }),
    foot: [],
    what: ['more entry', 'more entries'],
  };
}

function heldPart(held: readonly HeldNote[]): Part {
  const titles = ['', 'entries', 'held by', 'way out'];
  return {
    head: ['', '#### Held', '', row(titles), row(titles.map(() => '---'))],
    lines: held.map(({ names, guard, reason, ways_out }) => () => {
      const more = names.length - MOST_NAMES;
      const shown = [...names.slice(0, MOST_NAMES).map(code), ...(more > 0 ? [`and ${more} more`] : [])];
      return row([
        code('!'),
        shown.join(' ') || 'all',
        `${guard}: ${prose(cut(reason))}`,
        ways_out.map(wayText).join('<br>'),
      ]);
    }),
    foot: [],
    what: ['more held', 'more held'],
  };
}

function listPart(title: string, lines: readonly (() => string)[]): Part {
  return {
    head: ['', `<details><summary>${title}</summary>`, ''],
    lines,
    foot: ['', '</details>'],
    what: ['more', 'more'],
  };
}

/** A way out as a line of markdown. */
export function wayText({ command, note }: WayOut): string {
  const words = note === '' ? '' : prose(cut(note));
  if (command === null) return words;
  return words === '' ? code(command) : `${words}: ${code(command)}`;
}
