import type { Problem } from '../domain/errors.ts';
import { printable } from './quote.ts';

/** How parts of a rendered problem are coloured; each function returns its text, dressed. */
export interface Paint {
  readonly place: (text: string) => string;
  readonly frame: (text: string) => string;
  readonly caret: (text: string) => string;
  readonly suggestion: (text: string) => string;
}

const PLAIN: Paint = {
  place: (text) => text,
  frame: (text) => text,
  caret: (text) => text,
  suggestion: (text) => text,
};

/** Problems as text, one block each: `file:line:column: message`, the code frame, and what to write instead. */
export function renderProblems(problems: readonly Problem[], paint: Paint = PLAIN): string {
  return (
    problems.map((problem) => renderProblem(problem, paint)).join('\n\n') + (problems.length > 0 ? '\n' : '')
  );
}

function renderProblem(problem: Problem, paint: Paint): string {
  const { file, position, message, frame, suggestion } = problem;
  // A commit names its files as it likes.
  const name = printable(file);
  const place = position ? `${name}:${position.line}:${position.column}` : name;
  const rows = [`${paint.place(`${place}:`)} ${message}`];
  for (const row of frame?.split('\n') ?? []) {
    const isMarked = row.startsWith('>') || /^ +\| +\^+$/.test(row);
    rows.push(`  ${isMarked ? paint.caret(row) : paint.frame(row)}`);
  }
  if (suggestion !== undefined) rows.push(`  write: ${paint.suggestion(suggestion)}`);
  return rows.join('\n');
}
