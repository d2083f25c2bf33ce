import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';

/** What every document has in common. */
interface Output {
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly status: { readonly exit_code: number; readonly errors: readonly unknown[] };
}

/** The document that a command printed: it is the only thing on stdout, and fits `schema/output/<command>.schema.json`. */
export function outputOf(command: string, { stdout }: { readonly stdout: string }): Output {
  const schema = JSON.parse(
    readFileSync(new URL(`../../schema/output/${command}.schema.json`, import.meta.url), 'utf8'),
  ) as object;
  const ajv = new Ajv2020({ strict: true, strictTypes: true, allowUnionTypes: true });
  const document: unknown = JSON.parse(stdout);
  const isValid = ajv.validate(schema, document);
  expect(isValid, `${ajv.errorsText()}\n${stdout}`).toBe(true);
  expect(stdout).toMatch(/^\{\n {2}"format_version": "1\.0",\n/);
  return document as Output;
}
