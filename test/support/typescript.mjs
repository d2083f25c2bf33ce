/** `node --import ./test/support/typescript.mjs FILE.ts`: runs TypeScript on every Node that this project supports. */
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import ts from 'typescript';

const OPTIONS = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2023,
  inlineSourceMap: true,
  verbatimModuleSyntax: true,
};

// The hooks run in a thread of their own, which loads this same file.
if (isMainThread) {
  process.setSourceMapsEnabled(true);
  register(import.meta.url);
}

/** Node's load hook: types are taken out, nothing is checked. */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
  const fileName = fileURLToPath(url);
  const { outputText } = ts.transpileModule(await readFile(fileName, 'utf8'), {
    fileName,
    compilerOptions: OPTIONS,
  });
  return { format: 'module', source: outputText, shortCircuit: true };
}
