import { inspect } from 'node:util';
import type fc from 'fast-check';
import { reportError } from '../../src/cli/report-error.ts';
import { AppError } from '../../src/domain/errors.ts';

/** What became of an input that the program dealt with as it should. */
export type Verdict = 'accepted' | 'refused';

/** An input of the program, and how to tell whether it deals with it as it should. */
export interface Target {
  readonly name: string;
  /** Good and bad inputs, from which others are made. */
  readonly corpus: readonly Buffer[];
  /** Inputs whose structure is nearly right. */
  readonly near: fc.Arbitrary<string>;
  open(): Promise<OpenTarget>;
}

export interface OpenTarget {
  /** Fails with whatever the program fails with that it should not, and with `Broken`. */
  check(input: Buffer): Promise<Verdict>;
  close(): Promise<void>;
}

/** The program did something with an input that it should not. */
class Broken extends Error {}

/** Fails with `Broken` unless the condition holds; `what` must be the same for the same bug. */
export function demand(condition: boolean, what: string, details?: unknown): asserts condition {
  if (condition) return;
  throw new Broken(
    details === undefined ? what : `${what}\n${inspect(details, { depth: 8 }).slice(0, 4000)}`,
  );
}

/** Stands in every value of the corpora that must not come out again. */
export const CANARY = 'Zq7';
/** Secrets that a careless answer can hold; no output may show one of them whole. */
export const SECRETS = {
  apiKey: `${CANARY}-key-5d0f3c1b9a`,
  signing: `whsec_${Buffer.alloc(32, `${CANARY}s`).toString('base64')}`,
  vaultToken: `hvs.${CANARY}VaultTokenOfTheFuzzer`,
  jwt: `eyJ${CANARY}.eyJqd3Q.c2lnbmF0dXJl`,
} as const;
type SecretKind = keyof typeof SECRETS;

/** What could drive a terminal, break a line, hide or change the direction of text. */
const HARMFUL = /[^\P{Cc}\n]|[\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/**
 * Reports an error as the program does, and checks what comes out: an error of ours, on one line of its own, without
 * anything that drives a terminal and without a secret. `known` are those that can only be recognised by whoever knows
 * them. Returns what a person would read.
 */
export function reported(error: unknown, known: readonly SecretKind[] = []): string {
  if (!(error instanceof AppError)) throw error;
  let text = '';
  const stderr = { write: (part: string) => (text += part) };
  const nothing = (): (() => void) => () => undefined;
  const exitNow = (): never => {
    throw new Error('nobody ends here');
  };
  const io = {
    env: {},
    cwd: '/',
    main: '',
    stdout: stderr,
    stderr,
    onSignal: nothing,
    onHangup: nothing,
    exitNow,
  };
  reportError(io, error);
  demand(/^cannot [^\n]+$/.test(error.message), 'the message is not one line', error.message);
  demand(error.message.length < 1000, 'the message is endless', error.message.length);
  demand(!HARMFUL.test(text), 'what is printed could drive a terminal', text);
  demand(text.split('\n').filter((line) => line.startsWith('error: ')).length === 1, 'not one error', text);
  demand(!/^\s+at .*:\d+:\d+\)?$/m.test(text), 'a stack is printed', text);
  refuseSecrets(text + inspect(error, { depth: 8, showHidden: true }), known);
  return text;
}

/** Fails where a text shows a secret that looks like one, or one of those that are `known`. */
export function refuseSecrets(text: string, known: readonly SecretKind[] = []): void {
  for (const kind of ['signing', 'vaultToken', ...known] as const) {
    demand(!text.includes(SECRETS[kind]), `a secret comes out: ${kind}`, text.split('\n')[0]);
  }
}

/** JSON in which equal values are equal texts: keys sorted, nothing undefined. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
