import type { Problem } from '../domain/errors.ts';
import { maskSecrets, maskShapes, printable } from './quote.ts';
import { codeFrames, positionOf, type SourceText, type Span } from './source-text.ts';

/** Something that is wrong at a place of a text; it becomes a `Problem` when all are known. */
export interface Finding {
  /** `null`: the text as a whole. */
  readonly at: Span | null;
  readonly message: string;
  readonly suggestion?: string | undefined;
}

/** At most so many problems of one file are shown; a last one says how many more there are. */
const MAX_PROBLEMS = 100;

/** Findings in the order of the text, each once, with position and code frame; `hidden` spans are covered. */
export function toProblems(
  source: SourceText,
  findings: readonly Finding[],
  hidden: readonly Span[],
): readonly Problem[] {
  const unique = new Map(
    findings.map((finding) => [`${finding.at?.start ?? -1} ${finding.message}`, finding]),
  );
  const sorted = [...unique.values()].sort(
    (a, b) => (a.at?.start ?? -1) - (b.at?.start ?? -1) || compareText(a.message, b.message),
  );
  const frameOf = codeFrames(source, hidden);
  const problems = sorted.slice(0, MAX_PROBLEMS).map((finding) => toProblem(source, finding, frameOf));
  const more = sorted.length - problems.length;
  if (more > 0) {
    problems.push({
      file: source.file,
      message: `${more} more ${more === 1 ? 'problem is' : 'problems are'} not shown`,
    });
  }
  return problems;
}

/** `findings` without those at a place that `causes` name already: what could not be read is not also wrong. */
export function withoutEchoes(findings: readonly Finding[], causes: readonly Finding[]): readonly Finding[] {
  const places = new Set(causes.map(({ at }) => at?.start));
  return findings.filter(({ at }) => !places.has(at?.start));
}

function toProblem(source: SourceText, finding: Finding, frameOf: (span: Span) => string): Problem {
  const { at, message, suggestion } = finding;
  return {
    file: source.file,
    // It can name parts of the file, such as a tag or an alias.
    message: printable(maskShapes(message)),
    ...(at && { position: positionOf(source, at.start), frame: frameOf(at) }),
    // It repeats a part of the file: what cannot be shown as it is, nobody can write.
    ...(suggestion !== undefined && isPlain(suggestion) && { suggestion }),
  };
}

function isPlain(text: string): boolean {
  return printable(maskSecrets(text)) === text;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
