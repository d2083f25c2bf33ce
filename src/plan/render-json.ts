import { FORMAT_VERSION, jsonText } from '../domain/json-text.ts';
import type { Operation } from '../domain/operation.ts';
import type { Plan } from '../domain/plan.ts';
import type { Report, RequestCount } from '../domain/report.ts';

/** How a run ended, in one word. */
export type Outcome =
  | 'nothing-to-do'
  | 'done'
  | 'changes-pending'
  | 'held'
  | 'failed'
  | 'refused'
  | 'invalid-configuration'
  | 'interrupted'
  | 'bug';

/** The word for an exit code, where nothing more is known of the run. */
export function outcomeOfCode(code: number): Outcome {
  switch (code) {
    case 0:
      return 'done';
    case 2:
      return 'changes-pending';
    case 3:
      return 'refused';
    case 70:
      return 'bug';
    case 78:
      return 'invalid-configuration';
    case 130:
    case 143:
      return 'interrupted';
    default:
      return 'failed';
  }
}

/** One thing that went wrong, with its place where it is in a file. */
export interface ErrorNote {
  readonly message: string;
  readonly hint?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly suggestion?: string;
}

/** A value of JSON, as `toJson` takes it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The one document of a run, of which `schema/plan.schema.json` is the description; ends with a newline. */
export function renderJson(run: {
  readonly plan: Plan | null;
  readonly report: Report | null;
  readonly requests: RequestCount;
  readonly exitCode: number;
  readonly outcome: Outcome;
  readonly errors: readonly ErrorNote[];
}): string {
  return toJson({
    format_version: FORMAT_VERSION,
    plan: run.plan && planDocument(run.plan),
    report: run.report && reportDocument(run.report),
    requests: { reads: run.requests.reads, writes: run.requests.writes },
    status: { exit_code: run.exitCode, outcome: run.outcome, errors: run.errors.map(snakeCase) },
  });
}

/** The plan alone, as it stands in the document under `plan`; what `--out` writes. */
export function planDocument(plan: Plan): Json {
  return {
    id: plan.id,
    operations: plan.operations.map(operationDocument),
    held: plan.held.map((held) => ({
      name: held.name,
      guard: held.guard,
      reason: held.reason,
      let_through: held.letThrough,
      operation: held.operation && operationDocument(held.operation),
    })),
    waiting: plan.waiting.map(snakeCase),
    foreign: plan.foreign.map(snakeCase),
    warnings: plan.warnings,
    summary: snakeCase(plan.summary),
  };
}

/** JSON text, indented, safe to print, with a newline at the end. */
export function toJson(document: Json): string {
  return `${jsonText(document, 2)}\n`;
}

function reportDocument(report: Report): Json {
  return {
    items: report.items.map(({ operation, result }) => ({
      key: operation.key,
      kind: operation.kind,
      name: 'name' in operation ? operation.name : null,
      result: snakeCase(result),
    })),
    was_interrupted: report.wasInterrupted,
  };
}

/** What a reader looks for first comes first. */
function operationDocument({ kind, key, after, secret, ...rest }: Operation): Json {
  return { key, kind, ...members(rest), secret, after };
}

function snakeCase(value: unknown): Json {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value === 'object' && value !== null) return members(value);
  return value as string | number | boolean | null;
}

/** The domain's names are camelCase where the API has no name of its own; the document's never are. */
function members(value: object): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [
        key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        snakeCase(member),
      ]),
  );
}
