import { readFileSync, writeSync } from 'node:fs';

/** What a child is told to do. */
export type Order =
  | {
      readonly kind: 'run';
      readonly target: string;
      readonly seed: number;
      /** The index of the first input. */
      readonly from: number;
      readonly count?: number;
      readonly ms?: number;
    }
  | {
      readonly kind: 'check';
      readonly target: string;
      /** Base64. */
      readonly input: string;
    };

/** What a child says. */
export type ChildMessage =
  | { readonly kind: 'ready' }
  /** `input` in base64. */
  | { readonly kind: 'finding'; readonly failure: string; readonly input: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'checked'; readonly failure: string | null };

/** What became of some inputs. */
export interface Tally {
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  readonly found: number;
}

/** Where a child is. It stands in a file, because a child that hangs sends no messages. */
export interface Progress extends Tally {
  readonly index: number;
  /** Changes with every check, those of smaller inputs too. */
  readonly checks: number;
}

const FIELDS = ['index', 'checks', 'inputs', 'accepted', 'refused', 'found'] as const;

/** Writes where a child is into its open file. */
export function writeProgress(file: number, progress: Progress): void {
  const numbers = new Float64Array(FIELDS.map((field) => progress[field]));
  writeSync(file, new Uint8Array(numbers.buffer), 0, numbers.byteLength, 0);
}

/** Where the child is that writes to this file; all zero before its first check. */
export function readProgress(path: string): Progress {
  const bytes = new Uint8Array(FIELDS.length * 8);
  bytes.set(readFileSync(path).subarray(0, bytes.length));
  const numbers = new Float64Array(bytes.buffer);
  const [index = 0, checks = 0, inputs = 0, accepted = 0, refused = 0, found = 0] = numbers;
  return { index, checks, inputs, accepted, refused, found };
}
